"""The bars of notebooks: the same class, since the display finds out where it draws."""

from __future__ import annotations

from .std import tqdm, trange

tqdm_notebook, tnrange = tqdm, trange
__all__ = ["tnrange", "tqdm", "tqdm_notebook", "trange"]
