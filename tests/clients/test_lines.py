"""The page of clients: its lines run, and each row names a test that exists."""

from __future__ import annotations

import re
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "clients.md").read_text("utf-8")
ROWS = re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \| [^|]+ \| (.*) \|$", PAGE, re.MULTILINE)[1:]
NEEDS = {"scikit-learn": ("sklearn",), "fsspec": ("fsspec", "aiohttp")}


def snippets() -> list[Any]:
    found = re.findall(r"```python\n# ([\w.-]+)\n(.*?)```", PAGE, re.DOTALL)
    assert len(found) == PAGE.count("```python")
    return [pytest.param(name, code, id=name) for name, code in found]


@pytest.mark.parametrize(("name", "code"), snippets())
def test_lines(name: str, code: str, tracked: Any, served: Any, tmp_path: Path) -> None:
    """The lines run as they stand, and show a task that finishes."""
    for module in NEEDS.get(name, (name,)):
        if find_spec(module.partition(".")[0]) is None:
            pytest.skip(f"{module} is not installed in this environment")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # libraries of each other
        exec(compile(code, name, "exec", dont_inherit=True), {"url": f"{served.url}/file", "folder": tmp_path})
    assert tracked.added and {task.state for task in tracked.added} == {"finished"}


def test_rows() -> None:
    """Each row of the table names tests that exist."""
    files = [*(ROOT / "tests" / "clients").glob("test_*.py"), ROOT / "tests" / "process" / "test_read.py"]
    tests = set(re.findall(r"^def (test_\w+)", "\n".join(file.read_text("utf-8") for file in files), re.MULTILINE))
    assert len(ROWS) > 20
    for client, _, named in ROWS:
        names = re.findall(r"`(\w+)`", named)
        assert names and set(names) <= tests, client
