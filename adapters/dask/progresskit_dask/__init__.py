"""The progress of Dask tasks in the client's display."""

from .watching import watch

__all__ = ["watch"]
