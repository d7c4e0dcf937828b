"""The rules of the default look that no mock-up shows: reserved widths, the order in which columns are dropped, numbers, words,
which parts have a colour, what never moves, and lines of logs.
"""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from look_samples import GROUP, KEPT, LOADER, LOOP, NESTED, POOL, SPINNERS

from progresskit import ProgressTracker
from progresskit._model.estimates import Estimate
from progresskit._model.frames import Frame, TaskView, sample_view
from progresskit._text.colors import EIGHT_COLORS, INDEXED_COLORS, TRUE_COLORS
from progresskit._text.formatting import format_count, format_duration, format_progress, format_rate, format_seconds
from progresskit._text.styles import STYLES, choose
from progresskit.renderers._bars import Painter
from progresskit.renderers._kept import KeptLines
from progresskit.renderers._log_lines import closing, midway, opening
from progresskit.renderers._templates import LIVE
from progresskit.renderers.ansi import AnsiRenderer
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker

SAMPLES = (LOOP, NESTED, POOL, LOADER, GROUP, SPINNERS)


def rows(*views: TaskView, columns: int = 80) -> list[str]:
    """Return the rows of `views` on a terminal of so many columns."""
    numbered = tuple(view._replace(id=at, position=at) for at, view in enumerate(views))
    return Painter().rows(numbered, columns - 1, 0.0)


def row(columns: int = 120, **facts: Any) -> str:
    """Return the row of one task."""
    return rows(sample_view(description="a", **facts), columns=columns)[0]


def kept(columns: int = 120, **facts: Any) -> str:
    """Return the line that one task leaves."""
    return KeptLines().lines((sample_view(**{"description": "a", "state": "finished", **facts}),), columns - 1)[0]


def test_order_in_which_room_is_given_up() -> None:
    """Time, fields beyond 12 cells, rate, fields with the rate back, rate, nouns, amounts, the bar, and at last the status."""
    facts: dict[str, Any] = {
        "completed": 4512,
        "total": 10_000,
        "unit": "row",
        "elapsed": 5.5,
        "rate": 812.4,
        "eta": 6.7,
    }
    view = sample_view(description="a name of twenty-two c", fields={"loss": 0.41, "acc": 0.87, "lr": "1e-3"}, **facts)
    parts = {"0:05 ": "t", "lr 1e-3": "F", "loss": "f", "/s": "r", " rows": "n", "/10,000": "a", "━": "b", "eta": "s"}
    seen: list[str] = []
    for columns in range(160, 24, -1):
        (text,) = rows(view, columns=columns)
        found = "".join(letter for part, letter in parts.items() if part in text)
        if not seen or seen[-1] != found:
            seen.append(found)
        at = text.find("━")
        if at >= 0:
            cells = sum(letter in "━╾─" for letter in text)
            assert (16 if "t" in found else 10) <= cells <= 40
    assert seen == ["tFfrnabs", "Ffrnabs", "frnabs", "fnabs", "rnabs", "nabs", "abs", "bs", "s", ""]


def test_names_get_a_third() -> None:
    """A name has a third of the columns, at least 12 and at most 32 cells, and 12 in the narrowest layouts."""
    view = sample_view(description="n" * 50, completed=1, total=2)
    for columns, cells in ((120, 32), (90, 30), (60, 20)):
        (text,) = rows(view, columns=columns)
        assert text.startswith(f"  {'n' * ((cells - 1) // 2)}…{'n' * (cells - 1 - (cells - 1) // 2)}  ")
    assert rows(view, columns=24) == ["  nnnnn…nnnnnn  50%"]


