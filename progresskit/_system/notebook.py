"""Whether this process is a notebook's kernel, and which of its cells runs.

Uses IPython if the program has imported it, and does not import it. Does not know renderers.
"""

from __future__ import annotations

import os
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KERNELS = frozenset(("ipykernel", "pyodide_kernel", "xeus_python_shell", "spyder_kernels"))
"""Packages whose streams lead to the cell that runs."""
_NO_TERMINALS = frozenset(("idlelib", "spyder_kernels"))
"""Packages whose streams claim to be terminals, but show escape sequences as text."""
_APPENDING = ("jupyter-console", "jupyter-qtconsole", "jupyter-run")
"""Programs that start a kernel and write each output below the last: they show only the first picture of a display."""
_POOLS = ("ThreadPoolExecutor", "asyncio_", "subshell-", "IO loop")
"""Prefixes of the names of threads that work for any caller. `IO loop` is the thread in which a Dask client receives
from its scheduler."""
_own = threading.local()


def kernel_shell() -> Any:
    """Return IPython's shell if it runs in a kernel, so that displays go to a notebook; else None. A process that was
    forked from a kernel returns None, because it cannot send the kernel's messages."""
    get = getattr(sys.modules.get("IPython"), "get_ipython", None)
    try:
        shell = get() if get is not None else None
        kernel = getattr(shell, "kernel", None)
        own = kernel is not None and getattr(getattr(kernel, "session", None), "pid", None) in (None, os.getpid())
        return shell if own else None
    except Exception:  # IPython is not fully imported, or another module has that name
        return None


def is_cell_stream(stream: object) -> bool:
    """Return whether `stream` is a kernel's stream to a notebook's cell."""
    return type(stream).__module__.partition(".")[0] in KERNELS and kernel_shell() is not None


def is_no_terminal(stream: object) -> bool:
    """Return whether `stream` leads to a window that is not a terminal although its `isatty` may return True: IDLE's or
    Spyder's."""
    return type(stream).__module__.partition(".")[0] in _NO_TERMINALS


def replaces_outputs() -> bool:
    """Return whether the front end replaces the output of a display, as notebooks do and consoles do not.

    A kernel does not know its front end, so the program that has started the kernel decides.
    """
    starter = os.environ.get("JPY_PARENT_PID", "")
    if starter not in _starters:
        _starters[starter] = not _is_appending(starter)
    return _starters[starter] and "spyder_kernels" not in sys.modules


_starters: dict[str, bool] = {}


def _is_appending(pid: str) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = os.fsdecode(file.read()).split("\0")
    except OSError:  # not Linux, or not a known program
        return False
    return any(os.path.basename(word) in _APPENDING for word in words[:2])


def capturing_widgets() -> list[Any]:
    """Return the `Output` widgets of ipywidgets that capture what cells show now; none where the program has not imported it.

    The front end passes a cell's messages to such a widget. The widget adds displays and replaces none.
    """
    outputs = getattr(sys.modules.get("ipywidgets.widgets.widget_output"), "Output", None)
    if outputs is None:
        return []
    module: Any = sys.modules.get("ipywidgets.widgets.widget")
    instances = getattr(module, "_instances", None)
    if instances is None:  # ipywidgets 7
        instances = getattr(getattr(module, "Widget", None), "widgets", {})
    return [widget for widget in list(instances.values()) if isinstance(widget, outputs) and widget.msg_id]


def output_place(cell: str) -> str:
    """Return what tells the place of the output of `cell` from others: the cell, and the widgets that capture its output now.

    Example:
        >>> output_place("a1")
        'a1'
    """
    return "".join([cell, *(f" {widget.model_id}" for widget in capturing_widgets() if widget.msg_id == cell)])


def running_cell(shell: Any, *, now: bool = False) -> str:
    """Return the identity of the cell run for which this thread works.

    A kernel knows only the running cell. A thread that continues after its cell belongs to the cell in which it was
    first seen; a pool's thread belongs to the running cell.

    Args:
        shell: IPython's shell.
        now: Whether to return the running cell, whichever cell this thread belongs to.
    """
    thread = threading.current_thread()
    is_own = not now and thread is not threading.main_thread() and not thread.name.startswith(_POOLS)
    cell: str | None = getattr(_own, "cell", None) if is_own else None
    if cell is None:
        try:
            cell = str(shell.get_parent()["header"]["msg_id"])
        except Exception:  # a kernel without messages
            cell = str(getattr(shell, "execution_count", ""))
        if is_own:
            _own.cell = cell
    return cell
