"""Numbers as callers pass them: which objects are numbers, and how their sums are read.

Pure: turns any object into a plain finite `int` or `float`, or reports that it is not a number.
Does not know tasks.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LARGEST = 1e100
"""Bound of every number of a task, so that a renderer may multiply and add without leaving the range of a float."""
ROUNDING = 1e-9
"""Share of the total by which a sum of floats may miss it and still be complete: ten times 0.1 is
0.9999999999999999."""
_ODD_UNIT, _MOST_COUNTED = 1 << 100, 1 << 62
"""Huge ints are usually multiples of this number, and the other units of a task are below it."""
LONGEST_SHOWN = 80
"""The most characters of a value in a message about it."""


def plain_number(value: Any) -> int | float | None:
    """Return `value` as a plain finite number; None if it is not a number.

    Booleans, numpy's scalars, `Decimal` and `Fraction` are numbers. Text, None, complex numbers,
    arrays, NaN, infinity and magnitudes of 1e100 or more are not. Never raises, whatever the
    object's own methods do.

    Example:
        >>> from decimal import Decimal
        >>> plain_number(True), plain_number(Decimal("19.99")), plain_number(Decimal(3)), plain_number("3")
        (1, 19.99, 3, None)
        >>> plain_number(float("nan")), plain_number(10**400), plain_number(2j)
        (None, None, None)
    """
    kind = type(value)
    try:
        if kind is int or kind is float:
            number = value
        elif issubclass(kind, int):
            number = int.__int__(value)
        elif issubclass(kind, float):
            number = float.__float__(value)
        elif getattr(value, "shape", ()) != () or _is_complex(value):
            return None
        else:
            number = _converted(kind, value)
        return number if number is not None and -LARGEST < number < LARGEST else None
    except Exception:  # the methods of an unknown class may raise anything
        return None


def without_odd(count: int, before: int) -> int:
    """Return `count` without the ints of a hundred digits or more that were added to it.

    Numbers of that size are powers, factorials or floats as a rule, all of which end in many zero bits, so that the
    other numbers stand in the lowest ones. Otherwise only the count `before`, which was checked, is known.

    Example:
        >>> without_odd(7 + 10**400, 5), without_odd(7 - 3 * 10**100, 5), without_odd(int("1" * 400), 5)
        (7, 7, 5)
    """
    rest = count % _ODD_UNIT
    if rest >= _ODD_UNIT >> 1:
        rest -= _ODD_UNIT
    return rest if -_MOST_COUNTED < rest < _MOST_COUNTED else before


def _is_complex(value: Any) -> bool:
    """Return whether `value` is complex: `float` of numpy's complex numbers drops the imaginary part with a warning."""
    from numbers import Complex, Real

    return isinstance(value, Complex) and not isinstance(value, Real)


def _converted(kind: type, value: Any) -> int | float | None:
    if hasattr(kind, "__index__"):
        try:
            return int(kind.__index__(value))  # type: ignore[attr-defined]  # checked above
        except TypeError:  # a tensor of floats has the method and refuses
            pass
    if not hasattr(kind, "__float__"):
        return None
    number = float(value)
    if not -LARGEST < number < LARGEST:
        return None
    if (whole := int(number)) == value:
        return whole  # Decimal(3) is three rows, not 3.0
    if getattr(value, "itemsize", 8) < 8:
        try:
            return float(str(value))  # float32(0.1) as a double is 0.10000000149; its own digits are 0.1
        except ValueError:  # a tensor's text is not a number
            pass
    return number


def shown(value: Any) -> str:
    """Return `repr(value)` for a message, in at most 80 characters. Never raises.

    Example:
        >>> class Mute:
        ...     def __repr__(self):
        ...         raise RuntimeError
        >>> shown("ten"), shown(Mute()), shown(10**5000)
        ("'ten'", 'a Mute', 'an int of 16610 bits')
    """
    if type(value) is int and value.bit_length() > 1024:  # beyond 4,300 digits its repr raises
        return f"an int of {value.bit_length()} bits"
    try:
        return repr(value)[:LONGEST_SHOWN]
    except Exception:
        return f"a {type(value).__name__}"


def is_all(done: int | float, total: int | float) -> bool:
    """Return whether `done` is all of `total`, or more. A sum of floats may miss it by its rounding error.

    Example:
        >>> is_all(sum([0.1] * 10), 1.0), is_all(999_999_999, 1_000_000_000)
        (True, False)
    """
    return done >= total or (_rounded(done, total) and total - done <= ROUNDING * abs(total))


def settled(done: int | float, total: int | float | None) -> int | float:
    """Return a count for display: a sum of floats without its rounding error, and the total itself if the sum is
    complete.

    Example:
        >>> settled(sum([0.1] * 8), 1.0), settled(sum([0.1] * 10), 1.0), settled(7, 10)
        (0.8, 1.0, 7)
    """
    if type(done) is int and type(total) is not float:
        return done
    if total is not None and _rounded(done, total) and abs(total - done) <= ROUNDING * abs(total):
        return total
    return done if type(done) is int else float(f"{done:.12g}")


def _rounded(done: int | float, total: int | float) -> bool:
    return type(done) is float or type(total) is float


def kind_of(value: object) -> str:
    """Return the type of `value` with its article, for a message about it.

    Example:
        >>> kind_of(5), kind_of("5")
        ('an int', 'a str')
    """
    name = type(value).__name__
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"
