"""What must hold in Pyodide. Run by run.mjs; the last expression is the number of failures."""

import asyncio
import io
import sys
import time
import warnings

import progresskit as pk
from progresskit import ProgressTracker, track
from progresskit.testing import RecordingRenderer
from progresskit.tqdm import tqdm

assert sys.platform == "emscripten"
warnings.simplefilter("error")
results: list[tuple[str, bool, object]] = []


def check(name: str, holds: object, figure: object = "") -> None:
    results.append((name, bool(holds), figure))


class Screen(io.StringIO):
    """Standard error as a page has it: no terminal."""


def shown(work: object) -> str:
    before, sys.stderr = sys.stderr, Screen()
    try:
        work()  # type: ignore[operator]
        return sys.stderr.getvalue()
    finally:
        sys.stderr = before


def loop(iterable: object) -> None:
    for _ in iterable:  # type: ignore[attr-defined]
        pass


def wrapped(iterable: object) -> object:
    for item in iterable:  # type: ignore[attr-defined]  # noqa: UP028  # what a user writes; `yield from` is quicker
        yield item


def slow() -> None:
    for _ in track(range(30), "Rows", unit="row"):
        time.sleep(0.01)


text = shown(slow)
check("a loop's lines are shown", "Rows: started" in text and "Rows: finished" in text, text)


def printing() -> None:
    with ProgressTracker() as tracker, tracker.add_task("Task", total=2) as task:
        tracker.print("kept line")
        task.advance(2)


check("printed lines are shown", "kept line" in shown(printing))


def old() -> None:
    for _ in tqdm(range(30), desc="Old"):
        time.sleep(0.01)


check("tqdm's interface shows its bar, without a warning", "Old" in shown(old))

renderer = RecordingRenderer()
with ProgressTracker(renderer, stream=Screen(), budget=1.0) as tracker, tracker.add_task("Frames", total=100) as task:
    for _ in range(100):
        task.advance()
        time.sleep(0.01)
counts = [frame.tasks[0].completed for frame in renderer.frames if frame.tasks]
check("advance draws frames", len(set(counts)) >= 4 and counts == sorted(counts), counts)


async def source() -> object:
    for number in range(40):
        await asyncio.sleep(0.01)
        yield number


async def async_loop() -> list[int]:
    renderer = RecordingRenderer()
    with ProgressTracker(renderer, stream=Screen(), budget=1.0) as tracker:
        async for _ in tracker.track(source(), "Async", total=40):
            pass
    return [frame.tasks[0].completed for frame in renderer.frames if frame.tasks]


counts = await async_loop()  # noqa: F704  # Pyodide runs this file as a coroutine
check("an async loop draws frames", len(set(counts)) >= 3, counts)


def seconds(work: object, argument: object) -> float:
    began = time.perf_counter()
    work(argument)  # type: ignore[operator]
    return time.perf_counter() - began


items = 1_000_000
shown(lambda: loop(track(range(1000))))
ratios = []
for _ in range(3):
    before, sys.stderr = sys.stderr, Screen()
    try:
        ratios.append(seconds(loop, track(range(items))) / seconds(loop, wrapped(range(items))))
    finally:
        sys.stderr = before
check("track costs at most 5 times a generator", min(ratios) <= 5, [round(ratio, 2) for ratio in ratios])

for name, holds, figure in results:
    print("ok    " if holds else "FAILED", name, figure if not holds or "costs" in name else "")
failed = sum(not holds for _, holds, _ in results)
print(
    f"{len(results) - failed} passed, {failed} failed (Python {sys.version.split()[0]}, {sys.platform}, {pk.__version__})"
)
failed  # noqa: B018  # the value that run.mjs takes
