"""The folders of the package are layers: imports go down only, and no module imports itself through others."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import progresskit

ROOT = Path(progresskit.__file__).parent
FLOORS = (
    "_text",
    "_system",
    "_model",
    "renderers",
    "_tracking",
    "_display",
    "processes",
    "tqdm",
    "clients",
    "testing",
    "_cli",
)
PURE = ("_text", "_model", "renderers")
CLOCKS = {"os", "threading", "_thread", "time", "asyncio", "socket", "subprocess"}
REGISTRY = "renderers/registry.py"
SEES_THE_SYSTEM = {REGISTRY, "renderers/choice.py", "renderers/destinations.py"}
"""The modules of pure folders that read the environment and the standard streams."""


@cache
def nodes(path: Path) -> list[ast.AST]:
    """Return the syntax tree's nodes of a module, which all tests visit."""
    return list(ast.walk(ast.parse(path.read_text("utf-8"))))


def imported(path: Path) -> set[str]:
    """Return the absolute names of the modules that `path` imports, at any depth and for types as well."""
    package = ("progresskit", *path.relative_to(ROOT).parts[:-1])
    found: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            base = ".".join(filter(None, (above, node.module)))
            found |= {base} if node.module else {f"{base}.{alias.name}" for alias in node.names}
    return found


def statements(path: Path) -> set[str]:
    """Return all modules that `from ... import ...` may name, as freezers read it."""
    package = ("progresskit", *path.relative_to(ROOT).parts[:-1])
    found = imported(path)
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = ".".join(filter(None, (*package[: len(package) - node.level + 1], node.module)))
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


def files() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def upward() -> set[tuple[str, str]]:
    """Return the imports from a folder to a folder above it, as (file, module)."""
    found = set()
    for path in files():
        here = path.relative_to(ROOT)
        for name in imported(path):
            target = (*name.split("."), "")[1] if name.startswith("progresskit.") else ""
            if target in FLOORS and here.parts[0] in FLOORS and FLOORS.index(target) > FLOORS.index(here.parts[0]):
                found.add((here.as_posix(), name))
    return found


def test_floors() -> None:
    """No module imports from a folder above its own."""
    folders = {path.relative_to(ROOT).parts[0] for path in files() if path.parent != ROOT}
    assert folders == set(FLOORS)
    assert upward() == set()


def test_no_circles() -> None:
    """No module imports itself through others, not even late or for types."""
    modules = {".".join(("progresskit", *path.relative_to(ROOT).with_suffix("").parts)): path for path in files()}
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    TopologicalSorter({name: statements(path) & modules.keys() for name, path in modules.items()}).prepare()


def test_names_of_upper_floors() -> None:
    """One module names the objects that a layer needs from a layer above it; the registry names the renderers."""
    named = {
        path.relative_to(ROOT).as_posix()
        for path in files()
        for node in nodes(path)
        if isinstance(node, ast.Constant)
        and (match := re.fullmatch(r"progresskit\.(\w+)[.:]\S+", str(node.value)))
        and path.parent != ROOT
        and match[1] in FLOORS[FLOORS.index(path.relative_to(ROOT).parts[0]) + 1 :]
    }
    assert named == {"_system/lazy.py", REGISTRY}


def test_pure_folders() -> None:
    """The computing folders do not use clocks, threads or the system."""
    for path in files():
        here = path.relative_to(ROOT)
        if here.parts[0] in PURE and here.as_posix() not in SEES_THE_SYSTEM:
            assert not imported(path) & CLOCKS, here


def test_writes_and_hooks() -> None:
    """Only the terminal writes to descriptors, and only one module registers hooks of the process."""
    writers = {
        "_display/terminal.py",
        "_display/relay.py",
        "_display/relay_forwarder.py",
        "_display/relay_keeper.py",
        "_display/foreground.py",
        "_cli/pipe.py",
        "_system/lateness.py",
        "_display/events_file.py",
        "processes/_brief_ends.py",
        "processes/_marks.py",
    }  # pipe, forwarder and foreground hand on bytes of the user or of programs; a relay wakes its thread; an events file takes whole
    # lines; lateness tells a figure, a worker the end of a brief loop, and a client where among its words an end belongs
    for path in files():
        here, text = path.relative_to(ROOT).as_posix(), path.read_text("utf-8")
        assert here in writers or "os.write(" not in text.replace("`os.write`", "")
        # tqdm's monitor has always ended itself at exit, and programs' tests count on it.
        # The hook that sees the first worker's fork is there before what it loads.
        assert here in ("_display/process_hooks.py", "_tracking/multiprocessing_hook.py", "tqdm/_monitor.py") or (
            "atexit.register" not in text and "os.register_at_fork(" not in text
        )


def test_one_place_asks_for_the_platform() -> None:
    """One module decides whether the system has a call; tqdm's own constant is set as in tqdm."""
    asks = re.compile(r"\b(sys\.platform|os\.name)\b|(hasattr|getattr)\((os|select|_?signal|socket|time), ")
    found = {path.relative_to(ROOT).as_posix() for path in files() if asks.search(path.read_text("utf-8"))}
    assert found == {"_system/platform.py", "tqdm/utils.py"}


def test_freezers_see_what_is_loaded_by_name() -> None:
    """Each module that a string names is in an import statement too, which PyInstaller, Nuitka and cx_Freeze follow."""
    named = {
        node.value.partition(":")[0]
        for path in files()
        for node in nodes(path)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"progresskit(\.\w+)+(:\w+)?", node.value)
    }
    # an entry-point group; PyInstaller's own; a name in a message
    named -= {"progresskit.renderers", "progresskit._system.pyinstaller", "progresskit.tqdm"}
    stated = set().union(*map(statements, files()))
    assert {name for name in named if importlib.util.find_spec(name)} - stated == set()


def test_nothing_of_others_is_imported() -> None:
    """Before a loop begins, no module of others and no slow module of the standard library is imported."""
    code = (
        f"import sys; before = set(sys.modules); sys.path.insert(0, {str(ROOT.parent)!r});"
        "from progresskit import track, ProgressTracker;"
        "print({'re', 'enum', 'dataclasses', 'inspect', 'typing', 'json', 'threading'} & (set(sys.modules) - before));"
        "list(track([1])); ours = sys.stdlib_module_names | {'progresskit'};"
        "print([n for n in set(sys.modules) - before if n.split('.')[0] not in ours])"
    )
    run = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split("\n") == ["set()", "[]", ""]


def test_pools_and_unseen_loops_import_little() -> None:
    """The `map` of threads does without asyncio, and a loop that shows nothing without typing and re."""
    code = (
        f"import sys; before = set(sys.modules); sys.path.insert(0, {str(ROOT.parent)!r}); from progresskit import track;"
        "list(track([1], disable=True)); print({'typing', 're', 'enum'} & (set(sys.modules) - before));"
        "from progresskit.concurrent import as_completed, map_threads; map_threads(abs, [1]);"
        "print({'asyncio'} & (set(sys.modules) - before))"
    )
    environ = {**os.environ, "PROGRESSKIT_RENDERER": "none"}
    run = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, env=environ)
    assert run.stdout.split("\n") == ["set()", "set()", ""]
