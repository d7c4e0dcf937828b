"""The look of rows beyond the mock-ups: colours, widths, cuts, and columns that never jump."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from look_samples import GROUP, KEPT, LOADER, LOOP, NESTED, POOL, SPINNERS

from progresskit._model.frames import Frame, TaskView, sample_view
from progresskit._text.cells import cell_width, plain_line
from progresskit._text.colors import EIGHT_COLORS, INDEXED_COLORS, TRUE_COLORS
from progresskit._text.styles import STYLES, Style
from progresskit.renderers._bars import Painter
from progresskit.renderers._kept import KeptLines
from progresskit.renderers._region import OutlinedRow, outline_of
from progresskit.renderers.ansi import AnsiRenderer
from progresskit.testing import EmulatedTerminal

LINE = STYLES["line"]
ALL = {"LOOP": LOOP, "NESTED": NESTED, "POOL": POOL, "LOADER": LOADER, "GROUP": GROUP, "SPINNERS": SPINNERS}


def row(view: TaskView, columns: int = 79, time: float = 0.0, painter: Painter | None = None) -> str:
    return (painter or Painter()).rows((view,), columns, time)[0]


def shown(text: str) -> str:
    return text.replace("\x1b[", "<")


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("style", STYLES)
def test_no_row_is_too_wide(name: str, style: str) -> None:
    """At any width a row leaves the last cell empty, and bars are aligned."""
    for columns in range(201):
        rows = Painter(STYLES[style], EIGHT_COLORS).rows(ALL[name], columns, 0.3)
        kept = KeptLines(STYLES[style]).lines(KEPT, columns)
        assert all(cell_width(plain_line(row)) <= columns for row in rows), columns
        if columns >= 40:
            lines = "\n".join(kept).split("\n")
            assert all(cell_width(line) <= columns for line in lines), (columns, lines)


def test_nothing_of_a_reason_or_a_field_is_lost() -> None:
    """At any width every word of a reason and of the fields is in the kept line, or below it."""
    for columns in range(20, 160):
        for view in KEPT:
            (text,) = KeptLines().lines((view._replace(fields={"lost": 3, "path": "a.csv"}),), columns)
            words = text.split()
            assert set((view.cause or "").split()) <= {*words} or columns < 40, (columns, text)
            assert "a.csv" in words and "lost" in words


def test_a_number_stays_with_its_unit() -> None:
    """Where a kept line is broken, a duration, an amount, a rate and a field stay whole, unless one is wider than the terminal."""
    view = sample_view(state="finished", elapsed=4.2, completed=1_500, total=1_500, unit="row", rate=357.1)
    text = view._replace(completed=0, total=None, unit="it", description="w " * 30)

    def pieces(view: TaskView, columns: int) -> set[str]:
        (line,) = KeptLines().lines((view,), columns)
        return {piece.strip() for piece in line.replace("\n", "  ").split("  ")}

    for columns in range(24, 80):
        assert {"1,500 rows", "4.2 s", "357 rows/s"} <= pieces(view._replace(description="w " * 30), columns), columns
        assert "4.2 s" in pieces(text, columns), columns
        fields = {"loss": 0.5, "lr": 0.1, "best so far": 7}
        assert {"loss 0.5", "lr 0.1", "best so far 7"} <= pieces(view._replace(fields=fields), columns), columns


def test_an_end_stands_beside_a_broken_name() -> None:
    """Where a name takes lines of its own, duration, end and fields follow its last word."""
    text = sample_view(state="cancelled", elapsed=5.0, description="Query the warehouse until it answers")
    (line,) = KeptLines().lines((text,), 39)
    assert line == "■ Query the warehouse until it answers\n  5.0 s   cancelled"
    over = sample_view(state="finished", elapsed=1.5, description="Over", completed=30, unit="row", rate=19.8)
    assert KeptLines().lines((over,), 39) == ["✓ Over   30 rows   1.5 s   19.8 rows/s"]
    group = sample_view(
        state="failed", reason="3 of 40 failed", description="Loading", completed=5, total=40, unit="file", elapsed=3.0
    )
    assert KeptLines().lines((group,), 79)[0].endswith("3.0 s   failed: 3 of 40 failed")
    assert KeptLines().lines((group,), 64)[0].endswith("3.0 s   3 of 40 failed")


def test_lines_together_share_columns() -> None:
    """Lines of one frame have the same columns."""
    views = [
        sample_view(id=n, state="finished", description="x" * n, completed=1, total=1, elapsed=1.0) for n in (3, 40, 9)
    ]
    assert len({line.index(" 1/1") for line in KeptLines().lines(views, 119)}) == 1


def test_the_total_of_bytes_has_its_unit() -> None:
    view = sample_view(state="cancelled", completed=750_000, total=1_000_000, unit="B", elapsed=3.0)
    assert KeptLines().lines((view,), 119)[0].endswith("cancelled at 75% of 1.00 MB")


def test_a_measure_has_no_pace() -> None:
    """A kept line shows the completed amount, and for a measure its percentage."""
    view = sample_view(state="finished", completed=2.5, total=3.5, unit="mile", elapsed=3.0, rate=0.8)
    assert KeptLines().lines((view,), 119) == ["✓ task                             2.5 miles     3.0 s"]
    view = sample_view(state="finished", completed=1.0, total=1.0, unit="s", elapsed=3.0, rate=0.8)
    assert KeptLines().lines((view,), 119)[0].endswith("s         3.0 s   100%")


def test_row_is_written_anew_for_new_texts() -> None:
    """An invisible change of the count makes no new row; a change of the bar, the percentage, the number or the time does."""
    painter = Painter()
    view = sample_view(
        description="a", completed=5_000_000, total=10_000_000, unit="row", elapsed=1.0, rate=9.0, eta=8.0
    )
    before = row(view, painter=painter)
    assert row(view._replace(completed=5_000_100, elapsed=1.1), painter=painter, time=0.1) is before
    for change in (
        {"completed": 5_200_000},
        {"completed": 5_020_000},
        {"elapsed": 2.5},
        {"description": "b"},
        {"state": "paused"},
    ):
        changed = view._replace(**change)
        assert row(changed, painter=painter, time=0.2) == row(changed), change
        row(view, painter=painter, time=0.2)


def test_colours_of_a_bar() -> None:
    """The done part has the task's colour, the rest is faint, and each part ends with a reset; where nothing moves there is none."""
    view = sample_view(description="Files", completed=3, total=12, unit="file")
    assert "<36m━━━━━━━━━━<0;2m──────────────────────────────<0m" in shown(
        row(view, 119, painter=Painter(LINE, EIGHT_COLORS))
    )
    assert "<35m━━━━━━━━━━<0;2m" in shown(row(view._replace(color="magenta"), 119, painter=Painter(LINE, EIGHT_COLORS)))
    paused = shown(row(view._replace(state="paused"), 119, painter=Painter(LINE, EIGHT_COLORS)))
    assert "  ━━━━━━━━━━<2m──────────────────────────────<0m" in paused and "‖ Files" in paused
    idle = shown(row(view._replace(idle=12.0), 119, painter=Painter(LINE, EIGHT_COLORS)))
    assert "  ━━━━━━━━━━<2m" in idle and "idle 0:12" in idle
    waiting = shown(row(view._replace(state="pending", completed=0), 119, painter=Painter(LINE, EIGHT_COLORS)))
    assert "  <2m────────────────────────────────────────<0m" in waiting and waiting.startswith("· Files")
    nothing = shown(row(view._replace(completed=0), 119, painter=Painter(LINE, EIGHT_COLORS)))
    assert "  <2m────" in nothing


