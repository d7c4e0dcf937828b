"""click: have `click.progressbar` draw on this display."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click  # type: ignore[import-not-found,unused-ignore]

from .._tracking.tracker import current_tracker
from ._ending import end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_original: Callable[..., Any] | None = None


class ProgressBar:
    """What `click.progressbar` returns, on this display: a context manager that is iterated over or updated by hand.

    Args:
        iterable: What to iterate over; None: `update` counts.
        length: How many items there are; None: as many as the iterable says it has.
        label: The row's name.
        hidden: Whether nothing is shown.
        item_show_func: Returns the words for the item that is worked on.
    """

    def __init__(
        self, iterable: Iterable[Any] | None = None, length: int | None = None, label: str | None = None,
        hidden: bool = False, show_eta: bool = True, show_percent: bool | None = None, show_pos: bool = False,
        item_show_func: Callable[[Any], str | None] | None = None, **_: Any,
    ) -> None:  # fmt: skip
        if iterable is None and length is None:
            raise TypeError("iterable or length is required")
        if length is None:
            from operator import length_hint

            length = length_hint(iterable) or None
        self.iterable, self.length, self.label, self.is_hidden = iterable, length, label or "", hidden
        self._words = item_show_func
        self._task = None if hidden else current_tracker().add_task(self.label, total=length or None, keep=True)
        self.pos = 0
        self.finished = False
        self.current_item: Any = None

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        self.render_finish(error)

    def render_finish(self, error: BaseException | None = None) -> None:
        """End the row."""
        end(self._task, error)

    def __iter__(self) -> Iterator[Any]:
        return self.generator()

    def generator(self) -> Iterator[Any]:
        """Yield the items, counting each when its turn is over."""
        for item in self.iterable if self.iterable is not None else range(self.length or 0):
            self._show(item)
            yield item
            self.update(1)
        self.finished = True

    def _show(self, item: Any) -> None:
        self.current_item = item
        if self._words is not None and self._task is not None:
            words = self._words(item)
            self._task.update(fields={"item": None if words is None else str(words)})

    def update(self, n_steps: int, current_item: Any = None) -> None:
        """Count `n_steps`."""
        if current_item is not None:
            self._show(current_item)
        self.pos += n_steps
        if self._task is not None:
            self._task.advance(n_steps)


def patch() -> None:
    """Have `click.progressbar` return a bar of this display. Doing it twice does no harm; `unpatch` undoes it."""
    global _original
    if _original is None:
        _original = click.progressbar
        click.progressbar = ProgressBar  # type: ignore[assignment]  # with the arguments of click's


def unpatch() -> None:
    """Give click its own bar back."""
    global _original
    if _original is not None:
        click.progressbar = _original
        _original = None
