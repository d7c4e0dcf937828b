"""The colours that an operation can be given, and what a terminal calls them.

Names and the numbers of the SGR standard (ECMA-48, 8.3.117). Must not know rows or renderers.
"""

from __future__ import annotations

SGR = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36, "white": 37}
"""Name -> the parameter of `ESC [ n m` that switches the foreground."""

COLORS = tuple(SGR)
"""The names that `color=` takes."""

STATE_COLORS = {"failed": "red", "cancelled": "yellow", "paused": "yellow"}
"""State -> the colour that takes the place of the operation's own."""
