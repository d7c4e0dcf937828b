"""Slots among siblings, and the rows of a whole tree.

A slot is a place among siblings. A task keeps its slot while it lives, and the next task reuses it,
so that a worker's next file appears where its last one stood. Rows follow slots in tree order. Does
not know tasks: any object with `children` will do.
"""

from __future__ import annotations

from heapq import heappop, heappush

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .frames import Frame

GRACE = 1.0
"""Seconds for which the row of an ended task stays blank, waiting for a successor, before the rows below move up."""


class Slots:
    """The places of siblings, in order.

    Example:
        >>> slots = Slots()
        >>> slots.allocate("a"), slots.allocate("b"), slots.allocate("c")
        (0, 1, 2)
        >>> slots.release(1, now=10.0)
        >>> slots.allocate("d")
        1
        >>> list(slots)
        ['a', 'd', 'c']
    """

    __slots__ = ("_cells", "_fixed", "_free", "_freed", "_live")

    def __init__(self) -> None:
        self._cells: list[Any] = []  # None stands for an empty slot
        self._free: list[int] = []  # a heap; may hold slots beyond the end of _cells, which are skipped
        self._freed: dict[int, float] = {}  # slot that keeps a blank row -> when its item was released, in seconds
        self._fixed = 0  # slots up to the highest requested one: their rows exist, used or not
        self._live = 0

    def __len__(self) -> int:
        return self._live

    def __iter__(self) -> Iterator[Any]:
        return (item for item in self._cells if item is not None)

    def allocate(self, item: Any, preferred: int | None = None) -> int:
        """Give `item` a slot and return its number: the `preferred` one if it is empty, else the
        lowest free one, else a new one.

        Empty slots below a preferred one stay free for requests by number.
        """
        cells = self._cells
        self._live += 1
        if preferred is not None:
            self._fixed = max(self._fixed, preferred + 1)
            if preferred >= len(cells):
                cells.extend([None] * (preferred - len(cells)))
                cells.append(item)
                return preferred
            if cells[preferred] is None:
                cells[preferred] = item
                self._freed.pop(preferred, None)
                return preferred
        while self._free:
            slot = heappop(self._free)
            if slot < len(cells) and cells[slot] is None:
                cells[slot] = item
                self._freed.pop(slot, None)
                return slot
        cells.append(item)
        self._freed.pop(len(cells) - 1, None)
        return len(cells) - 1

    def release(self, slot: int, now: float | None = None, *, pinned: bool = False) -> None:
        """Empty `slot`. With `now`, in seconds, its row stays blank for `GRACE` seconds.

        A `pinned` slot is kept for requests by number.
        """
        cells = self._cells
        cells[slot] = None
        self._live -= 1
        if not self._live:
            cells.clear()
            self._free.clear()
            self._freed.clear()
            self._fixed = 0
            return
        if now is not None:
            self._freed[slot] = now
        if not pinned:
            heappush(self._free, slot)

    def rows(self, now: float) -> list[Any]:
        """Return the items in order, and None for a blank row.

        Blank rows are the slots up to the highest requested one, and those released less than
        `GRACE` seconds before `now`.
        """
        freed = self._freed
        if not freed and not self._fixed:
            return [item for item in self._cells if item is not None]
        for slot, when in list(freed.items()):
            if now - when >= GRACE:
                del freed[slot]
        return [
            item for slot, item in enumerate(self._cells) if item is not None or slot < self._fixed or slot in freed
        ]


def walk_tree(slots: Slots, now: float) -> list[tuple[Any, int]]:
    """Return `(item, depth)` of the whole tree, parents before children, and `(None, depth)` for a blank row.

    Example:
        >>> slots = Slots()
        >>> at = slots.allocate(Leaf("a")), slots.allocate(Leaf("b"))
        >>> walk_tree(slots, now=0.0)
        [('a', 0), ('b', 0)]
    """
    found: list[tuple[Any, int]] = []
    levels = [iter(slots.rows(now))]  # a stack, not recursion: a tree may be deeper than Python's
    while levels:
        depth = len(levels) - 1
        for item in levels[-1]:
            found.append((item, depth))
            if item is not None and (children := item.children) is not None:
                levels.append(iter(children.rows(now)))
                break
        else:
            levels.pop()
    return found


def assign_rows(tree: list[tuple[Any, int]], limit: int | None) -> tuple[list[tuple[Any, int, int]], int]:
    """Return the items that get a row, as `(item, depth, row)`, and how many items get none.

    Where the tree has more rows than `limit`, blank rows go first, then items that wait
    (`item.waiting`); one row is left for the line that counts the missing items. `tree` comes from
    `walk_tree`. None for `limit`: all items fit.
    """
    if limit is None or len(tree) <= limit:
        placed = [(item, depth, row) for row, (item, depth) in enumerate(tree) if item is not None]
        return placed, 0
    items = [entry for entry in tree if entry[0] is not None]
    if len(items) > limit:
        room = max(limit - 1, 0)
        busy = sum(not item.waiting for item, _ in items)
        spare = max(room - busy, 0)
        chosen: list[tuple[Any, int]] = []
        for entry in items:
            if len(chosen) == room:
                break
            if entry[0].waiting:
                if not spare:
                    continue
                spare -= 1
            chosen.append(entry)
    else:
        chosen = items
    return [(item, depth, row) for row, (item, depth) in enumerate(chosen)], len(items) - len(chosen)


def cut(frame: Frame, limit: int | None) -> Frame:
    """Return `frame` with the rows that `assign_rows` gives `limit` of; None: all of them.

    Example:
        >>> frame = Frame(0.0, tuple(sample_view(id=n, position=n) for n in range(5)))
        >>> shorter = cut(frame, 3)
        >>> [view.id for view in shorter.tasks], shorter.more
        ([0, 1], 3)
    """
    tasks = frame.tasks
    if limit is None or not tasks or (tasks[-1].position < limit and not frame.more):
        return frame
    if frame.more:  # there is a line already that says how many are missing
        limit = max(limit - 1, 0)
    tree: list[tuple[Any, int]] = [(None, 0)] * (tasks[-1].position + 1)
    for view in tasks:
        tree[view.position] = (view, view.depth)
    placed, more = assign_rows(tree, limit)
    views = tuple(view._replace(position=row) for view, _, row in placed)
    return frame._replace(tasks=views, more=frame.more + more)
