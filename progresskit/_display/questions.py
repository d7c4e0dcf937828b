"""Questions: code that asks on the terminal has it to itself until the question is answered.

Knows which functions ask, and replaces them while streams are captured: the rows are cleared, every earlier line is
shown, and the asking thread's words reach the terminal as they are. For other programs that need the terminal (an
editor, a pager) there is `hidden`.
"""

from __future__ import annotations

import builtins
import sys
import threading
from _thread import get_ident
from typing import TYPE_CHECKING, Any

from .._system.platform import terminal_modes
from .captured_stream import ENDED_LINES, captured_streams, trackers_of_captures
from .own_screen import SCREEN
from .terminal import Uncaptured

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from .._tracking.core import TrackerCore

TERMINAL_LIBRARIES = ("prompt_toolkit.", "_pyrepl.", "questionary.", "pexpect.")
"""Beginnings of the names of modules that take the terminal by changing its modes; `pty` does for `spawn`."""
KEEPERS = ("click.termui", "typer._click.termui")
"""Modules that have kept `input` under a name of their own; typer has a copy of click."""


class Question:
    """A context manager: rows are off the screen meanwhile, and the words of `thread` go to the terminal as they are; None: of the
    one that makes it."""

    def __init__(self, thread: int | None = None) -> None:
        self._thread = get_ident() if thread is None else thread
        self._trackers: list[TrackerCore] = []
        self._uncaptured: Uncaptured | None = None
        self.has_keys = False  # whether the terminal gives single keys for it
        self.ends_line = False  # whether the answer, a key, leaves the question's line without its end

    def __enter__(self) -> None:
        streams, trackers = captured_streams(), trackers_of_captures()
        try:
            for tracker in trackers:
                self._trackers.append(tracker)
                tracker.asking += 1
                tracker.hiding += 1
            for tracker in trackers:
                tracker.clear_rows()
            self._uncaptured = Uncaptured(self._thread)
            self._uncaptured.__enter__()
            for stream in streams:
                stream.write_partial(self._thread)
        except BaseException:  # Ctrl-C
            self._let_go()
            raise

    def __exit__(self, kind: type[BaseException] | None = None, *_: object) -> None:
        if kind is not None and issubclass(kind, (EOFError, KeyboardInterrupt)):
            self.end_line()
        self._let_go()

    def end_line(self) -> None:
        """End the question's line on the terminal, where the answer has not: Ctrl-D, Ctrl-C and single keys are not followed by a line
        feed. The asking code ends it by itself next, as a rule, and that is no blank line then."""
        for stream in captured_streams()[:1]:
            stream.write_now("\n")
            ENDED_LINES.add(self._thread)

    def clear_rows(self) -> None:
        """Show the lines that have come meanwhile."""
        for tracker in self._trackers:
            tracker.clear_rows()

    def capture_thread(self) -> None:
        """Capture what this thread writes although it asks: an interpreter's prompt is answered in C code."""
        if self._uncaptured is not None:
            self._uncaptured.__exit__()
            self._uncaptured = None

    def _let_go(self) -> None:
        if self._uncaptured is not None:
            self._uncaptured.__exit__()
            self._uncaptured = None
        while self._trackers:
            tracker = self._trackers.pop()
            tracker.hiding = max(tracker.hiding - 1, 0)
            tracker.asking = max(tracker.asking - 1, 0)
            tracker.capture.follow_descriptors()
            tracker.wake()


class _Asking:
    """Replaces a function that asks.

    Attributes:
        is_asked: Whether a question is open whose end only this replacement sees, so that it must stay.
    """

    is_asked = False

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.__name__ = getattr(function, "__name__", "input")
        self.__doc__ = function.__doc__
        self.__wrapped__ = function

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        if not _installed or not _is_question(arguments):
            return self.function(*arguments, **named)
        with Question():
            return self.function(*arguments, **named)


