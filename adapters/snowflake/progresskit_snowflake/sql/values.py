"""Values: which texts of a file are values of a SQL type.

Pure. A rule is a pattern, so that the texts of a column are looked at all at once, and a function for the few that do not match
it. What the types of a new table are guessed to be stands in `guessing`.
"""

from __future__ import annotations

import decimal
import math
import re
from collections.abc import Callable
from typing import NamedTuple


def _no(text: str) -> bool:
    return False


class Rule(NamedTuple):
    """What the values of a type look like.

    Attributes:
        pattern: A regular expression (of RE2's syntax); what matches is a value.
        settle: Says of a text that does not match whether it is one all the same.
        most: The length of a text at most, where that is all there is to it; in characters, or `in_bytes`.
    """

    pattern: str
    settle: Callable[[str], bool] = _no
    most: int | None = None
    in_bytes: bool = False


_LEAP = r"([0-9]{2}(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)"
_YEAR = r"([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_DAY = r"(0[1-9]|1[0-9]|2[0-8])"
DATE = rf"({_YEAR}-((0[13578]|1[02])-({_DAY}|29|30|31)|(0[469]|11)-({_DAY}|29|30)|02-{_DAY})|{_LEAP}-02-29)"
"""Every day that there is, as ISO 8601 writes it."""
TIME_OF_DAY = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?"
_HOURS, _MINUTES = r"[+-](0[0-9]|1[0-4])", r"[0-5][0-9]"
ZONE = rf"(Z|{_HOURS}:{_MINUTES})"
"""The offset from UTC, as it may stand behind any time of day."""
_ZONE_AFTER_SECONDS = rf"({_HOURS}| (Z|{_HOURS}:?{_MINUTES}))"
"""The offset as it may stand behind the seconds too, where a blank is between day and time."""

_NUMERAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)


def rule_for(declared: str) -> Rule | None:
    """Return the rule for a column of the type `declared`, as DESCRIBE says it; None where nothing is known of its values.

    Numbers that would be rounded are none; dates and times are ISO 8601's.

    Example:
        >>> re.search(rule_for("NUMBER(4,1)").pattern, "123.5") is not None
        True
        >>> rule_for("VARIANT") is None
        True
    """
    found = _DECLARED.fullmatch(declared.strip().upper())
    if found is None or found[1] not in _RULES:
        return None
    return _RULES[found[1]](*(int(number) for number in found.groups()[1:] if number is not None))


def _number(precision: int = 38, scale: int = 0) -> Rule:
    whole = rf"0*[0-9]{{1,{precision - scale}}}" if precision > scale else "0+"
    fraction = rf"(\.[0-9]{{1,{scale}}})?" if scale else ""

    def settle(text: str) -> bool:
        if not _NUMERAL.fullmatch(text):
            return False
        with decimal.localcontext(prec=1_200):  # enough for any exponent of three digits
            value = decimal.Decimal(text)
            return abs(value) < decimal.Decimal(10) ** (precision - scale) and value.scaleb(scale) % 1 == 0

    return Rule(rf"^[+-]?{whole}{fraction}$", settle)


def _is_float(text: str) -> bool:
    return bool(_NUMERAL.fullmatch(text)) and math.isfinite(float(text))


def _float(*_: int) -> Rule:
    names = {"nan", "inf", "-inf"}
    pattern = r"^[+-]?([0-9]+(\.[0-9]+)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$"
    return Rule(pattern, lambda text: _is_float(text) or text.lower() in names)


LONGEST = 1 << 24
"""Bytes of a text at most: what a VARCHAR without a length holds."""


def _text(length: int = LONGEST) -> Rule:
    def settle(text: str) -> bool:
        return len(text) <= length and len(text.encode()) <= LONGEST

    return Rule("", settle, length, length >= LONGEST)


# What COPY takes for a moment is the formats of ISO 8601 that the service documents for AUTO; what it would read as day and month of
# other orders is left to people.


def _timestamp(precision: int = 9) -> Rule:
    """Return the rule of a timestamp without a zone: an offset would be dropped, and digits beyond the precision cut."""
    return Rule(rf"^{DATE}([T ]({_HOUR}|{_clock(precision)}))?$")


def _zoned(precision: int = 9) -> Rule:
    clock = _clock(precision)
    with_zone = rf"[T ]{clock}{ZONE}| {_HOUR}:[0-5][0-9]:[0-5][0-9]{_fraction(precision)}{_ZONE_AFTER_SECONDS}"
    return Rule(rf"^{DATE}([T ]({_HOUR}|{clock})|{with_zone})?$")


def _time(precision: int = 9) -> Rule:
    return Rule(rf"^{_clock(precision)}$")


_HOUR = "([01][0-9]|2[0-3])"


def _fraction(precision: int) -> str:
    """Return the pattern of at most so many digits of a second, zeros behind them left out; they may be missing."""
    if precision == 9:
        return r"(\.[0-9]{1,9})?"
    return rf"(\.[0-9]{{1,{precision}}}0*)?" if precision else r"(\.0+)?"


def _clock(precision: int) -> str:
    """Return the pattern of a time of day with so many digits of a second at most."""
    return rf"{_HOUR}:[0-5][0-9](:[0-5][0-9]{_fraction(precision)})?"


_DECLARED = re.compile(r"([A-Z_ ]*[A-Z])\s*(?:\(\s*([0-9]+)\s*(?:,\s*([0-9]+)\s*)?\))?")
_RULES: dict[str, Callable[..., Rule]] = {
    **dict.fromkeys(("NUMBER", "DECIMAL", "NUMERIC", "INT", "INTEGER", "BIGINT", "SMALLINT", "TINYINT"), _number),
    **dict.fromkeys(("FLOAT", "DOUBLE", "DOUBLE PRECISION", "REAL", "FLOAT4", "FLOAT8"), _float),
    **dict.fromkeys(("VARCHAR", "TEXT", "STRING"), _text),
    **dict.fromkeys(("CHAR", "CHARACTER"), lambda length=1: _text(length)),
    **dict.fromkeys(("TIMESTAMP_NTZ", "TIMESTAMP", "DATETIME"), _timestamp),
    **dict.fromkeys(("TIMESTAMP_TZ", "TIMESTAMP_LTZ"), _zoned),
    "BOOLEAN": lambda: Rule(r"^(?i:true|false|t|f|yes|no|y|n|on|off|1|0)$"),
    "DATE": lambda: Rule(rf"^{DATE}$"),
    "TIME": _time,
}
