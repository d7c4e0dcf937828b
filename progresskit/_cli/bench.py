"""`progresskit bench`: measure what progress costs on this machine, beside other installed libraries or in the user's
own job.

Each verdict is a ratio to a control of the same run, so that it also holds on a slow machine; a verdict says so if the noise is too
great. Knows how to start programs on a pty and how to judge figures. Does not know the calls of any library.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from .._system.platform import HAS_PTY
from .._text.formatting import format_duration
from ..renderers._region import BEGIN
from .intervals import Interval, interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

IMPORTS = {
    "progresskit": "from progresskit import track",
    "tqdm": "from tqdm import tqdm",
    "rich": "from rich.progress import track",
    "alive-progress": "from alive_progress import alive_it",
}
"""The import statement of each library's loop function, by library."""
COST_LIMIT = 0.01
"""The largest share of a job's processor time that progress should cost."""
IMPORT_ROUNDS, CHILD_SECONDS = 3, 30.0
LEAST_PAIRS, MOST_PAIRS = 6, 20
"""Pairs of runs of a job: the fewest whose interval excludes any value, and the most."""

LONG_SECONDS = 60.0
"""Seconds that somebody waits for a verdict without having been told how long it takes."""
SHORT_SECONDS = 5.0
"""Seconds below which a job measures the start of progress rather than its running cost."""


class Run(NamedTuple):
    """One run of a program: seconds of wall time and of processor time, including its children's, its exit status, and whether rows of
    progresskit stood on its terminal."""

    wall: float
    cpu: float
    status: int
    has_rows: bool = True


def installed() -> list[str]:
    """Return the installed libraries, progresskit first."""
    return [name for name in IMPORTS if find_spec(name.replace("-", "_")) is not None]


def on_a_terminal(
    command: Sequence[str],
    environ: Mapping[str, str],
    *,
    seconds: float | None = None,
    answer: int | None = None,
    source: int | None = None,
) -> Run:
    """Run `command` with a pseudo-terminal of 24 rows and 80 columns as its standard streams, and discard its output.

    Args:
        command: The command.
        environ: Its environment.
        seconds: Kill the command after this many seconds; None: never.
        answer: A descriptor that the command inherits; None for none.
        source: A descriptor to read its input from; None: the terminal.

    Raises:
        OSError: the command cannot be started.
    """
    controller, terminal = _terminal()
    began = time.perf_counter()
    try:
        process = subprocess.Popen(
            command,
            stdin=terminal if source is None else source,
            stdout=terminal,
            stderr=terminal,
            env=dict(environ),
            pass_fds=() if answer is None else (answer,),
        )
    except BaseException:
        os.close(controller)
        raise
    finally:
        os.close(terminal)
    try:
        has_rows = _drain(controller, None if seconds is None else began + seconds)
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        os.close(controller)
    if seconds is not None and time.perf_counter() - began > seconds:
        process.kill()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Run(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, process.returncode, has_rows)


def _terminal() -> tuple[int, int]:
    import fcntl
    import struct
    import termios

    controller, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    return controller, terminal


def _drain(terminal: int, until: float | None) -> bool:
    """Read from `terminal` until its other end is closed, or the time `until` has come; return whether there was a frame of ours."""
    frame, found, last = BEGIN.encode(), False, b""
    while True:
        left = None if until is None else until - time.perf_counter()
        if left is not None and (left <= 0 or not select.select([terminal], [], [], left)[0]):
            return found
        try:
            data = os.read(terminal, 1 << 16)
        except OSError:  # Linux reports the end of a pty like this
            return found
        if not data:
            return found
        found = found or frame in last + data
        last = data[-len(frame) :]


def measured(what: str, library: str) -> Any:
    """Return the figure `what` of `library`, measured in a `bench_child`; None if that fails."""
    read_end, write_end = os.pipe()
    environ = {**os.environ, "TERM": "xterm-256color", "PROGRESSKIT_RENDERER": "ansi"}
    for name in (
        "CI",
        "NO_COLOR",
        "PROGRESSKIT_HUB",
        "PROGRESSKIT_DISABLE",
        "PROGRESSKIT_EVENTS",
        "PROGRESSKIT_FOLDER",
    ):
        environ.pop(name, None)
    command = [sys.executable, "-m", f"{__package__}.bench_child", what, library, str(write_end)]
    try:
        on_a_terminal(command, environ, seconds=CHILD_SECONDS, answer=write_end)
    finally:
        os.close(write_end)
    with open(read_end, encoding="utf-8") as answer:
        text = answer.read()
    try:
        return json.loads(text)
    except ValueError:
        return None


