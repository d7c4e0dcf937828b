"""Progress bars for loops, uploads and parallel jobs, drawn by a thread of their own at negligible cost.

    from progresskit import track

    for row in track(rows, "Checking rows", unit="row"):
        ...

Names are looked up when they are first asked for, so that `import progresskit` costs next to nothing.
"""

from __future__ import annotations


def __getattr__(name: str) -> Any:
    try:
        from ._system.lazy import attribute

        value = attribute(__name__, globals().get("_HOMES", {"track": "progresskit._tracking.current"}), name)
    except (ImportError, AttributeError, OSError):
        if name != "track":
            raise
        return _bare  # in a signal's handler that has interrupted the import, after chroot, without a descriptor left
    globals()[name] = value
    return value


def _bare(iterable: Any, *arguments: Any, **options: Any) -> Any:
    """Return an iterator over `iterable` that shows nothing: a loop runs, whatever becomes of its display."""
    return (
        iter(iterable) if hasattr(iterable, "__iter__") or not hasattr(iterable, "__aiter__") else iterable.__aiter__()
    )


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._display.log_handler import LogHandler as LogHandler
    from ._model.frames import Frame as Frame
    from ._model.frames import TaskView as TaskView
    from ._model.states import State as State
    from ._system.warnings import ProgressWarning as ProgressWarning
    from ._tracking.current import add_task as add_task
    from ._tracking.current import configure as configure
    from ._tracking.current import disabled as disabled
    from ._tracking.current import print as print
    from ._tracking.current import track as track
    from ._tracking.files import open_file as open_file
    from ._tracking.files import wrap_file as wrap_file
    from ._tracking.joining import current_tracker as current_tracker
    from ._tracking.responses import wrap_response as wrap_response
    from ._tracking.task import Task as Task
    from ._tracking.tracker import ProgressTracker as ProgressTracker
    from .renderers.base import Renderer as Renderer
    from .renderers.base import RendererUnavailable as RendererUnavailable
    from .renderers.base import Terminal as Terminal

__version__ = "0.1.0"
_HOMES = {
    "Frame": "progresskit._model.frames",
    "LogHandler": "progresskit._display.log_handler",
    "ProgressTracker": "progresskit._tracking.tracker",
    "ProgressWarning": "progresskit._system.warnings",
    "Renderer": "progresskit.renderers.base",
    "RendererUnavailable": "progresskit.renderers.base",
    "State": "progresskit._model.states",
    "Task": "progresskit._tracking.task",
    "TaskView": "progresskit._model.frames",
    "Terminal": "progresskit.renderers.base",
    "open_file": "progresskit._tracking.files",
    "add_task": "progresskit._tracking.current",
    "configure": "progresskit._tracking.current",
    "current_tracker": "progresskit._tracking.joining",
    "disabled": "progresskit._tracking.current",
    "print": "progresskit._tracking.current",
    "track": "progresskit._tracking.current",
    "wrap_file": "progresskit._tracking.files",
    "wrap_response": "progresskit._tracking.responses",
}
__all__ = [*_HOMES, "__version__"]  # a list of strings, which the linter does not see


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _name_modules_for_freezers() -> None:
    """Name the modules that are loaded by name. Nobody calls this: PyInstaller, Nuitka, and cx_Freeze follow the statements."""
    from ._display import (  # noqa: F401
        capture,
        direct_lines,
        events_file,
        notebook_cells,
        process_hooks,
        service_status,
        taskbar,
        terminal_keys,
    )
    from ._display.web import live  # noqa: F401
    from ._model import frames, states  # noqa: F401
    from ._system import warnings  # noqa: F401
    from ._tracking import current, files, joining, responses, silent, task, tracker  # noqa: F401
    from .processes import _client, _folder, _handles, workers  # noqa: F401
    from .renderers import ansi, base, json, log, none, plain  # noqa: F401
