"""Progress of Prefect flows and tasks as progress artifacts.

Knows Prefect's runs and its API. Does not know how tasks are counted or drawn: the core does.
"""

from .reporting import report

__all__ = ["report"]
