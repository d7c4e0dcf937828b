"""What rows look like, to the letter: a change of looks is meant, or found here."""

from __future__ import annotations

import pytest

from progresskit._model.frames import Frame, TaskView, sample_view
from progresskit.renderers.ansi import AnsiRenderer
from progresskit.renderers.bars import Painter
from progresskit.testing import EmulatedTerminal

RUNNING = (
    sample_view(description="Files", completed=3, total=12, unit="file", elapsed=61.0, rate=0.5, eta=18.0),
    sample_view(
        depth=1,
        description="東京.csv",
        completed=12_300_000,
        total=45_600_000,
        unit="B",
        elapsed=3.9,
        rate=4_100_000.0,
        eta=8.1,
        fields={"part": 3, "to": "größe"},
    ),
    sample_view(depth=1, description="a long description of one", completed=42, unit="row", elapsed=75.0, rate=0.56),
    sample_view(description="held", state="paused", completed=5, total=10, elapsed=9.0, eta=1.0, rate=9.0),
    sample_view(description="waits", state="pending", total=10, rate=8.0),
    sample_view(description="open", state="pending"),
)
ENDED = (
    sample_view(description="done", state="finished", completed=10, total=10, elapsed=8.31, rate=1.2),
    sample_view(
        description="broken",
        state="failed",
        completed=4,
        total=10,
        elapsed=8.0,
        reason="the disk is full",
        fields={"at": "row 7"},
    ),
    sample_view(description="off", state="cancelled", completed=4, total=10, elapsed=75.0, estimated=True),
)


def painted(columns: int, **facts: object) -> list[str]:
    painter = Painter(**facts)  # type: ignore[arg-type]
    return painter.rows(RUNNING, columns, 0.25) + painter.rows(ENDED, columns, 0.25)


PLAIN = {
    119: """\
  Files                        25% ▕██████▎                  ▏    3/12 file  0.5 file/s  1:01 eta 0:18
    東京.csv                   26% ▕██████▋                  ▏ 12.3/45.6 MB   4.10 MB/s  0:03 eta 0:08  part=3 to=größe
    a long description of one       ⠹                                42 row  0.56 row/s  1:15
‖ held                         50% ▕████████████▌            ▏      5/10 it              0:09 eta 0:01  paused
· waits                         0% ▕                         ▏      0/10 it              waiting
· open                                                                 0 it              waiting
✓ done                        100% ▕████████████████████████████████████████▏     10/10 it    1.2 it/s  in 8.3 s
✗ broken                       40% ▕███▏    ▏      4/10 it              in 8.0 s       failed: the disk is full at=row…
■ off                          40% ▕████████████▍                  ▏     ~4/10 it              in 1:15        cancelled
""",
    79: """\
  Files                       25% ▕██      ▏    3/12 file  1:01 eta 0:18
    東京.csv                  26% ▕██▏     ▏ 12.3/45.6 MB  0:03 eta 0:08  part…
    a long description of o…       ⠹               42 row  1:15
‖ held                        50% ▕████    ▏      5/10 it  0:09 eta 0:01  paus…
· waits                        0% ▕        ▏      0/10 it  waiting
· open                                               0 it  waiting
✓ done                       100% ▕███████████████▏     10/10 it  in 8.3 s
✗ broken                      40% ▕███▏    ▏      4/10 it  in 8.0 s       fail…
■ off                         40% ▕███▏    ▏     ~4/10 it  in 1:15        canc…
""",
    59: """\
  Files                25% ▕██      ▏    3/12 file
    東京.csv           26% ▕██▏     ▏ 12.3/45.6 MB  part=3…
    a long descripti…       ⠹               42 row
‖ held                 50% ▕████    ▏      5/10 it  paused
· waits                 0% ▕        ▏      0/10 it
· open                                        0 it
✓ done                100% ▕█████████████████▏     10/10 it
✗ broken               40% ▕███▏    ▏      4/10 it  failed…
■ off                  40% ▕███▏    ▏     ~4/10 it  cancel…
""",
    39: """\
  Files          25% ▕▊  ▏    3/12 file
    東京.csv     26% ▕▊  ▏ 12.3/45.6 MB
    a long des…       ⠹          42 row
‖ held           50% ▕█▌ ▏      5/10 it
· waits           0% ▕   ▏      0/10 it
· open                             0 it
✓ done          100% ▕███▏     10/10 it
✗ broken         40% ▕█▏ ▏      4/10 it
■ off            40% ▕█▏ ▏     ~4/10 it
""",
    19: """\
  Files     25%   …
    東京.…  26% 12…
    a lon…        …
‖ held      50%   …
· waits      0%   …
· open            …
✓ done     100%   …
✗ broken    40%   …
■ off       40%   …
""",
    7: """\
  File…
    東…
    a …
‖ held…
· wait…
· open…
✓ done…
✗ brok…
■ off …
""",
    1: """\
…
…
…
…
…
…
…
…
…
""",
}
ASCII = """\
  Files                        25% [##      ]    3/12 file  0.5 file/s  1:01 eta 0:18
    \\u6771\\u4eac.csv           26% [##      ] 12.3/45.6 MB   4.10 MB/s  0:03 eta 0:08  part=3 to...
    a long description of one       -               42 row  0.56 row/s  1:15
= held                         50% [####    ]      5/10 it              0:09 eta 0:01  paused
. waits                         0% [        ]      0/10 it              waiting
. open                                                0 it              waiting
+ done                        100% [######################]     10/10 it    1.2 it/s  in 8.3 s
x broken                       40% [###     ]      4/10 it              in 8.0 s       failed: t...
- off                          40% [####       ]     ~4/10 it              in 1:15        cancelled
"""
COLOURS = """\
  Files                        25% <36;100m██▌       <0m    3/12 file  0.5 file/s  1:01 eta 0:18<2m<0m
    東京.csv                   26% <36;100m██▋       <0m 12.3/45.6 MB   4.10 MB/s  0:03 eta 0:08<2m  part=3 to=g…<0m
    a long description of one       ⠹               42 row  0.56 row/s  1:15         <2m<0m
<33m‖ held                       <0m  50% <33;100m█████     <0m      5/10 it              0:09 eta 0:01<2m  paused<0m
· waits                         0% <36;100m          <0m      0/10 it              waiting      <2m<0m
· open                                                0 it              waiting      <2m<0m
<32m✓ done                       <0m 100% <32;100m████████████████████████<0m     10/10 it    1.2 it/s  in 8.3 s     <2m<0m
<31m✗ broken                     <0m  40% <31;100m████      <0m      4/10 it              in 8.0 s     <2m  failed: the…<0m
<33m■ off                        <0m  40% <33;100m█████▏       <0m     ~4/10 it              in 1:15      <2m  cancelled<0m
"""


