"""The live page: what displays of this process show, in a browser, while the work goes on.

It observes frames and makes none: whatever a display shows (a hub's processes, a cluster's tasks) is in the page. Nothing here is
imported unless somebody asks for the page.
"""
