"""Format counts, bytes, rates and durations for people.

Pure functions from numbers to short text. Do not know tasks or renderers. Numbers are rounded down, so that no task
looks finished or faster than it is. The total decides the scale and the decimals, so that both numbers of `0.3/10.0 GB`
can be compared.
"""

from __future__ import annotations

from functools import lru_cache
from math import floor, isfinite

from .plurals import forms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_DECIMAL = (1000, ("B", "kB", "MB", "GB", "TB", "PB", "EB"))
_BINARY = (1024, ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"))
_COUNTS = (1000, ("", "k", "M", "G", "T"))
BYTES = {"B": _DECIMAL, "iB": _BINARY}
"""Units of bytes -> the step from one scale to the next, and the scales' names."""
DEFAULT_UNIT = "it"
UNKNOWN = "-:--"
"""The text for an unknown duration."""
MILLION = 1_000_000
SLOW, FAST = 0.8, 1.25
"""Units a second below which a rate is shown as seconds per unit, and above which as units a second again."""


class Scale:
    """How numbers of one size are written: all in one scale, with the same decimals.

    Attributes:
        divisor: The number by which numbers are divided.
        places: Decimals.
        name: The scale's name, such as `MB` or `k`; empty for plain numbers.
        is_plain: Whether numbers are written in full.
    """

    __slots__ = ("_factor", "divisor", "is_plain", "name", "places")

    def __init__(self, size: int | float, unit: str, *, whole: bool = False) -> None:
        size = abs(size)
        step, names = BYTES.get(unit, _COUNTS)
        self.is_plain = unit not in BYTES and (size < MILLION or whole)
        power = 0
        if not self.is_plain:
            rest = size
            while rest >= step and power < len(names) - 1:
                rest /= step
                power += 1
        self.divisor = step**power
        self.name = names[power]
        self.places = 0 if not power else 2 if size < 10 * self.divisor else 1 if size < 100 * self.divisor else 0
        # Multiply before dividing, so that 4,100,000 by a million is 4.10: 4.1 has no exact float.
        self._factor = 10**self.places

    def text(self, number: int | float) -> str:
        """Return `number` in this scale, rounded down."""
        if self.is_plain:
            if number.__class__ is not int:
                return f"{floor(number * 10) / 10:,.1f}"
            if 0 <= number < MILLION:  # a format with commas takes five times as long
                text = str(number)
                return text if number < 1000 else f"{text[:-3]},{text[-3:]}"
            return f"{number:,d}"
        places = self.places
        if not places:
            return f"{floor(number / self.divisor) if number.__class__ is float else number // self.divisor:,d}"
        return f"{floor(number * self._factor / self.divisor) / self._factor:.{places}f}"


def noun(unit: str, number: int | float = 2) -> str:
    """Return the text after `number` of `unit`: empty for the default unit, else the singular or plural of the noun.

    Example:
        >>> noun("row", 1), noun("row", 0), noun("it"), noun("B")
        ('row', 'rows', '', 'B')
    """
    if unit == DEFAULT_UNIT:
        return ""
    if unit in BYTES:
        return unit
    singular, plural = forms(unit)
    return singular if number == 1 and number.__class__ is int else plural


def amount(
    completed: int | float, total: int | float | None, unit: str, *, estimated: bool = False, whole: bool = False
) -> tuple[str, str]:
    """Return the number and the unit of `completed/total unit`, both numbers in the scale of the total.

    Args:
        completed: Units done.
        total: Units in all; None when unknown.
        unit: `"B"`, `"iB"` or a noun.
        estimated: Whether `completed` is an estimate.
        whole: Whether counts of a million and more are written in full.
    """
    size = completed if total is None else max(completed, total)
    scale = Scale(size, unit, whole=whole)
    mark = "~" if estimated else ""
    figure = f"{mark}{scale.text(completed)}"
    if total is not None:
        figure += f"/{scale.text(total)}"
    return figure, unit_text(scale, unit, completed if total is None else total)


def unit_text(scale: Scale, unit: str, number: int | float) -> str:
    """Return the text after a number that is written in `scale`: `MB`, `rows`, `M rows`."""
    if unit in BYTES:
        return scale.name
    word = noun(unit, 2 if scale.name else number)
    return f"{scale.name} {word}".strip() if scale.name else word


def format_count(number: int | float, unit: str = "it", *, whole: bool = False) -> str:
    """Return `number` with its `unit`.

    `"B"` selects decimal byte units, `"iB"` binary ones; any other unit is a noun, in the form that the number needs. The
    default unit is not shown. Counts from a million on have three digits; with `whole` they are written in full.

    Example:
        >>> format_count(12_345, "row"), format_count(45_600_000, "B"), format_count(1536, "iB"), format_count(1, "row")
        ('12,345 rows', '45.6 MB', '1.50 KiB', '1 row')
        >>> format_count(1_234_567, "row"), format_count(1_234_567, "row", whole=True)
        ('1.23 M rows', '1,234,567 rows')
    """
    return " ".join(amount(number, None, unit, whole=whole)).rstrip()


def format_progress(
    completed: int | float, total: int | float | None, unit: str = "it", *, estimated: bool = False
) -> str:
    """Return `completed/total unit`, both in the scale of the total, with `~` before an estimate.

    Example:
        >>> format_progress(12_300_000, 45_600_000, "B"), format_progress(3, 12, "file"), format_progress(7, None, "row")
        ('12.3/45.6 MB', '3/12 files', '7 rows')
        >>> format_progress(999_999, 1_000_000, "B", estimated=True), format_progress(26, 40)
        ('~0.99/1.00 MB', '26/40')
    """
    return " ".join(amount(completed, total, unit, estimated=estimated)).rstrip()


def is_slow(rate: float, unit: str, was: bool = False) -> bool:
    """Return whether `rate` is to be shown as seconds per unit; `was`: whether it has been so far."""
    return unit not in BYTES and rate < (FAST if was else SLOW)


def rate_parts(
    rate: float | None, unit: str = "it", *, short: bool = False, slow: bool | None = None
) -> tuple[str, str]:
    """Return the number of `rate`, and the text after it, which may begin with a space.

    Args:
        rate: Units a second; None when unknown.
        unit: `"B"`, `"iB"` or a noun.
        short: Whether a noun is left out: `/s`, not ` rows/s`.
        slow: Whether it is shown as seconds per unit; None: if it is below 0.8 a second.
    """
    if rate is None or not isfinite(rate) or rate <= 0:
        return "", ""
    if unit in BYTES:
        scale = Scale(rate, unit)
        return scale.text(float(rate)), f" {scale.name}/s"
    if is_slow(rate, unit) if slow is None else slow:
        seconds = 1 / rate
        if not isfinite(seconds):
            return "", ""
        single = forms(unit or DEFAULT_UNIT)[0]
        if seconds >= 60:
            return format_duration(seconds), f"/{single}"
        return f"{floor(seconds * 10) / 10:.1f}", f" s/{single}"
    plain = short and unit == unit.lower()
    word = "" if plain else unit if unit == DEFAULT_UNIT else forms(unit)[1]
    if rate < 100:
        return f"{floor(rate * 10) / 10:.1f}", f" {word}/s" if word else "/s"
    if rate < 10_000 or (not short and rate < MILLION):
        return f"{floor(rate):,d}", f" {word}/s" if word else "/s"
    name, places, divisor = _rate_scale(rate)
    figure = f"{floor(rate * 10**places / divisor) / 10**places:.{places}f}"
    return figure, f" {name} {word}/s" if word else f" {name}/s"


def _rate_scale(rate: float) -> tuple[str, int, int]:
    power = 1
    while rate >= 1000 ** (power + 1) and power < 4:
        power += 1
    divisor = 1000**power
    return _COUNTS[1][power], 2 if rate < 10 * divisor else 1 if rate < 100 * divisor else 0, divisor


def format_rate(rate: float | None, unit: str = "it", *, short: bool = False) -> str:
    """Return `rate`, in units per second; an empty string when it is None. With `short` nouns are left out.

    Below 0.8 units a second the rate is written as seconds per unit, except for bytes.

    Example:
        >>> format_rate(4_100_000, "B"), format_rate(1234.5, "row"), format_rate(0.14, "epoch"), format_rate(None)
        ('4.10 MB/s', '1,234 rows/s', '7.1 s/epoch', '')
        >>> format_rate(554_820, "row", short=True), format_rate(19.27), format_rate(0.003, "file")
        ('554 k/s', '19.2 it/s', '5:33/file')
    """
    return "".join(rate_parts(rate, unit, short=short))


def format_duration(seconds: float | None) -> str:
    """Return `seconds` as `m:ss`, `h:mm:ss` or `Nd h:mm`; `-:--` when it is None.

    Example:
        >>> format_duration(3.9), format_duration(3723), format_duration(273_900), format_duration(None)
        ('0:03', '1:02:03', '3d 4:05', '-:--')
    """
    if seconds is None or not isfinite(seconds):
        return UNKNOWN
    return _clock(int(seconds) if seconds > 0 else 0)


@lru_cache(maxsize=512)
def _clock(seconds: int) -> str:
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}d {hour}:{minute:02d}"
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def format_seconds(seconds: float) -> str:
    """Return the duration of ended work: tenths of a second below a minute, `format_duration` above.

    Example:
        >>> format_seconds(8.39), format_seconds(75), format_seconds(0.03)
        ('8.3 s', '1:15', '<0.1 s')
    """
    if seconds < 0.1:
        return "<0.1 s"
    return f"{floor(seconds * 10 + 1e-6) / 10:.1f} s" if seconds < 60 else format_duration(seconds)


