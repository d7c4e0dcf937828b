"""The arguments of the command line, and the words of its help.

Knows the options of each subcommand. Does not know what a subcommand does: `main` calls it.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from .. import __version__
from .._text.program_progress import READERS
from ..renderers.registry import names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    AddParser = Callable[..., argparse.ArgumentParser]

EXAMPLES = """\
examples:
  progresskit demo --renderer plain                the demo as in a log
  progresskit renderers                            the renderer for this terminal, and why
  progresskit run -- make -j4                      one display for every process below make
  pg_dump shop | progresskit pipe | gzip > shop.gz
  progresskit report events                        a summary of an events file
  progresskit show /shared/progress                the progress of other hosts

exit status: 0; 1 failed; 2 a mistake on the command line; 130 after Ctrl-C; 141 where the reader of the output
has gone away. `run` ends as its command does.

completion: pip install 'progresskit[completion]', then eval "$(register-python-argcomplete progresskit)"
"""
DEMO = """\
examples:
  progresskit demo
  progresskit demo --renderer rich --seconds 3
"""
RENDERERS = """\
examples:
  progresskit renderers
  CI=1 progresskit renderers
"""
RUN = """\
examples:
  progresskit run -- make -j4
  progresskit run --jobs 12 -- xargs -P 4 -n 1 python load.py < files
  progresskit run --tqdm -- python train.py

exit status: that of COMMAND; 128 and the signal's number where a signal ended it; 2 where it cannot be started.
"""
PIPE = """\
examples:
  pg_dump shop | progresskit pipe --description shop | gzip > shop.gz
  progresskit pipe -l --total 1000000 < orders.csv | psql -c 'copy orders from stdin csv'

exit status: 0; 1 if reading or writing fails; that of `cat` if a signal or a closed output ends it.
"""
REPORT = """\
examples:
  PROGRESSKIT_EVENTS=events python job.py; progresskit report events
  progresskit report events --html -o report.html
"""
REPLAY = """\
examples:
  progresskit replay events --speed 10
"""
SERVE = """\
examples:
  progresskit serve events                         an events file, while it grows
  progresskit serve --hub                          processes that join; prints how to join
  ssh -L 8000:localhost:8000 host                  then open the address with port 8000 here
"""
SHOW = """\
examples:
  progresskit show /shared/progress --total
"""
BENCH = """\
examples:
  progresskit bench
  progresskit bench -- python train.py --epochs 1
  progresskit bench --json -- ./job.sh

