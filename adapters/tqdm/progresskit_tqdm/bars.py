"""The tqdm object of one row: it formats, and does nothing else.

Knows tqdm's habits and keeps them out: a plain `tqdm`, even a disabled one, starts a monitor thread, makes a lock across
processes and takes a place among all other bars of the program. Does not know tasks.
"""

from __future__ import annotations

import threading
from math import inf
from typing import Any, TextIO
from weakref import WeakSet

from tqdm import tqdm


class RowBar(tqdm):  # type: ignore[misc,type-arg,unused-ignore]  # tqdm ships no types; a stub package has generics
    """A bar that never writes, and that the program's own bars know nothing of.

    Args:
        file: Where tqdm believes that it draws.
        ascii_only: Whether bars are made of `#` and digits.
    """

    monitor_interval = 0
    _lock = threading.RLock()  # an own one: tqdm's is held across forks by whoever prints at that moment
    _instances: WeakSet[Any] = WeakSet()

    def __init__(self, file: TextIO, *, ascii_only: bool) -> None:
        # What the environment's TQDM_... variables could upset is said here. With that delay nothing is drawn at once.
        super().__init__(
            total=1.0,
            file=file,
            ascii=ascii_only,
            disable=False,
            delay=inf,
            leave=False,
            mininterval=0,
            miniters=1,
            gui=False,
        )
        self.disable = True  # close(), which the garbage collector calls too, then has nothing to clear away
        self._asked: tuple[object, ...] = ()
        self._meter = ""

    def meter(self, share: float, columns: int, colour: str | None) -> str:
        """Return the bar and its borders, `columns` cells in all, filled to `share`.

        Only the bar: tqdm measures what it formats character by character, and twice, and its clock is not wanted.
        """
        asked = (share, columns, colour)
        if asked != self._asked:  # a bar that stands still costs nothing
            self._asked = asked
            self.n, self.colour, self.ncols = share, colour, columns
            figures = {"elapsed": 0.0, "rate": 0.0, "bar_format": "|{bar}|"}
            self._meter = str(self.format_meter(**{**self.format_dict, **figures}))
        return self._meter
