"""The tqdm object of one row: it formats, and does nothing else.

Knows tqdm's habits and keeps them out: a plain `tqdm`, even a disabled one, starts a monitor thread, makes a lock across
processes and takes a place among all other bars of the program. Must not know tasks.
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

    def meter(self, share: float, elapsed: float, columns: int, colour: str | None, **texts: str) -> str:
        """Return `{head}{percent}|bar|{tail}`, with these three of `texts`, in at most `columns` cells.

        The bar takes what the texts leave. They are values and no formats: braces in them stay braces.
        """
        self.n, self.colour, self.ncols = share, colour, columns
        return str(
            self.format_meter(
                **{**self.format_dict, "elapsed": elapsed, "bar_format": "{head}{percent}|{bar}|{tail}", **texts}
            )
        )
