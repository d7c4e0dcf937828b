"""Have the tqdm of a program that cannot be changed be progresskit's: this folder stands first on PYTHONPATH.

Python imports `sitecustomize` when it starts. This one adds a finder that waits for tqdm, so that a program which never imports
tqdm imports nothing of ours, and then runs the `sitecustomize` that it hides.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Wait:
    """Finds nothing itself: when tqdm is asked for, it has progresskit's installed, which is then asked."""

    def find_spec(self, name: str, path: "Any" = None, target: "Any" = None) -> "Any":
        if name != "tqdm":
            return None
        sys.meta_path.remove(self)
        try:
            from progresskit.tqdm._install import finder, install
        except ImportError:  # an interpreter that does not have progresskit
            return None
        install()
        return finder.find_spec(name, path, target)


def _run_hidden() -> None:
    """Import the `sitecustomize` that stands behind this one, if there is one."""
    here = os.path.dirname(os.path.abspath(__file__))
    kept = sys.path[:]
    ours = sys.modules.pop("sitecustomize")
    sys.path[:] = [folder for folder in kept if os.path.abspath(folder or ".") != here]
    try:
        __import__("sitecustomize")
    except ModuleNotFoundError as error:
        if error.name != "sitecustomize":
            raise
        sys.modules["sitecustomize"] = ours
    finally:
        sys.path[:] = kept


if os.environ.get("PROGRESSKIT_TQDM", "").strip().lower() not in ("", "0", "no", "off", "false"):
    sys.meta_path.insert(0, _Wait())
_run_hidden()
