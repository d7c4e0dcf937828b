"""The progress of Ray tasks and actors in the driver's display.

Knows Ray's drivers, actors and workers, each in a module of its own. Does not know how a report is made or drawn: the core does.
"""

from .setup import runtime_env
from .watching import watch

__all__ = ["runtime_env", "watch"]
