"""The bars of a load: the phases, uploads with their time left, and COPY with its batches.

Knows the tracker, and how each bar moves. Does not know the files of a load, or the order of its phases.
"""
