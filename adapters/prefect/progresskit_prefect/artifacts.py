"""Make a progress artifact from a task's view: its key, its percentage and its text.

Pure. Must not import Prefect.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from progresskit.renderers import format_duration, format_progress, format_rate

if TYPE_CHECKING:
    from progresskit import TaskView

LONGEST_KEY = 100
LONGEST_TEXT = 500
MARKUP = re.compile(r"[\\`*_\[\]<>|~#&!]")


class Artifact(NamedTuple):
    """The contents of a task's artifact.

    Attributes:
        key: Its name: lower-case letters, digits and dashes.
        progress: 0 to 100.
        description: Markdown.
    """

    key: str
    progress: float
    description: str


def artifact(view: TaskView) -> Artifact:
    """Return what the artifact of `view` says.

    Example:
        >>> view = sample_view(description="Été *2024*.csv", completed=3, total=12, unit="row", elapsed=4.0, rate=0.75, eta=12.0)
        >>> artifact(view)._asdict()
        {'key': 'ete-2024-csv', 'progress': 25.0, 'description': 'Été \\\\*2024\\\\*.csv: 3/12 rows, 1.3 s/row, 0:12 left'}
    """
    fraction = view.fraction
    if view.state == "finished":
        fraction = 1.0
    words = [format_progress(view.completed, view.total, view.unit, estimated=view.estimated)]
    if view.state == "running":
        words.append(format_rate(view.rate, view.unit) if view.rate is not None else "")
        words.append(f"{format_duration(view.eta)} left" if view.eta is not None else "")
    else:
        words.append(view.outcome + (f": {view.cause}" if view.cause else ""))
    words += [f"{name}={value}" for name, value in view.fields.items()]
    text = f"{view.description or 'progress'}: {', '.join(filter(None, words))}"
    return Artifact(key(view.description), round(100.0 * min(max(fraction or 0.0, 0.0), 1.0), 1), plain_markdown(text))


def key(description: str) -> str:
    """Return a key that Prefect allows: lower-case letters, digits and dashes.

    Example:
        >>> key("Straße_1 / ../x"), key("报告"), key("")
        ('strasse-1-x', 'progress', 'progress')
    """
    text = unicodedata.normalize("NFKD", description.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-")[:LONGEST_KEY].rstrip("-") or "progress"


def plain_markdown(text: str) -> str:
    """Return Markdown that shows `text` as it is, in one line: a file's name makes no link and no HTML.

    Example:
        >>> print(plain_markdown("<script>[x](javascript:y)"))
        \\<script\\>\\[x\\](javascript:y)
    """
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return MARKUP.sub(lambda found: "\\" + found[0], line[:LONGEST_TEXT])