@pytest.mark.parametrize(
    ("depth", "color", "code"),
    [
        (EIGHT_COLORS, None, "36"),
        (INDEXED_COLORS, None, "38;5;32"),
        (TRUE_COLORS, None, "38;2;43;136;216"),
        (TRUE_COLORS, "yellow", "38;2;176;125;18"),
        (TRUE_COLORS, "#ff8800", "38;2;255;136;0"),
        (INDEXED_COLORS, "#ff8800", "38;5;208"),
        (EIGHT_COLORS, "#ff2200", "31"),
        (EIGHT_COLORS, "white", "39"),
    ],
)
def test_a_spinner_has_its_tasks_colour(depth: int, color: str | None, code: str) -> None:
    """Names and #rrggbb are mapped to the terminal's colours."""
    view = sample_view(description="alpha", color=color, completed=3, unit="row")
    assert shown(row(view, painter=Painter(LINE, depth))).startswith(f"<{code}m⠋<0m alpha")


def test_colours_of_kept_lines() -> None:
    """Green marks an end and red a failure; nothing else has a colour."""
    texts = KeptLines(LINE, EIGHT_COLORS).lines(KEPT, 119)
    assert [shown(text)[:9] for text in texts[:4]] == ["<32m✓<0m ", "<32m✓<0m ", "<32m✓<0m ", "– Searchi"]
    assert shown(texts[5]).startswith("<31m✗<0m small.csv") and "<31mfailed<0m at 2%: no such file" in shown(texts[5])
    assert "\x1b" not in texts[3] and "\x1b" not in texts[4]
    (odd,) = KeptLines(LINE, EIGHT_COLORS).lines((KEPT[5]._replace(description="failed.csv"),), 119)
    assert shown(odd).startswith("<31m✗<0m failed.csv ")


