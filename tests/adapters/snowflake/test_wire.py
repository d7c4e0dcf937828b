"""The staging of the user's files: names, compression, batches."""

from __future__ import annotations

import glob
import gzip
import threading
from pathlib import Path

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")

from progresskit_snowflake.counting import wire
from progresskit_snowflake.counting.wire import Cancelled, Packing, expand, is_compressed, squeeze
from progresskit_snowflake.sql.columns import stage_name

HOSTILE = [
    "it's; DROP.csv",
    "two words.csv",
    "100% %41.csv",
    "new\nline.csv",
    "[*]?.csv",
    ".hidden.csv",
    "..twice.csv",
    'a"b\\c.csv',
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A private folder for compressed files, with a name that looks like a pattern."""
    made = tmp_path / "p[r]ivate *"
    made.mkdir()
    return made


def written(path: Path, content: bytes = b"a,b\n" * 100) -> Path:
    path.write_bytes(content)
    return path


def packed(files: list[Path], folder: Path, *, compress: bool = True) -> list[list[str]]:
    """Return the names that each batch's pattern matches, while the batch exists."""
    found = []
    with Packing(files, folder, compress=compress) as packing:
        for batch in packing:
            matches = glob.glob(batch.pattern)
            assert sorted(map(Path, matches)) == sorted(batch.folder / file.name for file in batch.files)
            assert [Path(match).stat().st_size for match in sorted(matches)] == [
                file.size for file in sorted(batch.files, key=lambda one: one.name)
            ]
            found.append([Path(match).name for match in matches])
    return found


def test_file_name_is_no_wildcard(tmp_path: Path) -> None:
    """A file is found by its name, even if that looks like a wildcard."""
    files = [written(tmp_path / name) for name in HOSTILE]
    assert [expand(str(file)) for file in files] == [[file] for file in files]
    assert expand(files) == files


def test_wildcard_means_files_in_order(tmp_path: Path) -> None:
    """A wildcard matches files, in order, and never folders."""
    files = [written(tmp_path / name) for name in ("b.csv", "a.csv", "c.txt")]
    (tmp_path / "d.csv").mkdir()
    assert expand(f"{tmp_path}/*.csv") == [files[1], files[0]]


@pytest.mark.parametrize("name", ["none.csv", "none-*.csv"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no file .*none.*csv'"):
        expand(str(tmp_path / name))


@pytest.mark.parametrize("compress", [True, False])
def test_no_name_goes_into_the_pattern_that_finds_it(tmp_path: Path, folder: Path, compress: bool) -> None:
    files = [written(tmp_path / name) for name in HOSTILE]
    found = packed(files, folder, compress=compress)
    assert sorted(name for batch in found for name in batch) == sorted(name + ".gz" * compress for name in HOSTILE)


def test_what_is_compressed_already_goes_as_it_is(tmp_path: Path) -> None:
    assert is_compressed(written(tmp_path / "a.csv", gzip.compress(b"x")))
    assert is_compressed(written(tmp_path / "a.parquet", b"PAR1"))
    assert is_compressed(written(tmp_path / "a.csv.zst", b""))
    assert not is_compressed(written(tmp_path / "b.csv", b"PA"))


def test_compression_is_reproducible(tmp_path: Path) -> None:
    """Compression gives the same bytes each time."""
    read: list[int] = []
    source = written(tmp_path / "a.csv", b"1,2\n" * 1_000_000)
    for target in ("one.gz", "two.gz"):
        squeeze(source, tmp_path / target, read.append, lambda: None)
    one, two = ((tmp_path / name).read_bytes() for name in ("one.gz", "two.gz"))
    assert one == two
    assert gzip.decompress(one) == source.read_bytes()
    assert sum(read) == 2 * source.stat().st_size


def test_the_total_is_unknown_until_all_is_compressed(tmp_path: Path, folder: Path) -> None:
    files = [written(tmp_path / f"{number}.csv") for number in range(3)]
    goes = threading.Event()
    with Packing(files, folder, compress=True) as packing:
        packing.advance = lambda size: goes.wait(30)
        totals = []
        for batch in packing:
            totals.append(packing.total())
            goes.set()
            last = batch
        assert packing.total() == 3 * last.files[0].size
    assert totals[-1] == packing.total()


def test_small_files_go_together_and_large_ones_alone(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "ENOUGH", 1_000)
    monkeypatch.setattr(wire, "MOST", 3)
    sizes = [10, 2_000, 10, 20, 30, 40, 990, 10]
    files = [written(tmp_path / f"{number}.csv", bytes(size)) for number, size in enumerate(sizes)]
    with Packing(files, folder, compress=False) as packing:
        while packing.total() is None:
            threading.Event().wait(0.001)
        batches = [[file.size for file in batch.files] for batch in packing]
    assert batches == [[10], [2_000], [10, 20, 30], [40], [990, 10]]


def test_two_files_of_one_name_are_refused(tmp_path: Path, folder: Path) -> None:
    """Two files of the same name are refused before anything is sent."""
    (tmp_path / "other").mkdir()
    files = [written(tmp_path / "a.csv"), written(tmp_path / "other" / "a.csv")]
    with pytest.raises(ValueError, match=r"'a.csv.gz' would be the name of two files on the stage"):
        Packing(files, folder, compress=True)


def test_compression_ends_when_nobody_waits_any_more(tmp_path: Path, folder: Path) -> None:
    begun, ended = threading.Event(), threading.Event()
    large = written(tmp_path / "large.csv", bytes(4 * wire.CHUNK))
    packing = Packing([large, written(tmp_path / "never.csv")], folder, compress=True)

    def advance(size: int) -> None:
        begun.set()
        assert ended.wait(30)

    packing.advance = advance
    with pytest.raises(KeyboardInterrupt), packing:
        assert begun.wait(30)
        packing._cancelled.set()
        ended.set()
        raise KeyboardInterrupt
    assert isinstance(packing._ready[0].exception(), Cancelled)
    assert packing._ready[1].cancelled() or isinstance(packing._ready[1].exception(), Cancelled)
    assert packing.total() is None


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        ("s", "s"),
        ("@db.raw.s/a/b=1", "db.raw.s/a/b=1"),
        ("~/up", "~/up"),
        ("%t", "%t"),
        ("db.raw.%t", "db.raw.%t"),
        ('"my ""odd"" stage"', '"my ""odd"" stage"'),
    ],
)
def test_a_stage_is_taken_as_sql_takes_it(text: str, stage: str) -> None:
    assert stage_name(text) == stage


@pytest.mark.parametrize(
    "text", ["", "s; DROP TABLE t", "s OVERWRITE = TRUE", "a b", "s/it's", "@@s", "s\n", '"open', "a.b.c.d"]
)
def test_what_is_no_stage_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no stage: give its name"):
        stage_name(text)
