"""Make the picture of the five bars: run the load in a real pty, and draw the fullest screen that an emulator saw as SVG.

Run it with `make picture`. The files are the sample's months, some of them several times over, so that all phases are at work
at once; uploads go at the pace of a network.
"""

from __future__ import annotations

import os
import pty
import sys
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pyte

ROOT = Path(__file__).parents[1]
COLUMNS, LINES = 118, 8
CELL, HEIGHT, MARGIN = 8.0, 19, 14
PHASES = ("Files", "QC rows", "Compression", "Upload", "COPY")
BACKGROUND, INK = "#16181d", "#d7dae0"
COLORS = {
    "default": INK,
    "black": "#3a3f4b",
    "red": "#e06c75",
    "green": "#7ec98f",
    "brown": "#e2b86b",
    "blue": "#6cb0f5",
    "magenta": "#c893e0",
    "cyan": "#63c2cf",
    "white": INK,
}
"""pyte's names of the eight colours; it calls yellow brown, as terminals of old did."""
BLOCKS = {"█": 8, "▉": 7, "▊": 6, "▋": 5, "▌": 4, "▍": 3, "▎": 2, "▏": 1}
"""Eighths of a cell: drawn as rectangles, since fonts leave gaps between them."""


def screens(command: list[str], environ: dict[str, str]) -> Iterator[list[list[Any]]]:
    """Run `command` in a pty and yield the rows of the screen, as pyte's characters, after each frame."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execvpe(command[0], command, environ)
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    waiting = b""
    while True:
        try:
            data = os.read(fd, 65536)
        except OSError:  # Linux says so at the end of a pty
            break
        if not data:
            break
        *frames, waiting = (waiting + data).split(b"\x1b[?2026l")
        for frame in frames:
            stream.feed(frame)
            yield [[screen.buffer[row][column] for column in range(COLUMNS)] for row in range(LINES)]
    os.waitpid(pid, 0)
    os.close(fd)


def fullness(rows: list[list[Any]]) -> tuple[int, float]:
    """Return how many phases are seen, and how far they are: the fullest screen makes the best picture."""
    texts = ["".join(cell.data for cell in row) for row in rows]
    seen = sum(any(text.strip(" ✓").startswith(phase) for text in texts) for phase in PHASES)
    moved = sum("  0%" not in text for text in texts if text.strip())
    return seen, moved


def svg(rows: list[list[Any]]) -> str:
    """Return the screen as an SVG document."""
    while rows and not "".join(cell.data for cell in rows[-1]).strip():
        rows = rows[:-1]
    width, height = COLUMNS * CELL + 2 * MARGIN, len(rows) * HEIGHT + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}" '
        f'font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="13">',
        "<title>Files, QC rows, Compression, Upload and COPY, a bar each</title>",
        f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>',
    ]
    for number, row in enumerate(rows):
        parts += drawn(row, MARGIN + number * HEIGHT)
    return "\n".join([*parts, "</svg>", ""])


def drawn(row: list[Any], top: float) -> Iterator[str]:
    """Yield the elements of a row: backgrounds, blocks, then words."""
    for column, cell in enumerate(row):
        left = MARGIN + column * CELL
        if cell.bg != "default":
            yield f'<rect x="{left:g}" y="{top + 3:g}" width="{CELL + 0.3:g}" height="{HEIGHT - 6}" fill="{color(cell.bg)}"/>'
        if cell.data in BLOCKS:
            wide = CELL * BLOCKS[cell.data] / 8 + (0.3 if cell.data == "█" else 0)
            yield f'<rect x="{left:g}" y="{top + 3:g}" width="{wide:g}" height="{HEIGHT - 6}" fill="{color(cell.fg)}"/>'
    for (ink, _), run in groupby(
        enumerate(row), lambda entry: (entry[1].fg, entry[1].data in BLOCKS or entry[1].data == " ")
    ):
        cells = list(run)
        text = "".join(cell.data for _, cell in cells)
        if text[0] in BLOCKS or text[0] == " ":
            continue
        # Each word has its place and its length: whatever font is found, columns stay columns.
        place = f'x="{MARGIN + cells[0][0] * CELL:g}" y="{top + 14:g}" textLength="{len(text) * CELL:g}"'
        yield f'<text {place} lengthAdjust="spacingAndGlyphs" fill="{color(ink)}">{escape(text)}</text>'


def color(name: str) -> str:
    return COLORS.get(name.removeprefix("bright"), f"#{name}" if len(name) == 6 else INK)


def main() -> int:
    """Run the load and write `docs/images/load.svg`; 0 when all five bars were seen at once."""
    with tempfile.TemporaryDirectory(prefix="progresskit-") as folder:
        paths = []
        for number, sample in enumerate(sorted((ROOT / "examples" / "flights").glob("*.csv")) * 4):
            head, _, body = sample.read_text("utf-8").partition("\n")
            paths.append(Path(folder) / f"{sample.stem}-{'abcd'[number // 3]}.csv")
            paths[-1].write_text(f"{head}\n{body * (1 if number < 9 else 8)}", "utf-8")
        load = ["load", *map(str, paths), "--table", "flights", "--embedded", "--null", "NA", "--pace", "2MB"]
        command = [sys.executable, "-c", "from progresskit_snowflake.cli import main; main()", *load]
        environ = {name: value for name, value in os.environ.items() if name not in ("CI", "NO_COLOR")}
        environ |= {
            "TERM": "xterm-256color",
            "COLUMNS": str(COLUMNS),
            "LINES": str(LINES),
            "PROGRESSKIT_RENDERER": "ansi",
        }
        best = max(screens(command, environ), key=fullness)
    target = ROOT / "docs" / "images" / "load.svg"
    target.parent.mkdir(exist_ok=True)
    target.write_text(svg(best), "utf-8")
    print(f"{target.relative_to(ROOT)}: {fullness(best)[0]} of {len(PHASES)} bars")
    return int(fullness(best)[0] < len(PHASES))


if __name__ == "__main__":
    raise SystemExit(main())
