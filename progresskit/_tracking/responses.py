"""Downloads whose bytes advance a task as they are read.

Knows the four interfaces of HTTP response bodies (requests and urllib3, httpx, aiohttp, urllib). It imports none of
these libraries: the attributes of a response show which interface it has. Does not know how a task is drawn.
"""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from .._model.states import STOPPED_EARLY
from .joining import current_tracker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from types import TracebackType
    from typing import Any, Self

    from .task import Task

CHUNK = 1 << 16
"""Bytes that are read at a time."""
ENDED_EARLY = "the body ended before its length"


class TrackedResponse:
    """A response whose body advances a task by the bytes received over the network.

    Iterate over it, with `for` or `async for`, or `read` from it as from a file; every other attribute is the
    response's.
    """

    def __init__(self, response: Any, task: Task, chunk_size: int = CHUNK) -> None:
        self._response = response
        self._task = task
        self._chunk_size = chunk_size
        self._on_wire = _wire_counter(response) if _is_encoded(response) else None
        self._before = 0  # body bytes that arrived with the header are not read yet

    def _came(self, data: Any) -> Any:
        """Count `data`, and end the task if it is empty, which is the end of the body."""
        if self._on_wire is not None:
            now = self._on_wire()
            self._task.advance(now - self._before)
            self._before = now
        else:
            self._task.advance(len(data))
        if not data:
            self._ended()
        return data

    def _ended(self) -> None:
        task = self._task
        if task.total is not None and task.completed < task.total:
            task.fail(ENDED_EARLY)
        else:
            task.finish()

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most `size` bytes, or all that are left, and advance. Not for httpx and aiohttp, which are iterated over."""
        response = self._response
        read = _decoded_read(response.raw) if _kind(response) == "requests" else response.read
        data: bytes = self._came(read() if size is None or size < 0 else read(size))
        if data and (size is None or size < 0):
            self._ended()
        return data

    def __iter__(self) -> Iterator[bytes]:
        response, size = self._response, self._chunk_size
        kind = _kind(response)
        with _Ending(self._task):
            if kind == "file":
                while data := response.read(size):
                    yield self._came(data)
            else:
                chunks = {"requests": "iter_content", "httpx": "iter_bytes", "urllib3": "stream"}[kind]
                for data in getattr(response, chunks)(size):
                    yield self._came(data)
            self._came(b"")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        response, size = self._response, self._chunk_size
        httpx = hasattr(response, "aiter_bytes")
        chunks = response.aiter_bytes(size) if httpx else response.content.iter_chunked(size)
        with _Ending(self._task):
            async for data in chunks:
                yield self._came(data)
            self._came(b"")

    def __enter__(self) -> Self:
        self._response.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.__exit__(kind, error, trace)
        self._response.__exit__(kind, error, trace)

    async def __aenter__(self) -> Self:
        await self._response.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.__exit__(kind, error, trace)
        await self._response.__aexit__(kind, error, trace)

    def __getattr__(self, name: str) -> Any:
        if name == "_response":  # while the object is being copied
            raise AttributeError(name)
        return getattr(self._response, name)


class _Ending:
    """Ends a task with the error that leaves the block, or as stopped early if a loop is left."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def __enter__(self) -> None:
        """Do nothing: the task runs."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is GeneratorExit:
            self._task.cancel(STOPPED_EARLY)
        elif kind is not None:
            self._task.__exit__(kind, error, trace)


def _header(response: Any, name: str) -> str:
    value = response.headers.get(name)
    return "" if value is None else str(value).strip()


def _kind(response: Any) -> str:
    """Return the library that `response` has the interface of. `content` is not checked first, because reading it may
    read the body."""
    for kind, name in (("requests", "iter_content"), ("httpx", "num_bytes_downloaded"), ("urllib3", "stream")):
        if hasattr(response, name):
            return kind
    return "aiohttp" if hasattr(getattr(response, "content", None), "iter_chunked") else "file"


def _is_encoded(response: Any) -> bool:
    """Return whether the library decodes the body, so that its bytes differ from those sent."""
    return _kind(response) != "file" and _header(response, "Content-Encoding").lower() not in ("", "identity")


def _is_chunked(response: Any) -> bool:
    return "chunked" in _header(response, "Transfer-Encoding").lower()


def _wire_counter(response: Any) -> Callable[[], int] | None:
    """Return a function that returns the bytes of the body received so far; None if the library does not count them."""
    kind = _kind(response)
    if kind == "httpx":
        return lambda: int(response.num_bytes_downloaded)
    if kind == "aiohttp":
        content = response.content
        return (lambda: int(content.total_raw_bytes)) if hasattr(content, "total_raw_bytes") else None
    raw = response.raw if kind == "requests" else response
    if kind == "file" or _is_chunked(response) or not hasattr(raw, "tell"):  # urllib3 does not count chunked bodies
        return None
    return lambda: int(raw.tell())


def _decoded_read(raw: Any) -> Callable[..., bytes]:
    def read(*size: int) -> bytes:
        data: bytes = raw.read(*size, decode_content=True)
        return data

    return read


def _length(response: Any) -> int | None:
    """Return the size of the body in bytes as sent; None if it is unknown or cannot be counted."""
    length = _header(response, "Content-Length")
    if not (length.isascii() and length.isdigit()) or _is_chunked(response):
        return None
    return None if _is_encoded(response) and _wire_counter(response) is None else int(length)


def _name(response: Any) -> str:
    """Return the last part of the URL of `response`."""
    url = str(getattr(response, "url", "") or "")
    path = urlsplit(url).path.rstrip("/")
    return unquote(path.rpartition("/")[2]) or urlsplit(url).netloc or "download"


def wrap_response(response: Any, description: str | None = None, *, task: Task | None = None, **options: Any) -> Any:
    """Wrap `response` so that reading its body advances a task.

    Bytes count as they are sent, so that a compressed body (`Content-Encoding: gzip`) ends at its `Content-Length`. If
    the library does not report those bytes, there is no total. The task finishes with the body, and fails if the body
    ends too early.

    Args:
        response: A response whose body has not been read: of requests (`stream=True`), httpx (`client.stream`), aiohttp, urllib3
            (`preload_content=False`) or urllib.
        description: The task's; None takes the last part of the address.
        task: A task to advance, which gets the total; None adds one.
        options: Further arguments of `ProgressTracker.add_task`: parent, keep, color.

    Example:
        >>> import urllib.request
        >>> with urllib.request.urlopen("data:text/plain,hello") as response:
        ...     b"".join(wrap_response(response, "greeting"))
        b'hello'
    """
    total = _length(response)
    if task is None:
        title = _name(response) if description is None else description
        task = current_tracker().add_task(title, total=total or None, unit="B", **options)
    elif total:
        task.update(total=total)
    return TrackedResponse(response, task)
