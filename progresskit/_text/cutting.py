"""Cut names to a width so that they can still be told apart.

A name is cut in its middle, so that its beginning, its number and its suffix stay; a path is cut at its beginning. Pure; counts
cells and splits no cluster.
"""

from __future__ import annotations

import re

from .cells import cell_width, clusters, first_cells

_PATH = re.compile(r"/|^[A-Za-z]:\\|^\\\\")  # elsewhere a backslash may begin an escape


def last_cells(text: str, cells: int) -> str:
    """Return as much of the end of `text` as fits in `cells`.

    Example:
        >>> last_cells("東京都", 5), last_cells("abc", 2)
        ('京都', 'bc')
    """
    if text.isascii():
        return text[-cells:] if cells > 0 else ""
    kept: list[str] = []
    for cluster in reversed(clusters(text)):
        cells -= cell_width(cluster)
        if cells < 0:
            break
        kept.append(cluster)
    return "".join(reversed(kept))


def cut_middle(text: str, cells: int, ellipsis: str = "…", head: int | None = None) -> str:
    """Return `text` in at most `cells` cells, cut in its middle.

    Args:
        text: The text, cleaned.
        cells: The room.
        ellipsis: The text at the cut.
        head: Cells of the beginning that stay; None: half, and what a wide character at the cut leaves.

    Example:
        >>> cut_middle("customers-2024-reviewed.parquet", 20), cut_middle("No.1 東京都", 7)
        ('customers…ed.parquet', 'No.1…都')
    """
    if cell_width(text) <= cells:
        return text
    room = cells - cell_width(ellipsis)
    if room < 1:
        return first_cells(text, cells)
    begin = first_cells(text, room // 2 if head is None else head)
    end = last_cells(text, room - cell_width(begin))
    if head is None and not text.isascii():
        begin = first_cells(text, room - cell_width(end))
    return begin + ellipsis + end


def cut_name(text: str, cells: int, ellipsis: str = "…") -> str:
    """Return the name `text` in at most `cells` cells: a path keeps its end, every other name its beginning and its end.

    Example:
        >>> cut_name("/data/2024/11/orders.csv", 14), cut_name("orders-2024-11.parquet", 14)
        ('…11/orders.csv', 'orders…parquet')
    """
    return cut_middle(text, cells, ellipsis, 0 if _PATH.search(text) else None)


def cut_names(names: list[str], cells: int, ellipsis: str = "…") -> list[str]:
    """Return `names`, each in at most `cells` cells, so that different ones still differ: the cut moves to show the
    first difference.

    Example:
        >>> cut_names(["flights-january-2013-part.csv", "flights-march-2013-part.csv"], 15)
        ['flights-ja….csv', 'flights-ma….csv']
    """
    cut = [cut_name(name, cells, ellipsis) for name in names]
    if len(set(cut)) == len(set(names)):
        return cut
    alike: dict[str, set[str]] = {}
    for name, short in zip(names, cut, strict=True):
        alike.setdefault(short, set()).add(name)
    return [
        _apart(name, alike[short] - {name}, cells, ellipsis) if len(alike[short]) > 1 else short
        for name, short in zip(names, cut, strict=True)
    ]


def fit_names(names: list[str], cells: int, ellipsis: str = "…") -> list[str]:
    """Return `names`, each in exactly `cells` cells; longer ones are cut so that different ones still differ.

    Args:
        names: The names, cleaned; blanks at the beginning are an indentation, and stay.
        cells: The width of the column.
        ellipsis: The text at a cut.

    Example:
        >>> fit_names(["Files", "  flights-january-2013.csv", "  flights-march-2013.csv"], 15)
        ['Files          ', '  flights-ja…sv', '  flights-ma…sv']
    """
    shown = list(names)
    by_room: dict[int, list[int]] = {}
    for at, name in enumerate(names):
        if cell_width(name) > cells:
            indent = len(name) - len(name.lstrip(" "))
            by_room.setdefault(max(cells - indent, cells // 2), []).append(at)
    for room, group in by_room.items():
        for at, short in zip(group, cut_names([names[at].lstrip(" ") for at in group], room, ellipsis), strict=True):
            shown[at] = " " * (cells - room) + short
    return [text + " " * (cells - cell_width(text)) for text in shown]


def _apart(name: str, others: set[str], cells: int, ellipsis: str) -> str:
    """Return `name` cut so that its difference from `others` is visible."""
    at = max(_common(name, other) for other in others)  # the first difference from the most similar one
    room = cells - cell_width(ellipsis)
    before, after = cell_width(name[:at]), cell_width(name[at:])
    if before + 2 <= room:
        return cut_middle(name, cells, ellipsis, min(before + 2, room))
    if after <= room:
        return cut_middle(name, cells, ellipsis, room - after)
    inner = cells - 2 * cell_width(ellipsis)
    return ellipsis + first_cells(name[at:], inner) + ellipsis if inner > 0 else first_cells(name[at:], cells)


def _common(one: str, other: str) -> int:
    """Return how many characters both begin with."""
    at = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        at += 1
    return at
