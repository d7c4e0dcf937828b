"""A notebook's cells in a real kernel: rows and lines land in the cell that they belong to, and stay when it is saved."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("ipykernel", reason="a notebook's kernel is not installed")
pytest.importorskip("nbclient", reason="nbclient is not installed")

import nbformat
from kernels import Notebook, notebook
from nbclient import NotebookClient

DONE = re.compile(r"\b(\d+)/\1\b")


@pytest.fixture(scope="module")
def nb() -> Iterator[Notebook]:
    with notebook() as started:
        yield started


def test_each_cell(nb: Notebook) -> None:
    """Each cell has one area with its own rows; loops and threads share it, and a finished inner loop leaves one row."""
    short = nb.run("for x in track(range(3), 'Short'): pass")
    nested = nb.run("for x in track(range(3), 'Outer'):\n  for y in track(range(10), f'inner {x}'): y or drawn()")
    threads = nb.run(
        "def work(n):\n  for x in track(range(10), f'thread {n}'): x or drawn()\n"
        "threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]"
    )
    for cell, names in (
        (short, ["Short"]),
        (nested, ["Outer", "inner 2"]),
        (threads, ["thread 0", "thread 1", "thread 2"]),
    ):
        assert len(cell.pictures) == 1 and len(cell.rows) == len(names), cell.outputs
        for name in names:
            assert any(f"✓ {name} " in row and DONE.search(row) for row in cell.rows), (name, cell.rows)
        assert cell.pictures[0]["text/html"].count(">100%<") == len(names)
    assert not nb.lost


def test_words(nb: Notebook) -> None:
    """Printed lines are in the cell that prints them, on standard output, beside the rows."""
    first = nb.run("t = ProgressTracker(); task = t.add_task('Two', total=3); t.print('kept line'); print('plain')")
    assert "kept line\n" in first.text and "plain\n" in first.text
    assert all(kind != "stderr" for kind, _ in first.outputs)
    second = nb.run("t.print('from the second'); task.advance(3); task.finish()")
    assert second.text == "from the second\n" and not second.pictures
    assert "3/3" in first.rows[0], "a task stays in the cell that has added it"


def test_log(nb: Notebook) -> None:
    """Nothing of rows and lines goes round the notebook, to the standard error that the kernel's process has itself."""
    nb.run(
        "t = ProgressTracker(); task = t.add_task('In the cell', total=3); t.print('kept line'); drawn(); task.fail('for this')"
    )
    nb.run("import os, sys; os.write(sys.stderr.fileno(), b'round it')")
    assert nb.log is not None
    nb.log.seek(0)
    written = nb.log.read()
    assert written.endswith("round it") and "In the cell" not in written and "kept line" not in written, written


def test_order(nb: Notebook) -> None:
    """Lines come where they were printed among the job's own, whole, in the cell that prints them; an open tracker of another cell
    takes none of them."""
    code = "for n in range(20): {0}.print('kept', n); print('plain', n)"
    want = "".join(f"kept {n}\nplain {n}\n" for n in range(20))
    assert (
        nb.run("opened = ProgressTracker(); left = opened.add_task('Left', total=3)\n" + code.format("opened")).text
        == want
    )
    assert nb.run(code.format("pk")).text == want
    assert nb.run("for x in track(range(2), 'Loop'):\n  " + code.format("pk")).text == 2 * want
    assert nb.run(code.format("opened") + "\nleft.finish(); print('end')").text == want + "end\n"


def test_ends(nb: Notebook) -> None:
    """An error fails the row, an interrupt cancels it, and each cell shows so before the kernel says that it is done."""
    error = nb.run("for x in track(range(30), 'Error'):\n  if x == 5: raise ValueError('no such row')")
    assert error.rows[0].startswith("✗ Error") and "failed" in error.rows[0]
    cell = nb.send("for x in track(range(100000), 'Interrupt'):\n  time.sleep(0.01)\n  if x == 9: print('ten')")
    nb.listen_until(cell, "ten")
    nb.interrupt()
    nb.listen(cell)
    assert cell.rows[0].startswith("■ Interrupt") and "cancelled" in cell.rows[0]
    assert ("error", "KeyboardInterrupt") in cell.outputs


