"""The platform: OS threads, the interpreter's switch interval, suspension, the environment, warnings.

Knows which operating system and interpreter this is, so that no other folder has to ask. Does not
know tasks or displays.
"""
