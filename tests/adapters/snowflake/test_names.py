"""Files and temporary folders with any names: the names on the stage, and no connection elsewhere."""

from __future__ import annotations

import glob
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")
pytest.importorskip("uvicorn", reason="the embedded server is not installed in this environment")

from progresskit_snowflake import put
from progresskit_snowflake.sql.columns import literal
from test_faults import Warehouse, load

from progresskit import ProgressTracker

NAMES = [
    "plain.csv",
    "it's.csv",
    "''.csv",
    "[ng].csv",
    "[!a].csv",
    "a b.csv",
    "a;b.csv",
    "a\\b.csv",
    "a\\'b.csv",
    'q"q.csv',
]
NAMES += [
    "a%20b.csv",
    "$x.csv",
    "a*b.csv",
    "a?b.csv",
    "-- x.csv",
    "/* x.csv".replace("/", "÷"),
    "file:x.csv",
    "@s.csv",
    "~.csv",
]
NAMES += [
    "#h.csv",
    "a&b=c+d.csv",
    ".dot.csv",
    "..two.csv",
    "é.csv",
    "日本.csv",
    "line\nend.csv",
    "a'; DROP STAGE x;.csv",
    "' @x.csv",
]
# No quote: connector 4.x treats it as the end of the path when it requests a signed URL.
FOLDERS = ["[1]", "*", "%20", "a?b", "a b", "~", "$x", "#", "{a,b}", "back\\slash", "(a)", "!x"]


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Redirect connections beyond loopback, including those of 5.x's compiled core, to a proxy here, and fail if there are any."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:  # closed: the test is over
                    return
                with connection:
                    asked.append(connection.recv(1000))
                    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        for name in ("http_proxy", "https_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{listening.getsockname()[1]}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()
    assert asked == []


def listed(cursor: Any, stage: str) -> list[str]:
    return [row[0].removeprefix(f"{stage.lower()}/") for row in cursor.execute(f"LIST @{stage}").fetchall()]


@pytest.mark.slow
def test_put_keeps_names(cursor: Any, stage: str, tmp_path: Path) -> None:
    """put() gives a file its own name on the stage, with any characters, alone and among others."""
    for name in NAMES:
        (tmp_path / name).write_bytes(b"1,x,\n")
    for name in NAMES[::4]:
        put(cursor, tmp_path / name, stage, compress=False, tracker=ProgressTracker("none"))
    assert listed(cursor, stage) == sorted(NAMES[::4])
    cursor.execute(f"REMOVE @{stage}")
    put(cursor, [tmp_path / name for name in NAMES], stage, tracker=ProgressTracker("none"))
    assert listed(cursor, stage) == sorted(f"{name}.gz" for name in NAMES)


@pytest.mark.slow
def test_statement_keeps_names(cursor: Any, stage: str, tmp_path: Path) -> None:
    """So does a PUT of the user's own, quoted as SQL and as a pattern; connector 4.x cannot request the URL of some."""
    names = [name for name in NAMES if "'" not in name]
    for name in names:
        (tmp_path / name).write_bytes(b"1,x,\n")
        path = literal(f"file://{glob.escape(str(tmp_path / name))}")
        cursor.execute(f"PUT {path} @{stage} AUTO_COMPRESS = FALSE")
    assert listed(cursor, stage) == sorted(names)


@pytest.mark.parametrize("name", [FOLDERS[0], *(pytest.param(one, marks=pytest.mark.slow) for one in FOLDERS[1:])])
def test_temporary_folder(
    server: Any, cursor: Any, stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The folder for temporary files may have any name: neither put() nor a load treats it as a pattern."""
    folder = tmp_path / name
    folder.mkdir()
    path = tmp_path / "orders.csv"
    path.write_text("a,b\n1,x\n2,y\n", "utf-8")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    put(cursor, path, stage, tracker=ProgressTracker("none"))
    assert listed(cursor, stage) == ["orders.csv.gz"]
    warehouse, table = Warehouse(server), f"temporary_{FOLDERS.index(name)}"
    server.pace = None
    assert load(warehouse, folder, [path], table).loaded == warehouse.count(table) == 2
