"""Claims about the Dask adapter, on a real cluster of two processes."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("progresskit_dask", reason="the adapter is not installed in this environment")

import dask
import dask.bag
import dask_jobs
from distributed import Client, LocalCluster, as_completed, fire_and_forget
from progresskit_dask import watch
from shown import Shown

from progresskit import ProgressWarning, track
from progresskit._display.web import live
from progresskit.processes.feed import Feed
from progresskit.testing import EmulatedTerminal

# What distributed itself leaves to be warned of: sockets and loops of a cluster that has lost a worker.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    # A busy machine takes its time.
    patience = {f"distributed.comm.timeouts.{what}": "240s" for what in ("connect", "tcp")}
    with (
        dask.config.set(patience),
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
    ):
        yield cluster


@pytest.fixture(scope="module")
def client(cluster: LocalCluster) -> Iterator[Client]:
    with Client(cluster) as client:
        client.wait_for_workers(2)
        yield client


class There(Shown):
    """The tasks of its cluster that a client has shown."""

    def __init__(self, client: Client, every: float = 0.02, **how: Any) -> None:
        super().__init__()
        terminal = EmulatedTerminal()
        self.watch = watch(client, self.renderer, every=every, terminal=terminal, interval=0.01, budget=1.0, **how)

    def __enter__(self) -> There:
        self.tracker: Feed = self.watch.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.watch.__exit__(*error)


class Tasks(There):
    """The same without the row of what is computed."""

    def __init__(self, client: Client) -> None:
        super().__init__(client, graphs=False)


def test_tasks_and_lines(client: Client) -> None:
    """The tasks and lines of the workers are the client's."""
    with Tasks(client) as shown:
        shown.tracker.print("line of the client")
        assert client.gather(client.map(dask_jobs.square, range(4), pure=False)) == [0, 1, 4, 9]
        assert client.gather(client.map(dask_jobs.own, range(2), pure=False)) == [0, 1]
        client.submit(dask_jobs.forgotten, pure=False).result()
    expected = [(f"square {n}", "finished") for n in range(4)]
    expected += [(f"own {n}", "finished") for n in range(2)] + [("nested", "finished")] * 2
    assert sorted(shown.endings) == sorted([*expected, ("forgotten", "cancelled")])
    assert sorted(shown.renderer.lines) == ["line of 0", "line of 1", "line of the client"]
    assert shown.tracker.sources == ()


def test_retry(client: Client, tmp_path: Path) -> None:
    """A task that fails and is tried again is shown again."""
    with Tasks(client) as shown:
        assert client.submit(dask_jobs.fails_once, str(tmp_path), retries=1, pure=False).result() == "done"
    assert shown.endings == [("retried", "ValueError: the first time"), ("retried", "finished")]
    assert all(sum(view.description == "retried" for view in frame.tasks) <= 1 for frame in shown.renderer.frames)


def test_killed_worker(client: Client, tmp_path: Path) -> None:
    """The tasks of a killed worker are shown as lost, to every watcher, and shown again when Dask runs them again."""
    with Tasks(client) as outer, Tasks(client) as shown:
        victim = client.submit(dask_jobs.dies_once, str(tmp_path), pure=False)
        other = client.submit(dask_jobs.waits, str(tmp_path), "other", pure=False)
        shown.until(lambda: sorted(shown.live) == ["other", "victim"])
        (tmp_path / "shown").touch()
        shown.until(lambda: ("victim", "lost") in shown.endings)
        shown.until(lambda: sorted(shown.live) == ["other", "victim"])  # on the worker that Dask has started instead
        (tmp_path / "gate").touch()
        assert victim.result() == "done"
        assert other.result()
    expected = [("other", "finished"), ("victim", "finished"), ("victim", "lost")]
    assert sorted(shown.endings) == sorted(outer.endings) == expected
    assert all(len({view.description for view in frame.tasks}) == len(frame.tasks) for frame in shown.renderer.frames)


def test_nothing_left(client: Client) -> None:
    """After any number of watches the cluster is restored, and workers no longer report."""
    for _ in range(3):
        with There(client), There(client):
            assert len(client.run_on_scheduler(dask_jobs.left)) == 2  # a plugin there, and one for the workers
            assert client.submit(dask_jobs.square, 3, pure=False).result() == 9
    assert client.run_on_scheduler(dask_jobs.left) == []
    there = client.run(lambda dask_worker: [*dask_worker.plugins, *dask_worker.__dict__, *dask_worker.handlers])
    assert not [name for names in there.values() for name in names if "progresskit" in name or name == "execute"]
    assert client.submit(dask_jobs.quick, 3, pure=False).result() == 3


