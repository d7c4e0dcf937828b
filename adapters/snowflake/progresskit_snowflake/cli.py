"""The command: `progresskit-snowflake load FILES... --table T`, and `bars`; `options` reads the command line.

Exit status 0, 1 (failed, nothing is loaded), 2 (a mistake on the command line), 130 (Ctrl-C), 143 and 129 (SIGTERM, SIGHUP).
Once a load is committed the status is 0, even if its summary cannot be written, because a script that repeats failed loads
must not load twice; where the answer to the commit has not come, the message says that nobody knows.
Slow imports are made where they are used, so that Ctrl-C is handled from the beginning.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import re
import shutil
import signal
import sys
import tempfile
import textwrap
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .interrupts import CalledOff, Interrupts
from .options import PROGRAM, command_parser, decide_format, mode_of, named_files, reading_of, restore_dashes

if TYPE_CHECKING:
    from .bars.progress import SnowflakeProgress
    from .files.quality import Reading
    from .loading.checking import Checking
    from .loading.pipeline import Load
    from .loading.session import Session


IN_DOUBT = "The server has not answered, so look whether the rows are in the table before you load them again."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    command, interrupts = _Command(), Interrupts()
    if arguments is None:
        interrupts.install()
    try:
        with _collecting_less(as_program=arguments is None):
            try:
                return command.run(arguments)
            finally:
                if not command.loading and sys.stdout is not None:
                    sys.stdout.flush()  # now: a failing flush at the interpreter's exit would show a traceback
    except KeyboardInterrupt as interrupt:
        interrupts.end()
        came = interrupt.signal if isinstance(interrupt, CalledOff) else signal.SIGINT
        if command.committed:
            name = "Ctrl-C" if came is signal.SIGINT else came.name
            return _broken_off(_report(f"{name} came after the commit: everything is loaded.", 0))
        words = f"called off during the commit. {IN_DOUBT}" if command.in_doubt else "called off: nothing is loaded."
        return _broken_off(_report(words, 128 + came))
    except Exception as error:
        if isinstance(error, OSError) and not command.loading:
            _discard_output()
            if isinstance(error, BrokenPipeError):  # the reader has closed the pipe
                return 141
        message = command.as_given(_sentence(error))
        if command.committed:
            return _broken_off(_report(f"everything is loaded, and then something failed: {message}", 0))
        return _broken_off(_report(f"{message} {IN_DOUBT}" if command.in_doubt else message, 1))
    finally:
        interrupts.end()


class _Command:
    """One run of the command line.

    Attributes:
        loading: Whether a load has begun.
        committed: Whether it has been committed.
        in_doubt: Whether it may have been, since the answer to the commit did not come.
    """

    def __init__(self) -> None:
        self._load: Load | None = None
        self._copies: dict[str, str] = {}  # copies of files that can be read only once -> the user's names for them

    @property
    def loading(self) -> bool:
        return self._load is not None

    @property
    def committed(self) -> bool:
        return self._load is not None and self._load.loading.published

    @property
    def in_doubt(self) -> bool:
        return self._load is not None and self._load.loading.in_doubt

    def as_given(self, words: str) -> str:
        """Return a message with the user's names in place of those of copies."""
        for copy, name in self._copies.items():
            words = words.replace(copy, name)
        return words

    def run(self, arguments: Sequence[str] | None) -> int:
        parser = command_parser()
        if "_ARGCOMPLETE" in os.environ:  # the shell asks for completions
            from progresskit._cli.main import complete

            complete(parser)
        options = parser.parse_args(arguments)
        restore_dashes(parser, options)
        if options.command == "bars":
            from .bars.progress import MODES

            print(len(MODES[mode_of(options)]))
            return 0
        if not options.analyze_only and not options.table:
            parser.error("--table is missing: give the table to load into.")
        if not options.analyze_only and not (options.embedded or options.connection):
            parser.error("give --connection NAME, or --embedded for a local server.")
        with _private_folder() as folder:
            options.files = named_files(parser, options.files, folder, self._copies)
            decide_format(parser, options)
            reading = reading_of(parser, options)
            if options.analyze_only:
                from .loading.inspecting import analyze

                with _progress(options) as progress:
                    text = analyze(options.files, progress, reading)
            else:
                text = self._with_server(options, reading, folder)
        _print(self.as_given(text), options)
        return 0

    def _with_server(self, options: argparse.Namespace, reading: Reading, folder: Path) -> str:
        with _early(options, reading) as early:
            return self._loaded(options, reading, folder, early)

    def _loaded(self, options: argparse.Namespace, reading: Reading, folder: Path, early: Checking | None) -> str:
        from .loading.inspecting import validate
        from .loading.pipeline import Load
        from .loading.session import Loading, Staging, connect
        from .loading.summary import summarize

        with connect(options.connection, options.embedded, options.pace) as open_session:
            loading = Loading(open_session(), again=open_session)
            _imported()
            if options.validate_only:
                with _progress(options) as progress:
                    return validate(options.files, options.table, loading, progress, reading, options.max_bad_rows)
            staging = Staging(open_session(), again=open_session)
            with _reporting_what_stays(staging, loading), _progress(options) as progress:
                self._load = load = Load(
                    options.files,
                    options.table,
                    staging,
                    loading,
                    progress,
                    folder,
                    more=[Staging(open_session(), like=staging) for _ in range(options.jobs - 1)],
                    on_error=options.on_error,
                    keep_staged=options.keep_staged,
                    file_format=options.format,
                    quality=not options.skip_qc,
                    max_bad_rows=options.max_bad_rows,
                    nulls=options.null,
                    dialect=reading.dialect,
                    types=options.types,
                    all_text=options.all_text,
                    if_exists=options.if_exists,
                    skip_loaded=options.skip_loaded,
                    early=early,
                )
                summary = load.run()
        if options.if_exists == "append" and not options.skip_loaded:
            summary.notes.append("run again, this appends the rows once more (see --if-exists, --skip-loaded)")
        return summarize(options.table, summary)


