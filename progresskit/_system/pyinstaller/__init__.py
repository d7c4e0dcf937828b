"""The hook for PyInstaller, which finds this folder through the entry-point group `pyinstaller40`."""

from __future__ import annotations

import os


def hook_folders() -> list[str]:
    """Return the folders that hold hooks for PyInstaller."""
    return [os.path.dirname(__file__)]
