"""tqdm's `contrib`: shorthands for bars over iterables, and a stream that writes above the bars.

The modules that only the installed tqdm has, such as bars in chats, are imported from its folder, and are executed under this
package's name, over its classes. Knows tqdm's names. Does not know how a bar is drawn.
"""

from __future__ import annotations

import os
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any

from ..auto import tqdm as tqdm_auto
from ..std import tqdm
from ..utils import ObjectWrapper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["tenumerate", "tmap", "tzip"]
_installed = PathFinder.find_spec("tqdm")
if _installed is not None:
    __path__ += [os.path.join(folder, "contrib") for folder in _installed.submodule_search_locations or ()]


class DummyTqdmFile(ObjectWrapper):
    """A stream for `print` whose whole lines go above the bars of another stream."""

    def __init__(self, wrapped: Any) -> None:
        super().__init__(wrapped)
        self.wrapper_setattr("_partial", [])

    def write(self, text: Any, nolock: bool = False) -> None:
        """Write the whole lines of `text`; what is left waits for its end of line."""
        newline: Any = "\n" if isinstance(text, str) else b"\n"
        empty = type(newline)()
        partial = self.wrapper_getattr("_partial")
        whole, found, rest = text.rpartition(newline)
        if found:
            block = empty.join([*partial, whole, newline])
            partial.clear()
            tqdm.write(block, end=empty, file=self._wrapped, nolock=nolock)
        if rest:
            partial.append(rest)

    def __del__(self) -> None:
        partial = self.wrapper_getattr("_partial")
        if partial:
            block = type(partial[0])().join(partial)
            tqdm.write(block, end=type(block)(), file=self._wrapped)


def tenumerate(
    iterable: Iterable[Any], start: int = 0, total: float | None = None, tqdm_class: Any = tqdm_auto, **options: Any
) -> Iterator[Any]:
    """Return `enumerate(iterable, start)` with a bar; for an array of numpy, `ndenumerate`."""
    try:
        import sys

        numpy = sys.modules["numpy"]
    except KeyError:
        pass
    else:
        if isinstance(iterable, numpy.ndarray):
            bar: Iterator[Any] = tqdm_class(numpy.ndenumerate(iterable), total=total or iterable.size, **options)
            return bar
    return enumerate(tqdm_class(iterable, total=total, **options), start)


def tzip(first: Iterable[Any], *others: Iterable[Any], **options: Any) -> Iterator[tuple[Any, ...]]:
    """Yield from `zip(first, *others)`, with a bar over `first`."""
    tqdm_class = options.pop("tqdm_class", tqdm_auto)
    yield from zip(tqdm_class(first, **options), *others, strict=False)


def tmap(function: Callable[..., Any], *sequences: Iterable[Any], **options: Any) -> Iterator[Any]:
    """Yield from `map(function, *sequences)`, with a bar over the first sequence."""
    for items in tzip(*sequences, **options):
        yield function(*items)
