"""Make `import tqdm` import this package instead.

Knows `sys.modules` and the import system. Does not know bars.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_file_location
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

OURS = "progresskit.tqdm"
ALIASES = {
    "_tqdm": "std",
    "_tqdm_notebook": "notebook",
    "_tqdm_gui": "gui",
    "_tqdm_pandas": "std",
    "_utils": "utils",
    "_main": "cli",
}
"""Module names that tqdm keeps for programs written for its early versions -> modules of this package."""


class _Alias:  # without the classes of `importlib.abc`, whose import takes longer than the rest of this package
    """An import loader that returns a module of this package under tqdm's name."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(ours(spec.name))
        spec.loader_state = module.__spec__, getattr(module, "__loader__", None)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Restore the module's own attributes, which the import system has just overwritten. The module has been executed already."""
        spec = module.__spec__
        if spec is not None and spec.loader_state is not None:
            module.__spec__, module.__loader__ = spec.loader_state
            module.__package__ = module.__spec__.parent if module.__spec__ is not None else OURS


class _Finder:
    """An import finder that finds `tqdm` and its modules in this package, as far as this package has them."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != "tqdm" and not name.startswith("tqdm."):
            return None
        if name == "tqdm.__main__":  # which is run, not shared
            return spec_from_file_location(name, os.path.join(os.path.dirname(__file__), "__main__.py"))
        found = find_spec(ours(name))
        if found is None:
            return None
        is_package = found.submodule_search_locations is not None
        spec = ModuleSpec(name, _Alias(), origin=found.origin, is_package=is_package)  # type: ignore[arg-type]  # no `Loader`
        spec.submodule_search_locations = found.submodule_search_locations
        return spec


finder = _Finder()


def ours(name: str) -> str:
    """Return the name of the module that stands for tqdm's `name`."""
    _, _, rest = name.partition("tqdm")
    rest = rest.lstrip(".")
    return f"{OURS}.{ALIASES.get(rest, rest)}" if rest else OURS


def install() -> None:
    """Make `import tqdm`, and imports from it, use this package, whether tqdm is installed or not.

    Call it before other modules import tqdm: they keep what they have imported. A second call does nothing.

    Example:
        >>> install()
        >>> import tqdm
        >>> tqdm.tqdm.__module__
        'progresskit.tqdm.std'
        >>> uninstall()
    """
    if finder in sys.meta_path:
        return
    _forget()
    sys.meta_path.insert(0, finder)


def uninstall() -> None:
    """Make later imports of `tqdm` import the installed tqdm again."""
    if finder in sys.meta_path:
        sys.meta_path.remove(finder)
        _forget()


def _forget() -> None:
    for name in [name for name in sys.modules if name == "tqdm" or name.startswith("tqdm.")]:
        del sys.modules[name]
