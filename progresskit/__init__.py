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

    from ._display.log_handler import LogHandler as LogHandler
    from ._model.frames import Frame as Frame
    from ._model.frames import TaskView as TaskView
    from ._model.states import State as State
    from ._system.warnings import ProgressWarning as ProgressWarning
    from ._tracking.files import open_file as open_file
    from ._tracking.files import wrap_file as wrap_file
    from ._tracking.task import Task as Task
    from ._tracking.tracker import ProgressTracker as ProgressTracker
    from ._tracking.tracker import track as track
    from .renderers.base import Renderer as Renderer
    from .renderers.base import RendererUnavailable as RendererUnavailable
    from .renderers.base import Terminal as Terminal

__version__ = "0.1.0"
_HOMES = {
    "Frame": "_model.frames",
    "LogHandler": "_display.log_handler",
    "ProgressTracker": "_tracking.tracker",
    "ProgressWarning": "_system.warnings",
    "Renderer": "renderers.base",
    "RendererUnavailable": "renderers.base",
    "State": "_model.states",
    "Task": "_tracking.task",
    "TaskView": "_model.frames",
    "Terminal": "renderers.base",
    "open_file": "_tracking.files",
    "track": "_tracking.tracker",
    "wrap_file": "_tracking.files",
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
