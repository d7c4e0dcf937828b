"""The environment variables.

Knows every variable and how to read it. Each reader takes the environment as a mapping. A bad value
warns once and counts as unset, because a job must not fail for a setting of its display.
"""

from __future__ import annotations

from math import isfinite

from .platform import IS_WINDOWS
from .warnings import warn_once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import overload

VARIABLES: dict[str, str] = {
    "PROGRESSKIT_RENDERER": "The renderer: auto, ansi, notebook, plain, json, log, none, tqdm, rich, alive, the name of any "
    "installed one, or module:attribute.",
    "PROGRESSKIT_DISABLE": "On: nothing is shown, whatever else is set.",
    "PROGRESSKIT_INTERVAL": "Seconds between two frames at the least; 0.1 unless set.",
    "PROGRESSKIT_BUDGET": "The share of one core that drawing may cost; 0.01 unless set.",
    "PROGRESSKIT_STREAM": "Where to draw: stderr (unless set), stdout, or a path to append to.",
    "PROGRESSKIT_CAPTURE": "0: what Python writes to the terminal beside the bars is left alone; 1: it goes above them, as it does "
    "unless set; descriptors: what C code and other programs write as well.",
    "PROGRESSKIT_POSITION": "The process's first row, from 0, where several share a terminal without a hub; 5/15: of 15 in all.",
    "PROGRESSKIT_COLUMNS": "The template of rows, such as `{mark} {description} {bar} {percent} {loss:.3f}`.",
    "PROGRESSKIT_STYLE": "The glyphs: line, box, ascii or block; what suits the terminal unless set.",
    "PROGRESSKIT_HUB": "The hub that shows this process's tasks, and its key; set by `progresskit run` for the processes below it.",
    "PROGRESSKIT_HUB_LOG": "The file or pipe that `progresskit run` writes lines to, where their words go there as well.",
    "PROGRESSKIT_HUB_TERMINAL": "The terminal that `progresskit run` has made for their words, so that words and last lines keep their "
    "order.",
    "PROGRESSKIT_WEB": "On: a live page shows this process's tasks in a browser, at an address that is printed; a port, or HOST:PORT, "
    "says where.",
    "PROGRESSKIT_FOLDER": "A folder in which each process keeps a file of what it has to show, for `progresskit show`.",
    "PROGRESSKIT_EVENTS": "A file to which what is drawn is also written, one JSON line an event, for `progresskit report` and "
    "`replay`.",
    "PROGRESSKIT_TASKBAR": "Whether the terminal's tab and task bar show the progress: 1, 0; unless set, where they are known to.",
    "PROGRESSKIT_TQDM": "On, below `progresskit run --tqdm`: programs that import tqdm have progresskit's.",
    "PROGRESSKIT_GROUPS": "On, in GitHub Actions, GitLab, Azure Pipelines and Buildkite: what plain and the job write while a task at "
    "the top is at work is a group, which the page folds.",
    "NO_COLOR": "Set and not empty: no colours.",
    "FORCE_COLOR": "On: colours even where there is no terminal.",
    "CLICOLOR": "0: no colours, unless FORCE_COLOR or CLICOLOR_FORCE is on.",
    "CLICOLOR_FORCE": "On: colours even where there is no terminal.",
    "COLORTERM": "truecolor or 24bit: the terminal has all colours; else TERM tells whether it has 256 or 8.",
    "ACCESSIBLE": "Set and not empty: auto chooses plain, whose lines then have words instead of signs.",
    "TERM": "dumb, empty or not set: the terminal cannot draw over rows, so auto chooses plain; as with xterm-color and GIT_PAGER=cat, "
    "which a notebook's kernel sets.",
    "CI": "On: auto chooses plain, as with GITHUB_ACTIONS, TF_BUILD, TEAMCITY_VERSION, BUILDKITE, JENKINS_URL, and INSIDE_EMACS of a "
    "shell there.",
    "COLUMNS": "The width in cells, instead of what the terminal says.",
    "LINES": "The height in rows, instead of what the terminal says.",
}
"""Name -> what the variable does."""

DUMB = ("dumb", "unknown")
"""Values of TERM that promise no escape sequence."""
CI_VARIABLES = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION", "BUILDKITE", "JENKINS_URL")
"""Variables that CI systems set. Their pages show lines."""
_OFF = frozenset(("", "0", "false", "no", "off", "n", "f"))
_ON = frozenset(("1", "true", "yes", "on", "y", "t"))


def is_on(environ: Mapping[str, str], name: str) -> bool:
    """Return whether the boolean `name` is on. `0`, `false`, `no`, `off` and empty are off; any other value is on.

    Example:
        >>> is_on({"CI": "true"}, "CI"), is_on({"CI": "0"}, "CI"), is_on({}, "CI")
        (True, False, False)
    """
    return environ.get(name, "").strip().lower() not in _OFF


