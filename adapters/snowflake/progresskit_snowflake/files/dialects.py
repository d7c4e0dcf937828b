"""The dialect of a CSV file: its encoding, delimiter, quote and line ends. It is decided once, from the first bytes.

Pure: works on bytes. `auto` decides only if the bytes leave no doubt. Otherwise the file is refused, and the message
names the option to give.
"""

from __future__ import annotations

import codecs
import contextlib
import functools
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

SAMPLE = 1 << 16
"""Bytes from which a dialect is decided."""
DELIMITERS = (",", ";", "\t", "|")
"""The delimiters that are detected."""
UNUSUAL = (":", "~", "^", "\x01", "\x1e", "\x1f")
"""Occasional delimiters. They must be given: a file with them is neither split nor read as one column."""
_NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip

_BYTES = {name: mark for mark, name in _MARKS}
_NOT_OF_FILES = ("idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined")
"""Python's encodings for host names and string literals. No file is written in them."""
_SEPARATOR = re.compile(rb'"?sep=([^\r\n"A-Za-z0-9])"?(?:\r\n|\n|\r)', re.IGNORECASE)
"""The line that Excel writes and reads before the header."""
_BESIDE = {
    one: re.compile(rf"([~^|@#*!$%&+=:;]){re.escape(one)}\1|{re.escape(one)}[~^@#*!$%&+=:]{re.escape(one)}".encode())
    for one in DELIMITERS
}
"""A delimiter that is part of a longer one."""
_ENDS = (
    ("utf-32-le", b"\n\0\0\0", 4), ("utf-32-be", b"\0\0\0\n", 4), ("utf-16-le", b"\n\0", 2), ("utf-16-be", b"\0\n", 2),
)  # fmt: skip
"""Encodings with several bytes per character -> the line end, and the bytes per character."""
_NEVER_WRITTEN = 16
"""The number of NUL bytes at the end that no field has."""
_COMMENT = re.compile(rb"#[ \t]|//|-- ")
"""The beginning of a comment before the header."""
_ENCLOSED = re.compile(rb"'[^']+(?:''[^']*)*'")
_RULED = re.compile(rb"\|(?: *:?-+:? *\|)+")
"""The second line of a table in Markdown."""
_UNDERLINE = re.compile(rb"-{3,}|={3,}|(?=.*--|.*==)[-=]+(?:(?:[ +]+| *[|,;\t] *)[-=]+)+")
_GAP = re.compile(rb"[^ ]  +[^ ]")
_NUMBER = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_JSON = re.compile(rb'\s*(?:\[\s*)?\{\s*(?:"(?:[^"\\]|\\.)*"\s*:|\})', re.DOTALL)


class DialectError(Exception):
    """A file's dialect is ambiguous, or an option is invalid. The message names the option to give."""


