"""`install`, `patch` and PROGRESSKIT_TQDM: what `import tqdm` means."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import progresskit.tqdm

SITE = Path(progresskit.tqdm.__file__).parent / "_site"


def said(code: str, *, folders: tuple[Path, ...] = (), **variables: str) -> str:
    """Return what `code` prints in a Python of its own."""
    paths = os.pathsep.join([*map(str, folders), str(Path(progresskit.__file__).parents[1])])
    environ = {**os.environ, "PYTHONPATH": paths, **variables}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_install() -> None:
    """After `install`, every module of tqdm is progresskit's, and each exists once."""
    code = """
import progresskit.tqdm as ours; ours.install(); ours.install()
import tqdm, tqdm.auto, tqdm.std, tqdm.asyncio, tqdm.notebook, tqdm.contrib.concurrent, tqdm.contrib.logging, tqdm.utils
from tqdm import tqdm as bar, trange
from tqdm._tqdm import tqdm as early
print(bar is ours.tqdm is tqdm.std.tqdm is early, tqdm.__version__ >= "4.66", bar.__module__)
ours.uninstall()
"""
    assert said(code) == "True True progresskit.tqdm.std"


def test_variable(tmp_path: Path) -> None:
    """With the variable, tqdm is progresskit's, the machine's own `sitecustomize` has run, and a program without tqdm
    is not affected."""
    (tmp_path / "sitecustomize.py").write_text("import builtins; builtins.hidden_has_run = True")
    folders = (SITE, tmp_path)
    code = "import sys; print(hidden_has_run, any(name.startswith('progresskit') for name in sys.modules))"
    assert said(code, folders=folders, PROGRESSKIT_TQDM="1") == "True False"
    code = "from tqdm.auto import tqdm; print(tqdm.__mro__[1].__module__)"
    assert said(code, folders=folders, PROGRESSKIT_TQDM="1") == "progresskit.tqdm.std"


def test_command_line() -> None:
    """`python -m tqdm` is progresskit's too."""
    paths = os.pathsep.join([str(SITE), str(Path(progresskit.__file__).parents[1])])
    run = [sys.executable, "-m", "tqdm", "--total", "2", "--desc", "lines"]
    environ = {**os.environ, "PYTHONPATH": paths, "PROGRESSKIT_TQDM": "1"}
    done = subprocess.run(run, input="a\nb\n", capture_output=True, text=True, env=environ, timeout=100)
    assert (done.returncode, done.stdout) == (0, "a\nb\n"), done.stderr
    assert "lines: 100%" in done.stderr


@pytest.mark.parametrize(
    ("renderer", "way", "line"),
    [
        ("plain", "install", r"^Rows: finished, 3 rows in <?[\d.]+ s\n$"),
        ("json", "patch", '"description":"Rows","completed":3,"total":3'),
        ("", "install", r"\rRows: 100%\|██████████\| 3/3 \["),
    ],
    ids=["plain", "json", "none"],
)
def test_one_switch(renderer: str, way: str, line: str) -> None:
    """In CI one variable turns a bar into whole lines or JSON; without it, and on a stream of its own, a bar is tqdm's text."""
    pytest.importorskip("tqdm", reason="tqdm is not installed in this environment")
    code = f"""
import io, sys
import progresskit.tqdm; progresskit.tqdm.{way}()
from tqdm import tqdm
own = io.StringIO()
for _ in tqdm(range(3), "Rows", unit=" row"): pass
for _ in tqdm(range(3), "Own", file=own): pass
sys.exit("Own: 100%|##########| 3/3" not in own.getvalue())
"""
    paths = str(Path(progresskit.__file__).parents[1])
    environ = {
        **os.environ,
        "PYTHONPATH": paths,
        "CI": "1",
        "PROGRESSKIT_RENDERER": renderer,
        "PYTHONIOENCODING": "utf-8",
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environ, timeout=100)
    assert done.returncode == 0 and done.stdout == b""
    assert re.search(line, done.stderr.decode())