def test_plugin_gone(client: Client) -> None:
    """A worker that has removed the plugin, as one that closes does, logs no error when the watch ends."""
    with There(client):
        assert client.submit(dask_jobs.square, 3, pure=False).result() == 9
        client.run(dask_jobs.close_plugins)
    logged = client.run(dask_jobs.logged_errors)
    assert not [error for errors in logged.values() for error in errors]
    assert client.run_on_scheduler(dask_jobs.left) == []


def test_garbage(client: Client) -> None:
    """Messages that are not reports are dropped."""
    with Tasks(client) as shown:
        client.run(dask_jobs.garbage)
        assert client.submit(dask_jobs.square, 2, pure=False).result() == 4
    assert ("square 2", "finished") in shown.endings


def test_live_page(client: Client) -> None:
    """The cluster's tasks are on the live page of the watching process."""
    server = live.serve()
    try:
        with There(client):
            assert client.gather(client.map(dask_jobs.square, [31, 32], pure=False)) == [961, 1024]
        picture = json.loads(server.state.picture() or b"{}")
        assert {"square 31", "square 32"} <= {row["name"] for row in picture["ended"]}
    finally:
        live.stop()


def test_two_clients(client: Client, cluster: LocalCluster, tmp_path: Path) -> None:
    """Two users' watches on one cluster each see the tasks of all, and count what their own client waits for."""
    with Client(cluster, set_as_default=False) as other, There(client) as first:
        with There(other) as second:
            assert client.submit(dask_jobs.square, 5, pure=False).result() == 25
            assert other.gather(other.map(dask_jobs.square, [6, 7], pure=False)) == [36, 49]
        assert client.submit(dask_jobs.square, 8, pure=False).result() == 64
    names = {f"square {number}" for number in (5, 6, 7)}
    assert names <= {view.description for view in second.ended}
    assert {*names, "square 8"} <= {view.description for view in first.ended}
    assert counted(first) == 2
    assert counted(second) == 2


def counted(shown: Shown) -> float:
    """How many tasks the rows of what is computed have told of at their end."""
    return sum(view.completed for view in shown.ended if view.description == "computing")


def test_users_handlers(client: Client) -> None:
    """A user's handler on a worker's topic receives events during the watch and after it."""
    heard: list[Any] = []
    worker = next(iter(client.scheduler_info()["workers"]))
    client.subscribe_topic(worker, heard.append)
    with There(client) as shown:
        client.gather(client.map(dask_jobs.square, range(2), pure=False))
        client.log_event(worker, {"mine": 1})
        shown.until(lambda: {"mine": 1} in [event for _, event in heard])
    client.log_event(worker, {"mine": 2})
    shown.until(lambda: {"mine": 2} in [event for _, event in heard])
    client.unsubscribe_topic(worker)


def test_coroutines_and_threads(client: Client, tmp_path: Path) -> None:
    """Tasks of a coroutine task and of a task's threads belong to that task, and end with it."""
    with Tasks(client) as shown:
        futures = [
            client.submit(dask_jobs.coroutine, "coroutine", str(tmp_path), pure=False),
            client.submit(dask_jobs.threaded, "threaded", str(tmp_path), pure=False),
        ]
        names = ["coroutine", "coroutine, a part", "coroutine, its thread", "threaded, its thread's thread"]
        shown.until(lambda: sorted(shown.live) == names)
        (tmp_path / "gate").touch()
        client.gather(futures)
        shown.until(lambda: sorted(shown.endings) == [(name, "cancelled") for name in names])


def test_workers_own(client: Client) -> None:
    """What belongs to no Dask task goes to the client too."""
    with Tasks(client) as shown:
        client.run(dask_jobs.on_the_worker)
        shown.until(lambda: shown.live == ["the worker's own"] * 2)
        client.run(dask_jobs.on_the_worker_ended)
        shown.until(lambda: shown.endings == [("the worker's own", "finished")] * 2)


def test_no_drawing_in_workers(client: Client) -> None:
    """A tracker that a task makes for a terminal of the worker's is shown by the client."""
    with Tasks(client) as shown:
        client.submit(dask_jobs.named, pure=False).result()
    assert shown.endings == [("drawn over rows", "cancelled")]


