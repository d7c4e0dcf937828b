"""The mock-ups of the default look, exactly: the rows at 120, 80 and 60 columns, in each style."""

from __future__ import annotations

import pytest
from look_samples import GROUP, KEPT, LOADED, LOADER, LOOP, NESTED, POOL, SPINNERS

from progresskit._model.frames import TaskView
from progresskit._text.styles import STYLES
from progresskit.renderers._bars import Painter
from progresskit.renderers._kept import KeptLines

LIVE = {
    ("LOOP", 120): """\
  Checking rows  ━━━━━━━━━━━━━━━━━━──────────────────────  45%   4,512/10,000 rows     812/s   0:05  eta 0:06
""",
    ("NESTED", 120): """\
  Epochs     ━━━━─────────────────  20%     2/10 epochs    7.1 s/epoch   0:14  eta 0:57    loss 0.41  acc 0.87  lr 1e-3
    Batches  ━━━━━━━━━━━━━╾───────  66%  312/469 batches  66.2/s         0:04  eta 0:02
""",
    ("POOL", 120): """\
  Resizing images  ━━━━━━━━━━━━━━━━━───────────────────────  43%  1,032/2,400 files  96.2/s      0:11  eta 0:14
    IMG_2041.heic  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━──────────  75%    3.10/4.10 MB     6.20 MB/s   0:00  eta 0:00
    IMG_2042.heic  ━━━━━━━━────────────────────────────────  20%    0.81/3.90 MB     5.90 MB/s   0:00  eta 0:00
    IMG_2043.heic  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━───────  82%    2.40/2.90 MB     6.10 MB/s   0:00  eta 0:00
    IMG_2044.heic  ╾───────────────────────────────────────   2%    0.09/4.40 MB                 0:00  eta -:--
""",
    ("LOADER", 120): """\
  Files        ━╾────────────────────   8%            1/12 files   1.2/s     eta 0:09
⠴ QC rows                                          458,399 rows    554 k/s   0:02        flights-2013-02-d.csv
  Compression  ━━━━━━━━━━────────────  45%       1.04/2.28 MB     8.39 MB/s  eta 0:01    flights-2013-02-b.csv
  Upload       ━━━━━━━───────────────  31%         193/606 kB     1.43 MB/s  eta 0:01    retry 1  flights-2013-02-a.csv
  COPY         ━━━━━━╾─────────────── ~30%  ~27,004/88,000 rows   20.1 k/s   eta 0:03    finalising
""",
    ("GROUP", 120): """\
  Files                             ━━━━━───────────  33%        1/3 files    4.2 s/file   0:06  eta 0:08
    orders-2024-11.parquet          ━━━━━━╾─────────  43%    351/812 MB       143 MB/s     0:02  eta 0:03
    customers-2024…eviewed.parquet  ━━━━╾───────────  29%  18.1/61.0 MB      12.1 MB/s     0:02  eta 0:04
⠴   index.json                                                   183 kB      75.0 kB/s     0:02
  Training                          ━━━━━━━━━━━━────  77%  1.23/1.60 M tok   35.4 k/s      0:35  eta 0:10    loss 0.026
  Mirror                            ━━━━━━━━────────  51%  11.8/23.0 MB                    0:21  idle 0:12
‖ Paused copy                       ━━━━━━──────────  40%       4/10 tables                0:03  paused
· Vacuum                            ────────────────            0/10 tables                      waiting
""",
    ("LOOP", 80): """\
  Checking rows  ━━━━━━━─────────  45%   4,512/10,000 rows     812/s  eta 0:06
""",
    ("NESTED", 80): """\
  Epochs     ━━─────────  20%     2/10 epochs   eta 0:57    loss 0.41  acc 0.87
    Batches  ━━━━━━━────  66%  312/469 batches  eta 0:02
""",
    ("POOL", 80): """\
  Resizing images  ━━━━━━────────  43%  1,032/2,400 files  96.2/s     eta 0:14
    IMG_2041.heic  ━━━━━━━━━━╾───  75%    3.10/4.10 MB     6.20 MB/s  eta 0:00
    IMG_2042.heic  ━━╾───────────  20%    0.81/3.90 MB     5.90 MB/s  eta 0:00
    IMG_2043.heic  ━━━━━━━━━━━╾──  82%    2.40/2.90 MB     6.10 MB/s  eta 0:00
    IMG_2044.heic  ──────────────   2%    0.09/4.40 MB                eta -:--
""",
    ("LOADER", 80): """\
  Files        ━────────────   8%            1/12 files  eta 0:09
⠴ QC rows                                 458,399 rows   0:02
  Compression  ━━━━━╾───────  45%       1.04/2.28 MB     eta 0:01
  Upload       ━━━━─────────  31%         193/606 kB     eta 0:01    retry 1
  COPY         ━━━╾───────── ~30%  ~27,004/88,000 rows   eta 0:03    finalising
""",
    ("GROUP", 80): """\
  Files                       ━━━━━──────────  33%        1/3 files   eta 0:08
    orders-2024-11.parquet    ━━━━━━─────────  43%    351/812 MB      eta 0:03
    customers-2…ewed.parquet  ━━━━───────────  29%  18.1/61.0 MB      eta 0:04
⠴   index.json                                            183 kB      0:02
  Training                    ━━━━━━━━━━━╾───  77%  1.23/1.60 M tok   eta 0:10
  Mirror                      ━━━━━━━╾───────  51%  11.8/23.0 MB      idle 0:12
‖ Paused copy                 ━━━━━━─────────  40%       4/10 tables  paused
· Vacuum                      ───────────────            0/10 tables  waiting
""",
    ("LOOP", 60): """\
  Checking rows  ━━━━╾──────  45%   4,512/10,000  eta 0:06
""",
    ("LOADER", 60): """\
  Files        ━━──────────────────────────   8%  eta 0:09
⠴ QC rows      458,399 rows                       0:02
  Compression  ━━━━━━━━━━━━╾───────────────  45%  eta 0:01
  Upload       ━━━━━━━━╾───────────────────  31%  eta 0:01
  COPY         ━━━━━━━━╾─────────────────── ~30%  eta 0:03
""",
    ("SPINNERS", 60): """\
⠼ Downloading       183 MB  7.50 MB/s   0:24
⠼ Waiting for the warehouse to resume   0:04
""",
    ("SPINNERS", 80): """\
⠼ Downloading       183 MB  7.50 MB/s   0:24
⠼ Waiting for the warehouse to resume   0:04
""",
    ("SPINNERS", 120): """\
⠼ Downloading       183 MB  7.50 MB/s   0:24
⠼ Waiting for the warehouse to resume   0:04
""",
}
KEPT_LINES = {
    120: """\
✓ customers.csv                 45,000 rows      0.5 s   89,042 rows/s
✓ Connected to ACME-EU as LOADER                 1.2 s
✓ Epochs                            10 epochs     1:11   7.1 s/epoch   loss 0.198
– Searching                      1,204 rows      0.3 s   stopped early at 12% of 10,000
■ Backup                             3 tables    7.0 s   cancelled at 75% of 4
✗ small.csv                         12 rows      0.1 s   failed at 2%: no such file
✗ broken.csv                       120 rows      1.3 s   failed at 24%:
  line 121 has 4 columns where 5 were expected: 'a;b;c;d'; the file was written by an older export that left the last
  column out
""",
    80: """\
✓ Epochs                            10 epochs     1:11   loss 0.198
– Searching                      1,204 rows      0.3 s   stopped early at 12%
■ Backup                             3 tables    7.0 s   cancelled at 75% of 4
✗ small.csv                         12 rows      0.1 s   failed: no such file
✗ broken.csv                       120 rows      1.3 s   failed at 24%:
  line 121 has 4 columns where 5 were expected: 'a;b;c;d'; the file was written
  by an older export that left the last column out
""",
}
ASCII_KEPT = """\
+ customers.csv                 45,000 rows      0.5 s   89,042 rows/s
- Searching                      1,204 rows      0.3 s   stopped early at 12%
* Backup                             3 tables    7.0 s   cancelled at 75% of 4
x small.csv                         12 rows      0.1 s   failed: no such file
"""
ASCII_GROUP = """\
    orders-2024-11.parquet  ========-----------  43%  351/812 MB      eta 0:03
/   index.json                                            183 kB      0:02
= Paused copy               =======------------  40%     4/10 tables  paused
. Vacuum                    -------------------          0/10 tables  waiting
"""
BOX_GROUP = """\
    orders-2024-11.parquet  ════════───────────  43%  351/812 MB      eta 0:03
║ Paused copy               ═══════────────────  40%     4/10 tables  paused
"""
LOADED_LINES = """\
✓ Files                             12 files    10.1 s   1.2 files/s
✓ QC rows                    4,961,220 rows      8.9 s   554,820 rows/s
✓ Compression                     27.3 MB        9.2 s   8.39 MB/s
✓ Upload                          7.27 MB        9.6 s   1.43 MB/s   1 retry
✓ COPY                       4,961,220 rows     24.7 s   201,029 rows/s
"""
SAMPLES = {
    "LOOP": LOOP,
    "NESTED": NESTED,
    "POOL": POOL,
    "LOADER": LOADER,
    "GROUP": GROUP,
    "SPINNERS": SPINNERS,
}
SPUN = 0.45
"""Seconds at which the spinner is as in the mock-ups, and as in those of texts."""


