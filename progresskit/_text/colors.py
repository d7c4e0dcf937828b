"""The colours of tasks and states, and their SGR parameters (ECMA-48, 8.3.117).

Does not know rows or renderers.
"""

from __future__ import annotations

SGR = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36, "white": 37}
"""Name -> the parameter `n` of `ESC [ n m` that selects the foreground colour."""

COLORS = tuple(SGR)
"""The names that `color=` accepts."""

STATE_COLORS = {"failed": "red", "cancelled": "yellow", "paused": "yellow"}
"""State -> the colour that replaces the task's own."""
