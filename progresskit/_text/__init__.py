"""Text in terminal cells: widths, cleaning and cutting, numbers as words, colours, and lines out of a byte stream.

Knows the width of a character and the words of a unit. Does not know a task, a terminal or the
clock.
"""