@pytest.mark.parametrize(
    ("facts", "place"),
    [
        ({"completed": 7, "unit": "row"}, "⠋ a        7 rows"),
        ({"completed": 7, "unit": "B"}, "⠋ a     7 B"),
        ({"completed": 7, "total": 10_000, "unit": "row"}, "       7/10,000 rows"),
        ({"completed": 3, "unit": "B", "rate": 5.0}, "3 B      5 B/s"),
        ({"completed": 3, "unit": "iB", "rate": 5.0}, "3 B       5 B/s"),
        ({"completed": 3, "unit": "row", "rate": 5.0}, "3 rows     5.0/s"),
    ],
)
def test_reserved_widths(facts: dict[str, Any], place: str) -> None:
    """A number has 7 cells, of bytes 4, or those of its total; a rate 8, of bytes 9 and 10."""
    assert place in row(**facts), row(**facts)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"state": "paused", "rate": 3.0, "eta": 2.0, "idle": 99.0}, "paused"),
        ({"state": "pending"}, "waiting"),
        ({"idle": 12.0}, "idle 0:12"),
        ({"eta": 6.0, "rate": 3.0}, "eta 0:06"),
        ({}, "eta -:--"),
    ],
)
def test_the_first_status_that_applies(facts: dict[str, Any], words: str) -> None:
    """Paused, waiting, idle, and then the time left; a row that does not move has no rate."""
    text = row(completed=1, total=2, **facts)
    assert text.endswith(words) and ("/s" in text) is words.startswith("eta 0")


def test_estimates_have_a_tilde() -> None:
    """`~` stands before the numbers that are estimated, and the share of an estimate ends at 99 %."""
    text = row(completed=999, total=1000, unit="row", estimated=True, rate=8.0, elapsed=5.0)
    assert "~99%" in text and "~999/1,000 rows" in text and text.count("~") == 2
    assert "~99%" in row(completed=1000, total=1000, estimated=True)
    assert "~" not in row(completed=999, total=1000, rate=8.0, elapsed=5.0)
    assert "~999 rows" in kept(completed=999, unit="row", estimated=True, elapsed=3.0)


def test_fields_by_value() -> None:
    """An empty value or True shows only the name, None and False show nothing, and a single text is cut in its middle."""
    text = row(completed=1, total=2, fields={"retrying": True, "note": "", "gone": None, "off": False, "loss": 0.5})
    assert text.endswith("retrying  note  loss 0.5")
    file = f"{'b' * 20}{'e' * 20}.csv"
    (cut,) = rows(sample_view(description="a", completed=1, total=2, fields={"": file}), columns=70)
    assert cut.endswith("e.csv") and "bbb…" in cut
    assert len(cut.split()[-1]) >= 20


def test_texts_take_all_room() -> None:
    """The name of a task without figures takes their place; its room grows in steps of eight cells, and never shrinks."""
    painter = Painter()
    view = sample_view(description="Waiting", elapsed=4.0)

    def at(text: str, seconds: float) -> int:
        (drawn,) = painter.rows((view._replace(description=text),), 79, seconds)
        return drawn.index("0:04")

    first, grown = at("Waiting", 0.0), at("Waiting for", 1.0)
    assert grown - first == 8 and at("W", 2.0) == grown
    beside = rows(view, sample_view(description="a", completed=1, total=2, unit="row"))
    assert beside[0].startswith("⠋ Waiting  ") and "%" not in beside[0]


def test_rows_without_totals_have_no_bars() -> None:
    """If no row has a total, there is no bar and no percentage; if one has, they are blank in the other rows."""
    alone = rows(sample_view(description="a", completed=7, unit="row"))[0]
    assert "─" not in alone and "%" not in alone
    with_total, without = rows(
        sample_view(description="a", completed=7, total=9, unit="row"),
        sample_view(description="b", completed=7, unit="row"),
    )
    assert with_total.index("rows") == without.index("rows") and "─" not in without


def test_styles_of_terminals() -> None:
    """Consoles whose fonts may lack heavy lines get `box`, terminals with wide lines and encodings without lines `ascii`."""
    assert choose("utf-8", {"TERM": "xterm-256color"}) == "line"
    assert choose("utf-8", {"TERM": "linux"}) == choose("utf-8", {"OS": "Windows_NT"}) == "box"
    assert choose("utf-8", {"OS": "Windows_NT", "WT_SESSION": "1"}) == "line"
    assert choose("utf-8", {"VTE_CJK_WIDTH": "wide"}) == choose("gbk", {}) == choose("ascii", {}) == "ascii"
    assert [STYLES[name].spins for name in ("line", "box", "ascii")] == [10.0, 5.0, 5.0]


