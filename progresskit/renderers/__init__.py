"""Renderers: their protocol, helpers for writing one, and the built-in ones.

Knows how a frame becomes text on a terminal. Does not know trackers, threads or streams: an installed renderer needs no
other names than these.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._model.estimates import Estimate as Estimate
    from .._model.estimates import Estimator as Estimator
    from .._model.frames import Frame as Frame
    from .._model.frames import TaskView as TaskView
    from .._model.frames import decode as decode
    from .._model.frames import encode as encode
    from .._text.cells import cell_width as cell_width
    from .._text.cells import clean as clean
    from .._text.cells import encodable as encodable
    from .._text.cells import fit as fit
    from .._text.cells import wrapped as wrapped
    from .._text.colors import SGR as SGR
    from .._text.colors import STATE_COLORS as STATE_COLORS
    from .._text.colors import depth_of as depth_of
    from .._text.colors import sgr as sgr
    from .._text.cutting import fit_names as fit_names
    from .._text.formatting import format_count as format_count
    from .._text.formatting import format_duration as format_duration
    from .._text.formatting import format_fields as format_fields
    from .._text.formatting import format_percent as format_percent
    from .._text.formatting import format_progress as format_progress
    from .._text.formatting import format_rate as format_rate
    from .._text.formatting import format_seconds as format_seconds
    from .._text.styles import STYLES as STYLES
    from .._text.styles import Style as Style
    from ._requirements import require_distribution as require_distribution
    from ._templates import field_texts as field_texts
    from ._templates import register_column as register_column
    from .base import DrawTarget as DrawTarget
    from .base import Renderer as Renderer
    from .base import RendererOptions as RendererOptions
    from .base import RendererUnavailable as RendererUnavailable
    from .base import Terminal as Terminal
    from .rows import RowRenderer as RowRenderer

_MODULES = {
    "_model.estimates": ("Estimate", "Estimator"),
    "_model.frames": ("Frame", "TaskView", "decode", "encode"),
    "_text.cells": ("cell_width", "clean", "encodable", "fit", "wrapped"),
    "_text.colors": ("SGR", "STATE_COLORS", "depth_of", "sgr"),
    "_text.cutting": ("fit_names",),
    "_text.styles": ("STYLES", "Style"),
    "_text.formatting": (
        "format_count", "format_duration", "format_fields", "format_percent", "format_progress", "format_rate", "format_seconds",
    ),
    "renderers.base": ("DrawTarget", "Renderer", "RendererOptions", "RendererUnavailable", "Terminal"),
    "renderers._requirements": ("require_distribution",),
    "renderers.rows": ("RowRenderer",),
    "renderers._templates": ("field_texts", "register_column"),
}  # fmt: skip
_HOMES = {name: f"progresskit.{module}" for module, names in _MODULES.items() for name in names}
__all__ = sorted(_HOMES)  # a list of strings, which the linter does not see


def __getattr__(name: str) -> Any:
    from .._system.lazy import attribute

    value = globals()[name] = attribute(__name__, _HOMES, name)
    return value
