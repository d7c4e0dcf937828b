"""The bars of a load: the phases, uploads with their time left, and COPY with its batches.

Knows the tracker, and what moves a bar. Does not know which files a load has, nor in which order its phases go.
"""
