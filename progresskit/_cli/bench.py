"""What progress costs here: hot paths, drawing, printing and import beside the peers that are installed, or a job of the user's own.

Every verdict rests on a ratio to a control of the same run, so that it is the same on a slow machine; where the noise is too great to
say, it says so. Knows how to start programs on a pty and how to judge figures. Does not know what a library's calls are.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from .._system.platform import HAS_PTY
from .intervals import Interval, interval

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

IMPORTS = {
    "progresskit": "from progresskit import track",
    "tqdm": "from tqdm import tqdm",
    "rich": "from rich.progress import track",
    "alive-progress": "from alive_progress import alive_it",
}
"""The libraries, and how a program imports what it puts around a loop."""
BAR = 0.01
"""The share of a job's processor time that progress may cost."""
IMPORT_ROUNDS, CHILD_SECONDS = 3, 30.0
LEAST_PAIRS, MOST_PAIRS = 6, 20
"""Pairs of a job: the least from which an interval follows that leaves some out, and the most."""

SHORT_SECONDS = 5.0
"""Seconds below which a job tells more of the start of progress than of its cost."""


class Run(NamedTuple):
    """One run of a program: seconds on the wall and of processor time, its children's included, and how it ended."""

    wall: float
    cpu: float
    status: int


def installed() -> list[str]:
    """Return the libraries that are installed, ours first."""
    return [name for name in IMPORTS if find_spec(name.replace("-", "_")) is not None]


def on_a_terminal(
    command: Sequence[str], environ: Mapping[str, str], *, seconds: float | None = None, answer: int | None = None
) -> Run:
    """Run `command` with a pseudo-terminal of 24 rows and 80 columns as its standard streams, whose output goes nowhere.

    Args:
        command: The command.
        environ: Its environment.
        seconds: After so many it is killed; None: never.
        answer: A descriptor that it inherits.

    Raises:
        OSError: it cannot be started.
    """
    ours, theirs = _terminal()
    began = time.perf_counter()
    try:
        process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=dict(environ),
            pass_fds=() if answer is None else (answer,),
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    try:
        _drain(ours, None if seconds is None else began + seconds)
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        os.close(ours)
    if seconds is not None and time.perf_counter() - began > seconds:
        process.kill()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Run(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, process.returncode)


def _terminal() -> tuple[int, int]:
    import fcntl
    import struct
    import termios

    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    return ours, theirs


def _drain(terminal: int, until: float | None) -> None:
    """Read from `terminal` until nobody has its other end."""
    while True:
        left = None if until is None else until - time.perf_counter()
        if left is not None and (left <= 0 or not select.select([terminal], [], [], left)[0]):
            return
        try:
            if not os.read(terminal, 1 << 16):
                return
        except OSError:  # Linux's word for the end of a pty
            return


def measured(what: str, library: str) -> Any:
    """Return a figure of `library` that `bench_child` takes; None where it cannot be had."""
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
    """Return the seconds of processor time that an import takes, over an interpreter that imports nothing."""

    def run(program: str) -> float:
        return min(
            on_a_terminal([sys.executable, "-c", program], os.environ, seconds=CHILD_SECONDS).cpu
            for _ in range(IMPORT_ROUNDS)
        )

    return max(run(statement) - run("pass"), 0.0)


def per_call(times: Mapping[str, Sequence[float]]) -> tuple[Interval, Interval]:
    """Return nanoseconds over the bare loop, and the same in calls of an empty method, round by round."""
    rounds = list(zip(times["library"], times["bare"], times["call"], strict=True))
    ratios = [(more - bare) / (call - bare) for more, bare, call in rounds if call > bare]
    return interval([(more - bare) * 1e9 for more, bare, _ in rounds]), interval(ratios or [0.0])


