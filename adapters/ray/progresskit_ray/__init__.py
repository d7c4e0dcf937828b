"""The progress of Ray tasks and actors in the driver's display."""

from .setup import runtime_env
from .watching import watch

__all__ = ["runtime_env", "watch"]
