"""The folders of the adapter are layers: imports go down only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

package = pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")

ROOT = Path(package.__file__).parent
FLOORS = (
    "errors",
    "versions",
    "embedded",
    "sql",
    "copying",
    "files",
    "counting",
    "bars",
    "loading",
    "__init__",
    "options",
    "interrupts",
    "cli",
)
"""From the bottom up. `embedded` imports only lower folders, and higher ones start it."""


def imported(path: Path) -> set[str]:
    """Return the folders that a module imports, at any depth, and for types as well."""
    above = path.relative_to(ROOT).parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = (*above[: len(above) - node.level + 1], *(node.module or "").split("."))
            found.add(next(filter(None, base), "embedded" if above else "__init__"))
    return found


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_go_down(floor: str) -> None:
    """No module imports one of a higher folder."""
    below = set(FLOORS[: FLOORS.index(floor) + 1])
    paths = sorted((ROOT / floor).rglob("*.py")) or [ROOT / f"{floor}.py"]
    if floor == "__init__":
        below |= {"bars"}
    for path in paths:
        assert imported(path) <= below, path


def test_every_module_has_a_floor() -> None:
    """There are no other folders."""
    found = {
        path.name.removesuffix(".py")
        for path in ROOT.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert found == set(FLOORS)
