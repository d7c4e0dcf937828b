"""The servers of the clients' tests, on loopback: FTP and SFTP, and emulators of S3, Azure and Google Cloud Storage."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from ftplib import FTP
from pathlib import Path
from typing import Any

from needed import lack, need

STARTING = 60.0
"""Seconds that an emulator may take to listen on a busy machine."""
ACCOUNT, SECRET = "clients", base64.b64encode(b"the account of the tests of clients").decode()


class FtpSession(socketserver.StreamRequestHandler):
    """One session of the few commands that ftplib sends for a transfer in passive mode."""

    def handle(self) -> None:
        self.say("220 ready")
        for line in self.rfile:
            command, _, name = line.decode().strip().partition(" ")
            if command == "PASV":
                data = socket.create_server(("127.0.0.1", 0))
                data.settimeout(10)
                high, low = divmod(data.getsockname()[1], 256)
                self.say(f"227 (127,0,0,1,{high},{low})")
            elif command == "SIZE":
                self.say(f"213 {len(self.server.files[name])}")  # type: ignore[attr-defined]
            elif command in ("RETR", "STOR"):
                self.say("150 here it comes")
                connection, _ = data.accept()
                with data, connection:
                    if command == "RETR":
                        connection.sendall(self.server.files[name])  # type: ignore[attr-defined]
                    else:
                        self.server.files[name] = connection.makefile("rb").read()  # type: ignore[attr-defined]
                self.say("226 done")
            else:
                self.say({"USER": "331 password", "QUIT": "221 goodbye"}.get(command, "230 fine"))

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextlib.contextmanager
def ftp(files: dict[str, bytes]) -> Iterator[FTP]:
    """Yield a client of a server that has `files`, by name; what is sent to it is there, too."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), FtpSession) as server:
        server.daemon_threads = True
        server.files = files  # type: ignore[attr-defined]
        serving = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        serving.start()
        try:
            with FTP(timeout=10) as client:
                client.connect("127.0.0.1", server.server_address[1])
                client.login()
                client.voidcmd("TYPE I")
                yield client
        finally:
            server.shutdown()
            serving.join()


@contextlib.contextmanager
def sftp(folder: Path) -> Iterator[Any]:
    """Yield a client of a server that has the files of `folder`."""
    paramiko = need("paramiko")

    class Anybody(paramiko.ServerInterface):  # type: ignore[misc,name-defined,unused-ignore]  # without the library there is no type
        """Accepts any login over loopback."""

        def check_auth_none(self, username: str) -> int:
            return int(paramiko.AUTH_SUCCESSFUL)

        def get_allowed_auths(self, username: str) -> str:
            return "none"

        def check_channel_request(self, kind: str, chanid: int) -> int:
            return int(paramiko.OPEN_SUCCEEDED)

    class Files(paramiko.SFTPServerInterface):  # type: ignore[misc,name-defined,unused-ignore]  # as above
        def stat(self, path: str) -> Any:
            return paramiko.SFTPAttributes.from_stat((folder / path.lstrip("/")).stat())

        def open(self, path: str, flags: int, attr: Any) -> Any:
            handle = paramiko.SFTPHandle(flags)
            writes = flags & os.O_WRONLY
            file = (folder / path.lstrip("/")).open("wb" if writes else "rb")
            setattr(handle, "writefile" if writes else "readfile", file)
            return handle

    with socket.create_server(("127.0.0.1", 0)) as listening:
        there = socket.create_connection(listening.getsockname(), timeout=10)
        here, _ = listening.accept()
    server, client = paramiko.Transport(here), paramiko.Transport(there)
    try:
        server.add_server_key(paramiko.ECDSAKey.generate())
        server.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
        server.start_server(event=threading.Event(), server=Anybody())
        client.start_client(timeout=10)
        client.auth_none("anybody")
        yield paramiko.SFTPClient.from_transport(client)
    finally:
        client.close()
        server.close()


@contextlib.contextmanager
def s3() -> Iterator[dict[str, Any]]:
    """Yield the arguments of a client of moto's server, which has the bucket `bucket`."""
    need("moto.server")
    boto3 = need("boto3")
    from moto.server import ThreadedMotoServer  # type: ignore[import-not-found,import-untyped,unused-ignore]

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        options = {
            "endpoint_url": f"http://{host}:{port}", "aws_access_key_id": "a", "aws_secret_access_key": "b",
            "region_name": "us-east-1",
        }  # fmt: skip
        boto3.client("s3", **options).create_bucket(Bucket="bucket")
        yield options
    finally:
        server.stop()


@contextlib.contextmanager
def azure() -> Iterator[str]:
    """Yield the connection string of azurite, which has the container `container`."""
    blob = need("azure.storage.blob")
    program = shutil.which("azurite-blob")
    if program is None:
        lack("azurite, which npm has,")
    port = _free_port()
    command = [
        program,
        "--blobHost",
        "127.0.0.1",
        "--blobPort",
        str(port),
        "--inMemoryPersistence",
        "--silent",
        "--loose",
    ]
    environ = {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{SECRET}"}
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen(
        [*command, "--skipApiVersionCheck", "--disableTelemetry"],
        env=environ,
        stdin=nowhere,
        stdout=nowhere,
        stderr=nowhere,
    )
    try:
        _wait_for(port, process)
        connection = (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={SECRET};"
            f"BlobEndpoint=http://127.0.0.1:{port}/{ACCOUNT};"
        )
        with blob.BlobServiceClient.from_connection_string(connection) as service:
            service.create_container("container")
        yield connection
    finally:
        process.terminate()
        process.wait(STARTING)


@contextlib.contextmanager
def gcs() -> Iterator[Any]:
    """Yield a bucket of an emulator of Google Cloud Storage."""
    storage = need("google.cloud.storage")
    emulator = need("gcp_storage_emulator.server")
    from google.auth.credentials import AnonymousCredentials  # type: ignore[import-not-found,import-untyped,unused-ignore]

    port = _free_port()
    server = emulator.create_server("127.0.0.1", port, in_memory=True)
    server.start()
    try:
        client = storage.Client(
            project="clients",
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": f"http://127.0.0.1:{port}"},
        )
        yield client.create_bucket("bucket")
    finally:
        server.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + STARTING
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.05)
    raise TimeoutError(f"{process.args!s:.200} did not listen within {STARTING:.0f} seconds, or has ended.")
