"""The fields of one CSV record, and the reason why bytes are no record.

Pure: from bytes and a dialect to texts. Records that pyarrow parses do not come here.
"""

from __future__ import annotations

from collections.abc import Sequence

from .dialects import Dialect


def fields_of(record: bytes, dialect: Dialect, empty: str) -> list[str | None]:
    """Return the fields of a whole record. An empty field is None, unless `empty` is `text`.

    Raises:
        ValueError: the text after an escape is ambiguous.
    """
    quote, escape = dialect.quote.encode(), dialect.escape.encode()
    found: list[str | None] = []
    for match in dialect.field.finditer(record):
        text = match[1]
        quoted = bool(quote) and text.startswith(quote)
        if not text and empty != "text":
            found.append(None)
            continue
        if escape and text == escape + b"N" and not quoted:
            found.append(None)  # databases that escape write NULL like this
            continue
        if quoted:
            text = text[1:-1]
        found.append(_unquoted(text, quote if quoted else b"", escape).decode("utf-8", "replace"))
    return found


def _unquoted(text: bytes, quote: bytes, escape: bytes) -> bytes:
    """Return the text of a field, with one quote for two, and without escapes."""
    if not escape:
        return text.replace(quote * 2, quote) if quote else text
    parts, at = [], 0
    while at < len(text):
        one = text[at : at + 1]
        if one == escape:
            one = text[at + 1 : at + 2]
            if one.isalnum():
                raise ValueError(
                    f"{(escape + one).decode()} may mean {one.decode()!r} or a character that is not shown: "
                    f"write {(escape * 2 + one).decode()}, or the character itself"
                )
            at += 1
        elif quote and one == quote:
            at += 1  # a doubled quote
        parts.append(one)
        at += 1
    return b"".join(parts)


def column_at(before: bytes, dialect: Dialect, names: Sequence[str]) -> str:
    """Return the name of the column in which the beginning of a record ends; empty if there is no such column."""
    fields, _ = _whole_fields(before, 0, dialect)
    return names[fields] if fields < len(names) else ""


def trouble(data: bytes, at: int, dialect: Dialect, names: Sequence[str], *, is_all: bool) -> tuple[str, bool]:
    """Return the reason why the record that begins at `at` of `data` is invalid, and whether it ends with its line.

    The reason is empty if the record's end is not in `data`.

    Args:
        data: The bytes of a file, as far as they have been read.
        at: Where the record begins.
        dialect: How the file is written.
        names: The columns' names.
        is_all: Whether the file has no more bytes.
    """
    end = data.find(dialect.newline.encode(), at)
    if end < 0:
        return "", True
    fields, at = _whole_fields(data, at, dialect)
    column = f"{names[fields]}: " if fields < len(names) else ""
    if quoted := dialect.quoted.match(data, at):
        if quoted.end() >= len(data) - 1 and not is_all:
            return "", True
        behind = data[quoted.end() : quoted.end() + 8].decode("utf-8", "replace").splitlines()[0]
        words = (
            f"{column}{behind!r} stands behind a closing quote: double each quote within quotes, or give --escape or "
            "--quote as the file has them"
        )
        return words, quoted.end() <= end
    if dialect.quote and data.startswith(dialect.quote.encode(), at):
        return "", True  # the quote is not closed yet
    other = "carriage return" if dialect.newline == "\n" else "line feed"
    words = (
        f"{column}a {other} stands outside of quotes: it may end a row, or be part of a value. "
        "Write all line ends in one way, and quotes around such values"
    )
    return words, True


def _whole_fields(data: bytes, at: int, dialect: Dialect) -> tuple[int, int]:
    """Return how many whole fields follow `at` in `data`, and where the last of them ends."""
    fields = 0
    while found := dialect.field.match(data, at):
        fields, at = fields + 1, found.end()
    return fields, at
