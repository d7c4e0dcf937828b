"""The bars of notebooks: the same class, since the display finds out where it draws, with the arguments of tqdm's notebook bars."""

from __future__ import annotations

from typing import Any

from .std import tqdm as std_tqdm

__all__ = ["std_tqdm", "tnrange", "tqdm", "tqdm_notebook", "trange"]


class tqdm_notebook(std_tqdm):  # tqdm's name
    """A bar of a notebook's cell.

    Parameters
    ----------
    display  : bool, optional
        Taken for tqdm's sake: the bar has its row wherever the display draws.
    ncols  : int or str, optional
        Taken for tqdm's sake: a width of a page, such as "100%", not of a terminal.
    """

    def __init__(self, *args: Any, display: bool = True, ncols: Any = None, **options: Any) -> None:
        super().__init__(*args, **options)


def tnrange(*args: Any, **options: Any) -> Any:
    """Return `tqdm_notebook(range(*args), **options)`."""
    return tqdm_notebook(range(*args), **options)


tqdm, trange = tqdm_notebook, tnrange
