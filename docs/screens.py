"""Make the pictures of the look: an animation of `progresskit demo` in a real pty, and still screens of rows at several widths.

Run it with `make picture`. The animation is SVG and CSS, without a script, so that it moves wherever an image is shown. The still
screens are drawn by the painter itself, for each style and for dark and light backgrounds, and read by an emulator as any terminal
would read them.
"""

from __future__ import annotations

import os
import pty
import sys
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

import pyte

from progresskit._model.frames import TaskView
from progresskit._text.colors import TRUE_COLORS
from progresskit._text.styles import STYLES
from progresskit.renderers._bars import Painter
from progresskit.renderers._kept import KeptLines

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests" / "unit"))
import look_samples  # noqa: E402  # what the tests hold rows to is what the pictures show

LOADER_COLORS = (None, "yellow", "magenta", "blue", "cyan")
"""Colours of the loader's five bars."""
IMAGES = ROOT / "docs" / "images"
CELL, HEIGHT, MARGIN = 8.0, 19, 14
FRAMES_A_SECOND = 4.0


class Theme(NamedTuple):
    """A terminal's colours."""

    background: str
    ink: str


DARK, LIGHT = Theme("#1e1e1e", "#d4d4d4"), Theme("#ffffff", "#24292f")
NAMED = {
    "red": "#cd3131", "green": "#2e9e5b", "brown": "#a8861d", "blue": "#3b78d8", "magenta": "#bc3fbc", "cyan": "#1f9fb5",
    "brightblack": "#8a8a8a",
}  # fmt: skip
"""pyte's name of a colour of a terminal -> what is drawn."""
LINES = {
    "━": ((0.0, 1.0, 3.0),),
    "─": ((0.0, 1.0, 1.0),),
    "╾": ((0.0, 0.5, 3.0), (0.5, 1.0, 1.0)),
    "═": ((0.0, 1.0, 4.0),),
}
"""Glyph -> its strokes: from and to, as a share of the cell, and how thick: fonts leave gaps between them."""


def recorded(command: list[str], columns: int, lines: int) -> Iterator[tuple[float, list[list[Any]]]]:
    """Run `command` in a pty and yield the seconds since its start and the rows of the screen, a few times a second."""
    pid, fd = pty.fork()
    if pid == 0:
        names = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": str(columns), "LINES": str(lines)}
        environ = {name: value for name, value in os.environ.items() if name not in ("CI", "NO_COLOR")}
        os.execvpe(command[0], command, environ | names)
    screen = pyte.Screen(columns, lines)
    stream = pyte.ByteStream(screen)
    began, next_frame, waiting = time.monotonic(), 0.0, b""
    while True:
        try:
            data = os.read(fd, 65536)
        except OSError:  # Linux says so at the end of a pty
            break
        *frames, waiting = (waiting + data).split(b"\x1b[?2026l")
        for frame in frames:
            stream.feed(frame)
        now = time.monotonic() - began
        if frames and now >= next_frame:
            next_frame = now + 1 / FRAMES_A_SECOND
            yield now, rows_of(screen)
    os.waitpid(pid, 0)
    os.close(fd)
    stream.feed(waiting)
    yield time.monotonic() - began, rows_of(screen)


def rows_of(screen: pyte.Screen) -> list[list[Any]]:
    return [[screen.buffer[row][column] for column in range(screen.columns)] for row in range(screen.lines)]


def trimmed(rows: list[list[Any]]) -> list[list[Any]]:
    """Return `rows` without the blank ones at the end."""
    while rows and not "".join(cell.data for cell in rows[-1]).strip():
        rows = rows[:-1]
    return rows


def fullness(rows: list[list[Any]]) -> tuple[bool, bool, int]:
    """Return how much `rows` show of the demonstration: a field, a failure, and how many rows."""
    text = "\n".join("".join(cell.data for cell in row).rstrip() for row in rows)
    return "attempt" in text.rpartition("follows")[2], "failed" in text, len(text.splitlines())


def head(columns: int, lines: int, theme: Theme, title: str) -> list[str]:
    width, height = columns * CELL + 2 * MARGIN, lines * HEIGHT + 2 * MARGIN
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}" '
        'font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="13">',
        f"<title>{escape(title)}</title>",
        f'<rect width="100%" height="100%" rx="8" fill="{theme.background}"/>',
    ]


def animation(frames: list[tuple[float, list[list[Any]]]], columns: int, lines: int, theme: Theme, title: str) -> str:
    """Return `frames` as an SVG document that shows them one after the other, for ever, and rests on the last one."""
    whole = frames[-1][0] + 3.0
    parts = head(columns, lines, theme, title)
    rules = [
        f"g{{visibility:hidden;animation-duration:{whole:.2f}s;animation-iteration-count:infinite;animation-timing-function:step-end}}"
    ]
    for at, (begins, _) in enumerate(frames):
        ends = frames[at + 1][0] if at + 1 < len(frames) else whole
        start, stop = 100 * begins / whole if at else 0.0, 100 * ends / whole
        hidden = f"0%{{visibility:hidden}}{start:.2f}%" if start else "0%"
        after = f"{stop:.2f}%{{visibility:hidden}}" if stop < 100 else ""
        rules.append(f"@keyframes f{at}{{{hidden}{{visibility:visible}}{after}}}#f{at}{{animation-name:f{at}}}")
    last = len(frames) - 1
    still = f"@media (prefers-reduced-motion:reduce){{g{{animation:none}}#f{last}{{visibility:visible}}}}"
    parts.append(f"<style>{''.join(rules)}{still}</style>")
    for at, (_, rows) in enumerate(frames):
        parts.append(f'<g id="f{at}">{"".join(drawn(rows, theme))}</g>')
    return "\n".join([*parts, "</svg>", ""])


