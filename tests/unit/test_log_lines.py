"""Lines of logs: one line each, in ASCII punctuation, with the parents' names, and in words for people who listen."""

from __future__ import annotations

from datetime import datetime

import pytest
from look_samples import GROUP, KEPT, LOOP

from progresskit._model.frames import Frame, sample_view
from progresskit.renderers._log_lines import closing, midway, names
from progresskit.renderers.plain import PlainRenderer
from progresskit.testing import EmulatedTerminal


def test_lines() -> None:
    """The lines are as designed."""
    assert midway("Checking rows", LOOP[0]) == "Checking rows: 45%, 4,512 of 10,000 rows, 812 rows/s, 0:05, eta 0:06"
    assert midway("Mirror", GROUP[5]) == "Mirror: 51%, 11.8 of 23.0 MB, 0:21, idle 0:12"
    assert midway("Files / orders-2024-11.parquet", GROUP[1]) == (
        "Files / orders-2024-11.parquet: 43%, 351 of 812 MB, 143 MB/s, 0:02, eta 0:03"
    )
    done = LOOP[0]._replace(state="finished", completed=10_000, elapsed=12.3, rate=813.0)
    assert closing("Checking rows", done) == "Checking rows: finished, 10,000 rows in 12.3 s, 813 rows/s"
    assert closing("Searching", KEPT[3]) == "Searching: stopped early at 12%, 1,204 of 10,000 rows in 0.3 s"
    assert closing("Epochs", KEPT[2]) == "Epochs: finished, 10 epochs in 1:11, 7.1 s/epoch, loss 0.198"
    assert closing("Connected", KEPT[1]) == "Connected: finished in 1.2 s"


def test_names_of_parents() -> None:
    """A child's name has those of its parents before it, whatever their order."""
    parent, child = GROUP[0]._replace(id=7), GROUP[1]._replace(id=3, parent=7)
    assert names((child, parent)) == {3: "Files / orders-2024-11.parquet", 7: "Files"}
    assert names((child._replace(parent=99),)) == {3: "orders-2024-11.parquet"}


def lines_of(renderer: PlainRenderer, *frames: Frame, **environ: str) -> list[str]:
    terminal = EmulatedTerminal(200, 24, is_tty=False)
    terminal.environ = environ
    renderer.start(terminal)
    for frame in frames:
        renderer.render(frame)
    terminal.flush()
    return terminal.text


def test_the_time_of_day() -> None:
    """The time is before each line, if requested, and the date before the first line of a day."""
    moments = iter((datetime(2026, 3, 1, 14, 3, 22), datetime(2026, 3, 1, 14, 3, 40), datetime(2026, 3, 2, 0, 0, 1)))
    frames = [Frame(float(at) * 60, LOOP) for at in range(3)]
    lines = lines_of(PlainRenderer(now=lambda: next(moments)), *frames)
    assert [line.partition("  ")[0] for line in lines] == ["2026-03-01 14:03:22", "14:03:40", "2026-03-02 00:00:01"]


def test_words_for_people_who_listen() -> None:
    """With ACCESSIBLE, words replace signs, and lines are ten seconds apart."""
    frames = [Frame(float(at), (LOOP[0]._replace(completed=at * 400),)) for at in range(25)]
    lines = lines_of(PlainRenderer(), *frames, ACCESSIBLE="1")
    assert lines == [
        "Checking rows: started, 10,000 rows",
        "Checking rows: 40 percent, 4,000 of 10,000 rows, about 6 seconds left",
        "Checking rows: 80 percent, 8,000 of 10,000 rows, about 6 seconds left",
    ]


def test_lines_stand_in_order_of_creation() -> None:
    """Lines of one frame are in the order of creation.

    Children before their parent.
    """
    ended = (KEPT[0]._replace(id=1), KEPT[4]._replace(id=3, parent=1), KEPT[2]._replace(id=2))
    lines = lines_of(PlainRenderer(), Frame(0.0, (), ended))
    assert [line.partition(":")[0] for line in lines] == ["customers.csv / Backup", "customers.csv", "Epochs"]


GROUPED = {
    "GITHUB_ACTIONS": ["::group::Load 9%25: started, 4 files", "Load 9% / a.csv: started, 3 rows"],
    "TF_BUILD": ["##[group]Load 9%: started, 4 files", "Load 9% / a.csv: started, 3 rows"],
    "BUILDKITE": ["--- Load 9%: started, 4 files", "Load 9% / a.csv: started, 3 rows"],
    "GITLAB_CI": [
        "\x1b[0Ksection_start:12:progresskit_1\r\x1b[0KLoad 9%: started, 4 files",
        "Load 9% / a.csv: started, 3 rows",
    ],
}
ENDS = {
    "GITHUB_ACTIONS": "::endgroup::\n",
    "TF_BUILD": "##[endgroup]\n",
    "BUILDKITE": "+++ ",
    "GITLAB_CI": "\x1b[0Ksection_end:15:progresskit_1\r\x1b[0K\n",
}


@pytest.mark.parametrize("system", GROUPED)
def test_groups(system: str) -> None:
    """A task without a parent is a group of lines if that is requested; its end is outside of the group, and groups are
    not nested."""
    load = sample_view(id=1, description="Load 9%", total=4, unit="file")
    part, other = (
        sample_view(id=2, description="a.csv", total=3, unit="row", parent=1),
        sample_view(id=3, description="::error::x", total=2),
    )
    terminal, renderer = EmulatedTerminal(200, 24, is_tty=False), PlainRenderer()
    terminal.environ = {system: "True", "PROGRESSKIT_GROUPS": "1"}
    renderer.start(terminal)
    failed = load._replace(state="failed", reason="no space")
    for frame in (Frame(12.9, (load, part)), Frame(14.0, (load, other)), Frame(15.2, (other,), (failed,))):
        renderer.render(frame)
    renderer.write("the job's words")
    renderer.render(Frame(16.0, (sample_view(id=4, description="Next", total=1), other)))
    renderer.stop()
    terminal.flush()
    said = "".join(terminal.output)
    begun, _, rest = said.partition(": :error::x: started")
    assert begun.splitlines() == GROUPED[system] or begun.split("\n")[:2] == GROUPED[system]
    assert f"{ENDS[system]}Load 9%: failed" in rest and rest.index("failed") < rest.index("the job's words")
    after = rest.partition("the job's words\n")[2]
    assert "Next: started" in after
    closed = {"BUILDKITE": "+++\n", "GITLAB_CI": "\x1b[0Ksection_end:16:progresskit_4\r\x1b[0K\n"}
    assert after.endswith(closed.get(system, ENDS[system]))


@pytest.mark.parametrize(
    "environ", [{"GITHUB_ACTIONS": "true"}, {"PROGRESSKIT_GROUPS": "1"}], ids=["unasked", "elsewhere"]
)
def test_no_groups(environ: dict[str, str]) -> None:
    """Lines are grouped only if that is requested and the page folds groups."""
    assert lines_of(PlainRenderer(), Frame(0.0, LOOP), **environ) == ["Checking rows: started, 10,000 rows"]
