"""Colours: names, `#rrggbb`, and the SGR parameters (ECMA-48, 8.3.117) that select them on terminals of three kinds.

Names have three values, for terminals with 8, 256 and all colours. They are chosen so that each has a contrast of 3:1
or more on dark and light backgrounds wherever the terminal has more than 8; `tests/unit/test_colors.py` computes it.
Bright colours (90 to 107) are never used: themes such as Solarized have greys there. Does not know rows or renderers.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

RESET = "\x1b[0m"
"""The sequence that ends all colours."""
PALETTE = {
    "accent": ("36", "38;5;32", "38;2;43;136;216"),
    "green": ("32", "38;5;29", "38;2;38;154;72"),
    "red": ("31", "38;5;167", "38;2;220;76;63"),
    "yellow": ("33", "38;5;136", "38;2;176;125;18"),
    "blue": ("34", "38;5;63", "38;2;107;116;230"),
    "magenta": ("35", "38;5;133", "38;2;168;96;200"),
    "cyan": ("36", "38;5;30", "38;2;22;143;150"),
    "white": ("39", "39", "39"),
}
"""Name -> the SGR parameters on terminals of 8, 256 and all colours. `accent` is the default colour of bars."""

COLORS = ("red", "green", "yellow", "blue", "magenta", "cyan", "white", "accent")
"""The names that `color=` accepts, beside `#rrggbb`."""
SGR = {name: int(PALETTE[name][0]) for name in COLORS}
"""Name -> the parameter `n` of `ESC [ n m` that selects it on every terminal."""
STATE_COLORS = {"failed": "red", "cancelled": "yellow", "paused": "yellow"}
"""State -> the colour that replaces the task's own, for renderers in the look of another library."""
NO_COLORS, EIGHT_COLORS, INDEXED_COLORS, TRUE_COLORS = -1, 0, 1, 2
"""The colour depths of terminals; the last three are indexes into the rows of `PALETTE`."""
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
_INDEXED_TERMS = ("xterm-kitty", "alacritty", "foot", "wezterm", "xterm-ghostty")
_LEVELS = (0, 95, 135, 175, 215, 255)  # of the cube of 216 colours


def is_color(value: object) -> bool:
    """Return whether `value` is a name of `COLORS` or a `#rrggbb`.

    Example:
        >>> is_color("green"), is_color("#ff8800"), is_color("#f80"), is_color("pink")
        (True, True, False, False)
    """
    if not isinstance(value, str):
        return False
    # By hand: `re` takes longer to import than all of progresskit.
    return value in PALETTE or (len(value) == 7 and value[0] == "#" and _HEX_DIGITS.issuperset(value[1:]))


def depth_of(environ: Mapping[str, str]) -> int:
    """Return the colour depth of a terminal on which colours are wanted: `EIGHT_COLORS`, `INDEXED_COLORS` or
    `TRUE_COLORS`.

    Example:
        >>> depth_of({"TERM": "xterm-256color"}), depth_of({"COLORTERM": "truecolor"}), depth_of({"TERM": "linux"})
        (1, 2, 0)
    """
    if environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit") or environ.get("WT_SESSION"):
        return TRUE_COLORS
    term = environ.get("TERM", "")
    return INDEXED_COLORS if "256color" in term or term.startswith(_INDEXED_TERMS) else EIGHT_COLORS


def sgr(color: str, depth: int = EIGHT_COLORS) -> str:
    """Return the SGR parameters of `color`, a name or `#rrggbb`, on a terminal of that `depth`.

    Example:
        >>> sgr("green"), sgr("green", TRUE_COLORS), sgr("#ff8800", INDEXED_COLORS), sgr("#ff2200")
        ('32', '38;2;38;154;72', '38;5;208', '31')
    """
    if color in PALETTE:
        return PALETTE[color][depth]
    known = _parameters.get((color, depth))
    if known is None:
        if len(_parameters) > 1000:  # a program may generate colours without end
            _parameters.clear()
        known = _parameters[color, depth] = _parameters_of(color, depth)
    return known


_parameters: dict[tuple[str, int], str] = {}


def _parameters_of(color: str, depth: int) -> str:
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    if depth == TRUE_COLORS:
        return f"38;2;{red};{green};{blue}"
    return f"38;5;{_indexed(red, green, blue)}" if depth == INDEXED_COLORS else _eighth(red, green, blue)


def _indexed(*wanted: int) -> int:
    """Return the nearest of the colours 16 to 255: a cube of 216, and 24 greys."""
    steps = [min(range(6), key=lambda step: abs(_LEVELS[step] - part)) for part in wanted]  # used at once
    grey = min(range(24), key=lambda step: abs(8 + 10 * step - sum(wanted) / 3))
    of_cube = sum((_LEVELS[step] - part) ** 2 for step, part in zip(steps, wanted, strict=True))
    of_grey = sum((8 + 10 * grey - part) ** 2 for part in wanted)
    return 232 + grey if of_grey < of_cube else 16 + 36 * steps[0] + 6 * steps[1] + steps[2]


def _eighth(*wanted: int) -> str:
    """Return the nearest of the six hues, or the terminal's own colour if `color` has hardly any hue."""
    strongest, weakest = max(wanted), min(wanted)
    if strongest - weakest < 32:
        return "39"
    middle = (strongest + weakest) / 2
    return str(30 + sum(1 << at for at, part in enumerate(wanted) if part > middle))
