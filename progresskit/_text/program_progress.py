r"""Read the progress messages of git, pip, curl, rsync and ffmpeg.

Pure: turns one line into figures. A line is the text between two newlines or carriage returns. Does not know tasks.

    reader = reader_of("git")
    reader.read("Receiving objects:  45% (9/20), 1.00 MiB | 2.00 MiB/s")
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Report(NamedTuple):
    """What a line says.

    Attributes:
        name: What is in progress; a new name is a new task.
        done: Units done.
        total: Units in all; None when unknown.
        unit: What is counted.
        is_last: Whether the line says that it is done.
    """

    name: str
    done: float
    total: float | None
    unit: str
    is_last: bool = False


HEADING = Report("", 0, None, "")
"""A line that belongs to a program's progress and has no figures."""


class Git:
    """Phases, in the words of any language: `remote: Counting objects: 100% (20/20), done.`; a rebase: `Rebasing (3/10)`.

    Example:
        >>> Git().read("remote: Compressing objects:  50% (5/10)")
        Report(name='Compressing objects', done=5, total=10, unit='object', is_last=False)
    """

    _line = re.compile(
        r"(?:remote: )?(?P<name>[^\W\d_][^:%]*?) ?: +(?:\d+% \((?P<done>\d+)/(?P<total>\d+)\)|(?P<count>\d+))"
        r"(?:, [\d.,]+ [^\s,]+(?: \| [\d.,]+ [^\s,]+)?)?(?P<last>, [^\W\d_]+[.。]?)?\s*"
    )
    _rebase = re.compile(r"(?P<name>[^\W\d_]+) \((?P<done>\d+)/(?P<total>\d+)\)\s*")

    def read(self, line: str) -> Report | None:
        """Return the figures of `line`; None if it is not a progress line."""
        found = self._line.fullmatch(line)
        if found is None:
            found = self._rebase.fullmatch(line)
            return None if found is None else Report(found["name"], int(found["done"]), int(found["total"]), "commit")
        name, last = found["name"], found["last"] is not None
        unit = {"objects": "object", "deltas": "delta", "files": "file"}.get(name.rpartition(" ")[2], "it")
        if found["count"] is not None:
            if not last and " " not in name:  # `error: 404`
                return None
            return Report(name, int(found["count"]), None, unit, last)
        return Report(name, int(found["done"]), int(found["total"]), unit, last)


class Pip:
    """Downloads, with `--progress-bar raw`: `Progress 262144 of 15720599`, after `Downloading NAME`.

    Example:
        >>> pip = Pip()
        >>> pip.read("Downloading numpy-2.4.6.whl (15.7 MB)"), pip.read("Progress 262144 of 15720599")
        (None, Report(name='numpy-2.4.6.whl', done=262144, total=15720599, unit='B', is_last=False))
    """

    _name = re.compile(r"\s*Downloading (?:\S*/)?(?P<name>[^\s/]+)(?: \(.*\))?\s*")
    _line = re.compile(r"Progress (?P<done>\d+) of (?P<total>\d+)\s*")

    def __init__(self) -> None:
        self._current = "download"

    def read(self, line: str) -> Report | None:
        """Return the figures of `line`; None if it is not a progress line."""
        found = self._name.fullmatch(line)
        if found is not None:
            self._current = found["name"]
            return None
        found = self._line.fullmatch(line)
        if found is None:
            return None
        done, total = int(found["done"]), int(found["total"])
        return Report(self._current, done, total or None, "B", 0 < total <= done)


