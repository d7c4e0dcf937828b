"""The command as a shell sees it: help, completion, and output that is not read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from progresskit._cli.main import main
from progresskit._cli.options import make_parser

COMMAND = [sys.executable, "-m", "progresskit"]


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Each subcommand's help has an example, and the command's own all exit statuses."""
    parser, commands = make_parser()
    text = parser.format_help()
    assert (
        "examples:" in text
        and "exit status: 0; 1 failed; 2 a mistake" in text
        and "register-python-argcomplete" in text
    )
    for name, command in commands.items():
        assert "examples:\n  " in command.format_help() and f"progresskit {name}" in command.format_help()
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("progresskit 0.")


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_nobody_reads() -> None:
    """If the reader of its output has gone, the command ends without a traceback."""
    reader, writer = os.pipe()
    os.close(reader)
    started = [
        subprocess.Popen([*COMMAND, word], stdout=writer, stderr=subprocess.PIPE, text=True)
        for word in ("renderers", "--help")
    ]
    os.close(writer)
    said = [each.communicate(timeout=60)[1] for each in started]
    assert said == ["", ""]
    assert started[0].returncode == 141


@pytest.mark.skipif(os.name != "posix", reason="argcomplete's protocol needs descriptor 8")
def test_completion(tmp_path: Path) -> None:
    """The shell gets the completions of words; the hub's client is not among the renderers."""
    pytest.importorskip("argcomplete", reason="the extra `completion` is not installed in this environment")
    line = "progresskit demo --renderer "
    environ = {
        **os.environ,
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(tmp_path / "told"),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    subprocess.run(COMMAND, env=environ, timeout=60, check=False, stderr=subprocess.DEVNULL)
    words = (tmp_path / "told").read_text().split("\n")
    assert {"ansi", "plain", "json"} <= {word.strip() for word in words} and "hub" not in words
