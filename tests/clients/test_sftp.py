"""paramiko against its own server on loopback: what its callbacks report is what the task counts."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from socket import create_connection, create_server
from typing import Any

import pytest

paramiko = pytest.importorskip("paramiko", reason="paramiko is not installed in this environment")

BODY = bytes(range(256)) * 400


class Anybody(paramiko.ServerInterface):  # type: ignore[misc,name-defined,unused-ignore]  # without the library there is no type
    """Lets anybody in who comes over loopback."""

    def check_auth_none(self, username: str) -> int:
        return int(paramiko.AUTH_SUCCESSFUL)

    def get_allowed_auths(self, username: str) -> str:
        return "none"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return int(paramiko.OPEN_SUCCEEDED)


def served(folder: Path) -> Any:
    """Return the class of a session that serves the files of `folder`."""

    class Files(paramiko.SFTPServerInterface):  # type: ignore[misc,name-defined,unused-ignore]  # as above
        def stat(self, path: str) -> Any:
            return paramiko.SFTPAttributes.from_stat((folder / path.lstrip("/")).stat())

        def open(self, path: str, flags: int, attr: Any) -> Any:
            handle = paramiko.SFTPHandle(flags)
            writes = flags & os.O_WRONLY
            file = (folder / path.lstrip("/")).open("wb" if writes else "rb")
            setattr(handle, "writefile" if writes else "readfile", file)
            return handle

    return Files


@pytest.fixture
def sftp(tmp_path: Path) -> Iterator[Any]:
    with create_server(("127.0.0.1", 0)) as listening:
        there = create_connection(listening.getsockname(), timeout=10)
        here, _ = listening.accept()
    server, client = paramiko.Transport(here), paramiko.Transport(there)
    try:
        server.add_server_key(paramiko.ECDSAKey.generate())
        server.set_subsystem_handler("sftp", paramiko.SFTPServer, served(tmp_path))
        server.start_server(event=threading.Event(), server=Anybody())
        client.start_client(timeout=10)
        client.auth_none("anybody")
        yield paramiko.SFTPClient.from_transport(client)
    finally:
        client.close()
        server.close()


def test_paramiko(tracked: Any, sftp: Any, tmp_path: Path) -> None:
    """`put` and `get` report every byte; the total comes with the first report."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(BODY)
    with tracked.add_task("Upload", unit="B") as task:
        sftp.put(str(source), "/there", callback=task.report)
    with tracked.add_task("Download", unit="B") as task:
        sftp.get("/there", str(target), callback=task.report)
    assert target.read_bytes() == (tmp_path / "there").read_bytes() == BODY
    assert tracked.ended() == [(name, len(BODY), len(BODY), "finished") for name in ("Upload", "Download")]
