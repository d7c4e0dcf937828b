"""The command line: `progresskit renderers`, `demo`, `run`, `show`, `pipe`, `report`, `replay`, `bench` and `serve`.

Knows arguments and exit statuses. Does not know how anything is drawn.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from .. import __version__
from .._display.terminal import StreamTerminal
from .._text.cells import encodable
from .._text.program_progress import READERS
from ..renderers.registry import default_stream, find, named, names, prefer_hub

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TextIO


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


def main(arguments: Sequence[str] | None = None, *, handle_interrupts: Callable[[], object] = lambda: None) -> int:
    """Run the command line and return its exit status: 0, 1 (failed), 2 (usage), 130 (interrupted) or 141 (the reader of the
    output has closed it); for `run`, that of its command.

    Args:
        arguments: The arguments of the command; None takes `sys.argv`.
        handle_interrupts: Restores the handler of Ctrl-C. A subcommand calls it before it opens anything that it must clean up.
    """
    try:
        try:
            return _main(arguments, handle_interrupts)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # now: a failing flush at the interpreter's exit would show a traceback
    except BrokenPipeError:
        return reader_gone()


def reader_gone() -> int:
    """Discard further output, and return the exit status of a program whose reader has closed the pipe."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except OSError:
        pass
    return 128 + 13  # a shell's status for SIGPIPE, also on systems without this signal


def _main(arguments: Sequence[str] | None, handle_interrupts: Callable[[], object]) -> int:
    parser, commands = make_parser()
    if "_ARGCOMPLETE" in os.environ:  # the shell asks for completions
        complete(parser)
    options = parser.parse_args(arguments)
    command = commands[options.command]
    if options.command == "run":
        return _run(command, options)
    if options.command == "pipe":
        return _pipe(command, options, handle_interrupts)
    if options.command == "show":
        return _show(command, options, handle_interrupts)
    if options.command == "report":
        return _report(command, options)
    if options.command == "replay":
        return _replay(command, options, handle_interrupts)
    if options.command == "bench":
        return _bench(command, options)
    if options.command == "serve":
        return _serve(command, options, handle_interrupts)
    if options.command == "renderers":
        print(renderers())
        return 0
    from .demo import demonstrate

    try:
        handle_interrupts()
        demonstrate(options.renderer, options.seconds)
    except ValueError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        return 130
    return 0