def test_interrupted_picture(nb: Notebook) -> None:
    """A task whose first picture is interrupted is cancelled, and shown at the end of its cell."""
    before = len(nb.lost)
    cell = nb.run(
        "pub = get_ipython().display_pub\ndef interrupted(*_, **__): del pub.publish; raise KeyboardInterrupt\n"
        "pub.publish = interrupted\nfor x in track(range(3), 'Interrupted'): pass"
    )
    after = nb.run("for x in track(range(3), 'After'): pass")
    assert ("error", "KeyboardInterrupt") in cell.outputs and "■ Interrupted" in cell.rows[0], cell.outputs
    assert "3/3" in after.rows[0] and len(cell.rows) == len(after.rows) == 1 and len(nb.lost) == before


def test_other_cells(nb: Notebook) -> None:
    """A thread's rows stay in the cell that has started it while other cells run; a row that was saved while it ran says when."""
    a = nb.run(
        "begun, go = threading.Event(), threading.Event()\ndef background():\n"
        "  for n in range(3):\n    for x in track(range(3), f'back {n}'): drawn(); begun.set(); go.wait(60)\n"
        "thread = threading.Thread(target=background); thread.start()\n"
        "begun.wait(60)"
    )
    assert "(as of " in a.rows[-1] and a.rows[0].startswith("back 0")
    b = nb.run("for x in track(range(3), 'Between'): pass")
    c = nb.run("go.set(); thread.join()")
    nb.run("1")
    assert [row.split()[0] for row in b.rows] == ["✓"] and not c.pictures
    assert [row.split()[1:3] for row in a.rows] == [["back", "0"], ["back", "1"], ["back", "2"]], a.rows
    assert all("3/3" in row for row in a.rows) and not nb.lost


def test_workers() -> None:
    """Tasks of a pool's workers are in the cell that uses it, in a kernel without an earlier loop; no worker sends
    messages in the kernel's name, and no row that sums up others is left in a later cell."""
    pool = "multiprocessing.get_context('fork').Pool(2) as pool:\n"
    with notebook() as nb:
        cell = nb.run(
            "import multiprocessing\ndef work(name):\n  for x in track(range(4), name): drawn(); time.sleep(0.1)\n"
            f"with {pool}  pool.map(work, ['left', 'right'])"
        )
        assert sorted(row.split()[1] for row in cell.rows) == ["left", "right"], cell.outputs
        assert all("4/4" in row for row in cell.rows)
        brief = nb.run(f"def brief(n): return sum(track(range(3)))\nwith {pool}  print(sum(pool.map(brief, range(6))))")
        after = nb.run("for x in track(range(2), 'After'): pass")
        time.sleep(1.2)  # after a second without a task what sums them up has its end
        nb.run("1")
        assert brief.text.startswith("18\n") and "✓ 6 tasks" in brief.text.replace("\x1b[32m", ""), brief.outputs
        assert [row.split()[1] for row in after.rows] == ["After"] and not after.text


@pytest.mark.slow
def test_dask_graph() -> None:
    """The count of a Dask graph and the loops of its tasks are in the cell that computes, each time again, and in no
    other cell."""
    pytest.importorskip("progresskit_dask", reason="Dask is not installed beside the kernel")
    with notebook() as nb:
        begun = nb.run(
            "import dask, logging\nfrom distributed import Client, LocalCluster\nfrom progresskit_dask import watch\n"
            "def work(n):\n  for _ in track(range(3), f'part {n}'): time.sleep(0.3)\n  return n\n"
            "cluster = LocalCluster(n_workers=1, threads_per_worker=2, "
            "dashboard_address='127.0.0.1:0', silence_logs=logging.CRITICAL)\n"
            "client = Client(cluster)\nlazy = [dask.delayed(work)(n, pure=False) for n in range(2)]"
        )
        cells = [nb.run("with watch(client):\n  print(sum(dask.compute(*lazy)))") for _ in range(2)]
        after = nb.run("for x in track(range(2), 'After'): pass")
        nb.run("client.close(); cluster.close()")
        for cell in cells:
            assert cell.text == "1\n" and len(cell.pictures) == 1, cell.outputs
            assert sorted(row.split()[1] for row in cell.rows) == ["computing", "part", "part"], cell.rows
            assert all("2 tasks" in row if "computing" in row else "3/3" in row for row in cell.rows), cell.rows
            assert "computing" in cell.pictures[0]["text/html"]
        assert [row.split()[1] for row in after.rows] == ["After"] and not begun.pictures and not nb.lost


