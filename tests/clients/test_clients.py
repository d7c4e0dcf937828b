"""Each client with its real library; skipped, with a reason, if that is not installed."""

from __future__ import annotations

import ast
import gc
import importlib.util
import inspect
import io
import os
import sqlite3
import subprocess
import sys
import textwrap
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from needed import need, need_installed, need_torch

from progresskit import open_file, wrap_file


def double(number: int) -> int:
    return 2 * number


# Parallel calls


@pytest.mark.parametrize("jobs", [1, 2])
def test_joblib(tracked: Any, jobs: int) -> None:
    """joblib: lists and generators, with one job and two; an error is joblib's."""
    joblib = need("joblib")
    from progresskit.clients.joblib import Parallel

    calls = [joblib.delayed(double)(number) for number in range(12)]
    assert Parallel(n_jobs=jobs, description="Calls")(calls) == list(range(0, 24, 2))
    generated = Parallel(n_jobs=jobs, return_as="generator", total=12)(each for each in calls)
    assert list(generated) == list(range(0, 24, 2))
    with pytest.raises(TypeError):
        Parallel(n_jobs=jobs)([joblib.delayed(double)(None)])
    assert [each[1:] for each in tracked.ended()] == [(12, 12, "finished"), (12, 12, "finished"), (0, 1, "failed")]
    assert tracked.added[0].description == "Calls"


@pytest.mark.parametrize("jobs", [1, 2])
def test_sklearn(tracked: Any, jobs: int) -> None:
    """scikit-learn: the fits of a search count in worker processes too."""
    need("sklearn.callback")
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from sklearn.model_selection import GridSearchCV  # type: ignore[import-not-found,import-untyped,unused-ignore]

    from progresskit.clients.sklearn import ProgressCallback

    rows = [[number % 7, number % 3] for number in range(60)]
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0, 10.0]}, cv=3, n_jobs=jobs)
    search.set_callbacks(ProgressCallback("Search"))
    search.fit(rows, [number % 2 for number in range(60)])
    (task,) = tracked.added
    assert (task.description, task.state) == ("Search", "finished")
    assert task.completed == task.total > 0


def test_optuna(tracked: Any) -> None:
    """Optuna: trials count, those that fail too, from two threads."""
    optuna = need("optuna")
    from progresskit.clients.optuna import ProgressCallback

    optuna.logging.set_verbosity(optuna.logging.CRITICAL)

    def objective(trial: Any) -> float:
        if trial.number == 3:
            raise ValueError("no such trial")
        return float(trial.suggest_float("x", -1, 1) ** 2)

    with ProgressCallback(12) as progress:
        optuna.create_study().optimize(objective, n_trials=12, n_jobs=2, callbacks=[progress], catch=(ValueError,))
    assert tracked.ended() == [("Trials", 12, 12, "finished")]
    assert "best" in tracked.added[0].fields


def test_xgboost(tracked: Any) -> None:
    """XGBoost: rounds count, scores are shown beside them, and an early stop is not a failure."""
    xgboost = need("xgboost")
    numpy = need("numpy")
    from progresskit.clients.xgboost import ProgressCallback

    data = xgboost.DMatrix(numpy.arange(40.0).reshape(20, 2), label=[0, 1] * 10)
    model = xgboost.train(
        {"max_depth": 1}, data, 10, evals=[(data, "train")], verbose_eval=False, callbacks=[ProgressCallback(10)]
    )
    assert model.num_boosted_rounds() == 10
    stopped = ProgressCallback(500)
    xgboost.train(
        {"max_depth": 1, "nthread": 1}, data, 500, evals=[(data, "train")], verbose_eval=False, early_stopping_rounds=1,
        callbacks=[stopped],
    )  # fmt: skip
    assert tracked.ended()[0] == ("Rounds", 10, 10, "finished")
    assert "train-rmse" in tracked.added[0].fields
    assert tracked.added[1].state in ("finished", "cancelled")


