"""Replaces `snowflake.connector` in the server's own process, with the few names that fakesnow imports from it.

The server is then independent of the installed connector: it runs with 4.x and 5.x (5.x has no `converter` and no
`file_util`), starts without importing either, and its error messages have no number in front. Use it in that
process only, before any import of the connector.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, NamedTuple


class Error(Exception):
    """The error of a statement: its message, its number, and its SQL state."""

    def __init__(self, msg: str = "", errno: int = -1, sqlstate: str | None = None, **more: Any) -> None:
        super().__init__(msg)
        self.msg, self.errno, self.sqlstate = msg, errno, sqlstate


class DatabaseError(Error):
    """The base class of the errors below."""


class ProgrammingError(DatabaseError):
    """The statement is invalid."""


class OperationalError(DatabaseError):
    """The statement could not be carried out."""


class NotSupportedError(DatabaseError):
    """The server does not support it."""


class Unused:
    """A class that fakesnow imports and the server does not use."""


class ResultMetadata(NamedTuple):
    """A column of a result. A server names this class and does not create it."""

    name: str


def unused(*arguments: Any, **named: Any) -> Any:
    """Replace a function that fakesnow imports and the server does not use."""
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
"""The modules that fakesnow 0.12.1 imports, and the names that it uses of them."""


def install(modules: dict[str, ModuleType] = sys.modules) -> None:
    """Install the replacements in `sys.modules`.

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
