"""Check the arguments of a tracker's display, and keep the defaults that an application has configured for them.

Knows which values are allowed, and raises an error with one sentence for any other. Does not know tasks or trackers.
"""

from __future__ import annotations

import os

from .._model.numbers import kind_of, shown
from .._system.job import hub_address
from .._system.lazy import PAGE_ADDRESS, SERVE_PAGE, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEFAULTS: dict[str, Any] = {}
"""Arguments that `configure` has set, for trackers that do not get them."""


def or_default(name: str, value: Any) -> Any:
    """Return `value`, or the configured default of the argument `name` if it is None."""
    return DEFAULTS.get(name) if value is None else value


def check_terminal(terminal: object) -> None:
    """Raise TypeError if `terminal` lacks a member of the `Terminal` protocol."""
    if terminal is None:
        return
    from ..renderers.base import TERMINAL_MEMBERS

    missing = [name for name in TERMINAL_MEMBERS if not hasattr(terminal, name)]
    if missing:
        raise TypeError(
            f"terminal is {terminal!r:.80}, {kind_of(terminal)} without {', '.join(missing)}: "
            f"give an object with {', '.join(TERMINAL_MEMBERS)}, or a text file as stream."
        )


def within(name: str, value: float | None, most: float) -> float | None:
    """Return `value` as a float; None stays None.

    Raises:
        TypeError: `value` is no number.
        ValueError: it is not above 0, or exceeds `most`.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is {shown(value)}, {kind_of(value)}: give a number, or None for the default.")
    if not 0 < value <= most:
        raise ValueError(
            f"{name} is {shown(value)}: give a number above 0 and at most {most:g}, or None for the default."
        )
    return float(value)


def capture_mode(capture: object) -> str:
    """Return the mode for the argument `capture`: "rows", "descriptors", "always", or "" for no capture. None takes the
    environment's.

    Raises:
        ValueError: `capture` is something else.
    """
    if capture is None:
        from .._system.environment import capture_mode

        return capture_mode(os.environ)
    if isinstance(capture, bool):
        return "always" if capture else ""
    if capture == "descriptors":
        return "descriptors"
    raise ValueError(f"capture is {capture!r:.80}: give None, True, False or 'descriptors'.")


def serve_page(web: object) -> str | None:
    """Serve the live page and return its address; None if a hub shows this process's tasks.

    Raises:
        TypeError, ValueError: `web` is neither a boolean, nor a port, nor an address, or the address is not available.
    """
    if not isinstance(web, (bool, int, str)):
        raise TypeError(f"web is {shown(web)}: give True, a port, or 'HOST:PORT'.")
    if hub_address() is not None:  # the hub's page has its tasks
        return None
    address, serve = load(PAGE_ADDRESS), load(SERVE_PAGE)
    try:
        host, port = address("1" if web is True else str(web))
        url: str = serve(host, port).url
    except ValueError:
        raise ValueError(f"web is {shown(web)}: give True, a port from 0 to 65535, or 'HOST:PORT'.") from None
    except OSError as error:
        raise ValueError(f"web is {shown(web)}, where no page can be served: {error.strerror or error}.") from error
    return url
