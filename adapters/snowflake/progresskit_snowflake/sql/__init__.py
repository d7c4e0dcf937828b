"""SQL's values and names: columns, the types of values, and the guess of a new table's types.

Pure: texts in, texts and values out. Does not know files, connections or bars.
"""
