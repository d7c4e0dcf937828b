"""The embedded server's own process: `python -m progresskit_snowflake.embedded`.

Told what it needs by one line of JSON on standard input, it listens on a free port of loopback, says which on standard
output, and then answers commands, a line each, until standard input ends: then, or when whoever started it is gone, it ends
too, and takes its folder with it.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import IO, Any

from . import BUFFER, standin

WATCH = 1.0
"""Seconds between looks whether the process that started this one is still there."""


def main() -> int:
    """Serve until standard input ends."""
    pipe, answers = sys.stdin, sys.stdout
    sys.stdout = sys.stderr  # what others print is no answer
    parent = os.getppid()
    settings: dict[str, Any] = json.loads(pipe.readline())
    folder = Path(settings["folder"])
    tempfile.tempdir = str(folder)  # fakesnow makes a folder when it is imported
    standin.install()
    warnings.filterwarnings("ignore", module=r"fakesnow\b")  # of a deprecation between it and DuckDB
    logging.disable(logging.WARNING)
    logging.getLogger("fakesnow").propagate = False  # of queries that fail, the client is told

    import uvicorn
    from uvicorn.protocols.http import h11_impl

    from .app import Application, protocol
    from .controls import Controls

    controls = Controls(settings["pace"])
    app = Application(controls, folder, keep=settings["keep"], storage=settings["storage"])
    listening = listener(controls.pace)
    if controls.pace is not None:
        h11_impl.HIGH_WATER_LIMIT = BUFFER  # type: ignore[attr-defined]  # what it holds of a request by itself
    server = uvicorn.Server(uvicorn.Config(app, http=protocol(controls), log_config=None, lifespan="off"))
    servers, ports = [server], [listening.getsockname()[1]]
    if settings["storage"] == "s3":
        from .certificate import write_certificate

        secure = listener(controls.pace)
        certificate, key = write_certificate(folder)
        config = uvicorn.Config(
            app,
            http=protocol(controls),
            log_config=None,
            lifespan="off",
            ssl_certfile=str(certificate),
            ssl_keyfile=str(key),
        )
        servers.append(uvicorn.Server(config))
        app.secure_port = secure.getsockname()[1]
        ports.append(app.secure_port)
        threading.Thread(target=servers[1].run, args=([secure],), daemon=True).start()
    controls.on_away(lambda: drop_all(servers))
    controls.on_lose(app.lose_sessions)

    def serve() -> None:
        say(answers, ports)  # it listens: who connects now waits for the first turn of the loop
        server.run([listening])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    threading.Thread(target=watch, args=(parent, folder), daemon=True).start()
    for line in pipe:
        try:
            say(answers, controls.tell(*json.loads(line)))
        except Exception as error:  # of the command; the server lives
            say(answers, None, str(error))
    leave(folder)
    return 0


def say(answers: IO[str], value: Any, error: str | None = None) -> None:
    """Answer a command."""
    print(json.dumps([value, error]), file=answers, flush=True)


SEGMENT = 1_448
"""Bytes of a packet: an Ethernet's. Loopback's are as large as what the kernel holds, and would come in steps."""
LEAST = 1 << 13
"""Bytes that the kernel holds of an upload at least, however slow the pace: some packets."""
PORTIONS = 128
"""In how many portions a second of the pace is taken, or more of them."""


def listener(pace: float | None) -> socket.socket:
    """Return what listens on a free port of loopback; with a pace, what it accepts holds little."""
    # With the protocol named, asyncio switches Nagle's algorithm off; without, each query takes 44 ms more.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if pace is not None:  # inherited by what it accepts: packets of a network's size, and few of them on their way
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, max(min(int(pace / PORTIONS), BUFFER), LEAST))
        if sys.platform == "linux":  # elsewhere it is not there, or cannot be set
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
    listening.bind(("127.0.0.1", 0))
    listening.listen(128)
    return listening


def drop_all(servers: list[Any]) -> None:
    """Reset every connection, from another thread than the server's."""
    from .app import reset

    for connection in [one for server in servers for one in list(server.server_state.connections)]:
        connection.loop.call_soon_threadsafe(reset, connection.transport)


def watch(parent: int, folder: Path) -> None:
    """End the process once its parent has; a child that it forked may still hold the pipe open."""
    while os.getppid() == parent:
        time.sleep(WATCH)
    leave(folder)


def leave(folder: Path) -> None:
    """End at once: an upload under way is not waited for, and nothing here is worth an orderly end."""
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    raise SystemExit(main())
