"""The text of bars, beside the installed tqdm's."""

from __future__ import annotations

import importlib
import io
import math
import os
import struct
import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from progresskit.testing import ManualClock
from progresskit.tqdm import tqdm
from progresskit.tqdm._meter import Bar, format_interval, format_meter, format_num, format_sizeof
from progresskit.tqdm.cli import parse
from progresskit.tqdm.std import TqdmTypeError
from progresskit.tqdm.utils import screen_shape

theirs = pytest.importorskip("tqdm.std", reason="tqdm is not installed in this environment")
NUMBERS = st.one_of(
    st.integers(0, 10**12), st.floats(0, 1e9, allow_subnormal=False).filter(lambda n: n == 0 or n > 1e-6)
)
TEMPLATES = (
    None, "{l_bar}{bar}{r_bar}", "{desc}: {percentage:3.0f}%|{bar:20}| {n_fmt}/{total_fmt}", "{l_bar}{bar:-10b}",
    "{desc} {elapsed}<{remaining} {rate_fmt}{postfix}", "{rate_noinv_fmt} {rate_inv_fmt} {unit} {elapsed_s:.1f}", "{bar}|{n}",
)  # fmt: skip


@given(
    n=NUMBERS, total=st.none() | NUMBERS, elapsed=st.floats(0, 1e6), ncols=st.none() | st.integers(0, 200),
    prefix=st.text(max_size=12) | st.sampled_from(["", "Files", "Files: ", "ﾆｯﾎﾟﾝ 日本"]), ascii=st.sampled_from([True, False, " .oO"]),
    unit=st.sampled_from(["it", "B", " rows"]), unit_scale=st.sampled_from([True, False, 2, 0.5]),
    rate=st.none() | st.floats(1e-6, 1e9), bar_format=st.sampled_from(TEMPLATES), postfix=st.sampled_from([None, "", "a=1"]),
    unit_divisor=st.sampled_from([1000, 1024]), initial=st.integers(0, 100),
)  # fmt: skip
@settings(max_examples=120, deadline=None)
def test_meter(**arguments: Any) -> None:
    """For any figures, template and width, a line equals tqdm's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # both warn of a count beyond the total
        assert format_meter(**arguments) == theirs.tqdm.format_meter(**arguments)


@given(number=st.floats(-1e30, 1e30))
def test_numbers(number: float) -> None:
    """Numbers, sizes and intervals are written as tqdm writes them."""
    assert format_num(number) == theirs.tqdm.format_num(number)
    assert format_sizeof(number, "B") == theirs.tqdm.format_sizeof(number, "B")
    assert format_interval(number % 1e9) == theirs.tqdm.format_interval(number % 1e9)


@given(part=st.floats(0, 1), width=st.integers(1, 60), spec=st.sampled_from(["", "a", "u", "b", "12", "-3", "7a"]))
def test_bar(part: float, width: int, spec: str) -> None:
    """A bar has tqdm's characters."""
    assert format(Bar(part, width), spec) == format(theirs.Bar(part, width), spec)


def test_infinite_total() -> None:
    """An infinite total is an unknown one."""
    assert format_meter(5, math.inf, 1) == format_meter(5, None, 1)


STEPS = st.lists(st.tuples(st.integers(-3, 40), st.floats(0, 0.7)), min_size=1, max_size=25)


def written(cls: Any, steps: list[tuple[int, float]], **options: Any) -> str:
    """Return all that a bar of `cls` writes for `steps`, each an amount and the seconds that pass before it."""
    file, clock = io.StringIO(), ManualClock()
    cls.monitor_interval = 0
    bar = cls(file=file, **options)
    bar._time = clock
    bar.start_t = bar.last_print_t = clock()
    for number, (amount, seconds) in enumerate(steps):
        clock.advance(seconds)
        if number == 7:
            bar.set_postfix(loss=0.123456, step=number)
        elif number == 11:
            bar.set_description("later", refresh=False)
        elif number == 15:
            bar.unpause()
        bar.update(amount)
    bar.close()
    return file.getvalue()


@given(
    steps=STEPS, total=st.none() | st.integers(1, 300), leave=st.booleans(), mininterval=st.sampled_from([0, 0.1, 0.5]),
    miniters=st.sampled_from([None, 0, 1, 5]), smoothing=st.sampled_from([0, 0.3, 1]), delay=st.sampled_from([0, 0.3]),
    maxinterval=st.sampled_from([0, 1, 10]), ncols=st.sampled_from([None, 0, 60]), ascii=st.booleans(),
)  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_rhythm(steps: list[tuple[int, float]], **options: Any) -> None:
    """A bar writes what tqdm writes, at the steps at which tqdm does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert written(tqdm, steps, **options) == written(theirs.tqdm, steps, **options)


def test_screen_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars use as many columns and lines of a terminal as tqdm's, and no variable says how many there are."""
    fcntl, termios = pytest.importorskip("fcntl"), pytest.importorskip("termios")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "20")
    parent, child = os.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with os.fdopen(child, "w") as terminal, open(os.devnull, "w") as nothing:
        for file in (terminal, nothing, io.StringIO()):
            assert screen_shape(file) == theirs._screen_shape_wrapper()(file)
        assert screen_shape(terminal) == (79, 23)
    os.close(parent)


def test_values_of_the_command_line() -> None:
    """A whole number stays one, as in the command line of tqdm: the line of a bar has `3/1000`, not `3/1000.0`."""
    values = parse(["--total=1000", "--initial", "2.5", "--mininterval", "1", "--unit_scale", "--leave", "False"])
    assert values == {"total": 1000, "initial": 2.5, "mininterval": 1, "unit_scale": True, "leave": False}
    assert type(values["total"]) is int
    with pytest.raises(TqdmTypeError, match=r"^abc : int or float$"):
        parse(["--total", "abc"])


NAMES = {
    "std": "FormatReplace SimpleTextIOWrapper _is_ascii _screen_shape_wrapper _supports_unicode _term_move_up disp_len disp_trim",
    "utils": "_basestring _range _term_move_up _unich _unicode",
    "auto": "TqdmExperimentalWarning asyncio_tqdm notebook_tqdm std_tqdm",
    "gui": "TqdmExperimentalWarning std_tqdm tgrange tqdm_gui",
    "tk": "TqdmExperimentalWarning TqdmWarning std_tqdm tqdm_tk ttkrange",
    "notebook": "std_tqdm tnrange tqdm_notebook",
    "contrib.concurrent": "ensure_lock process_map thread_map",
}


@pytest.mark.parametrize("module", NAMES)
def test_names_that_programs_import(module: str) -> None:
    """The modules have the names that programs import from them, beside the bar's own."""
    found = vars(importlib.import_module(f"progresskit.tqdm.{module}"))
    assert [name for name in NAMES[module].split() if name not in found] == []
