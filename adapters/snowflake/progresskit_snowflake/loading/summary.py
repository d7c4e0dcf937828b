"""The summary of a load, as a value and as lines. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from progresskit._text.formatting import format_count, format_rate

from ..copying import Copied, FileResult, counted, first_error, in_one_line

COLUMNS = 79
"""Cells of a line, so that a terminal of 80 columns does not wrap it."""
MOST_SHOWN = 20
"""The most files with rejected rows, and the most notes, that are listed."""


@dataclass(slots=True)
class Summary:
    """What a load did. Seconds are those in which a phase worked, without waits.

    Attributes:
        files: The number of files.
        rows: The good rows that the check counted; None without a check.
        kept: The stage that keeps the uploaded files; empty if it is dropped.
        bad: The number of rows that the check left out.
        copied: The warehouse's result for each file.
        left_out: The table's columns that are not in the files.
        notes: Further lines of the summary: how files were read, which are left out, which columns became text.
        names: Name on the stage -> the user's name of the file.
        source: The counter of the upload.
        seconds: Phase -> the seconds in which it worked.
        bytes: Phase -> the bytes that it read or sent.
    """

    files: int = 0
    rows: int | None = None
    bad: int = 0
    copied: Copied = field(default_factory=Copied)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    source: str = ""
    kept: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)

    @property
    def loaded(self) -> int:
        """The number of rows that the warehouse reports as loaded."""
        return self.copied.rows


def summarize(table: str, summary: Summary) -> str:
    """Return the summary as lines: files and rows, then a line for each phase with bytes, seconds and rate."""
    lines = [f"{table}: {counted(summary.loaded)} of {counted(summary.files, 'file')}"]
    if summary.bad:
        lines.append(f"  {counted(summary.bad, 'bad row')} left out")
    troubles = summary.copied.troubles()
    if troubles:
        lines.append(
            f"  {counted(summary.copied.rejected)} of {counted(len(troubles), 'file')} rejected by the server:"
        )
        lines += [f"    {trouble(file, summary.names)}" for file in troubles[:MOST_SHOWN]]
        if len(troubles) > MOST_SHOWN:
            lines.append(f"    ... {len(troubles) - MOST_SHOWN:,d} more")
    if summary.left_out:
        lines.append(f"  columns left to their defaults: {', '.join(summary.left_out):.300}")
    lines += [f"  {in_one_line(words)}" for words in summary.notes[:MOST_SHOWN]]
    if len(summary.notes) > MOST_SHOWN:
        lines.append(f"  ... {len(summary.notes) - MOST_SHOWN:,d} more")
    rows = {"QC": summary.rows, "COPY": summary.loaded}
    for phase in ("QC", "compression", "upload", "COPY"):
        seconds, size = summary.seconds.get(phase), summary.bytes.get(phase)
        if not seconds or not (rows.get(phase) or size):
            continue
        parts = [format_count(summary.files, "files")]
        for amount, unit in ((rows.get(phase), "rows"), (size, "B")):
            if amount:
                parts += [format_count(amount, unit)]
        parts += [f"{seconds:.1f} s"]
        parts += [
            format_rate(amount / seconds, unit) for amount, unit in ((rows.get(phase), "rows"), (size, "B")) if amount
        ]
        how = {"upload": summary.source, "COPY": summary.copied.strategy}.get(phase)
        line = f"  {phase:<12} {', '.join(parts)}"
        if how and len(line) + len(how) + 3 > COLUMNS:
            lines += [line, f"    ({how})"]
        else:
            lines.append(f"{line} ({how})" if how else line)
    if summary.kept:
        lines.append(f"  {kept(summary.kept)}")
    return "\n".join(lines)


def kept(stage: str) -> str:
    """Return the line about a stage that is not dropped."""
    return f"the uploaded files stay on @{stage}: DROP STAGE {stage} when they are needed no more."


def trouble(file: FileResult, names: dict[str, str]) -> str:
    """Return a line about a file that lost rows: how many, and the first error."""
    lost = f"{file.rejected:,d} of {counted(file.loaded + file.rejected)}"
    return f"{lost} rejected, {first_error(file, names)}"
