"""What `auto` has, under the name that older programs import."""

from __future__ import annotations

from .auto import tqdm, trange

__all__ = ["tqdm", "trange"]