def format_percent(fraction: float | None, *, estimated: bool = False) -> str:
    """Return a share in percent in four cells, rounded down; four spaces when it is None. An estimate has `~` before it, and
    ends at 99 %.

    Example:
        >>> format_percent(0.256), format_percent(0.9999), format_percent(1.0), format_percent(None)
        (' 25%', ' 99%', '100%', '    ')
        >>> format_percent(0.3, estimated=True)
        '~30%'
    """
    if fraction is None:
        return "    "
    percent = floor(fraction * 100 + 1e-9)
    return f"{f'~{min(percent, 99)}%':>4}" if estimated else f"{percent:3d}%"


def format_field(value: object) -> str:
    """Return the text of a field's value: numbers with three digits, other values unchanged.

    Example:
        >>> format_field(0.41237), format_field(12345.6), format_field(1e-7), format_field("b.csv"), format_field(12)
        ('0.412', '12,345', '1e-07', 'b.csv', '12')
    """
    if value.__class__ is not float or not isfinite(value):  # type: ignore[arg-type]  # mypy does not follow the check of the class
        return str(value)
    size = abs(value)  # type: ignore[arg-type]  # as above
    return f"{floor(value):,d}" if 1000 <= size < MILLION else f"{value:.3g}"  # type: ignore[type-var]  # as above


