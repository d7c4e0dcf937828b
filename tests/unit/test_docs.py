"""Every Python snippet of the documentation runs, and the environment's page is complete."""

from __future__ import annotations

import ast
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import progresskit
import progresskit.processes
import progresskit.renderers
from progresskit._display.web import live
from progresskit._system.environment import VARIABLES
from progresskit.testing import RendererContract

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES.remove(ROOT / "docs" / "clients.md")  # whose lines need libraries and servers: tests/clients runs them
PAGES += sorted((ROOT / "adapters").glob("*/README.md"))


def snippets() -> list[Any]:
    return [
        pytest.param(code, id=f"{page.name}-{number}")
        for page in PAGES
        for number, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL))
    ]


@pytest.mark.parametrize("code", snippets())
def test_a_snippet_runs(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROGRESSKIT_RENDERER", "none")
    if "progresskit_snowflake" in code:
        pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")
    names: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(code, "snippet", "exec", dont_inherit=True), names)
    if "web=" in code:
        live.stop()  # the process has one page, and other tests use it
    for contract in [value for name, value in names.items() if name.startswith("Test") and isinstance(value, type)]:
        assert issubclass(contract, RendererContract)
        for claim in [name for name in dir(contract) if name.startswith("test_")]:
            getattr(contract(), claim)()


@pytest.mark.parametrize("name", ["from-rich", "from-alive-progress", "from-click"])
def test_the_right_column_runs(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The replacements in a page for users of another library are code that runs, or no code."""
    monkeypatch.setenv("PROGRESSKIT_RENDERER", "none")
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("1")
    code = []
    for cell in re.findall(r"^\| .* \| (.*) \|$", (ROOT / "docs" / f"{name}.md").read_text("utf-8"), re.MULTILINE):
        code += [each for each in re.findall(r"`([^`]+)`", cell) if "(" in each or "task." in each]
    assert len(code) > 10
    request.addfinalizer(partial(progresskit.configure, columns=None, style=None, stream=None, interval=None))
    given = {each: getattr(progresskit, each) for each in progresskit.__all__}
    for each in code:
        # The tracker ends tasks that a line leaves live.
        with open("a.csv", "rb") as file, progresskit.ProgressTracker() as tracker:
            task = tracker.add_task("Rows", total=200)
            exec(each, {**given, "print": print, "rows": [1, 2], "task": task, "file": file, "sys": sys})


def test_environment_page_is_the_settings_list() -> None:
    """The page about the environment equals the list of the settings."""
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", (ROOT / "docs" / "environment.md").read_text("utf-8"), re.MULTILINE)
    assert dict(rows) == VARIABLES


def test_the_readme_lists_every_variable() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert [name for name in VARIABLES if f"`{name}`" not in text] == []


def test_the_errands() -> None:
    """Each errand of CONTRIBUTING has at most ten steps, and the files that it names exist."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    part = text.partition("## Six errands")[2].partition("\n## ")[0]
    errands = re.split(r"^\*\*.*\*\*$", part, flags=re.MULTILINE)[1:]
    assert len(errands) == 6
    for errand in errands:
        assert 1 < len(re.findall(r"^\d+\. ", errand, re.MULTILINE)) <= 10
        for name in re.findall(r"`([\w.-]+(?:/[\w.-]+)+\.(?:py|md))`", errand):
            folder = ROOT if (ROOT / name).exists() else ROOT / "progresskit"
            assert (folder / name).exists() or "NAME" in name, name


def test_the_walk() -> None:
    """The modules that architecture.md names on the way of a frame exist."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    part = text.partition("## From `task.advance` to the terminal")[2].partition("\n## ")[0]
    names = re.findall(r"`(_?\w+/\w+)`", part)
    assert len(names) > 12
    assert all((ROOT / "progresskit" / f"{name}.py").exists() for name in names)


def test_decisions() -> None:
    """Each decision has its context, the decision, and its cost."""
    for page in (ROOT / "docs" / "architecture.md", ROOT / "adapters" / "snowflake" / "ARCHITECTURE.md"):
        decisions = page.read_text("utf-8").rpartition("## Decisions")[2]  # the whole page without such a heading
        for decision in re.findall(r"(?ms)^- \*\*.*?(?=^- \*\*|^#|\Z)", decisions):
            assert [part for part in ("Context", "Decision", "Cost") if f"*{part}:*" not in decision] == [], decision


def test_each_folder_says_what_it_is() -> None:
    """The `__init__` of each folder says what the folder knows and what it does not."""
    for file in sorted((ROOT / "progresskit").glob("*/__init__.py")):
        words = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
        assert "know" in words and ("Does not" in words or "does not" in words), file


def test_reference_has_every_public_member() -> None:
    """The reference shows each root name, and each public member of the classes among them, inherited ones too."""
    page = (ROOT / "docs" / "reference.md").read_text("utf-8")
    entries = dict(re.findall(r"^::: (\S+)((?:\n    .*)*)", page, re.MULTILINE))
    named = {name.rpartition(".")[2] for name in entries}
    assert set(progresskit.__all__) - named - {"State", "__version__"} == set()
    assert set(progresskit.renderers.__all__) - named == set()
    assert set(progresskit.processes.__all__) - named == set()
    private = [name for name, options in entries.items() if "._" in name and "heading: progresskit.T" not in options]
    assert private == []  # readers import from where it is shown
    for name in progresskit.__all__:
        found = getattr(progresskit, name)
        if not isinstance(found, type) or found.__module__ == "builtins":
            continue
        options = next((text for entry, text in entries.items() if entry.endswith(f".{name}")), "")
        listed = set(re.findall(r"\w+", options)) | named
        inherited = {
            member
            for base in found.__mro__[1:]
            if base.__module__.startswith("progresskit")
            for member in vars(base)
            if not member.startswith("_")
        }
        assert inherited - set(vars(found)) - listed == set(), name


def wishes() -> list[Any]:
    """The sections of `docs/wishes.md` with a program of each library: the title, its lines in the table, and the programs."""
    text = (ROOT / "docs" / "wishes.md").read_text("utf-8")
    table = dict(re.findall(r"^\| \[(.+)\]\(#\S+\) \| (\d+ \| \d+ \| \d+) \|$", text, re.MULTILINE))
    found = []
    for section in text.split("\n## ")[1:]:
        title = section.partition("\n")[0]
        if title in table:
            codes = re.findall(r"```(?:python|py)\n(.*?)```", section, re.DOTALL)
            found.append(pytest.param(tuple(map(int, table[title].split(" | "))), codes, id=title.replace(" ", "-")))
    assert len(found) == len(table) == 12
    return found


@pytest.mark.parametrize(("stated", "codes"), wishes())
def test_wishes_take_few_lines(stated: tuple[int, ...], codes: list[str]) -> None:
    """A wish takes no more lines than with the best peer.

    Each program of theirs runs too; `test_a_snippet_runs` runs ours.
    """
    lines = [
        sum(bool(line.strip()) and not line.startswith(("import ", "from ")) for line in code.splitlines())
        for code in codes
    ]
    assert tuple(lines) == stated
    assert lines[0] <= min(lines[1:])
    pytest.importorskip("tqdm")
    pytest.importorskip("rich")
    for code in codes[1:]:
        exec(compile(code, "peer", "exec", dont_inherit=True), {"__name__": "peer"})
