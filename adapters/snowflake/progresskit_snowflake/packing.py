"""Compression: a CSV file becomes a gzip file, without its bad rows.

Knows files and nothing of the server. What is gzip already is taken as it is.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from progresskit import Task

from .quality import is_gzip, open_csv, records
from .versions import connector_version

CHUNK = 1 << 20
LEVEL = 6


def pack(path: Path, target: Path, bad: set[int], begin: Callable[[], Task], goes_on: Callable[[], None]) -> bool:
    """Write the file at `path` to `target` as gzip, without the rows that begin on the lines `bad`.

    Args:
        path: A CSV file, plain or gzip.
        target: Where to; a gzip file that loses no rows is linked, and copied only where that cannot be.
        bad: Lines, as an editor counts them.
        begin: Gives the task that counts the bytes, when there is something to do.
        goes_on: Called now and then; raises what ends the work.

    Returns:
        Whether anything was compressed.
    """
    if is_gzip(path) and not bad:
        _link(path.resolve(), target)
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


def _link(path: Path, target: Path) -> None:
    """Have `target` be the file at `path`, under its own name.

    Connector 5.x calls a file on the stage by what a symbolic link leads to, so it is given another kind of link.
    """
    try:
        os.link(path, target)
    except OSError:  # another file system, or somebody else's file
        if connector_version() < (5,):
            target.symlink_to(path)
        else:
            shutil.copyfile(path, target)
