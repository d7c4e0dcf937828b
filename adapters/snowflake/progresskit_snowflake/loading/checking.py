"""The check of a load's files, one after the other, in a thread of its own: it may begin before the sessions are open.

Opening them takes a second, nearly all of it imports, and most of the check is C code that runs at the same time. Only
afterwards is it known whether the table exists. If it does, its types apply, and the earlier check is discarded.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from ..files.opening import BadData, identity
from ..files.quality import Reading, Report, check, guess_types, names_of
from ..sql.columns import Column
from .worker_threads import Channel, ThreadGroup

SWITCH_SECONDS = 0.0001
"""Seconds after which an import releases the GIL. With the usual 5 ms, the check would wait that long after each
call."""


class Checking:
    """The check of some files, which runs to its end whether or not its results are read.

    Args:
        paths: The files.
        reading: The reading options.
        prepare: Returns the columns, with the types of the table or of the first rows. Called in the thread.
        fixed: Whether the types are the table's.

    Attributes:
        path: The file that is being checked.
        seconds: How long the check has taken, up to the last finished file.

    Example:
        >>> checking = Checking([Path("orders.csv")], Reading(), lambda: [Column("ID")])  # doctest: +SKIP
        >>> with checking:  # doctest: +SKIP
        ...     reports = list(checking.reports(print))
    """

    def __init__(
        self, paths: Sequence[Path], reading: Reading, prepare: Callable[[], list[Column]], *, fixed: bool = False
    ) -> None:
        self._paths, self._reading, self._prepare, self._fixed = paths, reading, prepare, fixed
        self.path: Path | None = None
        self.seconds = 0.0
        self._group = ThreadGroup()
        self._found = Channel(self._group)
        self._prepared = threading.Event()
        self._columns: list[Column] = []
        self._error: BaseException | None = None
        self._one = threading.Lock()
        self._listener: Callable[[int], None] | None = None
        self._seen = 0  # rows that were not reported
        self._begun = self._has_short_interval = False

    def __enter__(self) -> Self:
        """Start the check, unless it has been started."""
        if not self._begun:
            self._begun = True
            self._group.start("QC", self._work)
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop the check, and restore the interpreter's switch interval."""
        self._relax()
        self._group.stop()

    def break_off(self) -> None:
        """Stop the check."""
        self.__exit__()

    def start_beside_imports(self) -> Self:
        """Start, and shorten the interpreter's switch interval until `columns` is called, so that imports yield to the check."""
        self._has_short_interval = sys.getswitchinterval() == 0.005  # a process's own interval is kept
        if self._has_short_interval:
            sys.setswitchinterval(SWITCH_SECONDS)
        return self.__enter__()

    def columns(self) -> list[Column]:
        """Return the columns, whose types the check may widen from now on.

        Raises:
            BadData: a file cannot be read, or its header is invalid.
        """
        self._relax()
        self._prepared.wait()
        if self._error is not None:
            raise self._error
        return self._columns

    def reports(self, seen: Callable[[int], None]) -> Iterator[Report]:
        """Yield the report of each file, once its check is finished.

        Args:
            seen: Called in the thread with the number of rows of each block; the first call has those of earlier
                blocks.

        Raises:
            BadData: a file cannot be read, its header is another one, or it changed meanwhile.
        """
        self.columns()
        with self._one:
            self._listener = seen
            seen(self._seen)
        for found in self._found:
            if isinstance(found, BaseException):
                raise found
            yield found

    def _work(self) -> None:
        try:
            self._columns = self._prepare()
        except Exception as error:
            self._error = error
            return
        finally:
            self._prepared.set()
        began = time.monotonic()
        for path in self._paths:
            self.path = path
            try:
                found: object = check(path, self._columns, self._count, fixed=self._fixed, reading=self._reading)
            except Exception as error:
                found = error
            self.seconds = time.monotonic() - began
            self._found.put(found)
            if isinstance(found, Exception):
                break
        self._found.close()

    def _count(self, rows: int) -> None:
        self._group.check_stop()
        with self._one:
            if self._listener is not None:
                self._listener(rows)
            else:
                self._seen += rows

    def _relax(self) -> None:
        if self._has_short_interval:
            self._has_short_interval = False
            sys.setswitchinterval(0.005)


def distinct(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Return the files, each once whatever its names, and notes for the summary about repeated ones."""
    found: dict[tuple[int, int], Path] = {}
    notes = []
    for path in paths:
        first = found.setdefault(identity(path).file, path)
        if first is not path:
            same = "named twice" if first == path else f"the same file as {first}"
            notes.append(f"{path} is {same}: it is loaded once")
    return list(found.values()), notes


def typed(paths: list[Path], reading: Reading, types: Mapping[str, str], *, all_text: bool = False) -> list[Column]:
    """Return the columns of a new table. Their types are the given ones, VARCHAR, or those of the first rows of all files.

    Raises:
        BadData: a file cannot be read, or a type is given for an unknown column.
    """
    columns = [Column(name) for name in names_of(paths, reading)]
    known = {column.name: column for column in columns}
    for name, kind in types.items():
        alike = [one for one in known if one == name] or [one for one in known if one.upper() == name.upper()]
        if len(alike) != 1:
            raise BadData(
                f"{paths[0]} has no column {name}, for which a type is given: it has {', '.join(known):.200}."
            )
        known[alike[0]].type, known[alike[0]].given = kind, True
    for column in columns:
        if all_text and not column.given:
            column.type, column.given = "VARCHAR", True
    guess_types(paths, columns, reading)
    return columns


def as_made(columns: Sequence[Column]) -> list[Column]:
    """Return a copy of the columns as they are now, because the running check changes the types of its own."""
    return [replace(column) for column in columns]
