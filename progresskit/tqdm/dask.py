"""A callback of Dask's local schedulers that shows how many of a graph's tasks are done."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from dask.callbacks import Callback  # type: ignore[import-not-found,import-untyped,unused-ignore]

from .auto import tqdm as tqdm_auto

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TqdmCallback"]


class TqdmCallback(Callback):  # type: ignore[misc,unused-ignore]  # dask ships no types
    """Shows a bar over the tasks of the graph that is computed.

    Args:
        start: As for dask's callback.
        pretask: As for dask's callback.
        tqdm_class: The bar's class.
        options: The bar's arguments.
    """

    def __init__(
        self, start: Callable[..., Any] | None = None, pretask: Callable[..., Any] | None = None,
        tqdm_class: Any = tqdm_auto, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(start=start, pretask=pretask)
        self._make = partial(tqdm_class, **options)
        self.pbar: Any = None

    def _start_state(self, dsk: Any, state: dict[str, Any]) -> None:
        self.pbar = self._make(total=sum(len(state[name]) for name in ("ready", "waiting", "running", "finished")))

    def _posttask(self, *args: Any, **options: Any) -> None:
        self.pbar.update()

    def _finish(self, *args: Any, **options: Any) -> None:
        self.pbar.close()

    def display(self) -> None:
        """Show the bar where nothing else does."""
        if self.pbar is not None:
            self.pbar.refresh()
