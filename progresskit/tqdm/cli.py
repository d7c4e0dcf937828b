"""`python -m progresskit.tqdm`: copies standard input to standard output, and shows how much has gone through.

Knows the command line. Does not know how a bar is drawn.
"""

from __future__ import annotations

import logging
import sys
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .std import TqdmKeyError, TqdmTypeError, tqdm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["TqdmKeyError", "TqdmTypeError", "main"]

NOT_OPTIONS = ("self", "iterable", "file", "gui", "write_bytes", "lock_args", "kwargs")
OWN = {
    "delim": ("str", "\\n", "what ends a line"),
    "buf_size": ("int", "256", "bytes that are read at once where lines are not ended by a newline"),
    "bytes": ("bool", "False", "count bytes, not lines"),
    "tee": ("bool", "False", "write what comes in to standard error as well"),
    "update": ("bool", "False", "each line is a number of units"),
    "update_to": ("bool", "False", "each line is the number of units so far"),
    "null": ("bool", "False", "write nothing to standard output"),
    "manpath": ("str", "None", "a folder to write the manual page tqdm.1 to"),
    "comppath": ("str", "None", "a folder to write tqdm_completion.sh to"),
    "log": ("str", "INFO", "the level of log records: CRITICAL, FATAL, ERROR, WARN, INFO, DEBUG, NOTSET"),
}
USAGE = "Usage: python -m progresskit.tqdm [--help | OPTIONS]"
log = logging.getLogger(__name__)


def _options() -> dict[str, str]:
    """Return option -> its type, as the bar's annotations and the table above say."""
    parameters = signature(tqdm.__init__).parameters
    types = {name: str(each.annotation) for name, each in parameters.items() if name not in NOT_OPTIONS}
    return {**types, **{name: kind for name, (kind, _, _) in OWN.items()}}


def cast(text: str | bool, kind: str) -> Any:
    """Return the value of `text` for an option of the type `kind`, an annotation: "int | None".

    Raises:
        TqdmTypeError: it is no such value.
    """
    # A type checker's float takes both, and a count of whole units is shown as such.
    kind = kind.replace("float", "int | float")
    kinds = [part.strip() for part in kind.split("|")]
    if text is True and "bool" not in kinds:
        raise TqdmTypeError(f"a value is missing : {kind}")
    for name in ("bool", "int", "float", "str"):
        if name not in kinds:
            continue
        if name == "bool":
            if text in (True, "", "True"):
                return True
            if text == "False":
                return False
            continue
        try:
            return {"int": int, "float": float, "str": str}[name](text)
        except ValueError:
            continue
    if kind.startswith("Any"):
        return text
    raise TqdmTypeError(f"{text} : {kind.replace(' | None', '').replace(' | ', ' or ')}")


def parse(argv: list[str]) -> dict[str, Any]:
    """Return option -> value.

    Raises:
        TqdmKeyError: there is no such option.
        TqdmTypeError: a value is not of the option's type.
    """
    types = _options()
    values: dict[str, Any] = {}
    words = list(argv)
    while words:
        word = words.pop(0)
        name, equals, text = word.lstrip("-").partition("=")
        name = name.replace("-", "_")
        value: str | bool = text if equals else True
        if not equals and words and (not words[0].startswith("-") or words[0][1:2].isdigit()):
            value = words.pop(0)
        if not word.startswith("-") or name not in types:
            raise TqdmKeyError(word.lstrip("-"))
        values[name] = cast(value, types[name])
    return values


def pipe(
    source: Any, target: Any, delimiter: bytes = b"\n", buffer_size: int = 256, count: Callable[[Any], Any] | None = None,
    *, takes_chunk: bool = False,
) -> None:  # fmt: skip
    """Copy `source` to `target`.

    Args:
        source: A binary stream.
        target: A binary stream.
        delimiter: What ends a line; empty: chunks are handed on as they are.
        buffer_size: Bytes that are read at once.
        count: Told a line, or a chunk's length, at a time.
        takes_chunk: Whether `count` wants the lines themselves.
    """
    write, flush = target.write, getattr(target, "flush", lambda: None)
    partial = b""
    while chunk := source.read(buffer_size):
        chunk = chunk.encode() if isinstance(chunk, str) else chunk
        write(chunk)
        if not delimiter:
            if count is not None:
                count(len(chunk))
            continue
        *lines, partial = (partial + chunk).split(delimiter)
        for line in lines if count is not None else ():
            count(line if takes_chunk else 1)  # type: ignore[misc]  # checked above
    if partial and count is not None:
        count(partial if takes_chunk else 1)
    flush()


def _binary(stream: Any) -> Any:
    return getattr(stream, "buffer", stream)


def _number(line: Any) -> float:
    text = line.decode() if isinstance(line, bytes) else str(line)
    try:
        return int(text)
    except ValueError:
        return float(text)


def _help() -> str:
    parameters = signature(tqdm.__init__).parameters
    rows = [f"    --{name}=<{name}>  : {kind}" for name, kind in _options().items() if name in parameters]
    rows += [
        f"    --{name}=<{name}>  : {kind}\n        {words} [default: {default}]"
        for name, (kind, default, words) in OWN.items()
    ]
    head = [USAGE, "", "Copies standard input to standard output, with a bar on standard error.", "", "Options:"]
    exits = ["    -h, --help  print this and exit", "    -v, --version  print the version and exit"]
    return "\n".join([*head, *exits, *rows, ""])


