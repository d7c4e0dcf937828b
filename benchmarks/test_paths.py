"""The questions about one item and one call, on pytest-benchmark: `make bench-pytest`, or `pytest benchmarks --benchmark-only`.

Not in the default run of the tests. What is judged, in pairs and with intervals, is `report.py`'s; this is for looking closer, and for
comparing two states of the code (`--benchmark-save`, `--benchmark-compare`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import pytest
from overhead import Empty, consume, loop
from peers import OURS, PEERS, Peer

from progresskit import ProgressTracker

pytest.importorskip("pytest_benchmark")

ITEMS = 20_000
SOURCES: dict[str, Callable[[], Iterable[Any]]] = {
    "range": lambda: range(ITEMS),
    "list": lambda: list(range(ITEMS)),
    "generator": lambda: (item for item in range(ITEMS)),
}
HERE = [peer for peer in (OURS, *PEERS) if peer.version is not None]


@pytest.fixture
def tracker() -> Iterator[ProgressTracker]:
    with ProgressTracker("none") as tracker:
        yield tracker


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("through", [loop, consume])
@pytest.mark.parametrize("how", ["bare", "tracked"])
def test_iteration(
    benchmark: Any, tracker: ProgressTracker, source: str, through: Callable[[Iterable[Any]], None], how: str
) -> None:
    benchmark.group = f"{ITEMS:,} items of a {source}, {through.__name__}"

    def setup() -> tuple[tuple[Iterable[Any]], dict[str, Any]]:
        items = SOURCES[source]()
        return ((tracker.track(items) if how == "tracked" else items),), {}

    benchmark.pedantic(through, setup=setup, rounds=50, warmup_rounds=2)


@pytest.mark.parametrize("peer", HERE, ids=lambda peer: peer.name)
def test_iteration_of_each_library(benchmark: Any, peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    benchmark.group = f"{ITEMS:,} items of a range, a for statement"

    def setup() -> tuple[tuple[Iterable[Any]], dict[str, Any]]:
        return (peer.iterate(range(ITEMS), ITEMS),), {}

    with capsys.disabled():  # some libraries draw in another way, or not at all, where their output is captured
        benchmark.pedantic(loop, setup=setup, rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("what", ["empty method", "tick", "empty method with one", "advance"])
def test_update(benchmark: Any, tracker: ProgressTracker, what: str) -> None:
    task, empty = tracker.add_task("updates"), Empty()
    benchmark.group = "an update"
    calls: dict[str, Callable[[], Any]] = {
        "empty method": empty.call,
        "tick": task.tick,
        "empty method with one": partial(empty.call, 3),
        "advance": partial(task.advance, 3),
    }
    benchmark(calls[what])
    task.cancel()
