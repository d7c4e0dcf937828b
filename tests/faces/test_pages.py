"""The live page and the report page in a real browser.

PICTURES=FOLDER keeps screenshots there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from progresskit._cli.event_log import read
from progresskit._cli.event_page import page as report_page
from progresskit._model.events import EventEncoder
from progresskit._model.frames import Frame, sample_view
from progresskit.renderers.notebook import Area

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
HOSTILE = "</script><img src=x onerror=alert(1)>"
JOB = """
import sys, time
from progresskit import ProgressTracker
with ProgressTracker("plain", web=True) as tracker:
    print(tracker.page_url, flush=True)
    bad = tracker.add_task("orders_2024_06.csv", total=80_000_000, unit="B")
    bad.advance(31_000_000)
    bad.fail("No space left on device")
    with tracker.add_task("Check", total=3, unit="file") as check:
        time.sleep(0.3)
        check.advance(3)
    files = tracker.add_task("Files", total=12, unit="file")
    files.advance(5)
    parts = [tracker.add_task(name, total=46_000_000, unit="B", parent=files) for name in ("orders.csv", "lines.csv")]
    for part in parts:
        part.advance(19_000_000)
    tracker.add_task("</script><img src=x onerror=alert(1)>", total=10, fields={"loss": 0.25}).advance(3)
    tracker.add_task("Waiting for the warehouse")
    rows = tracker.add_task("Rows", total=2_000, unit="row")
    for number in range(100_000):
        rows.advance()
        for part in parts:
            part.advance(9_000)  # five minutes: busy machines reach the end of the test before
        if number % 10 == 0:
            tracker.print("row", number, "has no date")
        if not number % 20 and select.select([sys.stdin], [], [], 0)[0]:
            break
        time.sleep(0.1)
""".replace("import sys, time", "import select, sys, time")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def watched(context: Any) -> tuple[Any, list[str]]:
    """Return a new page of `context`, and a list of its errors."""
    page = context.new_page()
    page.set_default_timeout(60_000)
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("dialog", lambda dialog: (troubles.append("a dialog"), dialog.dismiss()))
    return page, troubles


def keep_picture(page: Any, name: str) -> None:
    folder = os.environ.get("PICTURES")
    if folder:
        page.screenshot(path=f"{folder}/{name}.png")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_live(browser: Any, tmp_path: Path) -> None:
    """Failures come first; hostile words are text; keys open a curve; a reload and twelve tabs live; a phone is wide enough; a killed
    job is lost, and its last picture stays."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PROGRESSKIT_")}
    script = tmp_path / "load.py"
    script.write_text(JOB)
    job = subprocess.Popen([sys.executable, str(script)], stdin=-1, stdout=-1, stderr=-1, text=True, env=environ)
    try:
        assert job.stdout is not None
        url = job.stdout.readline().strip()
        context = browser.new_context(viewport={"width": 1000, "height": 800}, color_scheme="light")
        page, troubles = watched(context)
        page.goto(url)
        page.get_by_text(HOSTILE).wait_for()
        assert "token" not in page.url
        page.get_by_text("No space left on device").wait_for()
        page.get_by_text("Check", exact=True).wait_for()
        order = page.evaluate("() => [...document.querySelectorAll('section:not([hidden])')].map(s => s.id)")
        assert order == ["failed", "live", "ended", "prints"]
        assert "1 failed" in page.locator("#state").inner_text()
        assert "has no date" in page.locator("#log").inner_text()
        bar = page.get_by_role("progressbar", name="orders.csv")
        before = float(bar.get_attribute("aria-valuenow"))
        page.get_by_text("Rows", exact=True).click()
        page.locator(".curve svg").wait_for()
        assert re.fullmatch(r"throughput: at most \d+\.\d rows/s", page.locator(".curve p").inner_text())
        page.get_by_text("until about").wait_for()
        page.wait_for_function(
            "count => +document.querySelector('[aria-label=\"orders.csv\"]').getAttribute('aria-valuenow') > count",
            arg=before,
        )
        keep_picture(page, "live-page-light")
        name = page.get_by_role("listitem").get_by_role("button", name="Rows", exact=True)
        for is_expanded in ("false", "true"):
            name.press("Enter")
            assert name.get_attribute("aria-expanded") == is_expanded
        assert page.get_by_role("status").inner_text() == "At work, 1 failed"  # read aloud whenever it changes
        page.reload()
        page.get_by_text(HOSTILE).wait_for()
        pages = [page, *(context.new_page() for _ in range(11))]
        for tab in pages[1:]:
            tab.set_default_timeout(60_000)
            tab.goto(url)
            tab.get_by_text(HOSTILE).wait_for()
        counts = [
            int(tab.get_by_role("progressbar", name="orders.csv").get_attribute("aria-valuenow")) for tab in pages
        ]
        for tab, count in zip(pages, counts, strict=True):
            tab.wait_for_function(
                "count => +document.querySelector('[aria-label=\"orders.csv\"]').getAttribute('aria-valuenow') > count",
                arg=count,
            )
        for tab in pages[1:]:
            tab.close()
        page.set_viewport_size({"width": 360, "height": 740})
        page.emulate_media(color_scheme="dark")
        page.wait_for_timeout(500)
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        keep_picture(page, "live-page-dark-phone")
        assert troubles == []
        job.kill()
        page.locator("#state", has_text="Lost: the job does not answer").wait_for()
        assert "Lost" in page.get_by_role("status").inner_text()
        assert page.get_by_role("progressbar", name="orders.csv").is_visible()
        assert page.title().startswith("✖ lost")
    finally:
        job.kill()
        job.communicate()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_report(browser: Any, tmp_path: Path) -> None:
    """A report of 10,000 tasks from a file, without a network: no error, no request, search, scrolling, dark and print."""
    encoder = EventEncoder(
        {"progresskit": 1, "run": "a1", "argv": ["load.py"], "pid": 7, "host": "db1", "monotonic": 0.0}
    )
    lines: list[str] = []
    for second in range(5):
        sent = sample_view(id=20_000, description="sent", unit="B", completed=14_870_000 * second, age=2.0 + second)
        lines += encoder.lines(Frame(2.0 + second, (sent,)), [])
    for number in range(10_000):
        name = HOSTILE if number == 4_000 else f"part {number}.csv"
        state = "failed" if number % 2_500 == 7 else "finished"
        reason = "checksum" if state == "failed" else None
        view = sample_view(
            id=number + 1, description=name, total=10, completed=10, age=2.0, elapsed=2.0, state=state, reason=reason
        )
        lines += encoder.lines(Frame(7.0 + number / 100, ended=(view,)), [])
    path = tmp_path / "report.html"
    path.write_text(report_page(read(lines)))
    context = browser.new_context(viewport={"width": 1100, "height": 800}, color_scheme="light", offline=True)
    page, troubles = watched(context)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    first = page.locator(".row:not(.head)").first
    first.wait_for()
    assert "failed" in first.inner_text()
    for _ in range(5):
        page.mouse.wheel(0, 20_000)
        page.wait_for_timeout(200)
    assert page.locator(".row").count() > 200
    page.locator("input[type=search]").fill("onerror")
    page.get_by_text(HOSTILE).wait_for()
    page.locator("input[type=search]").fill("part 9999")
    page.get_by_text("part 9999.csv").wait_for()
    page.locator("input[type=search]").fill("sent")
    page.get_by_text("sent", exact=True).click()
    page.get_by_text("throughput: at most 14.8 MB/s").wait_for()
    light = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") != light
    page.emulate_media(media="print")
    assert not page.locator("form").first.is_visible()
    assert json.loads(page.locator("#data").text_content())["runs"][0]["title"].startswith("load.py")
    assert troubles == [] and requests == [path.as_uri()]


