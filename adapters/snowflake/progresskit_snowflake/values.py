"""Values: which texts of a file are values of a SQL type.

Pure. A rule is a pattern, so that the texts of a column are looked at all at once, and a function for the few that do not match
it. A new table's columns are guessed by narrower patterns than an existing table's are held to: 007 is a code, not a number.
"""

from __future__ import annotations

import decimal
import math
import re
from collections.abc import Callable
from typing import NamedTuple

WHOLE = "NUMBER(38,0)"


def _no(text: str) -> bool:
    return False


class Rule(NamedTuple):
    """What the values of a type look like.

    Attributes:
        pattern: A regular expression (of RE2's syntax); what matches is a value.
        settle: Says of a text that does not match whether it is one all the same.
    """

    pattern: str
    settle: Callable[[str], bool] = _no


_LEAP = r"([0-9]{2}(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)"
_YEAR = r"([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_DAY = r"(0[1-9]|1[0-9]|2[0-8])"
_DATE = rf"({_YEAR}-((0[13578]|1[02])-({_DAY}|29|30|31)|(0[469]|11)-({_DAY}|29|30)|02-{_DAY})|{_LEAP}-02-29)"  # every day there is
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?"
_EXACT = 15
"""Digits of a whole number that a FLOAT keeps for certain."""

GUESSES = {
    WHOLE: Rule(r"^[+-]?(0|[1-9][0-9]{0,37})$"),
    "FLOAT": Rule(
        rf"^[+-]?((0|[1-9][0-9]{{0,{_EXACT - 1}}})|(0|[1-9][0-9]*)?\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]+)?[eE][+-]?[0-9]{{1,2}})$",
        lambda text: _is_float(text) and not text.strip("+-").isdigit(),
    ),
    "DATE": Rule(rf"^{_DATE}$"),
    "TIMESTAMP_NTZ": Rule(rf"^{_DATE}[T ]{_TIME}Z?$"),
    "VARCHAR": Rule(""),
}
"""SQL type of a new table's column -> what its values look like, from the narrowest on; anything is a VARCHAR."""

_NUMERAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
_ANY_NUMBER = r"^[+-]?((0|[1-9][0-9]*)(\.[0-9]+)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"

WIDER: dict[str, list[tuple[str, str, int]]] = {
    WHOLE: [("FLOAT", GUESSES["FLOAT"].pattern, _EXACT), ("VARCHAR", _ANY_NUMBER, 38)],
    "FLOAT": [("VARCHAR", r"^[+-]?[1-9][0-9]*$", 38)],
}
"""Type -> types that hold its values too, what else they hold, and the digits that the whole numbers may have by then.

An identifier must not lose digits: numbers that neither 38 digits nor a FLOAT can hold are kept as texts.
"""


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
    names = {"nan", "inf", "-inf", "infinity", "-infinity"}
    pattern = r"^[+-]?([0-9]+(\.[0-9]+)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$"
    return Rule(pattern, lambda text: _is_float(text) or text.lower() in names)


def _text(length: int = 1 << 24) -> Rule:
    # RE2 repeats a thousand times at most: lengths above are counted.
    pattern = rf"^(?s:.){{0,{length}}}$" if length <= 1_000 else r"^(?s:.){0,1000}$"
    return Rule(pattern, lambda text: len(text) <= length)


def _timestamp(*_: int) -> Rule:
    return Rule(rf"^{_DATE}([T ]{_TIME}( ?(Z|[+-][0-9]{{2}}:?[0-9]{{2}}))?)?$")


_DECLARED = re.compile(r"([A-Z_ ]*[A-Z])\s*(?:\(\s*([0-9]+)\s*(?:,\s*([0-9]+)\s*)?\))?")
_RULES: dict[str, Callable[..., Rule]] = {
    **dict.fromkeys(("NUMBER", "DECIMAL", "NUMERIC", "INT", "INTEGER", "BIGINT", "SMALLINT", "TINYINT"), _number),
    **dict.fromkeys(("FLOAT", "DOUBLE", "DOUBLE PRECISION", "REAL", "FLOAT4", "FLOAT8"), _float),
    **dict.fromkeys(("VARCHAR", "TEXT", "STRING"), _text),
    **dict.fromkeys(("CHAR", "CHARACTER"), lambda length=1: _text(length)),
    **dict.fromkeys(("TIMESTAMP_NTZ", "TIMESTAMP_TZ", "TIMESTAMP_LTZ", "TIMESTAMP", "DATETIME"), _timestamp),
    "BOOLEAN": lambda: Rule(r"^(?i:true|false|t|f|yes|no|y|n|on|off|1|0)$"),
    "DATE": lambda: GUESSES["DATE"],
    "TIME": lambda *_: Rule(rf"^{_TIME}$"),
}
