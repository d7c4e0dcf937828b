"""The plan of COPY: batches, names, statements, results, estimates and messages. No server, no clock."""

from __future__ import annotations

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")

from hypothesis import given
from hypothesis import strategies as st
from progresskit_snowflake.bars.copier import CopyWatch, strategy
from progresskit_snowflake.copying import (
    Copied,
    FileResult,
    Speed,
    Staged,
    batches,
    estimated_rows,
    located,
    message_for_users,
    relative,
    results,
    statement,
)
from progresskit_snowflake.files.packing import PackedTotal
from progresskit_snowflake.loading.summary import Summary, summarize

from progresskit import ProgressTracker
from progresskit.testing import ManualClock


def staged(sizes: list[int]) -> list[Staged]:
    return [Staged(f"{number}.gz", size) for number, size in enumerate(sizes)]


@given(st.lists(st.integers(0, 10_000), max_size=200), st.integers(1, 20_000), st.integers(1, 50))
def test_batches_hold_each_file_once(sizes: list[int], size: int, most: int) -> None:
    """Batches have each file once, and no more files than a statement may have."""
    files = staged(sizes)
    found = batches(files, size=size, most=most)
    assert sorted(file for batch in found for file in batch) == sorted(files)
    assert all(1 <= len(batch) <= most for batch in found)


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=100), st.integers(1, 200_000))
def test_batches_are_of_even_size(sizes: list[int], size: int) -> None:
    """The sizes of batches differ by at most the largest file."""
    weights = [sum(file.size for file in batch) for batch in batches(staged(sizes), size=size)]
    assert max(weights) - min(weights) <= max(sizes)
    assert len(weights) == max(1, min(round(sum(sizes) / size), len(sizes)))


def test_ten_thousand_files_are_ten_statements_or_more() -> None:
    assert [len(batch) for batch in batches(staged([10] * 10_000))] == [1_000] * 10


def test_names_of_list_become_names_for_files() -> None:
    assert relative("s/01.csv.gz", '"S"') == "01.csv.gz"
    assert relative("s/2013b/01.csv.gz", "s/2013") == ""
    assert relative("s/2013/a/01.csv.gz", "db.raw.S/2013/") == "a/01.csv.gz"


def test_a_statement_says_what_it_must_and_no_more() -> None:
    plain = statement("t", "s", staged([1, 2]), "TYPE = CSV")
    assert plain == "COPY INTO t FROM @s FILES = ('0.gz', '1.gz') FILE_FORMAT = (TYPE = CSV)"
    full = statement("t", "s", [Staged("it's", 1)], "X", on_error="skip_file", by_name=True, purge=True, force=True)
    assert full == (
        "COPY INTO t FROM @s FILES = ('it''s') FILE_FORMAT = (X) ON_ERROR = SKIP_FILE "
        "MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE PURGE = TRUE FORCE = TRUE"
    )


NAMES = [
    "file",
    "status",
    "rows_parsed",
    "rows_loaded",
    "error_limit",
    "errors_seen",
    "first_error",
    "first_error_line",
]


def test_rejected_rows() -> None:
    """Rows that are not in the table count as rejected; a file that was loaded before has no rejected rows."""
    rows = [
        ("a", "LOADED", 5, 5, 5, 0, None, None),
        ("b", "PARTIALLY_LOADED", 5, 3, 5, 2, "no number", "4"),
        ("c", "LOAD_SKIPPED", 9, 9, None, 1, "File was loaded before.", None),
    ]
    copied = Copied(results([name.upper() for name in NAMES], rows))
    assert (copied.rows, copied.rejected) == (8, 2)
    assert [(file.file, file.line) for file in copied.troubles()] == [("b", 4), ("c", None)]
    assert results(["status"], [("Copy executed with 0 files processed.",)]) == []


def test_estimate_needs_a_speed() -> None:
    """An estimate never exceeds its batch, and needs a known speed."""
    speed = Speed()
    assert speed.share(100, 5.0) is None
    speed.add(100, 10.0)
    assert [speed.share(100, seconds) for seconds in (0.0, 5.0, 100.0)] == [0.0, 0.5, Speed.MOST]
    assert estimated_rows([Staged("a", 10, 40), Staged("b", 10, 60)], 0.5, 0, 0) == 50
    assert estimated_rows([Staged("a", 10)], 0.5, rows=300, size=30) == 50
    assert estimated_rows([Staged("a", 10)], 0.5, rows=0, size=0) is None