def test_a_style_of_ones_own() -> None:
    """A style is a value: glyphs, spinner, marks and colours; missing ones have their defaults."""
    style = Style(
        done="●",
        rest="·",
        spinner="ab",
        spins=1.0,
        marks={"paused": "!"},
        colors={"bar": "#ff8800", "green": "#00ff00"},
    )
    painter = Painter(style.within("utf-8"), TRUE_COLORS)
    view = sample_view(description="a", completed=5, total=10)
    assert "<38;2;255;136;0m●●●●●●●●●●" in shown(row(view, painter=painter))
    assert "<38;2;0;255;0m●" in shown(row(view._replace(color="green"), painter=painter))
    assert row(view._replace(state="paused"), painter=painter).startswith("! a")
    assert plain_line(row(sample_view(completed=1), time=1.0, painter=Painter(style)))[0] == "b"
    for bad in (Style(done="東"), Style(rest=""), Style(colors={"bar": "pink"})):
        with pytest.raises(ValueError, match=r"one cell|#rrggbb"):
            bad.checked()


@pytest.mark.parametrize(
    ("style", "words"),
    [
        (Style(spinner=""), "a frame at least"),
        (Style(done=5), "done of a style is 5: give a text"),  # type: ignore[arg-type]
        (Style(spins="fast"), "give a number"),  # type: ignore[arg-type]
        (Style(marks=["x"]), "give a mapping"),  # type: ignore[arg-type]
        (Style(marks={"done": "x"}), "no state 'done'"),
        (Style(colors={"bars": "red"}), "'bars' has no colour"),
    ],
)
def test_a_bad_style_is_refused(style: Style, words: str) -> None:
    """In a sentence that says what is allowed."""
    with pytest.raises((TypeError, ValueError), match=words):
        style.checked()


def test_a_style_within_an_encoding() -> None:
    """A glyph that the encoding lacks is the ASCII one."""
    assert STYLES["line"].within("ascii")[:5] == ("=", "-", "", "|/-\\", 5.0)
    assert STYLES["box"].within("cp437").done == "═"
    assert STYLES["box"].within("cp437").marks["finished"] == "√"
    assert STYLES["box"].within("cp437").marks["stopped early"] == "-"


def test_a_bar_is_full_at_the_end_alone() -> None:
    """A bar grows by half cells, rounds nothing up, and is full when the task says that it is done."""
    fractions = [done / 256 for done in range(257)]
    drawn = ["".join(LINE.bar(min(fraction, 0.999), 40)) for fraction in fractions]
    assert {len(text) for text in drawn} == {40}
    halves = [2 * text.count("━") + text.count("╾") for text in drawn]
    assert halves == sorted(halves) and halves[-1] == 79
    assert LINE.bar(1.0, 40) == ("━" * 40, "")
    assert STYLES["block"].bar(0.5, 3) == ("█▌", "░")


def test_spinner_turns_ten_steps_a_second() -> None:
    """A spinner turns ten steps a second and only where something runs."""
    view = sample_view(description="a", unit="row", completed=1)
    assert [row(view, time=step / 10 + 0.01)[0] for step in range(11)] == [*"⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏⠋"]
    assert row(view._replace(state="paused"))[0] == "‖"
    assert row(view._replace(idle=11.0)).startswith("  a") and row(view._replace(idle=11.0)).endswith("idle 0:11")


def test_columns_stay_wide_while_rows_stand() -> None:
    """Columns do not get narrower while there are rows, and do after them."""
    painter = Painter()
    short = (sample_view(id=1, description="a", completed=1, total=2),)
    before = painter.rows(short, 79, 0.0)
    wide = painter.rows((*short, *(view._replace(id=view.id + 5) for view in GROUP)), 79, 1.0)
    after = painter.rows(short, 79, 2.0)
    assert after[0].index("%") == wide[0].index("%") > before[0].index("%")
    assert painter.rows((), 79, 3.0) == []
    assert painter.rows(short, 79, 4.0) == before


