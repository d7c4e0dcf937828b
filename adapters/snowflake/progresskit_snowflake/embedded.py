"""A local server: fakesnow's routes, with DuckDB behind them, on a free port of loopback.

Uploads are streamed to a private folder, at a pace if one is asked for. What fakesnow lacks of the statements that a load
needs is added here: FILES= on internal stages, DROP STAGE, REMOVE. Not like the real service: no rights, one warehouse that
is always awake, and COPY does not read the same file twice into a table even in a transaction that was rolled back.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import json
import logging
import os
import re
import shutil
import socket
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

BUFFER = 1 << 16
"""Bytes that the kernel may hold of an upload on its way: little, so that the pace is felt by who sends."""
_DROP_STAGE = re.compile(r"\s*DROP\s+STAGE\s+(IF\s+EXISTS\s+)?(\S+?)\s*;?\s*", re.IGNORECASE)
_REMOVE = re.compile(r"\s*(?:REMOVE|RM)\s+@(\S+?)\s*;?\s*", re.IGNORECASE)


@contextlib.contextmanager
def embedded_server(
    *,
    pace: float | None = None,
    received: list[tuple[float, int]] | None = None,
    refusals: list[int] | None = None,
) -> Iterator[dict[str, Any]]:
    """Start the server and yield what `snowflake.connector.connect` takes; stop it at the end.

    Args:
        pace: Bytes a second that it takes of all uploads together; None: as fast as it can.
        received: Is appended to as bytes of uploads arrive: the time, by `time.monotonic`, and the bytes so far.
        refusals: HTTP statuses, as 503; each is taken away and answered to one upload instead of keeping it.

    Raises:
        LoadError: fakesnow is not installed, or does not go with the installed connector.
    """
    from .session import LoadError

    try:
        import uvicorn

        app = _application(pace, received, [] if refusals is None else refusals)
    except ImportError as error:
        raise LoadError(
            f'the embedded server cannot be imported ({error}): pip install "progresskit[snowflake,embedded]"'
        ) from error

    # The server is a part of this command: what it logs of each query is not for the user's screen.
    for logger in ("fakesnow", "fakesnow.server", "fakesnow.conn", "fakesnow.cursor", "uvicorn", "sqlglot"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"fakesnow\b")  # of a deprecation between it and DuckDB
    # With the protocol named, asyncio switches Nagle's algorithm off; without, each query takes 44 ms more.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if pace is not None:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)  # inherited by what it accepts
    listening.bind(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    started = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets=sockets)
            started.set()

    server = Server(uvicorn.Config(app, log_level="critical"))
    thread = threading.Thread(target=server.run, args=([listening],), name="embedded snowflake", daemon=True)
    thread.start()
    if not started.wait(30):
        raise LoadError("the embedded server did not start within 30 seconds.")
    try:
        yield {
            "user": "embedded",
            "password": "embedded",
            "account": "embedded",
            "host": "127.0.0.1",
            "port": port,
            "protocol": "http",
            "database": "EMBEDDED",
            "schema": "PUBLIC",
            "session_parameters": {"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
            "platform_detection_timeout_seconds": 0,  # 4.x asks a cloud's metadata address otherwise
            "network_timeout": 60,
        }
    finally:
        server.should_exit = server.force_exit = True  # an upload that is under way is not waited for
        thread.join(5)
        listening.close()
        shutil.rmtree(_bucket(), ignore_errors=True)


def _bucket() -> Path:
    """Return the folder that all stages of this process live in."""
    from fakesnow.transforms import stage

    return Path(stage.LOCAL_BUCKET_PATH)


@functools.cache
def _mend() -> None:
    """Teach fakesnow, once in a process, what a load needs of COPY."""
    from fakesnow import copy_into
    from fakesnow.transforms import stage

    read_csv = copy_into.ReadCSV.read_expression

    def read_as_told(reader: copy_into.ReadCSV, url: str) -> Any:
        """Have DuckDB take the format as the statement gives it, and convert texts to the table's types: no guessing."""
        expression = read_csv(reader, url)
        more: list[tuple[str, str | bool]] = [("all_varchar", True)]
        if reader.sep == ",":
            more.append(("sep", ","))
        if reader.quote:
            more.append(("escape", reader.quote))
        for name, value in more:
            expression.append("expressions", reader.make_eq(name, value))
        return expression

    copy_into.ReadCSV.read_expression = read_as_told  # type: ignore[assignment, method-assign]  # that is the mending
    source_urls = copy_into._source_urls

    def internal_too(source: str, files: list[str]) -> list[str]:
        if stage.is_internal(source):
            return [f"{source.rstrip('/')}/{file}" for file in files]
        return source_urls(source, files)

    copy_into._source_urls = internal_too


def _application(pace: float | None, received: list[tuple[float, int]] | None, refusals: list[int]) -> Starlette:
    """Return fakesnow's application with our own handling of uploads and of the statements that it lacks."""
    from fakesnow.server import query_request, routes
    from fakesnow.server import shared_fs as warehouse
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    _bucket().mkdir(mode=0o700, exist_ok=True)
    connection = warehouse.connect("EMBEDDED", "PUBLIC")  # makes both, so that a session can begin in them
    connection.close()

    _mend()

    async def query(request: Request) -> Response:
        body = await request.body()
        packed = request.headers.get("Content-Encoding") == "gzip"
        document = json.loads(gzip.decompress(body) if packed else body)
        statement = str(document.get("sqlText", ""))
        dropped, removed = _DROP_STAGE.fullmatch(statement), _REMOVE.fullmatch(statement)
        if dropped or removed:
            name = (dropped or removed)[2 if dropped else 1].strip('"').upper()  # type: ignore[index]  # one matched
            shutil.rmtree(_bucket() / "EMBEDDED" / "PUBLIC" / name.partition("/")[0], ignore_errors=True)
            document["sqlText"] = "SELECT 'done' AS status"
            if dropped:
                document["sqlText"] = f"DELETE FROM _fs_global._fs_information_schema._fs_stages WHERE name = '{name}'"
        body = json.dumps(document).encode()
        request._body = gzip.compress(body, 1) if packed else body
        return await query_request(request)

    limit = _Limit(pace)

    async def upload(request: Request) -> Response:
        target = Path(os.path.normpath(_bucket() / request.path_params["path"]))
        if not target.is_relative_to(_bucket()):
            return Response(status_code=400)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{threading.get_ident()}.{id(request)}")
        try:
            with partial.open("wb") as file:
                async for chunk in request.stream():
                    await limit.wait(len(chunk))
                    file.write(chunk)
                    if received is not None:
                        received.append((time.monotonic(), (received[-1][1] if received else 0) + len(chunk)))
            if refusals:
                return Response(status_code=refusals.pop(0))
            partial.replace(target)  # an upload that breaks off leaves nothing
        finally:
            partial.unlink(missing_ok=True)
        return Response()

    ours = {"/queries/v1/query-request": query, "/fs_bucket/{path:path}": upload}
    return Starlette(
        routes=[
            Route(route.path, ours.get(route.path, route.endpoint), methods=list(route.methods or ()))
            for route in routes
        ]
    )


class _Limit:
    """Holds all uploads together to a pace, by waiting before each block is taken."""

    def __init__(self, pace: float | None) -> None:
        self._pace = pace
        self._free = 0.0  # when the next byte may come

    async def wait(self, size: int) -> None:
        """Wait until `size` more bytes keep to the pace."""
        import asyncio

        if self._pace is None:
            return
        now = time.monotonic()
        self._free = max(self._free, now) + size / self._pace
        await asyncio.sleep(self._free - now)
