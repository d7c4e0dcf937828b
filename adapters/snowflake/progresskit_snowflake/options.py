"""What the command line says: its options, the files that it names, and how these are to be read.

A mistake ends the command with a sentence and the status 2. Does not know servers, or what a load does.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from .files.quality import Reading

PROGRAM = "progresskit-snowflake"
_MODES = ("skip-qc", "validate-only", "analyze-only")
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?: [A-Za-z]+)?(?:\s*\(\s*[0-9]+\s*(?:,\s*[0-9]+\s*)?\))?")


class _Version(argparse.Action):
    """Prints the version, which is read only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(PROGRAM, version(PROGRAM))
        parser.exit()


EXAMPLES = """\
examples:
  progresskit-snowflake load orders.csv --table orders --embedded
  progresskit-snowflake load 'data/*.csv.gz' --table shop.public.orders --connection prod --jobs 4
  progresskit-snowflake load orders.csv --analyze-only
  zcat orders.csv.gz | progresskit-snowflake load - --table orders --connection prod

exit status: 0 loaded; 1 failed, and nothing is loaded; 2 a mistake on the command line;
130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP: called off, and nothing is loaded.

completion: pip install 'progresskit[completion]', then eval "$(register-python-argcomplete progresskit-snowflake)"
"""


def command_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, with its subcommands."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Load CSV, JSON and Parquet files, with a bar for each phase.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(dest="command", required=True)
    bars = commands.add_parser(
        "bars", help="print how many rows of the terminal a load takes, for scripts that run several"
    )
    _add_modes(bars)
    load = commands.add_parser(
        "load",
        help="load files into a table, all rows or none",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_source(load)
    _add_modes(load)
    _add_steps(load)
    _add_dialect(load)
    _add_target(load)
    shown = load.add_mutually_exclusive_group()
    shown.add_argument("--quiet", action="store_true", help="show the bars and nothing else")
    shown.add_argument("--no-progress", action="store_true", help="show no bars")
    return parser


def _add_source(load: argparse.ArgumentParser) -> None:
    """Add the files, the table, and the server."""
    load.add_argument(
        "files",
        nargs="+",
        help="CSV files, JSON lines or arrays (plain, gzip, bz2 or zstd), or Parquet files; wildcards in quotes; - is standard input",
    )
    load.add_argument("--table", help="the table, as SQL writes it; created from the columns if it is not there")
    where = load.add_mutually_exclusive_group()
    where.add_argument("--connection", metavar="NAME", help="a connection of the connector's connections.toml")
    where.add_argument("--embedded", action="store_true", help="a local server, started and stopped by the command")
    load.add_argument(
        "--pace",
        type=_rate,
        metavar="RATE",
        help="with --embedded: what the server takes of uploads, as 2MB (a second)",
    )


def _add_steps(load: argparse.ArgumentParser) -> None:
    """Add the options of the phases."""
    from .copying import FORMATS, ON_ERROR

    load.add_argument("--max-bad-rows", type=_count, default=0, metavar="N", help="bad rows that are left out (0)")
    load.add_argument(
        "--format",
        choices=list(FORMATS),
        help="csv, json (an object a line, or an array of objects) or parquet; by the names' suffixes unless given",
    )
    load.add_argument(
        "--on-error",
        choices=list(ON_ERROR),
        default="abort",
        help="what happens to a row that the server refuses: all stop (the default), it is left out, or its file is",
    )
    load.add_argument(
        "--keep-staged",
        choices=("never", "failed", "always"),
        default="never",
        help="when the load's own stage stays, with what was uploaded: never (the default), when it has failed, always",
    )
    load.add_argument(
        "--jobs", type=_jobs, default=1, metavar="N", help="files that are compressed, and uploaded, at once (1)"
    )
    load.add_argument(
        "--null", action="append", default=[], metavar="TEXT", help="a text that stands for no value, as NA"
    )


def _add_dialect(parser: argparse.ArgumentParser) -> None:
    """Add the options about how CSV files are written."""
    csv = parser.add_argument_group("how CSV files are written")
    csv.add_argument(
        "--delimiter", default="auto", metavar="C", help="between fields: a character, tab, or as \\x01 (auto)"
    )
    csv.add_argument("--quote", default='"', metavar="C", help='around fields that need it: a character, or none (")')
    csv.add_argument(
        "--escape", default="none", metavar="C", help="before what is to be taken as it is (none: quotes are doubled)"
    )
    csv.add_argument(
        "--encoding", default="auto", metavar="NAME", help="as utf-8, utf-16 or cp1252 (auto: by the mark, else utf-8)"
    )
    csv.add_argument(
        "--no-header", action="store_true", help="the first row is a row: columns are C1, C2, ..., or the table's"
    )
    csv.add_argument(
        "--skip-lines", type=_count, default=0, metavar="N", help="lines before the header that are none (0)"
    )
    csv.add_argument(
        "--empty",
        choices=("apart", "null", "text"),
        default="apart",
        help='what an empty field is: nothing is NULL and "" the empty text (apart), both are NULL, or both are texts',
    )
    csv.add_argument(
        "--blank-lines",
        choices=("refuse", "skip", "null"),
        default="refuse",
        help="what a blank line between the rows of a file of one column is (refuse); elsewhere it is left out",
    )


def _add_target(parser: argparse.ArgumentParser) -> None:
    """Add the options about the table, and the types of its columns."""
    target = parser.add_argument_group("the table")
    target.add_argument(
        "--if-exists",
        choices=("append", "replace", "fail"),
        default="append",
        help="what happens where it is there: rows are appended (the default), they replace what it has, or nothing is loaded",
    )
    target.add_argument(
        "--skip-loaded", action="store_true", help="leave out files whose content it has got, and remember what it gets"
    )
    target.add_argument(
        "--type", action="append", default=[], metavar="NAME=TYPE", help="a column's type, where the table is new"
    )
    target.add_argument("--types", metavar="FILE", help="such types, one a line")
    target.add_argument("--all-text", action="store_true", help="all other columns are VARCHAR, where the table is new")


def _add_modes(parser: argparse.ArgumentParser) -> None:
    """Add the modes other than the normal one."""
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--skip-qc", action="store_true", help="load without checking the rows first")
    mode.add_argument("--validate-only", action="store_true", help="check the rows against the table, load nothing")
    mode.add_argument("--analyze-only", action="store_true", help="say what is in the files, load nothing")


def mode_of(options: argparse.Namespace) -> str:
    """Return the mode's name, as `SnowflakeProgress` has it."""
    chosen = [mode for mode in _MODES if getattr(options, mode.replace("-", "_"), False)]
    return chosen[0] if chosen else "normal"


def _rate(text: str) -> float:
    """Return bytes a second from a number, optionally followed by kB, MB or GB."""
    for unit, size in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("", 1.0)):
        if text.lower().endswith(unit.lower()):
            with contextlib.suppress(ValueError):
                rate = float(text[: len(text) - len(unit)]) * size
                if 0 < rate < float("inf"):
                    return rate
            break
    raise argparse.ArgumentTypeError(f"{text!r:.40} is no rate: give bytes a second, as 500kB or 2MB.")


