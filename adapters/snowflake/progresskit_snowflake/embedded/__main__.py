"""The embedded server's own process: `python -m progresskit_snowflake.embedded`.

It reads its settings as one line of JSON from standard input, listens on a free port of loopback, writes the port to
standard output, and then answers commands, one per line. When standard input or its parent process ends, it removes its
folder and ends.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import shutil
import socket
import ssl
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import IO, Any

from . import BUFFER, connector_stub

PARENT_POLL_SECONDS = 1.0
"""Seconds between two checks whether the parent process is alive."""


def main() -> int:
    """Serve until standard input ends."""
    pipe, answers = sys.stdin, sys.stdout
    sys.stdout = sys.stderr  # output of other code is not an answer
    parent = os.getppid()
    settings: dict[str, Any] = json.loads(pipe.readline())
    folder = Path(settings["folder"])
    tempfile.tempdir = str(folder)  # fakesnow makes a folder when it is imported
    connector_stub.install()
    warnings.filterwarnings("ignore", module=r"fakesnow\b")  # of a deprecation between it and DuckDB
    logging.disable(logging.WARNING)
    logging.getLogger("fakesnow").propagate = False  # of queries that fail, the client is told

    import uvicorn
    from uvicorn.protocols.http import h11_impl

    from .app import Application, protocol
    from .certificate import server_context
    from .clouds import DOMAIN
    from .controls import Controls
    from .storages import storage

    controls = Controls(settings["pace"])
    kept = storage(settings["storage"], settings["emulator"])
    app = Application(controls, folder, kept, keep=settings["keep"])
    listening, gated = listener(controls.pace), listener(controls.pace)
    if controls.pace is not None:
        hold_little()
    # Connector 4.x tells a signature that has expired by the reason, which is Azure's own.
    h11_impl.STATUS_PHRASES[403] = b"Server failed to authenticate the request."
    server = uvicorn.Server(uvicorn.Config(app, http=protocol(controls), log_config=None, lifespan="off"))
    ports = [listening.getsockname()[1], gated.getsockname()[1] if kept.gated else 0]
    context = server_context(folder, DOMAIN)
    controls.on_away(lambda: drop_all(server))
    controls.on_lose(app.lose_sessions)
    # Imported objects stay, so the collector need not visit them while statements are translated.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)

    def serve() -> None:
        say(answers, ports)  # it listens: a client that connects now waits for the loop to start
        asyncio.run(serve_both(server, listening, gated, context, controls))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    threading.Thread(target=exit_with, args=(parent, folder), daemon=True).start()
    for line in pipe:
        try:
            say(answers, controls.tell(*json.loads(line)))
        except Exception as error:  # an error of the command; the server continues
            say(answers, None, str(error))
    leave(folder)
    return 0


def say(answers: IO[str], value: Any, error: str | None = None) -> None:
    """Answer a command."""
    print(json.dumps([value, error]), file=answers, flush=True)


SEGMENT = 1_448
"""Bytes of a packet, as on Ethernet. Packets on loopback are as large as the kernel's buffer, so that bytes would
arrive in large steps."""
LEAST = 1 << 13
"""The least bytes of an upload that the kernel buffers, whatever the pace: some packets."""
PORTIONS = 128
"""The least number of portions into which a second's bytes are divided."""


def listener(pace: float | None) -> socket.socket:
    """Return a socket that listens on a free port of loopback; with a pace, its connections have small buffers."""
    # With the protocol named, asyncio switches Nagle's algorithm off; without, each query takes 44 ms more.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if pace is not None:  # inherited by what it accepts: packets of a network's size, and few of them on their way
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, max(min(int(pace / PORTIONS), BUFFER), LEAST))
        if sys.platform == "linux":  # elsewhere it is not there, or cannot be set
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
    listening.bind(("127.0.0.1", 0))
    listening.listen(128)
    return listening


async def serve_both(
    server: Any, listening: socket.socket, gated: socket.socket, context: ssl.SSLContext, controls: Any
) -> None:
    """Serve the account, and through the gate its storage, until the process ends."""
    from .clouds import DOMAIN
    from .gate import Gate

    def speak() -> asyncio.Protocol:
        made: asyncio.Protocol = server.config.http_protocol_class(
            config=server.config, server_state=server.server_state, app_state={}
        )
        return made

    server.config.load()
    gate = Gate(DOMAIN, speak, context, lambda: controls.away)
    gating = asyncio.create_task(gate.serve(gated))
    await server.serve([listening])
    gating.cancel()


def hold_little() -> None:
    """Limit the buffers between a socket and the counting to the socket's size, so that the pace slows the sender
    down."""
    from asyncio import constants, sslproto

    from uvicorn.protocols.http import h11_impl

    h11_impl.HIGH_WATER_LIMIT = BUFFER  # type: ignore[attr-defined]  # what it holds of a request by itself
    constants.FLOW_CONTROL_HIGH_WATER_SSL_READ = BUFFER >> 10  # type: ignore[misc]  # KiB; else 256
    sslproto.SSLProtocol.max_size = BUFFER  # bytes of one read; else 256 KiB


def drop_all(server: Any) -> None:
    """Reset every connection, from another thread than the server's."""
    from .receiving import reset

    for connection in list(server.server_state.connections):
        connection.loop.call_soon_threadsafe(reset, connection.transport)


def exit_with(parent: int, folder: Path) -> None:
    """End the process when its parent has ended, because a forked child may still hold the pipe open."""
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_SECONDS)
    leave(folder)


def leave(folder: Path) -> None:
    """End at once, without waiting for uploads in progress."""
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    raise SystemExit(main())
