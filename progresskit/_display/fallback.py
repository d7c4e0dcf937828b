"""A renderer that cannot fail: one that raises, or does not suit the stream, is replaced by `plain`, and that one by
`none`.

Knows how a renderer is made, started and replaced. Does not know trackers, or when a frame is due.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .._system.environment import is_on, position, taskbar_wanted
from .._system.lazy import RECORDED, SERVE_PAGE_AS_ASKED, load
from .._system.threads import is_main_thread
from .._system.warnings import describe, warn_once
from .._text.cells import clean_lines
from ..renderers.base import draws_in_place, option
from ..renderers.choice import RendererChoice
from ..renderers.registry import BUILTIN, OBSERVERS
from .hangs import Retired

if TYPE_CHECKING:
    from typing import Any

    from .._model.frames import Frame
    from ..renderers.base import Renderer
    from .hangs import Window
    from .outbox import Handle
    from .terminal import StreamTerminal

FAILED = "{why}; {name} is used from here on."


class GuardedRenderer:
    """The renderer of one display. It has the four verbs of a renderer, and none of them raises an error of the
    renderer.

    The renderer is made when the first frame is drawn.

    Args:
        choice: Which renderer, settled for the terminal.
        terminal: Where it draws.
        handle: The terminal as the renderer has it.
        window: The display's call of foreign code.
        fallbacks: The renderers to fall back to, in order; None: `plain`, then `none`.
        folder: Where frames are written besides being drawn; None: nowhere.

    Attributes:
        choice: The renderer that is used now.
        current: The renderer itself, while it is started; None otherwise.
        in_place: Whether the next frame is drawn over the rows of the last one.
        has_rows: Whether the last frame had rows to be drawn over.
        is_drawing: Whether a frame is being drawn that may have rows. The display sets it.
        calls_others: Whether a call may run foreign code, which may hang.
    """

    def __init__(
        self,
        choice: RendererChoice,
        terminal: StreamTerminal,
        handle: Handle,
        window: Window,
        fallbacks: list[str] | None = None,
        folder: str | None = None,
    ) -> None:
        self.choice = choice
        self._folder = folder
        self.current: Renderer | None = None
        self.in_place = False
        self.has_rows = False
        self.is_drawing = False
        self.calls_others = _is_foreign(choice)
        self._terminal = terminal
        self._handle = handle
        self._window = window
        self._fallbacks = (
            [name for name in ("plain", "none") if name != choice.name] if fallbacks is None else fallbacks
        )
        self._is_observed = False
        self._unshown: list[str] = []  # lines that an in-place renderer has been given but not drawn

    @property
    def is_remote(self) -> bool:
        """Whether frames go to another process, which needs news at once."""
        return bool(option(self.current, "is_remote")) or (self.current is None and self.choice.is_remote)

    @property
    def default_budget(self) -> float:
        """The share of one core that drawing may cost by default."""
        return float(option(self.current, "default_budget"))

    def _use(self, renderer: Renderer | None) -> None:
        """Make `renderer` the current one."""
        self._is_observed = False
        self.current = renderer
        self.in_place = draws_in_place(renderer)
        self.calls_others = _is_foreign(self.choice) or bool(option(renderer, "calls_others"))

    # The four verbs

    def start(self) -> None:
        """Make and start the renderer, unless it runs."""
        if self.current is None:
            self._call(None)

    def render(self, frame: Frame) -> None:
        """Draw `frame`."""
        renderer = self.current
        if renderer is None or self.calls_others:
            self._call("render", frame)
        else:
            try:
                renderer.render(frame)
            except Retired:
                raise
            except BaseException as error:
                if self._recover(self.choice.name, error):
                    self._call("render", frame)
        self._unshown = []
        self.has_rows = self.in_place and bool(frame.tasks or frame.more)

    def write(self, lines: list[str]) -> None:
        """Write `lines` above the tasks. An in-place renderer draws them with the frame that follows."""
        self._call("write", "\n".join(lines))
        self._unshown = lines if self.in_place else []

    def stop(self) -> None:
        """Stop the renderer if it runs, and leave its rows on the screen, because another program may have written
        there.

        The next frame makes another renderer.
        """
        self.has_rows = False
        if self.current is not None:
            self._call("stop")
            self._use(None)

    # What stands on the screen

    @property
    def standing(self) -> bool:
        """Whether rows are on a terminal. The next frame would overwrite text that is written below them."""
        return self.has_rows and self._terminal.is_tty

    @property
    def may_be_standing(self) -> bool:
        """Whether rows are on the terminal, or may be at the end of the frame that is being drawn.

        A job whose last task ends while a frame is drawn must not find the screen free.
        """
        return (self.has_rows or self.is_drawing) and self._terminal.is_tty

    @property
    def may_be_drawn_over(self) -> bool:
        """Whether a shell could write over the rows while the process is stopped."""
        return self.in_place and self._terminal.is_tty and self._terminal.fd is not None

    # What else a display asks

    def room(self) -> int | None:
        """Return how many rows a frame may have on the screen, which is asked for its size once; None: any number, because rows
        are not drawn in place.

        The renderer is started.
        """
        if OBSERVERS:
            self._attach_observers()
        if not self.in_place:
            self._handle.known_size = None
            return None
        lines = self._handle.ask_size()[1]
        if getattr(self.current, "sees_whole_frames", False):
            self._fit(lines)
            return None
        room = getattr(self.current, "room", None)
        if room is None:
            return lines - 1
        if not self.calls_others:
            return int(room(lines))
        name = self.choice.name
        try:
            return int(self._window.call("renderer", room, lines))
        except Retired:
            raise
        except BaseException as error:
            self._recover(name, error)
            return lines - 1 if self.in_place else None

    def _fit(self, lines: int) -> None:
        """Tell a renderer that gets whole frames how many lines the screen has."""
        name = self.choice.name
        fit = self.current.fit  # type: ignore[union-attr]  # it says that it sees whole frames
        try:
            if self.calls_others:
                self._window.call("renderer", fit, lines)
            else:
                fit(lines)
        except Retired:
            raise
        except BaseException as error:
            self._recover(name, error)

    def _attach_observers(self) -> None:
        """Show the renderer's frames to the registered observers, from this frame on."""
        if self.current is not None and not self._is_observed and not self.is_remote:
            self._is_observed = True
            renderer = self.current
            for observe in OBSERVERS:
                renderer = observe(renderer)
            self._use(renderer)
            self._is_observed = True

    def after_hang(self, kind: str) -> tuple[RendererChoice, list[str], str]:
        """Return the renderer to use now that a call of this `kind` hangs, what is to follow it, and why it is used.

        The handle of the renderer that hangs is cut off, so that it can write nothing more.
        """
        self._handle.cut = True
        if kind == "stream":
            name, why = "none", "the stream does not answer"
        else:
            name = self._fallbacks[0] if self._fallbacks else "none"
            why = f"the {self.choice.name} renderer does not answer"
        return RendererChoice(name, BUILTIN[name], why), self._fallbacks[1:], why

    # How it is guarded

    def _call(self, verb: str | None, *arguments: Any) -> None:
        """Start the renderer if necessary, and call its `verb`. If it fails, warn once and repeat with the fallback."""
        while True:
            name = self.choice.name
            try:
                renderer = self.current
                if renderer is None:
                    renderer = self._make()
                if verb is not None:
                    call = getattr(renderer, verb)
                    if self.calls_others:
                        self._window.call("renderer", call, *arguments)
                    else:
                        call(*arguments)
                return
            except Retired:
                raise
            except BaseException as error:
                if not self._recover(name, error):
                    return

    def _make(self) -> Renderer:
        """Make and start the renderer that was chosen, or `plain` where that does not suit the stream."""
        while True:
            make = self.choice.make
            assert make is not None  # a settled choice says how
            made = self._window.call("renderer", make)
            fits = self._terminal.is_tty and self._terminal.has_sequences
            if self.choice.given or fits or not draws_in_place(made):
                break
            self._fallbacks = ["none"]  # rows cannot be overwritten in a file
            why = "the console does not obey escape sequences" if self._terminal.is_tty else "the stream is no terminal"
            self.choice = RendererChoice("plain", BUILTIN["plain"], why)
        made = self._recorded(made)
        self._use(made)
        self._place(made)
        self._window.call("renderer", made.start, self._handle)
        return made

    def _recorded(self, renderer: Renderer) -> Renderer:
        """Wrap `renderer` so that its frames also go to the task bar, the service manager and files, where these are
        wanted."""
        if not getattr(renderer, "is_remote", False):
            if taskbar_wanted(os.environ):
                renderer = load("progresskit._display.taskbar:with_taskbar")(renderer, self._terminal, os.environ)
            service = os.environ.get("NOTIFY_SOCKET", "")
            if service and self.choice.name != "none":
                renderer = load("progresskit._display.service_status:ServiceStatus")(renderer, service)
            page = os.environ.get("PROGRESSKIT_WEB", "")
            if page and is_on(os.environ, "PROGRESSKIT_WEB") and not OBSERVERS:
                load(SERVE_PAGE_AS_ASKED)(page)
            path = self.choice.events_path()
            if path is not None:
                renderer = load("progresskit._display.events_file:Teed")(renderer, path)
        return renderer if self._folder is None else load(RECORDED)(renderer, self._folder)

    def _place(self, renderer: Renderer) -> None:
        """Give `renderer` the rows that `PROGRESSKIT_POSITION` names, on a terminal that this process draws on
        itself."""
        place = position(os.environ) if self._terminal.is_tty and not self.is_remote else None
        if place is None:
            return
        place_rows = getattr(renderer, "place", None)
        if place_rows is not None:
            self._window.call("renderer", place_rows, place[0], place[1])
        else:
            warn_once(f"PROGRESSKIT_POSITION is set, but the {self.choice.name} renderer has no rows to be placed.")

    def _recover(self, name: str, error: BaseException) -> bool:
        """Replace the renderer called `name`, which has raised `error`, by the next fallback; return False if there is
        none."""
        if isinstance(error, KeyboardInterrupt) and is_main_thread():
            raise error  # drawn from the job's own thread: Ctrl-C is the job's
        failed = self.current
        if not self._fallbacks:
            self._terminal.dark = True  # even `none` failed
            return False
        self._use(None)
        if failed is not None:
            try:
                self._window.call("renderer", failed.stop)
            except Retired:
                raise
            except BaseException:  # it has failed already
                pass
        fallback = self._fallbacks.pop(0)
        self.choice = RendererChoice(fallback, BUILTIN[fallback], f"{name} failed")
        renderer: Renderer = self._recorded(BUILTIN[fallback]())
        self._use(renderer)
        renderer.start(self._handle)
        warning = FAILED.format(why=f"the {name} renderer failed ({describe(error)})", name=fallback)
        renderer.write("\n".join([*self._unshown, clean_lines(f"progresskit: {warning}")]))
        self._unshown = []
        return True


def _is_foreign(choice: RendererChoice) -> bool:
    """Return whether the renderer of `choice` is foreign code."""
    return choice.given or not choice.is_own
