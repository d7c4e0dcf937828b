"""JupyterLite in a real browser: CPython in WebAssembly, without a server and without threads.

The site is made from packages of the indexes alone: Pyodide's core from npm, and the wheels that its kernel imports.
PICTURES=FOLDER keeps a screenshot there.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

constants = pytest.importorskip("jupyterlite_pyodide_kernel.constants", reason="JupyterLite is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
ROOT = Path(__file__).parents[2]
KERNEL = "@jupyterlite/pyodide-kernel-extension:kernel"
NEEDED = ("ipython", "micropip", "packaging")
"""What the kernel asks Pyodide for; Pyodide's list says what these need."""
CELLS = (
    "%pip install progresskit",
    "import asyncio, time, warnings\nfrom progresskit import ProgressTracker, track\nwarnings.simplefilter('always')",
    "for row in track(range(60), 'Rows', unit='row'):\n    time.sleep(0.05)\nprint('after')",
    "async def pages():\n    for n in range(20):\n        await asyncio.sleep(0.02)\n        yield n\n"
    "async for page in track(pages(), 'Pages', total=20):\n    pass",
    "with ProgressTracker() as tracker:\n    upload = tracker.add_task('Upload', total=10)\n    upload.advance(3)\n"
    "    upload.fail('no space')\n    with tracker.add_task('Check', total=3, keep=True) as check:\n        check.advance(3)",
    "from progresskit.tqdm import tqdm\nfor n in tqdm(range(30), desc='Old'):\n    time.sleep(0.01)",
    "print('the', 'end')",
)
OUTPUT = "n => document.querySelectorAll('.jp-CodeCell')[n].querySelector('.jp-OutputArea')?.innerText ?? ''"


def run(*command: str, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


def own_pyodide(folder: Path) -> Path:
    """Make a copy of Pyodide that has the wheels of `NEEDED` beside it."""
    run("npm", "install", "--silent", "--no-audit", "--no-fund", f"pyodide@{constants.PYODIDE_VERSION}", cwd=folder)
    pyodide = folder / "node_modules" / "pyodide"
    listed = pyodide / "pyodide-lock.json"
    lock = json.loads(listed.read_text("utf-8"))
    waiting, seen = [*NEEDED], set[str]()
    while waiting:
        name = waiting.pop().replace("_", "-")
        if name not in seen:
            seen.add(name)
            waiting += lock["packages"][name]["depends"]
    pinned = [f"{entry['name']}=={entry['version']}" for name in seen for entry in [lock["packages"][name]]]
    only = ["--no-deps", "--only-binary=:all:", "--python-version", "3.14", "-d", str(pyodide)]
    run(sys.executable, "-m", "pip", "download", "-q", *only, *pinned, cwd=folder)
    for name in seen:
        entry = lock["packages"][name]
        entry["sha256"] = hashlib.sha256((pyodide / entry["file_name"]).read_bytes()).hexdigest()
    listed.write_text(json.dumps(lock))
    return pyodide


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLite with a notebook of `CELLS`."""
    if CHROMIUM is None or shutil.which("npm") is None:
        pytest.skip("Chromium or npm is not installed")
    folder = tmp_path_factory.mktemp("lite")
    wheels, content, made = folder / "wheels", folder / "content", folder / "site"
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(wheels), str(ROOT), "comm", cwd=folder)
    content.mkdir()
    cells = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "execution_count": None, "outputs": [], "source": code}
        for n, code in enumerate(CELLS)
    ]
    kernel = {"kernelspec": {"name": "python", "display_name": "Python (Pyodide)", "language": "python"}}
    notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (content / "notebook.ipynb").write_text(json.dumps(notebook))
    given = [argument for wheel in wheels.iterdir() for argument in ("--piplite-wheels", str(wheel))]
    build = [sys.executable, "-m", "jupyterlite_core", "build", "--contents", str(content), "--output-dir", str(made)]
    run(*build, *given, cwd=folder)
    shutil.copytree(own_pyodide(folder), made / "static" / "pyodide")
    settings = json.loads((made / "jupyter-lite.json").read_text("utf-8"))
    kernel_settings = settings["jupyter-config-data"]["litePluginSettings"].setdefault(KERNEL, {})
    kernel_settings["pyodideUrl"] = "./static/pyodide/pyodide.mjs"
    (made / "jupyter-lite.json").write_text(json.dumps(settings))

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(made)))
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}/lab/index.html?path=notebook.ipynb"
    server.shutdown()
    serving.join()
    server.server_close()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_lite(site: str) -> None:
    """Rows move while a cell runs, stay at their end in their own cell, and no cell warns that there are no threads."""
    with playwright.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": 1000, "height": 1200}).new_page()
        page.set_default_timeout(240_000)
        page.goto(site)
        page.get_by_text("print('the', 'end')").wait_for()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.locator(".lm-Menu-itemLabel", has_text="Run All Cells").first.click()
        seen = set()
        last = len(CELLS) - 1
        while "the end" not in page.evaluate(OUTPUT, last):
            seen.add(page.evaluate(OUTPUT, 2))
            page.wait_for_timeout(50)
        words = [page.evaluate(OUTPUT, number) for number in range(len(CELLS))]
        if folder := os.environ.get("PICTURES"):
            page.screenshot(path=f"{folder}/notebook-lite.png")
        browser.close()
    assert len({text for text in seen if "Rows" in text and "after" not in text}) >= 3
    assert words[1] == ""
    assert [name in text for name, text in zip(("Rows", "Pages", "Upload", "Old"), words[2:], strict=False)] == [
        True
    ] * 4
    assert words[2].index("60/60") < words[2].index("after")
    assert "failed: no space" in words[4] and "Check" in words[4]
    assert not any("Warning" in text or "Error" in text for text in words)
