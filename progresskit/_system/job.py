"""The part of this process in a job of several processes: a client of a hub, or one of the ranks that a launcher started.

Knows the variables of hubs and of MPI launchers. Does not know what a client or a rank shows.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

OWN_HUBS: dict[str, int] = {}
"""Address of a hub that this process serves -> the process's number. A process is not a client of its own hub, but its
forked children are."""
RANKS = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK", "SLURM_PROCID")
"""Variables with the number of this process among those of a job: Open MPI, PMIx, MPICH and Intel MPI, MVAPICH,
`srun`."""


def hub_address(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the address of the hub of which this process is a client; None if there is none."""
    address = (os.environ if environ is None else environ).get("PROGRESSKIT_HUB", "").strip()
    return None if not address or OWN_HUBS.get(address) == os.getpid() else address


def higher_rank(environ: Mapping[str, str]) -> str | None:
    """Return the variable that gives this process a rank above 0 in its job; None if it is alone or has rank 0.

    Example:
        >>> higher_rank({"SLURM_PROCID": "3"}), higher_rank({"SLURM_PROCID": "0"}), higher_rank({})
        ('SLURM_PROCID', None, None)
    """
    for name in RANKS:
        rank = environ.get(name, "").strip()
        if rank.isascii() and rank.isdigit():
            return name if int(rank) else None
    return None