def test_budget(nb: Notebook) -> None:
    """Four pictures a second at the most, 12 kB each with 50 rows, no row that is not there; nothing when nothing changes."""
    began = time.monotonic()
    cell = nb.run(
        "with ProgressTracker() as many:\n"
        "  tasks = [many.add_task(f'task {n}', total=100) for n in range(50)]; many.refresh(60)\n"
        "  for x in range(100):\n    for task in tasks: task.advance()\n    time.sleep(0.01)"
    )
    seconds = time.monotonic() - began
    assert cell.messages <= 4 * seconds + 4
    assert max(cell.sizes) < 12_000 and len(cell.pictures) == 1
    assert cell.rows[-1] == "... 30 more"
    paused = nb.run(
        "with ProgressTracker() as p:\n  task = p.add_task('Paused', total=3); task.pause(); time.sleep(1.5)"
    )
    assert paused.messages <= 3


def test_one_after_another(nb: Notebook) -> None:
    """Each loop of a cell has its row, however short it is."""
    cell = nb.run("for name in 'abc':\n  for x in track(range(2), name): pass")
    assert [row.split()[:2] for row in cell.rows] == [["✓", "a"], ["✓", "b"], ["✓", "c"]]


@pytest.mark.parametrize("wait", ["True", "False"])
def test_cleared(nb: Notebook, wait: str) -> None:
    """A cell that clears its output, as animated plots do, has its rows again at once, and to its end."""
    before = len(nb.lost)
    cell = nb.run(
        "from IPython.display import clear_output\n"
        f"for x in track(range(5), 'Cleared'):\n  clear_output(wait={wait}); print('step', x); drawn()"
    )
    assert cell.text == "step 4\n" and len(cell.pictures) == 1 and "5/5" in cell.rows[0]
    assert len(nb.lost) == before
    thread = nb.run(
        "t = threading.Thread(target=lambda: [drawn() for x in track(range(3), 'Thread')])\nt.start(); t.join()"
    )
    assert "3/3" in thread.rows[0]
    by_thread = nb.run(
        "for x in track(range(3), 'Cleared by a thread'):\n"
        "  t = threading.Thread(target=clear_output); t.start(); t.join(); drawn()"
    )
    assert "3/3" in by_thread.rows[0] and len(nb.lost) == before


def test_output_widget(nb: Notebook) -> None:
    """Tasks within an `Output` of ipywidgets have moving rows in the widget, to their end, and again after it is cleared; rows
    outside of it are complete."""
    pytest.importorskip("ipywidgets", reason="ipywidgets is not installed")
    cell = nb.run(
        "import ipywidgets\nout = ipywidgets.Output(); steps = iter(track(range(2), 'Outside')); next(steps)\n"
        "with out:\n  for x in track(range(5), 'Captured'): out.clear_output(); print('step', x); drawn()\n"
        "  list(steps); drawn()"
    )
    assert "✓ Outside" in cell.rows[0] and "2/2" in cell.rows[0] and len(cell.rows) == 1
    (captured,) = nb.captured.values()
    assert len(captured.pictures) == 1 and captured.text == "step 4\n"
    html = nb.widgets[captured.pictures[0]["application/vnd.jupyter.widget-view+json"]["model_id"]]["value"]
    assert "✓ Captured" in html and ">100%<" in html and "Outside" not in html
    after = nb.run("for x in track(range(3), 'After'): pass")
    assert "3/3" in after.rows[0] and not nb.lost


def test_command(nb: Notebook) -> None:
    """A program that a cell runs with `!` has a terminal, and writes lines there: a cell shows each row that is drawn over."""
    code = "import time; from progresskit import track\nfor x in track(range(3), 'Program'): time.sleep(0.1)"
    cell = nb.run(f'import sys\ncode = {code!r}\n!{{sys.executable}} -c "{{code}}"')
    assert cell.text.startswith("Program: started, 3") and "Program: finished" in cell.text, cell.outputs
    assert "\x1b" not in cell.text and not cell.pictures


def test_hostile(nb: Notebook) -> None:
    """Any description is shown as text."""
    name = "</div><script>alert(1)</script><img src=x onerror=alert(2)> \"quoted' \\x1b[31m"
    cell = nb.run(f"for x in track(range(3), {name!r}, unit='<b>'): pass")
    html = cell.pictures[0]["text/html"]
    assert "<script" not in html and "<img" not in html and "<b>" not in html and "\x1b" not in html