def imported(statement: str) -> float:
    """Return the processor seconds of an import, beyond those of an interpreter that imports nothing."""

    def run(program: str) -> float:
        return min(
            on_a_terminal([sys.executable, "-c", program], os.environ, seconds=CHILD_SECONDS).cpu
            for _ in range(IMPORT_ROUNDS)
        )

    return max(run(statement) - run("pass"), 0.0)


def per_call(times: Mapping[str, Sequence[float]]) -> tuple[Interval, Interval]:
    """Return the cost of a call beyond the bare loop, compared round by round: in nanoseconds, and in calls of an empty method."""
    rounds = list(zip(times["library"], times["bare"], times["call"], strict=True))
    ratios = [(more - bare) / (call - bare) for more, bare, call in rounds if call > bare]
    return interval([(more - bare) * 1e9 for more, bare, _ in rounds]), interval(ratios or [0.0])


def compare(say: Callable[[str], object] = lambda _: None) -> dict[str, dict[str, Any]]:
    """Return the figures of each installed library, by name. Calls `say` with the step that is being measured.

    The figures are `item_ns` and `update_ns` (nanoseconds beyond a bare loop), `item_calls` and `update_calls` (the same in calls of
    an empty method), `draw` (share of a core for one bar that moves ten times a second), `line_us` (microseconds of a line above the
    bar), `line_ratio` (to a line without a bar), and `import_ms`. A figure that could not be measured is None.
    """
    found: dict[str, dict[str, Any]] = {}
    for library in installed():
        say(f"{library} ...")
        figures: dict[str, Any] = {}
        for what in ("item", "update"):
            times = measured(what, library)
            nanoseconds, calls = per_call(times) if times else (None, None)
            figures[f"{what}_ns"], figures[f"{what}_calls"] = nanoseconds, calls
        figures["draw"] = measured("draw", library)
        lines = measured("lines", library)
        figures["line_us"] = lines and lines["library"][0] * 1e6
        figures["line_ratio"] = lines and lines["library"][0] / max(lines["bare"][0], 1e-9)
        figures["import_ms"] = imported(IMPORTS[library]) * 1e3
        found[library] = figures
    return found


HEAD = ("library", "item", "update", "drawing", "printed line", "import")
LEGEND = (
    "An item and an update: beyond a bare loop, and in calls of an empty method. Drawing: the share of a core for a bar that moves ten "
    "times a second. A printed line: above the bar, and in lines without one. Import: processor time."
)


def table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the figures `found`, from `compare`, as a plain-text table."""

    def cell(figures: Mapping[str, Any], what: str) -> str:
        nanoseconds, calls = figures[f"{what}_ns"], figures[f"{what}_calls"]
        return "-" if nanoseconds is None else f"{nanoseconds.middle:,.0f} ns ({times(calls.middle)})"

    def times(value: float) -> str:
        return f"{value:.1f}" if value < 10 else f"{value:.0f}"

    rows = [HEAD]
    for library, figures in found.items():
        draw, line = figures["draw"], figures["line_us"]
        rows.append(
            (
                library,
                cell(figures, "item"),
                cell(figures, "update"),
                "-" if draw is None else f"{100 * draw:.1f} %",
                "-" if line is None else f"{line:,.0f} us ({times(figures['line_ratio'])})",
                f"{figures['import_ms']:,.0f} ms",
            )
        )
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEAD))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def verdict(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a sentence that judges progresskit's figures."""
    ours = found["progresskit"]
    item, draw = ours["item_ns"], ours["draw"]
    if item is None or draw is None:
        return "progresskit could not be measured here: its programs did not answer in time."
    if item.high > 4 * max(item.middle, 1.0):
        return "Too noisy to say: the machine is busy with something else."
    left = COST_LIMIT - draw
    if left <= 0:
        return f"Drawing alone took {100 * draw:.1f} % of a core: too noisy to say, or PROGRESSKIT_BUDGET is above 1 %."
    least = max(item.middle, 0.0) / left / 1e3
    return (
        f"A loop whose items take {max(least, 0.1):,.1f} us or more pays under 1 % for progress, drawing included "
        f"({item.middle:,.0f} ns an item, {100 * draw:.1f} % of a core)."
    )


