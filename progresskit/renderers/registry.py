"""The registry of renderers: their names, their modules, and the choice of one.

Knows the built-in renderers by name and finds all others through the entry-point group `progresskit.renderers`, which it
reads (tens of milliseconds) only for an unknown name. Does not know what a renderer does.
"""

from __future__ import annotations

import os
import sys

from .._model.numbers import kind_of
from .._system.environment import is_disabled, why_lines
from .._system.lazy import load as load
from .._system.notebook import is_cell_stream, is_no_terminal, replaces_outputs
from .._system.platform import IS_WINDOWS
from .._system.threads import QuickThread
from .._system.warnings import warn_once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from importlib.metadata import EntryPoint
    from typing import Any

    from .base import DrawTarget, Renderer, Terminal

    Factory = Callable[[], Renderer]

GROUP = "progresskit.renderers"
AUTO_GROUP = "progresskit.auto"
"""The entry-point group of the installed renderers that `auto` asks for their priority."""
ANSWER_SECONDS = 1.0
"""Seconds within which an installed renderer must return its priority."""


class BuiltIn:
    """A built-in renderer: its module is imported when the renderer is made.

    Args:
        path: Where its class is, as `module:attribute`.
        priority: The renderer's `priority`; None: `auto` does not choose it.
        has_check: Whether its class has a `check`.

    The other arguments are those options of the class that are asked before it is imported.
    """

    __slots__ = (
        "accepts_plain_lines",
        "has_check",
        "in_place",
        "is_remote",
        "path",
        "priority",
        "records_ends",
        "shows_tasks",
    )

    def __init__(
        self,
        path: str,
        *,
        priority: Callable[[DrawTarget], float | None] | None = None,
        has_check: bool = False,
        in_place: bool = False,
        is_remote: bool = False,
        shows_tasks: bool = True,
        accepts_plain_lines: bool = True,
        records_ends: bool = False,
    ) -> None:
        self.path: str = path
        self.priority: Callable[[DrawTarget], float | None] | None = priority
        self.has_check: bool = has_check
        self.in_place: bool = in_place
        self.is_remote: bool = is_remote
        self.shows_tasks: bool = shows_tasks
        self.accepts_plain_lines: bool = accepts_plain_lines
        self.records_ends: bool = records_ends

    def __call__(self, *arguments: Any) -> Renderer:
        """Return a new renderer."""
        renderer: Renderer = load(self.path)(*arguments)
        return renderer


BUILTIN = {
    "ansi": BuiltIn(
        "progresskit.renderers.ansi:AnsiRenderer",
        in_place=True,
        priority=lambda terminal: 10.0 if terminal.is_redrawable else None,
    ),
    "plain": BuiltIn("progresskit.renderers.plain:PlainRenderer", priority=lambda terminal: 0.0),
    "json": BuiltIn("progresskit.renderers.json:JsonRenderer", accepts_plain_lines=False, records_ends=True),
    "log": BuiltIn("progresskit.renderers.log:LogRenderer"),
    "notebook": BuiltIn(
        "progresskit._display.notebook_cells:NotebookRenderer",
        has_check=True,
        priority=lambda terminal: 20.0 if terminal.in_notebook else None,
    ),
    "none": BuiltIn("progresskit.renderers.none:NoneRenderer", shows_tasks=False),
    "hub": BuiltIn("progresskit.processes._client:HubRenderer", is_remote=True, has_check=True),
}
OWN_HUBS: dict[str, int] = {}
"""Addresses of hubs that this process serves, with its number. The process is no client of its own hub; its forked
children are."""
RANKS = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK", "SLURM_PROCID")
"""Variables with the number of this process among those of a job: Open MPI, PMIx, MPICH and Intel MPI, MVAPICH,
`srun`."""
OBSERVERS: list[Callable[[Renderer], Renderer]] = []
"""Functions that wrap each renderer of this process from its next frame on, for example for the live page."""
EXTRAS = ("tqdm", "rich", "alive")
"""Names that `pip install "progresskit[NAME]"` makes available; the registry knows nothing else of them."""


