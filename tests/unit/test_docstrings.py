"""Every example in the docstrings of the core, and of the adapters that are installed, is run."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import progresskit
from progresskit._model.slots import Slots
from progresskit._text.cells import fit
from progresskit.processes.feed import Feed
from progresskit.processes.hub import Hub
from progresskit.testing import (
    EmulatedTerminal,
    ManualClock,
    ManualTicker,
    RecordingRenderer,
    RendererContract,
    sample_view,
)

PACKAGES = ("progresskit", "progresskit_tqdm", "progresskit_rich", "progresskit_alive", "progresskit_snowflake")


class Leaf(str):
    """An item of a tree without children."""

    children = None


# Modules that import fakesnow run only in the server's process: see its replacement of the connector.
SERVER_ONLY = ("embedded.app", "embedded.copying", "embedded.fakesnow_patches")


def modules() -> Iterator[str]:
    """Name the modules that hold an example, without importing them: each is imported where its test runs."""
    for package in PACKAGES:
        found = importlib.util.find_spec(package)
        if found is None or found.origin is None:  # an adapter that is not installed here
            continue
        folder = Path(found.origin).parent
        for path in sorted(folder.rglob("*.py")):
            name = ".".join((package, *path.relative_to(folder).with_suffix("").parts)).removesuffix(".__init__")
            if ">>> " in path.read_text(encoding="utf-8") and not name.endswith(SERVER_ONLY):
                yield name


@pytest.mark.parametrize("name", [*modules()])
def test_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every example in the docstrings of a module gives the shown output."""
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not name.startswith("progresskit.clients."):
            raise
        pytest.skip(f"{error.name} is not installed in this environment")
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, name):
        if test.examples:
            run(test, tmp_path, monkeypatch)


def run(test: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "orders.csv").write_bytes(b"a,b,c\n1,2,3")
    tracker = progresskit.ProgressTracker(RecordingRenderer(), clock=ManualClock(), ticker=ManualTicker())
    helpers = (
        EmulatedTerminal,
        Feed,
        Hub,
        Leaf,
        ManualClock,
        ManualTicker,
        RecordingRenderer,
        RendererContract,
        Slots,
        fit,
    )
    public = {
        name: getattr(progresskit, name) for name in progresskit.__all__ if name != "print"
    }  # examples mean the builtin
    names = {**public, **{helper.__name__: helper for helper in helpers}, "sample_view": sample_view}
    names |= {"tracker": tracker, "task": tracker.add_task("orders.csv"), "rows": range(3)}
    test.globs = {**names, **test.globs}
    found: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=found.append)
    tracker.stop()
    assert not found, f"{test.name}: " + "".join(found)


def test_every_public_name_has_an_example() -> None:
    bare = []
    for name in progresskit.__all__:
        value = getattr(progresskit, name)
        if callable(value) and value is not str and "Example:" not in (value.__doc__ or ""):
            bare.append(name)
    assert bare == []


def test_comments_stand_with_their_code() -> None:
    """No comment follows the closing bracket of a wrapped condition, where its subject is unclear."""
    root = Path(__file__).resolve().parents[2]
    folders = ("progresskit", "adapters", "tests", "benchmarks")
    wrapped = re.compile(r"(?m)^ *\)(?: as \w+| in [\w.]+)?:  # (?!fmt|type)")
    assert not [
        str(file.relative_to(root))
        for folder in folders
        for file in (root / folder).rglob("*.py")
        if wrapped.search(file.read_text(encoding="utf-8"))
    ]
