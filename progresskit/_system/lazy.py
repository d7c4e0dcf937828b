"""Names that are imported when they are first asked for, and those that a floor needs of a floor above it.

Imports go down only, and a program that shows nothing should not import what draws. Here alone lower floors name what stands
above them: the ticker that draws them, captures, hubs, the live page. (The renderers' registry has its table, `BUILTIN`; each
package's `__init__` lists its public names.) Knows how to import a name. Does not know what is done with it.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

TICKER = "progresskit._display.process_hooks:TICKER"
"""The process's ticker."""
CAPTURE = "progresskit._display.capture:Capture"
"""Captures a stream."""
CAPTURE_WORKER = "progresskit._display.capture:capture_worker"
"""Sends a worker's words to its hub."""
DRAWS_ON = "progresskit._display.terminal_keys:draws_on"
"""Tells whether a tracker draws on the terminal or file that a stream is."""
WRITE_LINES = "progresskit._display.direct_lines:write_lines"
"""Writes lines to a tracker's stream itself."""
WRITE_AT_ONCE = "progresskit._display.direct_lines:write_at_once"
"""The same for one line, where nobody has to be waited for."""
PLACE_IN_CELL = "progresskit._display.notebook_cells:place"
"""Notes which cell of a notebook a task belongs to."""
WRITE_IN_CELL = "progresskit._display.notebook_cells:write_lines"
"""Writes lines to a notebook's cell from the thread that prints them."""
EXPECT_WORKERS_IN_CELL = "progresskit._display.notebook_cells:expect_workers"
"""Tells whether a notebook's cell shows the tasks of workers that start now."""
PAGE_ADDRESS, SERVE_PAGE = "progresskit._display.web.live:address", "progresskit._display.web.live:serve"
"""Reads the address of the live page, and serves it."""
SERVE_PAGE_AS_ASKED = "progresskit._display.web.live:serve_as_asked"
"""Serves the live page where the environment says."""
REDUCE_TASK = "progresskit.processes.workers:reduce"
"""Pickles a task for a worker."""
HUB_ADDRESS, ROWS_TERMINAL = "progresskit.processes.workers:address", "progresskit.processes.workers:rows_terminal"
"""Return the address of the process's own hub, and the terminal that has its rows."""
CATCH_UP_WITH_WORKERS = "progresskit.processes.workers:catch_up"
"""Delivers what workers have sent."""
NOTE_UNSEEN, FLUSH_NUMBERS = "progresskit.processes._numbers:note_unseen", "progresskit.processes._numbers:flush"
"""Tell a hub of a task that no frame has shown, and send it what it has not been told."""
SEND_BEFORE_RESULTS = "progresskit.processes._numbers:send_before_results"
"""Has a worker's words sent before its results."""
NOTE_UNSEEN_IN_FOLDER = "progresskit.processes._folder:note_unseen"
"""Tells the readers of a folder of a task that no frame has shown."""
RECORDED = "progresskit.processes._folder:Recorded"
"""A renderer whose frames are written to a folder as well."""


def _is_being_imported(module: Any) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def whole(module: Any) -> Any:
    """Return `module`, which has just been imported.

    Raises:
        ImportError: this thread has interrupted the module's own import, as the handler of a signal does: its names are not
            all there. (Another thread that imports it is waited for by `import`.)
    """
    if _is_being_imported(module):
        raise ImportError(f"{module.__name__} is being imported")
    return module


def load(path: str) -> Any:
    """Return what `module:attribute` names.

    Example:
        >>> load("progresskit._model.states:State")
        <class 'str'>
    """
    module, _, name = path.partition(":")
    found = sys.modules.get(module)
    if found is not None and not _is_being_imported(found):
        return getattr(found, name)
    if found is not None or not module.startswith("progresskit."):
        return getattr(__import__(module, fromlist=(name,)), name)
    from .threads import signals_blocked

    with signals_blocked():  # a signal's handler may use tasks: it would find half a module
        return getattr(__import__(module, fromlist=(name,)), name)


def attribute(package: str, homes: Mapping[str, str], name: str) -> Any:
    """Return the attribute `name` of `package` from the module that `homes` gives for it.

    Args:
        package: The package's name.
        homes: Public name -> the module that defines it, in full.
        name: What was asked for.

    Raises:
        AttributeError: the package has no such name.
        ImportError: this thread has interrupted the module's own import, as the handler of a signal does.

    Example:
        >>> attribute("progresskit", {"State": "progresskit._model.states"}, "State")
        <class 'str'>
    """
    home = homes.get(name)
    if home is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    # `importlib` would cost some hundreds of microseconds that nothing else here needs.
    return getattr(whole(__import__(home, fromlist=(name,))), name)
