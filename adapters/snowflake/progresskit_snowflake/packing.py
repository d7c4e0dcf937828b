"""Compression: a CSV file becomes a gzip file, without its bad rows.

Knows files and nothing of the server. What is gzip already is taken as it is.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable
from pathlib import Path

from progresskit import Task

from .quality import is_gzip, open_csv, records

CHUNK = 1 << 20
LEVEL = 6


def pack(path: Path, target: Path, bad: set[int], begin: Callable[[], Task], goes_on: Callable[[], None]) -> bool:
    """Write the file at `path` to `target` as gzip, without the rows that begin on the lines `bad`.

    Args:
        path: A CSV file, plain or gzip.
        target: Where to; a gzip file that loses no rows is linked, not copied.
        bad: Lines, as an editor counts them.
        begin: Gives the task that counts the bytes, when there is something to do.
        goes_on: Called now and then; raises what ends the work.

    Returns:
        Whether anything was compressed.
    """
    if is_gzip(path) and not bad:
        target.symlink_to(path.resolve())
        return False
    with begin() as bar, gzip.open(target, "wb", compresslevel=LEVEL) as out:
        if bad:
            with io.TextIOWrapper(out, "utf-8", newline="") as text:
                writer = csv.writer(text)
                for line, row in records(path):
                    goes_on()
                    if line not in bad:
                        writer.writerow(row)
            return True
        with open_csv(path) as source:
            while chunk := source.read(CHUNK):
                goes_on()
                out.write(chunk)
                bar.advance(len(chunk))
    return True
