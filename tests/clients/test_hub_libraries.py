"""huggingface_hub and datasets, in programs that were written for tqdm, below `progresskit run --tqdm`."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from needed import need_installed

import progresskit
from progresskit._model.events import EventDecoder

FILES = {"config.json": b"{}", "weights.bin": bytes(range(256)) * 4000, "vocabulary.txt": b"word\n" * 20_000}
COMMIT = "a" * 40


class _Hub(BaseHTTPRequestHandler):
    """Answers what `snapshot_download` asks; the first body of the weights is cut in half."""

    protocol_version = "HTTP/1.1"
    cut: list[str] = []

    def _say(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/org/model/tree"):
            entries = [
                {"type": "file", "path": name, "size": len(body), "oid": "b" * 40} for name, body in FILES.items()
            ]
            self._say(json.dumps(entries).encode(), Content_Type="application/json")
        elif path.startswith("/api/"):
            siblings = [{"rfilename": name} for name in FILES]
            answer = {"_id": "1", "id": "org/model", "sha": COMMIT, "siblings": siblings}
            self._say(json.dumps(answer).encode(), Content_Type="application/json")
        else:
            name = path.rpartition("/")[2]
            body = FILES[name]
            headers = {
                "ETag": f'"{hashlib.sha1(body).hexdigest()}"', "X_Repo_Commit": COMMIT, "Accept_Ranges": "bytes",
            }  # fmt: skip
            wanted = self.headers.get("Range")
            if wanted and self.command == "GET":
                start = int(wanted.removeprefix("bytes=").partition("-")[0])
                headers["Content_Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
                self._say(body[start:], 206, **headers)
            elif name == "weights.bin" and self.command == "GET" and not self.cut:
                self.cut.append(name)
                self.send_response(200)
                for header, value in headers.items():
                    self.send_header(header.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
            else:
                self._say(body, **headers)

    do_HEAD = do_GET

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def hub() -> Iterator[str]:
    _Hub.cut.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hub) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def tasks_of(way: str, program: str, folder: Path, **variables: str) -> dict[str, list[dict[str, Any]]]:
    """Return the last views of the tasks that `program` shows below `progresskit run`, by their description.

    Args:
        way: `--tqdm`, an option of `run`, or `patch`, which takes the installed tqdm over.
    """
    script = folder / "program.py"
    script.write_text(program if way == "--tqdm" else f"import progresskit.tqdm\nprogresskit.tqdm.patch()\n{program}")
    root = str(Path(progresskit.__file__).parents[1])
    run = [sys.executable, "-c", "from progresskit._cli.main import main; raise SystemExit(main())", "run"]
    run += [way] if way == "--tqdm" else []
    events = folder / "events"
    environ = {**os.environ, "PYTHONPATH": root, "HOME": str(folder), "PROGRESSKIT_STREAM": str(events), **variables}
    done = subprocess.run(
        [*run, "--renderer", "json", "--", sys.executable, str(script)],
        capture_output=True,
        text=True,
        env=environ,
        cwd=folder,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    decoder = EventDecoder()
    last: dict[int, dict[str, Any]] = {}
    for line in events.read_text().splitlines():
        frame = decoder.event(line).frame
        for view in () if frame is None else (*frame.tasks, *frame.ended):
            last[view.id] = view._asdict()
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in last.values():
        found.setdefault(entry["description"], []).append(entry)
    return found


DOWNLOAD = """
from huggingface_hub import snapshot_download
print(snapshot_download("org/model", max_workers=2))
"""


@pytest.mark.slow  # imports a large library
@pytest.mark.parametrize("way", ["--tqdm", "patch"])
def test_huggingface_hub(way: str, hub: str, tmp_path: Path) -> None:
    """A snapshot of several files, one of which is truncated and requested again: files and bytes are exact."""
    need_installed("huggingface_hub")
    variables = {
        "HF_ENDPOINT": hub,
        "HF_HOME": str(tmp_path / "cache"),
        "HF_HUB_DISABLE_XET": "1",
        "TQDM_POSITION": "-1",
    }
    tasks = tasks_of(way, DOWNLOAD, tmp_path, **variables)
    (files,) = [view for name, views in tasks.items() for view in views if name.startswith("Fetching")]
    assert (files["completed"], files["total"], files["state"]) == (3, 3, "finished")
    (size,) = [view for name, views in tasks.items() for view in views if name.startswith("Download")]
    assert size["completed"] == size["total"] == sum(map(len, FILES.values()))
    assert size["unit"] == "B"
    assert _Hub.cut == ["weights.bin"]


MAP = """
from datasets import Dataset

def double(row):
    return {"number": 2 * row["number"]}

if __name__ == "__main__":
    rows = Dataset.from_dict({"number": list(range(600))})
    rows = rows.map(double, num_proc=2)
    rows = rows.filter(lambda row: row["number"] % 4 == 0)
    rows.to_csv("rows.csv")
    assert rows[-1]["number"] == 1196
"""


@pytest.mark.slow  # imports a large library, and starts processes
@pytest.mark.parametrize("way", ["--tqdm", "patch"])
def test_datasets(way: str, tmp_path: Path) -> None:
    """`map` in two processes, `filter` and `to_csv`: each has its line, the quick ones too."""
    need_installed("datasets")
    tasks = tasks_of(way, MAP, tmp_path, HF_HOME=str(tmp_path / "cache"), HF_HUB_OFFLINE="1")
    (mapped,) = tasks["Map (num_proc=2)"]
    assert (mapped["completed"], mapped["total"], mapped["unit"], mapped["state"]) == (600, 600, "examples", "finished")
    (kept,) = tasks["Filter"]
    assert (kept["completed"], kept["total"]) == (600, 600)
    (written,) = [view for name, views in tasks.items() for view in views if name.startswith("Creating CSV")]
    assert written["state"] == "finished"
