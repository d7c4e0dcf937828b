"""What the connectors of different versions want to be told; must not import them, which takes its time."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

ATTEMPTS = 12
"""Times that 5.x tries an upload: with its own 6 it gives up on a server that is away for ten seconds."""


@functools.cache
def connector_version() -> tuple[int, ...]:
    """Return the installed connector's version, its numbers; (0,) where none is installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return tuple(int(part) for part in version("snowflake-connector-python").split(".")[:3] if part.isdigit())
    except PackageNotFoundError:
        return (0,)


def patient(version: tuple[int, ...]) -> dict[str, Any]:
    """Return what `snowflake.connector.connect` of this version is to be told, so that an upload outlives an outage.

    >>> patient((4, 8, 1))
    {}
    >>> sorted(patient((5, 2, 0)))
    ['enable_server_session_keep_alive_auto_detection', 'put_get_max_attempts']
    """
    if version < (5,):
        return {}
    # The second is of no matter to uploads, but 5.x warns where it is not said: leave a session when it is closed.
    return {"put_get_max_attempts": ATTEMPTS, "enable_server_session_keep_alive_auto_detection": False}


def trusting(version: tuple[int, ...], certificate: Path) -> dict[str, Any]:
    """Return what `connect` of this version is to be told, so that it trusts a certificate that nobody else vouches for."""
    if version < (5,):
        return {"disable_ocsp_checks": True}  # nobody was asked; what to trust it takes from the environment alone
    return {"custom_root_store_path": str(certificate)}
