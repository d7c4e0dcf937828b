"""Progress of Prefect flows and tasks as progress artifacts."""

from .reporting import report

__all__ = ["report"]
