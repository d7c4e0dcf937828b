"""`make` on any machine: which Python it uses, what it installs, and its message if it cannot continue.

The installer is a recorder: what it would fetch takes a network. `.ci/door` does the whole of it for real.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / ".ci" / "environment"
VERSION = ".".join(map(str, sys.version_info[:3]))

pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="an installed package has no Makefile")


class Clone:
    """A folder with the files that `make` reads, an installer that records its arguments, and only the named
    Pythons."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin = root / "bin"
        self.venv = root / ".venv"
        self.bin.mkdir(parents=True)
        (root / ".ci").mkdir()
        (root / "adapters" / "tqdm").mkdir(parents=True)
        for name in (
            ".ci/environment",
            "Makefile",
            "pyproject.toml",
            "constraints.txt",
            "adapters/tqdm/pyproject.toml",
        ):
            shutil.copy(ROOT / name, root / name)
        self.program(
            "uv",
            f"""case "$*" in
  *--help) echo "--group" ;;
  venv*) for last; do :; done; {sys.executable} -m venv --without-pip "$last"; echo made >>"{root}/calls" ;;
  *) echo "$* cache=${{UV_CACHE_DIR-}}" >>"{root}/calls" ;;
esac""",
        )
        self.python("python3", VERSION)
        for name in ("make", "sh", "dirname", "grep", "mkdir", "rm", "touch"):
            path = shutil.which(name)
            assert path is not None, name
            (self.bin / name).symlink_to(path)

    def program(self, name: str, text: str) -> None:
        (self.bin / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.bin / name).chmod(0o755)

    def python(self, name: str, version: str) -> None:
        """Put a program on the path that claims to be a Python of some version."""
        self.program(name, f"""case "$*" in -c*) echo {version} ;; *) exit 1 ;; esac""")

    def make(self, *arguments: str, **environ: str) -> tuple[int, str]:
        """Return the exit status of `make`, and its standard error."""
        env = {"PATH": str(self.bin), "HOME": str(self.root), "PYENV_ROOT": str(self.root), **environ}
        done = subprocess.run(["make", *arguments], cwd=self.root, env=env, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stderr

    @property
    def calls(self) -> list[str]:
        """The arguments of the installer's calls, in order."""
        path = self.root / "calls"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "a folder")


SETUP = ".venv/.ready"


def test_each_target_installs_what_it_needs(clone: Clone) -> None:
    """`load` brings the core and the loader, `docs` the documentation's tools; a second call installs nothing."""
    environment = clone.root / ".ci" / "environment"
    env = {"PATH": str(clone.bin), "HOME": str(clone.root)}

    def needs(*parts: str) -> None:
        subprocess.run([environment, *parts], env=env, check=True, capture_output=True, timeout=60)

    needs("load")
    made, installed = clone.calls
    assert made == "made" and "adapters/snowflake[embedded]" in installed
    assert not any(word in installed for word in ("--group", "adapters/tqdm", "adapters/dask"))
    assert "-c constraints.txt" in installed and " -q" not in installed
    needs("load")
    assert len(clone.calls) == 2
    needs("core", "docs")
    assert len(clone.calls) == 3 and clone.calls[2].count("--group") == 1 and "--group docs" in clone.calls[2]
    os.utime(clone.root / "constraints.txt", (2e9, 2e9))
    needs("load")
    assert len(clone.calls) == 4


@pytest.mark.slow
def test_old_environment_is_made_anew(clone: Clone) -> None:
    """An environment of another version is made again.

    So is one that was moved, one that is half made and one whose Python has gone; one that fits is kept.
    """
    status, words = clone.make(SETUP)
    assert status == 0 and f"with Python {VERSION}" in words and clone.calls.count("made") == 1
    kept = clone.venv / "kept"
    kept.touch()
    (clone.venv / ".test").unlink()
    assert clone.make(SETUP)[0] == 0 and kept.exists()

    for spoil, why in (
        (lambda: (clone.venv / "lib").rename(clone.venv / "library"), "is not of Python"),
        (lambda: (clone.venv / "bin" / "python").unlink(), "none that runs"),
        (lambda: (clone.venv / "bin" / "activate").write_text("VIRTUAL_ENV=/somewhere/else"), "another folder"),
    ):
        kept.touch()
        spoil()
        status, words = clone.make(SETUP)
        assert status == 0 and why in words and "made anew" in words, words
        assert not kept.exists()

    clone.python("python3.9", "3.9.1")
    shutil.rmtree(clone.venv)
    (clone.venv / "bin").mkdir(parents=True)
    shutil.copy(clone.bin / "python3.9", clone.venv / "bin" / "python")
    status, words = clone.make(SETUP)
    assert status == 0 and "it has 3.9.1" in words


@pytest.mark.parametrize("version", ["3.10.13", "2.7.18", "3.6.15", ""])
def test_old_python_is_reported(clone: Clone, version: str) -> None:
    """The message about a Python that is too old has a command that works.

    One sentence, with what was found and a command that names an interpreter of this machine; nothing is made.
    """
    clone.python("python3", version) if version else (clone.bin / "python3").unlink()
    clone.program("python3.13", "echo 3.13.0")
    status, words = clone.make("load")
    sentence = words.splitlines()[0]
    assert status != 0 and "3.11 or later" in sentence and (version or "does not run") in sentence
    assert sentence.endswith(f"make load PYTHON='{clone.bin}/python3.13'")
    assert not clone.venv.exists() and clone.calls == []


def test_no_python_is_reported(clone: Clone) -> None:
    """If no Python fits, the message says how to get one."""
    clone.python("python3", "3.10.1")
    """A fitting Python of the system is used, also if it is not on the path."""
    status, words = clone.make("test")
    assert status != 0
    assert "sudo apt install python3" in words or "make test PYTHON='/usr/bin/python3'" in words


def test_python_without_venv_is_reported(clone: Clone) -> None:
    """For a Python without venv, the message names the missing package.

    Debian has what makes environments in a package of its own.
    """
    (clone.bin / "uv").unlink()
    clone.python("python3", "3.12.3")
    status, words = clone.make("test")
    assert status != 0 and "sudo apt install python3.12-venv, then make test" in words


def test_unwritable_home_is_left_alone(clone: Clone) -> None:
    """A home that cannot be written to is left alone.

    What the installer keeps is then kept in .venv.
    """
    assert clone.make(SETUP, HOME="/proc")[0] == 0
    assert clone.calls[-1].endswith(f"cache={clone.venv}/.cache")
