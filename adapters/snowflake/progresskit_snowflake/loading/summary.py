"""What a load did, as a value and as lines. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from progresskit._text.formatting import format_count, format_rate

from ..copying import Copied, FileResult, counted, first_error

COLUMNS = 79
"""Cells of a line, which a terminal of 80 columns does not wrap."""
MOST_SHOWN = 20
"""Files with rejected rows that are named."""


@dataclass(slots=True)
class Summary:
    """What a load did. Seconds are those that a phase was at work, waits left out.

    Attributes:
        files: How many.
        rows: The good ones that the check counted; None where nothing checked.
        kept: The stage that the uploaded files stay on; empty where it goes with the load.
        bad: Rows that the check left out.
        copied: What the warehouse says of each file.
        left_out: The table's columns that the files do not have.
        notes: Further lines of the summary: how files were read, which are left out, which columns became text.
        names: Name on the stage -> what the user calls the file.
        source: What counted the upload.
        seconds: Phase -> how long it was at work.
        bytes: Phase -> what it has read or sent.
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
        """Rows that the warehouse says it has loaded."""
        return self.copied.rows


def summarize(table: str, summary: Summary) -> str:
    """Return what a load did: files, rows, bytes, seconds and rate, a line a phase."""
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
    lines += [f"  {words}" for words in summary.notes[:MOST_SHOWN]]
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
    """Return what is to be said of a stage that is not dropped."""
    return f"the uploaded files stay on @{stage}: DROP STAGE {stage} when they are needed no more."


def trouble(file: FileResult, names: dict[str, str]) -> str:
    """Return what happened to a file that lost rows, in a line: how many, and the first error."""
    lost = f"{file.rejected:,d} of {counted(file.loaded + file.rejected)}"
    return f"{lost} rejected, {first_error(file, names)}"
