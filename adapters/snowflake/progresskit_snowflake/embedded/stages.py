"""The bucket of internal stages, and the statements on it that fakesnow lacks or handles in another way.

Those are LIST with a path, REMOVE, DROP STAGE, and the paths of PUT.

A stage is a folder with files under their own names. Uploads in progress are in another folder on the same file system,
so that a stage never shows half a file. Does not know HTTP. A statement that it handles is replaced by one that
fakesnow can run.
"""

from __future__ import annotations

import datetime
import hashlib
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

_NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_FULL = rf"{_NAME}(?:\.{_NAME}){{0,2}}"
_AT = rf"(?P<quote>'?)@(?P<name>{_FULL})(?P<path>/[^';]*)?(?P=quote)"
_DROP = re.compile(rf"DROP\s+STAGE\s+(?P<exists>IF\s+EXISTS\s+)?(?P<name>{_FULL})", re.IGNORECASE)
_REPLACE = re.compile(rf"CREATE\s+OR\s+REPLACE\s+(?:\w+\s+)?STAGE\s+(?P<name>{_FULL})\b.*", re.IGNORECASE | re.DOTALL)
_REMOVE = re.compile(rf"(?:REMOVE|RM)\s+{_AT}(?:\s+PATTERN\s*=\s*'(?P<pattern>[^']*)')?", re.IGNORECASE)
_LIST = re.compile(rf"(?:LIST|LS)\s+{_AT}(?:\s+PATTERN\s*=\s*'(?P<pattern>[^']*)')?", re.IGNORECASE)
_PUT = re.compile(r"(?P<verb>\s*PUT\s+)'file://(?P<path>.*)'(?P<rest>\s+'?@.*)", re.IGNORECASE | re.DOTALL)
_ESCAPED = re.compile(r"''|\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0"}
_PLAIN = re.compile(r"[^/.\\'\x00]+")


class StageError(Exception):
    """The statement names an invalid stage. The message says why.

    Attributes:
        number: Snowflake's number of the error.
        state: The SQL state of the error.
    """

    def __init__(self, message: str, number: int = 2003, state: str = "02000") -> None:
        super().__init__(message)
        self.number, self.state = number, state


class Stage(NamedTuple):
    """The full name of a stage."""

    database: str
    schema: str
    name: str

    @classmethod
    def of(cls, text: str, database: str | None, schema: str | None) -> Stage:
        """Return the stage that SQL calls `text` in a session of `database` and `schema`.

        Raises:
            StageError: a part of the name could not be a folder's.

        >>> Stage.of('s."a b"', "DB", "PUBLIC")
        Stage(database='DB', schema='S', name='a b')
        """
        parts = [
            part[1:-1].replace('""', '"') if part.startswith('"') else part.upper() for part in re.findall(_NAME, text)
        ]
        full = [database or "", schema or ""][: 3 - len(parts)] + parts
        if not all(_PLAIN.fullmatch(part) for part in full):
            raise StageError(
                f"the embedded server has no stage {text}: no /, \\, ., ' may be in its name.", 1003, "42000"
            )
        return cls(*full)


def put_path(statement: str) -> tuple[str, str] | None:
    """Return the local path of a PUT, and the statement with a path that all parsers read alike; None: it is not such a
    PUT.

    fakesnow parses the path as a URL, and so decodes `%20` and cuts it at `?` and `#`; the connectors use it unchanged.
    A path without a folder is from connector 4.x, which puts a file's unquoted name into the statement to request a
    signed URL.

    >>> put_path("PUT 'file:///tmp/it\\\\'s.csv' @stage")
    ("/tmp/it's.csv", "PUT 'file:///source' @stage")
    >>> put_path("PUT 'file://it's.csv' @stage")
    ("it's.csv", "PUT 'file:///source' @stage")
    """
    match = _PUT.fullmatch(statement)
    if match is None:
        return None
    path = match["path"]
    if "/" in path:
        path = _ESCAPED.sub(lambda found: "'" if found[1] is None else _ESCAPES.get(found[1], found[1]), path)
    return path, f"{match['verb']}'file:///source'{match['rest']}"


class Catalog(Protocol):
    """The table of stages."""

    def has(self, stage: Stage) -> bool:
        """Return whether there is such a stage."""

    def drop(self, stage: Stage) -> bool:
        """Forget a stage, and return whether there was one."""


