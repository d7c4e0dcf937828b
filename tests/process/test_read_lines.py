"""The progress lines of programs in other languages, versions and with options: each is read as its program means it."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest

from progresskit._cli.reading import variables_for
from progresskit._text.program_progress import HEADING, reader_of

LINES: list[tuple[str, str, Any]] = [
    ("git", "Empfange Objekte:  45% (9/20), 1.00 MiB | 2.00 MiB/s", ("Empfange Objekte", 9, 20, False)),
    ("git", "remote: Zähle Objekte: 100% (20/20), fertig.", ("Zähle Objekte", 20, 20, True)),
    ("git", "Réception d'objets: 100% (20/20), 1,00 Mio | 2,00 Mio/s, fait.", ("Réception d'objets", 20, 20, True)),
    ("git", "接收对象中: 100% (3/3), 完成.", ("接收对象中", 3, 3, True)),
    ("git", "Получение объектов:  50% (1/2), 1.00 МиБ | 2.00 МиБ/с", ("Получение объектов", 1, 2, False)),
    ("git", "remote: Énumération des objets: 20, fait.", ("Énumération des objets", 20, None, True)),
    ("git", "Writing objects: 100% (3/3), 300 bytes | 300.00 KiB/s, done.", ("Writing objects", 3, 3, True)),
    ("git", "Downloading LFS objects:  50% (1/2), 1.2 MB | 500 KB/s", ("Downloading LFS objects", 1, 2, False)),
    ("git", "Checking connectivity: 123, done.", ("Checking connectivity", 123, None, True)),
    ("git", "Rebasing (3/10)", ("Rebasing", 3, 10, False)),
    ("git", "remote: Total 20 (delta 5), reused 20 (delta 5), pack-reused 0", None),
    ("git", "fatal: unable to access 'http://127.0.0.1:1/': Failed", None),
    ("git", "error: 404", None),
    ("git", " * [new branch]      main       -> origin/main", None),
    ("git", "Date:   12", None),
    ("curl", "DL% UL%  Dled  Uled  Xfers  Live Total     Current  Left    Speed", HEADING),
    ("curl", "100 --  1024k     0     2     0   0:00:01  0:00:01 --:--:-- 1024k", ("curl", 100, 100, True)),
    ("curl", "--  --   512k     0     2     2  --:--:--  0:00:01 --:--:--  512k", HEADING),
    ("curl", "#=#=-  #     #", HEADING),
    ("curl", "-=O=#    #     #    #", HEADING),
    ("curl", "  0 2000M    0  1000k    0     0   1000      0 23d 03h  0:16:40 23d 02h  1000", ("curl", 0, 100, False)),
    ("curl", "  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0", HEADING),
    ("curl", "100 1000k    0 1000k    0     0   200k      0 --:--:--  0:00:05 --:--:--  200k", ("curl", 1024000, None, False)),
    ("curl", "100  1000    0     0  100  1000      0   200k --:--:-- --:--:-- --:--:--  200k", ("curl", 100, 100, True)),
    ("curl", "curl: (6) Could not resolve host: nowhere", None),
    ("curl", "---", None),
    ("rsync", "      1.238.016  12%    1,18MB/s    0:00:07 (xfr#1, to-chk=8/10)", ("rsync", 12, 100, False)),
    ("rsync", "      1,238,016 100%    1.18MB/s    0:00:07 (xfer#1, to-check=0/1)", ("rsync", 100, 100, True)),
    ("rsync", "              0   0%    0.00kB/s    ??:??:??", ("rsync", 0, 100, False)),
    ("rsync", "          1.24M  12%    1.18MB/s    0:00:07", ("rsync", 12, 100, False)),
    ("rsync", "sent 1,238 bytes  received 35 bytes  2,546.00 bytes/sec", None),
    ("rsync", "total size is 100%", None),
    ("ffmpeg", "size=N/A time=N/A bitrate=N/A speed=N/A", HEADING),
    ("ffmpeg", "frame=  120 fps=0.0 q=28.0 size=     256KiB time=00:00:04.00 bitrate= 524.3kbits/s speed=   2x elapsed=0:00:02.00",
     ("ffmpeg", 4.0, None, False)),
    ("ffmpeg", "size=     256kB time=-00:00:00.02 bitrate=  -0.0kbits/s speed=N/A", ("ffmpeg", 0.0, None, False)),
    ("ffmpeg", "[out#0/mp4 @ 0x55] video:10kB audio:0kB time=x", None),
    ("pip", "Progress 1234 of 0", ("download", 1234, None, False)),
    ("pip", "Using cached numpy-2.4.6.whl (15.7 MB)", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("program", "line", "meant"), LINES, ids=[f"{number}-{line[0]}" for number, line in enumerate(LINES)]
)
def test_line(program: str, line: str, meant: Any) -> None:
    """A line has a count and a total, has no figures, or is not a progress line."""
    report = reader_of(program).read(line)
    if meant is None or meant is HEADING:
        assert report is meant
    else:
        assert report is not None and (report.name, report.done, report.total, report.is_last) == meant


@pytest.mark.parametrize(
    ("says", "variables"),
    [("24.1", {"PIP_PROGRESS_BAR": "raw"}), ("23.0.1", {}), ("24.0", {}), ("26.3", {"PIP_PROGRESS_BAR": "raw"})],
)
def test_version_of_pip(says: str, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """An older pip does not get the new option, with which it would end with an error."""
    asked = []

    def run(words: list[str], **_: Any) -> Any:
        asked.append(words)
        return subprocess.CompletedProcess(words, 0, f"pip {says} from /somewhere (python 3.11)\n")

    monkeypatch.setattr(subprocess, "run", run)
    assert variables_for("pip", ["pip3", "install", "x"]) == variables
    assert variables_for("pip", ["python3", "-I", "-m", "pip", "install", "x"]) == variables
    assert asked == [["pip3", "--version"], ["python3", "-I", "-m", "pip", "--version"]]
    assert (
        variables_for("pip", ["sh", "-c", "pip install x"]) == variables_for("git", ["pip"]) == {} and len(asked) == 2
    )


def test_no_pip() -> None:
    """If pip's version cannot be queried, nothing is set."""
    assert shutil.which("pip9.99") is None
    assert variables_for("pip", ["pip9.99", "install", "x"]) == {}