def still(text: list[str], columns: int, theme: Theme, title: str) -> str:
    """Return lines of a terminal as an SVG document."""
    screen = pyte.Screen(columns, len(text))
    pyte.Stream(screen).feed("\r\n".join(text))
    return "\n".join([*head(columns, len(text), theme, title), *drawn(rows_of(screen), theme), "</svg>", ""])


def drawn(rows: list[list[Any]], theme: Theme) -> Iterator[str]:
    """Yield the elements of `rows`: strokes of lines, then words, each at its place and of its length."""
    for number, row in enumerate(rows):
        top = MARGIN + number * HEIGHT
        for (ink, glyph), run in groupby(enumerate(row), lambda entry: (entry[1].fg, kind(entry[1].data))):
            cells = list(run)
            left, text = MARGIN + cells[0][0] * CELL, "".join(cell.data for _, cell in cells)
            if glyph in LINES:
                for begins, ends, thick in LINES[glyph]:
                    width = (
                        CELL * (len(cells) - 1 + ends - begins)
                        if ends == 1.0 and begins == 0.0
                        else CELL * (ends - begins)
                    )
                    faint = ' opacity="0.55"' if thick == 1.0 else ""
                    fill = color(ink, theme) if thick > 1.0 else theme.ink
                    y = top + HEIGHT / 2 - thick / 2
                    yield f'<rect x="{left + CELL * begins:g}" y="{y:g}" width="{width:g}" height="{thick:g}" fill="{fill}"{faint}/>'
            elif glyph:
                place = f'x="{left:g}" y="{top + 14:g}" textLength="{len(text) * CELL:g}"'
                yield f'<text {place} lengthAdjust="spacingAndGlyphs" fill="{color(ink, theme)}">{escape(text)}</text>'


def kind(glyph: str) -> str:
    """Return what may be drawn in one piece with `glyph`: strokes of one kind, words, or nothing for a blank."""
    return glyph if glyph in LINES else "" if glyph == " " else "word"


def color(name: str, theme: Theme) -> str:
    """Return the colour that pyte calls `name`: `rrggbb`, one of eight, or the default one."""
    return NAMED.get(name) or (theme.ink if name == "default" or len(name) != 6 else f"#{name}")


def example_rows(style: str, columns: int) -> list[str]:
    """Return kept lines and live rows of each kind, as the terminal gets them."""
    above = "\n".join(KeptLines(STYLES[style], TRUE_COLORS).lines(look_samples.KEPT[3:], columns - 1)).split("\n")
    return [*above, *rows_at(look_samples.GROUP, style, columns)]


def all_rows(columns: int) -> list[str]:
    """Return rows of every kind, screen by screen: a loop, nested loops, a pool, a load, tasks without a total, a group."""
    loader = tuple(view._replace(color=color) for view, color in zip(look_samples.LOADER, LOADER_COLORS, strict=True))
    found: list[str] = []
    for views in (look_samples.LOOP, look_samples.NESTED, look_samples.POOL, loader, look_samples.SPINNERS):
        found += [*rows_at(views, "line", columns), ""]
    return [*found, *example_rows("line", columns)]


def rows_at(views: tuple[TaskView, ...], style: str, columns: int) -> list[str]:
    """Return the rows of `views` on a terminal of so many `columns`."""
    return Painter(STYLES[style], TRUE_COLORS).rows(views, columns - 1, 0.55)


def main() -> int:
    """Write the pictures into `docs/images`."""
    IMAGES.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "progresskit", "demo"]
    frames = list(recorded(command, 84, 14))
    (IMAGES / "demo.svg").write_text(animation(frames, 84, 14, DARK, "progresskit demo"), "utf-8")
    for columns in (60, 80, 120):
        for name, theme in (("dark", DARK), ("light", LIGHT)):
            picture = still(all_rows(columns), columns, theme, f"rows at {columns} columns, {name}")
            (IMAGES / f"rows-{columns}-{name}.svg").write_text(picture, "utf-8")
    for renderer in ("tqdm", "rich", "alive", "plain"):
        taken = list(recorded([*command, "--renderer", renderer], 100, 40))
        rows = trimmed(taken[-1][1] if renderer == "plain" else max((rows for _, rows in taken), key=fullness))
        parts = [
            *head(100, len(rows), DARK, f"progresskit demo with the renderer {renderer}"),
            *drawn(rows, DARK),
            "</svg>",
            "",
        ]
        (IMAGES / f"renderer-{renderer}.svg").write_text("\n".join(parts), "utf-8")
    for style in STYLES:
        picture = still(example_rows(style, 100), 100, DARK, f"the style {style}")
        (IMAGES / f"style-{style}.svg").write_text(picture, "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
