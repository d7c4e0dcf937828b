"""The command line: `progresskit-snowflake load FILES... --table T`, and `bars`. Exit status 0, 1 (failed), 2 (usage), 130 (Ctrl-C)."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

from .columns import table_name
from .copying import FORMATS, ON_ERROR
from .inspecting import analyze, validate
from .opening import BadData, format_of
from .pipeline import Load
from .progress import MODES, SnowflakeProgress
from .session import Keep, LoadError, Loading, Staging, connect
from .summary import kept, summarize


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command == "bars":
        print(len(MODES[_mode(options)]))
        return 0
    if not options.analyze_only and not options.table:
        parser.error("--table is missing: give the table to load into.")
    if not options.analyze_only and not (options.embedded or options.connection):
        parser.error("give --connection NAME, or --embedded for a local server.")
    missing = [str(path) for path in options.files if not path.is_file()]
    if missing:
        parser.error(f"there is no file {', '.join(missing)}.")
    if options.format is None:
        formats = sorted({format_of(path) for path in options.files})
        if len(formats) > 1:
            parser.error(
                f"the files are of several formats, {', '.join(formats)}: load them one by one, or give --format."
            )
        options.format = formats[0]
    try:
        if options.table:
            table_name(options.table)
        if options.analyze_only:
            with _progress(options) as progress:
                text = analyze(options.files, progress, options.null, options.format)
        else:
            text = _with_server(options)
    except (BadData, LoadError, ValueError) as error:
        print(f"progresskit-snowflake: {error}", file=sys.stderr)
        return _broken_off(1)
    except KeyboardInterrupt:
        return _broken_off(130)
    if not options.quiet:
        print(text)
    return 0


@contextlib.contextmanager
def _private_folder() -> Iterator[Path]:
    """Have a folder for all temporary files, the connector's own among them: it goes with whatever is in it."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="progresskit-", ignore_cleanup_errors=True) as folder:
        tempfile.tempdir = folder
        try:
            yield Path(folder)
        finally:
            tempfile.tempdir = before


@contextlib.contextmanager
def _telling_what_stays(staging: Staging) -> Iterator[None]:
    """Say, once the bars are closed, where the files of a load that has failed are; what is well the summary says."""
    try:
        yield
    finally:
        if staging.left:
            print(f"progresskit-snowflake: {kept(staging.name)}", file=sys.stderr)


def _broken_off(status: int) -> int:
    """Return `status`; end the process at once where an upload of the connector's still runs.

    The interpreter would wait for its end otherwise, retries included: two minutes were seen. Everything of ours has been
    cleared away by now, and the transaction is rolled back with its session.
    """
    if threading.active_count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="progresskit-snowflake", description="Load CSV files, with a bar for each phase."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    bars = commands.add_parser(
        "bars", help="print how many rows of the terminal a load takes, for scripts that run several"
    )
    _add_modes(bars)
    load = commands.add_parser("load", help="load CSV files into a table")
    load.add_argument(
        "files",
        nargs="+",
        type=Path,
        help="CSV files with a header line or JSON lines, plain or gzip, or Parquet files",
    )
    load.add_argument("--table", help="the table; created from the columns if it is not there")
    where = load.add_mutually_exclusive_group()
    where.add_argument("--connection", metavar="NAME", help="a connection of the connector's connections.toml")
    where.add_argument("--embedded", action="store_true", help="a local server, started and stopped by the command")
    load.add_argument(
        "--pace",
        type=_rate,
        metavar="RATE",
        help="with --embedded: what the server takes of uploads, as 2MB (a second)",
    )
    _add_modes(load)
    load.add_argument("--max-bad-rows", type=int, default=0, metavar="N", help="bad rows that are left out (0)")
    load.add_argument(
        "--format",
        choices=list(FORMATS),
        help="csv, json (an object a line) or parquet; told by the names' suffixes unless given",
    )
    load.add_argument(
        "--on-error",
        choices=list(ON_ERROR),
        default="abort",
        help="what happens to a row that the server refuses: all stop (the default), it is left out, or its file is",
    )
    load.add_argument(
        "--keep-staged",
        choices=list(get_args(Keep)),
        default="never",
        help="when the load's own stage stays, with what was uploaded: never (the default), when it has failed, always",
    )
    load.add_argument(
        "--jobs", type=_jobs, default=1, metavar="N", help="files that are compressed, and uploaded, at once (1)"
    )
    load.add_argument(
        "--null", action="append", default=[], metavar="TEXT", help="a text that stands for no value, as NA"
    )
    shown = load.add_mutually_exclusive_group()
    shown.add_argument("--quiet", action="store_true", help="show the bars and nothing else")
    shown.add_argument("--no-progress", action="store_true", help="show no bars")
    return parser


def _add_modes(parser: argparse.ArgumentParser) -> None:
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--skip-qc", action="store_true", help="load without checking the rows first")
    mode.add_argument("--validate-only", action="store_true", help="check the rows against the table, load nothing")
    mode.add_argument("--analyze-only", action="store_true", help="say what is in the files, load nothing")


def _mode(options: argparse.Namespace) -> str:
    """Return the mode's name, as `SnowflakeProgress` has it."""
    chosen = [mode for mode in MODES if getattr(options, mode.replace("-", "_"), False)]
    return chosen[0] if chosen else "normal"


def _rate(text: str) -> float:
    """Return bytes a second: a number with kB, MB, GB or nothing behind it."""
    for unit, size in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("", 1.0)):
        if text.lower().endswith(unit.lower()):
            rate = float(text[: len(text) - len(unit)]) * size
            if rate > 0:
                return rate
            break
    raise argparse.ArgumentTypeError(f"{text!r:.40} is no rate: give bytes a second, as 500kB or 2MB.")


def _jobs(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 99:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r:.40} is no number of jobs: give one from 1 to 99.")


def _progress(options: argparse.Namespace) -> SnowflakeProgress:
    return SnowflakeProgress(_mode(options), renderer="none" if options.no_progress else None)


def _with_server(options: argparse.Namespace) -> str:
    with connect(options.connection, options.embedded, options.pace) as open_session:
        loading = Loading(open_session(), again=open_session)
        if options.validate_only:
            with _progress(options) as progress:
                return validate(
                    options.files, options.table, loading, progress, options.null, options.max_bad_rows, options.format
                )
        staging = Staging(open_session(), again=open_session)
        with (
            _telling_what_stays(staging),
            _private_folder() as folder,
            _progress(options) as progress,
        ):
            load = Load(
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
            )
            summary = load.run()
    return summarize(options.table, summary)
