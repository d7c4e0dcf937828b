"""Whatever text a program hands over, what reaches the terminal is our own sequences and printable characters, and no row is
wider than it may be. For each renderer, over the whole of its stream.
"""

from __future__ import annotations

import json
import logging
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from machine import RENDERERS
from wcwidth import wcswidth

from progresskit import LogHandler, ProgressTracker
from progresskit._text.cells import plain_line
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker

OURS = re.compile(r"\x1b\[(?:\?(?:2026|25|7)[hl]|\d*[AB]|2?K|[0-9;:]*m)|[\r\n]")
"""What a renderer that draws in place sends besides text; those that append lines send newlines alone."""
NASTY = [
    *(
        "\x1b[2J\x1b[H",
        "\x1b]0;title\x07",
        "\x1b]52;c;cm0=\x07",
        "\x1bP+q\x1b\\",
        "\x1b[8m",
        "\x1b[6n",
        "\x1bc",
        "\x9b31m",
        "\x90q\x9c",
    ),
    *("\n", "\r", "\r\n", "\v\f\x1c\x85", "\t\t\t", "\b\b\b", "\x07", "\x00", "\x7f", "\u2028\u2029"),
    *(
        "\u202e\u2066\u200f",
        "\u200b\ufeff\xad",
        "\ud800",
        "\udfff\ud83d",
        "\u200d\ufe0f",
        "\U000e0041",
        "\ue000\U0010ffff",
    ),
    *(
        "👩‍👩‍👧",
        "🏳️‍🌈",
        "👍🏽",
        "\U0001f1e9\U0001f1ea",
        "e\u0301" * 9,
        "\u0300" * 50,
        "東京" * 30,
        "ﷺ𒐫",
        "กำ",
        "\u1160\u11ff",
    ),
    *("{bar}{0}%s%%", "[red]x[/]\\[", "\\x1b", "x" * 300),
]
TEXT = st.lists(st.sampled_from(NASTY) | st.text(max_size=9), max_size=4).map("".join)
MARK = "<mark>"
SOME = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
LONG = settings(SOME, max_examples=90)
HOSTILE = st.fixed_dictionaries(
    dict.fromkeys(("name", "unit", "key", "value", "reason", "words", "record"), TEXT)
    | {"columns": st.sampled_from([120, 80, 40, 9]), "unicode": st.booleans(), "colors": st.booleans()}
)


def run(renderer: str, **texts: Any) -> tuple[str, EmulatedTerminal]:
    """Run a job that puts `texts` wherever text may be put; return the stream and the terminal."""
    in_place = renderer in RENDERERS
    terminal = EmulatedTerminal(texts["columns"], 12, is_tty=in_place, unicode=texts["unicode"], colors=texts["colors"])
    ticker, clock, logger = ManualTicker(), ManualClock(), logging.Logger("orders")
    with ProgressTracker(renderer, terminal=terminal, ticker=ticker, clock=clock) as tracker:
        logger.addHandler(LogHandler(tracker))
        alpha = tracker.add_task(MARK + texts["name"], total=10, unit=texts["unit"])
        beta = tracker.add_task(texts["name"], parent=alpha, unit=texts["unit"])
        for turn in range(3):
            alpha.advance(3)
            beta.update(fields={texts["key"] if texts["key"].isidentifier() else "key": texts["value"]})
            if texts["key"]:
                alpha.update(fields={texts["key"]: turn})
            tracker.print(f"{MARK}{texts['words']}")
            logger.warning("%s", MARK + texts["record"])
            clock.advance(9.0)
            ticker.tick()
            if in_place and ticker.displays[0].renderer.current is not None:
                check_rows(ticker.displays[0].renderer.current._region.rows, texts["columns"])  # type: ignore[attr-defined]
        beta.fail(texts["reason"])
        alpha.update(description=texts["value"])
        ticker.tick()
    return "".join(terminal.output), terminal


def check_rows(rows: list[str], columns: int) -> None:
    for row in rows:
        text = plain_line(row)
        assert wcswidth(text) < columns, f"{text!r} is wider than {columns - 1} cells"


def check_text(text: str) -> None:
    """Assert that `text` without progresskit's sequences has only printable characters."""
    assert text.isprintable(), f"{[hex(ord(one)) for one in text if not one.isprintable()]} reached the terminal"
    assert not any(unicodedata.bidirectional(one) in ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "PDI") for one in text)
    text.encode("utf-8")  # no surrogates


def check_in_place(renderer: str, **texts: Any) -> None:
    sent, terminal = run(renderer, **texts)
    check_text(OURS.sub("", sent))
    assert texts["unicode"] or sent.isascii()
    assert texts["colors"] or not re.search(r"\x1b\[[0-9;:]*m", sent)
    if texts["columns"] > 40:
        assert sum(row.startswith(MARK) for row in terminal.text) == 6, terminal.text  # each print and each record once
    assert terminal.cursor[1:] == (0, True)


def check_lines(renderer: str, **texts: Any) -> None:
    sent, _ = run(renderer, **texts)
    lines = sent.split("\n")
    assert lines.pop() == ""
    for line in lines:
        check_text(plain_line(line))
    assert texts["unicode"] or sent.isascii()
    if renderer == "json":
        assert all(isinstance(json.loads(line), dict) for line in lines)
    else:
        assert sum(line.startswith(MARK) for line in lines) >= 6


def skip_without(renderer: str) -> None:
    if renderer in ("tqdm", "rich", "alive"):
        pytest.importorskip(f"progresskit_{renderer}", reason=f"progresskit-{renderer} is not installed here")


@pytest.mark.parametrize("some", [SOME, pytest.param(LONG, marks=pytest.mark.slow)], ids=["some", "many"])
@pytest.mark.parametrize("renderer", RENDERERS)
def test_nothing_reaches_the_terminal_raw(renderer: str, some: settings) -> None:
    """No raw text reaches the terminal, and no row is widened."""
    skip_without(renderer)
    some(given(HOSTILE)(lambda texts: check_in_place(renderer, **texts)))()


@pytest.mark.parametrize("some", [SOME, pytest.param(LONG, marks=pytest.mark.slow)], ids=["some", "many"])
@pytest.mark.parametrize("renderer", ["plain", "json", "none"])
def test_nothing_reaches_a_file_raw(renderer: str, some: settings) -> None:
    some(given(HOSTILE)(lambda texts: check_lines(renderer, **texts)))()


@pytest.mark.parametrize("renderer", [*RENDERERS, "plain", "json", "none"])
def test_long_text_is_cut_only_as_a_name(renderer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long text is cut where it is a name and whole where it is printed."""
    skip_without(renderer)
    monkeypatch.setattr(
        EmulatedTerminal, "feed", lambda self, text: self.output.append(text)
    )  # drawing it takes seconds
    long = "x\x1b[2J" * 60_000
    texts = dict.fromkeys(("name", "unit", "value", "reason"), long)
    sent, _ = run(
        renderer, **texts, key="key", words="y" * 300_000, record="a record", columns=80, unicode=True, colors=False
    )
    assert sent.count("y") - 900_000 in range(20)
    assert len(sent) < 960_000
    check_text(OURS.sub("", sent))