@dataclass(frozen=True)
class Dialect:
    """The dialect of a CSV file.

    Attributes:
        delimiter: The text between fields; empty: to be detected.
        quote: The character around fields that need it; empty: no field is quoted.
        escape: The character before a literal one; empty: none, a quote within quotes is doubled.
        encoding: Python's name of it; empty: to be detected.
        header: Whether the first record has the columns' names.
        skip_lines: Lines to skip before the header, or before the first record.
        empty: What an empty field is: `apart` (nothing is NULL, `""` is the empty text), `null` or `text`.
        blank_lines: What a blank line is in a file of one column: `skip`, `null`; empty: to be refused.
        mark: Bytes of the byte order mark.
        newline: The end of a record: `\\n`, before which `\\r` may stand, or `\\r` alone.
    """

    delimiter: str = ""
    quote: str = '"'
    escape: str = ""
    encoding: str = ""
    header: bool = True
    skip_lines: int = 0
    empty: str = "apart"
    blank_lines: str = ""
    mark: int = 0
    newline: str = "\n"

    def __post_init__(self) -> None:
        for name in ("delimiter", "quote", "escape"):
            text = getattr(self, name)
            if text and (len(text) != 1 or not text.isascii() or text in "\r\n\0"):
                raise DialectError(f"{text!r:.40} is no {name}: give one character of ASCII, not a line end.")
        marks = [mark for mark in (self.delimiter, self.quote, self.escape) if mark]
        if len(set(marks)) < len(marks):
            raise DialectError(
                f"delimiter, quote and escape are {' '.join(map(repr, marks))}: give three different ones."
            )
        if self.encoding:
            try:
                found = codecs.lookup(self.encoding)
                if not found._is_text_encoding or found.name in _NOT_OF_FILES:
                    raise LookupError
            except LookupError:
                raise DialectError(
                    f"there is no encoding {self.encoding!r:.40}: give one that Python knows, as utf-8, utf-16 or cp1252."
                ) from None

    @cached_property
    def _parts(self) -> tuple[str, str, str, str]:
        """The patterns of a delimiter, of a quoted field, of an unquoted field, and of the end of a record."""
        d, q, e = _code(self.delimiter or ","), _code(self.quote), _code(self.escape)
        ends = r"\r?\n" if self.newline == "\n" else r"\r"
        if self.escape:
            quoted = rf"{q}(?:[^{q}{e}]++|{e}(?s:.)|{q}{q})*+{q}"
            plain = rf"(?:(?:[^{d}{e}\r\n{q}]|{e}(?s:.))(?:[^{d}{e}\r\n]++|{e}(?s:.))*+)?+"
        else:
            quoted = rf"{q}(?:[^{q}]++|{q}{q})*+{q}"
            plain = rf"(?:[^{d}\r\n{q}][^{d}\r\n]*+)?+"
        return d, quoted if self.quote else "(?!)", plain, ends

    @cached_property
    def record(self) -> re.Pattern[bytes]:
        """Matches one record with its end."""
        d, quoted, plain, ends = self._parts
        return re.compile(rf"(?:{quoted}|{plain})(?:{d}(?:{quoted}|{plain}))*+(?:{ends})".encode())

    @cached_property
    def field(self) -> re.Pattern[bytes]:
        """Matches one field, and what follows it: the delimiter, or the end of the record."""
        d, quoted, plain, ends = self._parts
        return re.compile(rf"({quoted}|{plain})({d}|{ends})".encode())

    @cached_property
    def quoted(self) -> re.Pattern[bytes]:
        """Matches a quoted field to its closing quote, whatever follows it."""
        return re.compile(self._parts[1].encode())

    @cached_property
    def grammar(self) -> str:
        """Matches any number of records, none of them blank, as RE2 writes it: linear, whatever the bytes are."""
        d, q = _code(self.delimiter), _code(self.quote)
        filled = rf"[^{d}\r\n{q}][^{d}\r\n]*" + (rf"|{q}(?:[^{q}]|{q}{q})*{q}" if self.quote else "")
        return _records(filled, d, r"\r?\n")


def _code(character: str) -> str:
    """Return a character escaped for any regular expression, within brackets or not."""
    return "".join(rf"\x{ord(one):02x}" for one in character)


def _records(filled: str, delimiter: str, end: str) -> str:
    return rf"(?s)\A(?:(?:(?:{filled})|(?:{filled})?(?:{delimiter}(?:{filled})?)+){end})*\z"


CANONICAL = _records(r'[^",\r\n]+|"(?:[^"]|"")*"', ",", r"\n")
"""Matches any number of records that are in canonical form already: quotes are only around fields."""


def decoded_sample(data: bytes, dialect: Dialect) -> tuple[Dialect, bytes]:
    """Return the dialect with its encoding decided, and the beginning of a file as UTF-8, without the mark.

    Raises:
        DialectError: the encoding is ambiguous.
    """
    mark, name = next(((len(mark), name) for mark, name in _MARKS if data.startswith(mark)), (0, ""))
    while mark and data.startswith(_BYTES[name], mark):  # a program has added a second one
        mark += len(_BYTES[name])
    if dialect.encoding:
        own = codecs.lookup(dialect.encoding).name
        if own == "utf-8-sig":
            own = "utf-8"
        if own in ("utf-16", "utf-32"):
            if not name.startswith(own):
                raise DialectError(f"it has no byte order mark of {own}: give --encoding {own}-le or {own}-be.")
            own = name
        dialect = replace(dialect, encoding=own, mark=mark if own == name else 0)
    elif name:
        dialect = replace(dialect, encoding=name, mark=mark)
    else:
        _refuse_unmarked(data[:4096])
        dialect = replace(dialect, encoding="utf-8")
    body = data[dialect.mark :]
    if dialect.encoding == "utf-8":
        return dialect, body
    # Cut or invalid bytes are reported by the reading itself.
    return dialect, body.decode(dialect.encoding, "ignore").encode("utf-8", "ignore")