def test_patch() -> None:
    """The installed tqdm stays the same class, its subclasses follow, and `unpatch` leaves it as it was."""
    pytest.importorskip("tqdm", reason="tqdm is not installed in this environment")
    code = """
import io, tqdm.std
from tqdm import tqdm
before = dict(vars(tqdm))
class Sub(tqdm): pass
import progresskit.tqdm as ours
ours.patch(); ours.patch()
patched = tqdm is __import__("tqdm").tqdm and Sub.update is not before["update"]
file = io.StringIO(); list(Sub(range(3), file=file))
ours.unpatch()
print(patched, "3/3" in file.getvalue(), {k: v for k, v in vars(tqdm).items() if before.get(k) is not v and k != "monitor"})
"""
    assert said(code) == "True True {}"


def test_nothing_stays_open() -> None:
    """Bars do not enter a tracker for the process's life: a bar's stream does not decide where later trackers draw."""
    code = """
from progresskit.tqdm import tqdm
from progresskit._tracking import joining, tracker
with tqdm(total=3) as bar: bar.update(3)
print(tracker.entered, len(joining.shared_tracker().tasks))
"""
    assert said(code, PROGRESSKIT_RENDERER="none") == "[] 0"


def test_notebook_arguments() -> None:
    """A notebook's bar takes `display` and widths of a page, and a cell that ends with `update` shows no object."""
    code = """
from progresskit.tqdm import tnrange, tqdm_notebook as tqdm
from progresskit.tqdm.auto import tqdm as auto
print(list(tqdm(range(3), display=False, ncols="100%")), list(tnrange(2, ncols=800)), list(auto(range(1), ncols="50%")))
bar = tqdm(total=3)
print(repr(bar.update()), bar.update()._ipython_display_())
"""
    assert said(code, PROGRESSKIT_RENDERER="none") == "[0, 1, 2] [0, 1] [0]\nFalse None"


def test_keras_callback(tmp_path: Path) -> None:
    """The callback shows a batch's metrics, without its number and size, and can be told to display itself."""
    (tmp_path / "keras").mkdir()
    (tmp_path / "keras" / "__init__.py").write_text("")
    (tmp_path / "keras" / "callbacks.py").write_text("class Callback: params = {'epochs': 2, 'steps': 3}")
    code = """
from progresskit.tqdm.keras import TqdmCallback
callback = TqdmCallback(desc="Training", file=__import__("io").StringIO())
callback.display(); callback.on_train_begin(); callback.on_epoch_begin(0)
callback.on_train_batch_end(0, {"batch": 0, "size": 32, "loss": 0.5}); callback.display()
print(callback.batch_bar.postfix, callback.batch_bar.n, callback.batch_bar.total, callback.epoch_bar.total)
callback.on_epoch_end(0, {"loss": 0.5}); callback.on_train_end()
print(callback.epoch_bar.n)
"""
    assert said(code, folders=(tmp_path,)) == "loss=0.5 1 3 2\n1"


@pytest.mark.parametrize("line", ["", "ours.install()"])
def test_chats(line: str) -> None:
    """Modules that only the installed tqdm has are its own, on progresskit's classes, with and without `install`."""
    pytest.importorskip("tqdm", reason="tqdm is not installed in this environment")
    pytest.importorskip("requests")
    package = "tqdm" if line else "progresskit.tqdm"
    code = f"""
import progresskit.tqdm as ours; {line}
from {package}.contrib.telegram import tqdm_telegram, ttgrange
print(issubclass(tqdm_telegram, ours.tqdm), list(ttgrange(2, token="a", chat_id="b", disable=True)))
try: import {package}.contrib.nothing_of_the_kind
except ImportError as error: print(error)
"""
    assert said(code) == f"True [0, 1]\nNo module named '{package}.contrib.nothing_of_the_kind'"
