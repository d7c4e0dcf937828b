"""A whole load: the sessions, the phases that run at the same time, the ledger of earlier loads, and the summary.

Knows all folders below it. Does not know the command line.
"""
