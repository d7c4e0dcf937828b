"""The renderers that exist: the built-in ones in a table, all others through entry points.

Reads the entry-point group `progresskit.renderers` (tens of milliseconds) only for an unknown name. Does not know which
renderer suits a terminal, or what a renderer does.
"""

from __future__ import annotations

import os
import sys

from .._system.lazy import load as load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.metadata import EntryPoint
    from typing import Any

    from .base import DrawTarget, Renderer

    Factory = Callable[[], Renderer]

GROUP = "progresskit.renderers"
AUTO_GROUP = "progresskit.auto"
"""The entry-point group of the renderers that `auto` asks for their priority."""


class BuiltIn:
    """A built-in renderer: its module is imported when the renderer is made.

    Args:
        path: The address of its class, as `module:attribute`.
        priority: The renderer's `priority`; None: `auto` does not choose it.
        has_check: Whether its class has a `check`.

    The other arguments are options of the class that are needed before it is imported.
    """

    __slots__ = (
        "accepts_plain_lines",
        "has_check",
        "in_place",
        "is_remote",
        "path",
        "priority",
        "records_ends",
        "shows_tasks",
    )

    def __init__(
        self,
        path: str,
        *,
        priority: Callable[[DrawTarget], float | None] | None = None,
        has_check: bool = False,
        in_place: bool = False,
        is_remote: bool = False,
        shows_tasks: bool = True,
        accepts_plain_lines: bool = True,
        records_ends: bool = False,
    ) -> None:
        self.path: str = path
        self.priority: Callable[[DrawTarget], float | None] | None = priority
        self.has_check: bool = has_check
        self.in_place: bool = in_place
        self.is_remote: bool = is_remote
        self.shows_tasks: bool = shows_tasks
        self.accepts_plain_lines: bool = accepts_plain_lines
        self.records_ends: bool = records_ends

    def __call__(self, *arguments: Any) -> Renderer:
        """Return a new renderer."""
        renderer: Renderer = load(self.path)(*arguments)
        return renderer


BUILTIN = {
    "ansi": BuiltIn(
        "progresskit.renderers.ansi:AnsiRenderer",
        in_place=True,
        priority=lambda terminal: 10.0 if terminal.is_redrawable else None,
    ),
    "plain": BuiltIn("progresskit.renderers.plain:PlainRenderer", priority=lambda terminal: 0.0),
    "json": BuiltIn("progresskit.renderers.json:JsonRenderer", accepts_plain_lines=False, records_ends=True),
    "log": BuiltIn("progresskit.renderers.log:LogRenderer"),
    "notebook": BuiltIn(
        "progresskit._display.notebook_cells:NotebookRenderer",
        has_check=True,
        priority=lambda terminal: 20.0 if terminal.in_notebook else None,
    ),
    "none": BuiltIn("progresskit.renderers.none:NoneRenderer", shows_tasks=False),
    "hub": BuiltIn("progresskit.processes._client:HubRenderer", is_remote=True, has_check=True),
}
OBSERVERS: list[Callable[[Renderer], Renderer]] = []
"""Functions that wrap each renderer of this process from its next frame on, for example for the live page."""
EXTRAS = ("tqdm", "rich", "alive")
"""Names that `pip install "progresskit[NAME]"` makes available; the registry knows only the names."""


def find(name: str) -> Factory:
    """Return the class or factory of the renderer `name`, which is usable here.

    Raises:
        LookupError: the name is unknown.
        RendererUnavailable: it is known, but cannot be used here; the error has the reason and the `pip install`
            command.
    """
    from .base import RendererUnavailable

    install = f"progresskit[{name}]" if name in EXTRAS else None
    if name in BUILTIN:
        factory = load(BUILTIN[name].path)
    elif ":" in name:
        try:
            factory = load(name)
        except (ImportError, AttributeError) as error:
            raise RendererUnavailable(f"it cannot be imported: {error}") from error
    else:
        entry = entry_points().get(name)
        if entry is None:
            if install is None:
                raise LookupError(name)
            raise RendererUnavailable(f"progresskit-{name} is not installed", install)
        try:
            factory = entry.load()
        except ModuleNotFoundError as error:
            raise RendererUnavailable(f"{error.name} is not installed", install) from error
    check = getattr(factory, "check", None)
    if check is not None:
        check()
    return factory  # type: ignore[no-any-return]  # an entry point has no type


def entry_points() -> dict[str, EntryPoint]:
    """Return the renderers of the installed packages, by name."""
    from importlib.metadata import entry_points as installed

    return {entry.name: entry for entry in installed(group=GROUP)}


def names() -> tuple[str, ...]:
    """Return the names of all renderers that are known here, whether usable or not."""
    return (*BUILTIN, *sorted({*EXTRAS, *entry_points()}))


def candidates() -> dict[str, EntryPoint]:
    """Return the installed renderers that `auto` asks for their priority, by name.

    The packages' entry points are parsed only if one of them names the group, because importing the parser takes longer
    than the first frame.
    """
    if not _has_candidates(sys.path):
        return {}
    from importlib.metadata import entry_points as installed

    return {entry.name: entry for entry in installed(group=AUTO_GROUP)}


def _has_candidates(folders: Sequence[str]) -> bool:
    """Return whether the metadata of a package in one of `folders` names the group of `auto`. Packages in zip files have none."""
    for folder in folders:
        try:
            with os.scandir(folder or ".") as entries:
                metadata = [entry.path for entry in entries if entry.name.endswith((".dist-info", ".egg-info"))]
        except OSError:  # a zip file, or a missing folder
            continue
        for path in metadata:
            try:
                with open(os.path.join(path, "entry_points.txt"), "rb") as file:
                    if _SECTION in file.read():
                        return True
            except OSError:  # most packages have none
                pass
    return False


_SECTION = f"[{AUTO_GROUP}]".encode()
