"""The first use of `track`, and the end of a half-used one, at the worst moments."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HALF_USED = """
import asyncio
from progresskit import track

items = iter(track(range(10), "half"))
next(items)

def hand_on():
    for item in track([1, 2, 3], "inner"):
        yield item

generator = hand_on()
next(generator)

class Pages:
    def __aiter__(self):
        return self
    async def __anext__(self):
        return 1

pages = track(Pages())
asyncio.run(asyncio.wait_for(pages.__anext__(), 9))
"""

INTERRUPTED = """
import sys

step, events, done = sys.argv[1], 0, []  # a number of events, or a name in a module: just after its definition

def line(frame, event, argument):
    global events
    events += 1
    if events == int(step) if step.isdigit() else frame.f_code.co_name == "<module>" and step in frame.f_locals:
        sys.settrace(None)
        from progresskit import track
        done.append(sum(track(range(3))))
        return None
    return line

sys.settrace(lambda frame, event, argument: line if "progresskit" in frame.f_code.co_filename else None)
from progresskit import track
result = sum(track(range(4)))
sys.settrace(None)
print(result, done)
"""

WITHOUT = """
import os, sys, tempfile
early = sys.argv[2] == "imported"
if early:
    from progresskit import track
else:
    import progresskit
if sys.argv[1] == "root":
    os.chroot(tempfile.mkdtemp())
else:
    import resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
if not early:
    track = progresskit.track
print(sum(n * m for n in track(range(4), "outer") for m in track([1, 2])), sum(track(n for n in range(4))))
"""


def run(program: str, *arguments: str) -> tuple[int, str, str]:
    environment = {**os.environ, "PROGRESSKIT_RENDERER": "none"}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60, env=environment
    )
    return done.returncode, done.stdout, done.stderr


def test_a_half_used_loop_at_the_end() -> None:
    """Iterators that live to the end of the interpreter end in silence."""
    assert run(HALF_USED) == (0, "", "")


@pytest.mark.parametrize("step", ["8", "60", "300", "1000", "track", "named"])
def test_a_handler_in_the_first_import(step: str) -> None:
    """A signal's handler may use `track` while the first import is under way: both loops run."""
    assert run(INTERRUPTED, step)[:2] == (0, "6 [3]\n")


@pytest.mark.skipif(not hasattr(os, "chroot"), reason="a limit of POSIX")
@pytest.mark.parametrize("lacking", ["descriptors", "root"])
@pytest.mark.parametrize("when", ["imported", "not yet"])
def test_no_files_between_import_and_first_use(lacking: str, when: str) -> None:
    """If progresskit's own modules can no longer be read, a loop runs as without progress."""
    if lacking == "root" and os.geteuid() != 0:
        pytest.skip("only root may change its root")
    assert run(WITHOUT, lacking, when)[:2] == (0, "18 6\n")
