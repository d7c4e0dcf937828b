"""Run by CI in an environment with only the built core, which must be complete."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import progresskit

installed = {distribution.metadata["Name"].lower() for distribution in distributions()}
assert installed <= {"progresskit", "pip", "setuptools"}, installed
home = Path(progresskit.__file__).parent
assert home.is_relative_to(sys.prefix), f"{home} is not what was installed"
assert (home / "py.typed").is_file()
assert sum(progresskit.track([1, 2, 3], "Adding")) == 6
command = Path(sys.executable).parent / "progresskit"
table = subprocess.run([command, "renderers"], capture_output=True, text=True, check=True, timeout=60).stdout
assert "chosen here: plain" in table, table
assert 'pip install "progresskit[rich]"' in table, table
demo = subprocess.run([command, "demo", "--seconds", "0.5"], capture_output=True, text=True, check=True, timeout=60)
assert "planes.csv: failed" in demo.stderr, demo.stderr
print(f"progresskit {progresskit.__version__} alone is whole")