def compare(say: Callable[[str], object] = lambda _: None) -> dict[str, dict[str, Any]]:
    """Return what each installed library costs, by name. `say` is told what is being measured.

    Each has `item_ns` and `update_ns` (nanoseconds over a bare loop), `item_calls` and `update_calls` (the same in calls of an
    empty method), `draw` (share of a core: one bar, moved ten times a second), `line_us` (microseconds of a line above the
    bar), `line_ratio` (over a line without one), and `import_ms`. None is what could not be had.
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


HEAD = ("library", "item", "update", "drawing", "a printed line", "import")


def table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return `found`, of `compare`, as a table of plain text."""

    def cell(figures: Mapping[str, Any], what: str) -> str:
        nanoseconds, calls = figures[f"{what}_ns"], figures[f"{what}_calls"]
        return "-" if nanoseconds is None else f"{nanoseconds.middle:,.0f} ns ({calls.middle:.1f} calls)"

    rows = [HEAD]
    for library, figures in found.items():
        draw, line = figures["draw"], figures["line_us"]
        rows.append(
            (
                library,
                cell(figures, "item"),
                cell(figures, "update"),
                "-" if draw is None else f"{draw:.1%} of a core",
                "-" if line is None else f"{line:,.0f} us ({figures['line_ratio']:.1f} x)",
                f"{figures['import_ms']:,.0f} ms",
            )
        )
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEAD))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def verdict(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what the figures of ours come to, in a sentence."""
    ours = found["progresskit"]
    item, draw = ours["item_ns"], ours["draw"]
    if item is None or draw is None:
        return "progresskit could not be measured here: its programs did not answer in time."
    if item.high > 4 * max(item.middle, 1.0):
        return "Too noisy to say: the machine is busy with something else."
    left = BAR - draw
    if left <= 0:
        return f"Drawing alone took {draw:.1%} of a core: too noisy to say, or PROGRESSKIT_BUDGET is above 1 %."
    least = max(item.middle, 0.0) / left / 1e3
    return (
        f"A loop whose items take {max(least, 0.1):,.1f} us or more pays under 1 % for progress, drawing included "
        f"({item.middle:,.0f} ns an item, {draw:.1%} of a core)."
    )


def paired(
    command: Sequence[str], seconds: float, say: Callable[[str], object] = lambda _: None
) -> tuple[list[tuple[Run, Run]], int]:
    """Run `command` in pairs, with and without progress, for about so many seconds.

    Every other pair begins with the one without. A first run, which warms caches, is not counted.

    Returns:
        The pairs, each with progress first, and the exit status of the first run that failed, 0 if none did.

    Raises:
        OSError: it cannot be started.
    """
    shown = {name: value for name, value in os.environ.items() if name != "PROGRESSKIT_DISABLE"}
    silent = {**shown, "PROGRESSKIT_DISABLE": "1"}
    began = time.monotonic()
    first = on_a_terminal(command, silent)
    if first.status:
        return [], first.status
    pairs: list[tuple[Run, Run]] = []
    while len(pairs) < LEAST_PAIRS or (len(pairs) < MOST_PAIRS and time.monotonic() - began < seconds):
        say(f"pair {len(pairs) + 1} ...")
        two = [
            on_a_terminal(command, silent if silently else shown) for silently in (len(pairs) % 2, 1 - len(pairs) % 2)
        ]
        for run in two:
            if run.status:
                return pairs, run.status
        pairs.append((two[1], two[0]) if len(pairs) % 2 else (two[0], two[1]))
    return pairs, 0


def judged(pairs: Sequence[tuple[Run, Run]]) -> tuple[dict[str, Any], str]:
    """Return what `pairs` come to, for a program, and in a sentence.

    Example:
        >>> print(judged([(Run(1.0, 1.001, 0), Run(1.0, 1.0, 0))] * 6)[1])
        Under 1 %: progress adds 0.10 % of processor time (0.10 to 0.10 %) and 0.00 % of time on the wall, in 6 pairs.
    """
    cpu = interval([shown.cpu / max(silent.cpu, 1e-9) for shown, silent in pairs])
    wall = interval([shown.wall / max(silent.wall, 1e-9) for shown, silent in pairs])
    if cpu.high < 1 + BAR:
        word = "under"
    elif cpu.low > 1 + BAR:
        word = "over"
    else:
        word = "noisy"
    low, middle, high = (100 * (value - 1) for value in cpu)
    head = {"under": "Under 1 %", "over": "Not under 1 %", "noisy": "Too noisy to say"}[word]
    sentence = (
        f"{head}: progress adds {middle:.2f} % of processor time ({low:.2f} to {high:.2f} %) and "
        f"{100 * (wall.middle - 1):.2f} % of time on the wall, in {len(pairs)} pairs."
    )
    seconds = interval([silent.wall for _, silent in pairs]).middle
    if word != "under" and seconds < SHORT_SECONDS:
        sentence += (
            f" The command takes {seconds:.1f} s, in which import and start weigh most: a longer one tells more."
        )
    return {
        "verdict": word,
        "pairs": len(pairs),
        "processor_ratio": cpu._asdict(),
        "wall_ratio": wall._asdict(),
        "processor_seconds": interval([silent.cpu for _, silent in pairs]).middle,
        "wall_seconds": seconds,
    }, sentence


def bench(command: Sequence[str], *, as_json: bool = False, seconds: float = 60.0) -> int:
    """Measure `command`, or without one the libraries, and print what came of it; return the exit status.

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
        pairs, status = paired(command, seconds, say)
        say("")
        if status:
            print(f"progresskit bench: the command ended with status {status}: nothing was compared.", file=sys.stderr)
            return 1
        figures, sentence = judged(pairs)
        print(json.dumps(figures) if as_json else sentence)
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
        print(f"{table(found)}\n\n{verdict(found)}")
    return 0