def test_lightgbm(tracked: Any) -> None:
    """LightGBM: rounds count, and scores are shown beside them."""
    lightgbm = need("lightgbm")
    numpy = need("numpy")
    from progresskit.clients.lightgbm import ProgressCallback

    data = lightgbm.Dataset(numpy.random.default_rng(1).random((60, 2)), label=[0, 1] * 30)
    options = {"objective": "binary", "verbose": -1, "num_threads": 1, "min_data_in_leaf": 1}
    lightgbm.train(options, data, 10, valid_sets=[data], callbacks=[ProgressCallback()])
    assert tracked.ended() == [("Rounds", 10, 10, "finished")]
    stop = lightgbm.early_stopping(2, min_delta=10.0, verbose=False)
    other = lightgbm.Dataset(numpy.random.default_rng(2).random((60, 2)), label=[0, 1] * 30, reference=data)
    lightgbm.train(options, data, 500, valid_sets=[other], callbacks=[ProgressCallback(), stop])
    assert (tracked.added[1].completed, tracked.added[1].reason) == (3, "stopped early")
    assert "training-binary_logloss" in tracked.added[0].fields


def test_lightgbm_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A callback whose arguments are refused says so, and nothing more when it is deleted."""
    from progresskit.clients.lightgbm import ProgressCallback

    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    arguments: Any = ("Rounds", "round")
    with pytest.raises(TypeError, match="positional"):
        ProgressCallback(*arguments)
    gc.collect()
    assert unraisable == []


def printed_by(program: str, **variables: str) -> str:
    """Return what `program`, which trains within a tracker called `tracked`, prints in a Python of its own: trainers keep threads."""
    code = f"from conftest import Tracked\nwith Tracked() as tracked:\n{textwrap.indent(program, '    ')}"
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "PYTHONWARNINGS": "ignore", **variables}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, timeout=250)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


KERAS = """
import keras, numpy
from progresskit.clients.keras import ProgressCallback
model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
model.compile(loss="mse")
model.fit(numpy.zeros((12, 2)), numpy.zeros(12), batch_size=4, epochs=2, verbose=0, callbacks=[ProgressCallback()])
print(tracked.ended(), *tracked.added[0].fields)
"""


@pytest.mark.slow  # jax is compiled
def test_keras() -> None:
    """Keras, over jax (which does not like forks): epochs count, batches below them."""
    need_installed("jax", "keras")
    assert printed_by(KERAS, KERAS_BACKEND="jax") == (
        "[('Epochs', 2, 2, 'finished'), ('epoch 1', 3, 3, 'finished'), ('epoch 2', 3, 3, 'finished')] loss\n"
    )


TRAINER = """
import tempfile, torch
from transformers import Trainer, TrainingArguments
from progresskit.clients.transformers import ProgressCallback

