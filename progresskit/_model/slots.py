"""Slots among siblings, and the rows of a whole tree.

A slot is a place among siblings. A task keeps its slot while it lives. The slot of an ended task goes to the next task
that is added before a frame is drawn, so that a worker's next file takes the row of its last one; otherwise the rows
below move up. Rows follow slots in tree order. Does not know tasks: any object with `children` and `_slot` will do.
"""

from __future__ import annotations

from heapq import heappop, heappush

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .frames import Frame


class Slots:
    """The slots of siblings, in order. Each item has the number of its slot in `_slot`.

    Attributes:
        has_gaps: Whether an item has left since `close` while others remain.

    Example:
        >>> slots = Slots()
        >>> a, b, c, d = map(Leaf, "abcd")
        >>> slots.allocate(a), slots.allocate(b), slots.allocate(c)
        (0, 1, 2)
        >>> slots.release(b)
        >>> slots.allocate(d)
        1
        >>> list(slots)
        ['a', 'd', 'c']
        >>> slots.release(a)
        >>> slots.close()
        >>> list(slots), c._slot
        (['d', 'c'], 1)
    """

    __slots__ = ("_cells", "_fixed", "_free", "_live", "has_gaps")

    def __init__(self) -> None:
        self._cells: list[Any] = []  # None is an empty slot
        self._free: list[int] = []  # a heap; may hold slots beyond the end of _cells, which are skipped
        self._fixed = 0  # slots up to the highest requested one: their rows exist, used or not
        self._live = 0
        self.has_gaps: bool = False

    def __len__(self) -> int:
        return self._live

    def __iter__(self) -> Iterator[Any]:
        return (item for item in self._cells if item is not None)

    def allocate(self, item: Any, preferred: int | None = None) -> int:
        """Give `item` a slot and return its number: the `preferred` one if it is empty, else the
        lowest free one, else a new one.

        Empty slots below a preferred one stay free for requests by number.
        """
        self._live += 1  # first, because a signal's handler that adds and ends an item must not find the slots empty
        slot = item._slot = self._place(item, preferred)
        return slot

    def _place(self, item: Any, preferred: int | None) -> int:
        cells = self._cells
        if preferred is not None:
            self._fixed = max(self._fixed, preferred + 1)
            cells.extend([None] * (preferred + 1 - len(cells)))
            if cells[preferred] is None:
                cells[preferred] = item
                return preferred
        while self._free:
            slot = heappop(self._free)
            if slot < len(cells) and cells[slot] is None:
                cells[slot] = item
                return slot
        slot = len(cells)
        cells.append(item)
        return slot if cells[slot] is item else cells.index(item)  # a signal's handler came between the two lines

    def release(self, item: Any, *, pinned: bool = False) -> None:
        """Empty the slot of `item`. A `pinned` slot is kept for requests by number."""
        cells = self._cells
        cells[item._slot] = None
        self._live -= 1
        if not self._live:
            cells.clear()
            self._free.clear()
            self._fixed = 0
            self.has_gaps = False
            return
        self.has_gaps = True
        if not pinned:
            heappush(self._free, item._slot)

    def close(self) -> None:
        """Move items up into empty slots, except into those up to the highest requested one."""
        if not self.has_gaps:
            return
        cells, fixed = self._cells, self._fixed
        cells[fixed:] = [item for item in cells[fixed:] if item is not None]
        for slot in range(fixed, len(cells)):
            cells[slot]._slot = slot
        self._free = sorted(slot for slot in self._free if slot < fixed)
        self.has_gaps = False

    def rows(self) -> list[Any]:
        """Return the items in order, and None for a blank row: an empty slot below the highest requested one."""
        fixed = self._fixed
        if not (fixed or self.has_gaps):
            return self._cells[:]
        return [item for slot, item in enumerate(self._cells) if item is not None or slot < fixed]


def walk_tree(slots: Slots) -> list[tuple[Any, int]]:
    """Return `(item, depth)` of the whole tree, parents before children, and `(None, depth)` for a blank row.

    Example:
        >>> slots = Slots()
        >>> at = slots.allocate(Leaf("a")), slots.allocate(Leaf("b"))
        >>> walk_tree(slots)
        [('a', 0), ('b', 0)]
    """
    found: list[tuple[Any, int]] = []
    levels = [iter(slots.rows())]  # a stack, not recursion: a tree may be deeper than Python's
    while levels:
        depth = len(levels) - 1
        for item in levels[-1]:
            found.append((item, depth))
            if item is not None and (children := item.children) is not None:
                levels.append(iter(children.rows()))
                break
        else:
            levels.pop()
    return found


def assign_rows(tree: list[tuple[Any, int]], limit: int | None) -> tuple[list[tuple[Any, int, int]], int]:
    """Return the items that get a row, as `(item, depth, row)`, and how many items get none.

    If the tree has more rows than `limit`, blank rows are dropped first, then waiting items (`item.waiting`). One row
    is left for the line that counts the missing items. `tree` comes from `walk_tree`. None for `limit`: all items fit.
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
    """Return `frame` with the rows that `assign_rows` gives with `limit`; None: all rows.

    Example:
        >>> frame = Frame(0.0, tuple(sample_view(id=n, position=n) for n in range(5)))
        >>> shorter = cut(frame, 3)
        >>> [view.id for view in shorter.tasks], shorter.more
        ([0, 1], 3)
    """
    tasks = frame.tasks
    if limit is None or not tasks or (tasks[-1].position < limit and not frame.more):
        return frame
    if frame.more:  # it has a line already that counts the missing ones
        limit = max(limit - 1, 0)
    tree: list[tuple[Any, int]] = [(None, 0)] * (tasks[-1].position + 1)
    for view in tasks:
        tree[view.position] = (view, view.depth)
    placed, more = assign_rows(tree, limit)
    views = tuple(view._replace(position=row) for view, _, row in placed)
    return frame._replace(tasks=views, more=frame.more + more)
