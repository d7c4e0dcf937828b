"""The bars of windows: the same class; what draws them is the display."""

from __future__ import annotations

from .std import TqdmExperimentalWarning, tqdm, trange

std_tqdm, tqdm_gui, tgrange = tqdm, tqdm, trange
__all__ = ["TqdmExperimentalWarning", "std_tqdm", "tgrange", "tqdm", "tqdm_gui", "trange"]
