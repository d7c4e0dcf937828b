"""Many processes, one display: the hub, its clients, the feed of other processes' tasks, and pools of workers.

Knows the wire protocol and how a child process finds its parent's display. Does not know how the display draws.
"""