def _count(text: str) -> int:
    """Return a whole number that is not negative."""
    if text.isascii() and text.isdigit():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r:.40} is no count: give 0 or more.")


def _jobs(text: str) -> int:
    """Return a number of jobs, from 1 to 99."""
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 99:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r:.40} is no number of jobs: give one from 1 to 99.")


# What the options mean


def restore_dashes(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Put `--` back where it is an option's value: older versions of argparse make an empty list of `--null=--`."""
    for name, value in vars(options).items():
        if name in ("null", "type"):
            setattr(options, name, ["--" if one == [] else one for one in value])
        elif value == []:
            parser.error(f"--{name.replace('_', '-')}=--: '--' is no value for it.")


def named_files(
    parser: argparse.ArgumentParser, given: Sequence[str], folder: Path, copies: dict[str, str]
) -> list[Path]:
    """Return the named files, also by wildcards. Files that can be read only once are copied to `folder`, and noted in
    `copies`."""
    found: list[Path] = []
    for number, name in enumerate(given):
        try:
            found += _named(parser, name, given, folder / f"input-{number}", copies)
        except OSError as error:
            parser.error(f"{name:.200}: {error.strerror or error}.")
    return found


def _named(
    parser: argparse.ArgumentParser, name: str, given: Sequence[str], own: Path, copies: dict[str, str]
) -> list[Path]:
    """Return the files for one of the names `given`; a copy goes to the folder `own`."""
    import glob

    from .files.opening import is_pipe, spooled

    def copied(source: IO[bytes], called: str) -> list[Path]:
        own.mkdir()
        target = own / (Path(called).name or "input")
        copies[str(target)] = called
        return [spooled(source, target)]

    path = Path(name)
    if name == "-":
        if given.count("-") > 1:
            parser.error("- is given twice: standard input can be read once.")
        if sys.stdin is None or sys.stdin.closed:
            parser.error("- is standard input, and that is closed: give a file, or what to read by a pipe.")
        return copied(sys.stdin.buffer, "standard input")
    if is_pipe(path):
        with path.open("rb") as pipe:
            return copied(pipe, name)
    if name and not path.exists() and any(mark in name for mark in "*?["):
        matching = sorted(Path(one) for one in glob.glob(name, recursive=True) if Path(one).is_file())
        if not matching:
            parser.error(f"there is no file that matches {name}.")
        return matching
    if name and path.is_dir():
        parser.error(f"{path} is a folder: give the files in it, as {path}/*.csv.")
    if not name or not path.is_file():
        parser.error(f"there is no file {name!r}." if not name or "://" in name else f"there is no file {name}.")
    return [path]


def decide_format(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Set the format by the files' names unless it is given. An option that it does not have ends the command."""
    from .files.opening import format_of

    if options.format is None:
        formats = sorted({format_of(path) for path in options.files})
        if len(formats) > 1:
            parser.error(
                f"the files are of several formats, {', '.join(formats)}: load them one by one, or give --format."
            )
        options.format = formats[0]
    if options.format != "csv":
        for name in ("delimiter", "quote", "escape", "encoding", "empty", "blank_lines"):
            if getattr(options, name) not in ("auto", '"', "none", "apart", "refuse"):
                parser.error(f"--{name.replace('_', '-')} is of CSV files, and these are {options.format}.")
        if options.no_header or options.skip_lines:
            parser.error(f"--no-header and --skip-lines are of CSV files, and these are {options.format}.")
        if options.format == "parquet" and options.null:
            parser.error("--null is of CSV and JSON files: Parquet files have values of their own for what is missing.")


def reading_of(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Reading:
    """Return the reading options from the command line; a mistake in them ends the command."""
    from .files.dialects import Dialect, DialectError
    from .files.quality import Reading
    from .sql.columns import table_name

    try:
        if options.table:
            table_name(options.table)
        for text in (*options.null, *options.type):
            if any("\ud800" <= one <= "\udfff" for one in text):  # what Python makes of other bytes
                raise ValueError(f"{text!r:.80} is no UTF-8: give a text that is.")
        for name in ("delimiter", "quote", "escape", "encoding"):
            if not getattr(options, name):
                raise ValueError(f"--{name} is empty: give a value, or leave the option out.")
        dialect = Dialect(
            delimiter="" if options.delimiter == "auto" else _character(options.delimiter),
            quote=_character(options.quote),
            escape=_character(options.escape),
            encoding="" if options.encoding == "auto" else options.encoding,
            header=not options.no_header,
            skip_lines=options.skip_lines,
            empty=options.empty,
            blank_lines="" if options.blank_lines == "refuse" else options.blank_lines,
        )
        options.types = _types(options)
    except (DialectError, ValueError) as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}.")
    return Reading(options.format, dialect, tuple(options.null))


def _character(text: str) -> str:
    """Return a character as it is given: by itself, by a name, or as \\x01."""
    return {
        "none": "",
        "tab": "\t",
        "\\t": "\t",
        "comma": ",",
        "semicolon": ";",
        "bar": "|",
        "pipe": "|",
        "space": " ",
    }.get(text, chr(int(text[2:], 16)) if re.fullmatch(r"\\x[0-9a-fA-F]{2}", text) else text)


def _types(options: argparse.Namespace) -> dict[str, str]:
    """Return column -> SQL type, from a file and from the command line, which takes precedence.

    Raises:
        ValueError: an entry is not a column and a type.
        OSError: the file cannot be read.
    """
    lines = list(options.type)
    if options.types:
        try:
            text = Path(options.types).read_text("utf-8-sig")
        except UnicodeDecodeError:
            raise ValueError(f"{options.types} is no UTF-8: give a file with a NAME=TYPE on each line.") from None
        lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")] + lines
    found = {}
    for line in lines:
        name, equals, kind = (part.strip() for part in line.rpartition("="))
        if name.startswith('"') and name.endswith('"') and len(name) > 2:
            name = name[1:-1].replace('""', '"')
        if not equals or not name or not _TYPE.fullmatch(kind):
            raise ValueError(f"{line!r:.80} is no column and type: give them as zip=VARCHAR or price=NUMBER(12,2).")
        found[name] = kind.upper()
    return found