class RendererChoice:
    """A chosen renderer.

    Attributes:
        name: Its name, for people; `auto` is decided when the terminal is known.
        make: Gives the renderer; None for `auto`.
        why: What made the choice.
        given: Whether a renderer itself was given, not a name: it is then used on whatever stream there is.
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
        return isinstance(getattr(self.make, "func", self.make), BuiltIn)  # a client of a hub has its address with it

    @property
    def in_place(self) -> bool:
        """Whether the renderer draws over rows, as far as is known before it is made: `auto` does, where it can."""
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
        """Whether somebody records each task's end, however short it was: the renderer, or an events file beside it."""
        return bool(getattr(self.make, "records_ends", False)) or events_path(self) is not None

    def settle(self, terminal: Terminal, environ: Mapping[str, str] | None = None) -> RendererChoice:
        """Return the choice for `terminal`, where this one is `auto`."""
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

    Of two with the same priority the built-in one is taken, then the first by name. One that fails is not asked again.

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
    """Return the renderer that `entry` names and its priority for `target`, checked where that is above `highest`.

    The call is made in a thread, because foreign code may never return, and the caller draws all displays.

    Raises:
        TimeoutError: it has not answered within `ANSWER_SECONDS`.
        Exception: whatever it raises.
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
    except RuntimeError:  # no threads here
        ask()
    if errors:
        raise errors[0]
    if not answers:
        raise TimeoutError(f"it has not given its priority within {ANSWER_SECONDS:g} s.")
    return answers[0]


_silent: set[str] = set()  # installed renderers that have not answered, and are not asked again


def named(renderer: Any, environ: Mapping[str, str] | None = None) -> RendererChoice:
    """Return the choice that an argument makes, or else the environment.

    Raises:
        ValueError: the argument names no renderer; the sentence lists those that exist.
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
        except ValueError as error:  # a job must not die of its environment
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


