"""The storages that the server can emulate: the cloud, the storage of its objects, and the port for clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .clouds import S3, Azure, Cloud, Emulated, Gcs, PlainGcs
from .objects import Folder, FolderInParts, Objects, Relay
from .stages import Bucket


class Storage(NamedTuple):
    """One storage.

    Attributes:
        cloud: Its protocol.
        keep: Makes the storage of its objects.
        gated: Whether clients use the gate, with TLS, instead of the account's own port.
    """

    cloud: Cloud
    keep: Callable[[Cloud, Bucket], Objects]
    gated: bool = True

    def opened(self, bucket: Bucket) -> tuple[Cloud, Objects]:
        """Return the cloud, and the storage of its objects in `bucket`."""
        return self.cloud, self.keep(self.cloud, bucket)


EMULATED: dict[str, Callable[[], Emulated]] = {"gcs": Gcs, "s3": S3, "azure": Azure}


def storage(name: str, emulator: int | None) -> Storage:
    """Return the storage of that name.

    Args:
        name: `gcs`, `s3` or `azure`.
        emulator: The port on loopback of the emulator that keeps its objects; None: this server keeps them, if it can.

    Raises:
        ValueError: there is no such storage without an emulator.
    """
    if emulator is not None:
        cloud = EMULATED[name]()
        return Storage(cloud, lambda _, bucket: Relay(cloud, bucket, emulator))
    own = {"gcs": Storage(PlainGcs(), Folder, gated=False), "s3": Storage(S3(), FolderInParts)}
    if name not in own:
        raise ValueError(f"{name!r} needs an emulator: the server keeps the objects of {', '.join(own)} alone.")
    return own[name]