def _print(text: str, options: argparse.Namespace) -> None:
    """Print the summary. An error of standard output does not make the load a failure."""
    if options.quiet:
        return
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = _shown(text)
    try:
        if sys.stdout is not None and sys.stdout.isatty():
            text = _wrapped(text, shutil.get_terminal_size().columns)
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except (OSError, ValueError) as error:
        _discard_output()
        if not isinstance(error, BrokenPipeError):
            _report(f"the summary cannot be written ({error}).", 0)


def _discard_output() -> None:
    """Discard the remaining output: the interpreter would write it at its end, and exit with its own status."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


_BEFORE_A_UNIT = re.compile(r"(?<=[0-9]) (?=(?:[kMGT]?B|rows?|files?|s)\b)")


def _wrapped(text: str, columns: int) -> str:
    """Return lines no wider than the terminal, as far as they can be broken at blanks; a number keeps its unit.

    Example:
        >>> print(_wrapped("  code is text: orders.csv:9 has 'x1'", 30))
          code is text: orders.csv:9
            has 'x1'
        >>> print(_wrapped("  QC  3 files, 1,200 rows, 4 kB/s", 30))
          QC  3 files, 1,200 rows,
            4 kB/s
    """
    return "\n".join(
        part.replace("\xa0", " ")  # which the text itself has none of: it is not shown
        for line in text.splitlines()
        for part in textwrap.wrap(
            _BEFORE_A_UNIT.sub("\xa0", line),
            max(columns - 1, 20),
            subsequent_indent=" " * (len(line) - len(line.lstrip()) + 2),
            break_long_words=False,
            break_on_hyphens=False,
        )
        or [line]
    )


def _sentence(error: Exception) -> str:
    """Return the text of an error: its message if it is the loader's, otherwise with its class."""
    from .errors import LoadError
    from .files.opening import BadData

    if isinstance(error, BadData | LoadError | ValueError):
        return str(error)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}."
    if isinstance(error, MemoryError):
        return "there is not enough memory."
    return (
        f"something failed that should not have ({type(error).__name__}: {error}): nothing is loaded. Please report it."
    )


def _report(words: str, status: int) -> int:
    """Print a message to standard error, if that is possible, and return `status`."""
    with contextlib.suppress(OSError, ValueError):
        print(f"{PROGRAM}: {_shown(words)}", file=sys.stderr, flush=True)
    return status


def _shown(text: str) -> str:
    """Return lines with control and invalid characters escaped as in Python, because names of files may have any."""
    return "".join(
        one if one == "\n" or one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text
    )


@contextlib.contextmanager
def _collecting_less(*, as_program: bool) -> Iterator[None]:
    """Keep the garbage collector from visiting the objects of modules, if the process is the command's own.

    It would visit all of them during imports, and several times at the interpreter's end. With connector 4.x that took
    a tenth of a load's time.
    """
    if as_program:
        gc.disable()  # until all is imported
    try:
        yield
    finally:
        if as_program:
            gc.freeze()


def _imported() -> None:
    """Collect garbage from now on, except for the present objects."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


@contextlib.contextmanager
def _early(options: argparse.Namespace, reading: Reading) -> Iterator[Checking | None]:
    """Start the check for a new table, if there will be one, before the connector is imported."""
    if options.validate_only or options.skip_qc or options.skip_loaded or options.format == "parquet":
        yield None
        return
    from .loading.checking import Checking, distinct, typed

    paths, _ = distinct(options.files)
    checking = Checking(paths, reading, lambda: typed(paths, reading, options.types, all_text=options.all_text))
    with checking.start_beside_imports():
        yield checking


@contextlib.contextmanager
def _private_folder() -> Iterator[Path]:
    """Make a folder for all temporary files, including the connector's, and remove it at the end."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="progresskit-", ignore_cleanup_errors=True) as folder:
        tempfile.tempdir = folder
        try:
            yield Path(folder)
        finally:
            tempfile.tempdir = before


@contextlib.contextmanager
def _reporting_what_stays(*sessions: Session) -> Iterator[None]:
    """After the bars, print what a load has left on the server."""
    try:
        yield
    finally:
        for words in (words for session in sessions for words in session.left):
            _report(words, 0)


def _broken_off(status: int) -> int:
    """Return `status`, or end the process at once if an upload of the connector still runs.

    The interpreter would otherwise wait for its end, including retries, for up to two minutes. The loader has removed
    its files by now, and the server rolls back the transaction with its session.
    """
    if threading.active_count() > 1:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)
    return status


def _progress(options: argparse.Namespace) -> SnowflakeProgress:
    from progresskit import disabled

    from .bars.progress import SnowflakeProgress

    with disabled() if options.no_progress else contextlib.nullcontext():  # nobody draws then, and no thread waits to
        return SnowflakeProgress(mode_of(options))