@pytest.mark.parametrize("columns", PLAIN)
def test_rows_of_each_width(columns: int) -> None:
    assert painted(columns, colors=False) == PLAIN[columns].splitlines()


def test_rows_in_ascii() -> None:
    assert painted(99, colors=False, unicode=False, encoding="ascii") == ASCII.splitlines()


def test_in_ascii_units_are_escaped_and_what_is_cut_ends_in_dots() -> None:
    view = sample_view(description="a long description of one", completed=1, total=2, unit="größe", rate=1.0)
    (row,) = Painter(colors=False, unicode=False, encoding="ascii").rows((view,), 79, 0.0)
    assert row.startswith("  a long description of one  50% [")
    assert row.isascii() and "1/2 gr\\xf6\\xdfe" in row
    (row,) = Painter(colors=False, unicode=False, encoding="ascii").rows((view,), 119, 0.0)
    assert "1.0 gr\\xf6\\xdfe/s" in row
    (row,) = Painter(colors=False, unicode=False, encoding="ascii").rows((view,), 49, 0.0)
    assert row.startswith("  a long descri...  50%")
    (row,) = Painter(colors=False, unicode=False, encoding="ascii").rows((view,), 19, 0.0)
    assert row == "  a lon...  50% ..."


def test_a_row_that_is_too_narrow_for_a_bar_is_not_filled_up() -> None:
    for colors in (False, True):
        (row,) = Painter(colors=colors).rows((sample_view(description="alpha", completed=3, total=10),), 24, 0.0)
        assert row == "  alpha  30% 3/10 it" or not row.endswith(" ")


def test_a_spinner_has_its_tasks_colour() -> None:
    (row,) = Painter().rows((sample_view(description="alpha", color="magenta"),), 79, 0.0)
    assert row.count("\x1b[35m") == 2  # the name's, and the spinner's


