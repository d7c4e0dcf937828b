"""JSON lines as rows of text: an object a line, plain or gzip. Knows nothing of types."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from .opening import BadData, open_unpacked

LOOKED_AT = 1_000
"""Lines whose members are a file's columns."""
ROWS = 10_000


def names_of(path: Path) -> list[str]:
    """Return the names of the members of the first lines, in the order in which they come.

    Raises:
        BadData: the file is empty, or its first lines hold no objects.
    """
    names: dict[str, None] = {}
    for _, found in islice(_objects(path), LOOKED_AT):
        if isinstance(found, dict):
            names |= dict.fromkeys(found)
    if not names:
        raise BadData(f"{path} has no objects: give a file with a JSON object on each line.")
    return list(names)


def batches(path: Path, names: list[str], nulls: Sequence[str], wrong: list[int]) -> Iterator[Any]:
    """Yield the file's rows as columns of text, some thousands at a time; append to `wrong` for each line that is none."""
    import pyarrow as pa

    missing = {"", *nulls}
    known = set(names)
    rows = iter(_objects(path))
    over = False
    while not over:
        columns: list[list[str | None]] = [[] for _ in names]
        taken = 0
        for line, found in islice(rows, ROWS):
            taken += 1
            if isinstance(found, str) or not known.issuperset(found):
                wrong.append(line)
                continue
            for name, column in zip(names, columns, strict=True):
                text = _text(found.get(name))
                column.append(None if text in missing else text)
        over = taken < ROWS
        if taken:
            yield pa.RecordBatch.from_arrays([pa.array(column, pa.string()) for column in columns], names=names)


def rows(path: Path, names: list[str]) -> Iterator[tuple[int, str | None]]:
    """Yield each line's number and what is wrong with it as a row; None where it is one."""
    for line, found in _objects(path):
        if isinstance(found, str):
            yield line, found
        elif more := [name for name in found if name not in names]:
            yield line, f"it has {', '.join(more):.100}, which is no column"
        else:
            yield line, None


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Yield each line's number and its object, or what is wrong with it; empty lines are left out."""
    try:
        with open_unpacked(path) as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    # Numbers stay as they are written: an identifier must not lose digits.
                    found = json.loads(line, parse_int=_Number, parse_float=_Number)
                except ValueError as error:
                    yield number, f"it is no JSON: {error}"
                    continue
                yield number, found if isinstance(found, dict) else "it is no JSON object"
    except (OSError, EOFError) as error:
        raise BadData(f"{path}: {error}") from error


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


def _text(value: Any) -> str | None:
    if value is None or type(value) is str:
        return value
    if isinstance(value, _Number):
        return str(value)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