def test_a_layout_never_comes_back_while_rows_stand() -> None:
    """A dropped column stays away until the width changes or there are no rows."""
    painter = Painter()
    loop = LOOP[0]
    first = painter.rows((loop,), 74, 0.0)[0]
    crowded = painter.rows((loop, NESTED[0]._replace(id=9, fields={})), 74, 1.0)[0]
    later = painter.rows((loop,), 74, 2.0)[0]
    assert "812/s" in first and "812/s" not in crowded and "812/s" not in later
    assert "812/s" in painter.rows((loop,), 80, 3.0)[0]


def test_figures_stand_for_half_a_second() -> None:
    """Rate, time left and fields are kept for half a second.

    A figure that changes ten times a second cannot be read; bar, share and count move with every frame.
    """
    painter = Painter()
    view = sample_view(description="a", total=1000, completed=10, rate=10.0, eta=99.0, unit="row", fields={"loss": 0.5})
    rows = [
        row(
            view._replace(completed=10 + at, rate=10.0 + at, eta=99.0 - at, fields={"loss": 0.5 + at}),
            119,
            at / 10,
            painter,
        )
        for at in range(7)
    ]
    assert ["10.0/s" in text and "eta 1:39" in text and "loss 0.5" in text for text in rows] == [True] * 5 + [False] * 2
    assert all(f"{10 + at}/1,000 rows" in text for at, text in enumerate(rows))
    assert "paused" in row(view._replace(state="paused"), 119, 0.61, painter)


def test_many_rows_stand_longer() -> None:
    """With ten rows and more, these figures are kept for a second; bar, share, count and time move as usual."""
    painter = Painter()
    view = sample_view(description="a", total=1000, completed=10, rate=10.0, eta=99.0, unit="row")
    for at in range(14):
        moved = view._replace(completed=10 + at, rate=10.0 + at, elapsed=at / 2)
        rows = painter.rows(tuple(moved._replace(id=number, position=number) for number in range(10)), 119, at / 10)
        assert all(f"{10 + at}/1,000 rows" in text and f"0:0{at // 2}" in text for text in rows)
        standing = ["10.0/s" in text for text in rows]
        assert standing == [at < 10 + number % 5 for number in range(10)]


def test_the_form_of_a_rate_has_hysteresis() -> None:
    """Below 0.8 a second it is seconds per unit, and again units a second from 1.25 on."""
    painter = Painter()
    view = sample_view(description="a", total=1000, completed=10, unit="file")
    forms = [
        row(view._replace(rate=rate), 119, float(at), painter) for at, rate in enumerate((0.9, 0.79, 1.2, 1.26, 0.81))
    ]
    assert ["s/file" in text for text in forms] == [False, True, True, False, False]


def test_nothing_moves_in_the_first_hour() -> None:
    """Of a loop of more than one item a second: the columns stay where they were at its beginning."""
    painters = {columns: Painter() for columns in (79, 119)}
    places: dict[int, set[tuple[int, ...]]] = {79: set(), 119: set()}
    for second in range(0, 3600, 7):
        view = sample_view(
            description="rows", unit="row", total=100_000, completed=second * 27, elapsed=float(second),
            rate=27.3 if second > 1 else None, eta=3599.0 - second if second > 3 else None,
        )  # fmt: skip
        for columns, painter in painters.items():
            text = row(view, columns, float(second), painter)
            places[columns].add((text.index("%"), text.index(" rows"), text.index("eta ")))
    assert {columns: len(found) for columns, found in places.items()} == {79: 1, 119: 1}


def test_names_are_cut_so_that_they_differ() -> None:
    """A name is cut in its middle, a path at its start, and elsewhere if two would look the same."""
    views = tuple(
        sample_view(id=at, description=name, total=10)
        for at, name in enumerate(
            (
                "flights-2013-january-part-one.of.many.csv",
                "flights-2013-january-part-two.of.many.csv",
                "/data/" + "x" * 40 + "/a.csv",
            )
        )
    )
    rows = [text.split("  ")[1] for text in Painter().rows(views, 59, 0.0)]
    assert len(set(rows)) == 3 and "one" in rows[0] and "two" in rows[1]
    assert rows[2].startswith("…") and rows[2].endswith("/a.csv")
    assert {cell_width(text) for text in rows} == {20}


