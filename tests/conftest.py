"""For all tests: Ctrl-C means what it does at a terminal, also where a script's `&` has had it
ignored, and a hang-up, also under `nohup`; what is imported is compiled once, not anew by each of the hundreds of programs that are
started, also where PYTHONDONTWRITEBYTECODE is set; property tests have no deadline, which a busy
machine would miss, and read the same examples in each run: PROGRESSKIT_RANDOM=1 looks for new ones, and
twice as many. Processes that tests have left are ended and named, and where something keeps the interpreter from
ending, it ends with the stacks of its threads."""

from __future__ import annotations

import faulthandler
import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

END = 120.0
"""Seconds for the interpreter to end after the last test: coverage's report, and the exit functions of libraries."""

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


left_by: dict[int | None, str] = {}


def pytest_runtest_logfinish(nodeid: str) -> None:
    """Note which test has left a process running."""
    for child in multiprocessing.active_children():
        left_by.setdefault(child.pid, nodeid)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End and name the processes that tests have left running: multiprocessing would wait for them at exit, for ever."""
    for child in multiprocessing.active_children():
        if not child.daemon:
            child.kill()
            print(f"\n{child.name} was still running, left by {left_by.get(child.pid)}", file=sys.stderr)
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure(config: pytest.Config) -> None:
    """Make all objects visible to the collector at exit: duckdb reports the others as leaked. See to it that the exit ends."""
    gc.unfreeze()
    # xdist's workers wait for each other, and mutmut runs pytest many times in a process that lives on.
    if not hasattr(config, "workerinput") and "MUTANT_UNDER_TEST" not in os.environ:
        faulthandler.dump_traceback_later(END, exit=True)
