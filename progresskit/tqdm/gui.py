"""The bars of windows: the same class; what draws them is the display."""

from __future__ import annotations

from .std import tqdm, trange

tqdm_gui, tgrange = tqdm, trange
__all__ = ["tgrange", "tqdm", "tqdm_gui", "trange"]
