"""For all tests: Ctrl-C means what it does at a terminal, also where a script's `&` has had it
ignored, and a hang-up, also under `nohup`; what is imported is compiled once, not anew by each of the hundreds of programs that are
started, also where PYTHONDONTWRITEBYTECODE is set; property tests have no deadline, which a busy
machine would miss, and read the same examples in each run: PROGRESSKIT_RANDOM=1 looks for new ones, and
twice as many."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

KEPT = ("PROGRESSKIT_RANDOM", "PROGRESSKIT_FILES", "PROGRESSKIT_CLIENTS", "PROGRESSKIT_EMULATORS")
"""Settings of the tests themselves."""
FACE = (
    "ACCESSIBLE",
    "CI",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLORTERM",
    "COLUMNS",
    "FORCE_COLOR",
    "INSIDE_EMACS",
    "LINES",
    "NO_COLOR",
)

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.pop("PYTHONUNBUFFERED", None)  # streams without a buffer hide what one keeps, and write a line in two pieces
# What a machine says of its terminal, of being a CI and of progress is not what the tests are about: each says its own.
# pytest-xdist sets COLUMNS and LINES in its workers.
for name in [*os.environ]:
    if (name.startswith(("PROGRESSKIT_", "TQDM_", "GITHUB_", "GITLAB_")) and name not in KEPT) or name in FACE:
        del os.environ[name]
os.environ["TERM"] = "xterm-256color"
sys.dont_write_bytecode = False

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
for name in ("SIGQUIT", "SIGHUP"):
    if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is signal.SIG_IGN:
        signal.signal(getattr(signal, name), signal.SIG_DFL)

looks_for_new = bool(os.environ.get("PROGRESSKIT_RANDOM"))
settings.register_profile(
    "same", deadline=None, derandomize=not looks_for_new, max_examples=100 if looks_for_new else 50, database=None
)
settings.load_profile("same")


def pytest_collection_finish() -> None:
    """Leave the modules and the tests out of the garbage collector's sight: some hundred tests have it look at everything."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def nothing_old_to_collect() -> Iterator[None]:
    """What a module's tests have imported and kept goes out of the collector's sight, too."""
    gc.collect()
    gc.freeze()
    yield


def pytest_unconfigure() -> None:
    """Make all objects visible to the collector at exit: duckdb reports the others as leaked."""
    gc.unfreeze()
