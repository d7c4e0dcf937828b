"""JupyterLab in a real browser: each cell has its own rows, the page does not jump, and a reload shows the last picture.

PICTURES=FOLDER keeps three screenshots there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")

CELLS = (
    "import threading, time\nfrom progresskit import ProgressTracker, track",
    "for row in track(range(20), 'Rows', unit='row'):\n    time.sleep(0.05)",
    "for epoch in track(range(3), 'Epochs'):\n    for batch in track(range(10), f'batches {epoch}'):\n        time.sleep(0.03)",
    "for step in track(range(20), 'Steps'):\n    time.sleep(0.02)\n    if step % 5 == 0:\n        print('line', step)",
    "def work(n):\n    for x in track(range(10), f'thread {n}'):\n        time.sleep(0.1)\n"
    "threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]\n"
    "for thread in threads:\n    thread.start()\nfor thread in threads:\n    thread.join()",
    "try:\n    for x in track(range(20), 'Check'):\n        assert x < 5, 'row 5 has no date'\nexcept AssertionError:\n    pass",
    "with ProgressTracker() as tracker:\n    with tracker.add_task('Upload', total=46_000_000, unit='B') as upload:\n"
    "        for x in range(23):\n            upload.advance(2_000_000)\n            time.sleep(0.02)",
    "for x in track(range(1_000_000), 'Endless', unit='row'):\n    time.sleep(0.01)",
)
NAMES = (
    ["Rows"],
    ["Epochs", "batches"],
    ["Steps"],
    ["thread 0", "thread 1", "thread 2"],
    ["Check"],
    ["Upload"],
    ["Endless"],
)
WIDGET = (
    "import ipywidgets, time\nfrom progresskit import track\nout = ipywidgets.Output(layout={'border': '1px solid gray'})\nout",
    "with out:\n    for row in track(range(20), 'Captured', unit='row'):\n        time.sleep(0.05)\n"
    "        row % 10 or print('row', row)",
    "for row in track(range(5), 'After'):\n    pass",
)
WATCH = """() => {
  const heights = new Map();
  window.drops = [];
  setInterval(() => document.querySelectorAll('.jp-OutputArea').forEach(area => {
    const height = area.offsetHeight, [before, words] = heights.get(area) || [0, ""];
    if (height < before) window.drops.push([before, words, height, area.innerText]);
    heights.set(area, [height, area.innerText]);
  }), 20);
}"""
DROPS = "() => window.drops"
OUTPUTS = (
    "() => [...document.querySelectorAll('.jp-CodeCell')].map(cell => cell.querySelector('.jp-OutputArea').innerText)"
)
LAST_RUNS = "words => [...document.querySelectorAll('.jp-CodeCell')].at(-1).querySelector('.jp-OutputArea').innerText.includes(words)"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A page with the notebook of `CELLS`, in a server of its own, which has the one of `WIDGET` as well."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    folder = tmp_path_factory.mktemp("lab")
    for name, codes in (("notebook", CELLS), ("widget", WIDGET)):
        cells = [
            {"cell_type": "code", "id": f"c{n}", "metadata": {}, "execution_count": None, "outputs": [], "source": code}
            for n, code in enumerate(codes)
        ]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        document = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
        (folder / f"{name}.ipynb").write_text(json.dumps(document))
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PROGRESSKIT_")}
    environ |= {"JUPYTER_CONFIG_DIR": str(folder / "config"), "JUPYTER_RUNTIME_DIR": str(folder / "runtime")}
    options = ["--ServerApp.token=", "--ServerApp.password=", "--allow-root", f"--ServerApp.root_dir={folder}"]
    options += ["--LabApp.news_url=None", "--ServerApp.port_retries=50"]
    with open(folder / "log", "w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", *options], env=environ, stdout=log, stderr=log
        )
    try:
        address = _address(folder / "runtime", server)
        with playwright.sync_playwright() as browsers:
            browser = browsers.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1000, "height": 1220})
            page.set_default_timeout(120_000)
            _open(page, f"{address}lab/tree/notebook.ipynb")
            try:  # it asks for permission to fetch news
                page.get_by_role("button", name="No", exact=True).click(timeout=10_000)
            except playwright.TimeoutError:
                pass
            yield page
            browser.close()
    finally:
        server.terminate()
        server.wait(30)


def _address(runtime: Path, server: subprocess.Popen[bytes]) -> str:
    """Return the server's address, as it writes it down itself."""
    until = time.monotonic() + 120
    while time.monotonic() < until and server.poll() is None:
        for path in runtime.glob("jpserver-*.json"):
            try:
                address: str = json.loads(path.read_text())["url"].replace("localhost", "127.0.0.1")
                urllib.request.urlopen(f"{address}api", timeout=5).close()
                return address
            except (OSError, ValueError):
                pass
        time.sleep(0.1)
    raise AssertionError("the server has not started")