def _completion() -> str:
    names = " ".join(f"--{name}" for name in ("help", "version", *_options()))
    return (
        '_tqdm() {\n    case "${COMP_WORDS[COMP_CWORD-1]}" in\n        --manpath | --comppath) COMPREPLY=($(compgen -d -- "$2")) ;;\n'
        f"        *) COMPREPLY=($(compgen -W '{names}' -- \"$2\")) ;;\n    esac\n}}\ncomplete -F _tqdm tqdm\n"
    )


def _manual() -> str:
    lines = [f".B {row}\n.br" if row else ".PP" for row in _help().splitlines()]
    return (
        '.TH "TQDM" "1" "" "tqdm"\n.SH NAME\ntqdm - show the progress of a pipe\n.SH DESCRIPTION\n'
        + "\n".join(lines)
        + "\n"
    )


def _fail(error: Exception, source: Any, target: Any, file: Any) -> None:
    """Say what is wrong with the command line, and let what comes in through all the same."""
    file.write(f"\nError:\n{USAGE}\n")
    lines = source if isinstance(source, list) else None
    if lines is None:
        pipe(source, target)
    else:
        _copy_lines(lines, target)
    raise error


def _copy_lines(lines: Iterable[Any], target: Any) -> None:
    for line in lines:
        target.write(line.encode() if isinstance(line, str) else line)


def main(fp: Any = None, argv: list[str] | None = None) -> None:
    """Run the command.

    Args:
        fp: Where the bar goes; None: standard error.
        argv: The arguments; None: the process's.

    Raises:
        TqdmKeyError: there is no such option, or two of them exclude each other.
        TqdmTypeError: a value is not of its option's type.
        SystemExit: `--help`, `--version`, `--manpath` or `--comppath` has done its work.
    """
    fp = sys.stderr if fp is None else fp
    argv = sys.argv[1:] if argv is None else argv
    stdin, stdout = _binary(sys.stdin), _binary(sys.stdout)
    if {"-v", "--version"} & set(argv):
        from .. import __version__

        sys.stdout.write(f"{__version__}\n")
        raise SystemExit(0)
    if {"-h", "--help"} & set(argv):
        sys.stdout.write(_help())
        raise SystemExit(0)
    try:
        options = parse(argv)
        if sum(bool(options.get(name)) for name in ("bytes", "update", "update_to")) > 1:
            raise TqdmKeyError("Can only have one of --bytes --update --update_to")
    except (TqdmKeyError, TqdmTypeError) as error:
        _fail(error, stdin, stdout, fp)
    own = {name: options.pop(name, None) for name in OWN}
    level = str(own["log"] or "INFO").upper()
    logging.basicConfig(
        level=getattr(logging, level, logging.INFO), format="%(levelname)s:%(module)s:%(lineno)d:%(message)s"
    )
    log.debug("options: %s", options)
    written = [("manpath", "tqdm.1", _manual), ("comppath", "tqdm_completion.sh", _completion)]
    for name, file, text in written:
        if own[name] is not None:
            (Path(own[name]) / file).write_text(text())
    if own["manpath"] is not None or own["comppath"] is not None:
        raise SystemExit(0)
    _run(fp, stdin, stdout, own, options)


def _run(fp: Any, stdin: Any, stdout: Any, own: dict[str, Any], options: dict[str, Any]) -> None:
    class Nothing:
        def write(self, data: bytes) -> None: ...

    class Both:
        def write(self, data: bytes) -> None:
            with tqdm.external_write_mode(file=fp):
                stdout.write(data)
                _binary(fp).write(data)
                getattr(fp, "flush", lambda: None)()

    target: Any = Nothing() if own["null"] else Both() if own["tee"] else stdout
    size = int(own["buf_size"] or 256)
    delimiter = str(own["delim"] or "\\n").encode().decode("unicode_escape").encode()
    if own["bytes"]:
        options.setdefault("unit", "B")
        options.setdefault("unit_scale", True)
        options.setdefault("unit_divisor", 1024)
        delimiter = b""
    with tqdm(file=fp, **{**options, "total": options.get("total", _length(stdin, own))}) as bar:
        count: Callable[[Any], Any] = bar.update
        if own["update"]:
            count = lambda line: bar.update(_number(line))  # noqa: E731  # one of three
        elif own["update_to"]:
            count = lambda line: bar.update(_number(line) - bar.n)  # noqa: E731
        by_line = bool(own["update"] or own["update_to"])
        if hasattr(stdin, "read"):
            pipe(stdin, target, delimiter, size, count, takes_chunk=by_line)
            return
        for line in stdin:  # a list of lines
            target.write(line.encode() if isinstance(line, str) else line)
            count(line if by_line else len(line) if own["bytes"] else 1)


def _length(stdin: Any, own: dict[str, Any]) -> int | None:
    return len(stdin) if hasattr(stdin, "__len__") and not (own["update"] or own["update_to"]) else None