class _Reading(_Asking):
    """Replaces a read from standard input. It counts as a question if the thread has begun a line, which is to be
    answered."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        if not _installed or not _has_partial():
            return self.function(*arguments, **named)
        with Question():
            return self.function(*arguments, **named)


class _Modes(_Asking):
    """Replaces `termios.tcsetattr`: code that waits for single keys takes the terminal by changing its modes. It asks a question if it
    is a library that draws its own ones, or if the thread has begun a line, such as `Press any key`."""

    def __call__(self, descriptor: Any, when: int, attributes: list[Any]) -> Any:
        import termios

        key = descriptor if isinstance(descriptor, int) else descriptor.fileno()
        raw = not attributes[3] & termios.ICANON
        if raw and _installed and key not in _OPEN:
            draws = _caller_draws()
            if draws or _has_partial():
                question = _OPEN[key] = Question()
                question.ends_line = not draws
                question.__enter__()
        try:
            return self.function(descriptor, when, attributes)
        finally:
            if raw and key in _OPEN:
                _OPEN[key].has_keys = True
            elif not raw:
                ended = _OPEN.get(key)
                if ended is not None and ended.ends_line:
                    ended.end_line()
                _end_keys(key)

    def take_up(self) -> None:
        """Open the question of a library that has changed the modes of standard input before this replacement was there."""
        import termios

        if not any(name.rstrip(".") in sys.modules for name in TERMINAL_LIBRARIES):
            return
        try:
            descriptor = sys.stdin.fileno()
            modes = termios.tcgetattr(descriptor)[3]
        except Exception:  # no descriptor, or whatever a stream of the user's own may raise
            return
        # For single keys, `tty.setcbreak` leaves the last one.
        if not modes & (termios.ICANON | termios.ECHO | termios.IEXTEN):
            question = _OPEN[descriptor] = Question(threading.main_thread().ident)
            question.has_keys = True
            question.__enter__()

    @property
    def is_asked(self) -> bool:  # type: ignore[override]  # asked of the questions themselves
        return bool(_OPEN)


def _caller_draws() -> bool:
    """Return whether the code that changes the modes is of a library that draws its own questions, or lets a program have them."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__") == "tty":
        frame = frame.f_back
    name = "" if frame is None else frame.f_globals.get("__name__", "")
    return name == "pty" or str(name).startswith(TERMINAL_LIBRARIES)


def _end_keys(descriptor: int) -> None:
    """End the question of code that has waited for single keys, if one is open."""
    ended = _OPEN.pop(descriptor, None)
    if ended is not None:
        ended.__exit__()
        if not _installed:
            uninstall()


def _check_keys() -> None:
    """End the questions of code that has restored the modes by a name of its own: `from termios import tcsetattr`."""
    import termios

    for descriptor, question in list(_OPEN.items()):
        try:
            is_over = question.has_keys and bool(termios.tcgetattr(descriptor)[3] & termios.ICANON)
        except termios.error:  # the terminal is gone
            is_over = True
        if is_over:
            _end_keys(descriptor)


class _Screen(_Asking):
    """Replaces `curses.initscr`, which opens a screen of the job's own."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        if _installed:
            SCREEN.open(trackers_of_captures())
        try:
            return self.function(*arguments, **named)
        except BaseException:  # a terminal that curses does not know
            SCREEN.close()
            raise


class _ScreenEnd(_Asking):
    """Replaces `curses.endwin`, which leaves that screen."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        try:
            return self.function(*arguments, **named)
        finally:
            SCREEN.close()
            if not _installed:
                uninstall()

    @property
    def is_asked(self) -> bool:  # type: ignore[override]  # asked of the screen itself
        return SCREEN.is_open


_OPEN: dict[int, Question] = {}
"""Questions of code that waits for single keys, by the descriptor whose modes it has changed."""


class _Prompt(str):
    """Replaces `sys.ps1` and `sys.ps2`: an interpreter whose prompt is written by C code asks for their text before
    each prompt. A text itself, because the interpreter of Python 3.13 takes it for one."""

    __slots__ = ("text",)
    text: object

    def __new__(cls, text: object) -> _Prompt:
        prompt = super().__new__(cls, text)
        prompt.text = text
        return prompt

    def __str__(self) -> str:
        if _installed and sys._getframe().f_back is None:  # Python code that prompts has a frame, and asks otherwise
            _prompting.begin()
        return str(self.text)


class _Prompting:
    """The interpreter's own prompt: rows are off the screen until its main thread runs Python code again, which the ticker sees."""

    def __init__(self) -> None:
        self._question: Question | None = None

    def begin(self) -> None:
        """Clear the rows, because the prompt comes next."""
        if self._question is not None:  # what has run since the last prompt was too quick to be seen
            self._question.clear_rows()
        else:
            question = Question()
            question.__enter__()
            question.capture_thread()
            self._question = question

    def is_waiting(self) -> bool:
        """Whether the main thread runs no Python code: it waits at the prompt."""
        return sys._current_frames().get(threading.main_thread().ident or 0) is None

    def check(self) -> None:
        """Let rows be drawn again once the prompt has been answered."""
        question, frame = self._question, sys._current_frames().get(threading.main_thread().ident or 0)
        if question is None or frame is None:
            return
        while frame is not None:
            if frame.f_code is _Prompt.__str__.__code__:
                return
            frame = frame.f_back
        self._question = None
        question.__exit__()


