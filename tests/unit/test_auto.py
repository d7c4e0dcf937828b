"""Claims about `auto`: the renderer with the highest priority, built-in or installed, draws."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from progresskit._display.terminal import ProtocolTerminal, StreamTerminal
from progresskit._system import warnings as report
from progresskit.renderers import choice
from progresskit.renderers.choice import automatic, named
from progresskit.renderers.destinations import default_stream, prefer_hub
from progresskit.renderers.registry import candidates
from progresskit.testing import EmulatedTerminal

RENDERER = """
from progresskit.renderers import RendererUnavailable, RowRenderer

class Cell(RowRenderer):
    @classmethod
    def check(cls):
        if {missing}:
            raise RendererUnavailable("ipywidgets is not installed")
    @classmethod
    def priority(cls, terminal):
        return {priority}
"""
Install = Callable[..., None]
TERM = {"TERM": "xterm"}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install packages with a renderer that `auto` asks."""
    monkeypatch.setattr(report, "_said", set())
    monkeypatch.syspath_prepend(tmp_path)

    def install(name: str, priority: str, *, missing: bool = False) -> None:
        module = f"renderer_of_test_auto_{name}"
        monkeypatch.delitem(sys.modules, module, raising=False)
        (tmp_path / f"{module}.py").write_text(RENDERER.format(priority=priority, missing=missing))
        metadata = tmp_path / f"{module}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[progresskit.auto]\n{name} = {module}:Cell\n")

    return install


class CellStream(io.StringIO):
    """A stream of a notebook's cell."""


def test_a_notebook_wins(install: Install) -> None:
    """An installed renderer is chosen for the streams that it is made for, and for no other."""
    install("cell", '50.0 if type(terminal.stream).__name__ == "CellStream" else None')
    choice = automatic(StreamTerminal(CellStream(), {}), {})
    assert (choice.name, choice.why, choice.in_place) == ("cell", "its priority here is 50", True)
    assert automatic(StreamTerminal(io.StringIO(), {}), {}).name == "plain"
    assert automatic(EmulatedTerminal(), TERM).name == "ansi"


def test_a_priority_sees_the_place(install: Install) -> None:
    """A priority may depend on the environment, on the terminal's facts, and on whether rows can be drawn over."""
    install("cell", '99 if terminal.environ.get("CELL") and terminal.is_redrawable and terminal.is_tty else -1')
    terminal = EmulatedTerminal()
    names = [
        automatic(terminal, environ).name for environ in ({"CELL": "1", **TERM}, TERM, {"CELL": "1", "CI": "1", **TERM})
    ]
    assert names == ["cell", "ansi", "plain"]
    assert automatic(ProtocolTerminal(terminal), {"CELL": "1", **TERM}).name == "cell"  # a terminal without a stream


def test_the_same_priority(install: Install) -> None:
    """Of renderers with the same priority the built-in one is chosen, then the first by name."""
    install("zebra", "10.0")
    install("antelope", "10.0")
    assert automatic(EmulatedTerminal(), TERM).name == "ansi"
    assert automatic(EmulatedTerminal(is_tty=False), TERM).name == "antelope"


@pytest.mark.parametrize(
    ("priority", "missing"),
    [
        ("1 / 0", False),
        ("'high'", False),
        ("float('nan')", False),
        ("99", True),
        ("__import__('time').sleep(60)", False),
    ],
    ids=["raises", "text", "nan", "unavailable", "hangs"],
)
def test_a_renderer_that_cannot_be_chosen(
    install: Install,
    recwarn: pytest.WarningsRecorder,
    monkeypatch: pytest.MonkeyPatch,
    priority: str,
    missing: bool,
) -> None:
    """A priority that raises or never returns, or an unusable renderer, does not change the choice, and causes a warning."""
    monkeypatch.setattr(choice, "ANSWER_SECONDS", 0.2 if "sleep" in priority else 60.0)
    monkeypatch.setattr(choice, "_silent", set())
    install("cell", priority, missing=missing)
    assert automatic(EmulatedTerminal(), TERM).name == "ansi"
    assert automatic(EmulatedTerminal(), TERM).name == "ansi"  # a renderer that did not answer is not asked again
    assert len(recwarn) == ("nan" not in priority)


def test_no_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no package offers one, the packages' entry points are not parsed: that takes longer than a frame."""
    monkeypatch.delitem(sys.modules, "importlib.metadata", raising=False)
    assert candidates() == {}
    assert "importlib.metadata" not in sys.modules


def test_below_a_hub() -> None:
    """Below a hub `auto` is the hub's client, unless code has sent the display elsewhere."""
    environ = {"PROGRESSKIT_HUB": "00ff@/tmp/hub"}
    assert prefer_hub(named(None, environ), environ=environ).is_remote
    assert prefer_hub(named("ansi", environ), environ=environ).is_remote
    for name in ("plain", "json", "log", "none"):
        assert prefer_hub(named(name, environ), environ=environ).name == name
    assert prefer_hub(named(None, environ), environ=environ, redirected=True).name == "auto"


def test_a_prompts_stream_is_looked_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """What prompt_toolkit puts in place of standard error during a prompt loses later writes: the display is on that behind it."""
    behind = io.StringIO()
    proxy = type("StdoutProxy", (), {"__module__": "prompt_toolkit.patch_stdout", "original_stdout": behind})()
    monkeypatch.setattr(sys, "stderr", proxy)
    assert default_stream({}) is behind
