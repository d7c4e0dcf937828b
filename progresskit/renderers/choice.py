"""The choice of a renderer: by an argument, by the environment, or the one that suits the terminal best.

Knows what decides the choice, and keeps the reason for messages. Does not know other destinations of frames and lines:
`destinations` does.
"""

from __future__ import annotations

import os

from .._model.numbers import kind_of
from .._system.environment import is_disabled, is_on, why_lines
from .._system.job import higher_rank, hub_address
from .._system.notebook import replaces_outputs
from .._system.threads import QuickThread
from .._system.warnings import warn_once
from .registry import BUILTIN, EXTRAS, OBSERVERS, BuiltIn, candidates, entry_points, find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import EntryPoint
    from typing import Any

    from .base import DrawTarget, Renderer, Terminal
    from .registry import Factory

ANSWER_SECONDS = 1.0
"""Seconds within which an installed renderer must return its priority."""
_silent: set[str] = set()  # installed renderers that gave no answer, and are not asked again


class RendererChoice:
    """A chosen renderer.

    Attributes:
        name: Its name; `auto` is resolved when the terminal is known.
        make: Returns the renderer; None for `auto`.
        why: The reason of the choice.
        given: Whether a renderer was given instead of a name. It is then used on any stream.
        in_code: Whether an argument made the choice, not the environment.
        is_remote: Whether frames go to another process, as far as is known before the renderer is made.
    """

    __slots__ = ("given", "in_code", "is_remote", "make", "name", "why")

    def __init__(
        self,
        name: str,
        make: Factory | None,
        why: str,
        *,
        given: bool = False,
        in_code: bool = False,
        is_remote: bool = False,
    ) -> None:
        self.given: bool = given
        self.is_remote: bool = is_remote or bool(getattr(make, "is_remote", False))
        self.in_code: bool = in_code or given
        self.name: str = name
        self.make: Factory | None = make
        self.why: str = why

    @property
    def is_own(self) -> bool:
        """Whether the renderer is a built-in one."""
        return isinstance(getattr(self.make, "func", self.make), BuiltIn)  # a hub's client has the address bound

    @property
    def in_place(self) -> bool:
        """Whether the renderer draws over rows, as far as is known before it is made: `auto` does if it can."""
        return self.make is None or bool(getattr(self.make, "in_place", True))

    @property
    def shows_tasks(self) -> bool:
        """Whether the renderer shows tasks, as far as is known before it is made."""
        return bool(getattr(self.make, "shows_tasks", True))

    @property
    def accepts_plain_lines(self) -> bool:
        """Whether lines may be written to its stream as they are, as far as is known before it is made."""
        return bool(getattr(self.make, "accepts_plain_lines", True))

    @property
    def records_ends(self) -> bool:
        """Whether the renderer, or an events file or a live page beside it, records the end of each task, even if no
        frame has shown the task."""
        return (
            bool(getattr(self.make, "records_ends", False))
            or self.events_path() is not None
            or (not self.is_remote and (bool(OBSERVERS) or is_on(os.environ, "PROGRESSKIT_WEB")))
        )

    def events_path(self, environ: Mapping[str, str] | None = None) -> str | None:
        """Return the file of `PROGRESSKIT_EVENTS`, to which events are written besides what is drawn; None if there is
        none.

        Nothing is written if code has switched progress off, or if a hub shows the tasks and therefore writes them.

        Args:
            environ: The environment; None takes the process's.
        """
        path = (os.environ if environ is None else environ).get("PROGRESSKIT_EVENTS", "").strip()
        return None if not path or self.is_remote or (self.in_code and self.name == "none") else path

    def settle(self, terminal: Terminal, environ: Mapping[str, str] | None = None) -> RendererChoice:
        """Return the choice for `terminal`: this one, unless it is `auto`."""
        if self.make is not None:
            return self
        choice = automatic(terminal, os.environ if environ is None else environ)
        return RendererChoice(choice.name, choice.make, f"{self.why}; {choice.why}")


class _Target:
    """A `DrawTarget`: a terminal, its stream and the environment."""

    def __init__(self, terminal: Terminal, environ: Mapping[str, str]) -> None:
        self._terminal = terminal
        self.stream: Any = getattr(terminal, "stream", None)
        self.environ = environ
        self.in_notebook = bool(getattr(terminal, "in_notebook", False)) and replaces_outputs()
        self.is_redrawable, self.reason = redrawable(terminal.is_tty, environ)
        if self.is_redrawable and not getattr(terminal, "has_sequences", True):
            self.is_redrawable, self.reason = False, "the console does not obey escape sequences"
        if self.in_notebook:
            self.reason = "the stream is a notebook's cell"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._terminal, name)


def redrawable(is_tty: bool, environ: Mapping[str, str]) -> tuple[bool, str]:
    """Return whether rows can be drawn over on a stream, and why.

    Args:
        is_tty: Whether the stream is a terminal.
        environ: The environment.

    Example:
        >>> redrawable(True, {"TERM": "xterm", "CI": "true"})
        (False, 'CI is set')
    """
    if not is_tty:
        return False, "the stream is no terminal"
    why = why_lines(environ)
    return why is None, why or "the stream is a terminal"


