"""Random programs of calls, run with the installed tqdm, with the drop-in, and with the installed tqdm patched."""

from __future__ import annotations

import copy
import io
import warnings
from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from progresskit.testing import ManualClock
from progresskit.tqdm import patch, tqdm, unpatch

theirs = pytest.importorskip("tqdm.std", reason="tqdm is not installed in this environment").tqdm
ATTRIBUTES = (
    "n", "total", "desc", "leave", "disable", "pos", "initial", "postfix", "unit", "unit_scale", "unit_divisor", "ascii", "colour",
    "mininterval", "maxinterval", "miniters", "dynamic_miniters", "smoothing", "delay", "bar_format", "last_print_n",
)  # fmt: skip
SOURCES: dict[str, Any] = {
    "none": lambda: None, "range": lambda: range(7), "list": lambda: [1, 2, 3], "items": lambda: {"a": 1, "b": 2}.items(),
    "text": lambda: "abcd", "empty": list, "zip": lambda: zip("ab", "cd", strict=True), "number": lambda: 5,
    "generator": lambda: (number for number in range(5)), "broken": lambda: (1 // number for number in (2, 1, 0)),
}  # fmt: skip
AMOUNTS = st.sampled_from([0, 1, 2, 5, 10, -1, 0.5, 2.75, 1e6])
OPTIONS = st.fixed_dictionaries({}, optional={
    "desc": st.sampled_from(["Files", "Files: ", "", None, "日本", "two\nlines"]),
    "total": st.sampled_from([0, 1, 5, 100, None, float("inf"), 2.5, -3]), "leave": st.sampled_from([True, False, None]),
    "ncols": st.sampled_from([0, 10, 40, 200]), "mininterval": st.sampled_from([0, 0.1, 1]),
    "miniters": st.sampled_from([0, 1, 3, None]),
    "maxinterval": st.sampled_from([0, 1, 10]), "ascii": st.sampled_from([True, False, None, " 123"]),
    "delay": st.sampled_from([0, 0.3]),
    "unit": st.sampled_from(["it", "B", " rows", ""]), "unit_scale": st.sampled_from([True, False, 2, 0.5]),
    "smoothing": st.sampled_from([0, 0.3, 1, None]), "initial": st.sampled_from([0, 3, 2.5]), "position": st.sampled_from([0, 1, 5]),
    "bar_format": st.sampled_from(["{l_bar}{bar}{r_bar}", "{desc}: {n_fmt}/{total_fmt} {postfix}", "{desc}{bar:-10b}|", "", "{n}"]),
    "postfix": st.sampled_from([{"a": 1}, {"loss": 0.123456, "b": "x"}, "words", ["p", 1], OrderedDict(z=1, a=2)]),
    "unit_divisor": st.sampled_from([1000, 1024]), "colour": st.sampled_from(["red", "#00ff00", "hotpink", None]),
    "nrows": st.sampled_from([1, 2, 24]), "bogus": st.just(1),
})  # fmt: skip
METHODS: dict[str, Any] = {
    "update": lambda bar, amount: bar.update(amount),
    "n": lambda bar, amount: setattr(bar, "n", amount),
    "total": lambda bar, amount: setattr(bar, "total", amount),
    "reset": lambda bar, amount: bar.reset(amount),
    "refresh": lambda bar, amount: bar.refresh(),
    "set_postfix": lambda bar, amount: bar.set_postfix(OrderedDict(loss=0.12345 * amount, name=" n "), z=1),
    "set_postfix_str": lambda bar, amount: bar.set_postfix_str(f"at {amount}", refresh=amount < 2),
    "set_description": lambda bar, amount: bar.set_description(f"d{amount}" if amount else None),
    "colour": lambda bar, amount: setattr(bar, "colour", amount),
    "unit": lambda bar, amount: setattr(bar, "unit", "parts"),
    "leave": lambda bar, amount: setattr(bar, "leave", amount > 1),
    "close": lambda bar, amount: bar.close(),
    "clear": lambda bar, amount: bar.clear(),
    "unpause": lambda bar, amount: bar.unpause(),
    "list": lambda bar, amount: list(bar),
    "reversed": lambda bar, amount: list(reversed(bar)),
    "len": lambda bar, amount: len(bar),
    "bool": lambda bar, amount: bool(bar),
    "with": lambda bar, amount: within(bar, amount),
    "write": lambda bar, amount: len(type(bar)._instances) > 1 or type(bar).write("word", file=bar.fp),
    "compare": lambda bar, amount: (bar == bar, bar < bar, bar <= bar, hash(bar) == hash(bar)),
    "text": lambda bar, amount: bar.format_meter(3, 7, 2),
    "attribute": lambda bar, amount: bar.nothing,
}  # fmt: skip
CALLS = st.tuples(
    st.integers(0, 2), st.sampled_from(["update", "next", *METHODS]), AMOUNTS, st.sampled_from([0, 0.05, 0.2, 11])
)
PROGRAMS = st.tuples(
    st.lists(st.tuples(st.sampled_from(sorted(SOURCES)), OPTIONS), min_size=1, max_size=3), st.lists(CALLS, max_size=14)
)


def within(bar: Any, amount: float) -> bool:
    """Leave a block by an exception where `amount` is odd, and return whether the block is given the bar."""
    with bar as given:
        bar.update(2)
        if amount % 2:
            raise LookupError
    return given is bar


def outcome(call: Any, *arguments: Any) -> Any:
    """Return what `call` returns, or the kind of error that it raises."""
    try:
        return call(*arguments)
    except Exception as error:
        kinds = [kind for kind in type(error).__mro__ if kind.__module__ == "builtins"]
        return "raised", kinds[0]


def ran(cls: Any, program: Any) -> list[Any]:
    """Run `program` with the class `cls`; return each call's result, the bars' state after it, and the written text."""
    made, calls = copy.deepcopy(program)
    file, clock = io.StringIO(), ManualClock()
    cls.monitor_interval = 0
    cls._instances.clear()
    bars, loops, seen = [], {}, []
    for source, options in made:
        options.setdefault("postfix", None)
        bar = outcome(lambda source=source, options=options: cls(SOURCES[source](), file=file, **options))
        if isinstance(bar, tuple):
            seen.append(bar)
            continue
        bar._time = clock
        bar.start_t = bar.last_print_t = clock()
        bars.append(bar)
    for which, name, amount, seconds in calls:
        if which >= len(bars):
            continue
        clock.advance(seconds)
        bar = bars[which]
        if name == "next":
            loop = loops.setdefault(which, None) or loops.update({which: outcome(iter, bar)}) or loops[which]
            result = outcome(next, loop, "over") if hasattr(loop, "__next__") else loop
        else:
            result = outcome(METHODS[name], bar, amount)
        seen.append(
            (name, result, [[repr(getattr(each, attribute, None)) for attribute in ATTRIBUTES] for each in bars])
        )
        seen.append(file.getvalue())
    seen += [outcome(bar.close) for bar in bars]
    return [*seen, file.getvalue()]


@pytest.mark.parametrize("way", ["install", "patch"])
@given(program=PROGRAMS)
@example(([("list", {"postfix": ["p", 1], "desc": "postfix without names"})], []))
@example(([("none", {"total": 5})], [(0, "colour", 0.5, 0), (0, "update", 1, 11)]))
@example(([("none", {"total": 5})], [(0, "next", 1, 0), (0, "update", 1, 11)]))
@example(([("text", {}), ("text", {"position": 2, "nrows": 2})], [(0, "close", 1, 0)]))
@settings(max_examples=60, deadline=None)
def test_calls(way: str, program: Any) -> None:
    """For any calls, results, kinds of errors, attributes and text are tqdm's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an unknown colour, a count beyond the total
        expected = ran(theirs, program)
        if way == "patch":
            patch()
        try:
            assert ran(theirs if way == "patch" else tqdm, program) == expected
        finally:
            unpatch()
