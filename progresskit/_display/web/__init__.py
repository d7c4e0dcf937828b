"""The live page: everything that the displays of this process show, in a browser.

The page observes the displays' frames, so it has whatever a display shows: a hub's processes, a cluster's tasks.
Nothing here is imported unless the page is requested.
"""
