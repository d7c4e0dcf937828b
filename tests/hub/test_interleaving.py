"""Claims about any interleaving of the steps of one to eight processes: with frames in memory, over real sockets, and in real
processes that are killed. `interleaving` has the claims."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from actors import Actor, Tracking
from interleaving import Screen, play

from progresskit import ProgressTracker
from progresskit._display.display import TrackerGroup
from progresskit._model.frames import Frame, decode, encode
from progresskit.processes._client import HubRenderer
from progresskit.processes._protocol import FRAME, message
from progresskit.processes.feed import Feed
from progresskit.processes.hub import Hub
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker, RecordingRenderer


@pytest.fixture(autouse=True, scope="module")
def hasty() -> Iterator[None]:
    """The hub does not wait between two readings of its sockets, as it would with many clients."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("progresskit.processes.hub.PAUSE", 0.001)
        yield


class Here(Tracking):
    """A process that is a tracker in this one."""

    def __init__(self, number: int, clock: ManualClock) -> None:
        super().__init__(ProgressTracker(RecordingRenderer(), clock=clock, ticker=ManualTicker()))
        self.key = (number * 5 % 8, number)  # not the order in which they come

    @property
    def order(self) -> list[str]:
        return [task.description for task in self.tracker.tasks]

    def drained(self) -> list[tuple[list[str], Frame]]:
        """Return the messages of a display: lines, and the frame after them with the tasks that ended before the next
        line."""
        group = TrackerGroup()
        group.add(self.tracker._core)
        parts, frame = group.drain_lines(colors=True), group.next_frame(None)
        parts[-1][1].extend(frame.ended)
        return [(lines, frame._replace(ended=tuple(ended))) for lines, ended in parts]


class Handing(Here):
    """Passes its frames to the feed, as the bytes that would be sent."""

    def __init__(self, number: int, feed: Feed, clock: ManualClock) -> None:
        super().__init__(number, clock)
        self._feed = feed

    def send(self) -> list[str]:
        for lines, frame in self.drained():
            for line in lines:
                self._feed.print(line)
            self._feed.receive(self, decode(encode(frame)), order=self.key)
        return self.order

    def kill(self) -> None:
        self._feed.lose(self)

    tear = kill

    def leave(self) -> None:
        self.end_all()
        self.send()
        self._feed.leave(self)


class Connected(Here):
    """Sends to the hub through a socket. A killed one closes it as the system does for a process."""

    def __init__(self, number: int, hub: Hub, clock: ManualClock) -> None:
        super().__init__(number, clock)
        self._client = HubRenderer(str(hub.address))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("progresskit.processes._connection.process_start", lambda: float(self.key[0]))
            patch.setattr("os.getpid", lambda: self.key[1])
            self._client.start(EmulatedTerminal())

    def send(self) -> list[str]:
        for lines, frame in self.drained():
            for line in lines:
                self._client.write(line)
            self._client.render(frame)
        return self.order

    def kill(self) -> None:
        self._client._close()

    def tear(self) -> None:
        assert self._client._connection is not None
        data = message(FRAME, encode(self.tracker.frame()).encode())
        self._client._connection.socket.sendall(data[: 2 * len(data) // 3])
        self._client._close()

    def leave(self) -> None:
        self.end_all()
        self.send()
        self._client.stop()


class Commanded:
    """A separate process, which executes steps and confirms each."""

    tells_unseen = True

    def __init__(self, hub: Hub) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("actors.py"))],
            env=environment(hub),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def begin(self) -> None:
        self.key = tuple(self._answer())

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline() or '"it has ended"')

    def _do(self, *command: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def add(self, name: str, total: int, parent: str | None) -> None:
        self._do("add", name, total, parent)

    def advance(self, name: str, n: int) -> None:
        self._do("advance", name, n)

    def end(self, name: str, how: str) -> None:
        self._do("end", name, how)

    def print(self, line: str) -> None:
        self._do("print", line)

    def send(self) -> list[str]:
        return list(self._do("send"))

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    tear = kill

    def clear_away(self) -> None:
        """Make sure that it has ended, also after a failed test."""
        if self._process.returncode is None:
            self.kill()

    def leave(self) -> None:
        self._do("leave")
        assert self._process.communicate(timeout=60) == ("", "")
        assert self._process.returncode == 0


def environment(hub: Hub) -> dict[str, str]:
    environ = {**os.environ, **hub.environment, "PYTHONPATH": str(Path(__file__).parents[2])}
    return {name: value for name, value in environ.items() if name != "CI"}


class InHand:
    """Frames are handed in."""

    def __init__(self, screen: Screen) -> None:
        self.screen, self.feed = screen, screen.feed

    def actor(self, number: int) -> Actor:
        return Handing(number, self.feed, self.screen.clock)

    def settle(self) -> None: ...


class OverSockets:
    """Frames come over sockets."""

    def __init__(self, screen: Screen, hub: Hub) -> None:
        self.screen, self.feed, self.hub = screen, screen.feed, hub

    def actor(self, number: int) -> Actor:
        return Connected(number, self.hub, self.screen.clock)

    def settle(self) -> None:
        self.hub.catch_up(60.0)


class InProcesses(OverSockets):
    """Frames come from processes. Some always wait for their first step, so that the first one to start is not the first one to
    send."""

    def __init__(self, screen: Screen, hub: Hub) -> None:
        super().__init__(screen, hub)
        self.waiting: list[Commanded] = []
        self.all: list[Commanded] = []

    def actor(self, number: int) -> Actor:
        while len(self.waiting) < 2:
            self.all.append(Commanded(self.hub))
            self.waiting.append(self.all[-1])
        process = self.waiting.pop(number % 2)
        process.begin()
        return process

    def close(self) -> None:
        for process in self.all:
            process.clear_away()


SEEDS = [*range(12), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(12, 32))]


@pytest.mark.parametrize("seed", SEEDS)
def test_any_interleaving_of_frames(seed: int) -> None:
    """Any interleaving of frames shows each task and each line once."""
    screen = Screen()
    with screen.feed:
        play(InHand(screen), screen, seed, 40)
    screen.check_prompt()


@pytest.mark.parametrize("seed", SEEDS)
def test_any_interleaving_over_sockets(seed: int) -> None:
    """Any interleaving over sockets shows each task and each line once."""
    screen = Screen()
    with screen.feed, Hub(screen.feed) as hub:
        play(OverSockets(screen, hub), screen, seed, 40)
        assert (hub.refused, hub.dropped) == (0, 0)
    screen.check_prompt()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_any_interleaving_of_processes(seed: int) -> None:
    """Any interleaving of processes shows each task and each line once."""
    screen = Screen()
    with screen.feed, Hub(screen.feed) as hub:
        stage = InProcesses(screen, hub)
        try:
            play(stage, screen, seed, 40)
        finally:
            stage.close()
        assert (hub.refused, hub.dropped) == (0, 0)
    screen.check_prompt()
