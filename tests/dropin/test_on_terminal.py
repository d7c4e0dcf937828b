"""Programs written for tqdm, on a terminal: one clean display."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pyte
import pytest
from pty_reading import read_pty

PROGRAM = """
import sys
import progresskit.tqdm as ours
getattr(ours, sys.argv[1])()
import io
import multiprocessing
from tqdm import tqdm, trange
import seen

def work(number):
    for _ in tqdm(range(3), desc=f"worker {number}", position=number): seen.until_seen()
    return number

def main():
    with multiprocessing.get_context("fork").Pool(2) as pool:  # before any bar of this process
        assert pool.map(work, range(2), chunksize=1) == [0, 1]
    for i in trange(2, desc="Outer"):
        for j in tqdm(range(20), desc=f"inner {i}", leave=False):
            seen.until_seen()
        tqdm.write(f"written {i}")
    with tqdm(total=10, desc="manual", unit="B") as bar:
        bar.update(3); bar.n = 7; bar.total = 14; bar.set_postfix(loss=0.123456, total=3)
        seen.until_seen()
        figures = bar.n, bar.total, bar.desc, bar.format_dict["n"]
    try:
        with tqdm(total=5, desc="broken") as bar:
            bar.update(2)
            seen.until_seen()
            raise ValueError("no such row")
    except ValueError:
        pass
    class Own(tqdm):
        def display(self, *args, **options): shown.append(self.n)
    shown = []
    list(Own(range(3), desc="own"))
    list(tqdm(range(3), desc="quick"))  # ended before anybody could look
    list(tqdm(range(3), desc="quick and gone", leave=False))
    bar = tqdm(total=9, desc="closed early"); bar.update(8); bar.close()
    with tqdm(total=4, desc="later", colour="#00f000") as bar:
        bar.update(2); bar.reset(total=3); bar.update(3); bar.unit = "row"; bar.set_postfix_str("free words")
        bar.total = "many"; bar.total = 3; bar.leave = True
    with tqdm.wrapattr(io.BytesIO(bytes(3000)), "read", total=3000, desc="wrapped") as stream:
        stream.read()
    class Doubled(tqdm):
        @property
        def format_dict(self):
            return {**super().format_dict, "double": self.n * 2}
    for _ in Doubled(range(4), desc="formatted", bar_format="{desc}: {n_fmt} of {total_fmt} |{bar}| doubled {double}"): pass
    with tqdm(total=2, desc="second", position=1) as below, tqdm(total=2, desc="first", position=0) as above:
        seen.until_seen()
        list(tqdm(range(2), desc="third"))
        order = [task.description for task in seen.current_tracker().tasks]
    print(figures, order, len(shown) > 0, sorted(bar.desc for bar in tqdm._instances))

main()
"""


def screen_of(code: str, *arguments: str) -> list[str]:
    """Return the rows of a terminal of 100 columns after `code` has run on it."""
    root = Path(__file__).parents[2]
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "40", "PYTHONPATH": f"{root}:{root / 'tests'}"}
    for name in ("CI", "PROGRESSKIT_RENDERER"):
        environ.pop(name, None)
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-c", code, *arguments], environ)
    screen = pyte.Screen(100, 40)
    stream = pyte.ByteStream(screen)
    while data := read_pty(fd):
        stream.feed(data)
    os.close(fd)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, screen.display
    return [row.rstrip() for row in screen.display if row.strip()]


@pytest.mark.parametrize("way", ["install", "patch"])
def test_program(way: str) -> None:
    """Nested bars, `write`, attributes that are set, postfixes, an error, a class with a picture of its own, bars of workers, quick
    ones, one that is closed early or begun anew, formats and positions: each has its one line."""
    if way == "patch":
        pytest.importorskip("tqdm", reason="tqdm is not installed in this environment")
    rows = screen_of(PROGRAM, way)

    def row_of(name: str) -> str:
        found = [row for row in rows if f" {name} " in f" {row} ".replace(":", " ")]
        assert len(found) == 1, (name, rows)
        return found[0]

    assert [row.split()[0] for row in rows if row.startswith("written")] == ["written", "written"]
    assert not [row for row in rows if "inner" in row or "gone" in row]
    assert "3/3" in row_of("worker 0") and "3/3" in row_of("worker 1")
    assert "2/2" in row_of("Outer") and "3/3" in row_of("quick")
    assert "7 B" in row_of("manual") and "loss 0.123  total 3" in row_of("manual")
    assert "2/5" in row_of("broken") and "failed at 40%: ValueError: no such row" in row_of("broken")
    assert "8/9" in row_of("closed early") and "stopped early" in row_of("closed early")
    assert "3 rows" in row_of("later") and row_of("later").endswith("free words")
    assert "KiB" in row_of("wrapped")
    assert "4 of 4 |██" in row_of("formatted") and row_of("formatted").endswith("| doubled 8")
    assert rows[-1].startswith("(7, 14, 'manual")
    assert rows[-1].endswith("7) ['first', 'second'] True []")


OTHER = """
import sys
sys.stderr = open(sys.argv[1], "w")
from progresskit.tqdm import tqdm
for item in tqdm(range(3), desc="on the terminal", file=sys.stdout): pass
for item in tqdm(range(3), desc="in the file"): pass
tqdm.write("words")
"""


def test_two_streams(tmp_path: Path) -> None:
    """Where standard error is a file and a bar is asked for on the terminal, each stream has its own bar, in tqdm's text."""
    path = tmp_path / "errors"
    rows = screen_of(OTHER, str(path))
    assert rows[0].startswith("on the terminal: 100%|") and "3/3" in rows[0] and rows[1:] == ["words"]
    assert "in the file: 100%|" in path.read_text() and "terminal" not in path.read_text()


LOOKS = """
import sys
import progresskit.tqdm as ours
from progresskit._display.process_hooks import TICKER
TICKER.scheduler.gate.time.most = TICKER.scheduler.gate.time.left = 60.0  # on a busy machine
ours.install()
from tqdm import tqdm
list(tqdm(range(10), desc="scaled", unit_scale=64))
list(tqdm(range(10), desc="narrow", ncols=50))
list(tqdm(range(10), desc="plain", ascii=True))
list(tqdm(range(10), desc="delayed", delay=60))
count = tqdm(total=5, desc="held").update  # nobody holds the bar itself
for _ in range(5): count()
del count
assert list(reversed(tqdm([1, 2, 3], desc="forwards"))) == [1, 2, 3]  # as tqdm does
print("the end")
"""


def test_looks() -> None:
    """A factor multiplies the shown numbers, a width and characters give tqdm's own text, and a delayed bar is not shown."""
    rows = screen_of(LOOKS)
    row_of = {row.replace(":", " ").split()[0 if row[0].isalpha() else 1]: row for row in rows}
    assert "640/640" in row_of["scaled"]
    assert "10/10" in row_of["narrow"] and len(row_of["narrow"]) <= 50 and "100%|" in row_of["narrow"]
    assert "|##########| 10/10" in row_of["plain"] or "#| 10/10" in row_of["plain"]
    assert "delayed" not in row_of and rows[-1] == "the end"
    assert "5/5" in row_of["held"]
