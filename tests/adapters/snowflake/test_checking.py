"""The check of a load's files, which begins before the sessions are open."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")

from progresskit_snowflake.files.opening import BadData
from progresskit_snowflake.files.quality import Reading
from progresskit_snowflake.loading.checking import SWITCH_SECONDS, Checking, typed
from progresskit_snowflake.loading.worker_threads import Stopped


def checking(*paths: Path, **types: str) -> Checking:
    return Checking(paths, Reading(), lambda: typed(list(paths), Reading(), types))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two files, the second of which turns a column into text, and one with another header."""
    texts = ("a,b\n1,2\n3,4\n", "a,b\n" + "5,6\n" * 40_000 + "x,7\n", "a,c\n1,2\n")
    paths = [tmp_path / f"{number}.csv" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return paths


def test_rows_from_before(files: list[Path]) -> None:
    """A late reader gets all row counts, each report in order, and the types that all rows need."""
    rows: list[int] = []
    with checking(*files[:2]).start_beside_imports() as begun:
        assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
        columns = begun.columns()
        assert sys.getswitchinterval() == pytest.approx(0.005)
        reports = list(begun.reports(rows.append))
    assert ([report.path for report in reports], sum(rows)) == (files[:2], 40_003)
    assert [column.type for column in columns] == ["VARCHAR", "NUMBER(38,0)"]


def test_error_waits(files: list[Path]) -> None:
    """An error of a file or a type is raised when the columns or the reports are requested."""
    with checking(files[0], files[2]) as begun, pytest.raises(BadData, match=r"2\.csv: its header is a, c"):
        list(begun.reports(lambda rows: None))
    with checking(files[0], zip="VARCHAR") as begun, pytest.raises(BadData, match="has no column zip"):
        begun.columns()


def test_broken_off(files: list[Path]) -> None:
    """A stopped check checks no further rows, and has no reports."""
    begun = checking(*files[:2]).start_beside_imports()
    begun.break_off()
    assert sys.getswitchinterval() == pytest.approx(0.005)
    with pytest.raises(Stopped):
        list(begun.reports(lambda rows: None))
