"""tqdm's names, arguments and text, without needing tqdm.

Knows tqdm's interface. A bar on a stream of its own is written as tqdm writes it; one on the display's terminal is a task of
progresskit beside all others. Does not know how a task is drawn.

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
tqdm_notebook = tqdm_gui = tqdm
tnrange = tgrange = trange


def tqdm_pandas(tclass: Any, **options: Any) -> None:
    """Give pandas' objects their methods with bars; `tqdm.pandas(...)` is what new programs use.

    Args:
        tclass: The bar's class, or a bar.
        options: The bar's arguments, where a class was given.
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
