"""JSON files as columns of text: an object on each line, or one array of objects. Does not know types.

Numbers stay as they are written, so that an identifier loses no digits. Members that are missing, or null, are NULL.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from ..sql.columns import folded
from .opening import BLOCK, BadData, FileReader, Unpacked
from .records import LONGEST, Chunk, without

SAMPLED_LINES = 1_000
"""The number of first objects whose members are a file's columns."""
ROWS = 10_000
_HALF = re.compile("[\ud800-\udfff]")
_TOO_DEEP = "it is nested more deeply than can be read"
_SPACE = re.compile(r"[ \t\r\n]*")


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


class _Twice(ValueError):
    """An object has a member twice."""


class JsonReader(FileReader):
    """Reads one file of JSON objects from its beginning to its end, once.

    Args:
        path: The file: an object on each line, or an array of objects.
        names: The members that are columns; None: those of the first objects.
        nulls: Texts, or numbers as they are written, that stand for NULL.
        documents: The names whose values stay JSON, with quotes around texts: for columns of semi-structured types.
        exact: The names that a member must match in case; for other names, SQL ignores case.

    Attributes:
        names: The columns.
        notes: Notes for the summary about how it is read.
        blank_lines: How many blank lines were left out so far.

    Raises:
        BadData: the file cannot be read, is not UTF-8, or has no objects.
    """

    def __init__(
        self,
        path: Path,
        names: Sequence[str] | None = None,
        nulls: Sequence[str] = (),
        documents: frozenset[str] = frozenset(),
        exact: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(path)
        self._nulls, self._documents = list(nulls), documents
        try:
            self.names = list(names) if names is not None else self._members()
            self._known = frozenset(self.names)
            self._folded = {folded(name): name for name in self.names if name not in exact}
        except BaseException:
            self.close()
            raise

    def _members(self) -> list[str]:
        names: dict[str, str] = {}
        troubles: list[str] = []
        empty = 0
        for line, found in islice(_objects(self._file), SAMPLED_LINES):
            empty += found == {}
            if isinstance(found, dict):
                for name in found:
                    names.setdefault(folded(name), name)
            else:
                troubles.append(f"{self.path}:{line}: {found}.")
        if not names and troubles:
            raise BadData(troubles[0])
        if not names:
            what = "objects without members alone" if empty else "no objects"
            raise BadData(
                f"{self.path} has {what}: give a file with a JSON object on each line, or with one array of objects."
            )
        self._file.close()
        self._file = Unpacked(self.path)  # from the beginning again
        return list(names.values())

    def chunks(self) -> Iterator[Chunk]:
        """Yield the objects, some thousands at a time, in the file's order."""
        import pyarrow as pa

        objects = _objects(self._file)
        first = 0
        while True:
            columns: list[list[str | None]] = [[] for _ in self.names]
            stringy: set[int] = set()
            bad: dict[int, str] = {}
            lines: list[int] = []
            taken = 0
            for line, found in islice(objects, ROWS):
                taken += 1
                if isinstance(found, dict) and not self._known.issuperset(found):
                    found = self._renamed(found)
                if isinstance(found, str):
                    bad[line] = found
                elif (row := self._row(found)) is None:
                    bad[line] = "it is nested more deeply than can be written"
                else:
                    lines.append(line)
                    for number, (name, column) in enumerate(zip(self.names, columns, strict=True)):
                        value = found.get(name)
                        if type(value) not in (type(None), _Number, bool) and value not in self._nulls:
                            stringy.add(number)
                        column.append(row[number])
            if taken:
                try:
                    texts = [pa.array(column, pa.string()) for column in columns]
                except UnicodeEncodeError:
                    lines, columns = self._without_halves(lines, columns, bad)
                    texts = [pa.array(column, pa.string()) for column in columns]
                yield Chunk(
                    without(texts, self._nulls), first, len(lines), _given(lines), bad, stringy=frozenset(stringy)
                )
                first += len(lines)
            if taken < ROWS:
                return

    def _without_halves(
        self, lines: list[int], columns: list[list[str | None]], bad: dict[int, str]
    ) -> tuple[list[int], list[list[str | None]]]:
        """Move the rows with lone surrogates, which JSON allows but are not characters, to `bad`."""
        good = []
        for at, line in enumerate(lines):
            broken = [name for name, column in zip(self.names, columns, strict=True) if _HALF.search(column[at] or "")]
            if broken:
                bad[line] = f"{broken[0]:.60} has half of a pair of surrogates, which is no character"
            else:
                good.append(at)
        return [lines[at] for at in good], [[column[at] for at in good] for column in columns]

    def _row(self, found: dict[str, Any]) -> list[str | None] | None:
        """Return an object's values as texts; None where they are nested more deeply than the interpreter follows."""
        try:
            return [(_document if name in self._documents else _text)(found.get(name)) for name in self.names]
        except RecursionError:
            return None

    def _renamed(self, found: dict[str, Any]) -> dict[str, Any] | str:
        """Return an object with the columns' names in place of its own, which may differ in case; or what is wrong with
        it."""
        renamed: dict[str, Any] = {}
        for name, value in found.items():
            column = name if name in self._known else self._folded.get(folded(name))
            if column is None:
                more = ", ".join(one for one in found if one not in self._known and folded(one) not in self._folded)
                return f"it has {more:.100}, which is no column: those of a new table are its first {SAMPLED_LINES:,d} objects' members"
            if column in renamed:
                return f"it has two members for the column {column:.60}, which differ in case alone"
            renamed[column] = value
        return renamed


def _given(lines: list[int]) -> Any:
    return lambda: lines


def _objects(file: Unpacked) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Yield each object with the line that it begins on, or what is wrong with it; blank lines are left out."""
    data = file.first()
    data = data.removeprefix(b"\xef\xbb\xbf")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:4]:  # with a mark, or without
        raise BadData(f"{file.path} is UTF-16 or UTF-32: JSON is UTF-8. Write it so.")
    yield from (_elements if data.lstrip()[:1] == b"[" else _lines)(file, data)


def _lines(file: Unpacked, data: bytes) -> Iterator[tuple[int, dict[str, Any] | str]]:
    number = 1
    over = False
    while not over:
        more = file.read(max(BLOCK, len(data)))
        over = not more
        if len(data) > LONGEST:
            raise BadData(f"{file.path}:{number}: the line does not end within {LONGEST:,d} bytes.")
        lines = (data + more).split(b"\n")
        data = b"" if over else lines.pop()
        for line in lines:
            if line.strip():
                yield number, _parsed(line)
            number += 1


def _parsed(line: bytes) -> dict[str, Any] | str:
    try:
        found = _DECODER.decode(line.decode())
    except UnicodeDecodeError as error:
        return f"byte {line[error.start]:#04x} is no UTF-8, and JSON is"
    except _Twice as error:
        return str(error)
    except RecursionError:
        return _TOO_DEEP
    except ValueError as error:
        line = line.strip()
        if line.startswith(codecs.BOM_UTF8):
            return "a byte order mark begins it, as where files were joined: take it out"
        several = line.startswith(b"{") and not line.endswith(b"}")
        return f"it is no JSON: {error}" + several * ": write each object on one line, or all in an array"
    return found if isinstance(found, dict) else "it is no JSON object"


def _elements(file: Unpacked, data: bytes) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Yield the elements of an array. An element that is no object is reported; invalid JSON ends the array, because its rest is
    unknown."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    text, line, over, at = "", 1, False, 0
    expected = "["
    block = data
    while True:
        try:
            text += decoder.decode(block, over)
        except UnicodeDecodeError as error:
            raise BadData(f"{file.path}: byte {error.object[error.start]:#04x} is no UTF-8, and JSON is.") from error
        while True:
            space = _SPACE.match(text, at)
            assert space is not None  # it matches nothing too
            line, at = line + space[0].count("\n"), space.end()
            if at >= len(text):
                break
            one = text[at]
            if expected == "end":
                raise BadData(f"{file.path}:{line}: something stands behind the array's end.")
            if one == "]" and expected in (",", "]"):
                expected, at = "end", at + 1
            elif expected in "[,":
                if one != expected:
                    raise BadData(f"{file.path}:{line}: {one!r} stands where {expected!r} is expected.")
                expected, at = ("]" if expected == "[" else "value"), at + 1
            else:
                try:
                    found, end = _DECODER.raw_decode(text, at)
                except (ValueError, RecursionError) as error:
                    if not over and not isinstance(error, _Twice) and len(text) - at <= LONGEST:
                        break  # the rest of it may come
                    why = f"is no JSON object: {error}"
                    if isinstance(error, RecursionError):
                        why = f"{_TOO_DEEP.removeprefix('it ')}."
                    raise BadData(f"{file.path}:{line}: the element that begins here {why}") from error
                if end >= len(text) and not over and not isinstance(found, dict | list):
                    break
                yield line, found if isinstance(found, dict) else "it is no JSON object"
                line, at, expected = line + text.count("\n", at, end), end, ","
        if over:
            if expected != "end":
                raise BadData(f"{file.path}:{line}: the array does not end.")
            return
        text, at = text[at:], 0
        block = file.read(max(BLOCK, len(text)))
        over = not block


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Twice(f"it has the member {twice!r:.60} twice")
    return found


_DECODER = json.JSONDecoder(parse_int=_Number, parse_float=_Number, parse_constant=_Number, object_pairs_hook=_members)


def _written(value: Any) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return (
            "{"
            + ",".join(f"{json.dumps(name, ensure_ascii=False)}:{_written(one)}" for name, one in value.items())
            + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _text(value: Any) -> str | None:
    """Return a member's value as a column of text has it: texts and numbers as they are, others as JSON."""
    if value is None or type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    return _written(value)


def _document(value: Any) -> str | None:
    return None if value is None else _written(value)
