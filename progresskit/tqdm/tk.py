"""The bars of Tk windows: the same class; what draws them is the display."""

from __future__ import annotations

from .std import tqdm, trange

tqdm_tk, ttkrange = tqdm, trange
__all__ = ["tqdm", "tqdm_tk", "trange", "ttkrange"]
