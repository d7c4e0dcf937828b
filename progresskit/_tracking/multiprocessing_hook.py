"""Connect processes that multiprocessing starts to the display of their parent.

`multiprocessing.current_process()._config` is copied to each process object and, except for fork, pickled with it when the
process starts. A `JoinHub` in it costs nothing until then: its pickling asks for the hub, its unpickling makes the new process
a client. `_config` is not a public name: where it is missing, workers behave as they would without this module.
Knows when a tracker is there to be joined. Does not know hubs or sockets.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .tracker import ProgressTracker

    TerminalKey = tuple[object, ...]

KEY = "progresskit"
VARIABLE = "PROGRESSKIT_HUB"
WORKERS = "progresskit.processes.workers"
CAPTURE = "progresskit._display.capture"
_wanted: list[Callable[[], bool]] = []
"""Each says whether processes that start now may join the shared tracker, though none is entered."""
terminal_key: TerminalKey | None = None
"""In a worker, the key of the terminal on which its hub's rows stand."""
is_worker = False
"""Whether this process works for another, which may end it as soon as it has a result."""


class JoinHub:
    """Makes a client of the process that it is unpickled in, or called in.

    Args:
        address: The hub's address; None: that of the process's own hub when the object is pickled.
        terminal: The key of the terminal on which the hub's rows stand; None: on none.
    """

    def __init__(self, address: str | None = None, terminal: TerminalKey | None = None) -> None:
        self._address = address
        self._terminal = terminal

    def __reduce__(self) -> tuple[Any, ...]:
        address, terminal = self._address, self._terminal
        if address is None:
            try:
                from ..renderers.registry import load

                address = load(f"{WORKERS}:address")()
                terminal = load(f"{WORKERS}:rows_terminal")()
            except Exception:  # no sockets, no descriptors: the worker starts all the same
                address = None
        return join, (address, terminal)

    def __call__(self) -> None:
        """Join. What an executor's `initializer` wants."""
        join(self._address, self._terminal)


def join(address: str | None, terminal: TerminalKey | None = None) -> JoinHub:
    """Make this process, and those below it, clients of the hub at `address`, unless they are clients already.

    Args:
        address: The hub's address; None: there is none.
        terminal: The key of the terminal on which the hub's rows stand: what this process writes there goes above them.
    """
    global is_worker
    if address:
        from ..renderers.registry import OWN_HUBS

        if OWN_HUBS.get(address) != os.getpid():
            is_worker = True
            if not os.environ.get(VARIABLE):
                os.environ[VARIABLE] = address
            if terminal is not None:
                capture_words(terminal)
    return JoinHub()


def capture_words(terminal: TerminalKey) -> None:
    """Have what this worker writes to the terminal of that key shown by the hub, above the rows that stand there.

    It goes on to the very end: multiprocessing tells of a worker's error after all exit functions have been called.
    """
    global terminal_key
    terminal_key = terminal  # workers of this one are told of it
    try:
        from ..renderers.registry import load

        if load(f"{CAPTURE}:capture_worker")(terminal):
            load("progresskit.processes._numbers:send_before_results")()
    except Exception:  # a display's trouble is not the worker's
        pass


class _ImportFinder:
    """Stands among the finders of modules until multiprocessing is imported; finds nothing itself."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        # Its own modules are looked for when `process`, the first of them, is there.
        if name.startswith("multiprocessing.") and "multiprocessing.reduction" in (name, *sys.modules):
            _remove_finder()
            _install()


_finder = _ImportFinder()


def _remove_finder() -> None:
    try:
        sys.meta_path.remove(_finder)  # type: ignore[arg-type]  # a finder that finds nothing
    except ValueError:
        pass


def _config() -> Any:
    """Return what multiprocessing hands to each child; None where there is no such thing."""
    process = sys.modules.get("multiprocessing.process")
    config = getattr(getattr(process, "_current_process", None), "_config", None)
    return config if isinstance(config, dict) else None


def _install() -> None:
    config = _config()
    if config is None:
        return
    from ..renderers.registry import load

    load(f"{WORKERS}:address")  # whose hooks see the forks
    config.setdefault(KEY, JoinHub())


def allow_joining(wanted: Callable[[], bool]) -> None:
    """Let processes that start from here on join the tracker that this process shares, where `wanted()` holds when they start."""
    if wanted not in _wanted:
        _wanted.append(wanted)
        _expect()


def disallow_joining(wanted: Callable[[], bool]) -> None:
    """Undo `allow_joining`. Processes that have joined stay."""
    if wanted in _wanted:
        _wanted.remove(wanted)


def is_wanted() -> bool:
    """Whether a process that starts now may join, though no tracker is entered."""
    return any(wanted() for wanted in _wanted)


def _expect() -> None:
    """Give processes that start from here on the address of the hub."""
    if "multiprocessing.process" in sys.modules:
        _install()
    elif _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)  # type: ignore[arg-type]  # see above


def on_enter(tracker: ProgressTracker) -> None:
    """Let processes that start from here on join `tracker`, which was entered, and move the running ones to it."""
    try:
        _expect()
        if WORKERS in sys.modules:
            sys.modules[WORKERS].move(tracker)
    except Exception:  # a display's trouble is not the job's
        pass


def on_exit(tracker: ProgressTracker, others: list[ProgressTracker]) -> None:
    """Show what the workers of `tracker`, which is about to end, have sent. `others` are still entered, the last one last."""
    try:
        if not others and not _wanted:
            _remove_finder()
            config = _config()
            if config is not None:
                config.pop(KEY, None)
        if WORKERS in sys.modules:
            sys.modules[WORKERS].detach(tracker, others)
    except Exception:
        pass
