"""The values of the library: states and their transitions, estimates, the slots of rows, frames.

Every function here is pure: it computes from what it is given, time included. Does not know a
thread, a clock or a stream.
"""
