"""A real kernel for tests: it runs cells, and returns each cell's output as a notebook would show it."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from jupyter_client.manager import start_new_kernel

SECONDS = 60.0


class Cell:
    """The output of one cell in a notebook.

    Attributes:
        number: The message that ran the cell.
        outputs: Each output: its kind, and a text or a bundle of texts by MIME type. A display is updated in its place.
        messages: How many pictures came for this cell.
        sizes: Their bytes, HTML and text.
    """

    def __init__(self, number: str) -> None:
        self.number = number
        self.outputs: list[tuple[str, Any]] = []
        self.messages = 0
        self.sizes: list[int] = []
        self.clears = False  # whether the next output takes the place of all before

    @property
    def pictures(self) -> list[dict[str, str]]:
        """The displays in their present state."""
        return [content for kind, content in self.outputs if kind == "display"]

    @property
    def rows(self) -> list[str]:
        """The lines of the plain text of all displays, without the edges."""
        return [line.strip() for picture in self.pictures for line in picture["text/plain"].splitlines()]

    @property
    def text(self) -> str:
        """The printed text."""
        return "".join(content for kind, content in self.outputs if kind in ("stdout", "stderr"))


class Notebook:
    """A kernel, and the outputs that a notebook's front end makes of its messages.

    A display is updated by its id in any cell, as in JupyterLab, VS Code and nbclient.
    """

    def __init__(self, manager: Any, client: Any) -> None:
        self.client = client
        self.interrupt = manager.interrupt_kernel
        self.cells: dict[str, Cell] = {}
        self.lost: list[str] = []  # updates of unknown displays
        self.widgets: dict[str, dict[str, Any]] = {}  # the state of each widget of ipywidgets
        self.captured: dict[str, Cell] = {}  # what each `Output` widget shows
        self.log: TextIO | None = None
        self._displays: dict[str, tuple[Cell, int]] = {}

    def send(self, code: str) -> Cell:
        """Start `code` in the kernel, and return its cell at once."""
        number = self.client.execute(code, stop_on_error=False)  # older kernels would abort the next cell as well
        cell = self.cells[number] = Cell(number)
        return cell

    def run(self, code: str) -> Cell:
        """Make the kernel run `code`, and return its cell once the kernel is idle."""
        cell = self.send(code)
        self.listen(cell)
        return cell

    def listen(self, cell: Cell) -> None:
        """Take messages until the kernel has done `cell`."""
        while not self._receive(self.client.get_iopub_msg(timeout=SECONDS), cell):
            pass

    def listen_until(self, cell: Cell, words: str) -> None:
        """Handle messages until the output of `cell` has `words`."""
        until = time.monotonic() + SECONDS
        while words not in cell.text + "\n".join(cell.rows):
            assert time.monotonic() < until, (words, cell.outputs)
            self._receive(self.client.get_iopub_msg(timeout=SECONDS), cell)

    def _receive(self, message: dict[str, Any], awaited: Cell) -> bool:
        kind, content = message["msg_type"], message["content"]
        cell = self.cells.get(message["parent_header"].get("msg_id", ""))
        if kind == "status":
            return bool(content["execution_state"] == "idle" and cell is awaited)
        captor = next(
            (model for model, state in self.widgets.items() if cell and state.get("msg_id") == cell.number), None
        )
        if captor is not None and kind != "comm_msg":
            if kind == "update_display_data":  # an `Output` adds displays and replaces none
                return False
            cell = self.captured.setdefault(captor, Cell(captor))
        if cell is not None and cell.clears and kind in ("display_data", "stream", "error", "execute_result"):
            cell.clears = False
            self._clear(cell)
        if kind in ("comm_open", "comm_msg"):
            self.widgets.setdefault(content["comm_id"], {}).update(content["data"].get("state", {}))
        elif kind == "update_display_data":
            identity = content["transient"]["display_id"]
            if identity not in self._displays:
                self.lost.append(identity)
                return False
            owner, at = self._displays[identity]
            owner.outputs[at] = ("display", content["data"])
            self._count(owner, content["data"])
        elif cell is None:
            return False
        elif kind == "clear_output":
            cell.clears = bool(content["wait"])
            if not cell.clears:
                self._clear(cell)
        elif kind == "display_data":
            identity = content.get("transient", {}).get("display_id")
            if identity:
                self._displays[identity] = (cell, len(cell.outputs))
            cell.outputs.append(("display", content["data"]))
            self._count(cell, content["data"])
        elif kind == "stream":
            cell.outputs.append((content["name"], content["text"]))
        elif kind == "error":
            cell.outputs.append(("error", content["ename"]))
        return False

    def _clear(self, cell: Cell) -> None:
        """Forget the output of `cell`: updates of its displays are lost from now on."""
        cell.outputs.clear()
        self._displays = {identity: place for identity, place in self._displays.items() if place[0] is not cell}

    @staticmethod
    def _count(cell: Cell, bundle: dict[str, str]) -> None:
        cell.messages += 1
        cell.sizes.append(sum(len(str(text).encode()) for text in bundle.values()))


@contextmanager
def notebook() -> Iterator[Notebook]:
    """Start a kernel that has imported what the cells use. What its process writes itself, in the terminal or the log of whoever has
    started it, is the notebook's `log`."""
    # Below pytest, by this variable, a kernel does not take what is written to its descriptors.
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("PROGRESSKIT_", "PYTEST_CURRENT_"))
    }
    with tempfile.TemporaryFile("a+") as log:
        manager, client = start_new_kernel(kernel_name="python3", env=environ, stdout=log, stderr=log)
        try:
            notebook = Notebook(manager, client)
            notebook.log = log
            notebook.run(
                "import threading, time\nimport progresskit as pk\nfrom progresskit import ProgressTracker, track\n"
                "def drawn(): pk.current_tracker().refresh(60)"
            )
            yield notebook
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
