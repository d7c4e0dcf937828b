"""What other libraries draw, log and ask on a terminal on which rows stand: in a real pseudo-terminal, each as its users use it."""

from __future__ import annotations

from inpty import Program

HEAD = """
import sys, time
from progresskit import ProgressTracker
tracker = ProgressTracker()
task = tracker.add_task("Ours", total=5)
def rows_stand():
    until = time.monotonic() + 30
    while not (tracker._display and tracker._display.standing) and time.monotonic() < until: time.sleep(0.005)
    assert tracker._display.standing
rows_stand()
"""

DISPLAYS = (
    HEAD
    + """
from rich.console import Console
from rich.live import Live
from rich.progress import Progress
from rich.table import Table
def table(n):
    made = Table(); made.add_column("n"); made.add_row(f"row {n}"); return made
print("live")
with Live(table(0), console=Console(file=sys.stdout), auto_refresh=False) as live:
    for n in range(1, 4): live.update(table(n), refresh=True); print("said", n)
print("progress")
with Progress(auto_refresh=False) as bars:
    one, two = bars.add_task("[red]Down", total=2), bars.add_task("Up", total=2)
    for n in range(2): bars.advance(one); bars.advance(two); bars.refresh(); bars.console.print("told", n)
print("status")
with Console().status("Working..."): print("meanwhile")
print("tqdm")
from tqdm import tqdm
for i in tqdm(range(2), "outer", mininterval=0, file=sys.stdout):
    for j in tqdm(range(3), "inner", leave=False, position=1, mininterval=0, file=sys.stdout): pass
    tqdm.write(f"wrote {i}", file=sys.stdout)
print("alive")
from alive_progress import alive_bar
with alive_bar(2, force_tty=True) as bar:
    for n in range(2): bar(); print("counted", n)
print("over"); print("and out")
task.finish(); tracker.stop()
"""
)


def test_displays_of_others() -> None:
    """rich's live displays, nested bars of tqdm and alive-progress: their last state and every word, and no escape sequences."""
    program = Program(DISPLAYS, COLUMNS="80")
    assert program.end() == 0, program.everything
    rows = [row for row in program.everything if "Ours" not in row]
    text = "\n".join(rows)
    for words in ("said 1", "said 2", "said 3", "row 3", "told 0", "told 1", "meanwhile", "wrote 0", "wrote 1"):
        assert text.count(words) == 1, (words, text)
    for words in ("row 1", "row 2", "Working", "inner:   0%", "[?", "\x1b"):
        assert words not in text, text
    for words in ("Down ━", "Up   ━", "outer: 100%", "| 2/2 [100%]", "counted 0", "counted 1", "and out"):
        assert text.count(words) == 1, (words, text)
    order = [
        "live",
        "row 3",
        "progress",
        "Up   ━",
        "status",
        "meanwhile",
        "tqdm",
        "wrote 1",
        "alive",
        "counted 1",
        "over",
    ]
    assert [text.index(words) for words in order] == sorted(text.index(words) for words in order)