def test_watch_marks_its_estimates() -> None:
    """A watch shows states, does not count waiting, and marks estimates."""
    clock, batch = ManualClock(), [Staged("a", 1_000, 100)]
    tracker = ProgressTracker("none", clock=clock)
    bar = tracker.add_task("COPY t", total=300, unit="row")
    watch = CopyWatch(size=3_000, now=clock)
    watch.begin(bar)
    for state in ("queued", "resuming the warehouse", "running"):
        watch.show_state(bar, batch, state)
        assert (bar.fields["phase"], bar.completed) == (state, 0)
        clock.advance(10)
    watch.show_state(bar, batch, "running")
    watch.done(bar, batch, [FileResult("a", "LOADED", 100, 0)], 30.0)
    assert (bar.completed, bar.fields["size"], "phase" in bar.fields) == (100, "1.00/3.00 kB", False)
    watch.begin(bar)
    watch.show_state(bar, batch, "running")
    seen = []
    for _ in range(5):
        clock.advance(3)
        watch.show_state(bar, batch, "running")
        (view,) = tracker.frame().tasks
        seen.append((bar.completed, view.estimated))
    assert seen == [
        (130, True),
        (160, True),
        (190, True),
        (195, True),
        (195, True),
    ]  # ten seconds for each batch, as before
    watch.done(bar, batch, [FileResult("a", "PARTIALLY_LOADED", 90, 10, "no number", 3)], 15.0)
    (view,) = tracker.frame().tasks
    assert (bar.completed, view.estimated, bar.fields["rejected"]) == (190, False, "10 rows")
    assert strategy(2, watch.estimates) == "size-balanced batches (2) in one transaction, estimates between"
    tracker.stop()


@pytest.mark.parametrize(
    ("message", "people"),
    [
        (
            "100038 (22018): Numeric value 'oops' is not recognized\n  File '@S/000001.csv.gz', line 3, character 1\n  Row 2",
            "orders.csv:3: 100038 (22018): Numeric value 'oops' is not recognized",
        ),
        (
            "100038 (22018): Conversion Error: CSV Error on Line: 3\nOriginal Line: oops\nError when converting column "
            '"column0". Could not convert string "oops" to \'BIGINT\'\n\n  file = /tmp/x/000001.csv.gz\n  delimiter = ,',
            'orders.csv:3: Error when converting column "column0". Could not convert string "oops" to \'BIGINT\'',
        ),
        ("002003 (42S02): Table T does not exist\nor not authorized", "002003 (42S02): Table T does not exist\nor not authorized"),
    ],
)  # fmt: skip
def test_error_names_the_users_file_and_line(message: str, people: str) -> None:
    """An error has the user's own file and line if the server names them."""
    assert message_for_users(message, {"000001.csv.gz": "orders.csv"}) == people


def test_a_message_without_file_and_line_has_neither() -> None:
    assert located("Table T does not exist") == (None, None)


@given(st.lists(st.tuples(st.integers(1, 1_000), st.integers(1, 1_000)), min_size=1, max_size=20))
def test_the_total_of_what_is_packed_grows_exact(files: list[tuple[int, int]]) -> None:
    total = PackedTotal([raw for raw, _ in files])
    assert total.bytes is None
    done = 0
    for raw, packed in files:
        total.add(raw, packed)
        done += packed
        assert total.bytes is not None
        assert total.bytes >= done
    assert (total.exact, total.bytes) == (True, done)


def test_summary_of_each_phase() -> None:
    """A summary has files, rows, bytes, seconds and rate of each phase."""
    summary = Summary(files=2, rows=10, source="whole files", left_out=["C"], names={"1.gz": "orders.csv"})
    summary.copied = Copied([FileResult("s/1.gz", "PARTIALLY_LOADED", 7, 3, "no number\nat all", 4)], "one statement")
    summary.seconds = {"QC": 2.0, "compression": 1.0, "upload": 4.0, "COPY": 0.5}
    summary.bytes = {"QC": 2_000, "compression": 2_000, "upload": 400, "COPY": 400}
    assert summarize("t", summary).splitlines() == [
        "t: 7 rows of 2 files",
        "  3 rows of 1 file rejected by the server:",
        "    3 of 10 rows rejected, orders.csv:4: no number",
        "  columns left to their defaults: C",
        "  QC           2 files, 10 rows, 2.00 kB, 2.0 s, 5.0 rows/s, 1.00 kB/s",
        "  compression  2 files, 2.00 kB, 1.0 s, 2.00 kB/s",
        "  upload       2 files, 400 B, 4.0 s, 100 B/s (whole files)",
        "  COPY         2 files, 7 rows, 400 B, 0.5 s, 14.0 rows/s, 800 B/s",
        "    (one statement)",
    ]


def test_no_line_of_figures_wraps_at_80_columns() -> None:
    """The strategy of COPY is on a line of its own if the figures leave no room for it."""
    summary = Summary(files=3, rows=80_789, seconds={"COPY": 2.4}, bytes={"COPY": 1_950_000})
    summary.copied = Copied(
        [FileResult("s/1.gz", "LOADED", 80_789, 0)], "size-balanced batches (3) in one transaction, estimates between"
    )
    figures, how = summarize("flights", summary).split("\n")[-2:]
    assert figures.startswith("  COPY         3 files, 80,789 rows, 1.95 MB, 2.4 s")
    assert how == "    (size-balanced batches (3) in one transaction, estimates between)"
    assert max(len(figures), len(how)) < 80