_prompting = _Prompting()


def check_answers() -> None:
    """Check whether the interpreter's own prompt was answered, and whether the job has left a screen of its own. The display calls this
    while rows are hidden, because no other code notices."""
    _prompting.check()
    SCREEN.check()
    if _OPEN:
        _check_keys()


def _is_question(words: tuple[object, ...]) -> bool:
    """Return whether the thread asks a question: it has begun a line, or is the main thread. A thread that waits for
    Enter to stop a job does not."""
    return any(words) or threading.current_thread() is threading.main_thread() or _has_partial()


def _has_partial() -> bool:
    return any(stream.has_partial(get_ident()) for stream in captured_streams())


_installed = False
_replaced: list[tuple[Any, str, _Asking]] = []


def install() -> None:
    """Replace the functions that ask, so that each question has the terminal to itself."""
    global _installed
    if _is_terminal(sys.stdin):  # it may have become one since the first capture
        _install_for_input()
    if _installed:
        return
    _installed = True
    curses = sys.modules.get("curses")
    _replace(curses, "initscr", _Screen)
    _replace(curses, "endwin", _ScreenEnd)
    if curses is not None:
        _take_up_curses(curses)
    termios = terminal_modes()
    if termios is None:  # getpass reads keys there, and has no prompt of its own to be drawn over
        return
    import getpass

    _replace(getpass, "_raw_input", _Asking)  # it opens the terminal by itself, wherever standard input leads
    _replace(termios, "tcsetattr", _Modes)
    _replace(sys.modules.get("tty"), "tcsetattr", _Modes)  # a name of its own, for `setraw` and `setcbreak`
    _take_up_open_ones(termios)


def _install_for_input() -> None:
    """Replace the functions that read from standard input."""
    _replace(builtins, "input", _Asking)
    if hasattr(sys, "ps1") or sys.flags.inspect:
        for name, text in (("ps1", ">>> "), ("ps2", "... ")):
            prompt = getattr(sys, name, text)
            if not isinstance(prompt, _Prompt):
                setattr(sys, name, _Prompt(prompt))
    for name in KEEPERS:
        _replace(sys.modules.get(name), "visible_prompt_func", _Asking)
    raw = getattr(getattr(sys.stdin, "buffer", None), "raw", None)
    for name in ("readinto", "read", "readall"):
        _replace(raw, name, _Reading)


def _take_up_open_ones(termios: Any) -> None:
    """Open the questions that were asked before their functions were replaced: another thread begins bars while the interpreter, or a
    library, waits for what the user types."""
    if isinstance(termios.tcsetattr, _Modes):
        termios.tcsetattr.take_up()
    if isinstance(getattr(sys, "ps1", None), _Prompt) and _prompting.is_waiting():
        _prompting.begin()


def _take_up_curses(curses: Any) -> None:
    """Keep rows off a screen that curses has opened before its functions were replaced: the loop is part of the application."""
    try:
        is_open = not curses.isendwin()
    except curses.error:  # it has opened none
        return
    if is_open:
        SCREEN.open(trackers_of_captures())


def uninstall() -> None:
    """Restore the functions, unless other code has replaced them meanwhile, or one must stay until a question is answered."""
    global _installed
    _installed = False
    for name in ("ps1", "ps2"):
        prompt = getattr(sys, name, None)
        if isinstance(prompt, _Prompt):
            setattr(sys, name, prompt.text)
    staying = [each for each in _replaced if each[2].is_asked]
    while _replaced:
        place, name, asking = _replaced.pop()
        if getattr(place, name, None) is asking and not asking.is_asked:
            if name in ("readinto", "read", "readall"):
                delattr(place, name)
            else:
                setattr(place, name, asking.function)
    _replaced.extend(staying)


def _replace(place: Any, name: str, kind: type[_Asking]) -> None:
    function = getattr(place, name, None)
    if function is None or any(function is each[2] for each in _replaced):
        return
    asking = kind(function)
    try:
        setattr(place, name, asking)
    except (AttributeError, TypeError):  # a file that takes no attributes
        return
    _replaced.append((place, name, asking))


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except Exception:  # None, closed, or a stream of the user's own
        return False
