"""Names that are imported on first use, and the names that a layer needs from a layer above it.

Imports go down only, and a program that shows nothing should not import the modules that draw. Only this module names
objects of upper layers for lower ones: the ticker, captures, hubs, the live page. (The renderers' registry has its own
table, `BUILTIN`; each package's `__init__` lists its public names.) Knows how to import a name. Does not know how it is
used.
"""

from __future__ import annotations

import sys
from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

TICKER = "progresskit._display.process_hooks:TICKER"
"""The process's ticker."""
PROCESS_HOOKS = "progresskit._display.process_hooks"
"""The module with the hooks of a fork."""
CAPTURE = "progresskit._display.capture:Capture"
"""Captures a stream."""
CAPTURE_WORKER = "progresskit._display.capture:capture_worker"
"""Sends a worker's output to its hub."""
DRAWS_ON = "progresskit._display.terminal_keys:draws_on"
"""Tells whether a tracker draws on the terminal or file that a stream is."""
WRITE_LINES = "progresskit._display.direct_lines:write_lines"
"""Writes lines to a tracker's stream itself."""
WRITE_AT_ONCE = "progresskit._display.direct_lines:write_at_once"
"""Writes one line to a tracker's stream itself, if that needs no waiting."""
PLACE_IN_CELL = "progresskit._display.notebook_cells:place"
"""Notes which cell of a notebook a task belongs to."""
WRITE_IN_CELL = "progresskit._display.notebook_cells:write_lines"
"""Writes lines to a notebook's cell from the thread that prints them."""
PAGE_ADDRESS, SERVE_PAGE = "progresskit._display.web.live:address", "progresskit._display.web.live:serve"
"""Reads the address of the live page, and serves it."""
SERVE_PAGE_AS_ASKED = "progresskit._display.web.live:serve_as_asked"
"""Serves the live page at the address in the environment."""
REDUCE_TASK = "progresskit.processes._handles:reduce"
"""Pickles a task for a worker."""
HUB_ADDRESS, ROWS_TERMINAL = "progresskit.processes.workers:address", "progresskit.processes.workers:rows_terminal"
"""Return the address of the process's own hub, and the terminal that has its rows."""
SHOWS_WORKERS = "progresskit.processes.workers:shows_workers"
"""Tells whether this process shows the tasks of workers that start now though it has entered no tracker."""
CATCH_UP_WITH_WORKERS = "progresskit.processes._host:catch_up"
"""Delivers what workers have sent."""
NOTE_UNSEEN, FLUSH_NUMBERS = "progresskit.processes._numbers:note_unseen", "progresskit.processes._numbers:flush"
"""Report a task that no frame has shown to a hub, and send all pending reports."""
SEND_BEFORE_RESULTS = "progresskit.processes._numbers:send_before_results"
"""Makes a worker send its output before its results."""
NOTE_UNSEEN_IN_FOLDER = "progresskit.processes._folder:note_unseen"
"""Reports a task that no frame has shown to the readers of a folder."""
RECORDED = "progresskit.processes._folder:Recorded"
"""A renderer whose frames are written to a folder as well."""


def _is_being_imported(module: Any) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def is_imported_elsewhere() -> bool:
    """Return whether another thread imports a module of this package or of an adapter at this moment.

    A child that is forked meanwhile would wait for ever for the lock of the module, which only that thread lets go of. Only the
    interpreter's own table has these locks; it is nearly always empty. False where an interpreter has no such table.
    """
    locks = getattr(sys.modules.get("_frozen_importlib"), "_module_locks", None) or {}
    mine = get_ident()
    for name, reference in list(locks.items()):
        if name.startswith("progresskit"):
            owner = getattr(reference(), "owner", None)
            if owner is not None and owner != mine:
                return True
    return False


def whole(module: Any) -> Any:
    """Return `module`, which has just been imported.

    Raises:
        ImportError: this thread has interrupted the import of the module, as a signal handler may: some names are
            missing. (`import` waits for another thread that imports it.)
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

    with signals_blocked():  # a signal's handler that uses tasks would find an incomplete module
        return getattr(__import__(module, fromlist=(name,)), name)


def attribute(package: str, homes: Mapping[str, str], name: str) -> Any:
    """Return the attribute `name` of `package` from the module that `homes` gives for it.

    Args:
        package: The package's name.
        homes: Public name -> the module that defines it, in full.
        name: The name of the attribute.

    Raises:
        AttributeError: the package has no such name.
        ImportError: this thread has interrupted the import of the module, as a signal handler may.

    Example:
        >>> attribute("progresskit", {"State": "progresskit._model.states"}, "State")
        <class 'str'>
    """
    home = homes.get(name)
    if home is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    # Importing `importlib` would take some hundreds of microseconds.
    return getattr(whole(__import__(home, fromlist=(name,))), name)
