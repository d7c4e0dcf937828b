"""`progresskit show`: show, live, the progress that processes write to a shared folder.

Knows exit statuses and when to end. Does not know files or how anything is drawn.
"""

from __future__ import annotations

import os
import time

from ..processes._folder import LOST_SECONDS, VARIABLE, FolderReader
from ..processes.feed import Feed

SCAN_SECONDS = 1.0
"""Seconds between two scans of the folder."""


def show(folder: str, *, renderer: str | None = None, totals: bool = False, lost: float = LOST_SECONDS) -> int:
    """Show the processes that write to `folder` until all have ended; return 0, or 1 if a task failed or a process is lost.

    Args:
        folder: The folder. It may be empty: processes may start later.
        renderer: The name of a renderer; None takes `PROGRESSKIT_RENDERER`, else one that suits the terminal.
        totals: Whether one line sums up all processes.
        lost: Seconds without a new record after which a process with running tasks counts as lost.

    Raises:
        ValueError: the renderer's name is unknown.
        OSError: the folder cannot be read.
    """
    os.environ.pop(VARIABLE, None)  # this process only shows the folder: it must not write to it
    with Feed(renderer, totals=totals) as feed:
        reader = FolderReader(folder, feed, lost=lost)
        reader.scan()
        while not reader.are_over:
            time.sleep(SCAN_SECONDS)
            try:
                reader.scan()
            except OSError:  # the file server may be away: processes count as lost in time
                continue
        processes, failed, gone = reader.outcome()
        parts = [f"{processes:,d} process{'' if processes == 1 else 'es'}"]
        parts += [f"{number:,d} {what}" for number, what in ((failed, "with failures"), (gone, "lost")) if number]
        feed.print(", ".join(parts))
        if reader.unreadable:
            feed.print(f"progresskit: {len(reader.unreadable):,d} files could not be read.")
    return 1 if failed or gone else 0
