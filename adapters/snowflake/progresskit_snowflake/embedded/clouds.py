"""The protocol of each cloud's storage: the answers about a stage, the meaning of requests, the text of refusals.

One object for each cloud, all with the same methods. Knows requests and answers as values. Does not know where objects
are kept.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import http
import json
from typing import Any, ClassVar, NamedTuple, Protocol
from urllib.parse import quote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

DOMAIN = "storage.test"
"""The domain of the emulated hosts: reserved for tests, so that a name that leaks out leads nowhere."""
IN_PARTS = 8 << 20
"""Bytes from which on a file goes in parts; the service has it at 200 MB."""
TOKEN = "embedded-"
"""The beginning of a storage credential. The number after it counts the expiries before it was issued."""
SAS_MINUTES = 60


class Client(NamedTuple):
    """The session that requests a destination.

    Attributes:
        modern: Whether it is a connector of 5.x.
        here: The server's own address, as the session uses it.
    """

    modern: bool
    here: str


class Asked(NamedTuple):
    """A request to an emulator.

    Attributes:
        method: Its verb.
        target: Its path and query.
        headers: Its headers.
        body: Its body, if that is not a client's.
    """

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""


class Cloud(Protocol):
    """One cloud's storage.

    Attributes:
        bucket: The bucket of all stages.
    """

    bucket: ClassVar[str]

    def stage_info(self, client: Client, folder: str, name: str, generation: int) -> dict[str, Any]:
        """Return the destination and the credentials for a client's upload.

        Args:
            client: The client's session.
            folder: The stage's folder in the bucket.
            name: The file that the statement names.
            generation: How often credentials have expired so far.
        """

    def generation(self, request: Request) -> int:
        """Return the generation of a request's credentials; -1 if it has none."""

    def key(self, request: Request) -> str:
        """Return the path in the bucket of a request's object."""

    def carries(self, request: Request) -> bool:
        """Return whether the body of a request has bytes of a file."""

    def is_part(self, request: Request) -> bool:
        """Return whether these are one part of a file."""

    def completes(self, request: Request) -> bool:
        """Return whether a request that succeeds leaves a whole object."""

    def refusal(self, status: int) -> Response:
        """Return the refusal of an upload."""

    def expired(self, request: Request) -> Response:
        """Return the answer to a request whose credentials have expired."""


class Emulated(Cloud, Protocol):
    """A cloud whose objects an emulator keeps."""

    def bucket_made(self) -> Asked:
        """Return the request that makes the bucket."""

    def passed_on(self, request: Request) -> Asked:
        """Return a client's request in the emulator's form."""

    def read(self, key: str) -> Asked:
        """Return the request for the bytes of an object."""

    def removed(self, key: str) -> Asked:
        """Return the request that removes an object."""

    def precondition(self, request: Request) -> Asked | None:
        """Return the request that checks whether an object exists, if `request` must not replace it; else None."""


class Gcs:
    """Google Cloud Storage by its XML API, under TLS, with an access token. A file goes whole: neither connector resumes one."""

    bucket: ClassVar[str] = "gcs-stages"
    host: ClassVar[str] = f"gcs.{DOMAIN}"
    served_as: ClassVar[str] = "storage.googleapis.com"
    """The host under which the emulator serves the XML API."""

    def stage_info(self, client: Client, folder: str, name: str, generation: int) -> dict[str, Any]:
        """Return the endpoint and an access token."""
        return {
            "locationType": "GCS",
            "location": f"{self.bucket}/{folder}/",
            "region": "local",
            "creds": {"GCS_ACCESS_TOKEN": f"{TOKEN}{generation}"},
            "endPoint": f"https://{self.host}",
        }

    def generation(self, request: Request) -> int:
        """Return the generation of the access token."""
        return _generation(request.headers.get("Authorization", ""))

    def key(self, request: Request) -> str:
        """Return the path behind the bucket's name."""
        return str(request.scope["path"]).removeprefix(f"/{self.bucket}/")

    def carries(self, request: Request) -> bool:
        """Return whether it is a PUT."""
        return request.method == "PUT"

    def is_part(self, request: Request) -> bool:
        """Return False: files go whole."""
        return False

    def completes(self, request: Request) -> bool:
        """Return whether it is a PUT."""
        return request.method == "PUT"

    def refusal(self, status: int) -> Response:
        """Return the refusal as the XML API words it."""
        code = {429: "TooManyRequests", 503: "ServiceUnavailable"}.get(status, "Refused")
        return _xml_error(status, code)

    def expired(self, request: Request) -> Response:
        """Return the answer to an access token that has expired."""
        return _xml_error(401, "AuthenticationRequired")

    def bucket_made(self) -> Asked:
        """Return the request of the JSON API."""
        body = json.dumps({"name": self.bucket}).encode()
        return Asked("POST", "/storage/v1/b?project=local", {"content-type": "application/json"}, body)

    def passed_on(self, request: Request) -> Asked:
        """Return the request with a signed URL, because the emulator accepts no other upload by the XML API."""
        target = _raw_path(request)
        signed = "?X-Goog-Algorithm=GOOG4-RSA-SHA256" if request.method == "PUT" else ""
        return Asked(request.method, target + signed, {**_headers(request), "host": self.served_as})

    def read(self, key: str) -> Asked:
        """Return a GET of the XML API."""
        return Asked("GET", f"/{self.bucket}/{quote(key)}", {"host": self.served_as})

    def removed(self, key: str) -> Asked:
        """Return a DELETE of the JSON API: the emulator has none in the XML API."""
        return Asked("DELETE", f"/storage/v1/b/{self.bucket}/o/{quote(key, safe='')}", {})

    def precondition(self, request: Request) -> Asked | None:
        """Return a HEAD if the object must be new, because the emulator ignores that header."""
        if request.headers.get("x-goog-if-generation-match") != "0":
            return None
        return self.read(self.key(request))._replace(method="HEAD")


