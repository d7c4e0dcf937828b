"""Find the known word that a misspelt one is nearest to.

Pure. Does not know arguments or columns: the caller passes the known words.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LONG_WORD = 8
"""The number of letters from which a word may have two mistakes. A shorter one may have one."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the word of `known` that differs from `word` by one or two typing mistakes; None if there is none.

    A mistake is a letter too many, too few, or wrong, or two that changed places. (A ratio of common letters, as `difflib` has,
    would take `part` for `parent` and `state` for `start`.)

    Example:
        >>> nearest("totl", ["total", "unit"]), nearest("Unti", ["total", "unit"]), nearest("loss", ["total", "unit"])
        ('total', 'unit', None)
    """
    word = word.lower().strip("_")
    best = None
    for each in known:
        most = 2 if len(each) >= LONG_WORD else 1
        mistakes = _mistakes(word, each) if abs(len(word) - len(each)) <= most else most + 1
        if mistakes <= most and (best is None or mistakes < best[0]):
            best = mistakes, each
    return None if best is None else best[1]


def _mistakes(word: str, other: str) -> int:
    """Return how many mistakes lead from `other` to `word`: the distance of Damerau and Levenshtein, without overlaps."""
    rows = [list(range(len(other) + 1))]
    for here, letter in enumerate(word):
        above, row = rows[-1], [here + 1]
        for there, meant in enumerate(other):
            row.append(min(above[there + 1] + 1, row[there] + 1, above[there] + (letter != meant)))
            if here and there and letter == other[there - 1] and word[here - 1] == meant:
                row[-1] = min(row[-1], rows[-2][there - 1] + 1)
        rows.append(row)
    return rows[-1][-1]
