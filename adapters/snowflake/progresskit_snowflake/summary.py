"""What a load did, as a value and as lines. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from progresskit.formatting import format_count, format_rate


@dataclass(slots=True)
class Summary:
    """What a load did. Seconds are those that a phase was at work, waits left out.

    Attributes:
        files: How many.
        rows: The good ones that the check counted; None where nothing checked.
        loaded: Rows that the warehouse says it has loaded.
        bad: Rows that the check left out.
        left_out: The table's columns that the files do not have.
        source: What counted the upload.
        seconds: Phase -> how long it was at work.
        bytes: Phase -> what it has read or sent.
    """

    files: int = 0
    rows: int | None = None
    loaded: int = 0
    bad: int = 0
    left_out: list[str] = field(default_factory=list)
    source: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)


def summarize(table: str, summary: Summary) -> str:
    """Return what a load did: files, rows, bytes, seconds and rate, a line a phase."""
    lines = [f"{table}: {summary.loaded:,d} rows of {summary.files:,d} files"]
    if summary.bad:
        lines.append(f"  {summary.bad:,d} bad rows were left out")
    if summary.left_out:
        lines.append(f"  columns left to their defaults: {', '.join(summary.left_out):.300}")
    rows = {"QC": summary.rows, "COPY": summary.loaded}
    for phase in ("QC", "compression", "upload", "COPY"):
        seconds, size = summary.seconds.get(phase), summary.bytes.get(phase)
        if not seconds or not (rows.get(phase) or size):
            continue
        parts = [format_count(summary.files, "file")]
        for amount, unit in ((rows.get(phase), "row"), (size, "B")):
            if amount:
                parts += [format_count(amount, unit)]
        parts += [f"{seconds:.1f} s"]
        parts += [
            format_rate(amount / seconds, unit) for amount, unit in ((rows.get(phase), "row"), (size, "B")) if amount
        ]
        counted = f" (counted: {summary.source})" if phase == "upload" else ""
        lines.append(f"  {phase:<12} {', '.join(parts)}{counted}")
    return "\n".join(lines)
