"""Claims about the Ray adapter, on a real local Ray of two processors."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("progresskit_ray", reason="the adapter is not installed in this environment")
pytest.importorskip("ray", reason="Ray is not installed in this environment")

import progresskit_ray
import ray
from progresskit_ray.collecting import name_of
from shown import Shown

from progresskit import ProgressWarning
from progresskit.processes.feed import Feed
from progresskit.testing import EmulatedTerminal

# What Ray itself leaves to be warned of: files and processes of its own.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
HERE = Path(__file__).parent


@pytest.fixture(scope="module", autouse=True)
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    hooked = tmp_path_factory.mktemp("hooked")

    def users_hook() -> None:
        (hooked / str(os.getpid())).touch()

    patch = pytest.MonkeyPatch()
    sessions = Path(tempfile.mkdtemp(prefix="ray-"))  # pytest's own folders have names too long for a socket
    patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    patch.setenv("RAY_AUTH_MODE", "disabled")  # else it writes a token into the home folder
    patch.setenv("RAY_raylet_start_wait_time_s", "240")  # a busy machine takes its time
    patch.setenv("RAY_gcs_server_request_timeout_seconds", "240")
    folders = os.pathsep.join((str(HERE), str(HERE.parents[1])))
    for attempt in range(4):  # Ray gives its processes thirty seconds, which a busy machine may not keep
        try:
            ray.init(
                num_cpus=2,
                include_dashboard=False,
                log_to_driver=False,
                logging_level="error",
                _temp_dir=str(sessions),
                _node_ip_address="127.0.0.1",
                runtime_env=progresskit_ray.runtime_env(
                    env_vars={"PYTHONPATH": folders}, worker_process_setup_hook=users_hook
                ),
            )
            break
        except Exception as error:
            if attempt == 3 or "timed out" not in str(error):
                raise
            ray.shutdown()
    patch.setattr("progresskit_ray.watching.END_TIMEOUT", 60.0)
    yield
    ray.shutdown()
    patch.undo()
    shutil.rmtree(sessions, ignore_errors=True)
    assert list(hooked.iterdir())  # the user's own hook has been called


@pytest.fixture
def jobs() -> Any:
    import ray_jobs

    return ray_jobs


class There(Shown):
    """The tasks of its workers that a driver has shown."""

    def __init__(self, every: float = 0.02) -> None:
        super().__init__()
        terminal = EmulatedTerminal()
        self.watch = progresskit_ray.watch(self.renderer, every=every, terminal=terminal, interval=0.01, budget=1.0)

    def __enter__(self) -> There:
        self.tracker: Feed = self.watch.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.watch.__exit__(*error)


def test_tasks_and_lines(jobs: Any) -> None:
    """The driver shows the tasks and lines of the workers, and tasks that are never ended end with their Ray task."""
    with There() as shown:
        assert ray.get([jobs.square.remote(number) for number in range(4)]) == [0, 1, 4, 9]
        assert ray.get([jobs.own.remote(number) for number in range(2)]) == [0, 1]
        ray.get(jobs.forgotten.remote())
        assert [ray.get(item) for item in jobs.numbers.options(num_returns="streaming").remote()] == [1, 2, 3]
        with pytest.raises(ValueError, match="of no use"):
            ray.get(jobs.fails.remote())
    expected = [(f"square {number}", "finished") for number in range(4)]
    expected += [(f"own {number}", "finished") for number in range(2)]
    expected += [("forgotten", "cancelled"), ("of a thread", "cancelled"), ("generated", "finished")]
    assert sorted(shown.endings) == sorted([*expected, ("failing", "ValueError: of no use")])
    assert sorted(shown.renderer.lines) == ["line of 0", "line of 1"]


def test_many_short_tasks(jobs: Any) -> None:
    """However many short tasks there are, no worker reports more often than each `every` seconds, each task is accounted for, and
    nothing is left."""
    with There(every=0.1) as shown:
        received: list[str] = []
        receive = shown.watch._receive
        shown.watch._receive = lambda reports, lost: (
            received.extend(report[0] for report in reports),
            receive(reports, lost),
        )
        began = time.monotonic()
        ray.get([jobs.quick.remote(number) for number in range(200)])
    most = (time.monotonic() - began) / 0.1 + 3
    assert received
    assert all(received.count(worker) <= most for worker in set(received))
    assert shown.tracker.sources == ()
    counted = sum(int(found[1]) for line in shown.renderer.lines if (found := re.search(r"(\d+) tasks?\b", line)))
    own = sum(name == "quick" for name, _ in shown.endings)
    assert counted <= 200 <= counted + own  # those with a line of their own are in the count as well


def test_tasks_before_any_report(jobs: Any) -> None:
    """Tasks that end before their worker has reported at all are counted, at the end at the latest."""
    with There(every=60.0) as shown:
        ray.get([jobs.quick.remote(number) for number in range(3)])
    assert any("3 tasks, 15 items in" in line for line in shown.renderer.lines), (shown.renderer.lines, shown.endings)


def test_actors(jobs: Any, tmp_path: Path) -> None:
    """The methods of actors are seen, asynchronous ones side by side, and an actor that ends at once loses nothing."""
    with There() as shown:
        asynchronous = jobs.Asynchronous.remote()
        refs = [asynchronous.count.remote(name, str(tmp_path)) for name in ("left", "right")]
        shown.until(lambda: sorted(shown.live) == ["left", "right"])
        (tmp_path / "gate").touch()
        ray.get(refs)
        shown.until(lambda: sorted(shown.endings) == [("left", "cancelled"), ("right", "cancelled")])
        assert ray.get(jobs.Counter.remote().count.remote("of an actor that goes")) == 4
        shown.until(lambda: ("of an actor that goes", "finished") in shown.endings)


def test_killed_worker(jobs: Any, tmp_path: Path) -> None:
    """The tasks of a killed worker are shown as lost at once; a task that Ray tries again is shown again."""
    with There() as shown:
        ref = jobs.dies.remote(str(tmp_path))
        shown.until(lambda: shown.live == ["victim"])
        (tmp_path / "gate").touch()
        shown.until(lambda: shown.endings == [("victim", "lost")])
        with pytest.raises(ray.exceptions.WorkerCrashedError):
            ray.get(ref)
        (tmp_path / "gate").unlink()
        again = jobs.dies_once.remote(str(tmp_path))
        shown.until(lambda: shown.live == ["tried again"])
        (tmp_path / "gate").touch()
        assert ray.get(again) == "done"
    assert shown.endings[1:] == [("tried again", "lost"), ("tried again", "finished")]


def test_cancelled(jobs: Any, tmp_path: Path) -> None:
    """A Ray task that is cancelled is shown so, and one that is cancelled by force is lost."""
    with There() as shown:
        ref = jobs.waits.remote(str(tmp_path), "cancelled")
        shown.until(lambda: shown.live == ["cancelled"])
        ray.cancel(ref)
        with pytest.raises((ray.exceptions.TaskCancelledError, ray.exceptions.RayTaskError)):
            ray.get(ref)
        shown.until(lambda: [name for name, _ in shown.endings] == ["cancelled"])
        assert shown.ended[0].state == "cancelled"
        forced = jobs.waits.remote(str(tmp_path), "forced")
        shown.until(lambda: shown.live == ["forced"])
        ray.cancel(forced, force=True)
        shown.until(lambda: shown.endings[1:] == [("forced", "lost")])


def test_leaving(jobs: Any, tmp_path: Path) -> None:
    """What runs on is left running, also where an error leaves; nothing remains in Ray, and the next watch sees it again."""
    with There() as shown:
        ref = jobs.waits.remote(str(tmp_path), "long")
        shown.until(lambda: shown.live == ["long"])
    assert shown.endings == [("long", "left running")]
    with pytest.raises(ValueError, match=r"no actor|Failed to look up"):
        ray.get_actor(name_of(ray.get_runtime_context().get_job_id()))
    failing = There()
    with pytest.raises(ValueError, match="of the user's"), failing:
        other = jobs.waits.remote(str(tmp_path), "other")
        failing.until(lambda: "other" in failing.live)
        raise ValueError("of the user's")
    assert ("other", "left running") in failing.endings
    (tmp_path / "gate").touch()
    assert ray.get([ref, other]) == ["long", "other"]
    with There() as shown:
        assert ray.get(jobs.square.remote(3)) == 9
    assert shown.endings == [("square 3", "finished")]


def test_without_a_watch(jobs: Any) -> None:
    """Without a watch, nothing is reported later."""
    assert ray.get(jobs.square.remote(2)) == 4
    with There() as shown:
        pass
    assert shown.endings == []


def test_refusals() -> None:
    """A wrong argument is refused at the call, with the value and what is allowed; so is a second watch of one job."""
    with pytest.raises(ValueError, match="every is 0: give a number of seconds above 0"):
        progresskit_ray.watch(every=0)
    with pytest.raises(TypeError, match="every is 'soon', a str"):
        progresskit_ray.watch(every="soon")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"worker_process_setup_hook is 'mine\.hook', a str"):
        progresskit_ray.runtime_env(worker_process_setup_hook="mine.hook")
    with There(), pytest.raises(RuntimeError, match="watched already"), There():
        pass


def test_started_without_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Ray was started without the hook, one sentence says so, and what to do."""

    class Context:
        runtime_env: dict[str, Any] = {}

        def get_job_id(self) -> str:
            return "another"

    monkeypatch.setattr(ray, "get_runtime_context", Context)
    with pytest.warns(ProgressWarning, match="use ray.init"), There():
        pass


def test_shut_down_within() -> None:
    """Leaving a block that has shut Ray down does not start Ray again. The last test here: the others need Ray."""
    with There():
        ray.shutdown()
    assert not ray.is_initialized()
