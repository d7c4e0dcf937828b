"""Frozen programs: PyInstaller's, and programs that lack modules which are loaded by name."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from inpty import ROOT, Program

PROGRAM = """
import sys
from progresskit import ProgressTracker, track

with ProgressTracker(*sys.argv[1:2]) as tracker:
    files = tracker.add_task("Files", total=2)
    tracker.print("printed above")
    with tracker.capture():
        print("words of the job")
    for _ in track(range(20), "Rows"):
        pass
    files.fail("no disk")
print("the end")
"""
LEFT_OUT = [
    "IPython",
    "dask",
    "duckdb",
    "hypothesis",
    "matplotlib",
    "numpy",
    "pandas",
    "pyarrow",
    "pytest",
    "snowflake",
    "tkinter",
]
"""What libraries take where it is there: freezing it would take a minute."""
LACKS = "import sys; sys.modules[{module!r}] = None\n"


@pytest.mark.parametrize("module", ["process_hooks", "capture", "display", "terminal", "ticker"])
def test_a_program_that_lacks_modules_loses_no_words(module: str) -> None:
    """On a terminal each line is there once, failures are told, and the status is the job's own."""
    program = Program(LACKS.format(module=f"progresskit._display.{module}") + PROGRAM)
    assert program.end() == 0, program.everything
    for words in ("printed above", "words of the job", "the end"):
        assert program.everything.count(words) == 1, program.everything
    assert any("Files" in row and "no disk" in row for row in program.everything)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(importlib.util.find_spec("PyInstaller") is None, reason="PyInstaller is not installed here")
def test_a_frozen_program_draws_as_it_does_unfrozen(tmp_path: Path) -> None:
    """With the installed renderers too, which are found by their entry points."""
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "PyInstaller", "-y", "--log-level", "ERROR", "program.py"]
    command += [f"--exclude-module={name}" for name in LEFT_OUT]
    env = {**os.environ, "PYTHONPATH": ROOT, "HOME": str(tmp_path)}
    subprocess.run(command, cwd=tmp_path, env=env, check=True, timeout=280)
    frozen = tmp_path / "dist" / "program" / "program"
    for name in ("ansi", "plain", "json", *(name for name in ("rich", "tqdm", "alive") if is_installed(name))):
        env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "CI")}
        env["TERM"] = "xterm"
        done = subprocess.run(
            ["script", "-qec", f"{frozen} {name}", "/dev/null"],
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout
        assert done.stdout.count("printed above") == 1 and done.stdout.count("words of the job") == 1, (
            name,
            done.stdout,
        )
        assert "the end" in done.stdout and "Warning" not in done.stdout and "no disk" in done.stdout, (
            name,
            done.stdout,
        )
        assert ("\x1b[" in done.stdout) == (name not in ("plain", "json")), (name, done.stdout)


def is_installed(name: str) -> bool:
    return importlib.util.find_spec(f"progresskit_{name}") is not None
