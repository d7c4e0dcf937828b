# PYTHON_ARGCOMPLETE_OK: argcomplete's shell function may ask this command for completions.
"""The entry point of the `progresskit` command: lets Ctrl-C end it without a traceback during further imports.

Knows SIGINT, and imports nothing before it has set the handler. Does not know arguments.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # has no stub; `signal` imports enum, during which Ctrl-C would show a traceback


def main() -> int:
    """Run the command line and return its exit status."""
    before = _signal.getsignal(_signal.SIGINT)
    if before is _signal.default_int_handler:  # not if the shell ignores it: a background job, nohup
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    from .main import main

    return main(handle_interrupts=lambda: _signal.signal(_signal.SIGINT, before))