def complete(parser: argparse.ArgumentParser) -> None:
    """Give the shell its completions, if argcomplete is installed (`progresskit[completion]`)."""
    try:
        import argcomplete  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return
    argcomplete.autocomplete(parser)


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
    demo = add("demo", "show nested, parallel, unknown-total, failing and printing tasks", DEMO)
    _add_renderer(demo, "terminal")
    demo.add_argument("--seconds", type=float, default=6.0, help="the length of the demo in seconds (6)")
    run = add(
        "run",
        "show one display for a command and every process below it",
        RUN,
        usage="progresskit run [--renderer R] [--total] [--jobs N] [--quiet] [--no-pty] [--tqdm] [--read PROGRAM] "
        "[--web [PORT]] -- COMMAND...",
        description="Run COMMAND. Every process below it that uses progresskit appears in one display, and their output goes\n"
        "above the bars. Exit status and signals are passed through. In place of this terminal, COMMAND gets a\n"
        "pseudo-terminal (pty) of the same size, so that it behaves as usual; --no-pty gives it a pipe instead.",
    )
    _add_renderer(run, "terminal")
    run.add_argument("--total", action="store_true", help="add a line that sums up all processes")
    run.add_argument("--jobs", type=int, metavar="N", help="the same, for N tasks in all: with a percentage")
    run.add_argument("--quiet", action="store_true", help="show only bars, and the command's last lines if it fails")
    run.add_argument("--no-pty", action="store_true", help="give COMMAND a pipe instead of a pty")
    run.add_argument(
        "--tqdm", action="store_true", help="have bars of tqdm join the display, in programs that cannot be changed"
    )
    run.add_argument("--read", choices=sorted(READERS), help="show this program's own progress messages as rows")
    run.add_argument(
        "--web",
        nargs="?",
        const="1",
        metavar="PORT",
        help="also show the display on a live page: on a free port, PORT or HOST:PORT",
    )
    run.add_argument("arguments", nargs=argparse.REMAINDER, metavar="COMMAND")
    pipe = add("pipe", "copy standard input to standard output with a bar of its bytes or lines", PIPE)
    pipe.add_argument("-l", "--lines", action="store_true", help="count lines instead of bytes")
    pipe.add_argument(
        "--total", type=int, metavar="N", help="the number of bytes or lines (a file's size, else unknown)"
    )
    pipe.add_argument("--description", default="pipe", metavar="TEXT", help="the description of the bar (pipe)")
    _add_renderer(pipe, "standard error")
    report = add("report", "summarise an events file: each task, its end and its time", REPORT)
    report.add_argument("file", metavar="FILE", help="the events file; - is standard input")
    kinds = report.add_mutually_exclusive_group()
    for option, what in (
        ("html", "write one page for a browser: a timeline of the tasks, failures first"),
        ("trace", "write trace events, for Perfetto and Chrome"),
        ("prometheus", "write metrics in Prometheus's text format, of tasks at the top"),
        ("csv", "write one line for each task"),
        ("markdown", "write a table in Markdown"),
        ("step-summary", "append that table to the file that GITHUB_STEP_SUMMARY names"),
    ):
        kinds.add_argument(f"--{option}", dest="kind", action="store_const", const=option, help=what)
    report.add_argument("-o", "--output", metavar="PATH", help="the file to write (standard output)")
    replay = add("replay", "draw an events file again, at its original pace", REPLAY)
    replay.add_argument("file", metavar="FILE", help="the events file; - is standard input")
    replay.add_argument("--speed", type=float, default=1.0, metavar="N", help="the factor by which to speed up (1)")
    _add_renderer(replay, "terminal")
    serve = add(
        "serve",
        "show an events file, or a hub that processes join, on a live page",
        SERVE,
        description="Serve a live page of an events file (PROGRESSKIT_EVENTS), or of the processes that join a hub, until Ctrl-C.\n"
        "Only this machine can open it unless --host says otherwise, and only with the token in its address.",
    )
    serve.add_argument("file", metavar="FILE", nargs="?", help="the events file")
    serve.add_argument("--hub", action="store_true", help="open a hub, and print the environment variables to join it")
    serve.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="the address to listen on (127.0.0.1)")
    serve.add_argument("--port", type=int, default=0, metavar="N", help="the port (a free one)")
    _add_renderer(serve, "terminal")
    show = add(
        "show",
        "show the processes that write to a shared folder (PROGRESSKIT_FOLDER)",
        SHOW,
        description="Show, live, the processes with PROGRESSKIT_FOLDER=FOLDER in their environment, on any host, until all have\n"
        "ended. Exit status: 0; 1 if a task failed or a process is lost; 2 if the folder cannot be read; 130 after Ctrl-C.",
    )
    show.add_argument("folder", metavar="FOLDER", help="the folder, which may be empty")
    _add_renderer(show, "terminal")
    show.add_argument("--total", action="store_true", help="add a line that sums up all processes")
    show.add_argument(
        "--lost", type=float, default=120.0, metavar="SECONDS", help="how long a running process may be silent (120)"
    )
    bench = add(
        "bench",
        "measure what progress costs here, or what it costs a command",
        BENCH,
        usage="progresskit bench [--json] [--seconds S] [-- COMMAND...]",
        description="Without COMMAND: loops, updates, drawing, printed lines and import, beside the libraries that are installed,\n"
        "in under a minute. With COMMAND: run it in pairs, with and without progress (PROGRESSKIT_DISABLE), on a\n"
        "pseudo-terminal, and print what progress adds to its processor time and its wall time.",
    )
    bench.add_argument("--json", action="store_true", help="write the figures as one JSON object")
    bench.add_argument(
        "--seconds",
        type=float,
        default=60.0,
        metavar="S",
        help="how long to repeat COMMAND, at least six pairs (60)",
    )
    bench.add_argument("arguments", nargs=argparse.REMAINDER, metavar="COMMAND")
    return parser, commands.choices


