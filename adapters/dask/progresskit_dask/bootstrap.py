"""The plugin that the scheduler sends to every worker: it starts the reporter if the package is installed there.

Pickled by value, as its class and not as the class's name: a worker that cannot import what it is sent does not start at all.
So it must not need anything but Dask.
"""

from __future__ import annotations

from typing import Any

from distributed import WorkerPlugin


class Bootstrap(WorkerPlugin):
    """Starts the worker's side, if the package is installed.

    Args:
        interval: Seconds between two reports of a worker at the least.
        process: What names the process of the client, which may have workers in it.
    """

    name = "progresskit"

    def __init__(self, interval: float, process: str) -> None:
        self.interval = interval
        self.process = process
        self.side: Any = None

    def setup(self, worker: Any) -> None:
        """Start the worker's side. Dask calls this when the plugin arrives at `worker`."""
        try:
            from progresskit_dask.working import WorkerSide
        except ImportError:
            return
        self.side = WorkerSide(worker, self.interval, self.process)

    def teardown(self, worker: Any) -> None:
        """Close the worker's side. Dask calls this when the plugin or `worker` is removed."""
        if self.side is not None:
            self.side.close()
