"""Programs that the job starts while streams are captured: what they write to the terminal also goes above the rows.

A program that inherits the terminal would write where the rows are, and the next frame would overwrite its words. Knows
the two usual ways to start a program, `subprocess.Popen` and `os.system`, and replaces them. Does not know captures or
relays.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Protocol
from weakref import ref

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    class Programs(Protocol):
        """Knows the programs that the job has started."""

        def note(self, is_alive: Callable[[], bool]) -> None:
            """Note that a program was started: it may use the terminal for itself."""

    class Words(Protocol):
        """Where the words of programs go."""

        @property
        def slave(self) -> int:
            """The descriptor that a program writes to."""

        @property
        def foreground(self) -> Programs:
            """The foreground, which is told of each program that is started."""

        def redirected(self) -> AbstractContextManager[None]:
            """Let descriptors that a program inherits lead there meanwhile."""


STDOUT, STDERR = 4, 5
"""The places of `Popen`'s arguments, counted without `self`."""


class HookedPrograms:
    """Replaces the functions that start programs.

    Args:
        words_of: Called with a descriptor, or a file, that a program would write to; returns where its words are to go,
            or None if they are not captured.
    """

    def __init__(self, words_of: Callable[[Any], Words | None]) -> None:
        self._words_of = words_of
        self._replaced: list[tuple[Any, str, Any, Any]] = []

    def install(self) -> None:
        """Replace the functions that start programs; those of `subprocess` only if the job has imported it by now."""
        self._replace(os, "system", self._stand_in_for_system)
        module = sys.modules.get("subprocess")
        if module is not None and hasattr(module, "Popen"):
            self._replace(module.Popen, "__init__", self._stand_in_for_popen)

    def remove(self) -> None:
        """Restore the functions. A replacement that other code has wrapped stays, and does no harm."""
        while self._replaced:
            place, name, original, ours = self._replaced.pop()
            if vars(place).get(name) is ours:
                setattr(place, name, original)

    def _replace(self, place: Any, name: str, stand_in_for: Callable[[Any], Any]) -> None:
        if not any(each[0] is place for each in self._replaced):
            original = vars(place)[name]
            ours = stand_in_for(original)
            ours.__name__, ours.__doc__, ours.__wrapped__ = name, original.__doc__, original
            setattr(place, name, ours)
            self._replaced.append((place, name, original, ours))

    def _stand_in_for_popen(self, original: Callable[..., None]) -> Callable[..., None]:
        def started(popen: Any, *arguments: Any, **named: Any) -> None:
            given = list(arguments)
            used: Words | None = None
            for place, name, descriptor in ((STDOUT, "stdout", 1), (STDERR, "stderr", 2)):
                target = given[place] if place < len(given) else named.get(name)
                words = self._words_of(descriptor if target is None else target)
                if words is not None:
                    used = words
                    if place < len(given):
                        given[place] = words.slave
                    else:
                        named[name] = words.slave
            if used is not None:
                used.foreground.note(_is_running(popen))  # first: the program may have asked before this thread goes on
            original(popen, *given, **named)

        return started

    def _stand_in_for_system(self, original: Callable[[Any], int]) -> Callable[[Any], int]:
        def system(command: Any) -> int:
            words = self._words_of(1) or self._words_of(2)
            if words is None:
                return original(command)
            running = [True]
            words.foreground.note(lambda: bool(running))
            try:
                with words.redirected():
                    return original(command)
            finally:
                running.clear()

        return system


def _is_running(popen: Any) -> Callable[[], bool]:
    """Return a function that tells whether the program runs or is being started, as far as its job has found out."""
    held = ref(popen)

    def is_alive() -> bool:
        program = held()
        return program is not None and getattr(program, "returncode", None) is None

    return is_alive
