"""Which renderer: names, where they lead, and the choice.

Knows the built-in renderers by name and finds all others through the entry-point group `progresskit.renderers`, which it
reads (tens of milliseconds) only for a name that it does not know. Must not know what a renderer does.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

from .._system.environment import is_disabled, why_lines
from .._system.notebook import is_cell_stream
from .._system.warnings import warn_once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from importlib.metadata import EntryPoint
    from typing import Any

    from .base import Renderer, Terminal

    Factory = Callable[[], Renderer]

GROUP = "progresskit.renderers"
BUILTIN = {
    "ansi": "progresskit.renderers.ansi:AnsiRenderer",
    "plain": "progresskit.renderers.plain:PlainRenderer",
    "json": "progresskit.renderers.json:JsonRenderer",
    "log": "progresskit.renderers.log:LogRenderer",
    "notebook": "progresskit._display.notebook_cells:NotebookRenderer",
    "none": "progresskit.renderers.none:NoneRenderer",
    "hub": "progresskit.processes.client:HubRenderer",
}
OWN_HUBS: dict[str, int] = {}
"""Addresses of hubs that a process serves itself, with its number: it is no client of its own, its forked children are."""
RANKS = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK", "SLURM_PROCID")
"""Variables that say which of a job's processes this one is: Open MPI, PMIx, MPICH and Intel MPI, MVAPICH, `srun`."""
EXTRAS = ("tqdm", "rich", "alive")
"""Names that `pip install "progresskit[NAME]"` makes available; the registry knows nothing else of them."""


class RendererChoice:
    """A renderer that was settled on.

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

    def settle(self, terminal: Terminal, environ: Mapping[str, str] | None = None) -> RendererChoice:
        """Return the choice for `terminal`, where this one is `auto`."""
        if self.make is not None:
            return self
        name, why = automatic(terminal, os.environ if environ is None else environ)
        return RendererChoice(name, lambda: load(BUILTIN[name])(), f"{self.why}; {why}")


def automatic(terminal: Terminal, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the name that suits `terminal`, and why.

    Example:
        >>> automatic(EmulatedTerminal(), {"TERM": "xterm", "CI": "true"})
        ('plain', 'CI is set')
    """
    if getattr(terminal, "in_notebook", False):
        return "notebook", "the stream is a notebook's cell"
    if not terminal.is_tty:
        return "plain", "the stream is no terminal"
    why = why_lines(environ)
    if why is not None:
        return "plain", why
    return "ansi", "the stream is a terminal"


def named(renderer: Any, environ: Mapping[str, str] | None = None) -> RendererChoice:
    """Return the choice that an argument makes, or else the environment.

    Raises:
        ValueError: the argument names no renderer; the sentence lists those that exist.
        TypeError: the argument is neither a name nor a renderer.
    """
    environ = os.environ if environ is None else environ
    if is_disabled(environ):
        return RendererChoice("none", lambda: load(BUILTIN["none"])(), "PROGRESSKIT_DISABLE is on", in_code=True)
    if renderer is None and (rank := higher_rank(environ)) and not hub_address(environ):
        return RendererChoice("none", lambda: load(BUILTIN["none"])(), f"{rank} is {environ[rank]}, and rank 0 draws")
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
        return RendererChoice(type(renderer).__name__, lambda: renderer, "it was given", given=True)
    raise TypeError(
        f"renderer is {renderer!r:.80}, a {type(renderer).__name__}: give a name, a renderer (start, render, write, stop) or its class."
    )


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
    """Return what `choice` is below a hub: its client, where the display would stand on the hub's terminal.

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
    over_rows = choice.make is None or getattr(
        choice.make, "in_place", choice.name not in BUILTIN or choice.name == "ansi"
    )
    if choice.in_code and not over_rows:
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
    return RendererChoice("hub", lambda: load(BUILTIN["hub"])(address), why, is_remote=True)


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
    off = choice.in_code and choice.name == "none"
    return None if not folder or redirected or choice.given or choice.is_remote or off else folder


def events_path(choice: RendererChoice, environ: Mapping[str, str] | None = None) -> str | None:
    """Return the events file that is written besides what `choice` draws, `PROGRESSKIT_EVENTS`; None where none is.

    What code has switched off is left alone. A client's frames are its hub's to write.
    """
    path = (os.environ if environ is None else environ).get("PROGRESSKIT_EVENTS", "").strip()
    return None if not path or choice.is_remote or (choice.in_code and choice.name == "none") else path


def draws_rows(
    choice: RendererChoice, stream: Any, *, worker: bool = False, environ: Mapping[str, str] | None = None
) -> bool:
    """Return whether rows will stand on the terminal that `stream` is, as far as can be told before a renderer is made.

    Args:
        choice: What was chosen.
        stream: Where the display would be.
        worker: Whether the process works for another, whose rows stand there.
        environ: The environment; None takes the process's.
    """
    environ = os.environ if environ is None else environ
    try:
        if stream is None or not stream.isatty():
            return False
    except Exception:  # closed, or whatever a stream of the user's own may raise
        return False
    if choice.is_remote or (hub_address(environ) is not None and prefer_hub(choice, environ=environ).is_remote):
        return worker  # the output of a command below `progresskit run` is captured there
    if choice.make is None:
        return why_lines(environ) is None
    return choice.name == "ansi" or (choice.name not in BUILTIN and bool(getattr(choice.make, "in_place", True)))


def _by_name(name: str, why: str) -> RendererChoice:
    """Return the choice of `name`, or of what suits the terminal, with one warning, where its library is missing.

    Raises:
        ValueError: there is no renderer of that name.
    """
    if name == "auto":
        return RendererChoice(name, None, why)
    if name in BUILTIN and name not in ("hub", "notebook"):  # whose checks find out whether there is one
        return RendererChoice(name, lambda: load(BUILTIN[name])(), why)
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
        factory = load(BUILTIN[name])
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


def load(path: str) -> Any:
    """Return what `module:attribute` names."""
    module, _, attribute = path.partition(":")
    found = sys.modules.get(module)
    if found is not None and not getattr(getattr(found, "__spec__", None), "_initializing", False):
        return getattr(found, attribute)
    if found is not None or not module.startswith("progresskit."):
        return getattr(import_module(module), attribute)
    from .._system.threads import signals_blocked

    with signals_blocked():  # a signal's handler may use tasks: it would find half a module
        return getattr(import_module(module), attribute)


def entry_points() -> dict[str, EntryPoint]:
    """Return the renderers of the installed packages, by name."""
    from importlib.metadata import entry_points as installed

    return {entry.name: entry for entry in installed(group=GROUP)}


def names() -> tuple[str, ...]:
    """Return the names of all renderers that are known here, whether usable or not."""
    return (*BUILTIN, *sorted({*EXTRAS, *entry_points()}))


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
        return sys.stdout
    if name in ("", "stderr"):
        return sys.stderr
    if not opened:
        return None
    try:
        return open(name, "a", encoding="utf-8")  # the terminal that is made of it closes it
    except (OSError, ValueError) as error:
        warn_once(f"PROGRESSKIT_STREAM is {name!r:.80}, which cannot be opened: {error}. Standard error is used.")
        return sys.stderr
