"""Rows of one's own: templates with format specs, columns of fields and functions, and bad templates."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

import pytest
from look_samples import GROUP, LOADER, NESTED, SPINNERS

from progresskit import ProgressTracker, TaskView
from progresskit._model.frames import sample_view
from progresskit._text.cells import cell_width, plain_line
from progresskit._text.colors import TRUE_COLORS
from progresskit._text.styles import STYLES
from progresskit.renderers import _templates as templates
from progresskit.renderers._bars import Painter
from progresskit.renderers._templates import COLUMNS, OWN, own_text, parse, register_column
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker

VIEW = sample_view(
    description="Training",
    completed=30,
    total=120,
    unit="batch",
    elapsed=61.0,
    rate=2.0,
    eta=45.0,
    fields={"loss": 0.123456, "lr": 3},
)


@pytest.fixture
def own_columns() -> Iterator[None]:
    yield
    OWN.clear()
    parse.cache_clear()


def row(template: str, columns: int = 119, **changes: object) -> str:
    return Painter().rows((VIEW._replace(columns=template, **changes),), columns, 0.0)[0]  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(60))
def test_no_template_is_too_wide(seed: int) -> None:
    """Whatever columns a template has, and how often, no row is wider than it may be."""
    dice = random.Random(seed)
    others = ("{bar}", "{bar:30}", "{description:9}", "{rate:short!}", "{loss}")
    names = [*others, *(f"{{{name}}}" for name in COLUMNS)]
    template = "".join(
        dice.choice(names) + dice.choice(("", " ", "  ", "|", " of ")) for _ in range(dice.randrange(1, 9))
    )
    for views in (GROUP, LOADER, NESTED, SPINNERS, (VIEW,)):
        numbered = tuple(view._replace(id=at, position=at, columns=template) for at, view in enumerate(views))
        for columns in (1, 7, 24, 39, 59, 79, 119):
            for text in Painter(STYLES["line"], TRUE_COLORS).rows(numbered, columns, 0.3):
                assert cell_width(plain_line(text)) <= columns, (template, text)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{description}: {percent} {completed}/{total} {unit}", "Training:  25% 30/120 batches"),
        (
            "{description}: {percent}|{bar:10}| {amount} [{elapsed}<{eta}, {rate}]",
            "Training:  25%|━━╾───────|  30/120 batches [ 1:01<0:45 , 2.0 batches/s]",
        ),
        ("{description} {bar:20} loss={loss:.3f} {{kept}}", "Training ━━━━━─────────────── loss=0.123 {kept}"),
        ("{description:12}|{state}", "Training    |running"),
        ("{description} {fields}", "Training loss 0.123  lr 3"),
        ("{description} {loss:.2f}  {fields}", "Training 0.12  lr 3"),
        ("{completed:,.1f} of {total:05d}", "30.0 of 00120"),
        ("{description} {nothing}", "Training"),
    ],
    ids=lambda text: text[:30],
)  # fmt: skip
def test_a_row_is_a_template(template: str, expected: str) -> None:
    assert row(template) == expected


def test_a_column_that_is_kept_goes_last() -> None:
    """Fields and bar give way before a column with an exclamation mark."""
    usual = row("{description}  {bar} {percent}  {amount}  {rate:short}  {status}   {fields}", 52)
    kept = row("{description}  {bar} {percent}  {amount}  {rate:short!}  {status}   {fields}", 52)
    assert "/s" not in usual and "2.0/s" in kept and "loss" not in kept


@pytest.mark.usefixtures("own_columns")
def test_a_column_of_ones_own() -> None:
    """A function from a view to text, registered by name. Its error is reported once and leaves the column blank."""
    register_column("left", lambda view: f"{(view.total or 0) - view.completed} left")
    assert row("{description} {left:>10}") == "Training    90 left"
    register_column("broken", lambda view: 1 / 0)
    with pytest.warns(match="the column 'broken' cannot be shown: ZeroDivisionError"):
        assert row("{description} {broken}|") == "Training|"
    with pytest.raises(ValueError, match="give a name that is no column yet"):
        register_column("bar", str)
    with pytest.raises(TypeError, match="give a function"):
        register_column("mine", "text")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{descripton}", "there is no column 'descripton': give {description}"),
        ("{desc} {n_fmt}", "there is no column 'desc': give {description}"),
        ("{bar:wide}", "bar does not take 'wide'; it takes a number of cells from 1 to 999."),
        ("{percent:5}", "percent does not take '5'; it takes nothing after a colon."),
        ("{rate:.2f}", "rate does not take '.2f'"),
        ("{bar", "has a brace without its other half"),
        ("bar}", "has a brace without its other half"),
        ("{}", "names no column"),
        ("{0}", "names no column"),
        ("{task.description}", "names no column"),
        ("", "has no column"),
        ("words", "has no column"),
        ("{loss:.3q}", "is no format"),
        ("{loss:99999999}", "is no format"),
    ],
)
def test_a_bad_template_is_refused(template: str, words: str) -> None:
    """A bad template is refused in one sentence with the known columns, by the tracker, a task and a loop."""
    tracker = ProgressTracker("none")
    for call in (
        lambda: ProgressTracker("none", columns=template),
        lambda: tracker.add_task("a", columns=template),
        lambda: tracker.track([1], columns=template),
    ):
        with pytest.raises(ValueError) as refused:  # the words are compared below
            call()
        assert words in str(refused.value)
        assert "half" in words or "take" in words or "format" in words or "description, bar" in str(refused.value)
    with pytest.raises(TypeError, match="columns is 7, an int: give a template"):
        tracker.add_task("a", columns=7)  # type: ignore[arg-type]
    with pytest.raises((TypeError, ValueError), match="line, box, ascii, block"):
        ProgressTracker("none", style="solid")


def test_rows_of_a_tracker_and_of_a_task() -> None:
    """The task's template goes before the tracker's, that before the environment's; the style is the display's."""
    terminal, ticker = EmulatedTerminal(80, 9), ManualTicker()
    terminal.environ = {"PROGRESSKIT_COLUMNS": "{description}!"}
    tracker = ProgressTracker(
        terminal=terminal, ticker=ticker, clock=ManualClock(), columns="{description} {bar:10}|", style="ascii"
    )
    tracker.add_task("one", total=4).advance(2)
    tracker.add_task("two", total=4, columns="{description}?")
    ticker.tick()
    assert terminal.text == ["one =====-----|", "two?"]
    other = ProgressTracker(terminal=terminal, ticker=ticker, clock=ManualClock())
    tracker.stop()
    other.add_task("three", total=4)
    ticker.tick()
    assert terminal.text[-1] == "three!"
    other.stop()


def test_a_bad_environment_is_reported_once() -> None:
    with pytest.warns(match="PROGRESSKIT_COLUMNS is ignored: there is no column 'desc'"):
        assert templates.given({"PROGRESSKIT_COLUMNS": "{desc}"}) is None
    assert templates.given({"PROGRESSKIT_COLUMNS": " "}) is None
    assert templates.given({"PROGRESSKIT_COLUMNS": "{bar}"}) == "{bar}"


def test_a_template_of_another_process() -> None:
    """A template of another process may have unknown columns; its rows are still shown."""
    view: TaskView = VIEW._replace(columns="{bar:wide}")
    with pytest.warns(match="does not take 'wide'"):
        assert Painter().rows((view,), 79, 0.0)[0].startswith("  Training")


def test_every_column_has_its_words() -> None:
    assert all(row(f"{{{name}}}") for name in COLUMNS if name not in ("mark", "nothing"))


@pytest.mark.usefixtures("own_columns")
def test_a_column_that_raises_is_reported() -> None:
    """From the drawing thread there is no line of the job's to point at, and the interpreter's own says nothing."""

    def broken(view: TaskView) -> str:
        raise ZeroDivisionError("nothing")

    register_column("broken", broken)
    with pytest.warns(match="the column 'broken' cannot be shown: ZeroDivisionError: nothing") as warned:
        thread = threading.Thread(target=own_text, args=(parse("{broken}").parts[0], VIEW))
        thread.start()
        thread.join()
    assert warned[0].filename == "<progresskit>"
