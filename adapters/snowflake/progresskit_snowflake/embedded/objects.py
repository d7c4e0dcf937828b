"""Storage of a cloud's objects: in the bucket's folder by the server's own routes, or by an emulator.

Both answer clients' requests to the storage, and remove objects. In either case the bucket's folder has each whole
object, for LIST and COPY. Does not know the pace or the faults of uploads.
"""

from __future__ import annotations

import http.client
import itertools
import shutil
from pathlib import Path
from typing import Protocol
from xml.sax.saxutils import escape

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from .clouds import Asked, Cloud, Emulated
from .stages import Bucket

DIGEST = "x-goog-meta-sfc-digest"
"""The header in which a client stores its checksum of a file, to compare it later."""
EMULATOR_SECONDS = 60.0
"""Seconds that an emulator may take for an answer."""
BETWEEN = {"connection", "keep-alive", "transfer-encoding", "date", "server"}
"""Headers of an answer that are not forwarded to the client."""
_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


class Objects(Protocol):
    """Keeps a cloud's objects."""

    async def early(self, request: Request) -> Response | None:
        """Return the answer to an upload that needs none of its bytes; else None."""

    async def answer(self, request: Request, body: Path | None) -> Response:
        """Answer a request.

        Args:
            request: A client's.
            body: The bytes of a file that came with it, to be moved away or read; None where there are none.
        """

    def remove(self, key: str) -> None:
        """Remove the object at `key`, wherever it is beside the bucket's folder."""


class Folder:
    """Objects in the bucket's folder, whole, as Google Cloud Storage takes them.

    These routes are the server's own, because `--embedded` must run without further packages.

    Args:
        cloud: The cloud's protocol.
        bucket: The folder.
    """

    def __init__(self, cloud: Cloud, bucket: Bucket) -> None:
        self._cloud, self._bucket = cloud, bucket
        self._digests: dict[Path, str] = {}

    async def early(self, request: Request) -> Response | None:
        """Return a refusal if the object must be new and is not."""
        target = self._bucket.target(self._cloud.key(request))
        if target is None:
            return Response(status_code=400)
        if target.is_file() and request.headers.get("x-goog-if-generation-match") == "0":
            return Response(status_code=412)
        return None

    async def answer(self, request: Request, body: Path | None) -> Response:
        """Keep an object, or return whether it exists."""
        target = self._bucket.target(self._cloud.key(request))
        if target is None:
            return Response(status_code=400)
        if body is not None:
            self._bucket.keep(body, target)
            self._digests[target] = request.headers.get(DIGEST, "")
            return Response()
        if request.method != "HEAD":
            return Response(status_code=405)
        if not target.is_file():
            return Response(status_code=404)
        return Response(headers={"Content-Length": str(target.stat().st_size), DIGEST: self._digests.get(target, "")})

    def remove(self, key: str) -> None:
        """There is nothing but the folder."""


class FolderInParts(Folder):
    """Objects in the bucket's folder, with uploads in parts as S3 accepts them.

    These routes are the server's own, because no emulator discards uploads, and memory is measured with 50 GB.
    """

    def __init__(self, cloud: Cloud, bucket: Bucket) -> None:
        super().__init__(cloud, bucket)
        self._numbers = itertools.count(1)
        self._under_way: dict[str, dict[int, Path]] = {}  # number of the upload -> its parts

    async def answer(self, request: Request, body: Path | None) -> Response:
        """Begin, receive, complete or abort an upload in parts, or keep a whole object."""
        key, query = self._cloud.key(request), request.query_params
        upload = query.get("uploadId", "")
        if request.method == "POST" and "uploads" in query:
            return _document("InitiateMultipartUploadResult", self._cloud.bucket, key, UploadId=self.begin())
        if upload and upload not in self._under_way:
            return Response(status_code=404)
        if upload and body is not None:
            self.accept(upload, int(query.get("partNumber", 0)), body)
        elif request.method == "POST":
            target = self._bucket.target(key)
            if target is None:
                return Response(status_code=400)
            await run_in_threadpool(self.complete, upload, target)
            return _document("CompleteMultipartUploadResult", self._cloud.bucket, key, ETag=f'"{upload}"')
        elif request.method == "DELETE":
            self.give_up(upload)
            return Response(status_code=204)
        else:
            response = await super().answer(request, body)
            response.headers["ETag"] = '"embedded"'
            return response
        return Response(headers={"ETag": '"embedded"'})

    def begin(self) -> str:
        """Begin an upload, and return its number."""
        number = str(next(self._numbers))
        self._under_way[number] = {}
        return number

    def accept(self, upload: str, part: int, body: Path) -> None:
        """Keep a part; a second time it replaces the first."""
        place = self._bucket.partial / f"part-{upload}-{part}"
        body.replace(place)
        self._under_way[upload][part] = place

    def complete(self, upload: str, target: Path) -> None:
        """Join the parts to one object."""
        parts = self._under_way.pop(upload)
        whole = self._bucket.partial / f"whole-{upload}"
        with whole.open("wb") as out:
            for _, path in sorted(parts.items()):
                with path.open("rb") as part:
                    shutil.copyfileobj(part, out, 1 << 20)
                path.unlink()
        self._bucket.keep(whole, target)

    def give_up(self, upload: str) -> None:
        """Forget an upload and its parts."""
        for path in self._under_way.pop(upload).values():
            path.unlink(missing_ok=True)


