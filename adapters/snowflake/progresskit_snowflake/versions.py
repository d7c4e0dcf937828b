"""What differs between versions of the connector, which this module must not import, because that is slow."""

from __future__ import annotations

import functools
import threading
from pathlib import Path
from typing import Any

ATTEMPTS = 12
"""The number of 5.x's attempts of an upload. With its default of 6, it gives up on a server that is unreachable for ten
seconds."""
_FETCHING = threading.Lock()


@functools.cache
def connector_version() -> tuple[int, ...]:
    """Return the installed connector's version, its numbers; (0,) where none is installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return tuple(int(part) for part in version("snowflake-connector-python").split(".")[:3] if part.isdigit())
    except PackageNotFoundError:
        return (0,)


def patient(version: tuple[int, ...]) -> dict[str, Any]:
    """Return the arguments for `snowflake.connector.connect` of this version with which an upload survives an outage.

    >>> patient((4, 8, 1))
    {}
    >>> sorted(patient((5, 2, 0)))
    ['enable_server_session_keep_alive_auto_detection', 'put_get_max_attempts']
    """
    if version < (5,):
        return {}
    # The second does not affect uploads, but 5.x warns if it is missing: leave a session when it is closed.
    return {"put_get_max_attempts": ATTEMPTS, "enable_server_session_keep_alive_auto_detection": False}


def trusting(version: tuple[int, ...], certificate: Path) -> dict[str, Any]:
    """Return the arguments for `connect` of this version with which it trusts a self-signed certificate."""
    if version < (5,):
        return {"disable_ocsp_checks": True}  # no check of revocation; the environment alone names trusted certificates
    return {"custom_root_store_path": str(certificate)}


def rows_of(cursor: Any) -> list[Any]:
    """Return all rows of the cursor's statement. Only one thread at a time reads rows.

    The compiled reader of 4.x makes its logger when it is first used, in a `std::call_once` that runs Python. A second thread that
    comes to it meanwhile waits with the GIL, which the first one needs: both wait for ever.

    Args:
        cursor: A cursor of the connector that no other code uses meanwhile.

    Raises:
        snowflake.connector.errors.Error: the connector has raised it.
    """
    with _FETCHING:
        return list(cursor.fetchall())
