"""The protocols of renderers, and of the terminals that they draw on.

Protocols and one exception: nothing here draws. A renderer needs only this module and `Frame`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TextIO, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._model.frames import Frame


class RendererUnavailable(Exception):
    """A renderer cannot be used here.

    Args:
        reason: Why, in a few words: "rich is not installed".
        install: The argument for `pip install`; None when no package helps.

    Example:
        >>> str(RendererUnavailable("rich is not installed", install="progresskit[rich]"))
        'rich is not installed (pip install "progresskit[rich]")'
    """

    def __init__(self, reason: str, install: str | None = None) -> None:
        self.reason = reason
        self.install = install
        super().__init__(f'{reason} (pip install "{install}")' if install else reason)


class Terminal(Protocol):
    """The stream that a renderer draws on: its facts, and the one way to write to it.

    Attributes:
        is_tty: Whether rows can be drawn over.
        unicode: Whether the encoding has block characters.
        colors: Whether colours are wanted.
        encoding: The codec's name.
        reflows: Whether rows are wrapped anew when the width changes; otherwise they are cut.
        file: The same stream as a text file, for libraries that want one; its `flush` does nothing.

    Example:
        >>> terminal = EmulatedTerminal(columns=40, lines=5)  # of progresskit.testing
        >>> terminal.size(), terminal.is_tty
        ((40, 5), True)
    """

    @property
    def is_tty(self) -> bool: ...
    @property
    def unicode(self) -> bool: ...
    @property
    def colors(self) -> bool: ...
    @property
    def encoding(self) -> str: ...
    @property
    def reflows(self) -> bool: ...
    @property
    def file(self) -> TextIO: ...

    def size(self) -> tuple[int, int]:
        """Return the current columns and lines, each at least 1."""

    def write(self, text: str) -> None:
        """Add `text` to the output of this tick, which the display sends in one write at its end."""


class DrawTarget(Terminal, Protocol):
    """Where a display would draw, for `priority`: a terminal, and other facts on which the choice depends.

    Attributes:
        stream: The given stream, or else the one that the environment names; None if a terminal was given.
        environ: The environment variables.
        in_notebook: Whether the stream leads to a notebook's cell.
        is_redrawable: Whether rows can be drawn over: a terminal that moves its cursor, and no CI page.
        reason: Why that is so, in a few words: `"CI is set"`.
    """

    @property
    def stream(self) -> Any: ...
    @property
    def environ(self) -> Mapping[str, str]: ...
    @property
    def in_notebook(self) -> bool: ...
    @property
    def is_redrawable(self) -> bool: ...
    @property
    def reason(self) -> str: ...


DEFAULT_BUDGET = 0.01
"""The share of one core that drawing may cost unless the user or the renderer says otherwise."""
TERMINAL_MEMBERS = ("is_tty", "unicode", "colors", "encoding", "reflows", "file", "size", "write")
"""The members that a terminal must have."""


def draws_in_place(renderer: object) -> bool:
    """Return whether `renderer` draws over rows; False if it is None, or has no `in_place`."""
    return bool(getattr(renderer, "in_place", False))


@runtime_checkable
class Renderer(Protocol):
    """Draws frames. Called from one thread at a time. An exception ends the renderer, never the job.

    `start` and `stop` may be called several times on one instance. A renderer may also have:

    - `in_place`, a boolean: whether rows are drawn over. Frames then hold no more rows than the screen has, less one, and one of
      these is left for a line `... 37 more` when `frame.more` is not 0. Without it, or where it is False, lines are appended, and a
      frame holds every live task. (It is not a member of this protocol, because no declaration makes type checkers
      accept `in_place = True` in a class.)
    - the members of `RendererOptions`: `check`, `priority`, `default_budget` and others.

    Example:
        >>> class Counts:
        ...     in_place = False
        ...     def start(self, terminal): self.terminal = terminal
        ...     def render(self, frame): self.terminal.write(f"{len(frame.tasks)} tasks\\n")
        ...     def write(self, text): self.terminal.write(text + "\\n")
        ...     def stop(self): pass
        >>> isinstance(Counts(), Renderer)
        True
    """

    def start(self, terminal: Terminal) -> None:
        """Begin a display on `terminal`. Nothing is shown yet."""

    def render(self, frame: Frame) -> None:
        """Show `frame`: its live tasks, and its ended ones for the last time."""

    def write(self, text: str) -> None:
        """Show `text`, one or more whole clean lines, above the tasks. A `render` follows in the same tick."""

    def stop(self) -> None:
        """End the display and leave the cursor on a fresh line."""


class RendererOptions(Protocol):
    """Optional members of a renderer besides the four methods. A renderer declares those that differ from the defaults
    here.

    Attributes:
        default_budget: The share of one core that drawing may cost unless the user says otherwise.
        is_remote: Whether frames go to another process, to which ends and lines are sent at once.
        calls_others: Whether drawing runs foreign code, which may hang. This is assumed of renderers that are not built
            in.
        shows_tasks: Whether it shows tasks at all.
        accepts_plain_lines: Whether a line that no renderer can show may be written to the stream unchanged.
        records_ends: Whether frames list in `unseen` the tasks that no frame has shown. Read from the class, before an
            instance is made.

    Example:
        >>> class Cell:
        ...     in_place = True
        ...     default_budget = 0.05
        ...     @classmethod
        ...     def priority(cls, terminal):
        ...         return 50.0 if "ipykernel" in type(terminal.stream).__module__ else None
        >>> option(Cell, "default_budget"), option(Cell, "is_remote")
        (0.05, False)
    """

    default_budget: ClassVar[float] = DEFAULT_BUDGET
    is_remote: ClassVar[bool] = False
    calls_others: ClassVar[bool] = False
    shows_tasks: ClassVar[bool] = True
    accepts_plain_lines: ClassVar[bool] = True
    records_ends: ClassVar[bool] = False

    @classmethod
    def check(cls) -> None:
        """Do nothing if the renderer can be used.

        Raises:
            RendererUnavailable: it cannot, with the reason.
        """

    @classmethod
    def priority(cls, terminal: DrawTarget) -> float | None:
        """Return how well the renderer suits `terminal`. `auto` takes the renderer with the highest value.

        Of the built-in ones, `plain` has 0 everywhere, `ansi` has 10 if rows can be drawn over, and `notebook` has 20
        in a notebook's cell. An installed renderer is asked if the entry-point group `progresskit.auto` lists it. This
        method must not import modules that only drawing needs.

        Returns:
            The priority; None if the renderer must not be chosen.
        """
        return None

    def room(self, lines: int) -> int:
        """Return how many rows a frame may have on a screen of `lines`. Called on renderers that draw in place, after
        `start`."""
        return lines - 1

    def place(self, first: int, rows: int | None) -> None:
        """Draw from row `first` of a block of `rows` that several processes share; None if unknown. Called before
        `start`.

        A renderer without this method has its rows at the bottom, and a warning says so.
        """


def option(renderer: object, name: str) -> Any:
    """Return the option `name` of `renderer`, a renderer or its class; the default of `RendererOptions` if it has
    none."""
    return getattr(renderer, name, getattr(RendererOptions, name))
