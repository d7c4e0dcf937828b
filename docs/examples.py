"""Show the examples of docstrings as code: an extension of griffe, which reads docstrings for the reference.

Griffe takes `Examples:` as a section of code, and `Example:`, which our docstrings have, as prose.
"""

from __future__ import annotations

from typing import Any

import griffe


class Examples(griffe.Extension):
    """Give the section `Example:` its other name."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rename the section in the docstring of `obj`."""
        if obj.docstring is not None:
            obj.docstring.value = obj.docstring.value.replace("Example:\n", "Examples:\n")
