"""Check that the library of a renderer is installed and new enough.

Knows distributions and versions. Does not know any renderer.
"""

from __future__ import annotations

import re
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from .base import RendererUnavailable


def require_distribution(name: str, oldest: str, *, module: str | None = None, extra: str | None = None) -> None:
    """Raise `RendererUnavailable` if the distribution `name` is missing or older than `oldest`, for
    a renderer's `check`.

    Args:
        name: The distribution, as pip knows it.
        oldest: The oldest version that works; its first two numbers are compared.
        module: The module that it installs; None means `name` with `_` for `-`.
        extra: The argument for `pip install`; None means the distribution itself.

    Raises:
        RendererUnavailable: with the reason and the `pip install` command.

    Example:
        >>> require_distribution("no-such-library", "1.0")
        Traceback (most recent call last):
        progresskit.renderers.base.RendererUnavailable: no-such-library is not installed (pip install "no-such-library")
    """
    install = extra or name
    try:
        import_module(module or name.replace("-", "_"))
    except ImportError as error:
        raise RendererUnavailable(f"{name} is not installed", install) from error
    try:
        installed = version(name)
    except PackageNotFoundError:  # a frozen application or a vendored copy has the library without its metadata
        return
    if _numbers(installed) < _numbers(oldest):
        raise RendererUnavailable(f"{name} {installed} is older than {oldest}", install)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:2])
