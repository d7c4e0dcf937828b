"""Bars for `async for`, `asyncio.as_completed` and `asyncio.gather`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from .std import tqdm as std_tqdm

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Iterator

__all__ = ["tarange", "tqdm", "tqdm_asyncio", "trange"]


class tqdm_asyncio(std_tqdm):  # tqdm's name
    """A bar that may be used in `async for` as well, over iterables of both kinds."""

    iterable: Any

    def __init__(self, iterable: Any = None, *args: Any, **options: Any) -> None:
        super().__init__(iterable, *args, **options)
        self.iterable_awaitable = hasattr(iterable, "__anext__") or hasattr(iterable, "__aiter__")
        self._iterator: Any = None

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> Any:
        if self._iterator is None:
            self._iterator = (
                self.iterable.__aiter__()
                if hasattr(self.iterable, "__aiter__")
                else (self.iterable if self.iterable_awaitable else iter(self.iterable))
            )
        try:
            item = await self._iterator.__anext__() if self.iterable_awaitable else next(self._iterator)
        except StopIteration:
            self.close()
            raise StopAsyncIteration from None
        except BaseException as error:
            if not isinstance(error, StopAsyncIteration):
                self._leave_with(error)
            self.close()
            raise
        self.update()
        return item

    def send(self, *args: Any, **options: Any) -> Any:
        """Send a value into the generator that is iterated over."""
        return self.iterable.send(*args, **options)

    @classmethod
    def as_completed(
        cls, futures: Iterable[Awaitable[Any]], *, loop: Any = None, timeout: float | None = None,
        total: float | None = None, **options: Any,
    ) -> Iterator[Any]:  # fmt: skip
        """Yield from `asyncio.as_completed(futures)`, with a bar."""
        awaitables = list(futures)
        total = len(awaitables) if total is None else total
        yield from cls(asyncio.as_completed(awaitables, timeout=timeout), total=total, **options)

    @classmethod
    async def gather(
        cls, *futures: Awaitable[Any], loop: Any = None, timeout: float | None = None,
        total: float | None = None, return_exceptions: bool = False, **options: Any,
    ) -> list[Any]:  # fmt: skip
        """Return what `asyncio.gather(*futures)` does, with a bar."""

        async def numbered(number: int, future: Awaitable[Any]) -> tuple[int, Any]:
            try:
                return number, await future
            except Exception as error:
                if return_exceptions:
                    return number, error
                raise

        total = len(futures) if total is None else total
        running = [numbered(number, future) for number, future in enumerate(futures)]
        results = [await each for each in cls.as_completed(running, timeout=timeout, total=total, **options)]
        return [result for _, result in sorted(results, key=lambda pair: pair[0])]


def tarange(*args: Any, **options: Any) -> Any:
    """Return `tqdm_asyncio(range(*args), **options)`."""
    return tqdm_asyncio(range(*args), **options)


tqdm, trange = tqdm_asyncio, tarange