def test_reserves_of_kept_lines() -> None:
    """Name 24 cells, number 9, unit 6, duration 6; below 80 columns name 16, number 7, unit 4."""
    facts: dict[str, Any] = {"completed": 7, "total": 7, "unit": "row", "elapsed": 3.0, "rate": 2.3}
    assert kept(80, **facts) == f"✓ a{' ' * 23}   {'7':>9} rows     {'3.0 s':>6}   2.3 rows/s"
    assert kept(79, **facts) == f"✓ a{' ' * 15}   {'7':>7} rows   {'3.0 s':>6}   2.3 rows/s"


def test_what_kept_lines_say() -> None:
    """Counts in full and bytes scaled; an end that is none with its share; `of N` only without a reason and with a total."""
    assert "4,961,220 rows" in kept(completed=4_961_220, unit="row", elapsed=9.0, rate=554_820.0)
    assert "554,820 rows/s" in kept(completed=4_961_220, unit="row", elapsed=9.0, rate=554_820.0)
    assert "7.27 MB" in kept(completed=7_270_000, unit="B", elapsed=9.6)
    failed: dict[str, Any] = {"state": "failed", "completed": 24, "total": 100, "unit": "row", "elapsed": 1.0}
    assert kept(reason="no such file", **failed).endswith("failed at 24%: no such file")
    assert kept(**failed).endswith("failed at 24% of 100")
    assert kept(**{**failed, "total": None}).endswith("failed")
    assert kept(100, **failed).endswith("failed at 24% of 100") and kept(60, **failed).endswith("failed at 24%")
    stopped = {**failed, "state": "cancelled", "reason": "stopped early"}
    assert kept(**stopped).startswith("– a ") and kept(**stopped).endswith("stopped early at 24% of 100")
    assert kept(elapsed=1.2, state="finished") == f"✓ a{' ' * 23}   {' ' * 9} {' ' * 6}    1.2 s"
    assert "%" not in kept(completed=24, total=100, elapsed=3.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (format_progress(4_512, 10_000, "row"), "4,512/10,000 rows"),
        (format_progress(1_230_000, 1_600_000, "tok"), "1.23/1.60 M tok"),
        (format_progress(999_999, 1_000_000, "B"), "0.99/1.00 MB"),
        (format_progress(300_000_000, 10_000_000_000, "B"), "0.3/10.0 GB"),
        (format_count(1536, "iB"), "1.50 KiB"),
        (format_rate(96.29, short=True), "96.2/s"),
        (format_rate(8_124.9, "row", short=True), "8,124/s"),
        (format_rate(554_999, "row", short=True), "554 k/s"),
        (format_rate(89_042.0, "row"), "89,042 rows/s"),
        (format_rate(0.14, "epoch"), "7.1 s/epoch"),
        (format_rate(0.003, "file"), "5:33/file"),
        (format_rate(0.5, "B"), "0 B/s"),
        (format_progress(26, 40), "26/40"),
        (format_rate(19.27, short=True), "19.2/s"),
        (format_rate(19.27), "19.2 it/s"),
        (format_rate(1 / 1.45), "1.4 s/it"),
        (format_duration(7.9), "0:07"),
        (format_duration(3_753.0), "1:02:33"),
        (format_duration(3 * 86_400 + 4 * 3_600 + 5 * 60), "3d 4:05"),
        (format_duration(None), "-:--"),
        (format_seconds(0.59), "0.5 s"),
        (format_seconds(0.09), "<0.1 s"),
        (format_seconds(75.9), "1:15"),
        (format_count(1, "row"), "1 row"),
        (format_count(0, "row"), "0 rows"),
        (format_progress(1, 1, "file"), "1/1 file"),
        (format_progress(1, 12, "file"), "1/12 files"),
    ],
)
def test_numbers_and_words(text: str, expected: str) -> None:
    """Every example of the table of numbers and words, each rounded down."""
    assert text == expected


