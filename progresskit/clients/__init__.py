"""The progress objects that other libraries accept, one module for each library.

Knows the interfaces that these libraries publish. Does not know how a task is drawn. Each module imports its library when it is
imported itself, and no other module of progresskit does.

    from progresskit.clients.fsspec import ProgressCallback

    filesystem.put("data/", "bucket/data/", recursive=True, callback=ProgressCallback("Upload"))
"""
