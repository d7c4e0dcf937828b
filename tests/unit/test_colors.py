"""The colours: their computed contrast on the backgrounds of common themes, and their mapping to a terminal's colours."""

from __future__ import annotations

import pytest

from progresskit._text.colors import EIGHT_COLORS, INDEXED_COLORS, PALETTE, TRUE_COLORS, depth_of, is_color, sgr

BACKGROUNDS = ("000000", "1e1e1e", "002b36", "282a36", "ffffff", "fdf6e3", "f3f3f3")
"""Black, VS Code dark, Solarized dark, Dracula, white, Solarized light, light grey."""
STATED = {
    "accent": ("5.4 4.3 3.9 3.7 3.9 3.6 3.5", "5.6 4.5 4.0 3.8 3.7 3.5 3.4"),
    "green": ("4.6 3.7 3.3 3.1 4.5 4.2 4.1", "5.8 4.6 4.1 3.9 3.6 3.4 3.3"),
    "red": ("5.7 4.5 4.1 3.9 3.7 3.4 3.3", "5.1 4.1 3.7 3.5 4.1 3.8 3.7"),
    "yellow": ("6.3 5.0 4.5 4.3 3.3 3.1 3.0", "5.8 4.6 4.1 3.9 3.6 3.4 3.3"),
    "blue": ("4.6 3.6 3.3 3.1 4.6 4.3 4.1", "5.3 4.2 3.8 3.6 4.0 3.7 3.6"),
    "magenta": ("5.1 4.0 3.6 3.4 4.1 3.8 3.7", "5.2 4.1 3.7 3.5 4.1 3.8 3.7"),
    "cyan": ("4.8 3.8 3.4 3.3 4.4 4.0 3.9", "5.4 4.3 3.9 3.7 3.9 3.6 3.5"),
}
"""Name -> the contrasts that the design states for 256 and for all colours, on these backgrounds."""
LEVELS = (0, 95, 135, 175, 215, 255)


