"""Claims about the count of computed keys. They need no cluster, and pass the time as an argument."""

from __future__ import annotations

import pytest

pytest.importorskip("progresskit_dask", reason="the adapter is not installed in this environment")

from hypothesis import given
from hypothesis import strategies as st
from progresskit_dask.graphs import MOST_PREFIXES, WAVE_GAP_SECONDS, Graphs


def told(graphs: Graphs, now: float = 0.0) -> tuple[int, int, int] | None:
    waves = graphs.changes(now)
    return (waves[-1]["done"], waves[-1]["failed"], waves[-1]["total"]) if waves else None


def test_done_and_total() -> None:
    """Each key counts once, whatever states it passes."""
    graphs = Graphs()
    graphs.add(["a", "b", "c"])
    for key, state in (("a", "waiting"), ("a", "processing"), ("a", "memory"), ("a", "released"), ("b", "erred")):
        graphs.step(key, state)
    assert told(graphs) == (1, 1, 3)
    assert told(graphs) is None  # nothing new


def test_lost_result() -> None:
    """A result that is lost with a worker is to be computed again; one that is only released is not."""
    graphs = Graphs()
    graphs.add(["a", "b"])
    graphs.step("a", "memory")
    graphs.step("a", "waiting")
    assert told(graphs) == (0, 0, 2)
    graphs.step("a", "memory")
    graphs.step("a", "released")
    assert told(graphs) == (1, 0, 2)


def test_cancelled_keys() -> None:
    """Keys that are forgotten before they are computed leave the total."""
    graphs = Graphs()
    graphs.add(["a", "b"])
    graphs.step("a", "forgotten")
    assert told(graphs) == (0, 0, 1)
    graphs.drop(["b", "never there"])
    assert told(graphs) == (0, 0, 0)


def test_waves() -> None:
    """A graph within a moment after the last one is part of its wave; later it begins another."""
    graphs = Graphs()
    graphs.add(["a"])
    graphs.step("a", "memory")
    first = graphs.changes(0.0)[-1]
    assert (first["wave"], first["idle"], first["over"]) == (1, True, False)
    graphs.add(["b"])
    graphs.step("b", "memory")
    assert told(graphs, WAVE_GAP_SECONDS / 2) == (2, 0, 2)
    over = graphs.changes(WAVE_GAP_SECONDS * 2)[-1]
    assert (over["wave"], over["over"]) == (1, True)
    graphs.add(["c"])
    assert graphs.changes(WAVE_GAP_SECONDS * 2)[-1]["wave"] == 2
    assert graphs.is_open


def test_prefixes() -> None:
    """Prefixes are distinguished up to a bound, and their counts sum up to the whole."""
    graphs = Graphs(lambda key: str(key).split("-")[0])
    keys = [f"p{number}-{part}" for number in range(MOST_PREFIXES + 5) for part in range(2)]
    graphs.add(keys)
    for key in keys[::2]:
        graphs.step(key, "memory")
    wave = graphs.changes(0.0)[-1]
    assert len(wave["prefixes"]) == MOST_PREFIXES + 1
    assert sum(done for _, done, _ in wave["prefixes"]) == wave["done"] == len(keys) // 2
    assert sum(total for *_, total in wave["prefixes"]) == wave["total"] == len(keys)


STATES = ("waiting", "processing", "queued", "no-worker", "memory", "erred", "released", "forgotten")


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from((*STATES, "add", "drop")))))
def test_any_sequence(steps: list[tuple[str, str]]) -> None:
    """After any steps the numbers are those of a plain model: what each key of the wave has come to last."""
    graphs = Graphs()
    model: dict[str, str] = {}
    for key, state in steps:
        if state == "add":
            graphs.add([key])
            if model.get(key) in ("memory", "erred"):  # computed before, and requested again: it counts again
                model[f"{key} before {len(model)}"] = model[key]
            model[key] = "waiting"
        elif state == "drop":
            graphs.drop([key])
            if model.get(key) == "waiting":
                del model[key]
        else:
            graphs.step(key, state)
            had = model.get(key)
            if had == "waiting" and state in ("memory", "erred"):
                model[key] = state
            elif had == "waiting" and state == "forgotten":
                del model[key]
            elif had in ("memory", "erred") and state in ("waiting", "processing", "queued", "no-worker"):
                model[key] = "waiting"
            elif had in ("memory", "erred") and state == "forgotten":
                model[f"{key} gone {len(model)}"] = model.pop(key)
    counts = list(model.values())
    wave = graphs._wave
    if wave is not None:
        assert (wave.done, wave.failed, wave.waiting) == tuple(
            counts.count(state) for state in ("memory", "erred", "waiting")
        )
    else:
        assert not counts
