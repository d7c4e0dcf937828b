"""The type of a new table's column, by all of its values: the narrowest that holds each of them exactly, else text.

Pure. A guess only ever widens, so that the first rows give a type to begin with. 02134 is a code and not a number, and
so is +4930123456 in a column without negative numbers. A number becomes a FLOAT only if that preserves all digits.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .values import DATE, TIME_OF_DAY, zoned

TEXT, WHOLE, DECIMAL, FLOAT, BOOLEAN = "VARCHAR", "NUMBER(38,0)", "NUMBER", "FLOAT", "BOOLEAN"
DAY, MOMENT, ZONED, TIME = "DATE", "TIMESTAMP_NTZ", "TIMESTAMP_TZ", "TIME"
DIGITS = 38
"""The most digits of a NUMBER."""
EXACT = 15
"""Digits of a number that a FLOAT always preserves."""
REPEATED = 3
"""How often a value has to stand in a block, on the average, for its distinct values to be looked at instead."""

_INTEGER = r"(0|[1-9][0-9]*)"
_SECONDS = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
PATTERNS = {
    WHOLE: rf"^[+-]?{_INTEGER}$",
    DECIMAL: rf"^[+-]?({_INTEGER}(\.[0-9]+)?|\.[0-9]+)$",
    FLOAT: rf"^([+-]?({_INTEGER}(\.[0-9]+)?|\.[0-9]+)([eE][+-]?[0-9]{{1,3}})?|(?i:nan|-?inf))$",
    BOOLEAN: r"^(?i:true|false)$",
    DAY: rf"^{DATE}$",
    MOMENT: rf"^{DATE}([T ]{TIME_OF_DAY})?$",
    ZONED: rf"^({zoned(TIME_OF_DAY, _SECONDS)})$",
    TIME: rf"^{_SECONDS}$",
}
"""Kind -> the pattern of its values (in RE2's and Python's syntax). The pattern of a wider kind includes the narrower
ones."""
_COMPILED = {kind: re.compile(pattern) for kind, pattern in PATTERNS.items()}
_WIDER = {
    frozenset((WHOLE, DECIMAL)): DECIMAL,
    frozenset((WHOLE, FLOAT)): FLOAT,
    frozenset((DECIMAL, FLOAT)): FLOAT,
    frozenset((DAY, MOMENT)): MOMENT,
}
_NUMBERS = (WHOLE, DECIMAL, FLOAT)
_CALENDAR = (DAY, MOMENT, ZONED, TIME)
_NUMERAL = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
_LONG = r"[1-9][0-9.]{15,}"
"""What a number of more digits than `EXACT` has in it."""


def is_alike(text: str, kind: str | None) -> bool:
    """Return whether a text is a number where `kind` is one, or a day or moment where it is.

    Example:
        >>> is_alike("5", "FLOAT"), is_alike("2024-01-01", "TIMESTAMP_NTZ"), is_alike("5", "DATE"), is_alike("id", "DATE")
        (True, True, False, False)
    """
    own = kind_of(text)
    return any(own in kinds and kind in kinds for kinds in (_NUMBERS, _CALENDAR))


def kind_of(text: str, kinds: tuple[str, ...] = tuple(PATTERNS)) -> str:
    """Return the narrowest of `kinds` that a text is a value of; text where it is none.

    Example:
        >>> [kind_of(text) for text in ("7", "07", "2.50", "1e5", "2024-02-30", "")]
        ['NUMBER(38,0)', 'VARCHAR', 'NUMBER', 'FLOAT', 'VARCHAR', 'VARCHAR']
    """
    return next((kind for kind in kinds if _COMPILED[kind].fullmatch(text)), TEXT)


def reason_of_text(text: str, before: str) -> str:
    """Return why a value made text of its column: the end of a sentence about it.

    Args:
        text: The value.
        before: The type that the column had before it; empty where it had none.

    Example:
        >>> reason_of_text("x", "FLOAT"), reason_of_text("0.10000000000000000555e0", "FLOAT"), reason_of_text("NaN", "FLOAT")
        ('is no FLOAT', 'a FLOAT would change', 'is no NUMBER')
    """
    if not before:
        return "is no number or date that could be kept as it is written"
    if before != FLOAT or kind_of(text, (FLOAT,)) == TEXT:
        return f"is no {before}"
    if not re.search("[0-9]", text):
        return f"is no {DECIMAL}"  # as those before it have too many digits for a FLOAT
    return "a FLOAT would change" if _rounds(text) else reason_of_text(text, "")


@dataclass(slots=True)
class Guess:
    """The guess of a column's type from its values so far.

    Attributes:
        kind: One of `PATTERNS`, or text; None where no value has been seen.
        digits: Digits before the point, at most.
        scale: Digits behind it, at most.
        exact: Whether a FLOAT preserves each number as it is written.
        plus: The first value with a plus sign, and where it stands among those handed in; None where none has one.
        minus: Whether a number is negative.
        numbers: Whether any value is a finite number.
        before: The type that it had before it became text; empty where it was text from the first value on.
        repeats: Whether each of the values handed in together has stood there several times on the average.
    """

    kind: str | None = None
    digits: int = 0
    scale: int = 0
    exact: bool = True
    plus: int | None = None
    minus: bool = False
    numbers: bool = False
    before: str = ""
    repeats: bool = True

    @property
    def type(self) -> str | None:
        """The SQL type; None before the first value."""
        if self.kind in _NUMBERS and ((self.plus is not None and not self.minus) or not self.numbers):
            return TEXT  # a telephone number, and a word
        return f"NUMBER({DIGITS},{self.scale})" if self.kind == DECIMAL else self.kind

    def add(self, values: Any, *, stringy: bool = False) -> int | None:
        """Take in values, a pyarrow array of text; return where the one stands that made text of the column, if one did.

        Args:
            values: The values; NULL is none.
            stringy: Whether these are texts though the format has numbers: they are none then.
        """
        if values.null_count == len(values) or self.kind == TEXT:
            return None
        if not self.repeats:
            return self._add(values, stringy=stringy)
        # What a value is takes much longer to tell than whether it has been there before.
        distinct, had_plus = values.unique(), self.plus is not None
        self.repeats = len(distinct) * REPEATED <= len(values)
        at = self._add(distinct, stringy=stringy)
        if self.plus is not None and not had_plus:
            self.plus = values.index(distinct[self.plus]).as_py()
        return None if at is None else int(values.index(distinct[at]).as_py())

    def _add(self, values: Any, *, stringy: bool) -> int | None:
        """Take in values, of which at least one is there; return as `add` does."""
        import pyarrow.compute as pc

        if self.kind in (None, *_NUMBERS) and not stringy and self._add_whole(values):
            return None
        kinds = _CALENDAR if stringy else tuple(PATTERNS)
        if self.kind is None:
            first = pc.index(pc.is_valid(values), True).as_py()
            self.kind = kind_of(values[first].as_py(), kinds)
            if self.kind == TEXT:
                return first if values[first].as_py().strip().strip("+-0123456789.") == "" and not stringy else None
        while True:
            at = _first_miss(values, self.kind) if self.kind in kinds else pc.index(pc.is_valid(values), True).as_py()
            if at is None:
                break
            text = values[at].as_py()
            kind = kind_of(text, kinds)
            wider = _WIDER.get(frozenset((self.kind, kind)))
            if wider is None:
                return self._to_text(int(at))
            self.kind = wider
        if self.kind in _NUMBERS:
            at = self._count(values)
            if at is not None:
                return self._to_text(at)
        return None

    def _add_whole(self, values: Any) -> bool:
        """Take in values that are all plain whole numbers, and return whether they are; some three times as fast as the patterns."""
        span = whole_span(values)
        if span is None:
            return False
        digits = max(len(str(abs(one))) for one in span)
        if digits > EXACT or digits + self.scale > DIGITS:
            return False
        self.kind = self.kind or WHOLE
        self.digits = max(self.digits, digits)
        self.minus = self.minus or span[0] < 0
        self.numbers = True
        return True

    def _to_text(self, at: int) -> int:
        self.before = f"NUMBER({DIGITS},{min(self.scale, DIGITS)})" if self.kind == DECIMAL else self.kind or ""
        self.kind = TEXT
        return at

    def _count(self, values: Any) -> int | None:
        """Take in digits and signs, and return where a value stands that no number type holds exactly; None where none does."""
        import pyarrow.compute as pc

        self.minus = self.minus or bool(pc.any(pc.starts_with(values, "-")).as_py())
        if self.plus is None:
            signed = pc.index(pc.starts_with(values, "+"), True).as_py()
            self.plus = None if signed < 0 else signed
        self.numbers = (
            self.numbers or self.kind != FLOAT or bool(pc.any(pc.match_substring_regex(values, "[0-9]")).as_py())
        )
        doubtful = values
        if self.kind != FLOAT:
            body = pc.utf8_ltrim(values, "+-")
            length, point = pc.utf8_length(body), pc.find_substring(body, ".")
            before = pc.if_else(pc.greater_equal(point, 0), point, length)
            self.digits = max(self.digits, pc.max(before).as_py())
            self.scale = max(self.scale, pc.max(pc.subtract(length, pc.add(before, 1))).as_py(), 0)
            if self.digits + self.scale > DIGITS:
                longest = pc.index(before, pc.max(before)).as_py()
                farthest = pc.index(length, pc.max(length)).as_py()
                return int(longest if self.scale == 0 else farthest)
            if pc.max(length).as_py() <= EXACT:
                return None
            doubtful = values.filter(pc.match_substring_regex(values, _LONG))
        miss = _inexact(doubtful) if self.exact else None
        if miss is not None:
            self.exact = False
        if self.kind != FLOAT:
            return None
        if not self.exact:
            return miss if miss is not None else _first_miss(values, DECIMAL)
        return None


def whole_span(values: Any) -> tuple[int, int] | None:
    """Return the least and the largest of values that are all whole numbers of 64 bits, written the shortest way; else None.

    Args:
        values: A pyarrow array of text with at least one value; NULL is none.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_string(values.type):
        return None
    try:
        numbers = values.cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    if not numbers.cast(pa.string()).equals(values):  # 007, -0, 0x1F
        return None
    low, high = pc.min_max(numbers).as_py().values()
    return low, high


