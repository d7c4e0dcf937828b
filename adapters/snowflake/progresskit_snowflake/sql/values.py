"""Values: which texts of a file are values of a SQL type.

Pure. A rule is a pattern, so that the texts of a column are looked at all at once, and a function for the few that do not match
it. `guessing` guesses the types of a new table.
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
    """The rule for the values of a type.

    Attributes:
        pattern: A regular expression (of RE2's syntax); what matches is a value.
        settle: Returns whether a text that does not match is a value nevertheless.
        most: The length of a text at most, where that is all there is to it; in characters, or `in_bytes`.
    """

    pattern: str
    settle: Callable[[str], bool] = _no
    most: int | None = None
    in_bytes: bool = False


_LEAP = r"([0-9]{2}(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)"
_YEAR = r"([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_INNER_YEAR = r"([1-8][0-9]{3}|9[0-8][0-9]{2}|99[0-8][0-9]|999[0-8]|0[1-9][0-9]{2}|00[1-9][0-9]|000[2-9])"
_DAY = r"(0[1-9]|1[0-9]|2[0-8])"
_OF_YEAR = rf"((0[13578]|1[02])-({_DAY}|29|30|31)|(0[469]|11)-({_DAY}|29|30)|02-{_DAY})"
DATE = rf"({_YEAR}-{_OF_YEAR}|{_LEAP}-02-29)"
"""The pattern of all valid days, as in ISO 8601."""
TIME_OF_DAY = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?"
_HOURS, _MINUTES = "(0[0-9]|1[0-4])", "[0-5][0-9]"


def zoned(clock: str, seconds: str = "") -> str:
    """Return the pattern of moments with an offset from UTC, with times of day like `clock`.

    A moment whose year is 0 or 10,000 in UTC can be read by no client. So in the first and the last year only the offsets match
    that lead out of it at no time of day; `is_in_calendar` settles the others.

    Args:
        clock: The pattern of a time of day.
        seconds: That of one with seconds, behind which offsets may be written in more ways; empty: in none.
    """
    years = {rf"({_INNER_YEAR}-{_OF_YEAR}|{_LEAP}-02-29)": "[+-]", f"0001-{_OF_YEAR}": "-", f"9999-{_OF_YEAR}": r"\+"}
    return "|".join(f"{date}({_with_offset(clock, seconds, sign)})" for date, sign in years.items())


def _with_offset(clock: str, seconds: str, sign: str) -> str:
    more = rf"| {seconds}({sign}{_HOURS}| (Z|{sign}{_HOURS}:?{_MINUTES}))" if seconds else ""
    return rf"[T ]{clock}(Z|[+-]00:00|{sign}{_HOURS}:{_MINUTES}){more}"


_OFFSET = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})?")


def is_in_calendar(text: str) -> bool:
    """Return whether a moment with an offset, or with UTC's Z, is of the years 1 to 9999 in UTC.

    Example:
        >>> is_in_calendar("0001-01-01T00:30+01:00"), is_in_calendar("0001-01-01T01:30+01:00")
        (False, True)
    """
    day, hour, minute = text[:10], int(text[11:13]), int(text[14:16])
    found = _OFFSET.search(text, 16)
    sign, hours, minutes = found.groups("0") if found else ("+", "0", "0")
    at = hour * 60 + minute - (int(hours) * 60 + int(minutes)) * (-1 if sign == "-" else 1)
    return (day != "0001-01-01" or at >= 0) and (day != "9999-12-31" or at < 24 * 60)


_NUMERAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)


def rule_for(declared: str) -> Rule | None:
    """Return the rule for a column of the type `declared`, as DESCRIBE prints it; None if the values of the type are
    unknown.

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


def is_float(declared: str) -> bool:
    """Return whether a type is a FLOAT, by any of its names."""
    return declared.strip().upper() in _FLOATS


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
"""The most bytes of a text: the limit of a VARCHAR without a length."""


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
    clock, seconds = _clock(precision), rf"{_HOUR}:[0-5][0-9]:[0-5][0-9]{_fraction(precision)}"
    whatever = re.compile(rf"{DATE}({_with_offset(clock, seconds, '[+-]')})", re.ASCII)
    return Rule(
        rf"^({DATE}([T ]({_HOUR}|{clock}))?|{zoned(clock, seconds)})$",
        lambda text: bool(whatever.fullmatch(text)) and is_in_calendar(text),
    )


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
_FLOATS = ("FLOAT", "DOUBLE", "DOUBLE PRECISION", "REAL", "FLOAT4", "FLOAT8")
_RULES: dict[str, Callable[..., Rule]] = {
    **dict.fromkeys(("NUMBER", "DECIMAL", "NUMERIC", "INT", "INTEGER", "BIGINT", "SMALLINT", "TINYINT"), _number),
    **dict.fromkeys(_FLOATS, _float),
    **dict.fromkeys(("VARCHAR", "TEXT", "STRING"), _text),
    **dict.fromkeys(("CHAR", "CHARACTER"), lambda length=1: _text(length)),
    **dict.fromkeys(("TIMESTAMP_NTZ", "TIMESTAMP", "DATETIME"), _timestamp),
    **dict.fromkeys(("TIMESTAMP_TZ", "TIMESTAMP_LTZ"), _zoned),
    "BOOLEAN": lambda: Rule(r"^(?i:true|false|t|f|yes|no|y|n|on|off|1|0)$"),
    "DATE": lambda: Rule(rf"^{DATE}$"),
    "TIME": _time,
}
