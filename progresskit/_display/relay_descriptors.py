"""The descriptors of a relay: those that it opens, and descriptors 1 and 2 while they lead to it.

Knows which file a descriptor leads to, and leaves descriptors alone that other code has replaced. Does not know what is
written there.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from .descriptors import file_key

if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST_OWN_DESCRIPTOR = 20
"""The relay's own descriptors have this number or a higher one: the job may count on low ones."""


class OwnDescriptors:
    """The descriptors that a relay has opened."""

    def __init__(self) -> None:
        self._open: list[int] = []

    def __contains__(self, descriptor: int) -> bool:
        return descriptor in self._open

    def keep(self, descriptor: int) -> int:
        """Return `descriptor` under a number that is out of the job's way, and is closed by `exec`."""
        try:
            own = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST_OWN_DESCRIPTOR)
        finally:
            os.close(descriptor)
        self._open.append(own)
        return own

    def close(self, *descriptors: int) -> None:
        """Close some of the relay's descriptors."""
        for descriptor in descriptors:
            self._open.remove(descriptor)
            os.close(descriptor)

    def close_all(self, *, but: int | None = None) -> None:
        """Close all that are open, except `but`."""
        kept = [but] if but is not None and but in self._open else []
        while self._open:
            descriptor = self._open.pop()
            if descriptor not in kept:
                os.close(descriptor)
        self._open += kept


class RedirectedDescriptors:
    """Descriptors 1 and 2, as far as they lead to the terminal of a relay.

    Args:
        key: The terminal's key.
        originals: The descriptors, and copies of what they lead to without a relay.
        slave: The pseudo-terminal's descriptor, which takes their place.
    """

    def __init__(self, key: tuple[object, ...], originals: dict[int, int], slave: int) -> None:
        self._key = key
        self._originals = originals
        self._slave = slave
        self._redirected: list[int] = []

    def redirect(self) -> None:
        """Redirect the descriptors that lead to the terminal to the pseudo-terminal."""
        if not self._redirected:
            self._redirected = list(self._replace(self._originals))

    def restore(self) -> None:
        """Restore the descriptors, except those that other code has replaced meanwhile."""
        slave = file_key(self._slave, relayed=False)
        while self._redirected:
            descriptor = self._redirected.pop()
            if _leads_to(descriptor, slave):
                os.dup2(self._originals[descriptor], descriptor)

    def redirect_for_good(self) -> None:
        """Redirect the descriptors of a forked child, which never puts them back."""
        list(self._replace(self._originals))

    def _replace(self, descriptors: Iterable[int]) -> Iterable[int]:
        for descriptor in descriptors:
            if _leads_to(descriptor, self._key):
                os.dup2(self._slave, descriptor)
                yield descriptor


def _leads_to(descriptor: int, key: tuple[object, ...]) -> bool:
    """Return whether `descriptor` leads to the file with that `key`."""
    try:
        return file_key(descriptor, relayed=False) == key
    except OSError:
        return False