def automatic(terminal: Terminal, environ: Mapping[str, str]) -> RendererChoice:
    """Return the choice of the renderer that suits `terminal` best: the one with the highest `priority`.

    Of two with the same priority the built-in one is taken, then the first by name. One that does not answer is not
    asked again.

    Example:
        >>> choice = automatic(EmulatedTerminal(), {"TERM": "xterm", "CI": "true"})
        >>> choice.name, choice.why
        ('plain', 'CI is set')
    """
    target: Any = _Target(terminal, environ)  # a DrawTarget, whose other members are the terminal's
    best, highest = RendererChoice("none", BUILTIN["none"], "no renderer suits the stream"), float("-inf")
    for name, renderer in BUILTIN.items():
        priority = None if renderer.priority is None else renderer.priority(target)
        if priority is not None and priority > highest:
            best, highest = RendererChoice(name, renderer, target.reason), priority
    for name, entry in sorted(candidates().items()):
        if name in _silent:
            continue
        try:
            factory, priority = _asked(entry, target, highest)
            if priority is not None and priority > highest:
                best, highest = RendererChoice(name, factory, f"its priority here is {priority:g}"), priority
        except Exception as error:  # foreign code may raise anything
            if isinstance(error, TimeoutError):
                _silent.add(name)
            warn_once(f"the renderer {name!r:.80} cannot be chosen: {error}")
    return best


def _asked(entry: EntryPoint, target: DrawTarget, highest: float) -> tuple[Any, float | None]:
    """Return the renderer that `entry` names and its priority for `target`. Its `check` is called if that is above
    `highest`.

    The call is made in a thread, because foreign code may never return, and the calling thread draws all displays.

    Raises:
        TimeoutError: it has not answered within `ANSWER_SECONDS`.
        Exception: the renderer's code has raised it.
    """
    answers: list[tuple[Any, float | None]] = []
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            factory: Any = entry.load()
            priority = factory.priority(target)
            check = getattr(factory, "check", None)
            if priority is not None and priority > highest and check is not None:
                check()
            answers.append((factory, priority))
        except BaseException as error:
            errors.append(error)

    try:
        QuickThread(ask).join(ANSWER_SECONDS)
    except RuntimeError:  # this system has no threads
        ask()
    if errors:
        raise errors[0]
    if not answers:
        raise TimeoutError(f"it has not given its priority within {ANSWER_SECONDS:g} s.")
    return answers[0]


def named(renderer: Any, environ: Mapping[str, str] | None = None) -> RendererChoice:
    """Return the choice that an argument makes, or else the one that the environment makes.

    Raises:
        ValueError: the argument names no renderer; the message lists those that exist.
        TypeError: the argument is neither a name nor a renderer.
    """
    environ = os.environ if environ is None else environ
    if is_disabled(environ):
        return RendererChoice("none", BUILTIN["none"], "PROGRESSKIT_DISABLE is on", in_code=True)
    if renderer is None and (rank := higher_rank(environ)) and not hub_address(environ):
        return RendererChoice("none", BUILTIN["none"], f"{rank} is {environ[rank]}, and rank 0 draws")
    if renderer is None:
        name = environ.get("PROGRESSKIT_RENDERER", "").strip()
        if not name:
            return RendererChoice("auto", None, "nothing was asked for")
        why = f"PROGRESSKIT_RENDERER is {name}"
        try:
            return _by_name(name, why)
        except ValueError as error:  # an invalid variable must not stop the job
            warn_once(f"PROGRESSKIT_RENDERER: {error}")
            return RendererChoice("auto", None, f"{why}, which is unknown")
    if isinstance(renderer, str):
        choice = _by_name(renderer, f"{renderer} was asked for")
        choice.in_code = True
        return choice
    if all(hasattr(renderer, verb) for verb in ("start", "render", "write", "stop")):
        if isinstance(renderer, type):
            return RendererChoice(renderer.__name__, renderer, "its class was given", given=True)
        return RendererChoice(type(renderer).__name__, _Given(renderer), "it was given", given=True)
    raise TypeError(
        f"renderer is {renderer!r:.80}, {kind_of(renderer)}: give a name, a renderer (start, render, write, stop) or its class."
    )


class _Given:
    """Gives `renderer`, a renderer that a user has made, whose options are asked of it like those of a class."""

    __slots__ = ("_renderer",)

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def __call__(self, *arguments: Any) -> Renderer:
        """Return the renderer."""
        return self._renderer

    def __getattr__(self, option: str) -> Any:
        return getattr(self._renderer, option)


def _by_name(name: str, why: str) -> RendererChoice:
    """Return the choice of `name`. If its library is missing, warn and return the choice of `auto`.

    Raises:
        ValueError: there is no renderer of that name.
    """
    if name == "auto":
        return RendererChoice(name, None, why)
    if name in BUILTIN and not BUILTIN[name].has_check:
        return RendererChoice(name, BUILTIN[name], why)
    try:
        return RendererChoice(name, find(name), why)
    except LookupError:
        known = ", ".join(("auto", *sorted({*BUILTIN, *EXTRAS, *entry_points()})))
        raise ValueError(f"there is no renderer {name!r:.80}: give one of {known}, or module:attribute.") from None
    except Exception as error:  # RendererUnavailable, or any error of its import
        warn_once(f"the renderer {name!r:.80} cannot be used: {error}. What suits the terminal is used instead.")
        return RendererChoice("auto", None, f"{why}, but {error}")
