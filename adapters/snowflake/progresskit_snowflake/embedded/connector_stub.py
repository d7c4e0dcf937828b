"""Stands in for `snowflake.connector` in the server's own process, with the little that fakesnow takes from it.

The server then asks nothing of the connector that is installed: it runs beside 4.x and 5.x alike (5.x has no `converter`
and no `file_util` any more), starts without importing either, and tells its errors as they are, with no number in front. To
be used in that process alone, before anything imports the connector.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, NamedTuple


class Error(Exception):
    """What a statement ends with: the sentence, the number, and the state of the SQL standard."""

    def __init__(self, msg: str = "", errno: int = -1, sqlstate: str | None = None, **more: Any) -> None:
        super().__init__(msg)
        self.msg, self.errno, self.sqlstate = msg, errno, sqlstate


class DatabaseError(Error):
    """The base of those below."""


class ProgrammingError(DatabaseError):
    """The statement is wrong."""


class OperationalError(DatabaseError):
    """The statement could not be carried out."""


class NotSupportedError(DatabaseError):
    """The server has no such thing."""


class Unused:
    """A class that fakesnow names and the server has no use for."""


class ResultMetadata(NamedTuple):
    """A column of a result; only named, never made, by a server."""

    name: str


def unused(*arguments: Any, **named: Any) -> Any:
    """Stand for a function that fakesnow names and the server has no use for."""
    raise NotImplementedError("the server's own process connects nowhere.")


ERRORS = {kind.__name__: kind for kind in (Error, DatabaseError, ProgrammingError, OperationalError, NotSupportedError)}
MODULES: dict[str, dict[str, Any]] = {
    "snowflake": {},
    "snowflake.connector": {"paramstyle": "qmark", "connect": unused, "SnowflakeConnection": Unused, **ERRORS},
    "snowflake.connector.errors": ERRORS,
    "snowflake.connector.converter": {"SnowflakeConverter": Unused},
    "snowflake.connector.cursor": {
        "ResultMetadata": ResultMetadata,
        "SnowflakeCursor": type("SnowflakeCursor", (), {}),
        "DictCursor": type("DictCursor", (), {}),
    },
    "snowflake.connector.file_util": {"SnowflakeFileUtil": Unused},
    "snowflake.connector.pandas_tools": {"write_pandas": unused},
    "snowflake.connector.result_batch": {"ResultBatch": type("ResultBatch", (), {})},
}
"""The modules that fakesnow 0.12.1 imports, and the names that it takes from them."""


def install(modules: dict[str, ModuleType] = sys.modules) -> None:
    """Put the stand-ins where imports look first.

    Raises:
        RuntimeError: the connector itself has been imported already.
    """
    if "snowflake.connector" in modules:
        raise RuntimeError("the connector has been imported: stand-ins belong into a process of their own.")
    for name, content in MODULES.items():
        module = ModuleType(name)
        module.__path__ = []
        module.__dict__.update(content)
        modules[name] = module
        parent, _, own = name.rpartition(".")
        if parent:
            setattr(modules[parent], own, module)