def drawn(views: tuple[TaskView, ...], columns: int, style: str = "line", time: float = 0.55) -> list[str]:
    return Painter(STYLES[style]).rows(views, columns - 1, time)


@pytest.mark.parametrize(("name", "columns"), LIVE, ids=[f"{name}-{columns}" for name, columns in LIVE])
def test_live_rows(name: str, columns: int) -> None:
    """Rows look as they were designed, cell by cell."""
    time = SPUN if name == "SPINNERS" else 0.55
    assert drawn(SAMPLES[name], columns, time=time) == LIVE[name, columns].splitlines()


@pytest.mark.parametrize("columns", KEPT_LINES)
def test_kept_lines(columns: int) -> None:
    """Lines that stay have columns of their own, and say why a task failed in full."""
    views = KEPT if columns == 120 else KEPT[2:]
    text = "\n".join(KeptLines().lines(views, columns - 1))
    assert text.splitlines() == KEPT_LINES[columns].splitlines()


def test_ascii() -> None:
    """Without Unicode the same rows are drawn with other glyphs."""
    kept = (KEPT[0], *KEPT[3:6])
    assert KeptLines(STYLES["ascii"], encoding="ascii").lines(kept, 79) == ASCII_KEPT.splitlines()
    group = (GROUP[1], GROUP[3], *GROUP[6:])
    assert drawn(group, 80, "ascii", 0.2) == ASCII_GROUP.splitlines()
    assert drawn(group, 80, "box")[::2][:2] == BOX_GROUP.splitlines()


def test_kept_lines_of_the_loader() -> None:
    """Counts are shown in full, and are aligned."""
    assert KeptLines().lines(LOADED, 119) == LOADED_LINES.splitlines()
