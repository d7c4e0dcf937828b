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
from pathlib import Path
from typing import Any

import pyte
from screens import DARK, drawn, head, trimmed

ROOT = Path(__file__).parents[1]
COLUMNS, LINES = 118, 8
PHASES = ("Files", "QC rows", "Compression", "Upload", "COPY")


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
    seen = sum(any(text[2:].startswith(phase) for text in texts) for phase in PHASES)
    moved = sum("  0%" not in text for text in texts if text.strip())
    return seen, moved


def svg(rows: list[list[Any]]) -> str:
    """Return the screen as an SVG document."""
    rows = trimmed(rows)
    parts = head(COLUMNS, len(rows), DARK, "Files, QC rows, Compression, Upload and COPY, a bar each")
    return "\n".join([*parts, *drawn(rows, DARK), "</svg>", ""])


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
            "COLORTERM": "truecolor",
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