def paired(
    command: Sequence[str],
    seconds: float,
    say: Callable[[str], object] = lambda _: None,
    warn: Callable[[str], object] = lambda _: None,
) -> tuple[list[tuple[Run, Run]], int]:
    """Run `command` in pairs, with and without progress, for about `seconds` seconds, and six pairs at least.

    Args:
        command: The command.
        seconds: Seconds after which no pair begins once there are six.
        say: Is told which pair runs.
        warn: Is told, after the first run, where six pairs take much longer than `seconds`, and where something waits on standard
            input that no run is given. Ctrl-C ends the pairs then or at any time.

    Every other pair begins with the run without progress. A first run, which warms caches, does not count. If standard
    input is a file, each run reads it from the present position. Otherwise the input of each run is empty, because the
    next run would wait for input that the last one has read, or that nobody types.

    Returns:
        The pairs, each with progress first, and the exit status of the first run that failed, 0 if none did.

    Raises:
        OSError: the command cannot be started.
        KeyboardInterrupt: before the first pair was whole.
    """
    shown = {name: value for name, value in os.environ.items() if name != "PROGRESSKIT_DISABLE"}
    silent = {**shown, "PROGRESSKIT_DISABLE": "1"}
    began = time.monotonic()

    def run(environ: Mapping[str, str]) -> Run:
        with standard_input() as source:
            return on_a_terminal(command, environ, source=source)

    say("a first run, which does not count ...")
    first = run(silent)
    if first.status:
        return [], first.status
    if _pipe_has_input():
        warn("what comes through a pipe can be read once, so that each run has an empty input. Give a file: < FILE.")
    whole = 2 * LEAST_PAIRS * first.wall
    if whole > 2 * max(seconds, LONG_SECONDS):
        warn(
            f"the command takes {format_duration(first.wall)}, and {LEAST_PAIRS} pairs of runs {format_duration(whole)}. "
            "Ctrl-C ends this with what has been measured; a shorter job tells as much, from some ten seconds on."
        )
    pairs: list[tuple[Run, Run]] = []
    while len(pairs) < LEAST_PAIRS or (len(pairs) < MOST_PAIRS and time.monotonic() - began < seconds):
        say(f"pair {len(pairs) + 1} ...")
        try:
            two = [run(silent if silently else shown) for silently in (len(pairs) % 2, 1 - len(pairs) % 2)]
        except KeyboardInterrupt:
            if not pairs:
                raise
            return pairs, 0
        for each in two:
            if each.status:
                return pairs, each.status
        pairs.append((two[1], two[0]) if len(pairs) % 2 else (two[0], two[1]))
    return pairs, 0


@contextmanager
def standard_input() -> Iterator[int]:
    """Give a descriptor of the file of standard input, and restore its position at the end; if it is not a file, a
    descriptor of an empty file."""
    try:
        start = os.lseek(0, 0, os.SEEK_CUR) if stat.S_ISREG(os.fstat(0).st_mode) else None
    except OSError:  # there is none
        start = None
    if start is not None:
        try:
            yield 0
        finally:
            os.lseek(0, start, os.SEEK_SET)
        return
    with open(os.devnull, "rb") as nothing:
        yield nothing.fileno()


def _pipe_has_input() -> bool:
    """Whether standard input is a pipe in which something waits."""
    try:
        return stat.S_ISFIFO(os.fstat(0).st_mode) and bool(select.select([0], [], [], 0)[0]) and _waiting(0) > 0
    except (OSError, ValueError):  # there is none
        return False


def _waiting(descriptor: int) -> int:
    import fcntl
    import termios

    return int.from_bytes(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)), sys.byteorder)


def ended(status: int) -> str:
    """Return how a command ended, in words.

    Example:
        >>> ended(3), ended(-9)
        ('ended with status 3', 'was ended by SIGKILL')
    """
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:  # a real-time signal has no name
        return f"was ended by signal {-status}"


