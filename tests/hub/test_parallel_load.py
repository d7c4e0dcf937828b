"""Claims about examples/parallel_load.sh: three real loads on one real terminal, every mode."""

from __future__ import annotations

import re
import signal
import time
from collections import Counter

import pytest
from screens import ROOT, Screen, children, ended

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")
pytest.importorskip("uvicorn", reason="the embedded server is not installed in this environment")

SCRIPT = str(ROOT / "examples" / "parallel_load.sh")
BAR = re.compile(  # an Upload waits until the first byte has gone
    r"[ ✓·⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] (Files|QC rows|Compression|Upload|COPY|Validation|Analysis) .*\d.*([\d-]:[\d-]{2}|waiting)|✓ "
)
CROWD = re.compile(
    r"[ ✓⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] \d+ tasks, "
)  # the row and the line of tasks that are too short for lines of their own
LIVE = re.compile(r"[ ·⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] (Files|QC rows|Compression|Upload|COPY|Validation|Analysis)\b")
HUB = ("progresskit", "run", "--", "bash", SCRIPT)
# Each job is several times the sample, where it would be over before the slowest of the three has begun.
MODES = [([], 5), (["--analyze-only", "-t", "4"], 1)]


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "bars"), MODES, ids=["normal", "analyze-only"])
def test_three_jobs_share_the_screen(mode: list[str], bars: int) -> None:
    """Three jobs have their rows, and nothing else is on the screen."""
    most: Counter[str] = Counter()
    at_once = 0
    # Ten frames a second also beside other work: a COPY is over in less than half a one.
    with Screen(*HUB, "--quiet", *mode, PROGRESSKIT_BUDGET="1") as shown:
        for rows in shown.moments():
            rows = [row for row in rows if not CROWD.match(row)]
            for row in rows:
                assert BAR.match(row), f"not a bar, or not a whole one: {rows}"
            live = Counter(found[1] for row in rows if (found := LIVE.match(row)))
            most |= live
            at_once = max(at_once, live.total())
            assert len(rows) <= 3 * bars
        assert shown.status == 0
        shown.check_prompt()
        kept = {1: "Validation" if "--validate-only" in mode else "Analysis"}.get(bars, "Files")
        left = [row for row in shown.rows if not CROWD.match(row)]
        assert len(left) == 3
        assert all(row.startswith(f"✓ {kept}") for row in left)
    names, lasting = {kept}, {kept}
    if bars > 1:  # the check and the compression of the sample may be over between two frames
        names, lasting = {"Files", "QC rows", "Compression", "Upload", "COPY"}, {"Files", "Upload", "COPY"}
    assert lasting <= set(most) <= names
    assert most[kept] == 3  # all three jobs at once
    assert max(most.values()) == 3
    assert 3 <= at_once <= 3 * bars


@pytest.mark.slow
def test_without_a_hub_each_job_keeps_to_its_own_rows() -> None:
    places = {"Files": 0, "QC rows": 1, "Compression": 2, "Upload": 3, "COPY": 4}
    seen = set()
    with Screen("bash", SCRIPT, "--no-hub", lines=80) as shown:
        for rows in shown.moments():
            if any(" rows of 3 files" in row for row in rows):
                continue  # what the jobs had to say, at the end
            base = shown.screen.cursor.y
            for y, row in enumerate(shown.screen.display):
                if found := LIVE.match(row):
                    job, place = divmod(y - base, len(places))
                    assert job in (0, 1, 2), shown.rows
                    assert place == places[found[1]], shown.rows
                    assert BAR.match(row)
                    seen.add((job, found[1]))
        assert shown.status == 0
        shown.check_prompt()
        ended = [row for row in shown.rows if row.startswith("✓")]
        assert len(ended) == 3, shown.rows
        assert shown.rows[:3] == ended  # above what the jobs had to say
        assert sum("80,789 rows of 3 files" in row for row in shown.rows) == 3
    assert {job for job, _ in seen} == {0, 1, 2}


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "bar"), [("--analyze-only", "Analysis"), ("--validate-only", "Validation")])
def test_ctrl_c_ends_all_jobs_cleanly(mode: str, bar: str) -> None:
    """Ctrl-C ends all jobs and leaves a clean prompt."""
    silent = ("bash", "-c", 'stty -echoctl; exec "$@"', "sh")  # the terminal's own ^C would stand below the bars
    with Screen(*silent, *HUB, "--quiet", mode, "-t", "100") as shown:
        shown.until(bar)
        below = children(shown.pid)
        shown.type(b"\x03")
        shown.end()
        assert shown.status in (130, -signal.SIGINT)
        shown.check_prompt()
        end = time.monotonic() + 60  # a busy machine
        while not all(ended(pid) for pid in below):
            assert time.monotonic() < end
            time.sleep(0.05)