exit status: 0, whatever the verdict, also where the machine is too noisy for one; 1 where COMMAND fails; 2 where it
cannot be started.
"""


def make_parser() -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """Return the parser of the command line, and the parsers of its subcommands by name."""
    parser = argparse.ArgumentParser(
        prog="progresskit",
        description="Show the progress of programs: of a command and all processes below it, of a pipe, of an events file.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"progresskit {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, help: str, examples: str, **options: Any) -> argparse.ArgumentParser:
        return commands.add_parser(
            name, help=help, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter, **options
        )

    add("renderers", "list the renderers, and the one that would be chosen here and why", RENDERERS)
    _add_demo(add)
    _add_run(add)
    _add_pipe(add)
    _add_report(add)
    _add_replay(add)
    _add_serve(add)
    _add_show(add)
    _add_bench(add)
    return parser, commands.choices


def _add_demo(add: AddParser) -> None:
    parser = add("demo", "show nested, parallel, unknown-total, failing and printing tasks", DEMO)
    _add_renderer(parser, "terminal")
    parser.add_argument("--seconds", type=float, default=6.0, help="the length of the demo in seconds (6)")


def _add_run(add: AddParser) -> None:
    parser = add(
        "run",
        "show one display for a command and every process below it",
        RUN,
        usage="progresskit run [--renderer R] [--total] [--jobs N] [--quiet] [--no-pty] [--tqdm] [--read PROGRAM] "
        "[--web [PORT]] -- COMMAND...",
        description="Run COMMAND. Every process below it that uses progresskit appears in one display, and their output goes\n"
        "above the bars. Exit status and signals are passed through. In place of this terminal, COMMAND gets a\n"
        "pseudo-terminal (pty) of the same size, so that it behaves as usual; --no-pty gives it a pipe instead.",
    )
    _add_renderer(parser, "terminal")
    parser.add_argument("--total", action="store_true", help="add a line that sums up all processes")
    parser.add_argument("--jobs", type=int, metavar="N", help="the same, for N tasks in all: with a percentage")
    parser.add_argument("--quiet", action="store_true", help="show only bars, and the command's last lines if it fails")
    parser.add_argument("--no-pty", action="store_true", help="give COMMAND a pipe instead of a pty")
    parser.add_argument(
        "--tqdm", action="store_true", help="have bars of tqdm join the display, in programs that cannot be changed"
    )
    parser.add_argument("--read", choices=sorted(READERS), help="show this program's own progress messages as rows")
    parser.add_argument(
        "--web",
        nargs="?",
        const="1",
        metavar="PORT",
        help="also show the display on a live page: on a free port, PORT or HOST:PORT",
    )
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="COMMAND")


def _add_pipe(add: AddParser) -> None:
    parser = add("pipe", "copy standard input to standard output with a bar of its bytes or lines", PIPE)
    parser.add_argument("-l", "--lines", action="store_true", help="count lines instead of bytes")
    parser.add_argument(
        "--total", type=int, metavar="N", help="the number of bytes or lines (a file's size, else unknown)"
    )
    parser.add_argument("--description", default="pipe", metavar="TEXT", help="the description of the bar (pipe)")
    _add_renderer(parser, "standard error")


def _add_report(add: AddParser) -> None:
    parser = add("report", "summarise an events file: each task, its end and its time", REPORT)
    parser.add_argument("file", metavar="FILE", help="the events file; - is standard input")
    kinds = parser.add_mutually_exclusive_group()
    for option, what in (
        ("html", "write one page for a browser: a timeline of the tasks, failures first"),
        ("trace", "write trace events, for Perfetto and Chrome"),
        ("prometheus", "write metrics in Prometheus's text format, of tasks at the top"),
        ("csv", "write one line for each task"),
        ("markdown", "write a table in Markdown"),
        ("step-summary", "append that table to the file that GITHUB_STEP_SUMMARY names"),
    ):
        kinds.add_argument(f"--{option}", dest="kind", action="store_const", const=option, help=what)
    parser.add_argument("-o", "--output", metavar="PATH", help="the file to write (standard output)")


def _add_replay(add: AddParser) -> None:
    parser = add("replay", "draw an events file again, at its original pace", REPLAY)
    parser.add_argument("file", metavar="FILE", help="the events file; - is standard input")
    parser.add_argument("--speed", type=float, default=1.0, metavar="N", help="the factor by which to speed up (1)")
    _add_renderer(parser, "terminal")


def _add_serve(add: AddParser) -> None:
    parser = add(
        "serve",
        "show an events file, or a hub that processes join, on a live page",
        SERVE,
        description="Serve a live page of an events file (PROGRESSKIT_EVENTS), or of the processes that join a hub, until Ctrl-C.\n"
        "Only this machine can open it unless --host says otherwise, and only with the token in its address.",
    )
    parser.add_argument("file", metavar="FILE", nargs="?", help="the events file")
    parser.add_argument("--hub", action="store_true", help="open a hub, and print the environment variables to join it")
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="the address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="the port (a free one)")
    _add_renderer(parser, "terminal")


def _add_show(add: AddParser) -> None:
    parser = add(
        "show",
        "show the processes that write to a shared folder (PROGRESSKIT_FOLDER)",
        SHOW,
        description="Show, live, the processes with PROGRESSKIT_FOLDER=FOLDER in their environment, on any host, until all have\n"
        "ended. Exit status: 0; 1 if a task failed or a process is lost; 2 if the folder cannot be read; 130 after Ctrl-C.",
    )
    parser.add_argument("folder", metavar="FOLDER", help="the folder, which may be empty")
    _add_renderer(parser, "terminal")
    parser.add_argument("--total", action="store_true", help="add a line that sums up all processes")
    parser.add_argument(
        "--lost", type=float, default=120.0, metavar="SECONDS", help="how long a running process may be silent (120)"
    )


def _add_bench(add: AddParser) -> None:
    parser = add(
        "bench",
        "measure what progress costs here, or what it costs a command",
        BENCH,
        usage="progresskit bench [--json] [--seconds S] [-- COMMAND...]",
        description="Without COMMAND: loops, updates, drawing, printed lines and import, beside the libraries that are installed,\n"
        "in under a minute. With COMMAND: run it in pairs, with and without progress (PROGRESSKIT_DISABLE), on a\n"
        "pseudo-terminal, and print what progress adds to its processor time and its wall time.",
    )
    parser.add_argument("--json", action="store_true", help="write the figures as one JSON object")
    parser.add_argument(
        "--seconds",
        type=float,
        default=60.0,
        metavar="S",
        help="how long to repeat COMMAND, at least six pairs (60)",
    )
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="COMMAND")


def _add_renderer(parser: argparse.ArgumentParser, where: str) -> None:
    action = parser.add_argument(
        "--renderer",
        help=f"the renderer; otherwise PROGRESSKIT_RENDERER, else what suits the {where}".replace(
            "the standard", "standard"
        ),
    )
    action.completer = lambda **_: [name for name in names() if name != "hub"]  # type: ignore[attr-defined]  # argcomplete looks for it
