"""The page "From tqdm" names all public names of tqdm, and progresskit has them."""

from __future__ import annotations

import io
import pkgutil
import re
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from pathlib import Path

import pytest

import progresskit.tqdm as ours
from progresskit.tqdm._install import ours as our_name

PAGE = (Path(__file__).parents[2] / "docs" / "tqdm.md").read_text("utf-8")


def named(heading: str) -> set[str]:
    """Return the names in the first column of the table below `heading`."""
    table = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)}


def test_arguments() -> None:
    """Each argument of tqdm's is one of progresskit's, with the same default and position, and the page describes it."""
    theirs = pytest.importorskip("tqdm.std", reason="tqdm is not installed in this environment")
    mine, peers = signature(ours.tqdm.__init__).parameters, signature(theirs.tqdm.__init__).parameters
    assert [(each.name, each.default) for each in mine.values()] == [
        (each.name, each.default) for each in peers.values()
    ]
    assert named("What becomes of each argument") == {*peers} - {"self", "kwargs"}


def test_methods() -> None:
    """Each public method and attribute of tqdm's is one of progresskit's, with the same parameters, and the page describes it."""
    theirs = pytest.importorskip("tqdm.std", reason="tqdm is not installed in this environment")
    bars = ours.tqdm(total=3, file=io.StringIO()), theirs.tqdm(total=3, file=io.StringIO())
    mine, peers = ({name for name in (*dir(type(bar)), *vars(bar)) if not name.startswith("_")} for bar in bars)
    assert peers - mine == set()
    assert named("What becomes of each method and attribute") == peers
    for name in peers:
        theirs_of = getattr(theirs.tqdm, name, None)
        if callable(theirs_of) and name != "status_printer":
            both = (signature(each).parameters.values() for each in (getattr(ours.tqdm, name), theirs_of))
            own, peer = ([each.name for each in some if each.kind is not each.VAR_KEYWORD] for some in both)
            assert own == peer, name
    for bar in bars:
        bar.close()


def test_helpers() -> None:
    """The other names of tqdm's modules exist too, because programs import them, with an underscore or without."""
    for name in ("std", "utils"):
        theirs = pytest.importorskip(f"tqdm.{name}", reason="tqdm is not installed in this environment")
        defined = {each for each, value in vars(theirs).items() if getattr(value, "__module__", "") == theirs.__name__}
        assert defined - set(vars(import_module(f"progresskit.tqdm.{name}"))) == set()


def test_modules() -> None:
    """Each public module of tqdm's is progresskit's, but for those that the page says are the installed tqdm's."""
    theirs = pytest.importorskip("tqdm", reason="tqdm is not installed in this environment")
    modules = {each.name for each in pkgutil.walk_packages(theirs.__path__, "tqdm.") if "._" not in each.name}
    assert named("What becomes of each module") == {"tqdm", *modules}
    found = {name: find_spec(our_name(name)) for name in modules}
    folder = str(Path(ours.__file__).parent)
    installed = {name for name, spec in found.items() if spec is not None and not str(spec.origin).startswith(folder)}
    assert None not in found.values()
    assert installed == {f"tqdm.contrib.{name}" for name in ("bells", "discord", "slack", "telegram")}
