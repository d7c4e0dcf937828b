"""A load from beginning to end: the sessions, the phases that run at the same time, what was loaded before, and the summary.

Knows everything below; the command line is above it.
"""
