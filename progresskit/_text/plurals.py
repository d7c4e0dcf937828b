"""The plural of a unit, in English.

The first rule that applies decides. For a unit that follows none of them, the caller gives both forms: `entry|entries`.
Pure; does not know numbers.
"""

from __future__ import annotations

import re
from functools import lru_cache

KNOWN = {"epoch": "epochs", "index": "indices", "child": "children", "person": "people"}
"""Singular -> plural, for irregular nouns."""
INVARIABLE = frozenset(["it", "tok", "img", "req", "msg", "rec", "obj", "px", "sec", "min", "hr", "op", "kg"])
"""Abbreviations, which take no ending."""
_SINGULARS = {plural: singular for singular, plural in KNOWN.items()}
_SYMBOL = re.compile("..*[A-Z]|.*[^a-zA-Z]$")  # capitals after the first letter; a last character that is no letter


@lru_cache(maxsize=256)
def forms(unit: str) -> tuple[str, str]:
    """Return the singular and the plural of `unit`.

    Example:
        >>> forms("row"), forms("batches"), forms("entry"), forms("tok"), forms("ox|oxen")
        (('row', 'rows'), ('batch', 'batches'), ('entry', 'entries'), ('tok', 'tok'), ('ox', 'oxen'))
    """
    singular, bar, plural = unit.partition("|")
    if bar:
        return singular, plural
    if unit in KNOWN:
        return unit, KNOWN[unit]
    if unit in _SINGULARS:
        return _SINGULARS[unit], unit
    if len(unit) <= 2 or unit in INVARIABLE or not unit.isascii() or _SYMBOL.match(unit):
        return unit, unit
    if unit.endswith("s") and not unit.endswith(("ss", "us", "is")):
        return _singular(unit), unit
    if unit.endswith(("us", "is")):
        return unit, unit
    if unit.endswith(("s", "x", "z", "ch", "sh")):
        return unit, unit + "es"
    if unit.endswith("y") and unit[-2] not in "aeiou":
        return unit, unit[:-1] + "ies"
    return unit, unit + "s"


def written(unit: str) -> str:
    """Return `unit` for other programs: as the caller has written it, the first form where both are given.

    Example:
        >>> written("rows"), written("entry|entries")
        ('rows', 'entry')
    """
    return unit.partition("|")[0]


def _singular(plural: str) -> str:
    if plural.endswith("ies") and len(plural) > 4:
        return plural[:-3] + "y"
    if plural.endswith(("sses", "xes", "zes", "ches", "shes")):
        return plural[:-2]
    return plural[:-1]
