"""Put faults into loaded code: a piece of a module's source is replaced, and its functions run the new code."""

from __future__ import annotations

import importlib
import inspect
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest


def functions(code: CodeType, path: str = "") -> dict[str, CodeType]:
    """Return the code of all functions below `code`, by their names and those of what they are in."""
    found = {}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            name = f"{path}{constant.co_name}"
            found[name] = constant
            found.update(functions(constant, f"{name}."))
    return found


def members(module: ModuleType) -> dict[str, FunctionType]:
    """Return the functions and methods that `module` itself defines, properties' getters too, by qualified names."""
    found: dict[str, FunctionType] = {}
    places: list[tuple[str, Any]] = [("", vars(module))]
    places += [
        (f"{name}.", vars(one))
        for name, one in vars(module).items()
        if isinstance(one, type) and one.__module__ == module.__name__
    ]
    for path, place in places:
        for name, one in place.items():
            one = one.fget if isinstance(one, property) else getattr(one, "__func__", one)
            if isinstance(one, FunctionType) and one.__module__ == module.__name__:
                found[path + name] = one
    return found


def plant(monkeypatch: pytest.MonkeyPatch, module_name: str, source: str) -> int:
    """Make the functions of a module run the code of `source` until the patch is undone, and return the number of changed ones."""
    module = importlib.import_module(module_name)
    new = functions(compile(source, inspect.getsourcefile(module) or module_name, "exec", dont_inherit=True))
    changed = 0
    for name, function in members(module).items():
        code = new.get(name)
        if code is not None and code != function.__code__ and code.co_freevars == function.__code__.co_freevars:
            monkeypatch.setattr(function, "__code__", code)
            changed += 1
    return changed


def seed(monkeypatch: pytest.MonkeyPatch, module_name: str, old: str, new: str) -> None:
    """Replace `old`, which must stand in the module's source once, by `new`."""
    source = inspect.getsource(importlib.import_module(module_name))
    assert source.count(old) == 1, f"{old!r} stands in {module_name} {source.count(old)} times: seed this fault anew"
    assert plant(monkeypatch, module_name, source.replace(old, new)), "no function has changed"