class Line(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def forward(self, x, labels=None):
        return {"loss": torch.nn.functional.mse_loss(self.layer(x), labels), "logits": self.layer(x)}

rows = [{"x": torch.ones(1), "labels": torch.ones(1)} for _ in range(8)]
with tempfile.TemporaryDirectory() as folder:
    options = TrainingArguments(
        folder, num_train_epochs=2, per_device_train_batch_size=2, per_device_eval_batch_size=4, logging_steps=4, eval_strategy="epoch",
        disable_tqdm=True, report_to=[], save_strategy="no", use_cpu=True,
    )
    Trainer(Line(), options, train_dataset=rows, eval_dataset=rows, callbacks=[ProgressCallback()]).train()
print(tracked.ended(), file=__import__("sys").stderr)
assert [task[:3] for task in tracked.ended()] == [("Training", 8, 8), ("Evaluation", 2, 2), ("Evaluation", 2, 2)]
assert {task.state for task in tracked.added} == {"finished"} and "loss" in tracked.added[0].fields
"""


@pytest.mark.slow  # torch is imported
def test_trainer() -> None:
    """Transformers' own trainer, where there is torch: steps count, evaluations below them."""
    need_installed("transformers")
    need_torch("accelerate")
    printed_by(TRAINER)


LIGHTNING = """
import lightning.pytorch, logging, sys, torch
from progresskit.clients.lightning import ProgressCallback
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

class Line(lightning.pytorch.LightningModule):
    fails = False

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch, number):
        if self.fails:
            raise ValueError("no such row")
        loss = self.layer(batch).square().mean()
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch, number):
        self.log("seen", 1.0, prog_bar=True)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

def fit(line):
    rows = torch.utils.data.DataLoader(torch.ones(6, 1), batch_size=2)
    trainer = lightning.pytorch.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[ProgressCallback()], default_root_dir=sys.argv[0],
    )
    trainer.fit(line, rows, torch.utils.data.DataLoader(torch.ones(4, 1), batch_size=2))

fit(Line())
validation = ("Validation", 2, 2, "finished")
assert tracked.ended() == [
    ("Epochs", 2, 2, "finished"), ("epoch 1", 3, 3, "finished"), validation, ("epoch 2", 3, 3, "finished"), validation,
], tracked.ended()
assert "loss" in tracked.added[0].fields
line = Line()
line.fails = True
try:
    fit(line)
except ValueError:
    assert [task.state for task in tracked.added[-2:]] == ["failed", "failed"]
else:
    raise AssertionError("the error is gone")
"""


@pytest.mark.slow  # torch is imported
def test_lightning_trainer() -> None:
    """Lightning's own trainer, where there is torch: epochs count, batches and validations below them; an error fails them."""
    need_torch("lightning", "torchmetrics")
    printed_by(LIGHTNING)


def test_transformers(tracked: Any) -> None:
    """Transformers, whose trainer needs torch: the callback is driven by its own `CallbackHandler`, of the version that is here."""
    need("transformers")
    from transformers import TrainerControl, TrainerState  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from transformers.trainer_callback import (
        CallbackHandler,  # type: ignore[import-not-found,import-untyped,unused-ignore]
    )

    from progresskit.clients.transformers import ProgressCallback

    state, control = TrainerState(max_steps=4, is_world_process_zero=True), TrainerControl()
    handler = CallbackHandler([ProgressCallback()], None, None, None, None)
    handler.eval_dataloader = range(2)
    handler.on_train_begin(None, state, control)
    for state.global_step in range(1, 5):
        handler.on_step_end(None, state, control)
    handler.on_log(None, state, control, {"loss": 0.25, "epoch": 1.0})
    for _ in range(2):
        handler.on_prediction_step(None, state, control)
    handler.on_evaluate(None, state, control, {})
    handler.on_train_end(None, state, control)
    assert tracked.ended() == [("Training", 4, 4, "finished"), ("Evaluation", 2, 2, "finished")]
    assert dict(tracked.added[0].fields) == {"loss": "0.25"}


class _Published:
    """Stands for Lightning's `Callback`, which imports torch: its hooks by the names and parameters of the source that is here."""


def _hooks(source: Path) -> dict[str, list[str]]:
    """Return the hooks of Lightning's `Callback`, with the names of their parameters, from its source."""
    tree = ast.parse(source.read_text("utf-8"))
    (callback,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Callback"]
    functions = [node for node in callback.body if isinstance(node, ast.FunctionDef)]
    return {function.name: [each.arg for each in function.args.args] for function in functions}


def test_lightning(tracked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning, which needs torch: the callback has the hooks of the version that is here (2.6.6 was read), and counts by them."""
    need_installed("lightning")
    found = importlib.util.find_spec("lightning")
    assert found is not None and found.origin is not None
    published = _hooks(Path(found.origin).parent / "pytorch" / "callbacks" / "callback.py")
    for name in ("lightning", "lightning.pytorch", "lightning.pytorch.callbacks"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setattr(sys.modules["lightning.pytorch.callbacks"], "Callback", _Published, raising=False)
    from progresskit.clients.lightning import ProgressCallback

    own = {name: value for name, value in vars(ProgressCallback).items() if name.startswith("on_")}
    assert {name: [*inspect.signature(value).parameters] for name, value in own.items()} == {
        name: published[name] for name in own
    }
    trainer = types.SimpleNamespace(
        is_global_zero=True, max_epochs=2, current_epoch=0, num_training_batches=3, num_val_batches=[2], sanity_checking=False,
        progress_bar_metrics={"loss": 0.25},
    )  # fmt: skip
    callback = ProgressCallback()
    callback.on_train_start(trainer, None)
    for trainer.current_epoch in range(2):
        callback.on_train_epoch_start(trainer, None)
        for number in range(3):
            callback.on_train_batch_end(trainer, None, None, None, number)
        callback.on_validation_start(trainer, None)
        for number in range(2):
            callback.on_validation_batch_end(trainer, None, None, None, number)
        callback.on_validation_end(trainer, None)
        callback.on_train_epoch_end(trainer, None)
    callback.on_train_end(trainer, None)
    epoch = [("Validation", 2, 2, "finished")]
    assert tracked.ended() == [
        ("Epochs", 2, 2, "finished"), ("epoch 1", 3, 3, "finished"), *epoch, ("epoch 2", 3, 3, "finished"), *epoch,
    ]  # fmt: skip
    assert dict(tracked.added[0].fields) == {"loss": "0.25"}
    callback.on_train_start(trainer, None)
    callback.on_exception(trainer, None, ValueError("no"))
    assert tracked.added[-1].state == "failed"
    monkeypatch.delitem(sys.modules, "progresskit.clients.lightning")


# Data


def test_duckdb(tracked: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """DuckDB: the result is the query's, and no bar of its own is drawn."""
    duckdb = need("duckdb")
    from progresskit.clients.duckdb import track_query

    connection = duckdb.connect()
    query = "SELECT count(*) FROM range(2000000) AS a JOIN range(3) AS b ON a.range % 3 = b.range"
    assert track_query(connection, query).fetchall() == [(2_000_000,)]
    assert track_query(connection, "SELECT ?", [7], description="Small").fetchone() == (7,)
    with pytest.raises(duckdb.Error):
        track_query(connection, "SELECT nothing FROM nowhere")
    states = [(task.description, task.completed, task.state) for task in tracked.added]
    assert states[:2] == [("Query", 100, "finished"), ("Small", 100, "finished")] and states[2][2] == "failed"
    assert capfd.readouterr() == ("", "")


def test_pandas(tracked: Any, tmp_path: Path) -> None:
    """pandas: bytes read and written, with each engine, and `progress_apply`."""
    pandas = need("pandas")
    frame = pandas.DataFrame({"number": range(5000), "text": ["some text"] * 5000})
    path = tmp_path / "rows.csv"
    with path.open("wb") as file, tracked.add_task("to_csv", unit="B") as task:
        frame.to_csv(wrap_file(file, task), index=False)
    size = path.stat().st_size
    assert task.completed == size
    engines = ["c", "python"]
    for engine in engines:
        with open_file(path, description=engine) as file:
            assert len(pandas.read_csv(file, engine=engine)) == 5000
    with open_file(path, description="chunks") as file:
        assert sum(len(chunk) for chunk in pandas.read_csv(file, chunksize=1000)) == 5000
    assert [each[1:] for each in tracked.ended()[1:]] == [(size, size, "finished")] * 3
    from progresskit.tqdm import tqdm

    shown = io.StringIO()
    tqdm.pandas(desc="apply", file=shown)
    assert frame["number"].progress_apply(double).sum() == 2 * frame["number"].sum()
    assert "apply: 100%" in shown.getvalue()


def test_pyarrow(tracked: Any, tmp_path: Path) -> None:
    """pyarrow: batches of a Parquet file count as rows."""
    need("pyarrow.parquet")
    import pyarrow  # type: ignore[import-not-found,import-untyped,unused-ignore]
    import pyarrow.parquet as parquet  # type: ignore[import-not-found,import-untyped,unused-ignore]

    path = str(tmp_path / "rows.parquet")
    parquet.write_table(pyarrow.table({"number": list(range(5000))}), path)
    file = parquet.ParquetFile(path)
    with tracked.add_task("rows", total=file.metadata.num_rows, unit="row") as task:
        for batch in file.iter_batches(batch_size=700):
            task.advance(batch.num_rows)
    assert tracked.ended() == [("rows", 5000, 5000, "finished")]


def test_polars(tracked: Any) -> None:
    """polars: batches of a lazy frame count as rows."""
    polars = need("polars")
    lazy = polars.LazyFrame({"number": range(5000)}).with_columns(polars.col("number") * 2)
    with tracked.add_task("rows", total=5000, unit="row") as task:
        for batch in lazy.collect_batches(chunk_size=1000):
            task.advance(batch.height)
    assert tracked.ended() == [("rows", 5000, 5000, "finished")]


def test_sqlite(tracked: Any) -> None:
    """The standard library's backup of a database: pages that are left."""
    source = sqlite3.connect(":memory:")
    source.execute(
        "CREATE TABLE numbers AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) SELECT i FROM n"
    )
    source.commit()
    target = sqlite3.connect(":memory:")
    with tracked.add_task("backup", unit="page") as task:
        source.backup(target, pages=5, progress=lambda _, left, total: task.report(total - left, total))
    assert task.completed == task.total > 10
    source.close()
    target.close()


# Files elsewhere


def test_fsspec(tracked: Any, tmp_path: Path, served: Any) -> None:
    """fsspec: files as parent, bytes as children, over HTTP; one file by itself; a local tree with a folder in it."""
    fsspec = need("fsspec")
    need("aiohttp")
    from serving import BODY

    from progresskit.clients.fsspec import ProgressCallback

    http = fsspec.filesystem("http")
    with ProgressCallback("Download") as callback:
        http.get(
            [f"{served.url}/{name}.bin" for name in "ab"], [str(tmp_path / name) for name in "ab"], callback=callback
        )
    assert (tmp_path / "a").read_bytes() == BODY
    parent, *children = tracked.added
    assert (parent.completed, parent.total, parent.state, parent.unit) == (2, 2, "finished", "file")
    assert sorted((task.description, task.completed, task.state) for task in children) == [
        ("a.bin", len(BODY), "finished"), ("b.bin", len(BODY), "finished"),
    ]  # fmt: skip
    assert {task.parent for task in children} == {parent}
    with ProgressCallback("One") as callback:
        http.get_file(f"{served.url}/one.bin", str(tmp_path / "one"), callback=callback)
    one = tracked.added[-1]
    assert (one.completed, one.total, one.state, one.unit) == (len(BODY), len(BODY), "finished", "B")
    tree = tmp_path / "tree" / "below"
    tree.mkdir(parents=True)
    (tree / "file").write_bytes(BODY)
    fsspec.filesystem("memory").put(str(tmp_path / "tree"), "/tree", recursive=True, callback=ProgressCallback("Tree"))
    assert not [task for task in tracked.added if task.description == "below" and task.completed]


def test_fsspec_fails(tracked: Any, tmp_path: Path) -> None:
    """A transfer that fails raises fsspec's error, and shows that it failed."""
    fsspec = need("fsspec")
    from progresskit.clients.fsspec import ProgressCallback

    with pytest.raises(FileNotFoundError), ProgressCallback("Nothing") as callback:
        callback.set_size(3)
        fsspec.filesystem("memory").get_file("/no/such/file", str(tmp_path / "file"), callback=callback)
    assert tracked.added[0].state == "failed"


# Bars of others


def test_rich(tracked: Any) -> None:
    """rich: `track` and `Progress` draw here after `patch`, and are rich's again after `unpatch`."""
    rich = need("rich.progress")
    from progresskit.clients.rich import patch, unpatch

    own = rich.track, rich.Progress
    patch()
    try:
        assert list(rich.track([1, 2, 3], "[red]Loop")) == [1, 2, 3]
        with rich.Progress(rich.DownloadColumn()) as progress:
            number = progress.add_task("[bold]Download[/]", total=1000, speed="[green]slow")
            progress.update(number, advance=300, description="Download [2]")
            progress.advance(number, 200)
            assert (progress.tasks[0].completed, progress.tasks[0].percentage, progress.finished) == (500, 50, False)
            progress.reset(number)
            progress.update(number, completed=1000)
            waiting = progress.add_task("Waiting", start=False)
        assert waiting != number
        with pytest.raises(ValueError), rich.Progress() as progress:
            progress.add_task("Broken")
            raise ValueError("no")
    finally:
        unpatch()
    assert (rich.track, rich.Progress) == own
    assert tracked.ended() == [
        ("Loop", 3, 3, "finished"), ("Download [2]", 1000, 1000, "finished"), ("Waiting", 0, 100, "cancelled"),
        ("Broken", 0, 100, "failed"),
    ]  # fmt: skip
    assert (tracked.added[1].unit, dict(tracked.added[1].fields)) == ("B", {"speed": "slow"})


def test_rich_strangers(tracked: Any, tmp_path: Path) -> None:
    """Programs for rich that are patched after they have imported it: subclasses, files, threads, rows that come and go.

    Bars within another picture, or on another stream, are drawn by rich.
    """
    rich = need("rich.progress")
    from rich.console import Console, Group  # type: ignore[import-not-found,unused-ignore]
    from rich.live import Live  # type: ignore[import-not-found,unused-ignore]
    from rich.panel import Panel  # type: ignore[import-not-found,unused-ignore]

    from progresskit.clients.rich import patch, unpatch

    class Framed(rich.Progress):  # type: ignore[misc,name-defined,unused-ignore]
        def get_renderables(self) -> Any:
            yield Panel(self.make_tasks_table(self.tasks))

    early_progress, early_track, elsewhere = rich.Progress, rich.track, io.StringIO()
    path = tmp_path / "file"
    path.write_bytes(bytes(5000))
    patch()
    try:
        assert list(early_track(range(3), "Early")) == [0, 1, 2]
        with early_progress(
            rich.TextColumn("{task.fields[name]}"), rich.BarColumn(), rich.MofNCompleteColumn()
        ) as progress:
            assert list(progress.track([1, 2, 3], description="Method")) == [1, 2, 3]
            number = progress.add_task("Rows", total=None, name="x")
            progress.update(number, total=4, name="y")
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda _: progress.advance(number), range(4)))
            assert progress.tasks[-1].fields == {"name": "y"} and progress.tasks[-1].finished
            hidden = progress.add_task("Hidden", visible=False, total=2)
            progress.update(hidden, visible=True, advance=1)
            progress.update(hidden, visible=False)
            progress.console.print("[b]words")
        by_hand = early_progress(transient=True)
        by_hand.add_task("Before the start", total=1, completed=1)
        by_hand.start()
        by_hand.stop()
        with rich.open(path, "rb", description="File") as file:
            assert len(file.read()) == 5000
        with early_progress() as progress, progress.open(path, "r", description="Text") as text:
            assert len(text.read()) == 5000
            measured = progress.add_task(
                "Measured", total=1, completed=1, lr=0.1, metrics={"loss": 1 / 3, "step": "[b]a"}
            )
            progress.update(measured, lr=0.01)
        before = len(tracked.added)
        console = Console(file=elsewhere, force_terminal=True, width=60)
        with early_progress(console=console) as progress:
            progress.update(progress.add_task("Elsewhere", total=1), advance=1)
        with Framed(console=console) as progress:
            progress.update(progress.add_task("Framed", total=1), advance=1)
        inner = early_progress()
        with Live(Group(Panel(inner)), console=console):
            inner.update(inner.add_task("Inner", total=1), advance=1)
        assert len(tracked.added) == before and all(
            name in elsewhere.getvalue() for name in ("Elsewhere", "Framed", "Inner")
        )
    finally:
        unpatch()
    assert tracked.ended() == [
        ("Early", 3, 3, "finished"), ("Method", 3, 3, "finished"), ("Rows", 4, 4, "finished"), ("Hidden", 1, 2, "cancelled"),
        ("Before the start", 1, 1, "finished"), ("File", 5000, 5000, "finished"), ("Text", 5000, 5000, "finished"),
        ("Measured", 1, 1, "finished"),
    ]  # fmt: skip
    assert [task.unit for task in tracked.added[-2:]] == ["B", "it"]
    assert tracked.added[-1].fields == {"lr": 0.01, "loss": 1 / 3, "step": "a"}


def test_click(tracked: Any) -> None:
    """click: after `patch`, `progressbar` is drawn by progresskit: loops, counts by hand, errors."""
    click = need("click")
    from progresskit.clients.click import patch, unpatch

    own = click.progressbar
    patch()
    try:
        with click.progressbar([1, 2, 3], label="Loop", item_show_func=lambda item: f"item {item}") as bar:
            assert list(bar) == [1, 2, 3]
        with click.progressbar(length=10, label="By hand") as bar:
            bar.update(4)
        with pytest.raises(ValueError), click.progressbar(range(3), label="Broken") as bar:
            for _ in bar:
                raise ValueError("no")
    finally:
        unpatch()
    assert click.progressbar is own
    assert tracked.ended() == [("Loop", 3, 3, "finished"), ("By hand", 4, 10, "cancelled"), ("Broken", 0, 3, "failed")]


def test_click_strangers(tracked: Any) -> None:
    """Programs for click: changing labels, delayed steps, hidden bars, `next`, and click's runner."""
    click = need("click")
    from click import progressbar as early  # imported before the patch
    from click.testing import CliRunner  # type: ignore[import-not-found,unused-ignore]

    from progresskit.clients.click import patch, unpatch

    @click.command()  # type: ignore[untyped-decorator,unused-ignore]
    def command() -> None:
        with early(range(3), label="In the runner") as bar:
            for _ in bar:
                pass

    said = CliRunner().invoke(command).output
    patch()
    try:
        with early("abc", label="Label", show_pos=True, bar_template="%(label)s %(bar)s %(info)s") as bar:
            for letter in bar:
                bar.label = f"at {letter}"
        assert (bar.pos, bar.pct, bar.finished) == (3, 1.0, True)
        with early(length=10, label="Steps", update_min_steps=4) as bar:
            for _ in range(10):
                bar.update(1, current_item=bar)
            bar.label = "Other"
            bar.render_progress()
        with early(range(3), label="Next") as bar:
            assert next(bar) == 0
        with early((n for n in range(2)), label="No length", width=0) as bar:
            assert list(bar) == [0, 1]
        with (
            early(range(2), hidden=True) if "hidden" in inspect.signature(early).parameters else early(range(2)) as bar
        ):
            assert list(bar) == [0, 1]
        bar = early(range(2), label="Never entered")
        with pytest.raises(RuntimeError):
            list(bar)
        assert CliRunner().invoke(command).output == said
    finally:
        unpatch()
    assert tracked.ended() == [
        ("at c", 3, 3, "finished"), ("Other", 10, 10, "finished"), ("Next", 0, 3, "cancelled"), ("No length", 2, None, "finished"),
    ]  # fmt: skip
