"""A pane of a real tmux as a reference: it gets bytes and sizes, and returns its screen."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from unicodedata import normalize

import pytest

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux, the second judge, is not installed")


class Pane:
    """One pane of a separate server in `folder`, which shows the bytes that it gets."""

    def __init__(self, folder: Path, columns: int, lines: int) -> None:
        options = ("status off", "history-limit 100000", "focus-events off")
        (folder / "conf").write_text("".join(f"set -g {option}\n" for option in options))
        self._base = ["tmux", "-S", str(folder / "tmux"), "-f", str(folder / "conf")]
        fifo = folder / "fifo"
        os.mkfifo(fifo)
        shell = f"stty raw -echo; exec cat '{fifo}'"
        environ = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        environ.pop("TMUX", None)
        size = ["-x", str(columns), "-y", str(lines)]
        subprocess.run([*self._base, "new-session", "-d", *size, shell], env=environ, check=True)
        self._ask("set", "-g", "window-size", "manual", ";", "resize-window", *size)
        self._out = os.open(fifo, os.O_WRONLY)
        self._fed = 0

    def _ask(self, *words: str) -> str:
        asked = subprocess.run([*self._base, *words], check=True, capture_output=True)
        return asked.stdout.decode("utf-8", "replace")

    def feed(self, data: bytes) -> None:
        """Show `data` as a program's output would be shown by a terminal that makes `\\r\\n` of newlines."""
        self._fed += 1
        data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + f"\x1b]2;{self._fed}\a".encode()
        while data:
            data = data[os.write(self._out, data) :]

    def resize(self, columns: int, lines: int) -> None:
        self.read()  # earlier bytes belong to the old size
        self._ask("resize-window", "-x", str(columns), "-y", str(lines))

    def read(self) -> tuple[list[str], tuple[int, int, bool]]:
        """Return history and screen, and the cursor's row and column and whether it is shown, after all that was fed."""
        facts = "#{cursor_y} #{cursor_x} #{cursor_flag} #{pane_title}"
        while True:  # the suite's time-out is the watchdog
            text = self._ask("display-message", "-p", facts, ";", "capture-pane", "-p", "-S", "-")
            told, *rows = text.split("\n")[:-1]
            row, column, shown, *title = told.split()
            if not self._fed or title == [str(self._fed)]:
                return [normalize("NFC", line.rstrip()) for line in rows], (int(row), int(column), shown == "1")

    def close(self) -> None:
        os.close(self._out)
        subprocess.run([*self._base, "kill-server"], capture_output=True)  # its one process may have ended it already