def judged(pairs: Sequence[tuple[Run, Run]]) -> tuple[dict[str, Any], str]:
    """Return the verdict of `pairs`, as figures and as a sentence.

    Example:
        >>> print(judged([(Run(1.0, 1.001, 0), Run(1.0, 1.0, 0))] * 6)[1])
        Under 1 %: progress adds 0.10 % of processor time (0.10 to 0.10 %) and 0.00 % of time on the wall, in 6 pairs.
    """
    cpu = interval([shown.cpu / max(silent.cpu, 1e-9) for shown, silent in pairs])
    wall = interval([shown.wall / max(silent.wall, 1e-9) for shown, silent in pairs])
    if cpu.high < 1 + COST_LIMIT:
        word = "under"
    elif cpu.low > 1 + COST_LIMIT:
        word = "over"
    else:
        word = "noisy"
    low, middle, high = (100 * (value - 1) for value in cpu)
    if len(pairs) < LEAST_PAIRS:  # the interval of so few may miss the true value
        word = "noisy"
    head = {"under": "Under 1 %", "over": "Not under 1 %", "noisy": "Too noisy to say"}[word]
    if len(pairs) < LEAST_PAIRS:
        head = "Too few pairs to say"
    sentence = (
        f"{head}: progress adds {middle:.2f} % of processor time ({low:.2f} to {high:.2f} %) and "
        f"{100 * (wall.middle - 1):.2f} % of time on the wall, in {len(pairs)} {'pair' if len(pairs) == 1 else 'pairs'}."
    )
    seconds = interval([silent.wall for _, silent in pairs]).middle
    core = interval([(shown.cpu - silent.cpu) / max(shown.wall, 1e-9) for shown, silent in pairs]).middle
    processor = interval([silent.cpu for _, silent in pairs]).middle
    if word != "under" and processor < 0.5 * seconds:
        sentence += f" The command mostly waits: progress takes {100 * core:.2f} % of a core."
    if word != "under" and seconds < SHORT_SECONDS:
        sentence += (
            f" The command takes {seconds:.1f} s, in which import and start weigh most: a longer one tells more."
        )
    has_rows = any(shown.has_rows for shown, _ in pairs)
    if not has_rows:
        sentence += " No row of progresskit was seen: the command may not use it, end too soon, or show it elsewhere."
    return {
        "verdict": word,
        "has_rows": has_rows,
        "pairs": len(pairs),
        "processor_ratio": cpu._asdict(),
        "wall_ratio": wall._asdict(),
        "core_share": core,
        "processor_seconds": processor,
        "wall_seconds": seconds,
    }, sentence


def bench(command: Sequence[str], *, as_json: bool = False, seconds: float = 60.0) -> int:
    """Measure `command`, or the installed libraries if it is empty; print the result, and return the exit status.

    Raises:
        OSError: the command cannot be started.
    """
    if not HAS_PTY:
        print("progresskit bench: this system has no pseudo-terminals.", file=sys.stderr)
        return 1

    def say(text: str) -> None:
        if not as_json and sys.stderr.isatty():
            print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)

    if command:
        pairs, status = paired(command, seconds, say, lambda text: print(f"progresskit bench: {text}", file=sys.stderr))
        say("")
        if status:
            print(f"progresskit bench: the command {ended(status)}: nothing was compared.", file=sys.stderr)
            return 1
        figures, sentence = judged(pairs)
        print(json.dumps(figures) if as_json else _told(sentence))
        return 0
    found = compare(say)
    say("")
    if as_json:
        plain = {
            library: {
                name: value._asdict() if isinstance(value, Interval) else value for name, value in figures.items()
            }
            for library, figures in found.items()
        }
        print(json.dumps({"libraries": plain, "verdict": verdict(found)}))
    else:
        print(f"{table(found)}\n\n{textwrap.fill(LEGEND, 79)}\n\n{_told(verdict(found))}")
    return 0


def _told(sentence: str) -> str:
    """Return `sentence` in lines of whole words, if standard output is a terminal."""
    return textwrap.fill(sentence, shutil.get_terminal_size().columns) if sys.stdout.isatty() else sentence
