"""The build backend: hatchling's, with extras that a checkout can install.

The extras name distributions of this repository, which `pip install '.[rich]'` would look for on an index. What is built in a
checkout therefore refers to their folders. A source distribution, and whatever is built of one, refers to them by name alone, as
an index demands: release wheels are built from it (`uv build`, `python -m build`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import hatchling.build
from hatchling.build import *  # noqa: F403  # all that a frontend may call
from hatchling.metadata.plugin.interface import MetadataHookInterface

BY_NAME = "PROGRESSKIT_EXTRAS_BY_NAME"


def build_sdist(sdist_directory: str, config_settings: dict[str, Any] | None = None) -> str:
    """Build a source distribution, whose extras are names."""
    os.environ[BY_NAME] = "1"  # of this process, which builds one thing
    return hatchling.build.build_sdist(sdist_directory, config_settings)


class ExtrasHook(MetadataHookInterface):
    """Gives the project the extras of `[tool.hatch.metadata.hooks.custom.extras]`."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the extras of `metadata`."""
        folders = (
            {}
            if os.environ.get(BY_NAME)
            else {f"progresskit-{path.name}": path for path in Path(self.root, "adapters").glob("*")}
        )
        metadata["optional-dependencies"] = {
            extra: [self._located(each, folders) for each in needs] for extra, needs in self.config["extras"].items()
        }

    def _located(self, need: str, folders: dict[str, Path]) -> str:
        """Return `need` with the folder that it is in, where it is one of ours."""
        name = need.partition(">")[0]
        folder = folders.get(name.partition("[")[0])
        return need if folder is None else f"{name} @ {folder.resolve().as_uri()}"
