"""The time left of an upload of several files, with gaps between them."""

from __future__ import annotations

import random
from typing import ClassVar

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")

from progresskit_snowflake import Uploads
from progresskit_snowflake.bars import uploading
from progresskit_snowflake.bars.estimating import UploadEstimate

from progresskit import ProgressTracker
from progresskit._model.estimates import Estimate
from progresskit.testing import ManualClock, ManualTicker, RecordingRenderer

SIZE, FILES, PACE = 700_000, 12, 2_000_000.0
TICK = 0.01


@pytest.fixture(autouse=True)
def samples_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sampling thread does not sample during a test."""
    monkeypatch.setattr(uploading, "SAMPLE_SECONDS", 3_600.0)


class Wire:
    """A source that returns what a test sets."""

    name: ClassVar[str] = "a test"
    attempts = 1
    broken = False

    def __init__(self) -> None:
        self.arrived: int | None = 0

    def begin(self, size: int) -> None:
        self.arrived = None if self.arrived is None else 0

    def end(self, size: int, *, well: bool) -> None:
        pass

    def sent(self) -> int | None:
        return self.arrived

    def refused(self, size: int) -> None:
        self.arrived = 0


def upload(
    gaps: list[float], *, reported: bool = True, at_once: int = 0, known: bool = True, packet: int = 1
) -> list[tuple[float, float]]:
    """Upload a file after each of `gaps`, and return the time and the bar's time left at each frame.

    `reported`: whether the connector reports attempts; `at_once`: bytes that buffers take at once; `known`: whether the bar knows the
        number of files; `packet`: bytes that are acknowledged together.
    """
    clock, wire = ManualClock(), Wire()
    tracker = ProgressTracker(RecordingRenderer(), clock=clock, ticker=ManualTicker())
    task = tracker.add_task("Upload", total=SIZE * FILES, unit="B", start=False)
    uploads = Uploads(task, wire, files=FILES if known else None)
    seen: list[tuple[float, float]] = []
    ticks = 0

    def passes(seconds: float, arrives: float = 0.0) -> None:
        nonlocal ticks
        for step in range(1, round(seconds / TICK) + 1):
            clock.advance(TICK)
            ticks += 1
            if arrives:
                wire.arrived = min(at_once + int(step * TICK * arrives) // packet * packet, SIZE)
            if not ticks % 3:
                uploads.refresh()
            if not ticks % 5:
                left = tracker._core.tree.next_frame().tasks[0].eta
                if task.waiting:
                    continue
                seen.append((clock(), float("inf") if left is None else left))

    for number, gap in enumerate(gaps):
        with uploads.file(f"{number}.csv", SIZE):
            wire.arrived = 0
            passes(gap / 2)
            if reported:
                uploads.attempted(f"{number}.csv", 1)
            passes((SIZE - at_once) / PACE, PACE)
            wire.arrived = SIZE
            passes(at_once / PACE)  # the answer comes after the last byte
        passes(gap / 2)
    return seen


def worst(seen: list[tuple[float, float]]) -> float:
    """Return the largest error after the first tenth, as a share of the whole time."""
    began, ended = seen[0][0], seen[-1][0]
    whole = ended - began
    return max(abs(time + left - ended) / whole for time, left in seen if time - began >= 0.1 * whole)


@pytest.mark.parametrize("gap", [0.0, 0.06, 0.12, 0.2])
def test_gaps_count_in_the_time_left(gap: float) -> None:
    """The time left includes the gaps between files after the first tenth."""
    assert worst(upload([gap] * FILES)) <= 0.10


@pytest.mark.parametrize("at_once", [0, 60_000, 120_000])
def test_long_gaps_mislead_no_bar(at_once: int) -> None:
    """Long gaps do not mislead a bar that knows its number of files."""
    ours, plain = (worst(upload([0.4] * FILES, at_once=at_once, known=known)) for known in (True, False))
    assert ours <= 0.17
    assert plain >= 0.24


def test_real_gaps_keep_the_end_within_a_tenth() -> None:
    """With realistic gaps, the estimated end is within a tenth after the first tenth.

    As in a load: gaps of a tenth of a second, plus or minus a third, one or two packets for each frame, and bytes in buffers.
    """
    found = []
    for seed in range(20):
        chance = random.Random(seed)
        gaps = [chance.triangular(0.06, 0.14) for _ in range(FILES)]
        found.append(worst(upload(gaps, at_once=100_000, packet=50_000)))
    assert sum(error <= 0.10 for error in found) >= 18
    assert max(found) <= 0.12


def gaps_of(gaps: list[float]) -> list[float]:
    """Return the error of the time left after each of the files, which have 40 bytes and take 4 seconds, with `gaps` before
    them."""
    estimate, time, wrong = UploadEstimate(0, files=len(gaps)), 0.0, []
    whole = sum(gaps) + 4.0 * len(gaps)
    for number, gap in enumerate(gaps):
        time += gap
        for step in range(5):
            estimate.goes(time + step, 40 * number + 10 * step, sending=True, begun=number + 1)
            estimate.sample(time + step, 40 * number + 10 * step)
        time += 4.0
        estimate.goes(time, 40 * (number + 1), sending=False, begun=number + 1)
        left = estimate.eta(time, 40 * (number + 1), 40 * len(gaps))
        assert left is not None
        wrong.append(time + left - whole)
    return wrong


def test_single_gap_is_not_expected_again() -> None:
    """A single unusual gap is not expected again."""
    usual = [1.0] * 4
    assert gaps_of(usual * 2) == pytest.approx([0.0] * 8)
    assert gaps_of([*usual, 30.0, *usual])[4:] == pytest.approx([0.0] * 5)


def test_two_such_gaps_in_a_row_are_no_exception() -> None:
    assert gaps_of([1.0] * 4 + [30.0, 30.0] + [1.0] * 4)[5] > 10.0


def test_tiny_files_are_estimated_together() -> None:
    """Files that are too small to be sampled are estimated as a whole."""
    estimate = UploadEstimate(0, files=100)
    for begun in range(1, 51):
        estimate.goes(begun - 0.5, begun * 10 - 5, sending=True, begun=begun)
        estimate.goes(begun, begun * 10, sending=False, begun=begun)
        estimate.sample(begun, begun * 10)
    assert estimate.eta(50.0, 500, 1_000) == pytest.approx(50.0)


def test_gaps_without_a_telling_connector() -> None:
    """Gaps are noticed without a connector that reports attempts."""
    ours, plain = (upload([0.4] * FILES, reported=False, known=known) for known in (True, False))
    assert worst(ours) <= 0.2 < 0.26 <= worst(plain)


def test_gaps_that_become_shorter_are_followed() -> None:
    seen = upload([0.16] * 3 + [0.06] * (FILES - 3))
    ended = seen[-1][0]
    assert all(abs(time + left - ended) / ended < 0.06 for time, left in seen if time > ended / 2)


def test_time_left_in_a_gap() -> None:
    """The time left decreases in a gap, and stays in one that is too long."""
    estimate = UploadEstimate(0, files=3)
    for time, completed, sending, begun in [(1, 0, True, 1), (5, 40, True, 1), (5, 40, False, 1)]:
        estimate.goes(time, completed, sending=sending, begun=begun)
        estimate.sample(time, completed)
    left = [estimate.eta(time, 40, 120) for time in (5.0, 5.5, 6.0, 7.0)]
    assert left == [10.0, 9.5, 9.0, 9.0]


def test_bytes_without_gaps() -> None:
    """Bytes without gaps are estimated like any other task."""
    plain, ours = Estimate(0.0, 0), UploadEstimate(0, files=1)
    ours.goes(0.0, 0, sending=True, begun=1)
    for time in range(1, 9):
        for estimate in (plain, ours):
            estimate.sample(time, 10 * time)
    assert (ours.rate(8.0), ours.eta(8.0, 80, 120)) == (plain.rate(8.0), plain.eta(8.0, 80, 120)) == (10.0, 4.0)


def test_whole_files_are_estimated_as_anything_else() -> None:
    clock, wire = ManualClock(), Wire()
    wire.arrived = None
    tracker = ProgressTracker(RecordingRenderer(), clock=clock, ticker=ManualTicker())
    task = tracker.add_task("Upload", total=400, unit="B")
    uploads = Uploads(task, wire, files=4)
    for number in range(2):
        with uploads.file(f"{number}.csv", 100):
            uploads.refresh()
            clock.advance(2.0)
            uploads.refresh()
        tracker._core.tree.next_frame()
    assert task.eta == pytest.approx(4.0)


def test_requests_before_a_file_move_no_bar() -> None:
    """A connector's requests before a file move no bar."""
    clock, wire = ManualClock(), Wire()
    tracker = ProgressTracker(RecordingRenderer(), clock=clock, ticker=ManualTicker())
    task = tracker.add_task("Upload", total=SIZE, unit="B", start=False)
    uploads = Uploads(task, wire, files=1)
    with uploads.file("one.csv", SIZE):
        wire.arrived = 697  # a request's headers: if they began the upload, the wait before it would be unknown
        uploads.refresh()
        tracker._core.tree.next_frame()
        assert (task.waiting, task.completed) == (True, 0)
        wire.arrived = 300_000
        uploads.refresh()
        tracker._core.tree.next_frame()
        assert (task.waiting, task.completed) == (False, 300_000)
