"""Puts what is done better here into fakesnow's place. Changes fakesnow's modules: for the server's own process alone."""

from __future__ import annotations

import importlib
from typing import Any

from sqlglot import exp

from .copying import copy


def mend() -> None:
    """Have fakesnow's cursors COPY as `copying` does, and its tables keep whole numbers of 38 digits."""
    cursor: Any = importlib.import_module("fakesnow.cursor")
    cursor.copy_into = copy
    transforms: Any = importlib.import_module("fakesnow.transforms")
    narrow = transforms.integer_precision

    def integer_precision(expression: exp.Expr) -> exp.Expr:
        """Make a BIGINT of a whole number's type, but in the columns of a table: 64 bits do not hold what an account does."""
        made = narrow(expression)
        if made is not expression and isinstance(expression.parent, exp.ColumnDef):
            return exp.DataType.build("DECIMAL(38, 0)", dialect="duckdb")
        return made  # type: ignore[no-any-return]  # fakesnow's

    transforms.integer_precision = integer_precision
