"""The bar that suits where the program runs: a notebook's cell or a stream, in `for` and in `async for`."""

from __future__ import annotations

from typing import Any

from .asyncio import tqdm_asyncio as tqdm

__all__ = ["tqdm", "trange"]


def trange(*args: Any, **options: Any) -> Any:
    """Return `tqdm(range(*args), **options)`."""
    return tqdm(range(*args), **options)
