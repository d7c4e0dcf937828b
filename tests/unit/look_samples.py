"""The tasks of the mock-ups in `test_look.py`."""

from __future__ import annotations

from progresskit._model.frames import TaskView, sample_view


def tasks(*views: TaskView) -> tuple[TaskView, ...]:
    """Return `views`, numbered in order."""
    return tuple(view._replace(id=at, position=at) for at, view in enumerate(views))


LOOP = tasks(
    sample_view(description="Checking rows", completed=4512, total=10_000, unit="row", elapsed=5.5, rate=812.4, eta=6.7)
)
NESTED = tasks(
    sample_view(description="Epochs", completed=2, total=10, unit="epoch", elapsed=14.2, rate=1 / 7.15, eta=57.2,
         fields={"loss": 0.41, "acc": 0.87, "lr": "1e-3"}),
    sample_view(depth=1, description="Batches", completed=312, total=469, unit="batch", elapsed=4.7, rate=66.2, eta=2.4),
)  # fmt: skip
POOL = tasks(
    sample_view(description="Resizing images", completed=1032, total=2400, unit="file", elapsed=11.0, rate=96.2, eta=14.2),
    sample_view(depth=1, description="IMG_2041.heic", completed=3_100_000, total=4_100_000, unit="B", elapsed=0.5, rate=6.2e6, eta=0.2),
    sample_view(depth=1, description="IMG_2042.heic", completed=810_000, total=3_900_000, unit="B", elapsed=0.2, rate=5.9e6, eta=0.5),
    sample_view(depth=1, description="IMG_2043.heic", completed=2_400_000, total=2_900_000, unit="B", elapsed=0.4, rate=6.1e6, eta=0.1),
    sample_view(depth=1, description="IMG_2044.heic", completed=90_000, total=4_400_000, unit="B", elapsed=0.1),
)  # fmt: skip
LOADER = tasks(
    sample_view(description="Files", completed=1, total=12, unit="file", elapsed=1.0, rate=1.2, eta=9.2),
    sample_view(description="QC rows", completed=458_399, unit="row", elapsed=2.5, rate=554_800.0,
                fields={"flights-2013-02-d.csv": True}),
    sample_view(description="Compression", completed=1_040_000, total=2_280_000, unit="B", elapsed=1.2, rate=8.39e6, eta=1.1,
         fields={"flights-2013-02-b.csv": True}),
    sample_view(description="Upload", completed=193_000, total=606_000, unit="B", elapsed=1.2, rate=1.43e6, eta=1.1,
         fields={"retry": 1, "flights-2013-02-a.csv": True}),
    sample_view(description="COPY", completed=27_004, total=88_000, unit="row", elapsed=1.4, rate=20_100.0, eta=3.1, estimated=True,
         fields={"finalising": True}),
)  # fmt: skip
GROUP = tasks(
    sample_view(description="Files", completed=1, total=3, unit="file", elapsed=6.0, rate=1 / 4.25, eta=8.4),
    sample_view(depth=1, description="orders-2024-11.parquet", completed=351_000_000, total=812_000_000, unit="B", elapsed=2.4,
         rate=143e6, eta=3.2),
    sample_view(depth=1, description="customers-2024-11-final-copy-reviewed.parquet", completed=18_100_000, total=61_000_000, unit="B",
         elapsed=2.4, rate=12.1e6, eta=4.0),
    sample_view(depth=1, description="index.json", completed=183_000, unit="B", elapsed=2.4, rate=75_000.0),
    sample_view(description="Training", completed=1_236_000, total=1_600_000, unit="tok", elapsed=35.0, rate=35_400.0, eta=10.3,
         fields={"loss": 0.026}),
    sample_view(description="Mirror", completed=11_800_000, total=23_000_000, unit="B", elapsed=21.0, idle=12.3),
    sample_view(description="Paused copy", state="paused", completed=4, total=10, unit="table", elapsed=3.2),
    sample_view(description="Vacuum", state="pending", total=10, unit="table"),
)  # fmt: skip
SPINNERS = tasks(
    sample_view(description="Downloading", completed=183_000_000, unit="B", elapsed=24.2, rate=7.5e6),
    sample_view(description="Waiting for the warehouse to resume", elapsed=4.4),
)
LONG_REASON = (
    "line 121 has 4 columns where 5 were expected: 'a;b;c;d'; the file was written by an older export that left the last "
    "column out"
)
KEPT = tasks(
    sample_view(state="finished", description="customers.csv", completed=45_000, total=45_000, unit="row", elapsed=0.51, rate=89_042.5),
    sample_view(state="finished", description="Connected to ACME-EU as LOADER", elapsed=1.24),
    sample_view(state="finished", description="Epochs", completed=10, total=10, unit="epoch", elapsed=71.2, rate=10 / 71.2,
         fields={"loss": 0.198}),
    sample_view(state="cancelled", reason="stopped early", description="Searching", completed=1204,
                total=10_000, unit="row", elapsed=0.3),
    sample_view(state="cancelled", description="Backup", completed=3, total=4, unit="table", elapsed=7.04),
    sample_view(state="failed", reason="no such file", description="small.csv", completed=12, total=500, unit="row", elapsed=0.14),
    sample_view(state="failed", reason=LONG_REASON, description="broken.csv", completed=120, total=500, unit="row", elapsed=1.3),
)  # fmt: skip
LOADED = tasks(
    sample_view(state="finished", description="Files", completed=12, total=12, unit="file", elapsed=10.1, rate=1.2),
    sample_view(state="finished", description="QC rows", completed=4_961_220, unit="row", elapsed=8.94, rate=554_820.9),
    sample_view(state="finished", description="Compression", completed=27_300_000, total=27_300_000,
                unit="B", elapsed=9.2, rate=8.39e6),
    sample_view(state="finished", description="Upload", completed=7_270_000, total=7_270_000, unit="B", elapsed=9.6, rate=1.43e6,
         fields={"1 retry": True}),
    sample_view(state="finished", description="COPY", completed=4_961_220, total=4_961_220, unit="row", elapsed=24.7, rate=201_029.0),
)  # fmt: skip
