"""`map` over threads and processes, with a bar over the results."""

from __future__ import annotations

import os
from contextlib import contextmanager
from operator import length_hint
from typing import TYPE_CHECKING, Any
from warnings import warn

from ..auto import tqdm as tqdm_auto
from ..std import TqdmWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["ensure_lock", "interpreter_map", "process_map", "thread_map"]

MANY = 1000
"""Items from which on a chunk of one each costs more than the work may be worth."""

POOL_OPTIONS = ("max_workers", "max_tasks_per_child", "mp_context", "thread_name_prefix")
"""Options that go to the executor, where they are given."""
MAP_OPTIONS = ("buffersize", "chunksize", "timeout")
"""Options that go to the executor's `map`."""


@contextmanager
def ensure_lock(tqdm_class: Any, lock_name: str = "") -> Iterator[Any]:
    """Return a context manager that yields the lock for workers' bars, and restores the class's own lock."""
    before = getattr(tqdm_class, "_lock", None)
    lock = before or tqdm_class.get_lock()
    try:
        yield getattr(lock, lock_name, lock) if lock_name else lock
    finally:
        if before is None:
            del tqdm_class._lock
        else:
            tqdm_class.set_lock(before)


def _min_map_len(iterables: Sequence[Iterable[Any]]) -> int:
    """Return the least length of `iterables` that have one; 0 where none has."""
    lengths = [length for length in map(length_hint, iterables) if length] if iterables else []
    return min(lengths, default=0)


def _executor_map(
    pool_class: Any, function: Callable[..., Any], *iterables: Iterable[Any], **options: Any
) -> list[Any]:
    """Map `function` over `iterables` in an executor, with a bar."""
    bar_options = dict(options)
    bar_options.setdefault("total", _min_map_len(iterables) or None)
    tqdm_class = bar_options.pop("tqdm_class", tqdm_auto)
    pool_options = {name: bar_options.pop(name) for name in POOL_OPTIONS if name in bar_options}
    map_options = {name: bar_options.pop(name) for name in MAP_OPTIONS if name in bar_options}
    lock_name = bar_options.pop("lock_name", "")
    with (
        ensure_lock(tqdm_class, lock_name) as lock,
        pool_class(initializer=tqdm_class.set_lock, initargs=(lock,), **pool_options) as pool,
    ):
        return list(tqdm_class(pool.map(function, *iterables, **map_options), **bar_options))


def thread_map(function: Callable[..., Any], *iterables: Iterable[Any], **options: Any) -> list[Any]:
    """Return `list(map(function, *iterables))`, computed in threads; options are the executor's, its `map`'s and the bar's."""
    from concurrent.futures import ThreadPoolExecutor

    return _executor_map(ThreadPoolExecutor, function, *iterables, **options)


def process_map(function: Callable[..., Any], *iterables: Iterable[Any], **options: Any) -> list[Any]:
    """Return `list(map(function, *iterables))`, computed in processes; options are the executor's, its `map`'s and the bar's."""
    from concurrent.futures import ProcessPoolExecutor

    if iterables and "chunksize" not in options:
        shortest = min(map(length_hint, iterables))
        if shortest > MANY:
            warn(
                f"Iterable length {shortest} > {MANY} but `chunksize` is not set."
                " This may seriously degrade multiprocess performance."
                " Set `chunksize=1` or more.",
                TqdmWarning,
                stacklevel=2,
            )
    options.setdefault("lock_name", "mp_lock")
    return _executor_map(ProcessPoolExecutor, function, *iterables, **options)


def interpreter_map(function: Callable[..., Any], *iterables: Iterable[Any], **options: Any) -> list[Any]:
    """Return `list(map(function, *iterables))`, computed in interpreters, which Python has from 3.14 on.

    Raises:
        ImportError: this Python has none.
    """
    try:
        from concurrent.futures import InterpreterPoolExecutor  # type: ignore[attr-defined,unused-ignore]
    except ImportError:
        raise ImportError("interpreter_map needs Python 3.14 or later: use thread_map or process_map.") from None
    bar_options = dict(options)
    bar_options.setdefault("total", _min_map_len(iterables) or None)
    tqdm_class = bar_options.pop("tqdm_class", tqdm_auto)
    workers = bar_options.pop("max_workers", min(32, (os.cpu_count() or 1) + 4))
    chunksize = bar_options.pop("chunksize", 1)
    with InterpreterPoolExecutor(max_workers=workers) as pool:
        return list(tqdm_class(pool.map(function, *iterables, chunksize=chunksize), **bar_options))
