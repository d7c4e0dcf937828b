"""Claims about programs in which several threads fork, and enter and end trackers of their own."""

from __future__ import annotations

import multiprocessing.process
import sys
import threading
from typing import TYPE_CHECKING, Any

from progresskit import ProgressTracker
from progresskit._display import forked_child, process_hooks
from progresskit._system.lazy import load
from progresskit._tracking import multiprocessing_hook
from progresskit._tracking.joining import shared_tracker
from progresskit.processes import workers

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def elsewhere(call: Callable[[], Any]) -> Any:
    """Return the result of `call` in another thread."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(call()), daemon=True)
    thread.start()
    thread.join(60)
    assert found, "it waits for ever"
    return found[0]


def enters_fork() -> bool:
    """Return whether this thread may prepare a fork now."""
    if process_hooks._forking.acquire(blocking=False):
        process_hooks._forking.release()
        return True
    return False


def test_one_fork_at_a_time() -> None:
    """What the hooks have prepared for a thread's fork is not overwritten by another thread's before that fork is over."""
    process_hooks._before_fork()
    try:
        assert not elsewhere(enters_fork)
    finally:
        process_hooks._after_in_parent()
    assert elsewhere(enters_fork)


def test_no_lock_to_inherit_from_settling() -> None:
    """A process that forks does not take the lock of its children's settling: a child that is forked meanwhile would wait for ever."""
    with forked_child._lock:
        elsewhere(forked_child.settle)


def test_trackers_that_end_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tracker that ends does not give its workers to one that has ended meanwhile in another thread."""
    first, second = ProgressTracker("none"), ProgressTracker("none")
    catch_up = workers._Host.catch_up

    def end_first(host: Any) -> None:
        catch_up(host)
        elsewhere(first.stop)

    elsewhere(first.start)
    second.start()
    host = workers._hosting()
    host.move(second)
    monkeypatch.setattr(workers._Host, "catch_up", end_first)
    second.stop()
    assert host.tracker is shared_tracker()


def test_entered_while_another_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that start later join a tracker that one thread has entered while another one ended its own."""
    load(multiprocessing_hook.WORKERS + ":address")
    # With `progresskit.tqdm` imported, processes may join although no tracker is entered.
    monkeypatch.setattr(multiprocessing_hook, "_wanted", [])
    first, second = ProgressTracker("none"), ProgressTracker("none")
    configs = multiprocessing_hook._configs

    def enter_second() -> list[Any]:
        monkeypatch.setattr(multiprocessing_hook, "_configs", configs)
        elsewhere(second.start)
        return configs()

    first.start()
    monkeypatch.setattr(multiprocessing_hook, "_configs", enter_second)
    first.stop()
    config: dict[str, Any] = multiprocessing.process.current_process()._config  # type: ignore[attr-defined]
    assert multiprocessing_hook.KEY in config
    assert multiprocessing_hook._finder in sys.meta_path
    second.stop()
    assert multiprocessing_hook.KEY not in config
