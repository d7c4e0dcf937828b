"""`progress_apply`, `progress_map` and similar methods for pandas' objects.

Knows pandas' classes. Does not know how a bar is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .utils import TqdmDeprecationWarning

if TYPE_CHECKING:
    from collections.abc import Callable

AXES = {"index": 0, "columns": 1}


def register(bar_class: Any, **options: Any) -> None:
    """Give pandas' objects their methods with bars.

    Args:
        bar_class: The bar's class.
        options: The bar's arguments; `deprecated_t` is an existing bar to use instead.
    """
    from pandas import DataFrame, Series  # type: ignore[import-untyped,import-not-found,unused-ignore]
    from pandas.core.groupby.generic import (  # type: ignore[import-untyped,import-not-found,unused-ignore]
        DataFrameGroupBy,
        SeriesGroupBy,
    )
    from pandas.core.groupby.groupby import GroupBy  # type: ignore[import-untyped,import-not-found,unused-ignore]
    from pandas.core.window.expanding import Expanding  # type: ignore[import-untyped,import-not-found,unused-ignore]
    from pandas.core.window.rolling import Rolling  # type: ignore[import-untyped,import-not-found,unused-ignore]

    given = options.pop("deprecated_t", None)
    for owner in (Series, SeriesGroupBy, DataFrame, DataFrameGroupBy, GroupBy, Rolling, Expanding):
        owner.progress_apply = _with_bar("apply", bar_class, options, given)
    for owner in (SeriesGroupBy, DataFrameGroupBy):
        owner.progress_aggregate = _with_bar("aggregate", bar_class, options, given)
        owner.progress_transform = _with_bar("transform", bar_class, options, given)
    Series.progress_map = DataFrame.progress_map = _with_bar("map", bar_class, options, given)
    if hasattr(DataFrame, "applymap"):
        DataFrame.progress_applymap = _with_bar("applymap", bar_class, options, given)


def _calls(data: Any, method: str, options: dict[str, Any]) -> int | None:
    """Return how often `method` of `data` will call its function; None if that is unknown."""
    groups = getattr(data, "ngroups", None)
    if groups is not None:
        return int(groups)
    if method == "applymap":
        return int(data.size)
    if getattr(data, "ndim", 0) == 1 and hasattr(data, "index"):
        return len(data)
    if hasattr(data, "shape") and len(data.shape) == 2 and hasattr(data, "columns"):
        axis = options.get("axis", 0)
        rows = data.shape[AXES.get(axis, axis)]
        return int(data.size // rows) if rows else 0
    return None


def _with_bar(method: str, bar_class: Any, bar_options: dict[str, Any], given: Any) -> Callable[..., Any]:
    def progress(data: Any, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        arguments = dict(bar_options)
        total = arguments.pop("total", None)
        bar = (
            bar_class(total=_calls(data, method, options) if total is None else total, **arguments)
            if given is None
            else given
        )
        if args:
            TqdmDeprecationWarning(
                "Except func, normal arguments are intentionally not supported by"
                f" `(DataFrame|Series|GroupBy).progress_{method}`. Use keyword arguments instead.",
                fp_write=getattr(bar.fp, "write", None),
            )

        def counted(*values: Any, **named: Any) -> Any:
            if not bar.total or bar.n < bar.total:  # pandas may call the function once more, to see its type
                bar.update()
            return function(*values, **named)

        try:
            return getattr(data, method)(counted, **options)
        finally:
            bar.close()

    progress.__name__ = progress.__qualname__ = f"progress_{method}"
    progress.__doc__ = f"Do what `{method}` does, with a bar."
    return progress
