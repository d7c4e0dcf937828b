"""The pictures of a notebook's cell, without a kernel."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from progresskit._display.notebook_cells import NotebookRenderer
from progresskit._model.frames import TaskView, sample_view
from progresskit.renderers.base import RendererUnavailable
from progresskit.renderers.notebook import ENTRIES, ROWS, Area


class Published(list[tuple[dict[str, str], bool]]):
    """The pictures that an area has published."""

    def __call__(self, bundle: dict[str, str], update: bool) -> None:
        self.append((bundle, update))

    @property
    def lines(self) -> list[str]:
        return self[-1][0]["text/plain"].splitlines()

    @property
    def rows(self) -> int:
        """The height of the last picture, in rows."""
        return round(float(re.findall(r"min-height:([\d.]+)em", self[-1][0]["text/html"])[0]) / 1.6)


def test_unchanged() -> None:
    """An unchanged picture is not sent again, and a changed one replaces it."""
    published = Published()
    area = Area(published)
    view = sample_view(description="Files", completed=1, total=4)
    for clock in ("14:03:22", "14:03:23"):
        area.update([view], [])
        area.show(clock)
    assert [update for _, update in published] == [False]
    area.update([view._replace(completed=2)], [])
    area.show("14:03:22")
    assert [update for _, update in published] == [False, True]


def test_gone() -> None:
    """A row that disappears without an end, because it sums up others, is removed."""
    published = Published()
    area = Area(published)
    task, total = sample_view(id=1, description="one"), sample_view(id=2, description="3 tasks, 3 done")
    area.update([task, total], [])
    area.show("14:03:22")
    area.update([], [task._replace(state="finished")], {2})
    area.show("14:03:22")
    assert [line.split()[:2] for line in published.lines] == [["✓", "one"]]


def test_as_of() -> None:
    """A picture with a running row has its time; one without has none."""
    published = Published()
    area = Area(published)
    area.update([sample_view(completed=1, total=4)], [])
    area.show("14:03:22")
    assert published.lines[-1] == "(as of 14:03:22)"
    assert re.search("animation:[^<]*>as of 14:03:22<", published[-1][0]["text/html"])
    area.update([], [sample_view(completed=4, total=4, state="finished")])
    area.show("14:03:22")
    assert "as of" not in str(published[-1])


def test_parts() -> None:
    """A part that has ended stays until another part takes its place, below its parent."""
    published = Published()
    area = Area(published)
    outer = sample_view(id=1, description="Outer", total=3)
    seen = []
    for number in range(3):
        inner = sample_view(id=10 + number, parent=1, depth=1, description=f"inner {number}", keep=False)
        area.update([outer, inner], [])
        area.show("14:03:22")
        area.update([outer], [inner._replace(state="finished")])
        area.show("14:03:22")
        seen.append([" ".join(line.split()[:3]) for line in published.lines[:2]])
    assert [names[1] for names in seen] == ["✓ inner 0", "✓ inner 1", "✓ inner 2"]
    area.update([sample_view(id=20, description="Next")], [outer._replace(state="finished")])
    area.show("14:03:22")
    assert len(published.lines) == 3 and published.rows == 2


def test_capped() -> None:
    """Of many rows the live ones are shown, then failures, then the latest; the others are counted, and at last forgotten."""
    published = Published()
    area = Area(published)
    done = [sample_view(id=n, description=f"done {n}", state="finished") for n in range(1000)]
    done[3] = done[3]._replace(state="failed", description="broken")
    area.update([], done)
    area.update([sample_view(id=2000, description="live")], [])
    area.show("14:03:22")
    text = "\n".join(published.lines)
    assert f"... {1001 - ROWS:,d} more" in text and "live" in text and "done 999" in text
    assert len(area._views) == ENTRIES


class _Strict(HTMLParser):
    """Notes the tags."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.handlers: set[str] = set()
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.handlers |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.words += data


@given(st.text(max_size=80), st.text(max_size=20), st.text(max_size=20))
def test_hostile(name: str, unit: str, reason: str) -> None:
    """Any text of a task is shown as text."""
    published = Published()
    area = Area(published)
    word = "<script>\"'&</div>"
    fields = {name + word: reason, "n": word}
    area.update(
        [],
        [sample_view(description=word + name, unit=unit + word, reason=word + reason, state="failed", fields=fields)],
    )
    area.show("14:03:22")
    parser = _Strict()
    parser.feed(published[-1][0]["text/html"])
    assert parser.tags <= {"div", "span", "progress", "style", "i"}
    assert parser.handlers <= {"style", "role", "aria-valuenow", "aria-label", "title"}
    assert parser.words.count(word) >= 4


STEPS = st.lists(st.tuples(st.integers(1, 8), st.sampled_from(("live", "end", "child"))), max_size=60)


@given(STEPS)
def test_height(steps: list[tuple[int, str]]) -> None:
    """An area never becomes lower, and each live task has one row, below its parent."""
    published = Published()
    area = Area(published)
    live: dict[int, TaskView] = {}
    next_id, height = 100, 0
    for number, what in steps:
        ended = []
        if what == "live" and number not in live:
            next_id += 1
            live[number] = sample_view(id=next_id, description=f"t{next_id}", keep=number % 3 != 0)
        elif what == "child" and number in live:
            next_id += 1
            above = live[number]
            live[-next_id] = sample_view(
                id=next_id, description=f"t{next_id}", parent=above.id, depth=above.depth + 1, keep=False
            )
        elif what == "end" and live:
            key = sorted(live)[number % len(live)]
            ended = [live.pop(key)._replace(state="finished")]
        area.update(list(live.values()), ended)
        area.show("14:03:22")
        assert not published or published.rows >= height
        height = published.rows if published else 0
        shown = [view.id for view in area._views]
        assert len(shown) == len(set(shown)) and {view.id for view in live.values()} <= set(shown)
        for view in area._views:
            if view.parent in shown:
                assert shown.index(view.parent) < shown.index(view.id)


def test_no_kernel() -> None:
    """Where no kernel runs the renderer says so."""
    with pytest.raises(RendererUnavailable, match="no notebook's kernel"):
        NotebookRenderer.check()
