"""The libraries that a test needs: without them it is skipped, with a reason.

`.ci/clients` has them all, and says so by `PROGRESSKIT_CLIENTS=required`: there the test fails.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from typing import Any, NoReturn

import pytest


def need(name: str) -> Any:
    """Return the module `name`, imported."""
    need_installed(name)
    return importlib.import_module(name)


def need_installed(*names: str) -> None:
    """Look for the packages `names`, and import none of them."""
    for name in names:
        if _is_missing(name):
            lack(name)


def need_torch(*names: str) -> None:
    """Look for torch and `names`; even `.ci/clients` has them only where there is a build of torch for processors."""
    for name in ("torch", *names):
        if _is_missing(name):
            pytest.skip(f"{name} is not installed in this environment")


def lack(name: str) -> NoReturn:
    """Skip the test because `name` is missing, or fail it where everything should be there."""
    if os.environ.get("PROGRESSKIT_CLIENTS") == "required":
        pytest.fail(f"{name} is not installed")
    pytest.skip(f"{name} is not installed in this environment")


def _is_missing(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is None
    except ModuleNotFoundError:  # nor is the package that it is in
        return True