def test_escapes_of_an_encoding_are_counted_in_the_columns() -> None:
    renderer, terminal = AnsiRenderer(), EmulatedTerminal(79, 5, unicode=False)
    renderer.start(terminal)
    views = [sample_view(id=at, position=at, description=name, total=10) for at, name in enumerate(("größe", "alpha"))]
    renderer.render(Frame(0.0, tuple(views)))
    terminal.flush()
    assert terminal.text[0].index("[") == terminal.text[1].index("[")


def test_the_renderer_draws_as_its_terminal_is() -> None:
    def drawn(**facts: bool) -> str:
        renderer, terminal = AnsiRenderer(), EmulatedTerminal(79, 5, **facts)
        renderer.start(terminal)
        renderer.render(Frame(0.0, (sample_view(description="größe", completed=3, total=10),)))
        terminal.flush()
        return terminal.output[0]

    assert "größe" in drawn() and "▕███" in drawn() and "100m" not in drawn()
    assert "\x1b[36;100m███" in drawn(colors=True)
    assert "gr\\xf6\\xdfe " in drawn(unicode=False) and "[###" in drawn(unicode=False)
    assert drawn(unicode=False).index("[###") == drawn().index("▕███") + len("gr\\xf6\\xdfe") - len("größe")


def test_rows_in_colour() -> None:
    assert [row.replace("\x1b[", "<") for row in painted(99)] == COLOURS.splitlines()


def test_no_room_has_no_rows_wider_than_it() -> None:
    assert painted(0, colors=False) == painted(-1, colors=False) == [""] * 9


def test_columns_do_not_get_narrower_while_rows_stand_and_do_after_them() -> None:
    painter = Painter(colors=False)
    short = (sample_view(description="a", completed=1, total=2),)
    before = painter.rows(short, 79, 0.0)
    wide = painter.rows(RUNNING, 79, 0.0)
    assert painter.rows(short, 79, 0.0)[0].index("%") == wide[0].index("%") > before[0].index("%")
    assert painter.rows((RUNNING[1]._replace(fields={}),), 119, 0.0)[0].index("12.3/") == (
        painter.rows((RUNNING[1],), 119, 0.0)[0].index("12.3/")
    )
    assert painter.rows((), 79, 0.0) == []
    assert painter.rows(short, 79, 0.0) == before


def bar(view: TaskView, columns: int = 59, time: float = 0.0) -> str:
    return Painter(colors=False).rows((view,), columns, time)[0]


def test_a_spinner_turns_ten_steps_a_second_and_only_where_something_runs() -> None:
    view = sample_view(description="a", unit="row")
    assert [bar(view, time=step / 10 + 0.01).split()[1] for step in range(11)] == [*"⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏⠋"]
    assert bar(view._replace(state="paused")).split() == ["‖", "a", "0", "row", "0:00", "paused"]
    assert bar(view._replace(state="finished")).split() == ["✓", "a", "0", "row", "in", "0.0", "s"]


def test_a_bar_grows_by_eighths_of_a_cell_and_is_full_at_the_end_alone() -> None:
    painter = Painter(colors=False)
    counts = [256, *range(0, 257, 2)]  # the first makes the column of the counts as wide as it gets
    rows = [painter.rows((sample_view(total=256, completed=done),), 59, 0.0)[0] for done in counts][1:]
    parts = [row[row.index("▕") + 1 : row.rindex("▏ ")] for row in rows]
    shown = [part.rstrip() for part in parts]
    assert len({*map(len, parts)}) == 1
    assert shown == sorted(shown, key=lambda part: (part.count("█"), "▏▎▍▌▋▊▉".find(part[-1:])))
    assert {part[-1:] for part in shown} == {*"▏▎▍▌▋▊▉█", ""}
    assert shown[-1].count("█") < len(parts[-1])  # all units are done, and the task has not said so
    (full,) = Painter(colors=False).rows((sample_view(total=2, completed=2, state="finished"),), 59, 0.0)
    assert full[full.index("▕") + 1 : full.rindex("▏ ")].strip("█") == ""


