"""Every example in the docstrings of the core, and of the adapters that are installed, is run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
    """An item of a tree that has no children."""

    children = None


def modules() -> Iterator[Any]:
    for name in PACKAGES:
        try:
            package = importlib.import_module(name)
        except ModuleNotFoundError:  # an adapter that is not installed here
            continue
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            if found.name in ("progresskit.tqdm.dask", "progresskit.tqdm.keras", "progresskit.tqdm.rich"):
                continue  # each needs its library; they have no examples
            if found.name.startswith("progresskit.clients."):
                try:
                    yield importlib.import_module(found.name)
                except ModuleNotFoundError:  # its library is not installed here
                    pass
                continue
            # Modules that import fakesnow belong into the server's own process: see its stand-in for the connector.
            if not found.name.endswith(
                ("__main__", "hook-progresskit", "embedded.app", "embedded.copying", "embedded.fakesnow_patches")
            ):
                yield importlib.import_module(found.name)


def examples() -> list[doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    return [test for module in modules() for test in finder.find(module, module.__name__) if test.examples]


@pytest.mark.parametrize("test", examples(), ids=lambda test: test.name)
def test_an_example_does_what_it_says(test: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert not found, "".join(found)


def test_every_public_name_has_an_example() -> None:
    bare = []
    for name in progresskit.__all__:
        value = getattr(progresskit, name)
        if callable(value) and value is not str and "Example:" not in (value.__doc__ or ""):
            bare.append(name)
    assert bare == []
