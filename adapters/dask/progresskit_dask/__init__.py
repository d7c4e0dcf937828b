"""The progress of Dask tasks in the client's display.

Knows Dask's clients, scheduler and workers, each in a module of its own. Does not know how a report is made or drawn: the core does.
"""

from .watching import watch

__all__ = ["watch"]
