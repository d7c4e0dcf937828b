"""Any sequence of calls, by a state machine: the screen agrees with the model. For each renderer that draws in
place."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from machine import RENDERERS, LateMachine, Machine, machine_of, untraced
from on_pty import WordsMachine

# The same sequences each time: what a run finds is found again, and nobody's change fails for a sequence of yesterday's code.
QUICK = settings(
    max_examples=12,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
LONG = settings(QUICK, max_examples=60, stateful_step_count=50)


@pytest.mark.parametrize("renderer", ["ansi"])  # the others take the long way alone
def test_any_sequence_of_calls(renderer: str) -> None:
    """After any sequence of calls, the screen agrees with the model."""
    with untraced():
        run_state_machine_as_test(machine_of(renderer), settings=QUICK)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("machine", [WordsMachine, LateMachine])
def test_printing_beside_a_dragged_window(machine: type[Machine]) -> None:
    """A job that prints and a window that is dragged.

    Every word is on the screen once and in order, with plain prints, questions, held streams, and sizes that are reported late.
    """
    with untraced():
        run_state_machine_as_test(machine, settings=QUICK)  # type: ignore[no-untyped-call]


@pytest.mark.slow
@pytest.mark.parametrize("machine", [WordsMachine, LateMachine])
def test_a_job_that_prints_for_long(machine: type[Machine]) -> None:
    with untraced():
        run_state_machine_as_test(machine, settings=LONG)  # type: ignore[no-untyped-call]


@pytest.mark.slow
@pytest.mark.parametrize("renderer", RENDERERS)
def test_after_any_long_sequence_too(renderer: str) -> None:
    with untraced():
        run_state_machine_as_test(machine_of(renderer), settings=LONG)  # type: ignore[no-untyped-call]
