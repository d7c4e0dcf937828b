"""The build backend: hatchling's, with extras that a checkout can install, and a README that an index can show.

The extras name distributions of this repository, which `pip install '.[rich]'` would look for on an index. What is built in a
checkout therefore refers to their folders. A source distribution, and whatever is built of one, refers to them by name alone, as
an index demands: release wheels are built from it (`uv build`, `python -m build`).

The README has links and pictures of files of the repository. An index has none of these files, and the repository has no public
address yet to which the links could lead. In the metadata they are text; once `[project.urls]` has an address, they can be whole.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import hatchling.build
from hatchling.build import *  # noqa: F403  # all that a frontend may call
from hatchling.metadata.plugin.interface import MetadataHookInterface

BY_NAME = "PROGRESSKIT_EXTRAS_BY_NAME"
PICTURE = re.compile(r"!\[[^\]]*\]\((?!https?:)[^)]*\)\n*")
LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|#)[^)]*\)")


def build_sdist(sdist_directory: str, config_settings: dict[str, Any] | None = None) -> str:
    """Build a source distribution, whose extras are names."""
    os.environ[BY_NAME] = "1"  # of this process, which builds one thing
    return hatchling.build.build_sdist(sdist_directory, config_settings)


class ExtrasHook(MetadataHookInterface):
    """Gives the project its README, and the extras of `[tool.hatch.metadata.hooks.custom.extras]`."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the extras and the README of `metadata`."""
        readme = Path(self.root, "README.md").read_text("utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": LINK.sub(r"\1", PICTURE.sub("", readme))}
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
