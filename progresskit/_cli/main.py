"""The command line: `progresskit renderers`, `demo`, `run`, `show`, `pipe`, `report`, `replay`, `bench` and `serve`.

Knows which function each subcommand calls, and the exit statuses. Does not know the options, or how anything is drawn.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING

from .._display.terminal import StreamTerminal
from .._text.cells import encodable
from .._text.spelling import nearest
from ..renderers.choice import named
from ..renderers.destinations import default_stream, prefer_hub
from ..renderers.registry import find, names
from .options import make_parser

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TextIO


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
    except OSError as error:  # a full disk; errors of the commands' own files are reported elsewhere
        discard_output()
        print(f"progresskit: the output cannot be written: {error.strerror or error}.", file=sys.stderr)
        return 1


def reader_gone() -> int:
    """Discard further output, and return the exit status of a program whose reader has closed the pipe."""
    discard_output()
    return 128 + 13  # a shell's status for SIGPIPE, also on systems without this signal


def discard_output() -> None:
    """Discard what is written to standard output from here on."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except OSError:
        pass


def _main(arguments: Sequence[str] | None, handle_interrupts: Callable[[], object]) -> int:
    parser, commands = make_parser()
    if "_ARGCOMPLETE" in os.environ:  # the shell asks for completions
        complete(parser)
    options, unknown = parser.parse_known_args(arguments)
    command = commands[options.command]
    if unknown:  # the whole parser would tell it with the commands in place of this one's options
        known = [each[2:] for each in command._option_string_actions if each.startswith("--")]
        word = next((each for each in unknown if each.startswith("--")), "")
        meant = nearest(word[2:].partition("=")[0], known)
        command.error(f"unrecognized arguments: {' '.join(unknown)}" + (f"; did you mean --{meant}?" if meant else ""))
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
        return _bench(command, options, handle_interrupts)
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


def _bench(
    parser: argparse.ArgumentParser, options: argparse.Namespace, handle_interrupts: Callable[[], object]
) -> int:
    from .bench import bench
    from .run import leave

    if not options.seconds >= 0.0:
        parser.error(f"--seconds is {options.seconds:g}: give a number of seconds from 0.")
    command = options.arguments[1:] if options.arguments[:1] == ["--"] else options.arguments
    try:
        handle_interrupts()
        return bench(command, as_json=options.json, seconds=options.seconds)
    except OSError as error:
        parser.error(f"{command[0] if command else sys.executable!r:.200} cannot be started: {error.strerror}.")
    except KeyboardInterrupt:
        return leave(-signal.SIGINT)


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
    from .event_log import no_events, read
    from .event_page import page
    from .event_report import tell

    if options.kind == "step-summary":
        options.output = os.environ.get("GITHUB_STEP_SUMMARY") or parser.error("GITHUB_STEP_SUMMARY is not set.")
    terminal = StreamTerminal(sys.stdout)
    try:
        with _opened(options.file) as file:
            log = read(file)
        if log.strange and not log.runs:
            parser.error(no_events(log.strange))
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
    from .._display.events_input import open_events

    return TextIOWrapper(open_events(path), encoding="utf-8", errors="replace")


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
