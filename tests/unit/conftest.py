from __future__ import annotations

from collections.abc import Iterator

import pytest
from bench import Bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A tracker of its own for a test."""
    bench = Bench()
    yield bench
    bench.tracker.stop()
