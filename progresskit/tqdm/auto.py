"""The bar that suits where the program runs: a notebook's cell or a stream, in `for` and in `async for`."""

from __future__ import annotations

from typing import Any

from .asyncio import tqdm_asyncio as tqdm
from .std import TqdmExperimentalWarning
from .std import tqdm as std_tqdm

__all__ = ["TqdmExperimentalWarning", "asyncio_tqdm", "notebook_tqdm", "std_tqdm", "tqdm", "trange"]
asyncio_tqdm, notebook_tqdm = tqdm, std_tqdm


def trange(*args: Any, **options: Any) -> Any:
    """Return `tqdm(range(*args), **options)`."""
    return tqdm(range(*args), **options)
