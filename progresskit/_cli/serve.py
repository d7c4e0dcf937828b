"""`progresskit serve`: serve the live page of an events file, or of a hub that processes join.

Knows when to end. Does not know HTTP or the contents of a page.
"""

from __future__ import annotations

import time

from .._display.web import live
from .._display.web.follow import Follower
from .._display.web.server import PageServer
from .._display.web.state import PageState
from .._system.run_identity import run_identity
from ..processes.feed import Feed
from ..processes.hub import Hub

POLL_SECONDS = 0.25
"""Seconds between two reads of a file."""


def serve_file(path: str, host: str, port: int) -> None:
    """Serve the page of the events file at `path`, which may grow, until Ctrl-C.

    Raises:
        OSError: the file cannot be read, or the address is not available.
    """
    state = PageState({**run_identity(), "argv": [path], "pid": None})
    follower = Follower(path, state)
    server = PageServer(state, host, port)
    try:
        follower.read()
        server.start()
        print(live.words(server), flush=True)
        while True:
            time.sleep(POLL_SECONDS)
            follower.read()
    finally:
        server.stop()
        follower.close()


def serve_hub(renderer: str | None, host: str, port: int) -> None:
    """Serve the page of a hub until Ctrl-C, and print the environment variables with which a process joins it.

    Raises:
        ValueError: the renderer's name is unknown.
        OSError: the address is not available.
    """
    with Feed(renderer) as feed, Hub(feed) as hub:
        server = live.serve(host, port, ["progresskit", "serve", "--hub"])
        live.note_address_shown()
        print(live.words(server))
        for name, value in hub.environment.items():
            print(f"export {name}={value}", flush=True)
        while True:
            time.sleep(3600)
