"""The smallest and largest values of columns, compared as values: numbers as numbers, a timestamp with a T like one with a blank.

Pure. The range of a column is kept while its type may still widen: numbers stay numbers, days become timestamps.
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

from ..sql.guessing import BOOLEAN, DAY, DECIMAL, FLOAT, MOMENT, TEXT, TIME, WHOLE, ZONED

_AS_TEXT = (DAY, MOMENT, TIME, TEXT)
"""Kinds whose texts sort like their values, once the T of a timestamp is a blank."""


class Ranges:
    """The ranges of the columns of one file, by name."""

    def __init__(self) -> None:
        self._numbers: dict[str, tuple[Any, Any]] = {}
        self._texts: dict[str, tuple[str, str]] = {}
        self._moments: dict[str, tuple[Any, Any]] = {}

    def add(self, name: str, kind: str | None, values: Any) -> None:
        """Add some values of a column of `kind`, a pyarrow array of text."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if kind is None or values.null_count == len(values):
            return
        if kind in (WHOLE, DECIMAL, FLOAT):
            numbers = pc.utf8_ltrim(values, "+")  # pyarrow does not read a number with a plus sign
            held = {FLOAT: pa.float64(), WHOLE: pa.decimal128(38, 0)}.get(kind, pa.decimal256(76, 38))
            try:
                numbers = numbers.cast(held)
            except pa.ArrowInvalid:  # pyarrow does not read all numbers
                numbers = pa.array([float(one) if one is not None else None for one in values.to_pylist()])
            if kind == FLOAT:
                numbers = numbers.filter(pc.invert(pc.is_nan(numbers)))
            self._widen(self._numbers, name, *pc.min_max(numbers).as_py().values())
        elif kind == ZONED:
            moments = [_moment(text) for text in values.to_pylist() if text is not None]
            self._widen(self._moments, name, min(moments), max(moments))
        else:
            texts = pc.replace_substring(values, "T", " ") if kind == MOMENT else values
            texts = pc.utf8_lower(texts) if kind == BOOLEAN else texts
            self._widen(self._texts, name, *pc.min_max(texts).as_py().values())

    def found(self, types: dict[str, str]) -> dict[str, tuple[Any, Any]]:
        """Return the ranges of the columns by their types. Text has no range."""
        found: dict[str, tuple[Any, Any]] = {}
        for name, kind in types.items():
            if kind == TEXT:
                continue
            known = self._numbers.get(name) or self._moments.get(name) or self._texts.get(name)
            if known is not None:
                found[name] = (_shown(known[0], kind), _shown(known[1], kind))
        return found

    @staticmethod
    def _widen(ranges: dict[str, tuple[Any, Any]], name: str, low: Any, high: Any) -> None:
        if low is None:
            return
        if name in ranges:
            low, high = min(low, ranges[name][0], key=_key), max(high, ranges[name][1], key=_key)
        ranges[name] = (low, high)


def _key(value: Any) -> Any:
    return Decimal(repr(value)) if isinstance(value, float) else value


def _moment(text: str) -> tuple[datetime.timedelta, str]:
    """Return a timestamp with a zone as the time since the year 1 in UTC, and as it is in the file.

    Some timestamps of the years 1 and 9999 are outside of these years in UTC, which datetime does not support.
    """
    for sign in "+-Z":
        text = text.replace(f" {sign}", sign)
    moment = datetime.datetime.fromisoformat(text)
    return moment - datetime.datetime(1, 1, 1, tzinfo=datetime.UTC), text.replace("T", " ", 1)


def _shown(value: Any, kind: str) -> Any:
    if isinstance(value, tuple):
        return value[1]
    if kind == FLOAT:
        return float(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and kind == WHOLE else value.normalize()
    return value