def test_as_completed(client: Client) -> None:
    """`track(as_completed(futures))` counts the futures as they are done."""
    with Tasks(client) as shown:
        futures = client.map(dask_jobs.square, range(3), pure=False)
        done = track(as_completed(futures), "Done", total=3, keep=True)  # however soon they are done
        assert sorted(future.result() for future in done) == [0, 1, 4]
    assert ("Done", "finished") in shown.endings


def test_every_is_a_limit(client: Client) -> None:
    """No worker reports, and no client is notified, more often than every `every` seconds, whatever the tasks."""
    told: list[Any] = []
    began = time.monotonic()
    every = 0.2
    with There(client, every=every) as shown:
        hear = client._event_handlers[shown.watch._topic]
        client._event_handlers[shown.watch._topic] = lambda event: (told.append(event), hear(event))
        client.run_on_scheduler(dask_jobs.note_reports)
        client.gather(client.map(dask_jobs.quick, range(200), pure=False))
        reports = client.run_on_scheduler(dask_jobs.noted_reports)
    most = (time.monotonic() - began) / every + 2  # and the first, and the last
    assert reports
    assert all(reports.count(worker) <= most for worker in set(reports))
    assert 1 <= len(told) <= most


def test_worker_without_the_package(client: Client) -> None:
    """One warning names the worker and the remedy; the job continues, and the other worker is shown."""
    one, other = sorted(client.scheduler_info()["workers"])
    client.run(dask_jobs.hide_package, True, workers=[one])
    try:
        with (
            pytest.warns(ProgressWarning, match=re.escape(f"1 of the workers ({one}) cannot report")),
            Tasks(client) as shown,
        ):
            for number, worker in enumerate((one, other)):
                assert client.submit(dask_jobs.quick, number, workers=[worker], pure=False).result() == number
            assert client.submit(dask_jobs.loop, "shown", workers=[other], pure=False).result() == 3
    finally:
        client.run(dask_jobs.hide_package, False, workers=[one])
    assert ("shown", "finished") in shown.endings


def test_left_by_an_error(client: Client, tmp_path: Path) -> None:
    """Leaving by an error waits for nothing, and what runs is left running."""
    shown = There(client)
    futures = []
    with pytest.raises(ValueError, match="of the user's"), shown:
        futures.append(client.submit(dask_jobs.waits, str(tmp_path), "running", pure=False))
        shown.until(lambda: sorted(shown.live) == ["computing", "running"])
        raise ValueError("of the user's")
    assert sorted(shown.endings) == [("computing", "left running"), ("running", "left running")]
    (tmp_path / "gate").touch()
    client.gather(futures)
    shown.until(lambda: client.run_on_scheduler(dask_jobs.left) == [])