# Colour


def colored_parts(text: str) -> list[tuple[str, str]]:
    """Return the parts of `text` that have SGR parameters: the parameters, and the part up to the next sequence."""
    return [(codes, part) for codes, part in re.findall("\x1b\\[([0-9;]*)m([^\x1b]*)", text) if codes != "0"]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("depth", [EIGHT_COLORS, INDEXED_COLORS, TRUE_COLORS])
def test_only_these_parts_have_a_colour(style: str, depth: int) -> None:
    """Bar and spinner, the marks of an end and of a failure, and the word `failed`; each part ends with a reset.

    No text is dim, bright, bold, reversed or on a background; only the rest of a bar is faint.
    """
    glyphs = STYLES[style]
    bars, spinner = {glyphs.done, glyphs.rest, *glyphs.parts}, set(glyphs.spinner)
    ended = (glyphs.marks["finished"], glyphs.marks["failed"], "failed")
    hue = re.compile(r"(?:0;)?(?:3[1-7]|39|38;5;\d+|38;2;\d+;\d+;\d+)")
    lines: list[str] = []
    for columns in (60, 80, 120):
        for views in SAMPLES:
            numbered = tuple(
                view._replace(id=at, position=at, color=(None, "blue")[at % 2]) for at, view in enumerate(views)
            )
            lines += Painter(glyphs, depth).rows(numbered, columns - 1, 0.3)
        lines += KeptLines(glyphs, depth).lines(KEPT, columns - 1)
    seen = set()
    for line in lines:
        assert line.count("\x1b[0m") + line.count("\x1b[0;2m") == len(colored_parts(line)), line
        for codes, part in colored_parts(line):
            if codes in ("2", "0;2"):
                assert set(part) == {glyphs.rest}, line
                continue
            assert hue.fullmatch(codes), codes
            assert set(part) <= bars or part in spinner or part in ended, line
            seen.add(part if part in ended else "moving")
    assert seen == {*ended, "moving"}


def test_colours_of_the_loaders_bars() -> None:
    """Files accent, QC rows yellow, Compression magenta, Upload blue, COPY cyan."""
    progress = pytest.importorskip("progresskit_snowflake.bars.progress", reason="the loader is not installed")
    assert progress.COLORS == {
        "Files": "accent", "QC rows": "yellow", "Compression": "magenta", "Upload": "blue", "COPY": "cyan",
    }  # fmt: skip


# What never jumps


