"""Counting: counters, tasks, trackers, loops and files, and the snapshot that makes a frame of them.

Knows how the caller's work becomes numbers, and how numbers become a frame. Does not know how a frame is drawn, or where.
"""