class Curl:
    """The share that curl prints, in its table, with `-#`, and in the table of parallel downloads (`-Z`).

    Example:
        >>> Curl().read("###########               45.2%")
        Report(name='curl', done=45.2, total=100, unit='%', is_last=False)
        >>> Curl().read(" 41 1000k   41  410k    0     0   200k      0  0:00:05  0:00:02  0:00:03  200k").done
        41.0
    """

    _bar = re.compile(r"[#=O\- ]*?(?P<done>\d{1,3}\.\d)%\s*")
    _table = re.compile(
        r"\s*(?P<done>\d{1,3}) +[\d.]+[kMGTP]? +(?P<received>\d{1,3}) +(?P<size>[\d.]+)(?P<prefix>[kMGTP]?) +"
        r"(?P<sent>\d{1,3}) +(?P<upload>[\d.]+)[kMGTP]?(?: +[\d.:kMGTPdhms-]+){6,9}\s*"
    )
    _together = re.compile(
        r"\s*(?P<done>\d{1,3}|--) +(?:\d{1,3}|--) +[\d.]+[kMGTP]? +[\d.]+[kMGTP]? +\d+ +\d+(?: +[\d.:kMGTPdhms-]+){4,7}\s*"
    )
    _no_length = re.compile(r"[-=O# ]*[=O#][-=O# ]*")
    _heading = re.compile(r"\s*% Total +% Received.*|\s*Dload +Upload +Total +Spent +Left +Speed\s*|DL% +UL% +Dled.*")

    def read(self, line: str) -> Report | None:
        """Return the figures of `line`; None if it is not a progress line."""
        if self._heading.fullmatch(line) or self._no_length.fullmatch(line):
            return HEADING
        table = self._table.fullmatch(line)
        if table is not None and table["received"] == table["sent"] == "0":
            if float(table["size"]) == float(table["upload"]) == 0:  # nothing has been received yet
                return HEADING
            if table["done"] == "100":  # the share of the received bytes, because the length is unknown
                size = float(table["size"]) * 1024 ** " kMGTP".index(table["prefix"] or " ")
                return Report("curl", size, None, "B")
        found = table or self._bar.fullmatch(line) or self._together.fullmatch(line)
        if found is None:
            return None
        if found["done"] == "--":
            return HEADING
        done = float(found["done"])
        return Report("curl", done, 100, "%", done >= 100)


class Rsync:
    """The share of the whole, with `--info=progress2`, or of a file, with `--progress`.

    Example:
        >>> Rsync().read("      1,238,016  12%    1.18MB/s    0:00:07 (xfr#1, to-chk=8/10)")
        Report(name='rsync', done=12, total=100, unit='%', is_last=False)
    """

    _line = re.compile(
        r"\s*\d[\d,.'\u00a0\u202f]*[KMGTP]? +(?P<done>\d{1,3})% +[\d.,]+[kKMGT]?B/s +(?:\d+:\d\d:\d\d|\?\?:\?\?:\?\?)"
        r"(?: +\(xfe?r#\d+, (?:ir|to)-che?c?k=\d+/\d+\))?\s*"
    )

    def read(self, line: str) -> Report | None:
        """Return the figures of `line`; None if it is not a progress line."""
        found = self._line.fullmatch(line)
        return None if found is None else Report("rsync", int(found["done"]), 100, "%", found["done"] == "100")


class Ffmpeg:
    """Seconds of the result, of those of the first source: `frame=  120 fps= 60 ... time=00:00:04.00 bitrate=...`.

    Example:
        >>> ffmpeg = Ffmpeg()
        >>> ffmpeg.read("  Duration: 00:00:10.00, start: 0.000000, bitrate: 128 kb/s")
        >>> ffmpeg.read("frame=  120 fps= 60 q=28.0 size=     256kB time=00:00:04.00 bitrate= 524.3kbits/s speed=   2x")
        Report(name='ffmpeg', done=4.0, total=10.0, unit='s', is_last=False)
    """

    _duration = re.compile(r"\s*Duration: (?P<time>\d+:\d\d:\d\d\.\d+),.*")
    _line = re.compile(r"(?:frame|L?size)= *.* time=(?P<time>-?\d+:\d\d:\d\d\.\d+|N/A) .*")

    def __init__(self) -> None:
        self._total: float | None = None

    def read(self, line: str) -> Report | None:
        """Return the figures of `line`; None if it is not a progress line."""
        found = self._duration.fullmatch(line)
        if found is not None:
            self._total = self._total or _seconds(found["time"])
            return None
        found = self._line.fullmatch(line)
        if found is None:
            return None
        return (
            HEADING if found["time"] == "N/A" else Report("ffmpeg", max(_seconds(found["time"]), 0.0), self._total, "s")
        )


def _seconds(text: str) -> float:
    hours, minutes, seconds = text.removeprefix("-").split(":")
    sign = -1 if text.startswith("-") else 1  # before the beginning of a stream
    return sign * (int(hours) * 3600 + int(minutes) * 60 + float(seconds))


Reader = Git | Pip | Curl | Rsync | Ffmpeg
READERS: dict[str, type[Reader]] = {"git": Git, "pip": Pip, "curl": Curl, "rsync": Rsync, "ffmpeg": Ffmpeg}


def reader_of(name: str) -> Reader:
    """Return a reader for the output of the program `name`, one of `READERS`."""
    return READERS[name]()
