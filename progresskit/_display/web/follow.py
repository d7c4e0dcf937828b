"""Follow an events file for the live page: its contents, and what is added while the page is open.

Knows files and runs. Does not know HTTP.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from ..._model.events import EventDecoder
from ..._system.platform import IS_WINDOWS
from ..._system.run_identity import command_of, run_identity
from ..events_input import open_events

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from .state import PageState

SILENT_SECONDS = 30.0
"""Seconds without a line after which a run that has live tasks is lost, where its process cannot be asked for."""
AT_ONCE = 1 << 20
"""Bytes that are read at a time."""
LONGEST_LINE = 64 << 20
"""Bytes of a line at the most: what goes on beyond them is no events file."""


class Follower:
    """Reads a file that grows.

    Args:
        path: The file.
        state: What the page shows.
        clock: Gives the time in seconds and never goes back.

    Raises:
        OSError: it cannot be read.
    """

    def __init__(self, path: str, state: PageState, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._state = state
        self._clock = clock
        self._file: BinaryIO = open_events(path)  # read for as long as the page is served
        self._rest = b""
        self._decoder = EventDecoder()
        self._heads: dict[str, dict[str, Any]] = {}
        self._heard: dict[str, float] = {}
        self._live: dict[str, int] = {}
        self.strange = 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self) -> int:
        """Add new lines of the file to the page's state, and return how many bytes they had. Mark runs whose process is
        gone as lost."""
        another = self._replacement()  # first: what is added to the file until it is replaced is read
        count = self._read_rest()
        if another is not None:
            self._file.close()
            self._file, self._rest = another, b""
            count += self._read_rest()
        self._note_lost_processes()
        return count

    def _read_rest(self) -> int:
        """Read the file to its end, and return how many bytes that was."""
        count = 0
        while data := self._file.read(AT_ONCE):
            count += len(data)
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                if line.strip():
                    self._read_event(line.decode("utf-8", "replace"))
            if len(self._rest) > LONGEST_LINE:
                self.strange += 1
                self._rest = b""
        return count

    def _read_event(self, line: str) -> None:
        try:
            event = self._decoder.event(line)
        except ValueError:
            self.strange += 1
            return
        run = event.run
        self._heard[run] = self._clock()
        if event.header is not None:
            self._heads[run] = dict(event.header)
            command = command_of(event.header.get("argv", [])[:2])
            where = f"process {event.header.get('pid', '?')} on {event.header.get('host', '?')}"
            self._state.add_source(run, f"{command} ({where})".strip())
        elif event.frame is not None:
            self._live[run] = len(event.frame.tasks)
            self._state.note(event.frame, run)
        elif event.print is not None:
            self._state.note_lines(event.print)

    def _replacement(self) -> BinaryIO | None:
        """Return the file that has taken this one's place, if one has: this one had grown enough, or was emptied."""
        try:
            mine, there = os.fstat(self._file.fileno()), os.stat(self._path)
            bytes_read = os.lseek(self._file.fileno(), 0, os.SEEK_CUR)  # of a compressed file `tell` counts others
            if (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino) and there.st_size >= bytes_read:
                return None
            return open_events(self._path)
        except OSError:
            return None

    def _note_lost_processes(self) -> None:
        here = run_identity().get("host")
        for run, count in self._live.items():
            if not count:
                continue
            head = self._heads.get(run, {})
            if head.get("host") == here and isinstance(head.get("pid"), int) and head["pid"] > 0:
                if not _is_there(head["pid"]):
                    self._state.note_lost(run, "the process has gone.")
            elif self._clock() - self._heard[run] > SILENT_SECONDS:
                self._state.note_lost(run, f"nothing has come for {SILENT_SECONDS:.0f} seconds.")


def _is_there(process: int) -> bool:
    """Return whether a process with that number runs on this machine."""
    if IS_WINDOWS:  # where signal 0 would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