def _open(page: Any, url: str) -> None:
    page.goto(url)
    page.wait_for_selector(".jp-CodeCell")
    page.wait_for_function("() => document.body.textContent.includes('| Idle')")


def _run_all(page: Any, last: str = "Endless") -> None:
    """Run all cells until the last one shows `last`; the kernel may not be connected yet though the page says so."""
    for _ in range(20):
        page.locator(".lm-MenuBar-item", has_text="Run").click()
        page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()
        try:
            page.wait_for_function(LAST_RUNS, arg=last, timeout=20_000)
            return
        except playwright.TimeoutError:
            continue
    raise AssertionError(page.evaluate(OUTPUTS))


def _keep_picture(page: Any, name: str) -> None:
    folder = os.environ.get("PICTURES")
    if folder:
        page.locator(".jp-Notebook").screenshot(path=f"{folder}/{name}.png")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_lab(page: Any) -> None:
    """Seven cells have their own rows and never become lower; an interrupt cancels; a reload has no error, and says when."""
    page.evaluate(WATCH)
    _run_all(page)
    page.wait_for_timeout(1_000)
    assert page.evaluate(DROPS) == []
    outputs = page.evaluate(OUTPUTS)[1:]
    for output, names in zip(outputs, NAMES, strict=True):
        others = [name for group in NAMES if group is not names for name in group]
        assert all(name in output for name in names), (names, output)
        assert not any(name in output for name in others), (names, output)
    assert page.get_by_text("as of").count() == 1 and page.get_by_text("as of").is_hidden()
    _keep_picture(page, "notebook-light")
    page.keyboard.press("Control+s")
    page.wait_for_timeout(1_500)
    page.reload()
    page.wait_for_selector(".jp-CodeCell")
    page.get_by_text("as of").wait_for(state="visible")
    after = page.evaluate(OUTPUTS)[1:]
    assert all(name in output for output, names in zip(after, NAMES, strict=True) for name in names)
    assert "Error displaying" not in " ".join(after) and "model not found" not in " ".join(after)
    page.locator(".lm-MenuBar-item", has_text="Kernel").click()
    page.locator('.lm-Menu-item[data-command="kernelmenu:interrupt"]').click()
    page.wait_for_function("() => document.body.textContent.includes('| Idle')")
    page.evaluate(WATCH)
    _run_all(page)
    page.locator(".lm-MenuBar-item", has_text="Kernel").click()
    page.locator('.lm-Menu-item[data-command="kernelmenu:interrupt"]').click()
    page.wait_for_function("() => document.body.textContent.includes('KeyboardInterrupt')")
    again = page.evaluate(OUTPUTS)[1:]
    assert "cancelled" in again[-1] and "■ Endless" in again[-1]
    assert all(output.count(names[0]) == 1 for output, names in zip(again[:-1], NAMES[:-1], strict=True)), again
    page.locator(".lm-MenuBar-item", has_text="Settings").click()
    page.locator(".lm-Menu-item", has_text="Theme").first.hover()
    page.locator(".lm-Menu-item", has_text="JupyterLab Dark").first.click()
    page.wait_for_timeout(500)
    _keep_picture(page, "notebook-dark")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_output_widget(page: Any) -> None:
    """A task within an `Output` of ipywidgets has its row in the widget, in the cell that shows it, and in no other cell."""
    pytest.importorskip("ipywidgets", reason="ipywidgets is not installed")
    _open(page, page.url.replace("notebook.ipynb", "widget.ipynb?reset"))
    page.evaluate(WATCH)
    _run_all(page, "After")
    widget, capturing, after = page.evaluate(OUTPUTS)
    assert "✓ Captured" in widget and "20/20 rows" in widget and widget.count("Captured") == 1
    assert "row 0" in widget and "row 10" in widget
    assert capturing == "" and "5/5" in after and "Captured" not in after
    assert page.evaluate(DROPS) == []
    page.set_viewport_size({"width": 1000, "height": 500})
    _keep_picture(page, "notebook-output")