class PlainGcs(Gcs):
    """Google Cloud Storage over plain HTTP on the account's own port, which needs neither a proxy nor a certificate.

    5.x uses an access token. 4.x requires TLS with one, but accepts a signed URL, and requests one for each file.
    """

    bucket: ClassVar[str] = "fs_bucket"

    def stage_info(self, client: Client, folder: str, name: str, generation: int) -> dict[str, Any]:
        """Return an access token, or a signed URL for `name`."""
        info = super().stage_info(client, folder, name, generation)
        if client.modern:
            return {**info, "endPoint": client.here}
        # Without a signed URL, 4.x uses the endpoint, else a public host.
        netloc = urlsplit(client.here).netloc
        signed = (
            f"{client.here}/{self.bucket}/{quote(f'{folder}/{name}')}?{urlencode({'token': f'{TOKEN}{generation}'})}"
        )
        return {**info, "creds": {}, "presignedUrl": signed, "endPoint": f"https://{netloc}"}

    def generation(self, request: Request) -> int:
        """Return the generation of the access token, or of the signed URL."""
        return _generation(request.query_params.get("token") or request.headers.get("Authorization", ""))

    def expired(self, request: Request) -> Response:
        """Return the answer to an access token; a signed URL that has expired is a bad request."""
        return _xml_error(400, "ExpiredToken") if "token" in request.query_params else super().expired(request)


class S3:
    """Amazon S3: under TLS, by the bucket's own host, in parts from some size on."""

    bucket: ClassVar[str] = "s3-stages"
    region: ClassVar[str] = "us-east-1"
    host: ClassVar[str] = f"s3.{DOMAIN}"

    def stage_info(self, client: Client, folder: str, name: str, generation: int) -> dict[str, Any]:
        """Return the endpoint and temporary keys."""
        keys = dict.fromkeys(("AWS_KEY_ID", "AWS_SECRET_KEY", "AWS_ID", "AWS_KEY"), "embedded")
        return {
            "locationType": "S3",
            "location": f"{self.bucket}/{folder}/",
            "region": self.region,
            "creds": {**keys, "AWS_TOKEN": f"{TOKEN}{generation}"},
            "endPoint": f"https://{self.host}" if client.modern else self.host,
            "isClientSideEncrypted": False,
        }

    def generation(self, request: Request) -> int:
        """Return the generation of the session token."""
        return _generation(request.headers.get("x-amz-security-token", ""))

    def key(self, request: Request) -> str:
        """Return the path, without the bucket if the host does not name it."""
        return str(request.scope["path"]).removeprefix("/").removeprefix(f"{self.bucket}/")

    def carries(self, request: Request) -> bool:
        """Return whether it is a PUT, of a part or a whole."""
        return request.method == "PUT"

    def is_part(self, request: Request) -> bool:
        """Return whether it names a part."""
        return "partNumber" in request.query_params

    def completes(self, request: Request) -> bool:
        """Return whether it is a PUT of a whole, or completes an upload in parts."""
        return (request.method == "PUT" and not self.is_part(request)) or (
            request.method == "POST" and "uploadId" in request.query_params
        )

    def refusal(self, status: int) -> Response:
        """Return the refusal as S3 words it."""
        return _xml_error(status, {429: "TooManyRequests", 503: "SlowDown"}.get(status, "Refused"))

    def expired(self, request: Request) -> Response:
        """Return S3's answer to an expired session token."""
        return _xml_error(400, "ExpiredToken")

    def bucket_made(self) -> Asked:
        """Return the request that makes the bucket."""
        return Asked("PUT", f"/{self.bucket}", self._signed())

    def passed_on(self, request: Request) -> Asked:
        """Return the request with the bucket in its path, because the emulator has no host for each bucket."""
        path = _raw_path(request)
        if not path.startswith(f"/{self.bucket}/"):
            path = f"/{self.bucket}{path}"
        query = request.scope["query_string"].decode("latin-1")
        headers = _headers(request)
        del headers["host"]
        return Asked(request.method, f"{path}?{query}" if query else path, headers)

    def read(self, key: str) -> Asked:
        """Return a GET."""
        return Asked("GET", f"/{self.bucket}/{quote(key)}", self._signed())

    def removed(self, key: str) -> Asked:
        """Return a DELETE."""
        return Asked("DELETE", f"/{self.bucket}/{quote(key)}", self._signed())

    def precondition(self, request: Request) -> Asked | None:
        """Return None: the emulator checks by itself."""
        return None

    def _signed(self) -> dict[str, str]:
        """Return the header that names the bucket's owner. The emulator checks the name, but no signature."""
        return {"authorization": f"AWS4-HMAC-SHA256 Credential=embedded/20260101/{self.region}/s3/aws4_request"}