def _refuse_unmarked(data: bytes) -> None:
    """Raise DialectError if bytes look like UTF-16 or UTF-32 without a mark, or if only NULs follow from some
    position."""
    text = data.rstrip(b"\0")  # bytes that a file system or a crash has filled in are no text
    if len(data) - len(text) >= _NEVER_WRITTEN:
        raise DialectError(
            "it has nothing but NUL bytes from some place on: the rest of it was never written, or it is no CSV."
        )
    for encoding, end, width in _ENDS:
        found = [match.start() for match in re.finditer(re.escape(end), data)]
        if found and len(found) == data.count(b"\n") and not any(at % width for at in [*found, len(data)]):
            raise DialectError(f"it looks like {encoding[:6].upper()} without a mark: give --encoding {encoding}.")
    even, odd = data[: len(text) + 1 : 2].count(0), data[1 : len(text) + 1 : 2].count(0)
    if even + odd > len(text) // 4 and max(even, odd) > 3 * min(even, odd):
        raise DialectError(
            f"it looks like UTF-16 without a mark: give --encoding utf-16-{'le' if odd >= even else 'be'}."
        )


def newline_of(sample: bytes) -> str:
    """Return the line end of a sample: a carriage return only if there is no line feed."""
    return "\r" if b"\r" in sample and b"\n" not in sample else "\n"


@functools.lru_cache(maxsize=64)  # a file is opened for its header, its types, its check and its packing
def decided(sample: bytes, dialect: Dialect, *, whole: bool) -> tuple[Dialect, str]:
    """Return the dialect with its delimiter and line end detected, and a note about them for the summary, which is
    empty for commas.

    Args:
        sample: The beginning of a file in UTF-8.
        dialect: The given dialect.
        whole: Whether the sample is all of the file.

    Raises:
        DialectError: more than one delimiter fits, or the first line has one that does not fit the others, or no line end that is read.
    """
    dialect = replace(dialect, newline=newline_of(sample))
    if sample[: sample.find(b"\n") + 1].endswith(b"\r\r\n"):
        raise DialectError(
            "its first line ends in two carriage returns and a line feed, as Python on Windows writes them without newline='': "
            r"take one of the two out of each line, as sed 's/\r\r$/\r/' does."
        )
    separator = _SEPARATOR.match(sample) if not dialect.skip_lines else None
    if separator and dialect.delimiter.encode() in (b"", separator[1]):
        delimiter = separator[1].decode("utf-8", "replace")
        note = f"its first line says that {_NAMES.get(delimiter, repr(delimiter))} splits its columns"
        separated = replace(dialect, delimiter=delimiter, skip_lines=1)
        lines = _without_lines(sample, separated)
        others = _splitting(lines, dialect)
        if not dialect.delimiter and others and (next(_widths(lines, separated), None) or 0) < 2:
            raise DialectError(
                f"{note}, but {' or '.join(_NAMES[one] for one in others)} seems to: give --delimiter and --skip-lines 1."
            )
        return separated, note
    if dialect.delimiter:
        _refuse_apostrophes(_without_lines(sample, dialect), dialect)
        return dialect, ""
    if _JSON.match(sample):
        raise DialectError("it is JSON: give --format json; or --delimiter, if it is CSV all the same.")
    end = sample.rfind(dialect.newline.encode()) + 1
    lines = sample if whole else sample[:end]
    lines = _without_lines(lines, dialect)
    several = _splitting(lines, dialect)
    good = [one for one, widths in several.items() if len(widths) == 1]
    if len(good) > 1:
        raise DialectError(
            f"its columns may be split by {' or by '.join(_NAMES[one] for one in good)}: give --delimiter."
        )
    if len(good) == 1:
        _refuse_longer(lines, good[0])
        _refuse_markdown(lines)
    if not several:
        _refuse_titled(lines, dialect)
        _refuse_misquoted(lines, dialect)
        _refuse_aligned(lines, dialect)
        _refuse_whole_lines(lines, dialect)
        _refuse_unusual(lines, dialect)
    _refuse_underlined(lines, dialect)
    chosen = good[0] if good else ","
    if several and chosen not in several:
        names = " or ".join(_NAMES[one] for one in several)
        raise DialectError(f"its first line looks as if {names} split its columns, and other lines have another number of them: "
                           "give --delimiter.")  # fmt: skip
    dialect = replace(dialect, delimiter=chosen)
    _refuse_apostrophes(lines, dialect)
    if dialect.header and (mark := _COMMENT.match(lines)) and len(set(_widths(lines, dialect))) == 1:
        raise DialectError(
            f"its first line begins with {mark[0].decode().strip()!r}, and may be a comment or the header: leave it out by "
            "--skip-lines 1, or take the mark away."
        )
    return dialect, "" if chosen == "," else f"columns are split by {_NAMES[chosen]}"


