"""The routes of the embedded server: fakesnow's, with uploads, stages and sessions handled here.

Uploads are streamed to disk, at the pace and with the faults of the controls. Runs in the server's own process, with
`connector_stub` in place of the connector.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import functools
import gzip
import importlib
import itertools
import json
import logging
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fakesnow.transforms import stage as fakesnow_stage
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from .clouds import IN_PARTS, Client, PlainGcs
from .controls import Controls
from .fakesnow_patches import apply_patches
from .queries import Answer, Queries, Query, failure
from .receiving import Gone, Receiver, Refused, reset
from .stages import Bucket, Stage, StageError, put_path
from .storages import Storage

fakesnow_server: Any = importlib.import_module("fakesnow.server")  # fakesnow has a function of the same name
LASTING = 4 * 3600
"""Seconds that a session lasts without a request, as in the service."""
NO_SESSION = (390111, "08001", "Session no longer exists.  New login required to access the service.")
DATABASE, SCHEMA = "EMBEDDED", "PUBLIC"
_COPY = re.compile(r"\s*COPY\s+INTO\b", re.IGNORECASE)
_CANCEL = re.compile(r"\s*SELECT\s+SYSTEM\$CANCEL_QUERY\(\s*'([^']+)'\s*\)\s*;?\s*", re.IGNORECASE)
_RESULT = re.compile(r"\s*SELECT\s+\*\s+FROM\s+TABLE\(RESULT_SCAN\('([^']+)'\)\)\s*;?\s*", re.IGNORECASE)
_OPTION = re.compile(r"\b(OVERWRITE|PARALLEL|SOURCE_COMPRESSION)\s*=\s*(\w+)", re.IGNORECASE)


def protocol(controls: Controls) -> type[H11Protocol]:
    """Return the HTTP protocol of a connection. Connections are reset before that while the server is away."""

    class Protocol(H11Protocol):  # type: ignore[misc]  # uvicorn's class has no types here
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if controls.away:
                reset(transport)

    return Protocol


class Application:
    """The server's routes over one bucket and one database.

    Args:
        controls: Its controls while it runs.
        folder: The folder of the stages.
        keep: Whether to keep uploaded bytes; otherwise they are counted and discarded.
        storage: The storage to which clients are directed.
    """

    def __init__(self, controls: Controls, folder: Path, storage: Storage, *, keep: bool = True) -> None:
        catalog = Catalog(fakesnow_server.shared_fs.duck_conn)
        self._bucket = bucket = Bucket(folder / "bucket", folder / "partial", catalog)
        self._controls = controls
        self._cloud, self._objects = storage.opened(bucket)
        self._receiver = Receiver(controls, bucket, keep=keep)
        bucket.removed = self._objects.remove
        self._queries = Queries(controls.held_at, interrupt)
        self._troubles = Troubles()
        logging.getLogger("fakesnow.server").handlers = [self._troubles]  # not uvicorn's list of them
        self._loop: asyncio.AbstractEventLoop | None = None
        self._numbers = itertools.count(1)
        self._modern: set[str] = set()  # the sessions of 5.x
        self._puts: dict[str, tuple[str, str, Answer]] = {}  # session -> its latest statement, where that is a PUT
        fakesnow_stage.LOCAL_BUCKET_PATH = str(bucket.root)
        fakesnow_server.gcs_stage_info = self._stage_info
        apply_patches()
        fakesnow_server.shared_fs.connect(DATABASE, SCHEMA).close()  # makes both, because sessions begin in them
        ours: dict[str, tuple[Callable[[Request], Awaitable[Response]], list[str]]] = {
            "/queries/v1/query-request": (self._query, ["POST"]),
            "/queries/v1/abort-request": (self._abort, ["POST"]),
            "/queries/{id}/result": (self._result, ["GET"]),
            "/queries/{id}/abort-request": (self._abort_by_id, ["POST"]),
            "/monitoring/queries/{id}": (self._monitor, ["GET"]),
            "/monitoring/queries//{id}": (self._monitor, ["GET"]),  # 5.2 sends this request
            "/session": (self._session, ["POST"]),
            "/session/v1/login-request": (self._login, ["POST"]),
        }
        self.routes = [Route(path, endpoint, methods=methods) for path, (endpoint, methods) in ours.items()]
        theirs = {"/session/heartbeat"}
        self.routes += [route for route in fakesnow_server.routes if route.path in theirs]
        self._starlette = Starlette(routes=self.routes)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope["progresskit.transport"] = receive.__self__.transport  # uvicorn reads the request from it
            self._loop = asyncio.get_running_loop()
            # Not a route of the framework, because those do not match a path with a line break.
            if scope["scheme"] == "https" or scope["path"].startswith(f"/{PlainGcs.bucket}/"):
                return await (await self._stored(Request(scope, receive)))(scope, receive, send)
        await self._starlette(scope, receive, send)

    def lose_sessions(self) -> None:
        """End all sessions. From another thread than the server's."""
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._lose(), self._loop).result()

    async def _lose(self) -> None:
        for token, connection in list(fakesnow_server.sessions.items()):
            await self._queries.end(token)
            del fakesnow_server.sessions[token]
            await run_in_threadpool(end, connection)

    async def _query(self, request: Request) -> Response:
        """Begin a statement, and wait for it unless the client polls."""
        document = await body_of(request)
        session, statement = token_of(request), str(document.get("sqlText", ""))
        connection = fakesnow_server.sessions.get(session)
        if connection is None:
            return JSONResponse(failure(*NO_SESSION))
        if match := _CANCEL.fullmatch(statement):
            if query := self._queries.get(match[1]):
                self._queries.abort(query)
            document["sqlText"] = "SELECT 'query cancelled' AS status"
        elif (match := _RESULT.fullmatch(statement)) and (query := self._queries.get(match[1])):
            return JSONResponse(await query.result())
        name = request.query_params.get("requestId", "")
        query = self._queries.begun_by(session, name) or self._queries.begin(
            session,
            name,
            statement,
            functools.partial(self._execute, request, document, connection),
            holdable=bool(_COPY.match(statement)),
        )
        return JSONResponse(query.in_progress("333334") if document.get("asyncExec") else await query.result())

    async def _execute(self, request: Request, document: dict[str, Any], connection: Any, query: Query) -> Answer:
        statement = str(document["sqlText"])
        source, sent = put_path(statement) or (None, statement)
        if source is not None and "/" not in source and (again := self._again(query.session, sent, source, request)):
            return again
        try:
            current = (connection.database, connection.schema)
            answer = await run_in_threadpool(self._bucket.answer, statement, *current)
        except StageError as error:
            return failure(error.number, error.state, str(error))
        inner = with_body(request, {**document, "sqlText": sent if answer is None else answer})
        inner.state.statement, inner.state.source = sent, source
        response = await fakesnow_server.query_request(inner)
        reply: Answer = json.loads(response.body)
        if response.status_code != 200:  # the connector would ask again and again
            return failure(603, "XX000", f"the embedded server cannot run this: {self._troubles.last!r}")
        if source is not None and reply["success"]:
            self._puts[query.session] = sent, inner.state.folder, reply
        else:
            self._puts.pop(query.session, None)
        return reply

    def _again(self, session: str, sent: str, source: str, request: Request) -> Answer | None:
        """Return the answer to the session's last PUT, for another file; None if it was another statement.

        Connector 4.x requests each file's signed URL this way. Nothing else has changed, and fakesnow would parse the
        statement again.
        """
        before, folder, reply = self._puts.get(session, ("", "", {}))
        if before != sent:
            return None
        reply = copy.deepcopy(reply)
        reply["data"]["src_locations"] = [source]
        reply["data"]["stageInfo"] = self._located(session, request, folder, source)
        return reply

    async def _result(self, request: Request) -> Response:
        """Answer a client that requests a result."""
        if token_of(request) not in fakesnow_server.sessions:
            return JSONResponse(failure(*NO_SESSION))
        query = self._queries.get(request.path_params["id"])
        if query is None or query.session != token_of(request):
            return JSONResponse(failure(709, "02000", f"Statement {request.path_params['id']} not found"))
        return JSONResponse(await query.result())

    async def _monitor(self, request: Request) -> Response:
        """Return the state of a statement."""
        if token_of(request) not in fakesnow_server.sessions:
            return JSONResponse(failure(*NO_SESSION))
        query = self._queries.get(request.path_params["id"])
        found = [] if query is None else [query.monitoring_answer()]
        return JSONResponse({"data": {"queries": found}, "code": None, "message": None, "success": True})

    async def _abort(self, request: Request) -> Response:
        """End the statement that the request with this id began."""
        query = self._queries.begun_by(token_of(request), str((await body_of(request)).get("requestId", "")))
        if query is not None:
            self._queries.abort(query)
        return JSONResponse({"data": None, "code": None, "message": None, "success": True})

    async def _abort_by_id(self, request: Request) -> Response:
        """End the statement with this id."""
        query = self._queries.get(request.path_params["id"])
        if query is not None and query.session == token_of(request):
            self._queries.abort(query)
        return JSONResponse({"data": None, "code": None, "message": None, "success": True})

    async def _login(self, request: Request) -> Response:
        """Begin a session. 5.x needs more in the answer than fakesnow gives, and uploads in another way."""
        response = await fakesnow_server.login_request(request)
        answer = json.loads(response.body)
        token = answer["data"]["token"]
        asked = (await body_of(request))["data"]
        if int(str(asked.get("CLIENT_APP_VERSION", "4")).partition(".")[0]) >= 5:
            self._modern.add(token)
        answer["data"] |= {"masterToken": token, "sessionId": next(self._numbers)}
        answer["data"] |= {"validityInSeconds": LASTING, "masterValidityInSeconds": LASTING}
        return JSONResponse(answer)

    async def _session(self, request: Request) -> Response:
        """End a session if the request says so; uncommitted changes are rolled back."""
        if request.query_params.get("delete"):
            await self._queries.end(token_of(request))
        connection = fakesnow_server.sessions.get(token_of(request))
        response: Response = await fakesnow_server.session(request)
        if connection is not None and token_of(request) not in fakesnow_server.sessions:
            await run_in_threadpool(end, connection)
        return response

    def _stage_info(self, request: Request, expression: Any, data: dict[str, Any]) -> dict[str, Any]:
        """Return the destination of the upload, and the parts of PUT that fakesnow lacks."""
        options = {name.upper(): value for name, value in _OPTION.findall(request.state.statement)}
        data["overwrite"] = options.get("OVERWRITE", "").upper() == "TRUE"
        data["parallel"] = int(options.get("PARALLEL", 4))
        data["sourceCompression"] = options.get("SOURCE_COMPRESSION", "auto_detect").lower()
        data["threshold"] = IN_PARTS
        if request.state.source is not None:
            data["src_locations"] = [request.state.source]
        request.state.folder = Path(data["stageInfo"]["location"]).relative_to(self._bucket.root).as_posix()
        name = data["src_locations"][0].rpartition("/")[2]
        return self._located(token_of(request), request, request.state.folder, name)

    def _located(self, session: str, request: Request, folder: str, name: str) -> dict[str, Any]:
        """Return the destination to which a session's client uploads a file of a stage's folder."""
        client = Client(session in self._modern, f"{request.url.scheme}://{request.url.netloc}")
        return self._cloud.stage_info(client, folder, name, self._controls.generation)

    async def _stored(self, request: Request) -> Response:
        """Answer a client's request to the storage."""
        cloud = self._cloud
        if not cloud.carries(request):
            return cloud.expired(request) if self._stale(request) else await self._objects.answer(request, None)
        if (response := await self._objects.early(request)) is not None:
            return response
        try:
            async with self._receiver.received(request) as body:
                if self._stale(request):
                    return cloud.expired(request)
                response = await self._objects.answer(request, body)
        except Refused as refusal:
            return cloud.refusal(refusal.status)
        except Gone:
            return Response(status_code=400)
        self._controls.parts += cloud.is_part(request) and response.status_code < 300
        return response

    def _stale(self, request: Request) -> bool:
        return self._cloud.generation(request) != self._controls.generation


