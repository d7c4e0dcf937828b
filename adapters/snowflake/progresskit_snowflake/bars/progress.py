"""SnowflakeProgress: the bars of a load, one position each."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

from progresskit import ProgressTracker, Task

from ..copying import counted
from ..errors import LoadError
from ..files.opening import BadData

Bar = TypeVar("Bar")
COLORS = {"Files": "accent", "QC rows": "yellow", "Compression": "magenta", "Upload": "blue", "COPY": "cyan"}
ROW = "{mark} {description}  {bar} {percent}  {amount}  {rate:short!}  {status}   {fields}"
"""What the bars of a load show: fields and bar give way before the rate."""
BRIEF_SECONDS = 0.2
"""Seconds after which a frame has shown a phase: twice the usual time between two frames."""
FRAME_SECONDS = 0.1
"""The most seconds that the end of a shorter phase waits for a frame. It usually waits for a few milliseconds."""
OF_FILES = ("QC rows", "Compression", "Upload")
"""The phases whose bars name the file that is at work."""
MODES = {
    "normal": ("Files", "QC rows", "Compression", "Upload", "COPY"),
    "skip-qc": ("Files", "Compression", "Upload", "COPY"),
    "validate-only": ("Validation",),
    "analyze-only": ("Analysis",),
}


class SnowflakeProgress(ProgressTracker):
    """A tracker whose bars have the positions of a load's phases.

    Args:
        mode: `normal`, `skip-qc`, `validate-only` or `analyze-only`.
        arguments: Whatever `ProgressTracker` takes.

    Raises:
        ValueError: the mode is unknown; the sentence lists those that exist.
    """

    def __init__(self, mode: str = "normal", **arguments: Any) -> None:
        if mode not in MODES:
            raise ValueError(f"there is no mode {mode!r:.80}: give one of {', '.join(MODES)}.")
        super().__init__(**{"columns": ROW, **arguments})
        self.bars = MODES[mode]

    def phase(self, name: str, total: float | None = None, unit: str = "it", *, detail: str = "", **more: Any) -> Task:
        """Begin the bar of the phase `name`, on its own row. A bar vanishes when its phase ends; Files stays."""
        title = name if name in OF_FILES else f"{name} {detail}".rstrip()
        fields = {"": detail} if detail and name in OF_FILES else None
        keep = name in ("Files", "Validation", "Analysis")
        return self.add_task(
            title, total, unit=unit, color=COLORS.get(name, "yellow"), position=self.bars.index(name), keep=keep,
            fields=fields, **more,
        )  # fmt: skip

    @contextlib.contextmanager
    def shown(self, bar: AbstractContextManager[Bar], task: Callable[[], Task | None] = lambda: None) -> Iterator[Bar]:
        """Enter `bar` for the block, a phase. The end of one shorter than `BRIEF_SECONDS` waits for a frame that shows it.

        A sentence that is raised is the reason of the phase's failure, as Files has it too.

        Args:
            bar: The bar, or what ends it.
            task: Returns the bar, if `bar` does not.
        """
        began = self.clock()
        with bar as entered:
            try:
                yield entered
            except (BadData, LoadError) as error:
                failed = task() or entered
                if isinstance(failed, Task):
                    failed.fail(headline(error))
                raise
            if self.clock() - began < BRIEF_SECONDS:
                self.refresh(FRAME_SECONDS)

    def start_file_upload(self, path: str | os.PathLike[str], size: int | None = None) -> Task:
        """Begin the Upload bar for the file at `path`; `size` is what goes over the wire, in bytes, None its size.

        `progresskit_snowflake.put` moves it, or your own `update(completed=...)`.
        """
        file = Path(path)
        total = file.stat().st_size if size is None else size
        return self.start_upload(total, detail=file.name)

    def start_upload(self, size: int | None = None, *, detail: str = "", start: bool = True) -> Task:
        """Begin the Upload bar for files in sum: `size` bytes, None where that is not known yet.

        Its time begins now, or else with the first byte.
        """
        return self.phase("Upload", size, "B", detail=detail, start=start)

    def start_copy_operation(
        self, table: str, rows: int | None = None, *, completed: int = 0, measured: bool = True
    ) -> Task:
        """Begin the COPY bar for `table`, for one statement: the bar ends with it. Those of further tables stand below it.

        Args:
            table: The table.
            rows: How many it should become in all, None when nobody counted them.
            completed: How many there are by now, of the statements before.
            measured: Whether anything tells how far the statement is; else the bar is a spinner that says what is expected,
                and you give it its total with the result.
        """
        bar = self.phase("COPY", rows if measured else None, "row", detail=table, completed=completed)
        if rows is not None and not measured:
            bar.update(expected=counted(rows))
        return bar


def headline(error: Exception) -> str:
    """Return an error's first line, without the colon that announces others."""
    return (str(error).splitlines() or [""])[0].removesuffix(":")
