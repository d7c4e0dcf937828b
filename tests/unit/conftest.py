from __future__ import annotations

import pytest
from bench import Bench


@pytest.fixture
def bench() -> Bench:
    """A tracker of its own for a test."""
    return Bench()