class Azure:
    """Azure Blob Storage: under TLS, with a shared access signature; in blocks and a list of them from some size on."""

    bucket: ClassVar[str] = "azure-stages"
    account: ClassVar[str] = "embedded"
    secret: ClassVar[str] = base64.b64encode(b"the embedded server's account").decode()
    endpoint: ClassVar[str] = f"blob.{DOMAIN}"
    host: ClassVar[str] = f"{account}.{endpoint}"

    def stage_info(self, client: Client, folder: str, name: str, generation: int) -> dict[str, Any]:
        """Return the account, its endpoint and a signature."""
        return {
            "locationType": "AZURE",
            "location": f"{self.bucket}/{folder}/",
            "region": "local",
            "storageAccount": self.account,
            "creds": {"AZURE_SAS_TOKEN": f"?{self._signature()}&token={TOKEN}{generation}"},
            "endPoint": self.endpoint,
        }

    def _signature(self) -> str:
        """Return an account's shared access signature for objects of its blob service."""
        until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=SAS_MINUTES)
        fields = {
            "sp": "rwdlac",
            "ss": "b",
            "srt": "sco",
            "st": "",
            "se": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "sip": "",
            "spr": "https,http",
            "sv": "2019-12-12",
        }
        signed = "".join(f"{value}\n" for value in (self.account, *fields.values()))
        digest = hmac.digest(base64.b64decode(self.secret), signed.encode(), hashlib.sha256)
        stated = {name: value for name, value in fields.items() if value}
        return urlencode({**stated, "sig": base64.b64encode(digest).decode()})

    def generation(self, request: Request) -> int:
        """Return the generation that stands beside the signature."""
        return _generation(request.query_params.get("token", ""))

    def key(self, request: Request) -> str:
        """Return the path behind the container's name."""
        return str(request.scope["path"]).removeprefix(f"/{self.bucket}/")

    def carries(self, request: Request) -> bool:
        """Return whether it is a PUT of a block or a whole, not of a list of blocks."""
        return request.method == "PUT" and request.query_params.get("comp") != "blocklist"

    def is_part(self, request: Request) -> bool:
        """Return whether it is a block."""
        return request.query_params.get("comp") == "block"

    def completes(self, request: Request) -> bool:
        """Return whether it is a PUT of a whole, or of a list of blocks."""
        return request.method == "PUT" and not self.is_part(request)

    def refusal(self, status: int) -> Response:
        """Return the refusal as Azure words it."""
        return _xml_error(status, {429: "TooManyRequests", 503: "ServerBusy"}.get(status, "Refused"))

    def expired(self, request: Request) -> Response:
        """Return Azure's answer to an expired signature."""
        return _xml_error(403, "AuthenticationFailed")

    def bucket_made(self) -> Asked:
        """Return the request that makes the container."""
        return self._asked("PUT", f"/{self.bucket}?restype=container")

    def passed_on(self, request: Request) -> Asked:
        """Return the request as it is: the emulator knows the account by the host."""
        query = request.scope["query_string"].decode("latin-1")
        return Asked(request.method, f"{_raw_path(request)}?{query}", _headers(request))

    def read(self, key: str) -> Asked:
        """Return a GET."""
        return self._asked("GET", f"/{self.bucket}/{quote(key)}?")

    def removed(self, key: str) -> Asked:
        """Return a DELETE."""
        return self._asked("DELETE", f"/{self.bucket}/{quote(key)}?")

    def precondition(self, request: Request) -> Asked | None:
        """Return None: the emulator checks by itself."""
        return None

    def _asked(self, method: str, target: str) -> Asked:
        separator = "" if target.endswith("?") else "&"
        return Asked(method, f"{target}{separator}{self._signature()}", {"host": self.host})


def _generation(text: str) -> int:
    _, found, number = text.rpartition(TOKEN)
    return int(number) if found and number.isdecimal() else -1


def _raw_path(request: Request) -> str:
    """Return the path as the client has quoted it."""
    return str(request.scope["raw_path"].decode("latin-1"))


def _headers(request: Request) -> dict[str, str]:
    """Return a request's headers, except those of its connection."""
    own = {"connection", "transfer-encoding", "expect", "content-length"}
    return {name: value for name, value in request.headers.items() if name not in own}


def _xml_error(status: int, code: str) -> Response:
    phrase = http.HTTPStatus(status).phrase if status in http.HTTPStatus._value2member_map_ else "Refused"
    text = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{phrase}</Message></Error>'
    return Response(text, status, media_type="application/xml")