@pytest.mark.parametrize("seed", range(20))
def test_columns_move_for_a_text_alone(seed: int) -> None:
    """While the same rows stand in the same width no column gets narrower or comes back, and none moves unless a text has grown."""
    dice = random.Random(seed)
    columns = dice.choice((60, 80, 120))
    views = [
        view._replace(id=at, position=at, completed=0)
        for at, view in enumerate(dice.choice((LOOP, NESTED, POOL, LOADER, GROUP)))
    ]
    painter = Painter()
    last: tuple[tuple[Any, ...], int, list[int]] | None = None
    for step in range(200):
        for at, view in enumerate(views):
            total = view.total or 10**9
            rate = dice.choice((None, dice.uniform(0.001, 1e7)))
            views[at] = view._replace(
                completed=min(view.completed + dice.randrange(int(total) // 50 + 2), total),
                elapsed=step * dice.choice((0.1, 0.1, 40.0)),
                rate=rate,
                eta=None if rate is None else dice.uniform(0, 9e4),
                idle=12.0 if dice.random() < 0.05 else None,
                fields={"loss": dice.random()} if view.fields else {},
            )
        rows = painter.rows(tuple(views), columns - 1, step / 10)
        group = painter._groups[LIVE]
        places = [match.start() for text in rows if (match := re.search("[━╾─]{9}", text))]
        assert len(set(places)) <= 1, rows  # bars begin in the same cell
        ends = [text.index("%") for text in rows if "%" in text]
        assert len(set(ends)) <= 1, rows
        now = group._widths(), group._layout, [*places[:1], *ends[:1]]
        if last is not None:
            assert all(after >= before for before, after in zip(last[0], now[0], strict=True))
            assert now[1] >= last[1]
            if now[:2] == last[:2]:
                assert now[2] == last[2] or group.current is None or group.current.fields is not None
        last = now


def test_idle_for_ten_minutes_costs_a_cell() -> None:
    """A status of ten cells is the first that outgrows its reserve of nine."""
    painter = Painter()
    view = sample_view(description="a", completed=1, total=2, unit="row")

    def bar(idle: float) -> int:
        return sum(cell in "━╾─" for cell in painter.rows((view._replace(idle=idle),), 59, idle)[0])

    assert bar(12.0) == bar(599.0) == bar(600.0) + 1 == bar(3599.0) + 1


def test_the_time_left_needs_two_gaps() -> None:
    """ETA is unknown until two gaps have been seen, and agrees with the rate after that."""
    estimate = Estimate(0.0, 0)
    shown = []
    for second in range(1, 5):
        estimate.sample(float(second), 10.0 * second)
        shown.append(estimate.outlook(float(second), 10.0 * second, 100.0))
    assert [left for _, left in shown[:1]] == [None]
    assert shown[2:] == [(10.0, 7.0), (10.0, 6.0)]


def test_when_a_task_is_idle() -> None:
    """After ten seconds, or three times the longest gap; after sixty before two movements. A text never is, nor a parent whose
    child moves."""
    for gap, after in ((1.0, 10.0), (5.0, 15.0)):
        estimate = Estimate(0.0, 0)
        for step in range(1, 4):
            estimate.sample(step * gap, step)
        assert not estimate.is_idle(3 * gap + after) and estimate.is_idle(3 * gap + after + 0.1)
    assert not Estimate(0.0, 0).is_idle(60.0) and Estimate(0.0, 0).is_idle(60.1)
    clock = ManualClock()
    ticker, terminal = ManualTicker(), EmulatedTerminal(80, 24)
    tracker = ProgressTracker(terminal=terminal, ticker=ticker, clock=clock)
    parent = tracker.add_task("parent", total=10, unit="file")
    child = tracker.add_task("child", total=1000, unit="row", parent=parent)
    tracker.add_task("a text")
    for _ in range(100):
        clock.advance(1.0)
        child.advance()
        ticker.tick()
    assert not any("idle" in row for row in terminal.text)
    clock.advance(120.0)
    ticker.tick()
    assert [row.split()[0] for row in terminal.text if "idle" in row] == ["parent", "child"]
    tracker.stop()


def test_more_rows_than_fit() -> None:
    """What does not fit is counted in the last row, indented like a name."""
    terminal, renderer = EmulatedTerminal(80, 5), AnsiRenderer()
    renderer.start(terminal)
    views = tuple(sample_view(id=at, position=at, description=f"task-{at}", total=10) for at in range(3))
    renderer.render(Frame(0.0, views, more=37))
    terminal.flush()
    assert terminal.text[-1] == "  ... 37 more" and len(terminal.text) == 4


# Lines for logs and screen readers


@pytest.mark.parametrize("in_words", [False, True])
def test_lines_of_logs(in_words: bool) -> None:
    """Each is one line of ASCII, without marks, padding, colour or an end of line; in words no sign is left."""
    views = [*(view for views in SAMPLES for view in views), *KEPT]
    failed = KEPT[-1]._replace(description="broken.csv", state="failed")
    for view in (*views, failed._replace(estimated=True, total=None), failed._replace(estimated=True)):
        name = view.description
        lines = [opening(name, view), midway(name, view, in_words=in_words), closing(name, view, in_words=in_words)]
        for line in lines:
            assert line.isascii() and line.isprintable() and "  " not in line and line == line.strip(), line
            assert line.startswith(f"{name}: ")
            told = line.removeprefix(name).removesuffix(view.cause or "")
            assert not in_words or not set("~%") & set(told), line
