"""What the embedded server answers: fakesnow's routes, with uploads, stages and sessions handled here.

Uploads are streamed to disk, at the pace and with the faults of the controls. Runs in the server's own process, with the
stand-ins for the connector in place.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gzip
import importlib
import itertools
import json
import logging
import re
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fakesnow.transforms import stage as fakesnow_stage
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from .controls import Controls
from .mending import mend
from .parts import BUCKET, Parts
from .queries import HOLDING, Answer, Queries, Query, failure
from .stages import Bucket, Stage, StageError

fakesnow_server: Any = importlib.import_module("fakesnow.server")  # fakesnow has a function of the same name
LASTING = 4 * 3600
"""Seconds that a session lasts without a sign of life, as the service has it."""
NO_SESSION = (390111, "08001", "Session no longer exists.  New login required to access the service.")
DIGEST = "x-goog-meta-sfc-digest"
"""The header that a client writes its own checksum of a file to, to compare it later."""
IN_PARTS = 16 << 20
"""Bytes from which on a file goes in parts where the client asks the server, as 5.x does; the service has it at 200 MB."""
DATABASE, SCHEMA = "EMBEDDED", "PUBLIC"
_COPY = re.compile(r"\s*COPY\s+INTO\b", re.IGNORECASE)
_CANCEL = re.compile(r"\s*SELECT\s+SYSTEM\$CANCEL_QUERY\(\s*'([^']+)'\s*\)\s*;?\s*", re.IGNORECASE)
_RESULT = re.compile(r"\s*SELECT\s+\*\s+FROM\s+TABLE\(RESULT_SCAN\('([^']+)'\)\)\s*;?\s*", re.IGNORECASE)
_OPTION = re.compile(r"\b(OVERWRITE|PARALLEL)\s*=\s*(\w+)", re.IGNORECASE)


def protocol(controls: Controls) -> type[H11Protocol]:
    """Return what speaks HTTP on a connection: none gets that far while the server is away."""

    class Protocol(H11Protocol):  # type: ignore[misc]  # uvicorn's class has no types here
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if controls.away:
                reset(transport)

    return Protocol


def reset(transport: Any) -> None:
    """Close a connection at once, with nothing lingering: a reset to the other side."""
    connection = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class Application:
    """The server's routes over one bucket and one database.

    Args:
        controls: What it is told while it runs.
        folder: Where the stages live.
        keep: Whether to keep what is uploaded; without, it is counted and thrown away.
        storage: The kind of storage that clients are told of, `gcs` or `s3`.
    """

    def __init__(self, controls: Controls, folder: Path, *, keep: bool = True, storage: str = "gcs") -> None:
        catalog = Catalog(fakesnow_server.shared_fs.duck_conn)
        self._bucket = bucket = Bucket(folder / "bucket", folder / "partial", catalog)
        self._controls, self._keep, self._storage = controls, keep, storage
        self._parts = Parts(bucket.partial)
        self._queries = Queries(controls.held_at, interrupt)
        self._troubles = Troubles()
        logging.getLogger("fakesnow.server").handlers = [self._troubles]  # not uvicorn's list of them
        self._loop: asyncio.AbstractEventLoop | None = None
        self.secure_port = 0  # where uploads are taken under TLS
        self._numbers = itertools.count(1)
        self._modern: set[str] = set()  # the sessions of 5.x
        self._digests: dict[Path, str] = {}
        fakesnow_stage.LOCAL_BUCKET_PATH = str(bucket.root)
        fakesnow_server.gcs_stage_info = self._stage_info
        mend()
        fakesnow_server.shared_fs.connect(DATABASE, SCHEMA).close()  # makes both, so that a session can begin in them
        ours: dict[str, tuple[Callable[[Request], Awaitable[Response]], list[str]]] = {
            "/queries/v1/query-request": (self._query, ["POST"]),
            "/fs_bucket/{path:path}": (self._object, ["PUT", "HEAD"]),
            f"/{BUCKET}/{{path:path}}": (self._object_in_parts, ["PUT", "HEAD", "POST", "DELETE"]),
            "/queries/v1/abort-request": (self._abort, ["POST"]),
            "/queries/{id}/result": (self._result, ["GET"]),
            "/queries/{id}/abort-request": (self._abort_by_id, ["POST"]),
            "/monitoring/queries/{id}": (self._monitor, ["GET"]),
            "/monitoring/queries//{id}": (self._monitor, ["GET"]),  # so asks 5.2
            "/session": (self._session, ["POST"]),
            "/session/v1/login-request": (self._login, ["POST"]),
        }
        self.routes = [Route(path, endpoint, methods=methods) for path, (endpoint, methods) in ours.items()]
        theirs = {"/session/heartbeat"}
        self.routes += [route for route in fakesnow_server.routes if route.path in theirs]
        self._starlette = Starlette(routes=self.routes)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope["progresskit.transport"] = receive.__self__.transport  # what uvicorn reads the request from
        if scope.get("scheme") == "http":  # uploads under TLS have a loop of their own
            self._loop = asyncio.get_running_loop()
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
        """Begin a statement, and wait for it unless the client will ask later."""
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
        query = self._queries.asked(session, name) or self._queries.begin(
            session,
            name,
            statement,
            functools.partial(self._execute, request, document, connection),
            holdable=bool(_COPY.match(statement)),
        )
        return JSONResponse(query.in_progress("333334") if document.get("asyncExec") else await query.result())

    async def _execute(self, request: Request, document: dict[str, Any], connection: Any, query: Query) -> Answer:
        statement = str(document["sqlText"])
        try:
            current = (connection.database, connection.schema)
            answer = await run_in_threadpool(self._bucket.answer, statement, *current)
        except StageError as error:
            return failure(error.number, error.state, str(error))
        inner = with_body(request, {**document, "sqlText": statement if answer is None else answer})
        inner.state.statement = statement
        response = await fakesnow_server.query_request(inner)
        told: Answer = json.loads(response.body)
        if response.status_code != 200:  # the connector would ask again and again
            return failure(603, "XX000", f"the embedded server cannot run this: {self._troubles.last!r}")
        return told

    async def _result(self, request: Request) -> Response:
        """Answer a client that comes back for a result."""
        if token_of(request) not in fakesnow_server.sessions:
            return JSONResponse(failure(*NO_SESSION))
        query = self._queries.get(request.path_params["id"])
        if query is None or query.session != token_of(request):
            return JSONResponse(failure(709, "02000", f"Statement {request.path_params['id']} not found"))
        return JSONResponse(await query.result())

    async def _monitor(self, request: Request) -> Response:
        """Say how far a statement is."""
        if token_of(request) not in fakesnow_server.sessions:
            return JSONResponse(failure(*NO_SESSION))
        query = self._queries.get(request.path_params["id"])
        found = [] if query is None else [query.monitored()]
        return JSONResponse({"data": {"queries": found}, "code": None, "message": None, "success": True})

    async def _abort(self, request: Request) -> Response:
        """Have a statement end, named by the request that began it."""
        query = self._queries.asked(token_of(request), str((await body_of(request)).get("requestId", "")))
        if query is not None:
            self._queries.abort(query)
        return JSONResponse({"data": None, "code": None, "message": None, "success": True})

    async def _abort_by_id(self, request: Request) -> Response:
        """Have a statement end, named by its own number."""
        query = self._queries.get(request.path_params["id"])
        if query is not None and query.session == token_of(request):
            self._queries.abort(query)
        return JSONResponse({"data": None, "code": None, "message": None, "success": True})

    async def _login(self, request: Request) -> Response:
        """Begin a session; 5.x wants more in the answer than fakesnow has, and uploads in another way."""
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
        """End a session, if that is asked: what it had not committed is rolled back."""
        if request.query_params.get("delete"):
            await self._queries.end(token_of(request))
        connection = fakesnow_server.sessions.get(token_of(request))
        response: Response = await fakesnow_server.session(request)
        if connection is not None and token_of(request) not in fakesnow_server.sessions:
            await run_in_threadpool(end, connection)
        return response

    def _stage_info(self, request: Request, expression: Any, data: dict[str, Any]) -> dict[str, Any]:
        """Return where the client is to upload to: here, as if it were storage with a signed URL for each file."""
        options = {name.upper(): value for name, value in _OPTION.findall(request.state.statement)}
        data["overwrite"] = options.get("OVERWRITE", "").upper() == "TRUE"
        data["parallel"] = int(options.get("PARALLEL", 4))
        folder = Path(data["stageInfo"]["location"]).relative_to(self._bucket.root)
        here = f"{request.url.scheme}://{request.url.netloc}"
        if self._storage == "s3":
            data["threshold"] = IN_PARTS
            location = {"locationType": "S3", "location": f"{BUCKET}/{folder.as_posix()}/", "region": "us-east-1"}
            if token_of(request) not in self._modern:
                # 4.x asks https://BUCKET.ENDPOINT and nothing else: of 127.0.0.1, the bucket is the first number.
                location["location"] = "127/" + location["location"]
                here = f"0.0.1:{self.secure_port}"
            keys = dict.fromkeys(("AWS_KEY_ID", "AWS_SECRET_KEY", "AWS_TOKEN", "AWS_ID", "AWS_KEY"), "embedded")
            return {**location, "creds": keys, "endPoint": here, "isClientSideEncrypted": False}
        info = {"locationType": "GCS", "location": f"fs_bucket/{folder.as_posix()}/", "region": "local"}
        if token_of(request) in self._modern:
            return {**info, "creds": {"GCS_ACCESS_TOKEN": "embedded"}, "endPoint": here}
        # 4.x insists on https there, but takes a signed URL as it is, and asks for one by each file's name on the stage.
        path = quote((folder / Path(data["src_locations"][0]).name).as_posix())
        return {**info, "creds": {}, "presignedUrl": f"{here}/fs_bucket/{path}"}

    async def _object(self, request: Request) -> Response:
        """Take an upload, or tell whether the file is there."""
        target = self._bucket.target(request.path_params["path"])
        if target is None:
            return Response(status_code=400)
        there = target.is_file()
        if request.method == "HEAD":
            if not there:
                return Response(status_code=404)
            headers = {"Content-Length": str(target.stat().st_size), DIGEST: self._digests.get(target, "")}
            return Response(headers=headers)
        if there and request.headers.get("x-goog-if-generation-match") == "0":  # only if it is new
            return Response(status_code=412)
        response = await self._upload(request, target)
        if response.status_code == 200:
            self._digests[target] = request.headers.get(DIGEST, "")
        return response

    async def _object_in_parts(self, request: Request) -> Response:
        """Take an upload as S3 does: whole, or in parts."""
        key, query = request.path_params["path"], request.query_params
        upload = query.get("uploadId", "")
        target = self._bucket.target(key)
        if target is None:
            return Response(status_code=400)
        if request.method == "POST" and "uploads" in query:
            return Response(self._parts.begin(key), media_type="application/xml")
        if request.method == "POST":
            await request.body()
            answer = await run_in_threadpool(self._parts.complete, upload, key, target)
            return Response(answer, 404 if answer is None else 200, media_type="application/xml")
        if request.method == "DELETE":
            self._parts.give_up(upload)
            return Response(status_code=204)
        if not upload:
            response = await self._object(request)
        else:
            number = int(query.get("partNumber", 0))
            place = self._parts.place(upload, number)
            if place is None:
                return Response(status_code=404)
            response = await self._upload(request, place)
            if response.status_code == 200:
                self._parts.take(upload, number, place)
                self._controls.parts += 1
        response.headers["ETag"] = '"embedded"'
        return response

    async def _upload(self, request: Request, target: Path) -> Response:
        partial = self._bucket.beginning()
        taken = 0
        self._controls.begun()
        try:
            with partial.open("wb") as file:
                async for chunk in request.stream():
                    if not chunk:  # the end is told so
                        continue
                    if wait := self._controls.delay(len(chunk)):
                        await asyncio.sleep(wait)
                    taken += len(chunk)
                    self._controls.arrived(len(chunk))
                    while self._controls.stalls(taken):
                        await asyncio.sleep(HOLDING)
                    if self._controls.reset_due(taken):
                        reset(request.scope["progresskit.transport"])
                        return Response(status_code=500)
                    if self._keep:
                        file.write(chunk)
            status = self._controls.refusal()
            if status not in (None, 200):
                return Response(status_code=status)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            partial.replace(target)
        except ClientDisconnect:  # an upload that breaks off leaves nothing
            return Response(status_code=400)
        finally:
            self._controls.ended()
            partial.unlink(missing_ok=True)
        return Response()


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
        with self._connection.cursor() as cursor:  # of its own: no session's transaction has part in it
            where = "database_name = ? AND schema_name = ? AND name = ?"
            found: list[Any] = cursor.execute(f"{what} {self.TABLE} WHERE {where}", list(stage)).fetchall()
        return found


async def body_of(request: Request) -> dict[str, Any]:
    """Return the document that a request carries."""
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
    """Return the session that a request belongs to, by its token; empty where it names none."""
    return request.headers.get("Authorization", "")[17:-1]  # Snowflake Token="..."


class Troubles(logging.Handler):
    """Keeps what fakesnow logs of a statement that it could not run: its answer does not say.

    Attributes:
        last: The latest exception.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.last: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.exc_info[1] if record.exc_info else None


def interrupt(session: str) -> None:
    """Interrupt what a session is executing."""
    connection = fakesnow_server.sessions.get(session)
    if connection is not None:
        connection._duck_conn.interrupt()


def end(connection: Any) -> None:
    """Close a session's connection; what it had not committed is rolled back."""
    with contextlib.suppress(Exception):  # none is open
        connection._duck_conn.rollback()
    connection.close()