def test_client_closed_within(cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a client was closed within the block, leaving the block does not wait."""
    monkeypatch.setattr("progresskit_dask.watching.END_TIMEOUT", 3600.0)
    with Client(cluster, set_as_default=False) as other, Tasks(other) as shown:
        assert other.submit(dask_jobs.loop, "before", pure=False).result() == 3
        shown.until(lambda: ("before", "finished") in shown.endings)
        other.close()


def test_left_while_a_task_runs(client: Client, tmp_path: Path) -> None:
    """Leaving does not wait for a task that runs: it is left running."""
    with There(client) as shown:
        future = client.submit(dask_jobs.waits, str(tmp_path), "running", pure=False)
        shown.until(lambda: "running" in shown.live)
    assert sorted(shown.endings) == [("computing", "left running"), ("running", "left running")]
    (tmp_path / "gate").touch()
    future.result()


def test_graph(client: Client, tmp_path: Path) -> None:
    """A graph of delayed functions and one of a bag are counted to their end, without a `track` in them."""
    parts = [dask.delayed(dask_jobs.after_gate)(str(tmp_path), number) for number in range(4)]
    with There(client) as shown:
        future = client.compute(dask.delayed(sum)(parts))
        shown.until(lambda: shown.live == ["computing"])
        view = shown.renderer.frames[-1].tasks[0]
        assert (view.completed, view.total, view.unit) == (0, view.total, "task")
        (tmp_path / "gate").touch()
        assert future.result() == 6
    # A worker may still report the end of tasks of the test before.
    ends = [(view.state, view.completed, view.total) for view in shown.ended if view.description == "computing"]
    assert ends == [("finished", ends[0][-1], ends[0][-1])]
    with There(client) as shown:
        assert dask.bag.range(100, npartitions=10).map(abs).sum().compute() == 4950
    assert {view.state for view in shown.ended} <= {"finished"}


def test_graph_by_prefix(client: Client, tmp_path: Path) -> None:
    """With `graphs="prefix"` each key prefix has a row below, and the rows sum up."""
    with There(client, graphs="prefix") as shown:
        futures = client.map(dask_jobs.after_gate, [str(tmp_path)] * 3, pure=False)
        futures += client.map(dask_jobs.waits, [str(tmp_path)] * 2, ["x", "y"], pure=False)
        shown.until(lambda: {"computing", "after_gate", "waits"} <= set(shown.live))
        shown.until(lambda: sum(view.total or 0 for view in shown.renderer.frames[-1].tasks if view.depth) >= 5)
        (tmp_path / "gate").touch()
        client.gather(futures)
    assert counted(shown) == 5


def test_graph_from_before(client: Client, tmp_path: Path) -> None:
    """Keys that were submitted before the watch, and are not computed, count."""
    futures = client.map(dask_jobs.after_gate, [str(tmp_path)] * 3, range(3), pure=False)
    with There(client) as shown:
        shown.until(lambda: shown.live == ["computing"])
        (tmp_path / "gate").touch()
        assert client.gather(futures) == [0, 1, 2]
    assert counted(shown) == 3


def test_failed_graph(client: Client) -> None:
    """The row says how many tasks failed."""
    with There(client) as shown:
        futures = client.map(dask_jobs.fails, range(3), pure=False)
        client.gather(futures, errors="skip")
        shown.until(lambda: any(view.fields.get("failed") for frame in shown.renderer.frames for view in frame.tasks))
        shown.until(lambda: not shown.live)
    assert shown.endings == [("computing", "1 of 3 tasks failed")]


def test_cancelled_futures(client: Client, tmp_path: Path) -> None:
    """Futures that are cancelled leave the count."""
    with There(client) as shown:
        futures = client.map(dask_jobs.after_gate, [str(tmp_path)] * 6, range(6), pure=False)
        shown.until(lambda: shown.live == ["computing"])
        client.cancel(futures[2:])
        shown.until(lambda: shown.renderer.frames[-1].tasks[0].total == 2)
        (tmp_path / "gate").touch()
        assert client.gather(futures[:2]) == [0, 1]
    assert counted(shown) == 2


def finished(shown: Shown) -> dict[str, float]:
    """How far the tasks came that finished, by name; each name once."""
    ends = [(view.description, view.completed) for view in shown.ended if view.state == "finished"]
    assert len(dict(ends)) == len(ends)
    return dict(ends)


def test_started_by_tasks(client: Client) -> None:
    """Tasks that tasks start and wait for, in both of Dask's ways, are shown beside them, each once."""
    with Tasks(client) as shown:
        assert client.submit(dask_jobs.starts_others, 3, pure=False).result() == 9
        assert client.submit(dask_jobs.starts_others_in_place, 3, pure=False).result() == 12
    inner = {f"{kind} {number}": 3 for kind in ("inner", "placed") for number in range(3)}
    assert finished(shown) == {**inner, "after rejoin": 3, **({"outer": 3} if "outer" in finished(shown) else {})}
    assert {name for name, _ in shown.endings} == set(finished(shown))


def test_actors_and_forgotten_futures(client: Client) -> None:
    """The methods of an actor, and tasks whose futures have no references."""
    with Tasks(client) as shown:
        actor = client.submit(dask_jobs.Counter, actor=True, pure=False).result()
        assert [actor.add(number).result() for number in (3, 4)] == [3, 9]
        for number in range(3):
            fire_and_forget(client.submit(dask_jobs.loop, f"forgotten {number}", pure=False))
        shown.until(lambda: len(shown.endings) == 5)
    assert finished(shown) == {"actor 3": 3, "actor 4": 4, **{f"forgotten {number}": 3 for number in range(3)}}


def test_threads_within_a_task(client: Client) -> None:
    """Loops of a pool of threads within a task, of a generator, and of a coroutine task."""
    with Tasks(client) as shown:
        assert client.submit(dask_jobs.pool_within, pure=False).result() == 9
        assert client.submit(dask_jobs.generated, 4, pure=False).result() == 6
        assert client.submit(dask_jobs.asynchronous, 4, pure=False).result() == 6
    assert finished(shown) == {**{f"thread {number}": 3 for number in range(3)}, "generated": 4, "async": 4}


def test_queue_between_tasks(client: Client) -> None:
    """Two tasks that wait for each other by a queue."""
    with Tasks(client) as shown:
        consumer = client.submit(dask_jobs.consumes, "progress", 5, pure=False)
        client.submit(dask_jobs.produces, "progress", 5, pure=False).result()
        assert consumer.result() == 10
    assert {name: state for name, state in shown.endings if name == "producer"} == {"producer": "finished"}


def test_many_within_a_task(client: Client) -> None:
    """Loops that no report could show are counted, and two thousand lines arrive whole and in order."""
    with Tasks(client) as shown:
        client.gather(client.map(dask_jobs.many, [500] * 4, pure=False))
        client.submit(dask_jobs.words, 2_000, pure=False).result()
    lines = [line for line in shown.renderer.lines if line.startswith("x")]
    assert lines == ["x" * 100 + str(number) for number in range(2_000)]
    (told,) = [line for line in shown.renderer.lines if "4,000 items" in line]
    assert "2,000 tasks" in told


def test_watched_again(client: Client) -> None:
    """One `watch` can be entered again; a pure task that is computed already is not counted again."""
    shown = Tasks(client)
    for _ in range(2):
        with shown:
            future = client.submit(dask_jobs.loop, "pure")
            assert future.result() == 3
    assert finished(shown) == {"pure": 3}


def test_asynchronous_client(cluster: LocalCluster) -> None:
    """An asynchronous client is watched with `async with`, and a plain `with` is refused in a sentence."""
    shown = Shown()

    async def work() -> None:
        async with Client(cluster.scheduler_address, asynchronous=True, set_as_default=False) as client:
            with pytest.raises(TypeError, match="use `async with watch"):
                watch(client).__enter__()
            async with watch(
                client, shown.renderer, every=0.02, terminal=EmulatedTerminal(), interval=0.01, budget=1.0
            ):
                assert await client.submit(dask_jobs.square, 4, pure=False) == 16

    asyncio.run(work())
    assert ("square 4", "finished") in shown.endings
    assert counted(shown) == 1


def test_refusals(client: Client) -> None:
    """A wrong argument is refused at the call, with the value and what is allowed."""
    for wrong, sentence in (
        ({"every": 0}, "every is 0: give a number of seconds above 0"),
        ({"every": "soon"}, "every is 'soon', a str"),
        ({"graphs": "all"}, "graphs is 'all': give True, False or 'prefix'"),
    ):
        with pytest.raises((TypeError, ValueError), match=sentence):
            watch(client, **wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="give a dask"):
        watch("tcp://127.0.0.1:8786")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not asynchronous: use `with"):
        asyncio.run(watch(client).__aenter__())


@pytest.mark.parametrize("kind", ["array", "bag", "dataframe"])
def test_collections(client: Client, kind: str) -> None:
    """`compute()` of arrays, bags and dataframes is counted to its end, and by key prefix on demand."""
    if kind != "bag":
        pytest.importorskip("pandas" if kind == "dataframe" else "numpy", reason="CI's environment for Dask has it")
    there = There(client, graphs="prefix")
    there.renderer.records_ends = True  # a graph may be over between two frames: then no row of a prefix is seen
    with there as shown:
        if kind == "array":
            from dask import array

            assert array.ones((40, 10), chunks=(4, 10)).sum().compute() == 400
        elif kind == "bag":
            assert dask.bag.range(100, npartitions=10).map(abs).sum().compute() == 4950
        else:
            import pandas
            from dask import dataframe

            frame = dataframe.from_pandas(pandas.DataFrame({"rows": range(100)}), npartitions=10)
            assert frame["rows"].sum().compute() == 4950
    whole = [view for view in shown.ended if view.description == "computing"]
    unseen = [view for frame in shown.renderer.frames for view in frame.unseen]
    parts = [view for view in (*shown.ended, *unseen) if view.description != "computing"]
    assert [view.state for view in whole] == ["finished"]
    assert whole[0].completed == whole[0].total
    assert 10 <= whole[0].completed == sum(view.completed for view in parts)
