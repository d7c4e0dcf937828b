"""Invitations: how a process that multiprocessing starts learns of the display that it belongs to.

What lies in the current process's `_config` is copied to each process object and, but for fork, pickled with it when the
process starts: an invitation there costs nothing until then. Its pickling asks for the hub, its unpickling makes a client
of the new process. `_config` is no public name: where it is missing, workers are as they are without us.
Knows when a tracker is there to be joined. Must not know hubs or sockets.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._tracking.tracker import ProgressTracker

KEY = "progresskit"
VARIABLE = "PROGRESSKIT_HUB"
WORKERS = "progresskit.processes.workers"
joined = False
"""Whether this process works for another, which may end it as soon as it has a result."""


class JoinHub:
    """Makes a client of the process that it is unpickled in, or called in.

    Args:
        address: The hub's address; None: that of the process's own hub when the invitation is pickled.
    """

    def __init__(self, address: str | None = None) -> None:
        self._address = address

    def __reduce__(self) -> tuple[Any, ...]:
        address = self._address
        if address is None:
            try:
                from ..renderers.registry import load

                address = load(f"{WORKERS}:address")()
            except Exception:  # no sockets, no descriptors: the worker starts all the same
                address = None
        return join, (address,)

    def __call__(self) -> None:
        """Join. What an executor's `initializer` wants."""
        join(self._address)


def join(address: str | None) -> JoinHub:
    """Make this process, and those below it, clients of the hub at `address`, unless they are clients already."""
    global joined
    if address:
        from ..renderers.registry import OWN_HUBS

        if OWN_HUBS.get(address) != os.getpid():
            joined = True
            if not os.environ.get(VARIABLE):
                os.environ[VARIABLE] = address
    return JoinHub()


class _Watch:
    """Stands among the finders of modules until multiprocessing is imported; finds nothing itself."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        # Its own modules are looked for when `process`, the first of them, is there.
        if name.startswith("multiprocessing.") and "multiprocessing.reduction" in (name, *sys.modules):
            _unwatch()
            _invite()


_watch = _Watch()


def _unwatch() -> None:
    try:
        sys.meta_path.remove(_watch)  # type: ignore[arg-type]  # a finder that finds nothing
    except ValueError:
        pass


def _config() -> Any:
    """Return what multiprocessing hands to each child; None where there is no such thing."""
    process = sys.modules.get("multiprocessing.process")
    config = getattr(getattr(process, "_current_process", None), "_config", None)
    return config if isinstance(config, dict) else None


def _invite() -> None:
    config = _config()
    if config is None:
        return
    from ..renderers.registry import load

    load(f"{WORKERS}:address")  # whose hooks see the forks
    config.setdefault(KEY, JoinHub())


def opened(tracker: ProgressTracker) -> None:
    """`tracker` has been entered: processes that start from here on are invited, and those that are there move to it."""
    try:
        if "multiprocessing.process" in sys.modules:
            _invite()
        elif _watch not in sys.meta_path:
            sys.meta_path.insert(0, _watch)  # type: ignore[arg-type]  # see above
        if WORKERS in sys.modules:
            sys.modules[WORKERS].move(tracker)
    except Exception:  # a display's trouble is not the job's
        pass


def closing(tracker: ProgressTracker, others: list[ProgressTracker]) -> None:
    """`tracker` is about to end: show what its workers have sent. `others` are still entered, the last one last."""
    try:
        if not others:
            _unwatch()
            config = _config()
            if config is not None:
                config.pop(KEY, None)
        if WORKERS in sys.modules:
            sys.modules[WORKERS].part(tracker, others)
    except Exception:
        pass