def hub_address(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the address of the hub that this process is a client of; None where there is none."""
    address = (os.environ if environ is None else environ).get("PROGRESSKIT_HUB", "").strip()
    return None if not address or OWN_HUBS.get(address) == os.getpid() else address


def higher_rank(environ: Mapping[str, str]) -> str | None:
    """Return the variable by which this process is one of many of a job and not the first; None where it is alone or first.

    Example:
        >>> higher_rank({"SLURM_PROCID": "3"}), higher_rank({"SLURM_PROCID": "0"}), higher_rank({})
        ('SLURM_PROCID', None, None)
    """
    for name in RANKS:
        rank = environ.get(name, "").strip()
        if rank.isascii() and rank.isdigit():
            return name if int(rank) else None
    return None


def prefer_hub(
    choice: RendererChoice, *, redirected: bool = False, environ: Mapping[str, str] | None = None
) -> RendererChoice:
    """Replace `choice` by the hub's client, if this process would otherwise draw on the hub's terminal.

    What appends lines (plain, json, none) is left alone where code asked for it, and so is a renderer that code has made
    itself. The environment's word is for the hub.

    Args:
        choice: What was chosen.
        redirected: Whether code has named a stream or terminal that is not the one the processes share.
        environ: The environment; None takes the process's.
    """
    address = hub_address(environ)
    if address is None or redirected or choice.given:
        return choice
    if choice.in_code and not choice.in_place:
        return choice
    from .._model.address import Address

    try:
        Address.parse(address)
    except ValueError as error:
        warn_once(f"PROGRESSKIT_HUB is set to what is no address, and is ignored: {error}")
        return choice
    return hub_client(address, "PROGRESSKIT_HUB is set")


def hub_client(address: str | None, why: str) -> RendererChoice:
    """Return the choice of a client of the hub at `address`; None: of the one that `PROGRESSKIT_HUB` names then."""
    from functools import partial

    return RendererChoice("hub", partial(BUILTIN["hub"], address), why, is_remote=True)


def shared_folder(
    choice: RendererChoice, *, redirected: bool = False, environ: Mapping[str, str] | None = None
) -> str | None:
    """Return the folder to which frames are written besides being drawn, `PROGRESSKIT_FOLDER`; None where they are not.

    As with a hub, what code has sent elsewhere, drawn itself or switched off is left alone. A client's frames are its hub's to write.

    Args:
        choice: What draws.
        redirected: Whether code has named a stream or terminal that is not the one the processes share.
        environ: The environment; None takes the process's.
    """
    folder = (os.environ if environ is None else environ).get("PROGRESSKIT_FOLDER", "").strip()
    off = choice.in_code and not choice.shows_tasks
    return None if not folder or redirected or choice.given or choice.is_remote or off else folder


def events_path(choice: RendererChoice, environ: Mapping[str, str] | None = None) -> str | None:
    """Return the events file that is written besides what `choice` draws, `PROGRESSKIT_EVENTS`; None where none is.

    What code has switched off is left alone. A client's frames are its hub's to write.
    """
    path = (os.environ if environ is None else environ).get("PROGRESSKIT_EVENTS", "").strip()
    return None if not path or choice.is_remote or (choice.in_code and choice.name == "none") else path


def writes_as_printed(choice: RendererChoice, stream: Any, environ: Mapping[str, str] | None = None) -> bool:
    """Return whether a printed line goes to `stream` unchanged, so that the printing thread can write it itself.

    That is so where `plain` or `none` draws, and nobody else is told of the line: no hub, page, folder, service manager or
    events file.
    """
    environ = os.environ if environ is None else environ
    if choice.make is BUILTIN["none"] and choice.in_code:
        return True
    if any(environ.get(name) for name in _TOLD) or stream is None:
        return False
    if choice.make is None:
        return not (draws_rows(choice, stream, environ=environ) or is_cell_stream(stream) or candidates())
    return choice.make in (BUILTIN["plain"], BUILTIN["none"])


_TOLD = ("PROGRESSKIT_HUB", "PROGRESSKIT_EVENTS", "PROGRESSKIT_FOLDER", "PROGRESSKIT_WEB", "NOTIFY_SOCKET")
"""Variables that name somebody who is told of printed lines as well."""


def draws_rows(
    choice: RendererChoice, stream: Any, *, worker: bool = False, environ: Mapping[str, str] | None = None
) -> bool:
    """Return whether rows will be drawn on `stream`, as far as is known before a renderer is made.

    Args:
        choice: What was chosen.
        stream: Where the display would be.
        worker: Whether the process works for another, whose rows stand there.
        environ: The environment; None takes the process's.
    """
    environ = os.environ if environ is None else environ
    try:
        if stream is None or is_no_terminal(stream) or not stream.isatty():
            return False
    except Exception:  # closed, or whatever a stream of the user's own may raise
        return False
    if choice.is_remote or (hub_address(environ) is not None and prefer_hub(choice, environ=environ).is_remote):
        return worker  # the output of a command below `progresskit run` is captured there
    if choice.make is not None:
        return choice.in_place
    return redrawable(True, environ)[0] and _obeys_sequences(stream)


def _obeys_sequences(stream: Any) -> bool:
    """Return whether the terminal that `stream` is obeys escape sequences, as all do but some consoles of Windows."""
    if not IS_WINDOWS:
        return True
    from .._system.windows import open_console

    try:
        console = open_console(stream.fileno())
    except Exception:  # no descriptor, or whatever a stream of the user's own may raise
        return True
    return console is None or console.has_sequences


def _by_name(name: str, why: str) -> RendererChoice:
    """Return the choice of `name`, or of what suits the terminal, with one warning, where its library is missing.

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
    except Exception as error:  # RendererUnavailable, or whatever its import raises
        warn_once(f"the renderer {name!r:.80} cannot be used: {error}. What suits the terminal is used instead.")
        return RendererChoice("auto", None, f"{why}, but {error}")


def find(name: str) -> Factory:
    """Return the class or factory of the renderer `name`, which is usable here.

    Raises:
        LookupError: nothing has that name.
        RendererUnavailable: it is known, but cannot be used here; the reason and the `pip install` line are in it.
    """
    from .base import RendererUnavailable

    install = f"progresskit[{name}]" if name in EXTRAS else None
    if name in BUILTIN:
        factory = load(BUILTIN[name].path)
    elif ":" in name:
        try:
            factory = load(name)
        except (ImportError, AttributeError) as error:
            raise RendererUnavailable(f"it cannot be imported: {error}") from error
    else:
        entry = entry_points().get(name)
        if entry is None:
            if install is None:
                raise LookupError(name)
            raise RendererUnavailable(f"progresskit-{name} is not installed", install)
        try:
            factory = entry.load()
        except ModuleNotFoundError as error:
            raise RendererUnavailable(f"{error.name} is not installed", install) from error
    check = getattr(factory, "check", None)
    if check is not None:
        check()
    return factory  # type: ignore[no-any-return]  # what an entry point loads has no type


def entry_points() -> dict[str, EntryPoint]:
    """Return the renderers of the installed packages, by name."""
    from importlib.metadata import entry_points as installed

    return {entry.name: entry for entry in installed(group=GROUP)}


def candidates() -> dict[str, EntryPoint]:
    """Return the installed renderers that `auto` asks for their priority, by name.

    The packages' entry points are parsed only where the group stands in one of them: importing the parser takes more than
    the first frame.
    """
    if not _has_candidates(sys.path):
        return {}
    from importlib.metadata import entry_points as installed

    return {entry.name: entry for entry in installed(group=AUTO_GROUP)}


def _has_candidates(folders: Sequence[str]) -> bool:
    """Return whether the metadata of a package in one of `folders` names the group of `auto`. Packages in zip files have none."""
    for folder in folders:
        try:
            with os.scandir(folder or ".") as entries:
                metadata = [entry.path for entry in entries if entry.name.endswith((".dist-info", ".egg-info"))]
        except OSError:  # a zip file, or a folder that is not there
            continue
        for path in metadata:
            try:
                with open(os.path.join(path, "entry_points.txt"), "rb") as file:
                    if _SECTION in file.read():
                        return True
            except OSError:  # most packages have none
                pass
    return False


_SECTION = f"[{AUTO_GROUP}]".encode()


def names() -> tuple[str, ...]:
    """Return the names of all renderers that are known here, whether usable or not."""
    return (*BUILTIN, *sorted({*EXTRAS, *entry_points()}))


def unwrapped(stream: Any) -> Any:
    """Return the stream behind `stream`, where this is what rich puts in its place while it shows a display: it says that it is a
    terminal, and writes out escape sequences as words."""
    return stream.rich_proxied_file if type(stream).__module__ == "rich.file_proxy" else stream


def default_stream(environ: Mapping[str, str] | None = None, *, opened: bool = True) -> Any:
    """Return the stream of `PROGRESSKIT_STREAM`: standard error unless set, standard output, or a file to append to.

    In a notebook it is standard output unless set: what comes on standard error is shown there as an alarm.
    None where the process has no such stream (pythonw), or the file cannot be opened, with a warning.

    Args:
        environ: The environment; None takes the process's.
        opened: Whether a file is opened; None is returned for it otherwise.
    """
    environ = os.environ if environ is None else environ
    name = environ.get("PROGRESSKIT_STREAM", "").strip()
    if name == "stdout" or (not name and is_cell_stream(sys.stderr) and is_cell_stream(sys.stdout)):
        return unwrapped(sys.stdout)
    if name in ("", "stderr"):
        return unwrapped(sys.stderr)
    if not opened:
        return None
    try:
        return open(name, "a", encoding="utf-8")  # the terminal that is made of it closes it
    except (OSError, ValueError) as error:
        warn_once(f"PROGRESSKIT_STREAM is {name!r:.80}, which cannot be opened: {error}. Standard error is used.")
        return sys.stderr
