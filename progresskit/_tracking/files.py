"""Files whose bytes advance a task as they are read or written.

A thin wrapper: everything but reading and writing is passed to the file itself. Asks the current tracker for a task.
Does not know how it is shown.
"""

from __future__ import annotations

import io
import os
from contextlib import contextmanager

from .joining import current_tracker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import IO, Any, Literal, Self, overload

    from .task import Task


class TrackedFile:
    """A file that advances a task by the bytes (or characters, for a text file) that pass through it.

    It otherwise behaves like the file itself. The count is the farthest position that was read or written, minus the
    position at which the file was wrapped. Bytes that are read again after a `seek` count once.
    """

    def __init__(self, file: IO[Any], task: Task) -> None:
        self._file = file
        self._task = task
        self._at = 0  # the position, relative to the first one
        self._farthest = 0

    @property
    def closed(self) -> bool:
        """Whether the file is closed. Not left to `__getattr__`: a text file over this one asks for each line."""
        return self._file.closed

    def _moved(self, amount: int) -> None:
        self._at += amount
        if self._at > self._farthest:
            self._task.advance(self._at - self._farthest)
            self._farthest = self._at

    def read(self, size: int | None = -1, /) -> Any:
        """Read as the file's own `read` does, and advance."""
        data = self._file.read(-1 if size is None else size)
        if data:
            self._moved(len(data))
        return data

    def read1(self, size: int = -1, /) -> Any:
        """Read with at most one call to the raw file, and advance."""
        data = self._file.read1(size)  # type: ignore[attr-defined]  # binary files have it
        self._moved(len(data))
        return data

    def readinto(self, buffer: Any, /) -> int | None:
        """Read into `buffer` and advance."""
        count: int | None = self._file.readinto(buffer)  # type: ignore[attr-defined]  # binary files have it
        self._moved(count or 0)
        return count

    def readline(self, size: int = -1, /) -> Any:
        """Read a line and advance."""
        line = self._file.readline(size)
        self._moved(len(line))
        return line

    def readlines(self, hint: int = -1, /) -> list[Any]:
        """Read lines and advance."""
        lines = self._file.readlines(hint)
        self._moved(sum(map(len, lines)))
        return lines

    def write(self, data: Any, /) -> int:
        """Write and advance by what was written."""
        count = self._file.write(data)
        self._moved(count or 0)
        return count

    def writelines(self, lines: Iterable[Any], /) -> None:
        """Write each of `lines` and advance."""
        for line in lines:
            self.write(line)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move in the file. The task's count does not go back."""
        if isinstance(self._file, io.TextIOBase):  # `tell` of a text file does not count characters
            return self._file.seek(offset, whence)
        before = self._file.tell()
        after = self._file.seek(offset, whence)
        self._at += after - before
        return after

    def __iter__(self) -> Iterator[Any]:
        """Return the lines. A generator, because a call of `__next__` and its calls would cost several times what a line does."""
        readline, advance = self._file.readline, self._task.advance
        while line := readline():
            self._at = at = self._at + len(line)
            if at > self._farthest:
                advance(at - self._farthest)
                self._farthest = at
            yield line

    def __next__(self) -> Any:
        line = self._file.readline()
        if not line:
            raise StopIteration
        self._moved(len(line))
        return line

    def __enter__(self) -> Self:
        self._file.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, trace)

    def __getattr__(self, name: str) -> Any:
        if name == "_file":  # while the object is being copied
            raise AttributeError(name)
        return getattr(self._file, name)


class TrackedTextFile(TrackedFile):
    """A text file that advances a task by the characters that pass through it."""


# Libraries check for these types before they accept a file. They are not base classes, because their finaliser would
# close the caller's file.
io.BufferedIOBase.register(TrackedFile)
io.TextIOBase.register(TrackedTextFile)


def wrap_file(file: IO[Any], task: Task) -> TrackedFile:
    """Wrap `file` so that reading and writing advance `task`.

    Neither ends the task nor closes the file: both belong to the caller.

    Args:
        file: An open file, binary (bytes count) or text (characters count).
        task: The task to advance.

    Example:
        >>> import io
        >>> with tracker.add_task("orders.csv", total=5, unit="B") as task:
        ...     data = wrap_file(io.BytesIO(b"a,b,c"), task).read()
        >>> task.completed
        5
    """
    return (TrackedTextFile if isinstance(file, io.TextIOBase) else TrackedFile)(file, task)


if TYPE_CHECKING:

    @overload
    def open_file(
        path: str | os.PathLike[str],
        mode: Literal["r", "rt", "tr"],
        description: str | None = None,
        **arguments: Any,
    ) -> AbstractContextManager[io.TextIOWrapper]: ...
    @overload
    def open_file(
        path: str | os.PathLike[str], mode: str = "rb", description: str | None = None, **arguments: Any
    ) -> AbstractContextManager[TrackedFile]: ...


@contextmanager
def open_file(
    path: str | os.PathLike[str], mode: str = "rb", description: str | None = None, **arguments: Any
) -> Iterator[Any]:
    """Open the file at `path` with a task that reading or writing advances; both end with the block.

    Args:
        path: The file.
        mode: As for `open`. Reading counts bytes, and the total is the file's size. Writing text counts characters.
        description: The task's; None takes the file's name.
        arguments: Further arguments of `open`.

    Raises:
        OSError: `open` has raised it.

    Example:
        >>> with open_file("orders.csv") as file:
        ...     data = file.read()
        >>> len(data)
        11
    """
    with open(path, mode, **arguments) as file:
        reads = set(mode) <= set("rbt")
        of_bytes = "b" in mode or reads
        total = os.fstat(file.fileno()).st_size if reads else None
        name = os.fspath(path)
        tracker = current_tracker()
        title = os.path.basename(name) if description is None else description
        with tracker.add_task(title, total=total or None, unit="B" if of_bytes else "char") as task:
            yield _text_of(file, task, arguments.get("newline")) if reads and "b" not in mode else wrap_file(file, task)


def _text_of(file: IO[Any], task: Task, newline: str | None) -> io.TextIOWrapper:
    """Return the text of `file`, a text file, as `open` gives it, from bytes that are counted: they may be ahead of the text by one
    buffer, and a line costs what it costs without a task."""
    counted: Any = wrap_file(file.buffer, task)  # type: ignore[attr-defined]  # text files over bytes have it
    text = io.TextIOWrapper(counted, file.encoding, file.errors, newline)  # type: ignore[attr-defined]  # as `buffer`
    text.mode = file.mode  # type: ignore[misc]  # as `open` does, though it is declared as read-only
    text._task = task  # type: ignore[attr-defined]  # where other counted files have it
    return text
