"""Rows that are part of a value, since quotes of the texts' own begin and end it. They are loaded as the quotes say, and named.

In a file without quoting, as the sentences of a corpus, a quote at the beginning of one field and another at the end of a later one
make one value of all between them.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..sql.guessing import TEXT, is_alike, kind_of
from .records import Chunk

MOST_LOOKED_AT = 100
"""The most values of several lines that are looked at in each column of a block."""
MOST_REPEATED = 1_000
"""The most repetitions in a pattern of RE2."""


def inner_row(chunk: Chunk, names: Sequence[str], delimiter: str) -> str:
    """Return a note on the first line of a value that looks like a row: as many fields, with numbers and dates where others have them.

    Args:
        chunk: Records of a CSV file.
        names: The names of its columns.
        delimiter: What splits them.

    Returns:
        The note; empty where no line looks so, or all columns are text.
    """
    import pyarrow.compute as pc

    first = [pc.drop_null(values).slice(0, 1).to_pylist() for values in chunk.texts]
    kinds = [kind_of(texts[0]) if texts else TEXT for texts in first]
    if not 1 < len(kinds) <= MOST_REPEATED or set(kinds) == {TEXT}:
        return ""
    between = rf"\x{ord(delimiter):02x}"
    field = rf"[^{between}\n]*"
    line_of_fields = rf"\n{field}(?:{between}{field}){{{len(kinds) - 1}}}(?:\n|\z)"
    for name, values in zip(names, chunk.texts, strict=True):
        found = pc.indices_nonzero(pc.match_substring_regex(values, line_of_fields))[:MOST_LOOKED_AT]
        for row in found.to_pylist():
            for line in values[row].as_py().split("\n")[1:]:
                if _is_like(line.split(delimiter), kinds):
                    return (
                        f"in line {chunk.lines[row]:,d}, a value of {name} has a line that looks like a row, {line!r:.60}: where the "
                        "quotes belong to the values, give --quote none"
                    )
    return ""


def _is_like(fields: Sequence[str], kinds: Sequence[str]) -> bool:
    """Return whether there are as many fields as `kinds`, and numbers and dates where it has them, at least one."""
    typed = [(field, kind) for field, kind in zip(fields, kinds, strict=False) if kind != TEXT and field]
    return len(fields) == len(kinds) and bool(typed) and all(is_alike(field, kind) for field, kind in typed)
