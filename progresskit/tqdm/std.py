"""The class `tqdm`: a bar with tqdm's arguments, methods and text.

Knows counts, intervals and where a bar goes. A bar on a stream that no display of progresskit draws on is written there as
tqdm writes it, in the caller's thread; a bar on the display's terminal is a task of it. Does not know how a line is composed, or
how lines of several bars share a screen.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from numbers import Number
from threading import RLock as TRLock
from time import sleep, time
from typing import TYPE_CHECKING, Any, ClassVar
from warnings import warn

from .._system.platform import HAS_THREADS
from .._tracking.multiprocessing_hook import allow_joining
from . import _display, _due
from ._locks import TqdmDefaultWriteLock
from ._meter import EMA, Bar, colour_sequence, format_interval, format_meter, format_num, format_sizeof
from ._monitor import TMonitor, TqdmSynchronisationWarning
from ._rows import Rows
from .utils import (
    CallbackIOWrapper,
    Comparable,
    DisableOnWriteError,
    TqdmDeprecationWarning,
    TqdmWarning,
    envwrap,
    screen_shape,
    supports_unicode,
)

# As in tqdm, programs import these from here.
from .utils import (  # isort: skip
    FormatReplace as FormatReplace,
    SimpleTextIOWrapper as SimpleTextIOWrapper,
    _is_ascii as _is_ascii,
    _screen_shape_wrapper as _screen_shape_wrapper,
    _supports_unicode as _supports_unicode,
    _term_move_up as _term_move_up,
    disp_len as disp_len,
    disp_trim as disp_trim,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = [
    "Bar",
    "EMA",
    "TMonitor",
    "TRLock",
    "TqdmDefaultWriteLock",
    "TqdmDeprecationWarning",
    "TqdmExperimentalWarning",
    "TqdmKeyError",
    "TqdmMonitorWarning",
    "TqdmSynchronisationWarning",
    "TqdmTypeError",
    "TqdmWarning",
    "tqdm",
    "trange",
]


class TqdmTypeError(TypeError):
    """A value is not of the type that an argument takes."""


class TqdmKeyError(KeyError):
    """There is no such argument."""


class TqdmExperimentalWarning(TqdmWarning, FutureWarning):
    """A part that may change."""


class TqdmMonitorWarning(TqdmWarning, RuntimeWarning):
    """The monitor thread could not do its work."""


class tqdm(_due.Due, Rows, Comparable):  # tqdm's name
    """Shows how far an iterable, or a count that is updated by hand, has come.

    Parameters
    ----------
    iterable  : iterable, optional
        What to iterate over. None: the bar is updated by hand.
    desc  : str, optional
        What stands before the bar.
    total  : int or float, optional
        Units in all. None: `len(iterable)` where there is such; else statistics without a bar.
    leave  : bool, optional
        Whether the bar stays when it ends. None: only in the first row. Default: True.
    file  : `io.TextIOWrapper` or `io.StringIO`, optional
        Where the bar goes: anything with `write` and `flush`. Default: sys.stderr.
    ncols  : int, optional
        Cells of a line. 0: statistics without a bar. None: the terminal's, else a bar of ten cells.
    mininterval  : float, optional
        Seconds between two lines at the least. Default: 0.1.
    maxinterval  : float, optional
        Seconds between two lines at the most, seen to by a thread. Default: 10.
    miniters  : int or float, optional
        Units between two lines at the least. None: chosen by the pace.
    ascii  : bool or str, optional
        Whether the bar is in ASCII, or its characters from empty to full. None: by the stream's encoding.
    disable  : bool, optional
        Whether nothing is shown. None: nothing unless the stream is a terminal. Default: False.
    unit  : str, optional
        The word for a unit. Default: it.
    unit_scale  : bool or int or float, optional
        Whether numbers have an SI prefix; a number multiplies them. Default: False.
    dynamic_ncols  : bool, optional
        Whether the terminal's width is asked for at each line. Default: False.
    smoothing  : float, optional
        The weight of the latest pace: 0 for the average, 1 for the latest only. Default: 0.3.
    bar_format  : str, optional
        A template: {l_bar} {bar} {r_bar} {desc} {percentage} {n} {n_fmt} {total} {total_fmt} {elapsed} {elapsed_s}
        {ncols} {nrows} {unit} {rate} {rate_fmt} {rate_noinv} {rate_noinv_fmt} {rate_inv} {rate_inv_fmt} {postfix}
        {unit_divisor} {remaining} {remaining_s} {eta}.
    initial  : int or float, optional
        Units that were done before. Default: 0.
    position  : int, optional
        The row, 0 for the first one. None: the first that is free.
    postfix  : dict or \\*, optional
        Names and values that stand after the statistics.
    unit_divisor  : float, optional
        What one SI prefix divides by. Default: 1000.
    write_bytes  : bool, optional
        Whether the stream takes bytes. Default: False.
    lock_args  : tuple, optional
        Arguments of the lock's `acquire` before each line; a line is left out where it gives False.
    nrows  : int, optional
        Rows of the screen; bars that have none are counted in one line. None: the terminal's.
    colour  : str, optional
        The bar's colour: a name or #rrggbb.
    delay  : float, optional
        Seconds before the first line. Default: 0.
    gui  : bool, optional
        For subclasses that draw in a window. Default: False.

    Example
    -------
    >>> import io
    >>> file = io.StringIO()
    >>> sum(tqdm(range(4), desc="Adding", file=file))
    6
    >>> "Adding: 100%|##########| 4/4" in file.getvalue()
    True
    """

    monitor_interval: ClassVar[float] = 10
    monitor: ClassVar[Any] = None
    n: Any
    total: Any
    _counts: Callable[[Any, Any], Any]
    """Counts units of a bar that is a task, where its class has an `update` or a `refresh` of its own. Set with the task."""

    def __new__(cls, *args: Any, **options: Any) -> Any:
        bar = object.__new__(cls)
        with cls.get_lock():
            cls._instances.add(bar)
            if cls.monitor_interval and HAS_THREADS and (cls.monitor is None or not cls.monitor.report()):
                try:
                    cls.monitor = TMonitor(cls, cls.monitor_interval)
                except Exception as error:  # no thread to be had
                    warn(
                        f"tqdm:disabling monitor support (monitor_interval = 0) due to:\n{error}",
                        TqdmMonitorWarning,
                        stacklevel=2,
                    )
                    cls.monitor_interval = 0
        return bar

    @envwrap("tqdm")
    def __init__(
        self,
        iterable: Iterable[Any] | None = None,
        desc: str | None = None,
        total: float | None = None,
        leave: bool | None = True,
        file: Any = None,
        ncols: int | None = None,
        mininterval: float = 0.1,
        maxinterval: float = 10.0,
        miniters: float | None = None,
        ascii: bool | str | None = None,
        disable: bool | None = False,
        unit: str = "it",
        unit_scale: bool | float = False,
        dynamic_ncols: bool = False,
        smoothing: float = 0.3,
        bar_format: str | None = None,
        initial: float = 0,
        position: int | None = None,
        postfix: Any = None,
        unit_divisor: float = 1000,
        write_bytes: bool = False,
        lock_args: tuple[Any, ...] | None = None,
        nrows: int | None = None,
        colour: str | None = None,
        delay: float = 0.0,
        gui: bool = False,
        **kwargs: Any,
    ) -> None:
        self._task: Any = None
        file = sys.stderr if file is None else file
        if disable is None and not _is_terminal(file):
            disable = True
        if total is None and iterable is not None:
            try:
                total = len(iterable)  # type: ignore[arg-type]  # it may have a length or not
            except (TypeError, AttributeError):
                total = None
        if total == float("inf"):
            total = None
        self.iterable, self.disable, self.leave = iterable, disable, leave
        self.n, self.total, self.initial = initial, total, initial
        self.desc = str(desc) if desc else ""
        if disable or file is None:
            self.disable = True
            self.pos = self._get_free_pos(self)
            self._instances.discard(self)
            return
        if kwargs:
            self.disable = True
            self.pos = self._get_free_pos(self)
            self._instances.discard(self)
            if "nested" in kwargs:
                raise TqdmDeprecationWarning(
                    "`nested` is deprecated and automated.\nUse `position` instead for manual control.",
                    fp_write=getattr(file, "write", sys.stderr.write),
                )
            raise TqdmKeyError(f"Unknown argument(s): {kwargs}")
        self.fp = _BytesWriter(file) if write_bytes else DisableOnWriteError(file, tqdm_instance=self)
        self.dynamic_ncols: Callable[[Any], tuple[int | None, int | None]] | None = None
        self._asked_ncols = None if dynamic_ncols else ncols
        columns, lines = self._shape(file, ncols, nrows, dynamic_ncols)
        self.ncols, self.nrows = columns, lines
        self.mininterval = mininterval or 0
        self.maxinterval = maxinterval or 0
        self.dynamic_miniters = miniters is None
        self.miniters: float = miniters or 0
        if self.mininterval and self.maxinterval and self.mininterval > self.maxinterval:
            self.maxinterval = self.mininterval
        self.ascii = (not supports_unicode(file)) if ascii is None else ascii
        self.unit, self.unit_scale, self.unit_divisor = unit, unit_scale, unit_divisor
        self.smoothing = smoothing or 0
        self.bar_format, self.lock_args, self.delay, self.gui = bar_format, lock_args, delay, gui
        self.colour = colour
        if colour:
            colour_sequence(colour)  # an unknown one is said at once
        self.postfix = None
        if postfix:
            try:
                self.set_postfix(refresh=False, **postfix)
            except TypeError:  # no names: for templates
                self.postfix = postfix
        self._time: Callable[[], float] = time
        self._sleep = sleep
        self.last_print_n: float = initial
        _display.close_ended()
        with self._lock:
            self.pos = self._get_free_pos(self) if position is None else -position
        if not gui:
            self.sp = self.status_printer(self.fp)
            if _display.becomes_task(self, _display.stream_of(self), tqdm):
                _display.join(self, tqdm)
        self.last_print_t = self._time()
        self._ema_dn, self._ema_dt, self._ema_miniters = EMA(self.smoothing), EMA(self.smoothing), EMA(self.smoothing)
        if not gui and delay <= 0 and (self._task is None or self.__dict__["_refreshes"]):
            self.refresh(lock_args=self.lock_args)
        self.last_print_t = self._time()  # drawing the first line is no part of the pace
        self.start_t = self.last_print_t

    def _shape(self, file: Any, ncols: int | None, nrows: int | None, dynamic: bool) -> tuple[int | None, int | None]:
        """Return the columns and lines to draw in, and keep the way to ask again."""
        if dynamic:
            self.dynamic_ncols = screen_shape
        is_standard = file in (sys.stderr, sys.stdout)
        if (ncols is None or nrows is None) and (dynamic or is_standard or _is_terminal(file)):
            columns, lines = screen_shape(file)
            ncols = columns if ncols is None else ncols
            nrows = lines if nrows is None else nrows
        return ncols, nrows

    # As a container

    def __bool__(self) -> bool:
        if self.total is not None:
            return bool(self.total > 0)
        if self.iterable is None:
            raise TypeError("bool() undefined when iterable == total == None")
        return bool(self.iterable)

    def __len__(self) -> int:
        if self.iterable is None:
            return self.total  # type: ignore[no-any-return]  # what was given
        if hasattr(self.iterable, "shape"):
            return self.iterable.shape[0]  # type: ignore[no-any-return]  # an array
        if hasattr(self.iterable, "__len__"):
            return len(self.iterable)  # type: ignore[arg-type]  # it has one, as asked
        if hasattr(self.iterable, "__length_hint__"):
            return self.iterable.__length_hint__()  # type: ignore[no-any-return]
        return self.total  # type: ignore[no-any-return]

    def __reversed__(self) -> Iterator[Any]:
        reversed(self.iterable)  # type: ignore[call-overload]  # raises where it cannot be
        return self.__iter__()  # forwards, as tqdm's does: a job must not end otherwise for the sake of its bars

    def __contains__(self, item: object) -> bool:
        contains = getattr(self.iterable, "__contains__", None)
        return bool(contains(item)) if contains is not None else item in self.__iter__()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        if error is not None:
            self._leave_with(error)
        self.close()

    def _leave_with(self, error: BaseException) -> None:
        """End the bar's task as failed, or called off, by `error`, which leaves its block or loop."""
        if self._task is not None:
            _display.leave_with(self._task, error)

    def __del__(self) -> None:
        if getattr(self, "_looping", False):  # the loop, which may outlive the bar, ends the task
            return
        try:
            self.close()
        except Exception:  # half made, or the interpreter ends
            pass

    def __str__(self) -> str:
        return self.format_meter(**self.format_dict)

    @property
    def _comparable(self) -> Any:
        return abs(getattr(self, "pos", 1 << 31))

    __hash__ = object.__hash__

    # Counting

    def __iter__(self) -> Iterator[Any]:
        iterable = self.iterable
        if iterable is None:
            self.close()
            raise TypeError("'NoneType' object is not iterable: the bar has no iterable")
        if self.disable:
            return (item for item in iterable)  # which can be closed, as the loop of a bar that is shown
        if self._task is not None:
            return _display.iterate(self, iterable)
        loop = _due.iterate(self)
        return self._iterate(iterable) if loop is None else loop

    def _iterate(self, iterable: Iterable[Any]) -> Iterator[Any]:
        mininterval = self.mininterval
        last_print_t = self.last_print_t
        last_print_n = self.last_print_n
        earliest = self.start_t + self.delay
        n, clock = self.n, self._time
        try:
            for item in iterable:
                yield item
                n += 1
                if n - last_print_n >= self.miniters:
                    now = clock()
                    if now - last_print_t >= mininterval and now >= earliest:
                        self.update(n - last_print_n)
                        last_print_n, last_print_t = self.last_print_n, self.last_print_t
        finally:
            self.n = n
            self.close()

    def update(self, n: float = 1) -> bool | None:
        """Count `n` more units, and show the bar where that is due.

        Returns:
            True where a line was written.
        """
        try:
            if n >= self._least_step:
                self.n += n
                return None
        except (TypeError, ValueError):  # no number, or many: a bar that shows nothing takes it, any other refuses it
            pass
        if self._task is not None and self._task._end is None:
            # Its class has an `update` or a `refresh` of its own.
            return self._counts(self, n)  # type: ignore[no-any-return]  # whether the bar was shown
        return None if self.disable else self._count_and_check(n)

    def _count_and_check(self, n: float) -> bool | None:
        """Count `n` more units, and write a line if it is time to."""
        if n < 0:
            self.last_print_n += n  # so that a count that goes back is shown
        self.n += n
        if self.n - self.last_print_n < self.miniters:
            _due.note_check(self)
            return None
        now = self._time()
        if now - self.last_print_t < self.mininterval or now < self.start_t + self.delay:
            _due.note_check(self)
            return None
        passed, done = now - self.last_print_t, self.n - self.last_print_n
        if self.smoothing and passed and done:
            self._ema_dn(done)
            self._ema_dt(passed)
        self.refresh(lock_args=self.lock_args)
        if self.dynamic_miniters:
            self._choose_miniters(done, passed)
        self.last_print_n, self.last_print_t = self.n, now
        return True

    def _choose_miniters(self, done: float, passed: float) -> None:
        """Choose how many units come before the clock is read again, so that it is read about once an interval."""
        if self.maxinterval and passed >= self.maxinterval:
            self.miniters = done * (self.mininterval or self.maxinterval) / passed
        elif self.smoothing:
            factor = self.mininterval / passed if self.mininterval and passed else 1
            self.miniters = self._ema_miniters(done * factor)
        else:
            self.miniters = max(self.miniters, done)

    def close(self) -> None:
        """End the bar: its last line stays if `leave` says so, else it is cleared."""
        if self.disable:
            return
        self.disable = True
        pos = abs(self.pos)
        self._decr_instances(self)
        if self._task is not None:
            _display.close(self)
            return
        if getattr(self, "last_print_t", 0) < getattr(self, "start_t", 0) + self.delay:
            return  # nothing was shown
        if getattr(self, "sp", None) is None:
            return
        leave = pos == 0 if self.leave is None else self.leave
        try:
            with self._lock:
                if leave:
                    self._ema_dt = _no_average  # type: ignore[assignment]  # the last line has the pace of all
                    self.display(pos=0)
                    self.fp.write("\n")
                else:
                    self.display(msg="", pos=pos)
                    if not pos:
                        self.fp.write("\r")
        except ValueError as error:
            if "closed" in str(error):
                return
            raise

    def unpause(self) -> None:
        """Leave the time since the last line out of the pace."""
        if self.disable:
            return
        if self._task is not None:
            _display.refresh(self)
            return
        now = self._time()
        self.start_t += now - self.last_print_t
        self.last_print_t = now

    def reset(self, total: float | None = None) -> None:
        """Begin anew at 0, with a new `total` where it is given."""
        self.n = 0
        if total is not None:
            self.total = None if total == float("inf") else total
        if self.disable:
            return
        if self._task is not None:
            self._task.restart()
            self.refresh()
            return
        self.last_print_n = 0
        self.last_print_t = self.start_t = self._time()
        self._ema_dn, self._ema_dt, self._ema_miniters = EMA(self.smoothing), EMA(self.smoothing), EMA(self.smoothing)
        self.refresh()

    def set_description(self, desc: str | None = None, refresh: bool | None = True) -> None:
        """Set what stands before the bar; a colon comes after it."""
        self.desc = f"{desc}: " if desc else ""
        if refresh:
            self.refresh()

    def set_description_str(self, desc: str | None = None, refresh: bool | None = True) -> None:
        """Set what stands before the bar, as it is."""
        self.desc = desc or ""
        if refresh:
            self.refresh()

    def set_postfix(self, ordered_dict: Any = None, refresh: bool | None = True, **kwargs: Any) -> None:
        """Set what stands after the statistics: `loss=0.123, lr=1e-3`.

        Args:
            ordered_dict: Names and values, in their order.
            refresh: Whether to show it now.
            kwargs: More of them, by name.
        """
        values = dict([] if ordered_dict is None else ordered_dict)
        for name in sorted(kwargs):
            values[name] = kwargs[name]
        texts = {
            name: self.format_num(value) if isinstance(value, Number) else str(value).strip()
            for name, value in values.items()
        }
        self.postfix = ", ".join(f"{name}={text}" for name, text in texts.items())
        if refresh:
            self.refresh()

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        """Set what stands after the statistics, as it is."""
        self.postfix = str(s)
        if refresh:
            self.refresh()

    @property
    def format_dict(self) -> dict[str, Any]:
        """The arguments of `format_meter` for the bar as it is now. Subclasses may add fields of their own."""
        if self.disable and not hasattr(self, "unit"):
            return {
                "n": self.n, "total": self.total, "elapsed": 0, "unit": "it", "prefix": self.desc, "ascii": False,
            }  # fmt: skip
        if self.dynamic_ncols:
            self.ncols, self.nrows = self.dynamic_ncols(self.fp)
        done, passed = self._ema_dn(), self._ema_dt()
        rate = done / passed if passed else None
        if self._task is not None:
            rate = self._task.rate
        return {
            "n": self.n,
            "total": self.total,
            "elapsed": self._time() - self.start_t if hasattr(self, "start_t") else 0,
            "ncols": self.ncols,
            "nrows": self.nrows,
            "prefix": self.desc,
            "ascii": self.ascii,
            "unit": self.unit,
            "unit_scale": self.unit_scale,
            "rate": rate,
            "bar_format": self.bar_format,
            "postfix": self.postfix,
            "unit_divisor": self.unit_divisor,
            "initial": self.initial,
            "colour": self.colour,
        }

    format_sizeof = staticmethod(format_sizeof)
    format_interval = staticmethod(format_interval)
    format_num = staticmethod(format_num)
    format_meter = staticmethod(format_meter)

    # Made with bars

    @classmethod
    def pandas(cls, **options: Any) -> None:
        """Add `progress_apply`, `progress_map` and similar methods to pandas' objects, with bars of these options."""
        from ._pandas import register

        register(cls, **options)

    @classmethod
    @contextmanager
    def wrapattr(
        cls, stream: Any, method: str, total: float | None = None, bytes: bool = True, **options: Any
    ) -> Iterator[Any]:
        """Wrap `stream` so that what its `method` (`read` or `write`) hands on is counted.

        Args:
            stream: The stream.
            method: `read` or `write`.
            total: Units in all.
            bytes: Whether the unit is a byte, with SI prefixes by 1024.
            options: As for a bar.
        """
        with cls(total=total, **options) as bar:
            if bytes:
                bar.unit, bar.unit_scale, bar.unit_divisor = "B", True, 1024
            yield CallbackIOWrapper(bar.update, stream, method)


def _no_average(_: float | None = None) -> float:
    return 0


class _BytesWriter(DisableOnWriteError):
    """A stream of bytes that takes text."""

    def __init__(self, file: Any) -> None:
        super().__init__(file, tqdm_instance=None)

    def write(self, text: str) -> Any:
        """Write `text` in the stream's encoding, else UTF-8."""
        return self._wrapped.write(text.encode(getattr(self._wrapped, "encoding", None) or "utf-8"))


def _is_terminal(file: Any) -> bool:
    try:
        return bool(file.isatty())
    except (AttributeError, ValueError, OSError):
        return False


def trange(*args: Any, **options: Any) -> Any:
    """Return `tqdm(range(*args), **options)`."""
    return tqdm(range(*args), **options)


_display.note_methods(tqdm)
# Not with the first bar: a pool's workers may have bars before this process has one.
allow_joining(_display.is_shown)
