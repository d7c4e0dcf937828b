"""The part of a bar's class that writes lines: each bar has a row, and all bars of a process share a lock.

Knows rows, streams and the cursor. Does not know counts, or when a line is due.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakSet

from . import _display
from ._locks import TqdmDefaultWriteLock
from .utils import TqdmDeprecationWarning, _term_move_up, disp_len

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Rows:
    """The rows of all bars, and what a bar writes in its own.

    Attributes:
        pos: The bar's row, counted from 0; negative where the caller has chosen it.
        nrows: Rows of the screen; None: unknown.
        fp: The stream.
        sp: Writes a line over the one before it.
        disable: Whether the bar is switched off, or has ended.
    """

    _instances: ClassVar[WeakSet[Any]] = WeakSet()
    _lock: ClassVar[Any]
    _task: Any
    pos: int
    nrows: int | None
    fp: Any
    sp: Callable[[str], None]
    disable: bool | None

    @staticmethod
    def status_printer(file: Any) -> Callable[[str], None]:
        """Return a function that writes a line over the one before it."""
        flush = getattr(file, "flush", lambda: None)
        if file in (sys.stderr, sys.stdout):
            getattr(sys.stderr, "flush", lambda: None)()
            getattr(sys.stdout, "flush", lambda: None)()
        last_cells = 0

        def print_status(line: str) -> None:
            nonlocal last_cells
            cells = disp_len(line)
            file.write("\r" + line + " " * max(last_cells - cells, 0))
            flush()
            last_cells = cells

        return print_status

    def display(self, msg: str | None = None, pos: int | None = None) -> bool | None:
        """Write the bar, or `msg`, in its row. The lock is the caller's.

        Args:
            msg: What to write instead; None: the bar's text.
            pos: The row; None: the bar's own.
        """
        if self._task is not None:
            _display.refresh(self)
            return True
        row = abs(self.pos if pos is None else pos)
        rows = self.nrows or 20
        if row >= rows - 1:
            if row >= rows:
                return False
            if msg or msg is None:  # the last row says that there are more
                msg = " ... (more hidden) ..."
        if not hasattr(self, "sp"):
            raise TqdmDeprecationWarning(
                "Please use `tqdm.gui.tqdm(...)` instead of `tqdm(..., gui=True)`\n",
                fp_write=lambda text: getattr(self.fp, "write", sys.stderr.write)(text),
            )
        if row:
            self.moveto(row)
        self.sp(str(self) if msg is None else msg)
        if row:
            self.moveto(-row)
        return True

    def clear(self, nolock: bool = False) -> None:
        """Clear the bar's row."""
        if self.disable or self._task is not None:
            return
        row = abs(self.pos)
        if row < (self.nrows or 20):
            with _locked(self._lock, nolock):
                self.moveto(row)
                self.sp("")
                self.fp.write("\r")
                self.moveto(-row)

    def refresh(self, nolock: bool = False, lock_args: tuple[Any, ...] | None = None) -> bool | None:
        """Show the bar now.

        Args:
            nolock: Whether the caller holds the lock.
            lock_args: Arguments of the lock's `acquire`; None: wait for it.
        """
        if self.disable:
            return None
        if not nolock:
            if lock_args:
                if not self._lock.acquire(*lock_args):
                    return False
            else:
                self._lock.acquire()
        try:
            self.display()
        finally:
            if not nolock:
                self._lock.release()
        return True

    def moveto(self, n: int) -> None:
        """Move the cursor down by `n` rows, or up where `n` is negative."""
        self.fp.write("\n" * n + _term_move_up() * -n)
        getattr(self.fp, "flush", lambda: None)()

    # All bars together

    @classmethod
    def _get_free_pos(cls, instance: Any = None) -> int:
        """Return the first row that no bar has."""
        taken = {abs(bar.pos) for bar in cls._instances if bar is not instance and hasattr(bar, "pos")}
        return min(set(range(len(taken) + 1)) - taken)

    @classmethod
    def _decr_instances(cls, instance: Any) -> None:
        """Remove a bar, and give its row to the first bar that has none on the screen."""
        with cls._lock:
            cls._instances.discard(instance)
            if instance.gui:
                return
            last = (instance.nrows or 20) - 1
            hidden = [bar for bar in cls._instances if hasattr(bar, "pos") and bar.pos >= last]
            if hidden:
                bar = min(hidden, key=lambda each: each.pos)
                bar.clear(nolock=True)
                bar.pos = abs(instance.pos)

    @classmethod
    def write(cls, s: str, file: Any = None, end: str = "\n", nolock: bool = False) -> None:
        """Write a line above the bars.

        Args:
            s: The text.
            file: Where to; None: standard output.
            end: What comes after it.
            nolock: Whether the caller holds the lock.
        """
        stream = sys.stdout if file is None else file
        if stream is None:
            return
        if _display.prints(stream, s + end):
            return
        with cls.external_write_mode(file=stream, nolock=nolock):
            stream.write(s)
            stream.write(end)

    @classmethod
    @contextmanager
    def external_write_mode(cls, file: Any = None, nolock: bool = False) -> Iterator[None]:
        """Clear the bars while the block writes to `file`; None: standard output."""
        stream = sys.stdout if file is None else file
        cleared = []
        with _locked(cls.get_lock(), nolock), _display.cleared(stream):
            for bar in list(cls._instances):
                fp = getattr(bar, "fp", None)
                both_standard = stream in (sys.stdout, sys.stderr) and fp in (sys.stdout, sys.stderr)
                if hasattr(bar, "start_t") and (fp == stream or both_standard):
                    bar.clear(nolock=True)
                    cleared.append(bar)
            try:
                yield
            finally:
                for bar in cleared:
                    bar.refresh(nolock=True)

    @classmethod
    def set_lock(cls, lock: Any) -> None:
        """Set the lock that lines are written under."""
        cls._lock = lock

    @classmethod
    def get_lock(cls) -> Any:
        """Return the lock that lines are written under, made when it is first asked for."""
        if not hasattr(cls, "_lock"):
            cls._lock = TqdmDefaultWriteLock()
        return cls._lock


@contextmanager
def _locked(lock: Any, already: bool) -> Iterator[None]:
    if already:
        yield
        return
    lock.acquire()
    try:
        yield
    finally:
        lock.release()
