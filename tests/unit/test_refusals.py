"""Arguments that are refused with a message that says what is wrong; and objects that replace a stream or a
terminal."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from bench import Bench

from progresskit import ProgressTracker
from progresskit._cli.main import main
from progresskit._display.terminal import StreamTerminal
from progresskit._model.frames import Frame, decode, encode, sample_view
from progresskit._model.slots import Slots
from progresskit._system.warnings import ProgressWarning, describe, warn_once
from progresskit._text.cells import encodable
from progresskit.renderers._region import Region
from progresskit.renderers.choice import named
from progresskit.testing import EmulatedTerminal, ManualTicker, RecordingRenderer

GOOD = json.loads(encode(Frame(1.0, (sample_view(),))))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tasks": 3}, "are lists"),
        ({"tasks": [3]}, "JSON object, not int"),
        ({"time": "now"}, "'time' is now: it is a number between"),
        ({"more": -1}, "'more' is -1: it is a whole number"),
    ],
)
def test_a_line_that_is_no_frame_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        decode(json.dumps({**GOOD, **change}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"state": "asleep"}, "'state' is 'asleep'"),
        ({"fields": [1]}, "'fields' of a task"),
        ({"color": "beige"}, "'color' is 'beige'"),
        ({"id": True}, "'id' is True"),
        ({"description": 3}, "'description' is 3: it is a string"),
    ],
)
def test_frame_with_a_wrong_field_is_refused(change: dict[str, Any], words: str) -> None:
    """A task of a frame with a wrong field is refused."""
    with pytest.raises(ValueError, match=words):
        decode(json.dumps({**GOOD, "tasks": [{**GOOD["tasks"][0], **change}]}))


@pytest.mark.parametrize("line", ["{", "[" * 100_000, "[]"])
def test_a_line_that_is_no_json_object_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="JSON"):
        decode(line)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda tracker: tracker.add_task("a", totl=3), "did you mean total"),
        (lambda tracker: tracker.add_task("a").update(advance=1), "call advance"),
        (lambda tracker: tracker.add_task("a", delay=-1), "delay is -1"),
        (lambda tracker: tracker.add_task("a", fields=3), "fields is 3"),
        (lambda tracker: ProgressTracker(estimator=3), "estimator is 3"),
        (lambda tracker: tracker.add_task("a", color="beige"), "color is 'beige'"),
        (lambda tracker: tracker.add_task("a", rollup="all"), "rollup is 'all'"),
        (lambda tracker: tracker.add_task("a", position=-1), "position is -1"),
        (lambda tracker: tracker.add_task("a", parent=3), "parent is 3"),
        (lambda tracker: tracker.track([1], parent=Bench().tracker.add_task("b")), "parent is"),
        (lambda tracker: tracker.add_task("a", start=False).resume(), "cannot resume a task that is pending"),
        (lambda tracker: ProgressTracker(interval="soon"), "interval is 'soon'"),
        (lambda tracker: ProgressTracker(budget=2.0), "budget is 2.0"),
        (lambda tracker: ProgressTracker(3), "renderer is 3"),
    ],
)
def test_a_wrong_argument_is_refused_at_the_call(bench: Bench, call: Callable[[Any], Any], words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        call(bench.tracker)


def test_unreadable_error_is_reported_by_its_class() -> None:
    """An error without a readable message is named by its class."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert describe(Mute()) == "Mute"


def test_warning_filter_does_not_reach_the_job() -> None:
    """A filter that turns warnings into errors does not raise in the job."""
    warn_once(
        "said under a filter that makes errors of warnings"
    )  # the tests' own filter does that: nothing is raised here


def test_terminal_is_a_text_file() -> None:
    """A terminal is a text file for libraries that want one."""
    terminal = EmulatedTerminal(columns=20, lines=2)
    file = terminal.file
    assert (file.write("words"), file.writable(), file.isatty(), file.encoding) == (5, True, True, "utf-8")
    file.flush()
    assert terminal.text == []
    with pytest.raises(io.UnsupportedOperation, match="no descriptor"):
        file.fileno()
    terminal.flush()
    assert terminal.text == ["words"]


