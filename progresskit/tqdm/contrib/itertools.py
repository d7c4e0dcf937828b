"""The functions of `itertools` whose length is known beforehand, with a bar over what they give."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from ..auto import tqdm as tqdm_auto

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["batched", "chain", "combinations", "combinations_with_replacement", "permutations", "product"]


def _shown(items: Iterable[Any], length: Callable[[], int], options: dict[str, Any]) -> Iterator[Any]:
    """Yield `items` under a bar whose total is `length()`, where that can be told."""
    tqdm_class = options.pop("tqdm_class", tqdm_auto)
    try:
        options.setdefault("total", length())
    except TypeError:  # a source without a length
        pass
    with tqdm_class(**options) as bar:
        for item in items:
            yield item
            bar.update()


def chain(*iterables: Iterable[Any], **options: Any) -> Iterator[Any]:
    """Yield from `itertools.chain`."""
    return _shown(itertools.chain(*iterables), lambda: sum(map(len, iterables)), options)  # type: ignore[arg-type]


def product(*iterables: Iterable[Any], repeat: int = 1, **options: Any) -> Iterator[Any]:
    """Yield from `itertools.product`."""
    return _shown(
        itertools.product(*iterables, repeat=repeat),
        lambda: math.prod(map(len, iterables)) ** repeat,  # type: ignore[arg-type]
        options,
    )


def permutations(iterable: Any, r: int | None = None, **options: Any) -> Iterator[Any]:
    """Yield from `itertools.permutations`."""
    return _shown(itertools.permutations(iterable, r), lambda: math.perm(len(iterable), r), options)


def combinations(iterable: Any, r: int, **options: Any) -> Iterator[Any]:
    """Yield from `itertools.combinations`."""
    return _shown(itertools.combinations(iterable, r), lambda: math.comb(len(iterable), r), options)


def combinations_with_replacement(iterable: Any, r: int, **options: Any) -> Iterator[Any]:
    """Yield from `itertools.combinations_with_replacement`."""
    return _shown(
        itertools.combinations_with_replacement(iterable, r),
        lambda: math.comb(len(iterable) + r - 1, r) if len(iterable) else int(r == 0),
        options,
    )


def batched(iterable: Any, n: int, **options: Any) -> Iterator[Any]:
    """Yield from `itertools.batched`, which Python has from 3.12 on; the bar counts the items of the batches."""
    tqdm_class = options.pop("tqdm_class", tqdm_auto)
    try:
        options.setdefault("total", -(-len(iterable) // n) * n)
    except TypeError:
        pass
    with tqdm_class(**options) as bar:
        for batch in itertools.batched(iterable, n):  # type: ignore[attr-defined,unused-ignore]
            yield batch
            bar.update(n)
