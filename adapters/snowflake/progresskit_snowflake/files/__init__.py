"""Files to load: their identity, dialects and records, the check of every row, and the compressed form that is sent.

Knows bytes, records and the types of `sql`. Does not know connections, stages or bars.
"""