def test_file_has_the_size_of_a_fallback(tmp_path: Any) -> None:
    """A file has a descriptor of its own and the size of a fallback."""
    with open(tmp_path / "log", "w+", encoding="utf-8") as stream:
        terminal = StreamTerminal(stream, {"FORCE_COLOR": "1"})
        assert terminal.file.fileno() not in (stream.fileno(), None)
        assert (terminal.size(), terminal.colors, terminal.foreground) == ((80, 24), True, True)
        terminal.write("words\n")
        terminal.close()
        stream.seek(0)  # the two share one position
        assert stream.read() == "words\n"


def test_unknown_encoding_is_ascii() -> None:
    """An unknown encoding is treated as ASCII."""

    class Odd(io.StringIO):
        encoding = "klingon"  # type: ignore[assignment]

    stream = Odd()
    terminal = StreamTerminal(stream, {})
    terminal.send("東")
    assert (terminal.encoding, stream.getvalue()) == ("ascii", "\\u6771")
    assert encodable("ö東", "latin-1") == "ö\\u6771"


def test_position_is_given_once() -> None:
    """A position that is requested twice is given once."""
    slots = Slots()
    first, second = type("Leaf", (), {"children": None})(), type("Leaf", (), {"children": None})()
    assert slots.allocate(first, 3) == 3
    assert slots.allocate(second, 3) != 3
    slots.release(first, pinned=True)
    assert slots.allocate(first, 3) == 3


def test_rows_out_of_reach_stay_in_history() -> None:
    """Rows out of reach of a lower screen are left in its history."""
    region = Region()
    region.draw(["a", "b", "c"], size=(80, 24))
    assert "\x1b[1A" in region.draw(["x"], size=(80, 2))


def test_missing_module_and_auto() -> None:
    """A name that is not a module is distinguished from `auto`."""
    assert named("auto", {}).make is None
    with pytest.warns(ProgressWarning, match="cannot be imported"):
        assert named("no_such_module:Renderer", {}).name == "auto"


def test_shared_screen_counts_what_does_not_fit() -> None:
    """Trackers that share a screen count what does not fit."""
    ticker, renderer, terminal = ManualTicker(), RecordingRenderer(), EmulatedTerminal(lines=5)
    trackers = [ProgressTracker(renderer, terminal=terminal, ticker=ticker) for _ in range(2)]
    for tracker in trackers:
        for number in range(5):
            tracker.add_task(f"task {number}")
    ticker.tick()
    frame = renderer.frames[-1]
    assert len(frame.tasks) + frame.more == 10
    assert max(view.position for view in frame.tasks) < 4
    for tracker in trackers:
        tracker.stop()


def test_a_display_whose_last_renderer_fails_is_dark(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("broken")

    for name in ("plain:PlainRenderer", "none:NoneRenderer"):
        monkeypatch.setattr("progresskit.renderers." + name.replace(":", ".") + ".render", fail)
    ticker, terminal = ManualTicker(), EmulatedTerminal()
    with ProgressTracker("plain", terminal=terminal, ticker=ticker) as tracker:
        task = tracker.add_task("alpha", total=1)
        ticker.tick()
        task.advance()
    assert (task.state, terminal.dark) == ("finished", True)


def test_command_is_a_module_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command can be run as a module, and reports an unusable renderer."""
    done = subprocess.run(
        [sys.executable, "-m", "progresskit", "--version"], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout.split()[0]) == (0, "progresskit")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("progresskit._cli.demo.demonstrate", interrupt)
    assert main(["demo"]) == 130


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["bench", "--jsn"], "progresskit bench: error: unrecognized arguments: --jsn; did you mean --json?"),
        (
            ["demo", "--rendrer=x"],
            "progresskit demo: error: unrecognized arguments: --rendrer=x; did you mean --renderer?",
        ),
        (["demo", "extra"], "progresskit demo: error: unrecognized arguments: extra\n"),
    ],
)
def test_misspelt_options(capsys: pytest.CaptureFixture[str], words: list[str], told: str) -> None:
    """The subcommand refuses an option that it has not, and names the one that was meant."""
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert told in capsys.readouterr().err