def why_lines(environ: Mapping[str, str]) -> str | None:
    """Return why, by `environ`, lines suit a terminal better than rows that are drawn over; None if rows suit it.

    Example:
        >>> why_lines({"TERM": "xterm"}), why_lines({"TERM": "xterm", "ACCESSIBLE": "1"}), why_lines({"TERM": "dumb"})
        (None, 'ACCESSIBLE is set', 'TERM is dumb')
    """
    if environ.get("ACCESSIBLE"):
        return "ACCESSIBLE is set"
    term = environ.get("TERM", "")
    if term in DUMB:
        return f"TERM is {term}"
    if not term and not IS_WINDOWS:  # a console of Windows has no TERM
        return "TERM is not set"
    if term == "xterm-color" and environ.get("GIT_PAGER") == "cat":
        # IPython's kernel sets both. It gives `!command` a terminal, whose output a cell shows without moving a cursor.
        return "a notebook's cell shows the terminal"
    emacs = environ.get("INSIDE_EMACS", "")
    if "comint" in emacs or "compile" in emacs:
        return f"INSIDE_EMACS is {emacs:.40}"
    for name in CI_VARIABLES:
        if is_on(environ, name):
            return f"{name} is set"
    return None


def taskbar_wanted(environ: Mapping[str, str]) -> bool:
    """Return whether the terminal is known to have a task bar that OSC 9;4 fills, or PROGRESSKIT_TASKBAR says so.

    Other terminals show a notification for each such sequence, so it is sent to known terminals only, and not within
    tmux or screen, which hide the terminal outside.

    Example:
        >>> taskbar_wanted({"WT_SESSION": "1"}), taskbar_wanted({"TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.6.5"})
        (True, False)
    """
    if environ.get("PROGRESSKIT_TASKBAR", "").strip():
        return is_on(environ, "PROGRESSKIT_TASKBAR")
    if "TMUX" in environ or "STY" in environ:
        return False
    if environ.get("WT_SESSION") or environ.get("ConEmuANSI", "").upper() == "ON":
        return True
    program = environ.get("TERM_PROGRAM", "")
    if program == "iTerm.app":
        parts = environ.get("TERM_PROGRAM_VERSION", "").split(".")[:3]
        numbers = [int(part) for part in parts if part.isascii() and part.isdigit()]
        return len(numbers) == len(parts) and tuple(numbers) >= (3, 6, 6)
    return program in ("WezTerm", "ghostty")


def is_disabled(environ: Mapping[str, str]) -> bool:
    """Return whether `PROGRESSKIT_DISABLE` is on; any other value than yes or no warns and is ignored."""
    value = environ.get("PROGRESSKIT_DISABLE", "").strip().lower()
    if value in _OFF or value in _ON:
        return value in _ON
    warn_once(
        f"PROGRESSKIT_DISABLE is {value!r:.80}, and is ignored: 1, true, yes or on disable, 0, false, no or off do not."
    )
    return False


def capture_mode(environ: Mapping[str, str]) -> str:
    """Return the mode of `PROGRESSKIT_CAPTURE`: `"rows"`, `"descriptors"`, or `""` for no capture. A bad value warns
    once.

    Example:
        >>> capture_mode({}), capture_mode({"PROGRESSKIT_CAPTURE": "0"})
        ('rows', '')
    """
    value = environ.get("PROGRESSKIT_CAPTURE", "").strip().lower()
    if value == "descriptors":
        return value
    if value and value not in _OFF and value not in _ON:
        warn_once(f"PROGRESSKIT_CAPTURE is {value!r:.80}, and is ignored: give 1, 0 or descriptors.")
    return "" if value and value in _OFF else "rows"


def position(environ: Mapping[str, str]) -> tuple[int, int | None] | None:
    """Return the first row that `PROGRESSKIT_POSITION` gives this process, and the number of rows in all; None if
    unset.

    Example:
        >>> position({"PROGRESSKIT_POSITION": "5/15"}), position({"PROGRESSKIT_POSITION": "5"}), position({})
        ((5, 15), (5, None), None)
    """
    text = environ.get("PROGRESSKIT_POSITION", "").strip()
    if not text:
        return None
    first, slash, rows = text.partition("/")
    if first.isascii() and first.isdigit() and len(first) < 5:
        if not slash:
            return int(first), None
        if rows.isascii() and rows.isdigit() and len(rows) < 5 and int(first) < int(rows):
            return int(first), int(rows)
    warn_once(
        f"PROGRESSKIT_POSITION is {text!r:.80}, and is ignored: it is a row from 0 to 9999, or a row and how many there are, as 5/15."
    )
    return None


if TYPE_CHECKING:

    @overload
    def number(environ: Mapping[str, str], name: str, default: float, most: float) -> float: ...
    @overload
    def number(environ: Mapping[str, str], name: str, default: None, most: float) -> float | None: ...


def number(environ: Mapping[str, str], name: str, default: float | None, most: float) -> float | None:
    """Return the positive number that `name` holds, at most `most`; `default` when it is unset or bad.

    Example:
        >>> number({"PROGRESSKIT_INTERVAL": "0.5"}, "PROGRESSKIT_INTERVAL", 0.1, 3600.0)
        0.5
    """
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not (isfinite(value) and 0 < value <= most):
        used = "the default" if default is None else f"{default:g}"
        warn_once(
            f"{name} is {text!r:.80}, and is ignored: it is a number above 0 and at most {most:g}; {used} is used."
        )
        return default
    return value
