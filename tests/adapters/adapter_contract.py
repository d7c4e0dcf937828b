"""Tests that all adapters to other progress libraries share: besides the contract, the library behind an adapter stays
quiet, its objects are reused, and a real run shows the expected rows.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pyte

from progresskit import Frame, ProgressTracker
from progresskit._model.frames import sample_view
from progresskit.renderers.registry import find
from progresskit.testing import EmulatedTerminal, ManualTicker, RendererContract

SGR = re.compile("\x1b\\[[0-9;]*m")
BACKGROUND = """
import signal, sys, threading
from progresskit import ProgressTracker
from progresskit.testing import EmulatedTerminal, ManualTicker
hook, handler = sys.excepthook, signal.getsignal(signal.SIGINT)
terminal, ticker = EmulatedTerminal(100, 24, colors=True), ManualTicker()
tracker = ProgressTracker({name!r}, terminal=terminal, ticker=ticker)
tasks = [tracker.add_task(f"task-{{n}}", total=None if n == 2 else 9, keep=n == 0) for n in range(3)]
ticker.tick()
tasks[0].finish()
tracker.print("words")
ticker.tick()
assert all(any(f"task-{{n}}" in row for row in terminal.text) for n in range(3)), terminal.text
assert sys.stdout is sys.__stdout__ and sys.stderr is sys.__stderr__
assert sys.excepthook is hook and signal.getsignal(signal.SIGINT) is handler
print([thread.name for thread in threading.enumerate()])
tracker.stop()
"""
JOB = """
import os
from pathlib import Path
from progresskit import ProgressTracker
with ProgressTracker() as tracker:
    tasks = [tracker.add_task(f"task-{number}", total=10) for number in range(3)]
    while "task-2" not in Path(os.environ["LOG"]).read_text("utf-8"):
        tasks[0].advance()  # a task that ends between two looks is never shown
    for task in tasks:
        task.finish()
print("the job is done")
"""
END = b"\x1b[?2026l"
"""What each frame ends with."""
PARALLEL = """
import sys, threading
from progresskit import ProgressTracker
with ProgressTracker() as tracker:
    tasks = [tracker.add_task(f"task-{n}", total=1000, unit="row", keep=n < 2, color="green") for n in range(5)]
    tasks.append(tracker.add_task("task-5", unit="row", keep=False))
    for _ in range(3):
        sys.stdin.readline()
        threads = [threading.Thread(target=lambda task, n: [task.advance() for _ in range(n + 101)], args=(task, n))
                   for n, task in enumerate(tasks)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    sys.stdin.readline()
    tracker.print("a printed line")  # first: a frame may come between any two of these
    tasks[0].finish()
    tasks[1].fail("the disk is full")
    sys.stdin.readline()
    for task in tasks[2:]:
        task.finish()
"""


def environment(name: str, **more: str) -> dict[str, str]:
    """Return this process's environment, with nothing in it that speaks on the display but `PROGRESSKIT_RENDERER`."""
    meant = ("PROGRESSKIT_", "TQDM_")
    others = ("CI", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "COLORTERM")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(meant) and key not in others}
    return {**kept, "TERM": "xterm-256color", "PROGRESSKIT_RENDERER": name, **more}


class Done(NamedTuple):
    """The remains of a program."""

    status: int
    stdout: str
    stderr: str


def run(code: str, name: str, folder: Path, *before: str, **more: str) -> Done:
    """Run `code` after the lines `before` with the renderer `name`, its standard error being a file in `folder`."""
    program, log = "\n".join([*before, code]), folder / "log"
    with log.open("wb") as stderr:
        process = subprocess.run(
            [sys.executable, "-c", program],
            env=environment(name, LOG=str(log), **more),
            stdout=subprocess.PIPE,
            stderr=stderr,
            timeout=60,
            check=False,
        )
    return Done(process.returncode, process.stdout.decode(), log.read_bytes().decode())


