"""A local server: fakesnow's routes, with DuckDB behind them, on a free port of loopback."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import warnings
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def embedded_server() -> Iterator[dict[str, Any]]:
    """Start the server and yield what `snowflake.connector.connect` takes; stop it at the end.

    Raises:
        LoadError: fakesnow is not installed, or does not go with the installed connector.
    """
    from .session import LoadError

    try:
        import uvicorn
        from fakesnow.server import app
    except ImportError as error:
        raise LoadError(
            f'the embedded server cannot be imported ({error}): pip install "progresskit[snowflake,embedded]"'
        ) from error

    # The server is a part of this command: what it logs of each query is not for the user's screen.
    for logger in ("fakesnow", "fakesnow.server", "fakesnow.conn", "fakesnow.cursor", "uvicorn"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"fakesnow\b")  # of a deprecation between it and DuckDB
    # With the protocol named, asyncio switches Nagle's algorithm off; without, each query takes 44 ms more.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    started = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets=sockets)
            started.set()

    server = Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, args=([listening],), name="embedded snowflake", daemon=True)
    thread.start()
    if not started.wait(30):
        raise LoadError("the embedded server did not start within 30 seconds.")
    try:
        yield {
            "user": "embedded",
            "password": "embedded",
            "account": "embedded",
            "host": "127.0.0.1",
            "port": port,
            "protocol": "http",
            "database": "EMBEDDED",
            "schema": "PUBLIC",
            "session_parameters": {"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
            "platform_detection_timeout_seconds": 0,  # 4.x asks a cloud's metadata address otherwise
            "network_timeout": 60,
        }
    finally:
        server.should_exit = True
        thread.join(5)
        listening.close()
