"""`progresskit show`: what processes write to a folder that they share, live in one display.

Knows exit statuses and when to end. Does not know files or how anything is drawn.
"""

from __future__ import annotations

import os
import time

from ..processes._folder import LOST_SECONDS, VARIABLE, FolderReader
from ..processes.feed import Feed

SCAN_SECONDS = 1.0
"""Seconds between two looks at the folder."""


def show(folder: str, *, renderer: str | None = None, totals: bool = False, lost: float = LOST_SECONDS) -> int:
    """Show what processes write to `folder` until all have ended; return 0, or 1 where a task has failed or a process is lost.

    Args:
        folder: The folder. It may be empty still: processes come when they come.
        renderer: What draws; None takes `PROGRESSKIT_RENDERER`, else what suits the terminal.
        totals: Whether one line sums up all processes.
        lost: Seconds without news after which a process with running tasks is lost.

    Raises:
        ValueError: the renderer's name is unknown.
        OSError: the folder cannot be read.
    """
    os.environ.pop(VARIABLE, None)  # this process shows the folder: it is none of those that are shown
    with Feed(renderer, totals=totals) as feed:
        reader = FolderReader(folder, feed, lost=lost)
        reader.scan()
        while not reader.are_over:
            time.sleep(SCAN_SECONDS)
            try:
                reader.scan()
            except OSError:  # a file server that is away, or somebody has removed the folder: what runs is lost in time
                continue
        processes, failed, gone = reader.outcome()
        parts = [f"{processes:,d} process{'' if processes == 1 else 'es'}"]
        parts += [f"{number:,d} {what}" for number, what in ((failed, "with failures"), (gone, "lost")) if number]
        feed.print(", ".join(parts))
        if reader.unreadable:
            feed.print(f"progresskit: {len(reader.unreadable):,d} files could not be read.")
    return 1 if failed or gone else 0