class AdapterContract(RendererContract):
    """The renderer contract, and the further claims of adapters.

    Attributes:
        name: The renderer's name.
        library: The distribution behind it, with the name of its module.
    """

    name: ClassVar[str]
    library: ClassVar[tuple[str, str]]

    def make_renderer(self) -> Any:
        return find(self.name)()

    # The library's objects, and its quiet

    def test_a_row_that_is_reused_reuses_its_object(self) -> None:
        renderer, terminal = self.begin()
        self.draw(renderer, terminal, Frame(0.0, self.views("alpha", "beta")))
        before = {row: id(bar) for row, bar in renderer.bars.items()}
        ended = tuple(view._replace(state="finished", keep=False) for view in self.views("alpha", "beta"))
        later = tuple(view._replace(id=view.id + 10, completed=9) for view in self.views("gamma", "delta"))
        self.draw(renderer, terminal, Frame(1.0, later, ended))
        assert {row: id(bar) for row, bar in renderer.bars.items()} == before
        assert set(before) == {0, 1}
        self.finish(renderer, terminal)

    def test_library_adds_nothing_beside_the_display(self, tmp_path: Path) -> None:
        """Nothing of the library runs beside the display."""
        done = run(BACKGROUND.format(name=self.name), self.name, tmp_path)
        assert done == Done(0, "['MainThread']\n", "")  # no thread, and nothing else on the streams

    def test_drawn_once_a_frame(self) -> None:
        """Tasks are drawn once a frame and not when they are added."""
        ticker, terminal = ManualTicker(), EmulatedTerminal(100, 24)
        tracker = ProgressTracker(self.name, terminal=terminal, ticker=ticker)
        for number in range(100):
            tracker.add_task(f"task {number}", total=10)
        assert terminal.output == []
        ticker.tick()
        assert len(terminal.output) == 1
        for number in range(100, 200):
            tracker.add_task(f"task {number}", total=10)
        assert len(terminal.output) == 1
        ticker.tick()
        assert len(terminal.output) == 2
        assert "... 178 more" in terminal.text[-1]
        tracker.stop()

    def test_unmoved_frame_writes_nothing(self) -> None:
        """A frame in which nothing has moved writes nothing."""
        renderer, terminal = self.begin(colors=True)
        frame = Frame(0.0, self.views("alpha", "beta", "gamma"))
        self.draw(renderer, terminal, frame)
        self.draw(renderer, terminal, frame)
        assert len(terminal.output) == 1
        self.finish(renderer, terminal)

    # What is shown

    def test_bytes_rate_and_times_are_the_frames(self) -> None:
        renderer, terminal = self.begin(columns=120)
        view = sample_view(
            description="alpha", completed=31_300_000, total=95_000_000, unit="B", elapsed=75.0, rate=4.11e6, eta=754.0
        )
        self.draw(renderer, terminal, Frame(0.0, (view,)))
        (row,) = self.rows_with(terminal, "alpha")
        for words in ("31.3/95.0 MB", "4.11 MB/s", "1:15", "12:34", "32%"):
            assert words in terminal.text[row]
        self.finish(renderer, terminal)

    def test_nothing_is_complete_before_the_task_says_so(self) -> None:
        renderer, terminal = self.begin()
        view = self.views("alpha")[0]._replace(completed=10)
        self.draw(renderer, terminal, Frame(0.0, (view,)))
        running = terminal.text[0]
        self.draw(renderer, terminal, Frame(1.0, (), (view._replace(state="finished"),)))
        assert "99%" in running
        assert "100%" in terminal.text[0]
        self.finish(renderer, terminal)

    def test_states_and_fields_are_told(self) -> None:
        renderer, terminal = self.begin(columns=120)
        states = ("pending", "paused")
        live = tuple(view._replace(state=view.description) for view in self.views(*states))
        fields = sample_view(id=9, position=2, description="alpha", total=10, fields={"table": "FLIGHTS", "bad": 3})
        stopped = sample_view(id=10, description="beta", total=10, state="cancelled")
        self.draw(renderer, terminal, Frame(0.0, (*live, fields), (stopped,)))
        assert all(terminal.text[row + 1].count(state) == 2 for row, state in enumerate(states))
        assert "table=FLIGHTS" in terminal.text[3] and "bad=3" in terminal.text[3]
        assert "cancelled" in terminal.text[0]
        self.finish(renderer, terminal)

    def test_a_narrow_window_keeps_the_counts(self) -> None:
        for columns in range(24, 100, 7):
            renderer, terminal = self.begin(columns=columns)
            views = (*self.views("alpha", "a description that is longer than the room there is for it"),)
            unknown = sample_view(id=9, position=2, description="omega", completed=42, rate=3.0, elapsed=9.0)
            self.draw(renderer, terminal, Frame(0.0, (*views, unknown)))
            for row, words in zip(terminal.text, ("3/10", "4/10", "42"), strict=True):
                assert words in row, f"{columns} columns: {row}"
            self.finish(renderer, terminal)

    def test_a_reason_is_worth_more_than_a_bar(self) -> None:
        renderer, terminal = self.begin(columns=56)
        views = self.views("alpha", "beta")
        failed = views[0]._replace(state="failed", reason="the disk is full")
        self.draw(renderer, terminal, Frame(0.0, views))
        self.draw(renderer, terminal, Frame(1.0, views[1:], (failed,)))
        assert "failed: the disk is full" in terminal.text[0]
        self.finish(renderer, terminal)

    def test_no_name_or_reason_is_lost(self) -> None:
        """A line that stays has the word of its end; a reason without room is told below, and the name as well."""
        name = "customers-2024-11-reviewed.parquet"
        reason = "line 121 has 4 columns where 5 were expected: 'a;b;c;d'; the file was written by an older export"
        for columns in (40, 60, 80, 120):
            renderer, terminal = self.begin(columns=columns)
            failed = sample_view(
                id=9, description=name, completed=3, total=10, state="failed", reason=reason, elapsed=2.0
            )
            self.draw(renderer, terminal, Frame(0.0, (), (failed,)))
            said = terminal.text
            assert "failed" in said[0] and "3/10" in said[0], said
            assert name in said[0] or name in said[1].strip(), said
            assert reason in " ".join(" ".join(said).split()), said  # no word is broken
            self.finish(renderer, terminal)

    def test_fields_stay_where_a_bar_may_go(self) -> None:
        """A line that stays has all fields, however short its bar gets."""
        renderer, terminal = self.begin(columns=80)
        fields = {"loss": 0.025, "acc": 0.87, "lr": "1e-3"}
        view = sample_view(
            description="Epochs", completed=3, total=3, unit="epoch", elapsed=2.5, rate=1.2, fields=fields
        )
        self.draw(renderer, terminal, Frame(0.0, (), (view._replace(state="finished"),)))
        for words in ("Epochs", "3/3 epochs", "loss=0.025", "acc=0.87", "lr=1e-3"):
            assert words in terminal.text[0]
        self.finish(renderer, terminal)

    def test_one_end_takes_nothing_from_another(self) -> None:
        """What one ended task has to say costs the others of the same frame nothing."""
        ends = tuple(view._replace(state="finished", elapsed=2.0) for view in self.views("alpha", "beta"))
        long = ends[1]._replace(state="failed", reason="no room " * 20)
        shown = []
        for ended in (ends, (ends[0], long)):
            renderer, terminal = self.begin(columns=80)
            self.draw(renderer, terminal, Frame(0.0, (), ended))
            shown.append(terminal.text[0].split())
            self.finish(renderer, terminal)
        words = [[word for word in line if word.strip("|━█╸ ")] for line in shown]
        assert words[0] == words[1]

    def test_live_names_differ(self) -> None:
        """Two live rows never show the same cut name."""
        names = ("customers-2024-10-reviewed.parquet", "customers-2024-11-reviewed.parquet")
        for columns in (60, 80):
            renderer, terminal = self.begin(columns=columns)
            self.draw(renderer, terminal, Frame(0.0, self.views(*names)))
            one, two = (row.replace(":", " ").split()[0] for row in terminal.text[:2])
            assert one != two
            self.finish(renderer, terminal)

    def test_rows_fit_the_terminal(self) -> None:
        """Rows are only as wide as the terminal by the emulator's own count."""
        names = ("東京都の長い説明文" * 9, "ñandú " * 20, "x" * 300)
        for columns in (9, 33, 57, 81, 120):
            terminal = EmulatedTerminal(columns, 10)
            renderer = self.make_renderer()
            renderer.start(terminal)
            for row in renderer.rows(self.views(*names), columns - 1, 0.5):
                screen = pyte.Screen(400, 2)
                pyte.Stream(screen).feed(row)
                assert screen.cursor.x < columns, f"{columns} columns: {row!r}"
            self.finish(renderer, terminal)

    def test_colours_are_the_operations_own_and_the_states(self) -> None:
        renderer, terminal = self.begin(colors=True)
        self.draw(renderer, terminal, Frame(0.0, tuple(view._replace(color="blue") for view in self.views("alpha"))))
        assert "\x1b[34m" in terminal.output[-1]
        failed = self.views("alpha")[0]._replace(state="failed", color="blue", reason="no room")
        self.draw(renderer, terminal, Frame(1.0, (), (failed,)))
        assert "\x1b[31m" in terminal.output[-1]
        self.finish(renderer, terminal)

    def test_no_styles_without_colours(self) -> None:
        """A terminal without colours gets no styles at all."""
        renderer, terminal = self.begin(colors=False)
        views = tuple(view._replace(color="red") for view in self.views("alpha", "beta"))
        unknown = sample_view(id=9, position=2, description="omega", completed=42)
        self.draw(renderer, terminal, Frame(0.0, (*views, unknown), (views[0]._replace(id=8, state="failed"),)))
        self.finish(renderer, terminal)
        assert not SGR.search("".join(terminal.output))

    # The library's absence

    def test_missing_library_warns_once(self, tmp_path: Path) -> None:
        """Without its library there is one warning with the way to get it."""
        distribution, module = self.library
        done = run(JOB, self.name, tmp_path, "import sys", f"sys.modules[{module!r}] = None")
        assert (done.status, done.stdout) == (0, "the job is done\n")
        assert done.stderr.count(f'{distribution} is not installed (pip install "progresskit[{self.name}]")') == 1
        assert done.stderr.count("pip install") == 1
        assert "task-2" in done.stderr  # what suits the stream shows the tasks instead

    def test_a_library_that_is_too_old_is_as_good_as_none(self, tmp_path: Path) -> None:
        distribution, _ = self.library
        record = tmp_path / f"{distribution.replace('-', '_')}-1.2.3.dist-info"
        record.mkdir()
        (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2.3\n")
        done = run(JOB, self.name, tmp_path, "import sys", f"sys.path.insert(0, {str(tmp_path)!r})")
        assert (done.status, done.stdout) == (0, "the job is done\n")
        assert f"{distribution} 1.2.3 is older than" in done.stderr
        assert f'pip install "progresskit[{self.name}]"' in done.stderr

    # Real runs, by the environment variable alone

    def test_into_a_file_go_whole_lines(self, tmp_path: Path) -> None:
        done = run(JOB, self.name, tmp_path)
        assert (done.status, done.stdout) == (0, "the job is done\n")
        assert "\x1b" not in done.stderr and "\r" not in done.stderr
        assert all(f"task-{number}" in done.stderr for number in range(3))

    def test_rows_in_a_real_terminal(self) -> None:
        """On a real terminal each live task has one row with its count."""
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 100))
        process = subprocess.Popen(
            [sys.executable, "-c", PARALLEL],
            env=environment(self.name),
            stdin=subprocess.PIPE,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        try:
            self.read_screens(process, ours)
        finally:
            process.kill()  # it has ended, unless something above has failed
            process.wait()
            os.close(ours)

    def read_screens(self, process: subprocess.Popen[bytes], fd: int) -> None:
        """Read the screen round by round; the suite's time-out is the watchdog."""
        screen = pyte.HistoryScreen(100, 24, history=1000)
        stream = pyte.ByteStream(screen)
        assert process.stdin is not None

        def rows() -> list[str]:
            return [row.rstrip() for row in screen.display if "task-" in row]

        def proceed() -> None:
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.flush()

        def read() -> None:
            """Take what there is, up to the end of a frame."""
            data = b""
            while not data.endswith(END):
                data = os.read(fd, 65536)
                stream.feed(data)

        for turn in range(1, 4):
            proceed()
            counts = [turn * (number + 101) for number in range(6)]
            texts = [f"{count}/1,000 row" for count in counts[:5]] + [f"{counts[5]} row"]
            while not all(any(text in row for row in rows()) for text in texts):
                read()
            assert [re.findall(r"task-\d", row) for row in rows()] == [[f"task-{number}"] for number in range(6)]
            assert all(text in row for text, row in zip(texts, rows(), strict=True))
        proceed()
        while not any("the disk is full" in row for row in rows()):
            read()
        shown = [row.rstrip() for row in screen.display if row.strip()]
        assert [re.findall(r"task-\d|a printed line", row) for row in shown] == [
            ["a printed line"],
            *([f"task-{number}"] for number in range(6)),  # two that ended, above the four that live
        ]
        proceed()
        process.stdin.close()
        try:
            while data := os.read(fd, 65536):
                stream.feed(data)
        except OSError:  # Linux's word for the end of a pty
            pass
        assert process.wait() == 0
        shown = [row.rstrip() for row in screen.display]
        assert [row for row in shown if "task-" in row] == [row for row in shown if "task-0" in row or "task-1" in row]
        assert not screen.cursor.hidden
        assert screen.cursor.x == 0
        assert not any(shown[screen.cursor.y :])  # the prompt comes on a fresh line
        assert screen.cursor.y == 0 or shown[screen.cursor.y - 1]  # and right below what stays
