"""Connect processes that multiprocessing, or another package with its modules, starts to the display of their parent.

`multiprocessing.current_process()._config` is copied to each process object and, except for fork, pickled with it when the
process starts. A `JoinHub` in it costs nothing until then: its pickling asks for the hub, its unpickling makes the new process
a client. `_config` is not a public name: where it is missing, workers behave as they would without this module.
Knows when there is a tracker to join. Does not know what a tracker is, or hubs and sockets.
"""

from __future__ import annotations

import os
import sys

from .._system.lazy import (
    CAPTURE_WORKER,
    CATCH_UP_WITH_WORKERS,
    HUB_ADDRESS,
    PROCESS_HOOKS,
    ROWS_TERMINAL,
    SEND_BEFORE_RESULTS,
    load,
)
from .._system.platform import HAS_FORK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType
    from typing import Any

    TerminalKey = tuple[object, ...]

KEY = "progresskit"
PACKAGES = ("multiprocessing", "multiprocess", "billiard")
"""The standard library's package and its copies under other names, with the same modules: for dill, and Celery's."""
VARIABLE = "PROGRESSKIT_HUB"
HOST = CATCH_UP_WITH_WORKERS.partition(":")[0]
FORK = "popen_fork"
"""The module of multiprocessing, and of its copies, whose forks start workers."""
_wanted: list[Callable[[], bool]] = []
"""Functions that return whether processes that start now may join the shared tracker although no tracker is entered."""
terminal_key: TerminalKey | None = None
"""In a worker, the key of the terminal that shows its hub's rows; None if none does, and outside of workers."""
is_worker = False
"""Whether this process is a worker, which its parent may kill as soon as it has a result."""
first_loop: Callable[[Any, object, object], Any] | None = None
"""In a worker that was forked and has shown nothing yet, makes the iterator of its first loop, and in the process that forks workers
returns None; see `brief_loop`."""


class JoinHub:
    """Makes the process that unpickles or calls it a client of a hub.

    Args:
        address: The hub's address; None takes that of the process's own hub when the object is pickled.
        terminal: The key of the terminal that shows the hub's rows; None if none does.
    """

    def __init__(self, address: str | None = None, terminal: TerminalKey | None = None) -> None:
        self._address = address
        self._terminal = terminal

    def __reduce__(self) -> tuple[Any, ...]:
        address, terminal = self._address, self._terminal
        if address is None:
            try:
                address = load(HUB_ADDRESS)()
                terminal = load(ROWS_TERMINAL)()
            except Exception:  # no sockets or descriptors left: the worker starts without a hub
                address = None
        if address is None:
            return type(None), ()  # the worker need not import this
        return join, (address, terminal)

    def __call__(self) -> None:
        """Join the hub, as the `initializer` of an executor."""
        join(self._address, self._terminal)


def join(address: str | None, terminal: TerminalKey | None = None) -> JoinHub:
    """Make this process, and those below it, clients of the hub at `address`, unless they are clients already.

    Args:
        address: The hub's address; None if there is no hub.
        terminal: The key of the terminal that shows the hub's rows, above which the hub prints this process's output;
            None if none does.
    """
    global is_worker
    if address:
        from .._system.job import OWN_HUBS

        if OWN_HUBS.get(address) != os.getpid():
            is_worker = True
            if not os.environ.get(VARIABLE):
                os.environ[VARIABLE] = address
            if terminal is not None:
                capture_words(terminal)
    return JoinHub()


def capture_words(terminal: TerminalKey) -> None:
    """Send this worker's output on the terminal with the key `terminal` to the hub, which prints it above its rows.

    Capturing never stops: multiprocessing prints a worker's error after it has called all exit functions.
    """
    global terminal_key
    terminal_key = terminal  # for workers of this worker
    try:
        if load(CAPTURE_WORKER)(terminal):
            load(SEND_BEFORE_RESULTS)()
    except Exception:  # an error of the display must not reach the worker
        pass


