"""Classes that bars have while they are tasks, in which `update` costs a fraction of what a method of tqdm's costs.

A class is made of the bar's own: the same, but for `update` and the task's attributes. A bar on a stream of its own keeps its class.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from .._tracking import counters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_made: WeakKeyDictionary[type, dict[object, type | None]] = WeakKeyDictionary()
"""A bar's own class -> what was asked for -> the class that was made of it; None: none can be made."""


def _made_of(cls: type, key: object, names: Callable[[], Mapping[str, Any]]) -> type | None:
    """Return a class that is `cls` with `names()` of its own, the same for the same `key`; None where `cls` takes no subclass."""
    known = _made.setdefault(cls, {})
    if key not in known:
        own = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__, **names()}
        try:
            known[key] = type(cls)(cls.__name__, (cls,), own)
        except Exception:  # the program's metaclass or `__init_subclass__`, which may want anything
            known[key] = None
    return known[key]


def class_of_tasks(cls: type, update: Any, attributes: Mapping[str, Any]) -> type | None:
    """Return the class of bars of `cls` that are tasks; None where `cls` takes no subclass.

    Args:
        cls: The bar's own class.
        update: The method that is replaced: a class that has another keeps it.
        attributes: What is an attribute of the task, by name; what is a property of `cls` stays one.
    """
    is_bare = counters.CountingCell is counters.Cell and counters.poll is None

    def names() -> dict[str, Any]:
        own = {name: each for name, each in attributes.items() if not hasattr(getattr(cls, name, None), "__set__")}
        counts = {"update": _count_bare if is_bare else _count} if getattr(cls, "update", None) is update else {}
        return {**own, **counts}

    return _made_of(cls, is_bare, names)


class Shown:
    """What `update` of a bar that is a task returns: whether the bar has been shown anew, as tqdm's tells.

    `if bar.update(): bar.set_postfix(...)` keeps what is dear out of most rounds of a loop. Only who asks whether this is true
    pays for a look at the clock; a bool would have each update look.

    Args:
        interval: Seconds between two times at which it is true.
    """

    __slots__ = ("_due", "_interval")

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._due = monotonic() + interval

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
        task._n += n  # what `advance` does: calling it would take half as long again
        return bar._shown
    return _count(bar, n)


def _count(bar: Any, n: Any = 1) -> Any:
    """Count `n` more units, and return whether the bar has been shown anew."""
    bar._task.advance(1 if n is None else n)
    return bar._shown
