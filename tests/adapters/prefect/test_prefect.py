"""Claims about the Prefect adapter: what an artifact says, when it is sent, and flows with a real server."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

pytest.importorskip("progresskit_prefect", reason="the adapter is not installed in this environment")

from hypothesis import given
from hypothesis import strategies as st
from progresskit_prefect import report
from progresskit_prefect.artifacts import LONGEST_KEY, LONGEST_TEXT, Artifact, artifact, key
from progresskit_prefect.sending import MOST_ARTIFACTS, Sender
from seen import until_seen

from progresskit import ProgressTracker, ProgressWarning, track
from progresskit._model.frames import sample_view
from progresskit.testing import EmulatedTerminal, RecordingRenderer

# What Prefect and its server leave to be warned of.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:(pydantic|prefect|logfire).*"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@given(st.text())
def test_any_description(text: str) -> None:
    """Whatever a description says, the key is one that Prefect allows and the words are one line of plain text."""
    shown = artifact(sample_view(description=text, completed=1, total=4))
    assert shown.key
    assert len(shown.key) <= LONGEST_KEY
    assert set(shown.key) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert len(shown.description.splitlines()) == 1
    assert len(shown.description) <= 2 * LONGEST_TEXT
    bare = shown.description.replace("\\\\", "").replace("\\<", "").replace("\\[", "")
    assert "<" not in bare
    assert "[" not in bare


def test_words() -> None:
    """An artifact says how far a task is, and how it ended; 100 % is said of a finished one alone."""
    view = sample_view(description="orders", completed=400, total=400, unit="row", state="running", elapsed=1.0)
    assert artifact(view).progress < 100.0
    assert artifact(view._replace(state="finished")).progress == 100.0
    failed = view._replace(completed=100, state="failed", reason="ValueError: of no use")
    assert artifact(failed) == Artifact("orders", 25.0, "orders: 100/400 rows, failed: ValueError: of no use")
    unknown = view._replace(total=None)
    assert artifact(unknown).progress == 0.0
    assert artifact(unknown._replace(state="finished")).progress == 100.0


def test_key_of_other_alphabets() -> None:
    """A key keeps as much as possible of a description."""
    assert [key(text) for text in ("Orders_2024.csv", "--a--", "Ärger", "東京")] == [
        "orders-2024-csv", "a", "arger", "progress",
    ]  # fmt: skip


class Server:
    """Records the sent artifacts."""

    def __init__(self, fails: bool = False) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.first = threading.Event()
        self.gate = threading.Event()
        self.fails = fails

    def create(self, *arguments: Any) -> int:
        if self.fails:
            raise ConnectionError("the server is away")
        self.calls.append(("create", *arguments))
        self.first.set()
        return len(self.calls)

    def update(self, *arguments: Any) -> None:
        self.calls.append(("update", *arguments))


def test_start_and_end_only() -> None:
    """Within `every` seconds an artifact is created and completed; changes in between are not sent."""
    server = Server()
    sender = Sender(server.create, server.update, every=3600.0)
    here = contextvars.copy_context()
    sender.put(1, Artifact("a", 0.0, "begun"), here)
    assert server.first.wait(60)
    for number in range(50):
        sender.put(1, Artifact("a", float(number), f"at {number}"), here)
    sender.put(1, Artifact("a", 100.0, "done"), here, is_last=True)
    sender.close()
    assert server.calls == [("create", "a", 0.0, "begun"), ("update", 1, 100.0, "done")]


def test_floods_are_bounded() -> None:
    """A run of very many tasks has a bounded number of artifacts, and one sentence says so."""
    server = Server()
    sender = Sender(server.create, server.update, every=3600.0)
    with pytest.warns(ProgressWarning, match=f"more than {MOST_ARTIFACTS} tasks"):
        for number in range(MOST_ARTIFACTS + 50):
            sender.put(number, Artifact("a", 100.0, "done"), contextvars.copy_context(), is_last=True)
    sender.close()
    assert len(server.calls) == MOST_ARTIFACTS


@pytest.mark.filterwarnings("ignore::progresskit.ProgressWarning")
def test_a_server_that_is_away() -> None:
    """A server that does not answer costs the run nothing but artifacts."""
    server = Server(fails=True)
    sender = Sender(server.create, server.update)
    sender.put(1, Artifact("a", 0.0, "begun"), contextvars.copy_context())
    sender.close()
    assert not sender._thread.is_alive()


def test_refusals() -> None:
    """A wrong argument is refused at the call, with the value and what is allowed."""
    with pytest.raises(ValueError, match=r"every is 0\.1: give a number of seconds from 1"), report(every=0.1):
        pass
    with pytest.raises(TypeError, match="every is 'soon', a str"), report(every="soon"):  # type: ignore[arg-type]
        pass


@pytest.fixture(scope="module", autouse=True)
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What Prefect reads as it is imported."""
    patch = pytest.MonkeyPatch()
    patch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
    patch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    patch.setenv("DO_NOT_TRACK", "1")
    patch.setenv("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "300")
    patch.setenv("PREFECT_LOGGING_LEVEL", "CRITICAL")
    patch.setenv("PREFECT_LOGGING_TO_API_ENABLED", "false")
    patch.setattr("progresskit_prefect.sending.END_TIMEOUT", 300.0)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def server(settings: None) -> Iterator[None]:
    """Prefect's own server, in a process of its own on the loopback interface, with an empty database."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=300):
        yield


def seen(items: Iterable[Any]) -> int:
    """Return how many `items` there are, each of which a frame has shown."""
    return sum(1 for _ in items if until_seen() is None)


def artifacts() -> list[Any]:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        found = client.read_artifacts()
    return sorted((one for one in found if one.type == "progress"), key=lambda one: one.key or "")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_flows(server: None) -> None:
    """Each task of a flow run, its task runs in threads, and an asynchronous flow is an artifact of its own run."""
    from prefect import flow, task
    from prefect.runtime import flow_run, task_run
    from prefect.task_runners import ThreadPoolTaskRunner

    runs: dict[str, str] = {}

    @task
    def load(name: str) -> int:
        runs[name] = str(task_run.id)
        return seen(track(range(3), name, unit="row"))

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
    def loading() -> int:
        runs["flow"] = str(flow_run.id)
        futures = [load.submit(name) for name in ("part-a", "part-b")]
        with ProgressTracker() as tracker, tracker.add_task("In the *flow* <b>", total=4, keep=True) as parts:
            tracker.add_task("below", total=1, parent=parts).finish()
            until_seen()
            parts.advance(4)
        return sum(future.result() for future in futures)

    @flow
    async def asynchronous() -> None:
        runs["later"] = str(flow_run.id)
        for _ in track(range(2), "Later"):
            until_seen()

    with report():
        assert loading() == 6
        asyncio.run(asynchronous())
    later, flowing, first, second = (
        {one.key: one for one in artifacts()}[name] for name in ("later", "in-the-flow-b", "part-a", "part-b")
    )
    assert len(artifacts()) == 4
    assert [float(one.data) for one in (later, flowing, first, second)] == [100.0] * 4
    assert str(flowing.flow_run_id) == runs["flow"]
    assert flowing.task_run_id is None
    assert flowing.description.startswith(r"In the \*flow\* \<b\>: 4/4")
    assert str(later.flow_run_id) == runs["later"]
    for one, name in ((first, "part-a"), (second, "part-b")):
        assert str(one.task_run_id) == runs[name]
        assert str(one.flow_run_id) == runs["flow"]
        assert "3/3 row" in one.description

    @flow
    def unreported() -> int:
        return seen(track(range(3), "Unreported"))

    assert unreported() == 3
    assert len(artifacts()) == 4


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_outside_of_runs(server: None) -> None:
    """Tasks outside of a run are shown as usual."""
    had = len(artifacts())
    renderer = RecordingRenderer()
    with report(), ProgressTracker(renderer, terminal=EmulatedTerminal()):
        assert seen(track(range(3), "Outside")) == 3
    assert [view.description for frame in renderer.frames for view in frame.ended] == ["Outside"]
    assert len(artifacts()) == had


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("inside", [True, False], ids=["inside the flow", "around the flow"])
def test_failing_flows(server: None, inside: bool) -> None:
    """The artifact of a loop that an error leaves says so, wherever the block stands: its flow's end is not waited for."""
    from prefect import flow

    name = f"Failing {inside}"

    def work() -> None:
        for number in track(range(4), name, unit="row"):
            until_seen()
            if number == 1:
                raise ValueError("of no use")

    @flow
    def failing() -> None:
        if inside:
            with report():
                work()
        else:
            work()

    with pytest.raises(ValueError, match="of no use"):
        if inside:
            failing()
        else:
            with report():
                failing()
    (one,) = [one for one in artifacts() if one.key == key(name)]
    assert one.description == f"{name}: 1/4 rows, failed: ValueError: of no use"
