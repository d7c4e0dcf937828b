"""The part of this process in a job of several processes: a client of a hub, or one of the ranks that a launcher started.

Knows the variables of hubs and of MPI launchers. Does not know what a client or a rank shows.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

OWN_HUBS: dict[str, int] = {}
"""Addresses of hubs that this process serves, with its number. The process is no client of its own hub; its forked
children are."""
RANKS = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK", "SLURM_PROCID")
"""Variables with the number of this process among those of a job: Open MPI, PMIx, MPICH and Intel MPI, MVAPICH,
`srun`."""


def hub_address(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the address of the hub that this process is a client of; None where there is none."""
    address = (os.environ if environ is None else environ).get("PROGRESSKIT_HUB", "").strip()
    return None if not address or OWN_HUBS.get(address) == os.getpid() else address


def higher_rank(environ: Mapping[str, str]) -> str | None:
    """Return the variable by which this process is one of many of a job and not the first; None where it is alone or first.

    Example:
        >>> higher_rank({"SLURM_PROCID": "3"}), higher_rank({"SLURM_PROCID": "0"}), higher_rank({})
        ('SLURM_PROCID', None, None)
    """
    for name in RANKS:
        rank = environ.get(name, "").strip()
        if rank.isascii() and rank.isdigit():
            return name if int(rank) else None
    return None
