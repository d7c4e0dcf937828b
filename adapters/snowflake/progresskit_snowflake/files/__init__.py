"""Files to be loaded: what they are, how they are written, their records, the check of every row, and what is sent of them.

Knows bytes, records and the types of `sql`. Does not know connections, stages or bars.
"""
