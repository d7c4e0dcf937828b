"""Format counts, bytes, rates and durations for people.

Pure functions from numbers to short text. Do not know tasks or renderers. Counts and shares are
rounded down, so that nothing looks finished before it is.
"""

from __future__ import annotations

from math import floor, isfinite

_DECIMAL = (1000, ("B", "kB", "MB", "GB", "TB", "PB", "EB"))
_BINARY = (1024, ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"))
_SCALES = {"B": _DECIMAL, "iB": _BINARY}
UNKNOWN = "-:--"
"""The text for an unknown duration."""


def _scale(number: float, unit: str) -> tuple[float, str]:
    """Return the divisor and the name of the scaled unit in which `number` has one to three digits before the point."""
    step, names = _SCALES[unit]
    power = 0
    size = abs(number)
    while size >= step and power < len(names) - 1:
        size /= step
        power += 1
    return float(step**power), names[power]


def _scaled(number: float, divisor: float) -> str:
    """Return `number / divisor` rounded down, with three significant digits where the divisor is not 1."""
    if divisor == 1:
        return f"{floor(number):d}"
    size = abs(number)
    places = 2 if size < 10 * divisor else 1 if size < 100 * divisor else 0
    # Multiply before dividing, so that 4,100,000 by a million is 4.10: 4.1 has no exact float.
    return f"{floor(number * 10**places / divisor) / 10**places:.{places}f}"


def _plain(number: float) -> str:
    return f"{number:,d}" if isinstance(number, int) else f"{floor(number * 10) / 10:,.1f}"


def format_count(number: int | float, unit: str = "it") -> str:
    """Return `number` with its `unit`.

    `"B"` selects decimal byte units, `"iB"` binary ones; any other unit is a noun. An empty unit is
    omitted.

    Example:
        >>> format_count(1_234_567, "row"), format_count(45_600_000, "B"), format_count(1536, "iB")
        ('1,234,567 row', '45.6 MB', '1.50 KiB')
    """
    if unit in _SCALES:
        divisor, name = _scale(number, unit)
        return f"{_scaled(number, divisor)} {name}"
    return f"{_plain(number)} {unit}".rstrip()


def format_progress(
    completed: int | float, total: int | float | None, unit: str = "it", *, estimated: bool = False
) -> str:
    """Return `completed/total unit`, both in the scale of the total, with `~` before an estimate.

    Example:
        >>> format_progress(12_300_000, 45_600_000, "B"), format_progress(3, 12, "file"), format_progress(7, None, "row")
        ('12.3/45.6 MB', '3/12 file', '7 row')
        >>> format_progress(999_999, 1_000_000, "B", estimated=True)
        '~0.99/1.00 MB'
    """
    mark = "~" if estimated else ""
    if total is None:
        return mark + format_count(completed, unit)
    if unit in _SCALES:
        divisor, name = _scale(max(completed, total), unit)
        return f"{mark}{_scaled(completed, divisor)}/{_scaled(total, divisor)} {name}"
    return f"{mark}{_plain(completed)}/{_plain(total)} {unit}".rstrip()


def format_rate(rate: float | None, unit: str = "it") -> str:
    """Return `rate`, in units per second; an empty string when it is None.

    Example:
        >>> format_rate(4_100_000, "B"), format_rate(1234.5, "row"), format_rate(0.25, "file"), format_rate(None)
        ('4.10 MB/s', '1,234 row/s', '0.25 file/s', '')
    """
    if rate is None or not isfinite(rate):
        return ""
    if unit in _SCALES:
        return f"{format_count(rate, unit)}/s"
    figure = f"{floor(rate):,d}" if rate >= 100 else f"{rate:.1f}" if rate >= 1 else f"{rate:.2g}"
    return f"{figure} {unit}/s"


def format_duration(seconds: float | None) -> str:
    """Return `seconds` as `m:ss`, `h:mm:ss` or `Nd hh:mm:ss`; `-:--` when it is None.

    Example:
        >>> format_duration(3.9), format_duration(3723), format_duration(183_845), format_duration(None)
        ('0:03', '1:02:03', '2d 03:04:05', '-:--')
    """
    if seconds is None or not isfinite(seconds):
        return UNKNOWN
    minutes, second = divmod(max(int(seconds), 0), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}d {hour:02d}:{minute:02d}:{second:02d}"
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def format_seconds(seconds: float) -> str:
    """Return the duration of ended work: tenths of a second below a minute, `format_duration` above.

    Example:
        >>> format_seconds(8.31), format_seconds(75)
        ('8.3 s', '1:15')
    """
    return f"{seconds:.1f} s" if seconds < 60 else format_duration(seconds)


def format_percent(fraction: float | None) -> str:
    """Return a share in percent in four cells, rounded down; four spaces when it is None.

    Example:
        >>> format_percent(0.256), format_percent(0.9999), format_percent(1.0), format_percent(None)
        (' 25%', ' 99%', '100%', '    ')
    """
    return "    " if fraction is None else f"{floor(fraction * 100):3d}%"