class Catalog:
    """The server's table of stages."""

    TABLE = "_fs_global._fs_information_schema._fs_stages"

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def has(self, stage: Stage) -> bool:
        """Return whether there is such a stage."""
        return bool(self._execute("SELECT 1 FROM", stage))

    def drop(self, stage: Stage) -> bool:
        """Forget a stage, and return whether there was one."""
        there = self.has(stage)
        self._execute("DELETE FROM", stage)
        return there

    def _execute(self, what: str, stage: Stage) -> list[Any]:
        with self._connection.cursor() as cursor:  # a separate connection, so that no session's transaction includes it
            where = "database_name = ? AND schema_name = ? AND name = ?"
            found: list[Any] = cursor.execute(f"{what} {self.TABLE} WHERE {where}", list(stage)).fetchall()
        return found


async def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON document of a request."""
    body = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    document: dict[str, Any] = json.loads(body) if body else {}
    return document


def with_body(request: Request, document: dict[str, Any]) -> Request:
    """Return `request` with another document in it."""
    body = json.dumps(document).encode()
    headers = [(name, value) for name, value in request.scope["headers"] if name.lower() != b"content-encoding"]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request({**request.scope, "headers": headers, "state": {}}, receive)


def token_of(request: Request) -> str:
    """Return the session that a request belongs to, by its token; empty if it has none."""
    return request.headers.get("Authorization", "")[17:-1]  # Snowflake Token="..."


class Troubles(logging.Handler):
    """Keeps the error that fakesnow logs of a failed statement, because its answer lacks it.

    Attributes:
        last: The latest exception.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.last: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.exc_info[1] if record.exc_info else None


def interrupt(session: str) -> None:
    """Interrupt the running statement of a session."""
    connection = fakesnow_server.sessions.get(session)
    if connection is not None:
        connection._duck_conn.interrupt()


def end(connection: Any) -> None:
    """Close a session's connection; uncommitted changes are rolled back."""
    with contextlib.suppress(Exception):  # none is open
        connection._duck_conn.rollback()
    connection.close()
