"""The page of clients: its lines run, and each row names a test that exists."""

from __future__ import annotations

import importlib
import re
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from needed import need_installed
from peers import azure, ftp, gcs, s3, sftp
from serving import BODY

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "clients.md").read_text("utf-8")
ROWS = re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \| [^|]+ \| (.*) \|$", PAGE, re.MULTILINE)[1:]
NEEDS = {
    "scikit-learn": ("sklearn",), "fsspec": ("fsspec", "aiohttp"), "sqlite3": (), "urlretrieve": (), "ftplib": (),
    "azure-storage-blob": ("azure.storage.blob",), "google-cloud-storage": ("google.cloud.storage",),
}  # fmt: skip
"""Recipe -> the modules that it needs, where that is not one of the recipe's name."""
SLOW = ("adlfs", "azure-storage-blob", "boto3")  # an emulator is started


@contextmanager
def names_for(recipe: str, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield what the lines of `recipe` find, besides the files and the address that all of them have."""
    if recipe in ("adlfs", "azure-storage-blob"):
        with azure() as connection:
            yield {"connection": connection}
    elif recipe == "boto3":
        with s3() as options:
            yield {"s3": importlib.import_module("boto3").client("s3", **options)}
    elif recipe == "google-cloud-storage":
        with gcs() as bucket:
            yield {"bucket": bucket}
    elif recipe == "ftplib":
        with ftp({}) as client:
            yield {"ftp": client}
    elif recipe == "paramiko":
        with sftp(folder) as client:
            yield {"sftp": client}
    elif recipe == "sqlite3":
        with closing(sqlite3.connect(":memory:")) as source, closing(sqlite3.connect(":memory:")) as target:
            source.execute("CREATE TABLE numbers AS SELECT 1 AS number")
            yield {"source": source, "target": target}
    else:
        yield {}


def recipes() -> list[Any]:
    found = re.findall(r"```python\n# ([\w.-]+)\n(.*?)```", PAGE, re.DOTALL)
    assert len(found) == PAGE.count("```python")
    return [
        pytest.param(name, code, id=name, marks=[pytest.mark.slow] if name in SLOW else [])
        for name, code in found
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "code"), recipes())
def test_lines(name: str, code: str, tracked: Any, served: Any, tmp_path: Path) -> None:
    """The lines run unchanged, and show tasks that finish at their totals; sent bytes come back."""
    need_installed(*NEEDS.get(name, (name,)))
    path, copy = tmp_path / "source", tmp_path / "copy"
    path.write_bytes(BODY)
    given = {"url": f"{served.url}/file", "folder": tmp_path, "path": str(path), "copy": str(copy)}
    with names_for(name, tmp_path) as found, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # libraries of each other
        exec(compile(code, name, "exec", dont_inherit=True), {**given, **found})
    assert tracked.added and {task.state for task in tracked.added} == {"finished"}
    assert [task.completed for task in tracked.added] == [task.total or task.completed for task in tracked.added]
    assert not copy.exists() or copy.read_bytes() == BODY


def test_rows() -> None:
    """Each row of the table names tests that exist."""
    files = [*(ROOT / "tests" / "clients").glob("test_*.py"), ROOT / "tests" / "process" / "test_read.py"]
    tests = set(re.findall(r"^def (test_\w+)", "\n".join(file.read_text("utf-8") for file in files), re.MULTILINE))
    assert len(ROWS) > 20
    for client, _, named in ROWS:
        names = re.findall(r"`(\w+)`", named)
        assert names and set(names) <= tests, client
