"""The bars of Tk windows: the same class; what draws them is the display."""

from __future__ import annotations

from .std import TqdmExperimentalWarning, TqdmWarning, tqdm, trange

std_tqdm, tqdm_tk, ttkrange = tqdm, tqdm, trange
__all__ = ["TqdmExperimentalWarning", "TqdmWarning", "std_tqdm", "tqdm", "tqdm_tk", "trange", "ttkrange"]