def _splitting(lines: bytes, dialect: Dialect) -> dict[str, set[int | None]]:
    """Return the delimiters that split the first record, each with the numbers of fields of all records."""
    found: dict[str, set[int | None]] = {}
    for one in DELIMITERS:
        if one not in (dialect.quote, dialect.escape):
            widths = _widths(lines, replace(dialect, delimiter=one))
            first = next(widths, None) or 0
            if first > 1:
                found[one] = {first, *widths}
    return found


def _splits_alike(lines: bytes, dialect: Dialect, delimiter: str) -> bool:
    """Whether `delimiter` splits several records into the same number of fields, more than one."""
    widths = list(_widths(lines, replace(dialect, delimiter=delimiter)))
    return len(widths) > 1 and widths[0] != 1 and len(set(widths)) == 1


def _refuse_whole_lines(lines: bytes, dialect: Dialect) -> None:
    """Raise DialectError if each line is one quoted field, within which a delimiter splits all lines alike."""
    bare = lines.replace(dialect.quote.encode(), b"") if dialect.quote else b""
    for one in DELIMITERS:
        if bare != lines and _splits_alike(bare, dialect, one):
            raise DialectError(
                f"each of its lines is one field in quotes, within which {_NAMES[one]} may split its columns: take the quotes "
                "away, or give --delimiter comma if it has one column."
            )


def _refuse_unusual(lines: bytes, dialect: Dialect) -> None:
    """Raise DialectError if an unusual delimiter splits all lines alike."""
    for one in UNUSUAL:
        if one not in (dialect.quote, dialect.escape) and _splits_alike(lines, dialect, one):
            raise DialectError(
                f"its columns may be split by {one!r}: give --delimiter {one!r}, or --delimiter comma if it has one column."
            )


def _refuse_titled(lines: bytes, dialect: Dialect) -> None:
    """Raise DialectError if the first line has no delimiter, and one splits all lines after the first ones alike."""
    for one in DELIMITERS:
        if one == "," or one in (dialect.quote, dialect.escape):
            continue  # lines with commas are bad rows of a file of one column
        widths = list(_widths(lines, replace(dialect, delimiter=one)))
        split = [at for at, width in enumerate(widths) if width != 1]
        inner = widths[split[0] : split[-1] + 1] if split else []
        if len(inner) > 1 and inner[0] is not None and len(set(inner)) == 1:
            before = dialect.skip_lines + lines[: lines.index(one.encode())].count(dialect.newline.encode())
            raise DialectError(
                f"{_NAMES[one]} splits its lines from line {before + 1} on, and is not in the first: leave out what "
                f"stands before the header by --skip-lines {before}, or give --delimiter comma if it has one column."
            )


