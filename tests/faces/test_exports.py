"""The exports of `progresskit report` for other programs, read by their own readers."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("prometheus_client", reason="prometheus_client is not installed")
pytest.importorskip("jsonschema", reason="jsonschema is not installed")

from jsonschema import Draft202012Validator
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from progresskit._cli.event_exports import prometheus, trace
from progresskit._cli.event_log import read
from progresskit._model.events import EventEncoder
from progresskit._model.frames import Frame, sample_view

NAMES = ['a "quote"', "back\\slash", "two\nlines", "日本語", "{=,}", "</script>", "# HELP x", ""]
HEADER = {"progresskit": 1, "run": "a1", "pid": 7, "host": "box", "argv": ["job.py"], "monotonic": 100.0}
NUMBER = {"type": "number", "minimum": 0}
METADATA = ["process_name", "process_labels", "process_sort_index", "thread_name", "thread_sort_index"]
TRACE = {
    "type": "object",
    "required": ["traceEvents"],
    "properties": {
        "displayTimeUnit": {"enum": ["ms", "ns"]},
        "traceEvents": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["ph", "ts", "pid", "tid", "name"],
                "properties": {
                    "ph": {"enum": ["b", "e", "n", "i", "C", "M"]},
                    "ts": NUMBER,
                    "pid": {"type": "integer"},
                    "tid": {"type": "integer"},
                    "name": {"type": "string"},
                    "cat": {"type": "string"},
                    "s": {"enum": ["g", "p", "t"]},
                    "args": {"type": "object"},
                },
                "allOf": [
                    {
                        "if": {"properties": {"ph": {"enum": ["b", "e", "n"]}}},
                        "then": {"required": ["id", "cat"]},
                    },
                    {
                        "if": {"properties": {"ph": {"const": "M"}}},
                        "then": {"required": ["args"], "properties": {"name": {"enum": METADATA}}},
                    },
                    {
                        "if": {"properties": {"ph": {"const": "C"}}},
                        "then": {
                            "required": ["args"],
                            "properties": {"args": {"additionalProperties": {"type": "number"}}},
                        },
                    },
                ],
            },
        },
    },
}
"""The trace events that we write, by the description of the format."""


def lines() -> list[str]:
    """Return a run whose tasks have hostile names: one ends each second, one has failed, one is left."""
    views = [
        sample_view(id=number, description=name, position=number, total=9, completed=4, elapsed=2.0, age=2.0)
        for number, name in enumerate(NAMES, 1)
    ]
    encoder = EventEncoder(HEADER)
    made = [*encoder.lines(Frame(102.0, tuple(views)), ["a line"])]
    for number, view in enumerate(views[:-1]):
        state = "failed" if number == 2 else "finished"
        made += encoder.lines(Frame(103.0 + number, tuple(views[number + 1 :]), (view._replace(state=state),)), [])
    return made


def test_prometheus() -> None:
    """The parser of Prometheus's own client reads each series, and has each name back as it was."""
    text = prometheus(read(lines()))
    families = list(text_string_to_metric_families(text))
    assert all(family.name.startswith("progresskit_") and family.type == "gauge" for family in families)
    found = {sample.labels["description"] for family in families for sample in family.samples}
    assert found >= {name for name in NAMES if name and "\n" not in name} and len(found) == len(NAMES)
    states = [sample.labels["state"] for family in families for sample in family.samples if "state" in sample.labels]
    assert {"failed", "finished", "left"} <= set(states)
    assert list(openmetrics.text_string_to_metric_families(f"{text}# EOF\n"))


def test_trace() -> None:
    """Each event is one of the format, and each begin has an end."""
    document = json.loads(trace(read(lines())))
    Draft202012Validator(TRACE).validate(document)
    pairs: dict[tuple[str, str], int] = {}
    for event in document["traceEvents"]:
        if event["ph"] in "be":
            key = (event["cat"], event["id"])
            pairs[key] = pairs.get(key, 0) + (1 if event["ph"] == "b" else -1)
            assert pairs[key] >= 0
    assert len(pairs) == len(NAMES) and not any(pairs.values())
