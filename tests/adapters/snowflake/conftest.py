"""Fixtures of the loader's tests: one embedded server for all, its sessions, and a stage and a table for each test."""

from __future__ import annotations

import contextlib
import gc
import io
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

_numbers = itertools.count(1)
_left: list[str] = []
"""The attempts of this process to connect beyond loopback."""


def _stay(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse connections beyond loopback. This sees Python's calls only; compiled code gets a proxy that refuses."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "localhost")
    if not (text.startswith("127.") or text in ("localhost", "::1", "0.0.0.0", "::")):
        _left.append(f"{event}: {text}")
        raise RuntimeError(
            f"a test tried to reach {text}: tests stay on loopback."
        )  # no OSError, which would be retried


@pytest.fixture(scope="session")
def _guarded() -> None:
    sys.addaudithook(_stay)


@pytest.fixture(autouse=True)
def _on_loopback(_guarded: None) -> Iterator[None]:
    """Fail a test whose connector tried to connect beyond loopback, even if the connector hid the error."""
    _left.clear()
    yield
    assert not _left


@pytest.fixture(scope="session")
def _frozen() -> None:
    gc.collect()
    gc.freeze()  # modules that are imported by now need no further collections


@pytest.fixture(autouse=True)
def _collected_between_tests(_frozen: None) -> Iterator[None]:
    """Collect garbage only after each test.

    Up to CPython 3.11, a collection may begin while a context variable is changed, and finalisers of connector 5.x change one: then
    the interpreter crashes. Tests leave many connections and tracebacks, so that the crash would be likely.
    """
    gc.disable()
    yield
    gc.collect()
    gc.freeze()  # the rest lives as long as the process: modules that this test has imported first
    gc.enable()


@pytest.fixture(scope="session")
def one_server() -> Iterator[Any]:
    """The server that the tests share, as the fixture `server`."""
    pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")
    pytest.importorskip("uvicorn", reason="the embedded server is not installed in this environment")
    from progresskit_snowflake.embedded import embedded_server

    with embedded_server() as server:
        yield server


@pytest.fixture
def server(one_server: Any) -> Iterator[Any]:
    """The shared server, with its controls reset, at full speed."""
    yield one_server
    one_server.forget()
    if one_server.pace is not None:
        one_server.pace = None


@pytest.fixture
def session(server: Any) -> Iterator[Callable[..., Any]]:
    """A function that opens a session with the server, which is closed after the test."""
    import snowflake.connector

    opened = []

    def open_session(**more: Any) -> Any:
        opened.append(snowflake.connector.connect(**{**server.arguments, **more}))
        return opened[-1]

    yield open_session
    for connection in opened:
        connection.close()


@pytest.fixture(scope="session")
def _lasting() -> Iterator[list[Any]]:
    """The session that the tests' cursors share, after its first use."""
    connections: list[Any] = []
    yield connections
    for connection in connections:
        connection.close()


@pytest.fixture
def cursor(server: Any, _lasting: list[Any]) -> Any:
    """A cursor of a session that tests use one after the other, reset each time, because opening one for each takes far longer."""
    import snowflake.connector

    if _lasting:
        with contextlib.suppress(snowflake.connector.errors.Error):  # a test has made the server lose its sessions
            cursor = _lasting[0].cursor()
            cursor.execute("ROLLBACK")
            if (_lasting[0].database, _lasting[0].schema) != ("EMBEDDED", "PUBLIC"):
                cursor.execute("USE SCHEMA embedded.public")
            return cursor
        _lasting.clear()
    _lasting.append(snowflake.connector.connect(**server.arguments))
    return _lasting[0].cursor()


@pytest.fixture
def stage(cursor: Any) -> str:
    """The name of a new stage for the test."""
    name = f"STAGE_{next(_numbers)}"
    cursor.execute(f"CREATE STAGE {name}")
    return name


@pytest.fixture
def table(cursor: Any) -> str:
    """The name of a new empty table for the test: a INT, b VARCHAR, c DATE."""
    name = f"TABLE_{next(_numbers)}"
    cursor.execute(f"CREATE TABLE {name} (a INT, b VARCHAR, c DATE)")
    return name


@pytest.fixture
def upload(cursor: Any, stage: str, tmp_path: Path) -> Callable[..., str]:
    """A function that puts bytes on the stage, under a name."""

    def put(name: str, content: bytes, options: str = "AUTO_COMPRESS = FALSE OVERWRITE = TRUE") -> str:
        path = tmp_path / name
        path.write_bytes(content)
        cursor.execute(f"PUT 'file://{path}' @{stage} {options}")
        return name

    return put


def _toml(value: Any) -> str:
    """Return a value in TOML, a table in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(one)}" for name, one in value.items()) + "}"
    return json.dumps(value)


@pytest.fixture(scope="session")
def named_connection(one_server: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which the connector has the shared server as the connection `local`."""
    home = tmp_path_factory.mktemp("snowflake")
    file = home / "connections.toml"
    file.write_text(f"local = {_toml(one_server.arguments)}\n", "utf-8")
    file.chmod(0o600)
    # A process that has imported connector 4.x already reads only the second one.
    return {"SNOWFLAKE_HOME": str(home), "SNOWFLAKE_CONNECTIONS": file.read_text("utf-8")}


class Done(NamedTuple):
    """The result of a command: its exit status and its output."""

    status: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def connecting_command(server: Any, named_connection: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `progresskit-snowflake load` with `arguments`, against the shared server, in this process."""
    from progresskit_snowflake import cli

    for name, value in named_connection.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cli, "_broken_off", lambda status: status)  # it may end the process, which is that of the tests

    def run(*arguments: object) -> Done:
        out, err = io.StringIO(), io.StringIO()
        given = ["load", "--connection", "local", *map(str, arguments), "--no-progress"]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = cli.main(given)
            except SystemExit as error:  # argparse's
                status = int(error.code or 0)
        return Done(status, out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def _idle(one_server: Any) -> Iterator[list[Any]]:
    """The sessions that commands have left in a good state, for the next commands."""
    connections: list[Any] = []
    lose = one_server.lose_sessions

    def lose_sessions() -> None:
        connections.clear()
        lose()

    one_server.lose_sessions = lose_sessions
    yield connections
    for connection in connections:
        connection.close()


@pytest.fixture
def command(connecting_command: Command, server: Any, _idle: list[Any], monkeypatch: pytest.MonkeyPatch) -> Command:
    """The same, with sessions that commands use one after the other, because opening two for each takes a quarter of its time."""
    import snowflake.connector
    from progresskit_snowflake.loading import session

    taken: list[Any] = []

    def opened() -> Any:
        taken.append(_idle.pop() if _idle else snowflake.connector.connect(**server.arguments))
        return taken[-1]

    @contextlib.contextmanager
    def connect(*_: object) -> Iterator[Callable[[], Any]]:
        yield opened

    monkeypatch.setattr(session, "connect", connect)

    def run(*arguments: object) -> Done:
        taken.clear()
        done = connecting_command(*arguments)
        if done.status == 0:
            _idle.extend(taken)
        else:  # a failed command may have left its sessions in any state
            for connection in taken:
                connection.close()
        return done

    return run


@pytest.fixture
def new_table(cursor: Any) -> Iterator[str]:
    """The name of a table that does not exist yet, and is dropped after the test."""
    name = f"NEW_{next(_numbers)}"
    yield name
    cursor.execute(f"DROP TABLE IF EXISTS {name}")
