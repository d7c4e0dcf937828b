"""The storeys of the house: imports go edge -> front -> pure and never back."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import progresskit

ROOT = Path(progresskit.__file__).parent
PURE = {
    "states",
    "colors",
    "frames",
    "estimates",
    "cells",
    "formatting",
    "positions",
    "painting",
    "region",
    "reserved",
    "protocols",
    "counting",
    "rows",
    "wire",
    "lines",
    "events",
}
FRONT = {
    "task",
    "tracker",
    "iteration",
    "sampling",
    "registry",
    "settings",
    "files",
    "report",
    "feed",
    "invitations",
    "reporter",
}
EDGE = {
    "terminal",
    "ticker",
    "threads",
    "capture",
    "display",
    "life",
    "cli",
    "demo",
    "testing",
    "screen",
    "renderers",
    "hub",
    "run",
    "guardian",
    "pipe",
    "presence",
    "switching",
    "watch",
    "workers",
}
ABOVE = {"__init__", "__main__"}
STOREYS = {name: level for level, names in enumerate((PURE, FRONT, EDGE, ABOVE)) for name in names}
CLOCKS = {"os", "threading", "time", "asyncio", "socket", "subprocess"}


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    for node in list(ast.walk(tree)):  # what only the type checker sees does not count
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            found |= {dots + node.module} if node.module else {dots + alias.name for alias in node.names}
    return found


def modules() -> dict[str, Path]:
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in ROOT.rglob("*.py")}


def test_imports_only_go_down() -> None:
    for name, path in modules().items():
        room = name.split(".")[0]
        assert room in STOREYS, f"{name} stands on no storey: add it to the table in this test"
        for imported in imports(path):
            if imported.startswith("."):
                target = imported.lstrip(".").split(".")[0]
                if target in STOREYS and target != "__version__":
                    assert STOREYS[target] <= STOREYS[room], f"{name} imports {target}, which stands above it"


def test_the_pure_storey_knows_no_clock_and_no_system() -> None:
    for name in PURE:
        assert not imports(ROOT / f"{name}.py") & CLOCKS, name


def test_only_the_terminal_writes_and_only_life_registers_hooks() -> None:
    for name, path in modules().items():
        text = path.read_text("utf-8")
        # a pipe hands on what is the user's, and no display; switching tells the kernel a figure
        assert name in ("terminal", "pipe", "switching") or "os.write(" not in text.replace("`os.write`", "")
        assert name == "life" or ("atexit.register" not in text and "os.register_at_fork(" not in text)


def test_nothing_of_others_is_imported() -> None:
    code = (
        "import sys; before = set(sys.modules); from progresskit import track, ProgressTracker; list(track([1]));"
        "print([n for n in set(sys.modules) - before if n.split('.')[0] not in sys.stdlib_module_names | {'progresskit'}])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
