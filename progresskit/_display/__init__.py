"""Drawing: the ticker thread, the displays, the terminal, the capture of what the program prints, and the live page (`web`).

Knows when a frame is due, what stands on the screen, and what a hung or closed stream looks like. Does not know what a row looks like.
"""
