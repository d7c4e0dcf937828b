"""The compared libraries, used as their documentation shows: iteration, updates, many bars.

Knows their calls. Does not know how they are measured. A feature that a library lacks is None. Each library is imported
where it is used; one that is not installed is left out with a message.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

TOTAL = 900_000
"""Units of each bar. From a million on, a row shows three digits and hides most movements."""
Update = Callable[[], object]
Read = Callable[[], int | None]
Manual = tuple[Update, Read, Callable[[], object]]
"""Functions that advance a bar by one, read its count, and close it."""


class Peer(NamedTuple):
    """One library."""

    name: str
    module: str  # the module that users import
    iterate: Callable[[Iterable[Any], int], Iterable[Any]]
    manual: Callable[[int], Manual] | None
    bars: Callable[[int], tuple[Callable[[], None], Callable[[], object]]] | None

    @property
    def version(self) -> str | None:
        """Its version; None if it is not installed."""
        try:
            return version(self.name)
        except PackageNotFoundError:
            return None


# progresskit


def ours_iterate(items: Iterable[Any], total: int) -> Iterable[Any]:
    from progresskit import track

    return track(items, "items", total=total)


def ours_manual(total: int) -> Manual:
    from progresskit import ProgressTracker

    tracker = ProgressTracker()
    task = tracker.add_task("items", total)

    def close() -> None:
        task.finish()
        tracker.stop()

    return task.advance, lambda: int(task.completed), close


class Still:
    """A ticker that never samples: tasks move and are never drawn."""

    def attach(self, tracker: Any) -> None: ...
    def wake(self) -> None: ...
    def flush_soon(self) -> None: ...
    def detach(self, tracker: Any) -> None: ...


def undrawn_bars(count: int) -> tuple[Callable[[], None], Callable[[], object]]:
    """Return progresskit without sampling: the control of its renderers."""
    from progresskit import ProgressTracker

    tracker = ProgressTracker("none", ticker=Still())
    tasks = [tracker.add_task(f"task number {number}", TOTAL) for number in range(count)]

    def advance() -> None:
        for task in tasks:
            task.advance(7)

    return advance, tracker.stop


def ours_bars(renderer: str) -> Callable[[int], tuple[Callable[[], None], Callable[[], object]]]:
    def bars(count: int) -> tuple[Callable[[], None], Callable[[], object]]:
        from progresskit import ProgressTracker

        tracker = ProgressTracker(renderer)
        tasks = [tracker.add_task(f"task number {number}", TOTAL) for number in range(count)]

        def advance() -> None:
            for task in tasks:
                task.advance(7)

        return advance, tracker.stop

    return bars


# tqdm


def tqdm_iterate(items: Iterable[Any], total: int) -> Iterable[Any]:
    from tqdm import tqdm

    return tqdm(items, "items", total)


def tqdm_manual(total: int) -> Manual:
    from tqdm import tqdm

    bar = tqdm(total=total)
    return bar.update, lambda: int(bar.n), bar.close


def tqdm_bars(count: int) -> tuple[Callable[[], None], Callable[[], object]]:
    from tqdm import tqdm

    made = [tqdm(total=TOTAL, desc=f"task number {number}", position=number) for number in range(count)]

    def advance() -> None:
        for bar in made:
            bar.update(7)

    return advance, lambda: None


# rich


def rich_iterate(items: Iterable[Any], total: int) -> Iterable[Any]:
    from rich.progress import track

    return track(items, "items", total=total)


def rich_manual(total: int) -> Manual:
    from rich.progress import Progress

    progress = Progress()
    progress.start()
    task = progress.add_task("items", total=total)
    return lambda: progress.advance(task), lambda: int(progress.tasks[0].completed), progress.stop


def rich_bars(count: int) -> tuple[Callable[[], None], Callable[[], object]]:
    from rich.progress import Progress

    progress = Progress()
    tasks = [progress.add_task(f"task number {number}", total=TOTAL) for number in range(count)]
    progress.start()

    def advance() -> None:
        for task in tasks:
            progress.advance(task, 7)

    return advance, lambda: None


# alive-progress: one bar at a time


def alive_iterate(items: Iterable[Any], total: int) -> Iterable[Any]:
    from alive_progress import alive_it

    return alive_it(items, total=total)  # type: ignore[no-any-return]


def alive_manual(total: int) -> Manual:
    from alive_progress import alive_bar

    manager = alive_bar(total)
    bar = manager.__enter__()
    return bar, lambda: int(bar.current), lambda: manager.__exit__(None, None, None)


def alive_bars(count: int) -> tuple[Callable[[], None], Callable[[], object]]:
    from alive_progress import alive_bar

    if count > 1:
        raise NotImplementedError("it shows one bar at a time")
    manager = alive_bar(TOTAL, refresh_secs=0.1)  # kept, because the bar ends with its iterator
    bar = manager.__enter__()
    return lambda: bar(7), lambda: manager.__exit__(None, None, None)


# progressbar2


def progressbar_iterate(items: Iterable[Any], total: int) -> Iterable[Any]:
    import progressbar

    return progressbar.progressbar(items, max_value=total)  # type: ignore[no-any-return]


def progressbar_manual(total: int) -> Manual:
    import progressbar

    bar = progressbar.ProgressBar(max_value=total).start()
    return bar.increment, lambda: int(bar.value), bar.finish


def progressbar_bars(count: int) -> tuple[Callable[[], None], Callable[[], object]]:
    import progressbar

    multi = progressbar.MultiBar(fd=sys.stderr)
    made = [multi[f"task number {number}"] for number in range(count)]
    for bar in made:
        bar.max_value = TOTAL
        bar.start()
    multi.start()

    def advance() -> None:
        for bar in made:
            bar.increment(7)

    return advance, lambda: None


# enlighten


def enlighten_iterate(items: Iterable[Any], total: int) -> Iterable[Any]:
    import enlighten

    manager = enlighten.get_manager()
    counter = manager.counter(total=total, desc="items")
    yield from counter(items)
    counter.close()
    manager.stop()


def enlighten_manual(total: int) -> Manual:
    import enlighten

    manager = enlighten.get_manager()
    counter = manager.counter(total=total)
    return counter.update, lambda: int(counter.count), manager.stop


def enlighten_bars(count: int) -> tuple[Callable[[], None], Callable[[], object]]:
    import enlighten

    manager = enlighten.get_manager()
    made = [manager.counter(total=TOTAL, desc=f"task number {number}") for number in range(count)]

    def advance() -> None:
        for counter in made:
            counter.update(7)

    return advance, lambda: None


# atpbar: loops only


def atpbar_iterate(items: Iterable[Any], total: int) -> Iterable[Any]:
    from atpbar import atpbar

    class Sized:  # it wants a length
        def __len__(self) -> int:
            return total

        def __iter__(self) -> Any:
            return iter(items)

    return atpbar(Sized(), name="items")  # type: ignore[no-any-return]


OURS = Peer("progresskit", "progresskit", ours_iterate, ours_manual, ours_bars("ansi"))
PEERS = (
    Peer("tqdm", "tqdm", tqdm_iterate, tqdm_manual, tqdm_bars),
    Peer("rich", "rich.progress", rich_iterate, rich_manual, rich_bars),
    Peer("alive-progress", "alive_progress", alive_iterate, alive_manual, alive_bars),
    Peer("progressbar2", "progressbar", progressbar_iterate, progressbar_manual, progressbar_bars),
    Peer("enlighten", "enlighten", enlighten_iterate, enlighten_manual, enlighten_bars),
    Peer("atpbar", "atpbar", atpbar_iterate, None, None),
)


def installed() -> tuple[Peer, ...]:
    """Return progresskit and the installed libraries; name the missing ones on standard error."""
    for peer in PEERS:
        if peer.version is None:
            print(f"{peer.name} is not installed and is left out", file=sys.stderr)
    return (OURS, *(peer for peer in PEERS if peer.version is not None))


def load(peers: Iterable[Peer]) -> None:
    """Import them all, so that no figure includes an import."""
    for peer in peers:
        importlib.import_module(peer.module)