def format_fields(
    fields: Mapping[str, object], specs: Mapping[str, str] | None = None, between: str = " "
) -> list[str]:
    """Return each of `fields` as `name value`. If the value is True or empty, return the name alone; if it is None or
    False, nothing. A value without a name stands alone, after all others.

    Args:
        fields: Name -> value.
        specs: Name -> a format spec for its value.
        between: The text between a name and its value.

    Example:
        >>> format_fields({"loss": 0.41, "retrying": True, "warm": False}), format_fields({"loss": 0.5}, {"loss": ".3f"})
        (['loss 0.41', 'retrying'], ['loss 0.500'])
    """
    words, nameless = [], []
    for name, value in fields.items():
        if value is True or value == "":
            words.append(name)
        elif not name and value is not None and value is not False:
            nameless.append(format_field(value))
        elif value is not None and value is not False:
            spec = specs.get(name) if specs else None
            words.append(f"{name}{between}{format_field(value) if not spec else formatted(value, spec)}")
    return words + nameless


def formatted(value: object, spec: str) -> str:
    """Return `value` formatted by `spec`, or unchanged if it does not support `spec`.

    Example:
        >>> formatted(0.5, ".3f"), formatted("a word", ".3f")
        ('0.500', 'a word')
    """
    try:
        return format(value, spec)
    except (TypeError, ValueError):
        return format_field(value)
