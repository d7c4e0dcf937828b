"""Make the bars of the installed tqdm tasks of the display, without replacing its class.

Subclasses, and modules that have imported the class already, follow, because the class stays the same object. A bar whose class
overrides `display` has a picture of its own and is left alone. Everything else is tqdm's own code.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

from .._tracking.multiprocessing_hook import allow_joining, disallow_joining
from . import _display, _due

if TYPE_CHECKING:
    from collections.abc import Iterator

_originals: dict[str, Any] = {}
_MISSING = object()
BEFORE_NCOLS = 5
"""The number of a bar's arguments before `ncols`, which programs may pass by position."""


def patch() -> None:
    """Draw the installed tqdm's bars on progresskit's display if they would be written to its terminal.

    Doing it twice does no harm. `unpatch` undoes it; bars that are there by then stay as they are.

    Raises:
        ImportError: tqdm is not installed; `install` needs none.
    """
    from tqdm.std import tqdm  # type: ignore[import-untyped,import-not-found,unused-ignore]

    if _originals or tqdm.__module__.startswith("progresskit."):
        return
    replacements = _methods(tqdm)
    for name, replacement in replacements.items():
        _originals[name] = tqdm.__dict__.get(name, _MISSING)
        setattr(tqdm, name, replacement)
    _display.note_methods(tqdm)
    allow_joining(_display.is_shown)


def unpatch() -> None:
    """Restore the installed tqdm's own methods."""
    if not _originals:
        return
    from tqdm.std import tqdm  # type: ignore[import-untyped,import-not-found,unused-ignore]

    for name, original in _originals.items():
        if original is _MISSING:
            delattr(tqdm, name)
        else:
            setattr(tqdm, name, original)
    _originals.clear()
    disallow_joining(_display.is_shown)


def _methods(tqdm: Any) -> dict[str, Any]:
    """Return the attributes that `tqdm` gets, by name."""
    names = (
        "__init__",
        "__iter__",
        "__reversed__",
        "__del__",
        "__exit__",
        "update",
        "display",
        "clear",
        "close",
        "reset",
        "unpause",
    )
    own = {name: getattr(tqdm, name) for name in names}
    return {
        **{name: vars(_due.Due)[name] for name in ("_least_step", "_checks", "_set_due")},
        **_life(tqdm, own),
        **_counting(own),
        **_showing(tqdm, own),
    }


def _life(tqdm: Any, own: dict[str, Any]) -> dict[str, Any]:
    """Return the methods with which a bar begins, starts again and ends."""

    @wraps(own["__init__"])
    def init(bar: Any, *args: Any, **options: Any) -> None:
        _display.close_ended()
        bar.__dict__["_starting"] = True
        try:
            own["__init__"](bar, *args, **options)
        finally:
            bar.__dict__.pop("_starting", None)
        if not bar.disable and _display.becomes_task(bar, _display.stream_of(bar), tqdm):
            is_asked = "ncols" in options or len(args) > BEFORE_NCOLS or "TQDM_NCOLS" in os.environ
            bar.__dict__["_asked_ncols"] = bar.ncols if is_asked and not bar.dynamic_ncols else None
            _display.join(bar, tqdm)

    @wraps(own["reset"])
    def reset(bar: Any, total: Any = None) -> None:
        if bar.disable or _task(bar) is None:
            own["reset"](bar, total)
            return
        if total is not None:
            bar.total = total
        _task(bar).restart()
        bar.refresh()

    @wraps(own["close"])
    def close(bar: Any) -> None:
        if _task(bar) is None or bar.disable:
            own["close"](bar)
        else:
            bar.disable = True
            bar._decr_instances(bar)
            _display.close(bar)

    @wraps(own["__del__"])
    def delete(bar: Any) -> None:
        if not bar.__dict__.get("_looping"):
            own["__del__"](bar)

    @wraps(own["__exit__"])
    def leave(bar: Any, kind: Any, error: Any, traceback: Any) -> Any:
        if error is not None and _task(bar) is not None:
            _display.leave_with(_task(bar), error)
        return own["__exit__"](bar, kind, error, traceback)

    return {"__init__": init, "reset": reset, "close": close, "__del__": delete, "__exit__": leave}


def _counting(own: dict[str, Any]) -> dict[str, Any]:
    """Return the methods that count items and units."""

    @wraps(own["__iter__"])
    def iterate(bar: Any) -> Iterator[Any]:
        if _task(bar) is not None:
            return _display.iterate(bar, bar.iterable)
        loop = None if bar.disable else _due.iterate(bar)
        return own["__iter__"](bar) if loop is None else loop  # type: ignore[no-any-return]

    @wraps(own["__reversed__"])
    def backwards(bar: Any) -> Any:
        if _task(bar) is None:
            return own["__reversed__"](bar)
        reversed(bar.iterable)  # raises where it cannot be
        return iterate(bar)  # forwards, as in tqdm, whose generator starts after it has put the iterable back

    @wraps(own["update"])
    def update(bar: Any, n: Any = 1) -> Any:
        try:
            if n >= bar._least_step:
                bar.n += n
                return None
        except (TypeError, ValueError):  # no number, or many: a bar that shows nothing takes it, any other refuses it
            pass
        task = _task(bar)
        if task is not None and task._end is None:  # of a class that has an `update` or a `refresh` of its own
            return bar._counts(bar, n)
        return None if bar.disable else count_and_check(bar, n)

    def count_and_check(bar: Any, n: Any) -> Any:
        shown = own["update"](bar, n)
        if not shown:
            _due.note_check(bar)
        return shown

    return {"__iter__": iterate, "__reversed__": backwards, "update": update}


def _showing(tqdm: Any, own: dict[str, Any]) -> dict[str, Any]:
    """Return the methods that draw a bar, clear it, and write beside it."""

    @wraps(own["display"])
    def display(bar: Any, *args: Any, **options: Any) -> Any:
        if _task(bar) is not None:
            _display.refresh(bar)
            return True
        if "_starting" in bar.__dict__ and _display.becomes_task(bar, _display.stream_of(bar), tqdm):
            return True
        return own["display"](bar, *args, **options)

    def without_rows(name: str) -> Any:
        @wraps(own[name])
        def method(bar: Any, *args: Any, **options: Any) -> Any:
            return own[name](bar, *args, **options) if _task(bar) is None else None

        return method

    write_original, mode_original = tqdm.write.__func__, tqdm.external_write_mode.__func__

    @wraps(write_original)
    def write(cls: Any, s: str, file: Any = None, end: str = "\n", nolock: bool = False) -> None:
        if not _display.prints(sys.stdout if file is None else file, s + end):
            write_original(cls, s, file=file, end=end, nolock=nolock)

    @contextmanager
    def external_write_mode(cls: Any, file: Any = None, nolock: bool = False) -> Iterator[None]:
        with _display.cleared(sys.stdout if file is None else file), mode_original(cls, file=file, nolock=nolock):
            yield

    return {
        "display": display,
        "clear": without_rows("clear"),
        "unpause": without_rows("unpause"),
        "write": classmethod(write),
        "external_write_mode": classmethod(external_write_mode),
    }


def _task(bar: Any) -> Any:
    return bar.__dict__.get("_task")
