"""The platform: threads of the system's own, the interpreter's switch interval, suspension, the environment, warnings.

Knows which operating system and interpreter this is, so that nobody above has to ask. Does not know what a task or a display is.
"""