def _refuse_misquoted(lines: bytes, dialect: Dialect) -> None:
    """Raise DialectError if a delimiter stands in the first line beside quotes, but the quotes do not fit."""
    first = lines[: lines.find(dialect.newline.encode())] if dialect.newline.encode() in lines else lines
    quote = dialect.quote.encode()
    for one in DELIMITERS:
        mark = one.encode()
        if one == "," or not quote or not (mark + quote in first or quote + mark in first):
            continue  # a comma is taken anyway, and the row is a bad one
        if next(_widths(lines, replace(dialect, delimiter=one)), None) is None:
            raise DialectError(
                f"its first line looks as if {_NAMES[one]} split its columns, and its quotes do not fit: give --delimiter, and --quote "
                "or --escape as the file has them."
            )


def _refuse_apostrophes(lines: bytes, dialect: Dialect) -> None:
    """Raise DialectError if fields are in apostrophes and none is in quotes: they would be part of each name and
    value."""
    if dialect.quote != '"' or not lines.startswith(b"'") or b'"' in lines:
        return
    records = [record[0] for record in itertools.islice(dialect.record.finditer(lines), 2)]
    fields = [[field[1] for field in dialect.field.finditer(record)] for record in records]
    enclosed = [[bool(_ENCLOSED.fullmatch(field)) for field in row] for row in fields]
    if enclosed and all(enclosed[0]) and (any(enclosed[1]) if len(enclosed) > 1 else dialect.header):
        raise DialectError(
            'its fields stand in apostrophes: give --quote "\'", or --quote none if these belong to the names and values.'
        )


def _refuse_markdown(lines: bytes) -> None:
    """Raise DialectError if the lines are a table of Markdown."""
    found = [line.strip() for line in lines.splitlines() if line.strip()]
    if len(found) > 1 and _RULED.fullmatch(found[1]) and all(line[:1] == line[-1:] == b"|" for line in found):
        raise DialectError("it is a table of Markdown: export it as CSV.")


def _refuse_underlined(lines: bytes, dialect: Dialect) -> None:
    """Raise DialectError if the line below the header has only dashes, as clients draw it."""
    found = [line.strip() for line in lines.splitlines() if line.strip()]
    if dialect.header and len(found) > 1 and _UNDERLINE.fullmatch(found[1]):
        raise DialectError(
            "a line of dashes stands below its header, as a client shows tables: export it as CSV, or take that line out; "
            "or give --delimiter if it is a row."
        )


def _refuse_longer(lines: bytes, delimiter: str) -> None:
    """Raise DialectError if each delimiter of the lines is the middle of a longer one, as `~|~`, or every other one
    ends it."""
    first = lines.find(delimiter.encode())
    # Every delimiter is part of it, or none: the first one tells.
    found = _BESIDE[delimiter].search(lines, max(first - 2, 0), first + 3)
    if found is None:
        return
    longer = found[0]
    if delimiter.encode() not in lines.replace(longer, b""):
        text = longer.decode()
        raise DialectError(
            f"its columns seem to be split by {text!r}, and a delimiter is one character: write the file with a single one, "
            f"or give --delimiter {delimiter!r} if what stands beside it belongs to the values."
        )


def _refuse_aligned(lines: bytes, dialect: Dialect) -> None:
    """Raise DialectError if lines without any delimiter still have columns: of fixed widths, or separated by blanks."""
    found = [line for line in lines.splitlines() if line.strip()]
    if len(found) < 2:
        return
    if all(line.startswith((b"+-", b"+=", b"|")) or not line.strip(b"-+ ") for line in found) and b"---" in lines:
        raise DialectError("it is a table as a client shows it, with lines drawn around: export it as CSV.")
    words = [line.split() for line in found]
    widths = set(map(len, words))
    wide = all(_GAP.search(line.strip()) for line in found)
    # Two words in each line may be one text, but not where all but the header have a number in the same place.
    wide = wide or any(all(map(_NUMBER.fullmatch, places)) for places in zip(*words[1:], strict=False))
    # The lines may have different numbers of words, since blanks within quotes split no columns.
    has_quoted = b' "' in lines and dialect.quote == '"' and _splits_alike(lines, dialect, " ")
    if has_quoted or (len(widths) == 1 and (min(widths) > 2 or (wide and min(widths) > 1))):
        raise DialectError(
            "its columns seem to be split by blanks, or to be of fixed widths: write them with a delimiter, or give "
            "--delimiter space where a single blank splits them, or --delimiter comma if it has one column."
        )


