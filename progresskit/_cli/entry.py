# PYTHON_ARGCOMPLETE_OK: argcomplete's shell function may ask this command how words go on.
"""Where the `progresskit` command begins: Ctrl-C ends it without a traceback while the rest is imported.

Knows SIGINT, and imports nothing before it has dealt with that. Does not know arguments.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # has no stub; `signal` imports enum, during which Ctrl-C would show a traceback


def main() -> int:
    """Run the command line and return its exit status."""
    before = _signal.getsignal(_signal.SIGINT)
    if before is _signal.default_int_handler:  # not where the shell has it ignored: a job in the background, nohup
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    from .main import main

    return main(handle_interrupts=lambda: _signal.signal(_signal.SIGINT, before))
