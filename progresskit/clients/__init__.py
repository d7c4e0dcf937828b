"""The progress objects that other libraries accept, one module for each library.

Each imports its library when it is imported itself, and nothing else does.

    from progresskit.clients.fsspec import ProgressCallback

    filesystem.put("data/", "bucket/data/", recursive=True, callback=ProgressCallback("Upload"))
"""