@pytest.mark.slow
def test_notebook_area(browser: Any) -> None:
    """The area of a notebook's cell is as high while its tasks run as at their end, however narrow the page is."""
    fields = {"loss": 0.25, "file": "orders_2024_06.csv"}
    running = sample_view(
        id=1, description="Rows of a table", completed=14, total=20, unit="row", eta=0.5, fields=fields
    )
    unknown = sample_view(id=2, description="日本語のファイル", completed=3, elapsed=7200.0)
    published: list[str] = []
    area = Area(lambda picture, _: published.append(picture["text/html"]))
    failed = {"state": "failed", "reason": "row 5 has no date"}
    for views, ended in (
        ([running, unknown], []),
        ([unknown], [running._replace(completed=20, state="finished", eta=None)]),
        ([], [unknown._replace(state="finished", total=3)]),
        ([running._replace(id=3)], []),
        ([], [running._replace(id=3, **failed)]),
    ):
        area.update(views, ended)
        area.show("14:03:22")
    page, troubles = watched(browser.new_context())
    page.set_content("<div id=area></div>")
    for width in (280, 400, 570, 900, 1600):
        page.set_viewport_size({"width": width, "height": 800})
        heights = page.evaluate(
            "(all) => all.map(html => { area.innerHTML = html; return area.firstChild.offsetHeight; })", published
        )
        assert len(heights) == 5 and heights == sorted(heights) and heights[0] < 50, (width, heights)
    assert troubles == []


@pytest.mark.slow
def test_long_name(browser: Any) -> None:
    """A long name is cut off, so that all bars are seen, and is shown whole when it is pointed at; a long reason is read whole."""
    name = "the orders of the year 2024 and what became of them " * 3
    reason = "row 5 has no date, and none of the rows after it has one " * 3
    picture: list[str] = []
    area = Area(lambda bundle, _: picture.append(bundle["text/html"]))
    area.update([sample_view(id=1, description=name, total=9, fields={"loss": 0.25})], [])
    area.update([], [sample_view(id=2, description="Short", total=9, state="failed", reason=reason)])
    area.show("14:03:22")
    page, _troubles = watched(browser.new_context(viewport={"width": 750, "height": 800}))
    page.set_content(picture[0])
    bars = page.get_by_role("progressbar")
    assert bars.count() == 2
    for box in (bars.nth(0).bounding_box(), bars.nth(1).bounding_box(), page.get_by_text("row 5").bounding_box()):
        assert box["width"] > 0 and box["x"] + box["width"] <= 750, box
    assert page.get_by_title(name).count() == 1
