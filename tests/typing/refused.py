"""What a checker must refuse: each line has an ignore, and one that is not needed is an error."""

from __future__ import annotations

from progresskit import ProgressTracker, Task, add_task, configure, track


def refused(task: Task) -> None:
    """Wrong arguments are seen before the program runs."""
    track(3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    track([1], totl=3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    track([1], unit=3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    add_task("a", total="b")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    add_task("a", rollup="all")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    task.advance("a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    task.report("a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    task.total = 3  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    configure(rendrer="ansi")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ProgressTracker(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ProgressTracker(capture="words")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