def test_kept_names_differ() -> None:
    """A kept line's cut name differs from those of earlier lines, and of lines of the same frame."""
    names = [f"customers-2024-{month:02d}-reviewed.parquet" for month in range(1, 13)]
    views = [
        sample_view(id=at, state="finished", description=name, elapsed=1.0, total=1) for at, name in enumerate(names)
    ]
    together = [line.split()[1] for line in KeptLines().lines(views, 79)]
    lines = KeptLines()
    apart = [lines.lines([view], 79)[0].split()[1] for view in views]
    for shown in (together, apart):
        assert len(set(shown)) == 12 and all(cell_width(name) <= 26 for name in shown), shown
    assert apart[0] == "customers-20…iewed.parquet"
    for at in range(5_000):  # what is remembered is bounded
        lines.lines([views[0]._replace(description=f"{at:04d}{'x' * 40}{at}")], 79)
    assert len(lines._alike) <= 1001


@given(st.lists(st.text("ab-/東e\u0301", max_size=40), min_size=1, max_size=5), st.integers(0, 130))
def test_any_names_at_any_width(names: list[str], columns: int) -> None:
    """No row is too wide or missing."""
    views = tuple(sample_view(id=at, description=name, total=10, depth=at % 3) for at, name in enumerate(names))
    rows = Painter().rows(views, columns, 0.0)
    assert len(rows) == len(views) and all(cell_width(text) <= columns for text in rows)


def test_escapes_count_in_the_columns() -> None:
    """Escapes of an encoding are counted in the columns."""
    renderer, terminal = AnsiRenderer(), EmulatedTerminal(79, 5, unicode=False)
    renderer.start(terminal)
    views = [sample_view(id=at, position=at, description=name, total=10) for at, name in enumerate(("größe", "alpha"))]
    renderer.render(Frame(0.0, tuple(views)))
    terminal.flush()
    assert terminal.text[0].index("--") == terminal.text[1].index("--")
    assert terminal.text[0].startswith("  gr\\xf6\\xdfe  ---")


def test_the_renderer_draws_as_its_terminal_is() -> None:
    def drawn(**facts: bool) -> str:
        renderer, terminal = AnsiRenderer(), EmulatedTerminal(79, 5, **facts)
        renderer.start(terminal)
        renderer.render(Frame(0.0, (sample_view(description="größe", completed=3, total=10),)))
        terminal.flush()
        return terminal.output[0]

    assert "größe" in drawn() and "━━━" in drawn() and "[36m" not in drawn()
    assert "\x1b[36m━━━" in drawn(colors=True)
    assert "gr\\xf6\\xdfe  ===" in drawn(unicode=False)


VIEWS = st.builds(
    lambda **facts: sample_view(**facts),
    completed=st.integers(0, 12_000),
    total=st.sampled_from([None, 9, 10_000]),
    state=st.sampled_from(["running", "running", "running", "paused", "pending"]),
    rate=st.sampled_from([None, 0.2, 9.9, 812.0, 5e6]),
    eta=st.sampled_from([None, 7.0, 700.0, 90_000.0]),
    elapsed=st.sampled_from([0.5, 59.0, 3700.0]),
    idle=st.sampled_from([None, None, 12.0, 700.0]),
    unit=st.sampled_from(["row", "B"]),
    fields=st.sampled_from([{}, {}, {"loss": 0.5}]),
)
TEMPLATES = st.sampled_from(
    [None, "{description} {bar} {rate}", "{status} {percent} {elapsed}", "{rate} 100% {bar:12} {eta}"]
)


@given(st.lists(st.lists(VIEWS, min_size=2, max_size=2), min_size=2, max_size=6), TEMPLATES, st.integers(30, 110))
@settings(max_examples=40)
def test_rows_are_as_if_written_anew(frames: list[list[TaskView]], template: str | None, columns: int) -> None:
    """What a row keeps from frame to frame never shows, and its outline is that of its text."""
    kept, anew = (Painter(LINE, EIGHT_COLORS, columns=template) for _ in range(2))
    for at, frame in enumerate(frames):
        views = tuple(view._replace(id=number, position=number) for number, view in enumerate(frame))
        for texts in anew._rows.values():
            texts.pieces_of, texts.painted = (None, -1), None
        rows = kept.rows(views, columns, at * 0.6)
        assert rows == anew.rows(views, columns, at * 0.6)
        for text in rows:
            assert not text.endswith(" ")
            if isinstance(text, OutlinedRow):
                assert text.outline == outline_of(str(text))
