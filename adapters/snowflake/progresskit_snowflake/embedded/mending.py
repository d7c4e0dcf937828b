"""Teaches fakesnow what a load needs of COPY. Changes fakesnow's own modules: for the server's own process alone."""

from __future__ import annotations

from typing import Any

from fakesnow import copy_into
from fakesnow.transforms import stage


def mend() -> None:
    """Have COPY read CSV as the statement says, and FILES= name files of internal stages."""
    read_csv = copy_into.ReadCSV.read_expression

    def read_as_told(reader: copy_into.ReadCSV, url: str) -> Any:
        """Have DuckDB take the format as the statement gives it, and convert texts to the table's types: no guessing."""
        expression = read_csv(reader, url)
        more: list[tuple[str, str | bool]] = [("all_varchar", True)]
        if reader.sep == ",":
            more.append(("sep", ","))
        if reader.quote:
            more.append(("escape", reader.quote))
        for name, value in more:
            expression.append("expressions", reader.make_eq(name, value))
        return expression

    copy_into.ReadCSV.read_expression = read_as_told  # type: ignore[assignment, method-assign]  # that is the mending
    source_urls = copy_into._source_urls

    def internal_too(source: str, files: list[str]) -> list[str]:
        if stage.is_internal(source):
            return [f"{source.rstrip('/')}/{file}" for file in files]
        return source_urls(source, files)

    copy_into._source_urls = internal_too
