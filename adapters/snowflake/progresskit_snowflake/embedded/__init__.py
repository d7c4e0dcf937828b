"""A local server that takes PUT and COPY: fakesnow's routes, with DuckDB behind them, on a free port of loopback.

It runs in its own process: it does not use the loader's interpreter and memory, two servers share nothing, and it does
not need the installed connector, 4.x or 5.x. Differences from the real service: it has no access rights, and one
warehouse that is always running. This module starts it and sends it commands over a pipe. It must import neither
fakesnow nor the connector.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from ..errors import LoadError
from ..versions import connector_version, patient, trusting

Storage = Literal["gcs", "s3", "azure"]
BUFFER = 1 << 15
"""Bytes of an upload that the kernel may buffer: few, so that the sender is slowed down by the pace."""
RESET_AFTER = 1 << 20
"""Bytes of an upload after which its connection is reset, by default."""
START_SECONDS = 180.0
"""Seconds within which the server must start. It takes three or four, and many times that on a busy machine."""
_MISSING = re.compile("ImportError|ModuleNotFoundError")
NO_DETECTION = "SNOWFLAKE_DISABLE_PLATFORM_DETECTION"
"""The variable that both versions of the connector read before they query a cloud's metadata address."""


class EmbeddedServer:
    """A running server, and its controls.

    Attributes:
        arguments: What `snowflake.connector.connect` takes.
        port: Where it listens, on loopback.
        certificate: The certificate of its storage, if that uses TLS. For connector 4.x, `REQUESTS_CA_BUNDLE` in the
            environment must name it; 5.x gets it with the arguments.
    """

    def __init__(self, process: subprocess.Popen[str], ports: list[int], pace: float | None, certificate: Path) -> None:
        self.port = port = ports[0]
        self.certificate = certificate
        self.arguments: dict[str, Any] = {
            "user": "embedded",
            "password": "embedded",
            "account": "embedded",
            "host": "127.0.0.1",
            "port": port,
            "protocol": "http",
            "database": "EMBEDDED",
            "schema": "PUBLIC",
            "session_parameters": {"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
            "platform_detection_timeout_seconds": 0,  # otherwise 4.x queries a cloud's metadata address
            **patient(connector_version()),
        }
        if connector_version() < (5,):
            self.arguments["network_timeout"] = 60  # without it, 4.x retries forever; 5.x limits a query
        if gate := ports[1]:
            self.arguments |= {"proxy_host": "127.0.0.1", "proxy_port": gate, "no_proxy": "127.0.0.1"}
            self.arguments |= trusting(connector_version(), certificate)
        self._process = process
        self._pace = pace
        self._received: list[tuple[float, int]] = []
        self._one = threading.Lock()

    @property
    def pace(self) -> float | None:
        """Bytes a second that it accepts of all uploads together; None: no limit."""
        return self._pace

    @pace.setter
    def pace(self, pace: float | None) -> None:
        self._tell("pace", pace)
        self._pace = pace

    @property
    def received(self) -> list[tuple[float, int]]:
        """The arrived bytes of all uploads: pairs of a time of `time.monotonic` and the bytes until then."""
        with self._one:
            known = max(0, len(self._received) - 1)  # the last one may have grown
            self._received[known:] = [(at, total) for at, total in self._ask("received", known)]
            return list(self._received)

    @property
    def pending(self) -> int:
        """The number of pending refusals and resets."""
        return int(self._tell("pending"))

    @property
    def parts(self) -> int:
        """The number of received parts of files that were sent in parts."""
        return int(self._tell("parts"))

    def refuse(self, *statuses: int) -> None:
        """Answer the next uploads with these HTTP statuses, one each, instead of keeping them; 200: that one is kept."""
        self._tell("refuse", *statuses)

    def reset_next(self, times: int = 1, *, after: int = RESET_AFTER, away: float = 0.0) -> None:
        """Reset the connections of the next uploads, `times` of them.

        Args:
            times: The number of uploads; one that is sent again counts again.
            after: The bytes of an upload after which this happens.
            away: Seconds for which all other connections are reset too, as by `away`.
        """
        self._tell("reset", times, after, away)

    def expire_next(self, times: int = 1, *, after: int = 1) -> None:
        """Make all credentials of stages expire during the next `times` uploads.

        Args:
            times: The number of uploads; one that is sent again counts again.
            after: The bytes of an upload after which this happens. It is refused at its end, and so are other requests
                with these credentials.
        """
        self._tell("expire", times, after)

    def away(self, seconds: float) -> None:
        """Reset all connections, and for some seconds every new one."""
        self._tell("away", seconds)

    def hold(self, state: str) -> None:
        """Keep each COPY `queued`, `resuming` (the warehouse) or `running`, until `release`.

        Raises:
            ValueError: there is no such state.
        """
        from .controls import STATES

        if state not in STATES:
            raise ValueError(f"{state!r:.40} is no state to hold at: give one of {', '.join(STATES)}.")
        self._tell("hold", state)

    def stall(self, after: int = 1) -> None:
        """Stop receiving and answering an upload once `after` bytes of it have arrived, until `release`."""
        self._tell("stall", after)

    def release(self) -> None:
        """Release the held statements and uploads."""
        self._tell("hold", None)
        self._tell("stall", None)

    def lose_sessions(self) -> None:
        """End all sessions: uncommitted changes are rolled back, and later requests get an error."""
        self._tell("lose")

    def forget(self) -> None:
        """Take back all refusals, resets, expiries, absences, stalls and holds."""
        self._tell("forget")

    def _tell(self, name: str, *arguments: Any) -> Any:
        with self._one:
            return self._ask(name, *arguments)

    def _ask(self, name: str, *arguments: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([name, *arguments]), file=self._process.stdin, flush=True)
        value, error = json.loads(self._process.stdout.readline())
        if error is not None:
            raise RuntimeError(f"the embedded server did not understand {name!r}: {error}")
        return value


@contextlib.contextmanager
def embedded_server(
    *, pace: float | None = None, keep: bool = True, storage: Storage = "gcs", emulator: int | None = None
) -> Iterator[EmbeddedServer]:
    """Start the server and yield it; stop it at the end.

    Meanwhile the environment disables the connector's query of a cloud's metadata address, in this process and its
    children, so that connections stay on loopback. Connector 5.x would make the query at its first connection, whatever
    its arguments.

    Args:
        pace: Bytes a second that it accepts of all uploads together; None: no limit.
        keep: Whether to keep uploaded bytes. Otherwise they are counted and discarded, and there is nothing to copy.
        storage: The emulated cloud. `gcs` accepts a file in one request, `s3` and `azure` accept a large one in parts.
        emulator: The port on loopback of an emulator that keeps the objects: fake-gcs-server, moto's server or azurite, which has
            to know the account `embedded.emulators` names. None: the server keeps them itself, of `gcs` over plain HTTP, of
            `s3` under TLS; it has no `azure` of its own.

    Raises:
        LoadError: fakesnow is not installed, or the server does not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="progresskit-server-"))
    try:
        with _detecting_nothing(), (folder / "errors").open("wb") as errors, _process(errors) as process:
            settings = {"folder": str(folder), "pace": pace, "keep": keep, "storage": storage, "emulator": emulator}
            ports = _start(process, settings, folder / "errors")
            yield EmbeddedServer(process, ports, pace, folder / "certificate.pem")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _detecting_nothing() -> Iterator[None]:
    before = os.environ.get(NO_DETECTION)
    os.environ[NO_DETECTION] = "true"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(NO_DETECTION, None)
        else:
            os.environ[NO_DETECTION] = before


@contextlib.contextmanager
def _process(errors: Any) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-P", "-m", "progresskit_snowflake.embedded"]
    # Not in the terminal's foreground group: Ctrl-C is for the load, which then ends the server.
    apart: dict[str, Any] = {} if os.name == "nt" else {"process_group": 0}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors}
    process = subprocess.Popen(command, text=True, encoding="utf-8", **pipes, **apart)
    try:
        yield process
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(OSError):
            process.stdin.close()  # the end of its input ends the process
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _start(process: subprocess.Popen[str], settings: dict[str, Any], errors: Path) -> list[int]:
    """Send the process its settings, and return the ports on which it listens."""
    assert process.stdin is not None
    assert process.stdout is not None
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(START_SECONDS, end)
    timer.daemon = True
    timer.start()
    try:
        with contextlib.suppress(OSError):  # it has ended; its last output says why
            print(json.dumps(settings), file=process.stdin, flush=True)
        answer = process.stdout.readline()
    except BaseException:
        process.kill()  # Ctrl-C: it would see the end of its input only after its imports
        raise
    finally:
        timer.cancel()
    if answer:
        return [int(port) for port in json.loads(answer)[0]]
    process.wait()
    if late.is_set():
        raise LoadError(
            f"the embedded server did not start within {START_SECONDS:g} seconds, and was ended: this machine may be too busy. "
            "Try again when it is less so."
        )
    why = _last_words(errors, process.returncode)
    install = ': pip install "progresskit[snowflake,embedded]"' if _MISSING.match(why) else "."
    raise LoadError(f"the embedded server did not start ({why}){install}")


def _last_words(errors: Path, status: int) -> str:
    """Return why a process has ended: its last output, or its exit status."""
    if status < 0:
        return f"signal {-status} ended its process"
    words = errors.read_text("utf-8", "replace").strip().splitlines()
    return words[-1] if words else f"its process ended with the status {status}"
