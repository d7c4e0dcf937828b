"""Claims about the environment: the effect of each variable, and that a bad value warns once and does no harm."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from progresskit import ProgressTracker, ProgressWarning, RendererUnavailable
from progresskit._display.display_set import display_of
from progresskit._display.terminal import StreamTerminal
from progresskit._system import warnings as report
from progresskit._system.environment import is_disabled, is_on, number
from progresskit.renderers.choice import automatic, named
from progresskit.renderers.destinations import default_stream
from progresskit.renderers.registry import find
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker, RecordingRenderer


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(report, "_said", set())
    yield


@pytest.mark.parametrize("value", ["0", "false", "No", "off", "", "  ", "F"])
def test_what_people_mean_by_no_is_off(value: str) -> None:
    assert not is_on({"CI": value}, "CI")
    assert not is_disabled({"PROGRESSKIT_DISABLE": value})


@pytest.mark.parametrize("value", ["1", "true", "YES", "on", "t"])
def test_what_people_mean_by_yes_is_on(value: str) -> None:
    assert is_on({"CI": value}, "CI")
    assert is_disabled({"PROGRESSKIT_DISABLE": value})


def test_odd_word_warns_once() -> None:
    """A word that is neither is ignored with one warning."""
    with pytest.warns(ProgressWarning, match="'maybe', and is ignored") as caught:
        assert [is_disabled({"PROGRESSKIT_DISABLE": "maybe"}) for _ in range(3)] == [False] * 3
    assert len(caught) == 1


@pytest.mark.parametrize("value", ["abc", "-1", "0", "nan", "inf", "1e9"])
def test_a_bad_number_warns_and_the_default_holds(value: str) -> None:
    with pytest.warns(ProgressWarning, match="above 0 and at most 3600"):
        assert number({"PROGRESSKIT_INTERVAL": value}, "PROGRESSKIT_INTERVAL", 0.1, 3600.0) == 0.1


def test_argument_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument goes before the environment, which goes before the default."""

    def settled(**arguments: float) -> tuple[float, float]:
        tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker(), **arguments)
        display = display_of(tracker._core, EmulatedTerminal(), ManualClock(), ManualClock())
        return display.pace.interval, display.pace.budget

    assert settled() == (0.1, 0.01)
    monkeypatch.setenv("PROGRESSKIT_INTERVAL", "0.5")
    monkeypatch.setenv("PROGRESSKIT_BUDGET", "0.05")
    assert settled() == (0.5, 0.05)
    assert settled(interval=2.0, budget=0.5) == (2.0, 0.5)


@pytest.mark.parametrize("bad", [{"interval": 0}, {"interval": -1.0}, {"budget": 2.0}, {"budget": float("nan")}])
def test_a_bad_number_in_code_is_refused_in_a_sentence(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="give a number above 0 and at most"):
        ProgressTracker("none", **bad)  # type: ignore[arg-type]  # of each name one


def test_the_streams_name_leads_to_the_stream(tmp_path: Path) -> None:
    assert default_stream({}) is sys.stderr
    assert default_stream({"PROGRESSKIT_STREAM": "stderr"}) is sys.stderr
    assert default_stream({"PROGRESSKIT_STREAM": "stdout"}) is sys.stdout
    with default_stream({"PROGRESSKIT_STREAM": str(tmp_path / "log")}) as stream:
        stream.write("x")
    with default_stream({"PROGRESSKIT_STREAM": str(tmp_path / "log")}) as stream:
        stream.write("y")
    assert (tmp_path / "log").read_text() == "xy"
    with pytest.warns(ProgressWarning, match="cannot be opened"):
        assert default_stream({"PROGRESSKIT_STREAM": str(tmp_path / "no" / "log")}) is sys.stderr


@pytest.mark.parametrize(
    ("is_tty", "environ", "name"),
    [
        (True, {"TERM": "xterm"}, "ansi"),
        (True, {"TERM": "dumb"}, "plain"),
        (True, {"TERM": "xterm", "CI": "true"}, "plain"),
        (True, {"TERM": "xterm", "CI": "0"}, "ansi"),
        (False, {"TERM": "xterm"}, "plain"),
    ],
)
def test_auto_is_ansi_or_plain(is_tty: bool, environ: dict[str, str], name: str) -> None:
    """Auto is ansi on a terminal and plain elsewhere."""
    assert automatic(EmulatedTerminal(is_tty=is_tty), environ).name == name


@pytest.mark.parametrize(
    ("environ", "colors"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
        ({"FORCE_COLOR": "0"}, False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colours_follow_the_ecosystems_words(environ: dict[str, str], colors: bool) -> None:
    class Terminal:
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    assert StreamTerminal(Terminal(), environ).colors is colors


def test_columns_and_lines_are_obeyed() -> None:
    """Columns and lines are obeyed where they are numbers."""
    assert StreamTerminal(None, {"COLUMNS": "100", "LINES": "50"}).size() == (100, 50)
    assert StreamTerminal(None, {"COLUMNS": "wide", "LINES": ""}).size() == (80, 24)


def test_a_renderer_is_found_by_module_and_attribute() -> None:
    choice = named("progresskit.testing:RecordingRenderer")
    assert choice.make is not None
    assert isinstance(choice.make(), RecordingRenderer)
    by_environment = named(None, {"PROGRESSKIT_RENDERER": "progresskit.testing:RecordingRenderer"})
    assert by_environment.make is RecordingRenderer


def test_missing_renderer_warns() -> None:
    """A missing module or attribute causes a warning, and a suitable renderer is used."""
    for name in ("no_such_module:Renderer", "progresskit.testing:NoSuchRenderer"):
        with pytest.raises(RendererUnavailable, match="cannot be imported"):
            find(name)
        with pytest.warns(ProgressWarning, match="cannot be used"):
            assert named(None, {"PROGRESSKIT_RENDERER": name}).name == "auto"


def test_check_tells_why() -> None:
    """A renderer says by its check why it is not usable here."""
    with pytest.warns(ProgressWarning, match="only on Sundays"):
        assert named(f"{__name__}:Choosy").name == "auto"


class Choosy(RecordingRenderer):
    @classmethod
    def check(cls) -> None:
        raise RendererUnavailable("only on Sundays")


def test_disable_beats_a_renderer_that_was_given() -> None:
    assert named(RecordingRenderer(), {"PROGRESSKIT_DISABLE": "yes"}).name == "none"


def test_what_is_no_renderer_is_refused() -> None:
    with pytest.raises(TypeError, match="give a name, a renderer"):
        ProgressTracker(42)  # type: ignore[arg-type]  # what the test is about
