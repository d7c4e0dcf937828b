"""Loads into the local server stay on loopback, including the compiled core of connector 5.x."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")
pytest.importorskip("uvicorn", reason="the embedded server is not installed in this environment")

from progresskit_snowflake.embedded import NO_DETECTION

COMMAND = "from progresskit_snowflake.cli import main; raise SystemExit(main())"
ADDRESS = re.compile(r'sin_addr=inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
"""An address, as strace prints it."""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_load_stays_on_loopback(tmp_path: Path) -> None:
    """A load into the local server connects only to loopback, according to the kernel."""
    (tmp_path / "a.csv").write_text("a,b\n1,x\n", "utf-8")
    traced = tmp_path / "connections"
    spy = ["strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmmsg", "-o", str(traced)]
    load = [sys.executable, "-c", COMMAND, "load", str(tmp_path / "a.csv"), "--table", "t", "--embedded"]
    environment = {name: value for name, value in os.environ.items() if name != NO_DETECTION}
    done = subprocess.run([*spy, *load], env=environment, capture_output=True, text=True, timeout=100)
    if "ptrace" in done.stderr:
        pytest.skip("this machine allows no tracing")
    assert done.returncode == 0, done.stderr
    addresses = {four or six for four, six in ADDRESS.findall(traced.read_text("utf-8"))}
    assert addresses
    assert {one for one in addresses if not one.startswith("127.") and one != "::1"} == set()