def _add_renderer(parser: argparse.ArgumentParser, where: str) -> None:
    action = parser.add_argument(
        "--renderer",
        help=f"the renderer; otherwise PROGRESSKIT_RENDERER, else what suits the {where}".replace(
            "the standard", "standard"
        ),
    )
    action.completer = lambda **_: [name for name in names() if name != "hub"]  # type: ignore[attr-defined]  # argcomplete looks for it


def _run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    command = options.arguments[1:] if options.arguments[:1] == ["--"] else options.arguments
    if not command:
        parser.error("there is no command: give one, as in `progresskit run -- make -j4`.")
    if options.jobs is not None and options.jobs < 1:
        parser.error(f"--jobs is {options.jobs}: give a number from 1.")
    from .run import leave, run

    if options.tqdm:
        os.environ.update(with_tqdm(os.environ))
    try:
        status = run(
            command,
            renderer=options.renderer,
            totals=options.total,
            jobs=options.jobs,
            quiet=options.quiet,
            pty=not options.no_pty,
            read=options.read,
            web=options.web,
        )
        return leave(status)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    except KeyboardInterrupt:  # before the command's start or after its end
        return leave(-signal.SIGINT)


def _bench(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    from .bench import bench

    command = options.arguments[1:] if options.arguments[:1] == ["--"] else options.arguments
    try:
        return bench(command, as_json=options.json, seconds=options.seconds)
    except OSError as error:
        parser.error(f"{command[0] if command else sys.executable!r:.200} cannot be started: {error.strerror}.")
    except KeyboardInterrupt:
        return 130


def with_tqdm(environ: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables that give Python programs progresskit's tqdm, by a `sitecustomize` that hooks its import."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    paths = [os.path.join(package, "tqdm", "_site"), *filter(None, [environ.get("PYTHONPATH")])]
    return {"PROGRESSKIT_TQDM": "1", "PYTHONPATH": os.pathsep.join(paths)}


def _pipe(parser: argparse.ArgumentParser, options: argparse.Namespace, handle_interrupts: Callable[[], object]) -> int:
    from .pipe import copy
    from .run import leave

    if options.total is not None and options.total < 0:
        parser.error(f"--total is {options.total}: give a number from 0.")
    try:
        handle_interrupts()
        copy(0, 1, lines=options.lines, total=options.total, description=options.description, renderer=options.renderer)
    except ValueError as error:
        parser.error(str(error))
    except BrokenPipeError:  # end as `cat` would
        return leave(-13)  # SIGPIPE, also on systems without this signal
    except KeyboardInterrupt:
        return leave(-signal.SIGINT)
    except OSError as error:
        print(f"progresskit: {error}", file=sys.stderr)
        return 1
    return 0


def _show(parser: argparse.ArgumentParser, options: argparse.Namespace, handle_interrupts: Callable[[], object]) -> int:
    if not options.lost > 0:
        parser.error(f"--lost is {options.lost:g}: give a number of seconds above 0.")
    from .run import leave
    from .show import show

    try:
        handle_interrupts()
        return show(options.folder, renderer=options.renderer, totals=options.total, lost=options.lost)
    except ValueError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"the folder {options.folder!r:.200} cannot be read: {error.strerror}.")
    except KeyboardInterrupt:
        return leave(-signal.SIGINT)


def _report(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    from . import event_exports
    from .event_log import read
    from .event_page import page
    from .event_report import tell

    if options.kind == "step-summary":
        options.output = os.environ.get("GITHUB_STEP_SUMMARY") or parser.error("GITHUB_STEP_SUMMARY is not set.")
    terminal = StreamTerminal(sys.stdout)
    try:
        with _opened(options.file) as file:
            log = read(file)
        make = {
            "html": page,
            "trace": event_exports.trace,
            "prometheus": event_exports.prometheus,
            "csv": event_exports.table,
            "markdown": event_exports.markdown,
            "step-summary": event_exports.markdown,
        }.get(options.kind)
        if make is None:
            columns = terminal.size()[0] if terminal.is_tty and options.output is None else 1_000
            text = tell(log, columns, unicode=terminal.unicode or options.output is not None) + "\n"
        else:
            text = make(log)
    except OSError as error:
        parser.error(f"the events file cannot be read: {error}.")
    finally:
        terminal.close()
    if options.output is None:
        sys.stdout.write(encodable(text, terminal.encoding))
        return 0
    try:
        _write(options.output, text, append=options.kind == "step-summary")
    except OSError as error:
        parser.error(f"{options.output!r:.200} cannot be written: {error.strerror}.")
    return 0


def _opened(path: str) -> TextIO:
    """Open the events file at `path`, or standard input if that is `-`.

    Raises:
        OSError: the file cannot be opened.
    """
    return open(0 if path == "-" else path, encoding="utf-8", errors="replace", closefd=path != "-")


def _write(path: str, text: str, *, append: bool) -> None:
    """Write `text` to `path` whole or not at all, so that a concurrent reader sees the old file or the new one.

    Raises:
        OSError: the file cannot be written.
    """
    if append or (os.path.exists(path) and not os.path.isfile(path)):  # a pipe or a device must not be replaced
        with open(path, "a", encoding="utf-8") as file:
            file.write(text)
        return
    passing = f"{path}.{os.getpid()}.tmp"
    try:
        with open(passing, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(passing, path)
    except OSError:
        if os.path.exists(passing):
            os.unlink(passing)
        raise


def _replay(
    parser: argparse.ArgumentParser, options: argparse.Namespace, handle_interrupts: Callable[[], object]
) -> int:
    if not options.speed > 0:
        parser.error(f"--speed is {options.speed:g}: give a number above 0.")
    from .replay import replay

    def show() -> None:
        handle_interrupts()
        with _opened(options.file) as file:
            replay(file, renderer=options.renderer, speed=options.speed)

    return _until_interrupted(show, parser, "the events file cannot be read")


def _serve(
    parser: argparse.ArgumentParser, options: argparse.Namespace, handle_interrupts: Callable[[], object]
) -> int:
    if (options.file is None) is not options.hub:
        parser.error("give either an events file or --hub.")
    if not 0 <= options.port < 65_536:
        parser.error(f"--port is {options.port}: give a number from 0 to 65535.")
    from .serve import serve_file, serve_hub

    def serve() -> None:
        handle_interrupts()
        if options.hub:
            serve_hub(options.renderer, options.host, options.port)
        else:
            serve_file(options.file, options.host, options.port)

    return _until_interrupted(serve, parser, "the page cannot be served")


def _until_interrupted(work: Callable[[], None], parser: argparse.ArgumentParser, failure: str) -> int:
    """Call `work`, and return the exit status: 0, or that of Ctrl-C.

    A ValueError or an OSError ends the command with one sentence; an OSError's begins with `failure`.
    """
    from .run import leave

    try:
        work()
    except ValueError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"{failure}: {error}.")
    except KeyboardInterrupt:
        return leave(-signal.SIGINT)
    return 0


def renderers() -> str:
    """Return the table of renderers: the name of each, why it is unavailable, and which one would be chosen here and why."""
    rows = []
    for name in names():
        try:
            find(name)
        except Exception as error:  # RendererUnavailable, or any error from the import of an installed renderer
            rows.append((name, f"not available: {error}"))
        else:
            rows.append((name, "available"))
    width = max(len(name) for name, _ in rows)
    terminal = StreamTerminal(default_stream())
    choice = prefer_hub(named(None)).settle(terminal, os.environ)
    terminal.close()
    lines = [f"{name:<{width}}  {state}" for name, state in rows]
    return "\n".join([*lines, "", f"chosen here: {choice.name} ({choice.why})"])
