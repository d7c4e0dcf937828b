"""Public names of a package that are imported when they are first asked for.

Knows how to import a name. Does not know which names there are: each package's `__init__` lists its
own.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def attribute(package: str, homes: Mapping[str, str], name: str) -> Any:
    """Return the attribute `name` of `package` from the module that `homes` gives for it.

    Args:
        package: The package's name.
        homes: Public name -> the module that defines it, in full.
        name: What was asked for.

    Raises:
        AttributeError: the package has no such name.

    Example:
        >>> attribute("progresskit", {"State": "progresskit._model.states"}, "State")
        <class 'str'>
    """
    home = homes.get(name)
    if home is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    # `importlib` would cost some hundreds of microseconds that nothing else here needs.
    return getattr(__import__(home, fromlist=(name,)), name)