def rgb(parameters: str) -> tuple[int, ...]:
    """Return the colour that SGR parameters of 256 or of all colours select."""
    numbers = [int(number) for number in parameters.split(";")]
    if numbers[1] == 2:
        return tuple(numbers[2:])
    index = numbers[2] - 16
    return LEVELS[index // 36], LEVELS[index // 6 % 6], LEVELS[index % 6]


def luminance(color: tuple[float, ...]) -> float:
    parts = [part / 255 for part in color]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", STATED)
@pytest.mark.parametrize("depth", [INDEXED_COLORS, TRUE_COLORS])
def test_contrast(name: str, depth: int) -> None:
    """Bars and marks have a contrast of 3:1 or more on each background, and the stated one."""
    backgrounds = [tuple(int(text[at : at + 2], 16) for at in (0, 2, 4)) for text in BACKGROUNDS]
    found = [contrast(rgb(PALETTE[name][depth]), background) for background in backgrounds]
    assert min(found) >= 3.0
    stated = [float(text) for text in STATED[name][depth - 1].split()]
    assert found == pytest.approx(stated, abs=0.06)


EIGHT = {
    # background, then cyan, green, red, yellow, blue, magenta as the terminal has them by default
    "xterm dark": "000000 00cdcd 00cd00 cd0000 cdcd00 0000ee cd00cd",
    "xterm light": "ffffff 00cdcd 00cd00 cd0000 cdcd00 0000ee cd00cd",
    "VS Code dark": "1e1e1e 11a8cd 0dbc79 cd3131 e5e510 2472c8 bc3fbc",
    "VS Code light": "ffffff 0598bc 107c10 cd3131 949800 0451a5 bc05bc",
    "GNOME dark": "1e1e1e 2aa1b3 26a269 c01c28 a2734c 12488b a347ba",
    "GNOME light": "ffffff 2aa1b3 26a269 c01c28 a2734c 12488b a347ba",
    "Solarized dark": "002b36 2aa198 859900 dc322f b58900 268bd2 d33682",
    "Solarized light": "fdf6e3 2aa198 859900 dc322f b58900 268bd2 d33682",
    "Windows": "0c0c0c 3a96dd 13a10e c50f1f c19c00 0037da 881798",
    "macOS light": "ffffff 00a6b2 00a600 990000 999900 0000b2 b200b2",
}
STATED_OF_EIGHT = {
    "cyan": "10.6 2.0 6.0 3.4 5.4 3.1 4.8 2.9 6.1 3.0",
    "green": "9.7 2.2 6.7 5.4 5.1 3.3 4.7 3.0 5.7 3.3",
    "red": "3.6 5.8 3.2 5.1 2.7 6.1 3.2 4.3 3.2 8.9",
    "yellow": "12.3 1.7 12.3 3.1 4.0 4.1 4.7 3.0 7.5 3.0",
    "blue": "2.2 9.4 3.4 7.7 1.8 9.0 4.1 3.4 2.4 12.8",
    "magenta": "4.5 4.7 3.6 5.4 3.3 5.0 3.3 4.2 2.4 5.9",
}
"""Name -> the contrasts that the design states for 8 colours, in the terminals of `EIGHT`."""
BELOW = {"cyan": ["xterm light", "Solarized light"], "green": ["xterm light"], "red": ["GNOME dark"]}
"""Colour of bars and marks -> the terminals in which it has less than 3:1."""
TEXT = "e5e5e5 000000 cccccc 333333 ffffff 1e1e1e 839496 657b83 cccccc 000000"
"""The colour of text in the terminals of `EIGHT`, by default."""


@pytest.mark.parametrize("name", STATED_OF_EIGHT)
def test_contrast_of_eight_colours(name: str) -> None:
    """With the terminal's own palette the contrast is the stated one; only in two light palettes the accent is below 3:1."""
    place = list(STATED_OF_EIGHT).index(name) + 1
    assert PALETTE[name][EIGHT_COLORS] == ("36", "32", "31", "33", "34", "35")[place - 1]
    found = []
    for text in EIGHT.values():
        colors = [tuple(int(code[at : at + 2], 16) for at in (0, 2, 4)) for code in text.split()]
        found.append(contrast(colors[place], colors[0]))
    assert found == pytest.approx([float(value) for value in STATED_OF_EIGHT[name].split()], abs=0.06)
    if name in BELOW:
        assert [terminal for terminal, value in zip(EIGHT, found, strict=True) if value < 2.95] == BELOW[name]


def test_contrast_of_text_and_of_the_rest() -> None:
    """Text has the theme's own contrast, the rest of a bar half of its distance from the background."""
    text, rest = [], []
    for codes, own in zip(EIGHT.values(), TEXT.split(), strict=True):
        ground, ink = (tuple(int(code[at : at + 2], 16) for at in (0, 2, 4)) for code in (codes.split()[0], own))
        text.append(contrast(ink, ground))
        rest.append(contrast(tuple((one + other) / 2 for one, other in zip(ink, ground, strict=True)), ground))
    assert text == pytest.approx([16.7, 21.0, 10.4, 12.6, 16.7, 16.7, 4.7, 4.1, 12.2, 21.0], abs=0.06)
    assert rest == pytest.approx([4.4, 3.9, 3.6, 2.8, 5.1, 3.3, 2.2, 1.9, 3.7, 3.9], abs=0.08)


def test_no_bright_colours_and_no_backgrounds() -> None:
    """The parameters 90 to 107 are greys in some themes, and a background is never set."""
    used = {int(row[0]) for row in PALETTE.values()} | {
        int(sgr(f"#{code:06x}")) for code in range(0, 0xFFFFFF, 0x10F0F)
    }
    assert used <= {*range(31, 38), 39}


@pytest.mark.parametrize(
    ("environ", "depth"),
    [
        ({}, EIGHT_COLORS),
        ({"TERM": "xterm"}, EIGHT_COLORS),
        ({"TERM": "xterm-256color"}, INDEXED_COLORS),
        ({"TERM": "xterm-kitty"}, INDEXED_COLORS),
        ({"TERM": "foot"}, INDEXED_COLORS),
        ({"TERM": "alacritty-direct"}, INDEXED_COLORS),
        ({"TERM": "wezterm"}, INDEXED_COLORS),
        ({"TERM": "xterm-ghostty"}, INDEXED_COLORS),
        ({"TERM": "linux"}, EIGHT_COLORS),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, TRUE_COLORS),
        ({"COLORTERM": "24bit"}, TRUE_COLORS),
        ({"WT_SESSION": "1"}, TRUE_COLORS),
        ({"COLORTERM": "yes", "TERM": "screen"}, EIGHT_COLORS),
    ],
    ids=lambda value: str(value),
)
def test_what_a_terminal_has(environ: dict[str, str], depth: int) -> None:
    assert depth_of(environ) == depth


def test_names_and_numbers() -> None:
    assert all(is_color(name) for name in PALETTE) and is_color("#A1b2C3")
    assert not any(is_color(value) for value in ("pink", "#12", "#1234567", "#ggg000", "", 7, None, ["red"]))
