"""The bars of notebooks: the same class, since the display finds out where it draws."""

from __future__ import annotations

from .std import tqdm, trange

std_tqdm, tqdm_notebook, tnrange = tqdm, tqdm, trange
__all__ = ["std_tqdm", "tnrange", "tqdm", "tqdm_notebook", "trange"]
