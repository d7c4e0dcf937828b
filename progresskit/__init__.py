"""Progress of loops, uploads and parallel jobs, drawn somewhere else, at no cost worth mentioning.

    from progresskit import track

    for row in track(rows, "Checking rows", unit="row"):
        ...

Names are looked up when they are first asked for, so that `import progresskit` costs next to nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .capture import LogHandler as LogHandler
    from .files import open_file as open_file
    from .files import wrap_file as wrap_file
    from .frames import Frame as Frame
    from .frames import TaskView as TaskView
    from .protocols import Renderer as Renderer
    from .protocols import RendererUnavailable as RendererUnavailable
    from .protocols import Terminal as Terminal
    from .report import ProgressWarning as ProgressWarning
    from .states import State as State
    from .task import Task as Task
    from .tracker import ProgressTracker as ProgressTracker
    from .tracker import track as track

__version__ = "0.1.0"
_HOMES = {
    "Frame": "frames",
    "LogHandler": "capture",
    "ProgressTracker": "tracker",
    "ProgressWarning": "report",
    "Renderer": "protocols",
    "RendererUnavailable": "protocols",
    "State": "states",
    "Task": "task",
    "TaskView": "frames",
    "Terminal": "protocols",
    "open_file": "files",
    "track": "tracker",
    "wrap_file": "files",
}
__all__ = [*_HOMES, "__version__"]  # a list of strings, which the linter does not see


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'progresskit' has no attribute {name!r}")
    # The package importlib is some hundreds of microseconds that nothing else here needs.
    value = getattr(__import__(f"progresskit.{home}", fromlist=(name,)), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