class Relay:
    """Objects that an emulator keeps: requests are forwarded to it, and the result of an upload is copied to the
    bucket's folder.

    Args:
        cloud: The cloud's protocol, and the emulator's form of requests.
        bucket: The folder.
        port: Where the emulator listens on loopback.

    Raises:
        OSError: there is no emulator, or it cannot make the bucket.
    """

    def __init__(self, cloud: Emulated, bucket: Bucket, port: int) -> None:
        self._cloud, self._bucket, self._port = cloud, bucket, port
        self._own(cloud.bucket_made())

    async def early(self, request: Request) -> Response | None:
        """Return a refusal if the object must be new and is not, and the emulator does not check that itself."""
        asked = self._cloud.precondition(request)
        if asked is None:
            return None
        there = await run_in_threadpool(self._ask, asked, None)
        return Response(status_code=412) if there.status_code == 200 else None

    async def answer(self, request: Request, body: Path | None) -> Response:
        """Pass a request to the emulator, and return its answer."""
        asked = self._cloud.passed_on(request)
        if body is None:
            asked = asked._replace(body=await request.body())
        response = await run_in_threadpool(self._ask, asked, body)
        if response.status_code < 300 and self._cloud.completes(request):
            await run_in_threadpool(self._fetch, self._cloud.key(request))
        return response

    def remove(self, key: str) -> None:
        """Remove an object from the emulator."""
        self._own(self._cloud.removed(key))

    def _fetch(self, key: str) -> None:
        target = self._bucket.target(key)
        if target is not None:
            partial = self._bucket.beginning()
            partial.write_bytes(self._own(self._cloud.read(key)).body)
            self._bucket.keep(partial, target)

    def _own(self, asked: Asked) -> Response:
        """Return the answer to a request of this server, which must succeed."""
        response = self._ask(asked, None)
        if response.status_code >= 300:
            raise OSError(
                f"the emulator answered {asked.method} {asked.target:.200} with status {response.status_code}."
            )
        return response

    def _ask(self, asked: Asked, body: Path | None) -> Response:
        size = len(asked.body) if body is None else body.stat().st_size
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=EMULATOR_SECONDS)
        try:
            connection.putrequest(
                asked.method, asked.target, skip_host="host" in asked.headers, skip_accept_encoding=True
            )
            for name, value in asked.headers.items():
                connection.putheader(name, value.encode("latin-1"))
            if size or asked.method in ("PUT", "POST"):
                connection.putheader("Content-Length", str(size))
            connection.endheaders()
            if body is None:
                connection.send(asked.body)
            else:
                with body.open("rb") as file:
                    connection.send(file)
            answer = connection.getresponse()
            response = Response(answer.read(), answer.status)
            response.raw_headers = [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in answer.getheaders()
                if name.lower() not in BETWEEN
            ]
            if asked.method != "HEAD" and "content-length" not in response.headers:
                response.headers["content-length"] = str(len(response.body))
            return response
        finally:
            connection.close()


def _document(kind: str, bucket: str, key: str, **more: str) -> Response:
    rest = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in more.items())
    text = f"<{kind} {_NAMESPACE}><Bucket>{bucket}</Bucket><Key>{escape(key)}</Key>{rest}</{kind}>"
    return Response(text, media_type="application/xml")
