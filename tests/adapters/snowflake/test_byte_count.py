"""The byte count of an upload, for any order of sockets, breaks and repetitions."""

from __future__ import annotations

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")

from hypothesis import given
from hypothesis import strategies as st
from progresskit_snowflake.counting.byte_count import ByteCount, SocketSample

EVENTS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 400_000), st.sampled_from(["send", "answer", "reset", "cut"])),
    max_size=60,
)
SIZE = 50_000_000


@given(EVENTS)
def test_count_of_any_order(events: list[tuple[int, int, str]]) -> None:
    """In any order, the count is the bytes of live or answered requests.

    A model is compared with the count: four slots, each with one connection at a time, which sends, is answered, reset or cut off.
    """
    byte_count = ByteCount()
    byte_count.begin(SIZE)
    serial, kept, breaks = 0, 0, 0
    live: dict[int, tuple[int, int]] = {}  # slot -> the socket's number and bytes
    for slot, count, event in events:
        number, carried = live.get(slot, (-1, 0))
        if number < 0:
            serial += 1
            number = serial
        carried += count
        ends = event != "send"
        sample = SocketSample(carried, int(event == "answer"), event == "cut", event == "reset", ends)
        if ends:
            live.pop(slot, None)
            kept += carried if event == "answer" else 0
            breaks += event != "answer" and carried > 1
        else:
            live[slot] = (number, carried)
        others = {own: SocketSample(sent) for other, (own, sent) in live.items() if other != slot}
        said = byte_count.add({**others, number: sample})
        assert said == kept + sum(sent for _, sent in live.values())
    assert byte_count.attempts == 1 + breaks


@given(st.lists(st.integers(0, 3_000_000), max_size=40), st.lists(st.integers(0, 900_000), min_size=1, max_size=5))
def test_the_count_never_exceeds_the_sizes(steps: list[int], sizes: list[int]) -> None:
    byte_count = ByteCount()
    for size in sizes:
        byte_count.begin(size)
    carried = 0
    for step in steps:
        carried += step
        assert 0 <= byte_count.add({1: SocketSample(carried)}) <= sum(sizes)


@given(st.lists(st.tuples(st.integers(1, 1_000_000), st.booleans()), min_size=1, max_size=12))
def test_count_restarts_after_the_last_upload(files: list[tuple[int, bool]]) -> None:
    """After the last upload, the count begins at 0 again."""
    byte_count = ByteCount()
    carried = 0
    for size, well in files:
        byte_count.begin(size)
        assert byte_count.add({1: SocketSample(carried)}) == 0
        carried += size
        assert byte_count.add({1: SocketSample(carried)}) == size
        byte_count.end(size, well=well)