class Bucket:
    """The folder of all stages.

    Args:
        root: The folder of the bucket, which is made.
        partial: A folder on the same file system for uploads in progress, which is made.
        catalog: The table of stages.

    Attributes:
        removed: Called with the path of each file that a statement has removed.
    """

    def __init__(self, root: Path, partial: Path, catalog: Catalog) -> None:
        self.root, self.partial, self._catalog = root, partial, catalog
        for folder in (root, partial):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.removed: Callable[[str], None] = lambda key: None
        self._sums: dict[Path, tuple[tuple[int, int], str]] = {}
        self._count = 0
        self._one = threading.Lock()

    def target(self, path: str) -> Path | None:
        """Return the file for an upload to `path`; None if that is outside of all stages."""
        parts = path.split("/")
        if len(parts) < 4 or any(part in ("", ".", "..") or "\x00" in part for part in parts):
            return None
        return self.root.joinpath(*parts)

    def beginning(self) -> Path:
        """Return a new file for an upload in progress."""
        with self._one:
            self._count += 1
            return self.partial / str(self._count)

    def keep(self, partial: Path, target: Path) -> None:
        """Make `partial` the file of the bucket at `target`."""
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial.replace(target)

    def folder(self, stage: Stage) -> Path:
        """Return the folder of `stage`; it is made with its first file."""
        return self.root.joinpath(*stage)

    def files(self, stage: Stage, prefix: str = "", pattern: str | None = None) -> Iterator[tuple[str, Path]]:
        """Yield the files of `stage` whose paths begin with `prefix` and match `pattern`, by name."""
        folder = self.folder(stage)
        found = sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
        for name, path in found:
            if name.startswith(prefix) and (pattern is None or re.fullmatch(pattern, name)):
                yield name, path

    def md5(self, path: Path) -> str:
        """Return the checksum of a file, which is cached until the file changes."""
        status = path.stat()
        version = (status.st_size, status.st_mtime_ns)
        known = self._sums.get(path)
        if known is None or known[0] != version:
            with path.open("rb") as file:
                known = (version, hashlib.file_digest(file, "md5").hexdigest())
            self._sums[path] = known
        return known[1]

    def answer(self, statement: str, database: str | None, schema: str | None) -> str | None:
        """Execute the part of `statement` that concerns files, and return the statement to run instead; None: it is not
        handled here.

        Raises:
            StageError: it names an invalid stage.
        """
        statement = statement.strip().rstrip("; \n\t")
        if match := _REPLACE.fullmatch(statement):
            self._empty(Stage.of(match["name"], database, schema))  # fakesnow does the rest
        for kind, answer in ((_DROP, self._drop), (_REMOVE, self._remove), (_LIST, self._list)):
            if match := kind.fullmatch(statement):
                stage = Stage.of(match["name"], database, schema)
                if kind is not _DROP and not self._catalog.has(stage):
                    raise _missing(stage)
                return answer(stage, match)
        return None

    def _drop(self, stage: Stage, match: re.Match[str]) -> str:
        if self._catalog.drop(stage):
            self._empty(stage)
        elif match["exists"] is None:
            raise _missing(stage)
        return rows(("status",), [(f"{stage.name} successfully dropped.",)])

    def _empty(self, stage: Stage) -> None:
        for _, path in self.files(stage):
            self.removed(path.relative_to(self.root).as_posix())
        shutil.rmtree(self.folder(stage), ignore_errors=True)

    def _remove(self, stage: Stage, match: re.Match[str]) -> str:
        removed = []
        for name, path in list(self.files(stage, (match["path"] or "")[1:], match["pattern"])):
            path.unlink(missing_ok=True)
            self.removed(path.relative_to(self.root).as_posix())
            removed.append((f"{stage.name.lower()}/{name}", "removed"))
        return rows(("name", "result"), removed)

    def _list(self, stage: Stage, match: re.Match[str]) -> str:
        listed = []
        for name, path in self.files(stage, (match["path"] or "")[1:], match["pattern"]):
            status = path.stat()
            changed = datetime.datetime.fromtimestamp(status.st_mtime, datetime.UTC)
            shown = changed.strftime("%a, %d %b %Y %H:%M:%S GMT")
            listed.append((f"{stage.name.lower()}/{name}", status.st_size, self.md5(path), shown))
        return rows(("name", "size", "md5", "last_modified"), listed)


def _missing(stage: Stage) -> StageError:
    return StageError(f"SQL compilation error:\nStage '{'.'.join(stage)}' does not exist or not authorized.")


def rows(columns: Sequence[str], values: Sequence[Sequence[str | int]]) -> str:
    """Return a SELECT that has `values` for its result.

    >>> print(rows(("name", "size"), [("it's", 2)]))
    SELECT name, size FROM (VALUES ('it''s', 2)) AS t(name, size)
    """
    names = ", ".join(columns)
    if not values:
        return f"SELECT {', '.join(f'NULL AS {name}' for name in columns)} WHERE FALSE"
    text = ", ".join(f"({', '.join(_literal(value) for value in row)})" for row in values)
    return f"SELECT {names} FROM (VALUES {text}) AS t({names})"


def _literal(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    text = value.replace("\\", "\\\\").replace("'", "''")  # a backslash escapes, in Snowflake's texts
    return "'" + text.replace("$", "' || CHR(36) || '") + "'"  # fakesnow reads $X within a text as a variable
