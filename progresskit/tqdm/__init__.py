"""tqdm's names, arguments and text, for programs written for tqdm, which need not be installed.

Knows tqdm's interface. A bar on the terminal that progresskit draws on is a task there; any other bar is written as tqdm writes it.
Does not know how a task is drawn.

    from progresskit.tqdm import tqdm, trange

    for row in tqdm(rows, desc="Checking"):
        ...
"""

from __future__ import annotations

from typing import Any

from ._install import install, uninstall
from ._monitor import TMonitor, TqdmSynchronisationWarning
from ._patch import patch, unpatch
from .cli import main
from .notebook import tnrange, tqdm_notebook
from .std import (
    TqdmDeprecationWarning,
    TqdmExperimentalWarning,
    TqdmKeyError,
    TqdmMonitorWarning,
    TqdmTypeError,
    TqdmWarning,
    tqdm,
    trange,
)
from .version import __version__

__all__ = [
    "TMonitor",
    "TqdmDeprecationWarning",
    "TqdmExperimentalWarning",
    "TqdmKeyError",
    "TqdmMonitorWarning",
    "TqdmSynchronisationWarning",
    "TqdmTypeError",
    "TqdmWarning",
    "__version__",
    "install",
    "main",
    "patch",
    "tgrange",
    "tnrange",
    "tqdm",
    "tqdm_gui",
    "tqdm_notebook",
    "tqdm_pandas",
    "trange",
    "uninstall",
    "unpatch",
]
tqdm_gui, tgrange = tqdm, trange


def tqdm_pandas(tclass: Any, **options: Any) -> None:
    """Add methods with bars, such as `progress_apply`, to pandas' objects. New programs call `tqdm.pandas(...)`.

    Args:
        tclass: The bar's class, or a bar.
        options: The bar's arguments, if `tclass` is a class.
    """
    if isinstance(tclass, type):
        said, options = "tqdm_pandas(tqdm, ...)", options
        target: Any = tclass
    else:
        said, options = "tqdm_pandas(tqdm(...))", {"deprecated_t": tclass}
        target = type(tclass)
    file = options.get("file") or getattr(tclass, "fp", None)
    write = getattr(file, "write", None)
    if write is None:
        import sys

        write = sys.stderr.write
    TqdmDeprecationWarning(f"Please use `tqdm.pandas(...)` instead of `{said}`.", fp_write=write)
    target.pandas(**options)
