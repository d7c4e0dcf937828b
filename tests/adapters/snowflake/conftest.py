"""What the tests of the loader share: one embedded server for all, sessions with it, and stages and tables of each test's own."""

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
"""Where this process has tried to go beyond loopback, and what for."""


def _stay(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse whatever would leave loopback. Python alone is heard here: what is compiled has a proxy that refuses."""
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
    """Fail a test whose connector tried to leave loopback, whatever became of it."""
    _left.clear()
    yield
    assert not _left


@pytest.fixture(scope="session")
def _frozen() -> None:
    gc.collect()
    gc.freeze()  # what is imported by now need not be looked at each time


@pytest.fixture(autouse=True)
def _collected_between_tests(_frozen: None) -> Iterator[None]:
    """Have no garbage collected but after each test.

    Up to CPython 3.11 a collection may begin inside the change of a context variable, and connector 5.x has finalisers that
    change one: the interpreter crashes then. Tests leave many connections and tracebacks behind, and so would meet it.
    """
    gc.disable()
    yield
    gc.collect()
    gc.freeze()  # what is left lives as long as the process: modules that this test was the first to import
    gc.enable()


@pytest.fixture(scope="session")
def one_server() -> Iterator[Any]:
    """The server that the tests share; they take it as `server`."""
    pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")
    pytest.importorskip("uvicorn", reason="the embedded server is not installed in this environment")
    from progresskit_snowflake.embedded import embedded_server

    with embedded_server() as server:
        yield server


@pytest.fixture
def server(one_server: Any) -> Iterator[Any]:
    """A server that nobody has told anything, as fast as it can."""
    yield one_server
    one_server.forget()
    if one_server.pace is not None:
        one_server.pace = None


@pytest.fixture
def session(server: Any) -> Iterator[Callable[..., Any]]:
    """What opens a session with the server; it is closed with the test."""
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
    """The session that the tests' cursors share, once there is one."""
    connections: list[Any] = []
    yield connections
    for connection in connections:
        connection.close()


@pytest.fixture
def cursor(server: Any, _lasting: list[Any]) -> Any:
    """A cursor of a session that tests have one after the other, at the same start: to open one for each takes far longer."""
    import snowflake.connector

    if _lasting:
        with contextlib.suppress(snowflake.connector.errors.Error):  # a test has had the server lose its sessions
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
    """The name of a stage of the test's own."""
    name = f"STAGE_{next(_numbers)}"
    cursor.execute(f"CREATE STAGE {name}")
    return name


@pytest.fixture
def table(cursor: Any) -> str:
    """The name of an empty table of the test's own: a INT, b VARCHAR, c DATE."""
    name = f"TABLE_{next(_numbers)}"
    cursor.execute(f"CREATE TABLE {name} (a INT, b VARCHAR, c DATE)")
    return name


@pytest.fixture
def upload(cursor: Any, stage: str, tmp_path: Path) -> Callable[..., str]:
    """What puts bytes on the stage, under a name."""

    def put(name: str, content: bytes, options: str = "AUTO_COMPRESS = FALSE OVERWRITE = TRUE") -> str:
        path = tmp_path / name
        path.write_bytes(content)
        cursor.execute(f"PUT 'file://{path}' @{stage} {options}")
        return name

    return put


def _toml(value: Any) -> str:
    """Return a value as TOML writes it, a table in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(one)}" for name, one in value.items()) + "}"
    return json.dumps(value)


@pytest.fixture(scope="session")
def named_connection(one_server: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which the connector knows the shared server as the connection `local`."""
    home = tmp_path_factory.mktemp("snowflake")
    file = home / "connections.toml"
    file.write_text(f"local = {_toml(one_server.arguments)}\n", "utf-8")
    file.chmod(0o600)
    # A process that has imported connector 4.x by now looks at the second alone.
    return {"SNOWFLAKE_HOME": str(home), "SNOWFLAKE_CONNECTIONS": file.read_text("utf-8")}


class Done(NamedTuple):
    """What a command has done: its exit status, and what it has printed."""

    status: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def connecting_command(server: Any, named_connection: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `progresskit-snowflake load` with some arguments, against the shared server, in this process."""
    from progresskit_snowflake import cli

    for name, value in named_connection.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cli, "_broken_off", lambda status: status)  # it may end the process, which is the tests' own

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
    """The sessions that commands have left in order, for the next ones."""
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
    """The same, with sessions that commands have one after the other: to open two for each takes a quarter of its time."""
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
        else:  # what has failed may have left anything
            for connection in taken:
                connection.close()
        return done

    return run


@pytest.fixture
def new_table(cursor: Any) -> Iterator[str]:
    """The name of a table that is not there yet; it goes with the test."""
    name = f"NEW_{next(_numbers)}"
    yield name
    cursor.execute(f"DROP TABLE IF EXISTS {name}")
