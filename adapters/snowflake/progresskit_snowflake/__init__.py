"""Load CSV, JSON and Parquet files into Snowflake with a bar for each phase."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bars.copier import copy_into
    from .bars.progress import SnowflakeProgress
    from .bars.uploading import UploadError, Uploads, put

__all__ = ["SnowflakeProgress", "UploadError", "Uploads", "copy_into", "put"]
_WHERE = {"copy_into": "bars.copier", "SnowflakeProgress": "bars.progress"}


def __getattr__(name: str) -> Any:
    # Imported on first use: the command must handle Ctrl-C before it has imported anything.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_WHERE.get(name, 'bars.uploading')}"), name)
