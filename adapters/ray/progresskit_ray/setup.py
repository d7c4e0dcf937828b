"""The function that Ray calls in each worker process as it starts: it starts the reporter if the package is installed there.

Knows Ray's runtime environments. Must not import Ray: a program may name this module without having Ray.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

HOOK = "worker_process_setup_hook"


def runtime_env(**fields: Any) -> dict[str, Any]:
    """Return a runtime environment for `ray.init` with which workers report their progress.

    Args:
        fields: Further fields of the environment. Your own `worker_process_setup_hook`, a function, is called as well.

    Raises:
        TypeError: the hook is no function.

    Example:
        >>> sorted(runtime_env(env_vars={"OMP_NUM_THREADS": "1"}))
        ['env_vars', 'worker_process_setup_hook']
    """
    given = fields.get(HOOK)
    if given is not None and not callable(given):
        raise TypeError(f"{HOOK} is {given!r:.80}, a {type(given).__name__}: give a function.")
    return {**fields, HOOK: _new_hook(given)}


def _new_hook(given: Callable[[], object] | None) -> Callable[[], None]:
    # A function within a function is pickled by value: one that is pickled by name ends the worker that cannot import it.
    def hook() -> None:
        try:
            from progresskit_ray.working import begin
        except ImportError:
            pass
        else:
            begin()
        if given is not None:
            given()

    return hook
