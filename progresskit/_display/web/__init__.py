"""The live page: everything that the displays of this process show, in a browser.

Knows HTTP, and the frames that displays draw: so it has whatever a display shows, such as a hub's processes or a cluster's tasks.
Does not know tasks or trackers. No module here is imported unless the page is requested.
"""
