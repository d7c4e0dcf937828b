"""Subclasses for bars that are tasks: their `update` costs a fraction of tqdm's.

While a bar is a task, its class is a subclass of the bar's own class that replaces `update` and the attributes that the task holds.
A bar that writes to a stream of its own keeps its class. Does not know how a task is drawn.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from .._tracking import counters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_made: WeakKeyDictionary[type, dict[object, type | None]] = WeakKeyDictionary()
"""A bar's own class -> the key of `_made_of` -> its subclass; None: the class cannot be subclassed."""


class _Unhooked:
    """The first base of a class whose own base has an `__init_subclass__`."""


def _made_of(cls: type, key: object, names: Callable[[], Mapping[str, Any]]) -> type | None:
    """Return a subclass of `cls` with the attributes `names()`, made once for each `key`; None if `cls` cannot be subclassed."""
    known = _made.setdefault(cls, {})
    if key not in known:
        own = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__, **names()}
        has_hook = getattr(cls.__init_subclass__, "__func__", None) is not None  # object's own is built in
        try:
            if has_hook:  # which registers the program's classes: it is not to see this one
                made = type(cls)(cls.__name__, (_Unhooked,), own)
                made.__bases__ = (cls,)
            else:
                made = type(cls)(cls.__name__, (cls,), own)
            known[key] = made
        except Exception:  # the program's metaclass or `__init_subclass__` may raise anything
            known[key] = None
    return known[key]


def class_of_tasks(cls: type, attributes: Mapping[str, Any], *, counts: bool) -> type | None:
    """Return the subclass that bars of `cls` have while they are tasks; None if `cls` cannot be subclassed.

    Args:
        cls: The bar's own class.
        attributes: Descriptors of the attributes that the task holds, by name. Properties of `cls` are kept.
        counts: Whether the subclass replaces `update`.
    """
    update = counting()

    def names() -> dict[str, Any]:
        own = {name: each for name, each in attributes.items() if not hasattr(getattr(cls, name, None), "__set__")}
        return {**own, "update": update} if counts else own

    return _made_of(cls, (update, counts), names)


def counting() -> Callable[[Any, Any], Any]:
    """Return the `update` of bars that are tasks."""
    return _count_bare if counters.CountingCell is counters.Cell and counters.poll is None else count


class Shown:
    """The result of `update` for a bar that is a task: true if tqdm would have drawn the bar in this call.

    Programs use it to do costly work seldom: `if bar.update(): bar.set_postfix(...)`. The clock is read when a program tests the
    result. A bool would have to read the clock in each call of `update`.

    Args:
        interval: Seconds after which the result is true again.
        delay: Seconds before which it is not true.
    """

    __slots__ = ("_due", "_interval")

    def __init__(self, interval: float, delay: float = 0) -> None:
        self._interval = interval
        self._due = monotonic() + max(interval, delay)

    def __repr__(self) -> str:
        return repr(monotonic() >= self._due)

    def _ipython_display_(self) -> None:
        """Show nothing for a cell that ends with `update`, as for tqdm's None."""

    def __bool__(self) -> bool:
        now = monotonic()
        if now < self._due:
            return False
        self._due = now + self._interval
        return True


def _count_bare(bar: Any, n: Any = 1) -> Any:
    """Count `n` more units, and return whether the bar has been shown anew."""
    task = bar._task
    if n.__class__ is int:
        task._n += n  # as `advance` does; a call of it would make this method half as slow again
        return bar._shown
    return count(bar, n)


def count(bar: Any, n: Any = 1) -> Any:
    """Count `n` more units, and return whether the bar has been shown anew."""
    bar._task.advance(1 if n is None else n)
    return bar._shown
