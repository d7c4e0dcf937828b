"""Claims about the Dask adapter, on a real cluster of two processes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("progresskit_dask", reason="the adapter is not installed in this environment")

import dask_jobs
from distributed import Client, LocalCluster
from progresskit_dask import watch
from shown import Shown

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
def client() -> Iterator[Client]:
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=logging.CRITICAL
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(2)
        yield client


class There(Shown):
    """What a client has shown of its cluster's work."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.watch = watch(client, self.renderer, every=0.02, terminal=EmulatedTerminal(), interval=0.01, budget=1.0)

    def __enter__(self) -> There:
        self.tracker: Feed = self.watch.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.watch.__exit__(*error)


def test_the_tasks_and_lines_of_the_workers_are_the_clients(client: Client) -> None:
    with There(client) as shown:
        shown.tracker.print("line of the client")
        assert client.gather(client.map(dask_jobs.square, range(4), pure=False)) == [0, 1, 4, 9]
        assert client.gather(client.map(dask_jobs.own, range(2), pure=False)) == [0, 1]
        client.submit(dask_jobs.forgotten, pure=False).result()
    expected = [(f"square {n}", "finished") for n in range(4)]
    expected += [(f"own {n}", "finished") for n in range(2)] + [("nested", "finished")] * 2
    assert sorted(shown.endings) == sorted([*expected, ("forgotten", "cancelled")])
    assert sorted(shown.renderer.lines) == ["line of 0", "line of 1", "line of the client"]
    assert shown.tracker.sources == ()


def test_a_task_that_fails_and_is_tried_again_is_shown_anew(client: Client, tmp_path: Path) -> None:
    with There(client) as shown:
        assert client.submit(dask_jobs.fails_once, str(tmp_path), retries=1, pure=False).result() == "done"
    assert shown.endings == [("retried", "the loop was left by an error"), ("retried", "finished")]
    assert all(sum(view.description == "retried" for view in frame.tasks) <= 1 for frame in shown.renderer.frames)


def test_what_a_killed_worker_was_at_is_lost_and_shown_anew_where_it_runs_again(client: Client, tmp_path: Path) -> None:
    with There(client) as shown:
        victim = client.submit(dask_jobs.dies_once, str(tmp_path), pure=False)
        other = client.submit(dask_jobs.waits, str(tmp_path), "other", pure=False)
        shown.until(lambda: sorted(shown.live) == ["other", "victim"])
        (tmp_path / "shown").touch()
        shown.until(lambda: ("victim", "lost") in shown.endings)
        shown.until(lambda: sorted(shown.live) == ["other", "victim"])  # on the worker that Dask has started instead
        (tmp_path / "gate").touch()
        assert victim.result() == "done"
        assert other.result()
    assert sorted(shown.endings) == [("other", "finished"), ("victim", "finished"), ("victim", "lost")]
    assert all(len({view.description for view in frame.tasks}) == len(frame.tasks) for frame in shown.renderer.frames)


def test_without_a_watcher_workers_have_nobody_to_tell(client: Client) -> None:
    with There(client):
        pass
    assert client.submit(dask_jobs.square, 3, pure=False).result() == 9
    plugins = client.run(lambda dask_worker: [name for name in dask_worker.plugins if "progresskit" in name])
    assert list(plugins.values()) == [[], []]


def test_what_is_no_frame_is_dropped(client: Client) -> None:
    with There(client) as shown:
        topic = [name for name in client._event_handlers if name.startswith("progresskit-")][-1]
        for message in (None, "text", {}, {"source": [1, 2, 3], "worker": "w", "frame": "{}"}, {"source": "ab"}):
            client.log_event(topic, message)
        assert client.submit(dask_jobs.square, 2, pure=False).result() == 4
    assert ("square 2", "finished") in shown.endings