def _first_miss(values: Any, kind: str) -> int | None:
    """Return where the first value stands that is none of a kind; None where all are."""
    import pyarrow.compute as pc

    at: int = pc.index(pc.match_substring_regex(values, PATTERNS[kind]), False).as_py()
    return None if at < 0 else at


def _inexact(values: Any) -> int | None:
    """Return where the first number stands that a FLOAT does not give back; None where it does with all."""
    import pyarrow as pa
    import pyarrow.compute as pc

    with contextlib.suppress(pa.ArrowInvalid):  # what pyarrow does not read is read one by one
        back = values.cast(pa.float64()).cast(pa.string())
        same = pc.fill_null(pc.equal(back, values), True)
        for at in pc.indices_nonzero(pc.invert(same)).to_pylist():
            if not _gives_back(values[at].as_py()):
                return int(at)
        return None
    for at, text in enumerate(values.to_pylist()):
        if text is not None and not _gives_back(text):
            return at
    return None


def first_rounded(values: Any) -> int | None:
    """Return where the first number stands of which a FLOAT drops digits; None where there is none.

    Args:
        values: A pyarrow array of texts; NULL, and what is no number, is none.
    """
    import pyarrow.compute as pc

    long = pc.match_substring_regex(values, f"{_LONG}|[eE]")
    doubtful = pc.indices_nonzero(pc.and_(long, pc.match_substring_regex(values, _NUMERAL)))
    some = values.take(doubtful)
    at = _inexact(some) if len(some) else None
    while at is not None and not _rounds(some[at].as_py()):  # a zero that looks like a code
        some, doubtful = some[at + 1 :], doubtful[at + 1 :]
        at = _inexact(some)
    return None if at is None else int(doubtful[at].as_py())


def _gives_back(text: str) -> bool:
    """Return whether a FLOAT gives back the number that a text is.

    Example:
        >>> _gives_back("0.1"), _gives_back("1e-5"), _gives_back("9007199254740993"), _gives_back("1e400"), _gives_back("NaN")
        (True, True, False, False, True)
    """
    if not re.search("[0-9]", text):
        return True
    if re.fullmatch(r"[+-]?[0.]+[eE]0*[1-9][0-9]*", text):
        return False  # no program writes zero so, and other codes would become the same one
    return not _rounds(text)


def _rounds(text: str) -> bool:
    """Return whether a FLOAT changes the number that a text is.

    Example:
        >>> _rounds("0.1"), _rounds("9007199254740993"), _rounds("1e-400"), _rounds("0e12")
        (False, True, True, False)
    """
    value = Decimal(repr(float(text)))
    return not value.is_finite() or value != Decimal(text)