@pytest.mark.parametrize(
    ("state", "color", "code"),
    [
        ("running", None, "<36;100m"),
        ("running", "magenta", "<35;100m"),
        ("finished", None, "<32;100m"),
        ("finished", "blue", "<34;100m"),
        ("failed", "blue", "<31;100m"),
        ("cancelled", "blue", "<33;100m"),
        ("paused", "blue", "<33;100m"),
        ("pending", "blue", "<34;100m"),
    ],
)
def test_a_state_has_its_colour(state: str, color: str | None, code: str) -> None:
    view = sample_view(state=state, color=color, total=2, completed=2)
    (row,) = Painter().rows((view,), 79, 0.0)
    head, drawn = row.replace("\x1b[", "<").split("%")
    assert drawn.startswith(f" {code}")
    assert head.startswith(code.replace(";100", "")) == (state != "running" or color is not None)
    narrow = Painter().rows((view,), 15, 0.0)[0].replace("\x1b[", "<")
    assert narrow.startswith(code.replace(";100", "")) == (state != "running" or color is not None)


WITH_ALL = sample_view(
    description="alpha", completed=3, total=10, elapsed=5.0, rate=1.0, eta=7.0, fields={"k": "v" * 9}
)


@pytest.mark.parametrize(
    ("columns", "width", "shown"),  # of the bar; r for the rate, t for the times, x for what the task has to say
    [
        (130, 42, "rtx"),
        (101, 42, "rtx"),
        (100, 41, "rtx"),
        (70, 11, "rtx"),
        (69, 10, "rtx"),
        (63, 10, "rtx"),
        (62, 10, "rt"),
        (58, 10, "rt"),
        (57, 10, "tx"),
        (53, 10, "tx"),
        (52, 10, "t"),
        (48, 10, "t"),
        (47, 13, "x"),
        (38, 10, "x"),
        (37, 10, ""),
        (26, 5, ""),
        (25, 4, ""),
        (24, 0, ""),
    ],
)
def test_as_the_window_narrows_the_bar_does_then_the_rate_goes_then_the_times_then_the_bar(
    columns: int, width: int, shown: str
) -> None:
    row = bar(WITH_ALL, columns)
    assert "".join(letter for letter, part in (("r", "it/s"), ("t", "eta"), ("x", "k=v")) if part in row) == shown
    assert (row.rindex("▏") - row.index("▕") + 1 if width else "▕" not in row) == (width or True)


@pytest.mark.parametrize(
    ("columns", "width"),
    [
        (130, 42),
        (88, 42),
        (87, 41),
        (60, 14),
        (58, 12),
        (57, 21),
        (56, 20),
        (48, 12),
        (47, 26),
        (46, 25),
        (30, 9),
        (25, 4),
        (24, 0),
    ],
)
def test_a_bar_shares_its_room_with_nothing_where_there_is_nothing_to_say(columns: int, width: int) -> None:
    row = bar(WITH_ALL._replace(fields={}), columns)
    assert (row.rindex("▏") - row.index("▕") + 1 if width else "▕" not in row) == (width or True)


RATELESS = {79: 42, 69: 33, 60: 24, 57: 21}


@pytest.mark.parametrize("columns", RATELESS)
def test_a_rate_that_is_not_known_takes_no_room(columns: int) -> None:
    row = bar(WITH_ALL._replace(rate=None, fields={}), columns)
    assert row.rindex("▏") - row.index("▕") + 1 == RATELESS[columns]


def test_what_the_longest_has_to_say_keeps_its_room_while_rows_stand() -> None:
    painter = Painter(colors=False)
    silent = WITH_ALL._replace(fields={}, description="beta")
    first = painter.rows((WITH_ALL, silent), 79, 0.0)
    assert first[0].rindex("▏") == first[1].rindex("▏")  # of all alike
    later = painter.rows((silent,), 79, 0.0)
    assert later[0].rindex("▏") == first[1].rindex("▏")
    ended = painter.rows((WITH_ALL._replace(state="finished"),), 79, 0.0)  # above the others, by itself
    alone = painter.rows((silent._replace(state="finished"),), 79, 0.0)
    assert ended[0].rindex("▏") < alone[0].rindex("▏")
    painter.rows((), 79, 0.0)
    assert painter.rows((silent,), 79, 0.0)[0].rindex("▏") > later[0].rindex("▏")
    for columns in (69, 60, 57):
        painter.rows((), columns, 0.0)
        assert painter.rows((silent,), columns, 0.0) == Painter(colors=False).rows((silent,), columns, 0.0)


def test_a_task_without_a_name_takes_no_room_for_it() -> None:
    view = sample_view(description="", completed=3, total=10)
    assert bar(view).startswith("    30% ▕")
    painter = Painter(colors=False)
    painter.rows((), 59, 0.0)
    assert painter.rows((view,), 59, 0.0)[0].startswith("    30% ▕")