class _ImportFinder:
    """An import finder that finds nothing: it calls `_install` when one of `PACKAGES` is imported."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        package, _, module = name.partition(".")
        # The package's `process` is imported before its other modules are searched for.
        if module and package in PACKAGES and f"{package}.reduction" in (name, *sys.modules):
            _install()


_finder = _ImportFinder()


def _remove_finder() -> None:
    try:
        sys.meta_path.remove(_finder)  # type: ignore[arg-type]  # a finder that finds nothing
    except ValueError:
        pass


def loaded(module: str) -> list[Any]:
    """Return the module `module` of each of `PACKAGES` that has imported it."""
    names = [f"{package}.{module}" for package in PACKAGES]
    return [sys.modules[name] for name in names if sys.modules.get(name) is not None]


def is_child_of(process: Any) -> bool:
    """Return whether the package with the module `process` has started this process."""
    if hasattr(process, "parent_process"):
        return process.parent_process() is not None
    return getattr(getattr(process, "_current_process", None), "_parent_pid", None) is not None  # billiard


def _configs() -> list[Any]:
    """Return the dictionaries that `PACKAGES` copy to each child."""
    configs = [getattr(getattr(each, "_current_process", None), "_config", None) for each in loaded("process")]
    return [config for config in configs if isinstance(config, dict)]


def _install() -> None:
    global sees_forks
    configs = _configs()
    for config in configs:
        if config.get(KEY) is None:  # in a worker that was to join none, None
            config[KEY] = JoinHub()
    if configs and HAS_FORK and not sees_forks:
        sees_forks = True
        os.register_at_fork(before=_before_fork)


sees_forks = False
"""Whether a hook runs before each fork: `_before_fork`, or those of `process_hooks`, which need no other one where they were first."""


def starts_worker(frame: FrameType | None) -> bool:
    """Return whether `frame`, which forks, does it for multiprocessing. Between them are functions that replace `os.fork`: gevent's."""
    while frame is not None:
        package, _, module = str(frame.f_globals.get("__name__")).partition(".")
        if package in PACKAGES:  # in a worker, the function that has called a job which forks
            return module == FORK
        frame = frame.f_back
    return False


def load_workers() -> None:
    """Load what prepares workers for a fork, if the caller is about to fork one that may join a hub. If another thread is just loading
    it, this waits.

    Most programs that import multiprocessing start no worker, and would load that for nothing.
    """
    global _has_loaded
    if (
        not _has_loaded
        and any(config.get(KEY) is not None for config in _configs())
        and starts_worker(sys._getframe(1))
    ):
        try:
            load(HUB_ADDRESS)
            _has_loaded = True
        except Exception:  # an error of the display must not keep the worker from starting
            pass


_has_loaded = False


def _before_fork() -> None:
    """Load what a fork needs, and call its hook if the interpreter does not: it calls those that were there when the fork began.

    Registered first, this hook is called last.
    """
    is_interrupted = False
    try:
        load_workers()
    except KeyboardInterrupt:  # as soon as all was loaded
        is_interrupted = True
    if PROCESS_HOOKS in sys.modules:
        hooks: Any = __import__(PROCESS_HOOKS, fromlist=("",))  # waits for another thread that imports it
        if not getattr(hooks, "is_forking", bool)():  # this thread itself may be importing it
            getattr(hooks, "before_any_fork", bool)()
    if is_interrupted:
        from .._system import interrupts

        interrupts.raise_after_fork()


def allow_joining(wanted: Callable[[], bool]) -> None:
    """Let processes that start from now on join the shared tracker, if `wanted()` is true when they start."""
    if wanted not in _wanted:
        _wanted.append(wanted)
        _expect()


def disallow_joining(wanted: Callable[[], bool]) -> None:
    """Undo `allow_joining`. Processes that have joined remain clients."""
    if wanted in _wanted:
        _wanted.remove(wanted)


def is_wanted() -> bool:
    """Return whether a process that starts now may join although no tracker is entered."""
    return any(wanted() for wanted in _wanted)


def _expect() -> None:
    """Give processes that start from now on the address of the hub."""
    _install()
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)  # type: ignore[arg-type]  # see above


def on_enter(tracker: object) -> None:
    """Let later processes join `tracker`, which was entered, and move the running ones to it."""
    try:
        _expect()
        if HOST in sys.modules:
            sys.modules[HOST].move(tracker)
    except Exception:  # an error of the display must not reach the job
        pass


def on_exit(tracker: object, entered: Sequence[object]) -> None:
    """Show what the workers of `tracker` have sent, because it is about to end.

    `entered` are the trackers that are still entered, the latest last. Other threads change the list.
    """
    try:
        if not entered and not _wanted:
            _remove_finder()
            for config in _configs():
                config.pop(KEY, None)
            if entered:  # another thread has entered one meanwhile
                _expect()
        if HOST in sys.modules:
            sys.modules[HOST].detach(tracker)
    except Exception:
        pass
