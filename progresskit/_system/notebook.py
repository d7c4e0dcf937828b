"""Whether this process is a notebook's kernel, and which of its cells runs.

Knows IPython if the program has imported it, and imports nothing. Does not know renderers.
"""

from __future__ import annotations

import os
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KERNELS = frozenset(("ipykernel", "pyodide_kernel", "xeus_python_shell"))
"""Packages whose streams lead to the cell that runs."""
_POOLS = ("ThreadPoolExecutor", "asyncio_", "subshell-")
"""Beginnings of the names of threads that work for any caller."""
_own = threading.local()


def kernel_shell() -> Any:
    """Return IPython's shell, if it runs in a kernel, whose displays are a notebook's; None elsewhere, as in a process that was
    forked from a kernel: it has no part in the kernel's messages."""
    get = getattr(sys.modules.get("IPython"), "get_ipython", None)
    try:
        shell = get() if get is not None else None
        kernel = getattr(shell, "kernel", None)
        own = kernel is not None and getattr(getattr(kernel, "session", None), "pid", None) in (None, os.getpid())
        return shell if own else None
    except Exception:  # an IPython that is only half imported, or a module of that name
        return None


def is_cell_stream(stream: object) -> bool:
    """Return whether `stream` leads to a notebook's cell by the kernel's own means."""
    return type(stream).__module__.partition(".")[0] in KERNELS and kernel_shell() is not None


def running_cell(shell: Any, *, now: bool = False) -> str:
    """Return what tells the run of a cell in which this thread works from all others.

    A kernel knows only the cell that runs now. A thread that goes on beyond its cell belongs to the one in which
    it was first seen; a pool's thread works for whoever asks.

    Args:
        shell: IPython's shell.
        now: Whether the cell that runs now is asked for, whatever this thread belongs to.
    """
    thread = threading.current_thread()
    is_own = not now and thread is not threading.main_thread() and not thread.name.startswith(_POOLS)
    cell: str | None = getattr(_own, "cell", None) if is_own else None
    if cell is None:
        try:
            cell = str(shell.get_parent()["header"]["msg_id"])
        except Exception:  # a kernel that has no messages
            cell = str(getattr(shell, "execution_count", ""))
        if is_own:
            _own.cell = cell
    return cell