def _without_lines(sample: bytes, dialect: Dialect) -> bytes:
    for _ in range(dialect.skip_lines):
        sample = sample[sample.find(dialect.newline.encode()) + 1 :] if dialect.newline.encode() in sample else b""
    return sample


def _widths(sample: bytes, dialect: Dialect) -> Iterator[int | None]:
    """Yield the number of fields of each record; at a position without a record, yield None and end."""
    if not sample.endswith((b"\n", b"\r")):
        sample += dialect.newline.encode()
    marks = [mark.encode() for mark in (dialect.quote, dialect.escape) if mark]
    lone = sample.count(b"\r") - sample.count(b"\r\n")
    if dialect.newline == "\n" and not lone and not any(mark in sample for mark in marks):
        between = dialect.delimiter.encode()  # a line is a record: counting is some fifty times as fast as matching
        yield from (line.count(between) + 1 for line in sample.split(b"\n") if line.strip(b"\r"))
        return
    ends = (b"\r\n", b"\n") if dialect.newline == "\n" else (b"\r",)
    at = 0
    while at < len(sample):
        if blank := next((end for end in ends if sample.startswith(end, at)), b""):
            at += len(blank)
            continue
        record = dialect.record.match(sample, at)
        if record is None:
            if dialect.quote.encode() and sample.find(dialect.quote.encode(), at) >= 0 and at:
                return  # a quoted field that the end of the sample has cut, or an invalid record
            yield None
            return
        yield sum(1 for _ in dialect.field.finditer(record[0]))
        at = record.end()


_HAN, _KANA, _HANGUL = r"\u4e00-\u9fff", r"\u3040-\u30ff", r"\uac00-\ud7a3"
_WRITTEN = {
    "euc_kr": re.compile(rf"[{_HANGUL}]+"),
    "shift_jis": re.compile(rf"[{_HAN}{_KANA}\u3001\u3002]+"),
    "gb18030": re.compile(rf"[{_HAN}\u3001\u3002\uff0c]+"),
    "euc_jp": re.compile(rf"(?=.*[{_KANA}])[{_HAN}{_KANA}\u3001\u3002]+"),
    "big5": re.compile(rf"[{_HAN}\u3001\u3002\uff0c]+"),
}
"""Encodings with two bytes per character -> the characters of their texts, besides ASCII."""
_SIGNS = frozenset("€“”„‘’–—…«»°§£©®·¿¡ºª\xa0")


def suggestion(data: bytes) -> str:
    """Return the probable encoding of bytes that are not UTF-8, by their text in it: a guess, for a message.

    Example:
        >>> [suggestion(text.encode(name)) for text, name in (("Zoé", "cp1252"), ("東京都", "shift_jis"), ("Москва", "cp1251"))]
        ['cp1252', 'shift_jis', 'cp1251']
    """
    # No language of the West has so many of these letters in a row, and a text of two-byte characters has others too.
    if re.search(rb"[\xc0-\xff]{4}", data) and not re.search(rb"[\x80-\xa7\xa9-\xb7\xb9-\xbf]", data):
        return "cp1251"
    if _is_mainframe(data):
        return "cp037"
    for name, pattern in _WRITTEN.items():
        with contextlib.suppress(UnicodeDecodeError):
            text = re.sub(r"[\x00-\x7f]+", "", data.decode(name))
            if len(text) > 1 and pattern.fullmatch(text):
                return name
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    high = [one for one in text if ord(one) > 127]
    usual = sum(one.isalpha() or one in _SIGNS for one in high)
    return "cp1252" if not high or usual * 2 >= len(high) else "cp850"


def _is_mainframe(data: bytes) -> bool:
    """Return whether `data` is EBCDIC: its letters and digits are above 127, and ASCII's blank and digits are controls there."""
    if re.search(rb"[\t\n 0-9]", data) or sum(byte > 127 for byte in data) * 2 <= len(data):
        return False
    text = data.decode("cp037")
    return sum(one.isascii() and (one.isprintable() or one in "\r\n\t") for one in text) * 20 > len(text) * 19