def test_given(nb: Notebook) -> None:
    """A stream, a renderer or PROGRESSKIT_DISABLE of the user's own goes before the cell."""
    cell = nb.run(
        "import io\nstream = io.StringIO()\nwith ProgressTracker(stream=stream) as t: t.add_task('File', total=1).finish()\n"
        "with ProgressTracker('none') as t: t.add_task('Nothing', total=1).finish()\n"
        "with ProgressTracker('plain') as t:\n  task = t.add_task('Lines', total=1)\n  t.refresh(60)\n  task.finish()"
    )
    assert not cell.pictures and "Lines: started" in cell.text and "File" not in cell.text


def test_many_short(nb: Notebook) -> None:
    """Ten thousand short loops make neither ten thousand pictures nor a memory of tasks that are gone."""
    cell = nb.run("for n in range(10_000):\n  for x in track(range(2), f'loop {n}'): pass")
    assert len(cell.pictures) == 1 and cell.messages < 200 and len(cell.rows) <= 21
    known = nb.run("from progresskit._display.notebook_cells import CELL_AREAS\nprint(len(CELL_AREAS.by_task))")
    assert int(known.text) <= 2_000


def test_saved() -> None:
    """A notebook that nbclient runs is saved with its last loop at 100 %, 20 times of 20."""
    code = "from progresskit import track\nimport time\nfor x in track(range(7), 'Last'): time.sleep(0.01 * (x % 3))"
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for _ in range(20)])
    NotebookClient(document, timeout=60).execute()
    for cell in document.cells:
        assert len(cell.outputs) == 1, cell.outputs
        data = cell.outputs[0]["data"]
        assert data["text/plain"].startswith("✓ Last") and "7/7" in data["text/plain"] and ">100%<" in data["text/html"]
        assert "as of" not in data["text/plain"]
        assert len(str(data).encode()) < 4_000


RUNS = int(os.environ.get("RUNS", "3"))
"""How often a notebook is run and saved: it is saved as soon as the kernel says that it is idle."""


def last_cell() -> nbformat.NotebookNode:
    """Return a notebook whose last cell ends with its loop."""
    code = "from progresskit import track\nimport time\nfor x in track(range(7), 'Last'): time.sleep(0.01 * (x % 3))"
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    document.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
    return document


def check_saved(document: nbformat.NotebookNode) -> None:
    (output,) = document.cells[-1].outputs
    assert output["data"]["text/plain"].startswith("✓ Last") and ">100%<" in output["data"]["text/html"]


@pytest.mark.slow
def test_run(tmp_path: Path) -> None:
    """`jupyter run`, which replaces no output, gets lines that tell the end."""
    command = Path(sys.executable).with_name("jupyter-run")
    if not command.exists():
        pytest.skip("jupyter run is not installed")
    (tmp_path / "job.py").write_text("from progresskit import track\nfor x in track(range(7), 'Last', keep=True): pass")
    done = subprocess.run([command, "job.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert "Last: finished, 7" in done.stdout and "0%" not in done.stdout, done


@pytest.mark.slow
def test_nbconvert() -> None:
    """A notebook that nbconvert runs has its last cell at 100 %, in the page and in the text that it makes of it as well."""
    nbconvert = pytest.importorskip("nbconvert", reason="nbconvert is not installed")
    for _ in range(RUNS):
        document, _resources = nbconvert.preprocessors.ExecutePreprocessor(timeout=60).preprocess(last_cell(), {})
        check_saved(document)
    page, _resources = nbconvert.HTMLExporter().from_notebook_node(document)
    assert 'aria-valuenow="100"' in page and ">100%<" in page
    text, _resources = nbconvert.MarkdownExporter().from_notebook_node(document)
    assert ">100%<" in text


@pytest.mark.slow
def test_papermill(tmp_path: Path) -> None:
    """A notebook that papermill runs is saved with its last cell at 100 %."""
    papermill = pytest.importorskip("papermill", reason="papermill is not installed")
    nbformat.write(last_cell(), tmp_path / "notebook.ipynb")
    for number in range(RUNS):
        path = tmp_path / f"{number}.ipynb"
        papermill.execute_notebook(tmp_path / "notebook.ipynb", path, progress_bar=False, log_output=False)
        check_saved(nbformat.read(path, as_version=4))
