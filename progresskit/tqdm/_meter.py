"""The text of a tqdm bar: numbers, intervals, the bar itself, and the template that joins them.

Pure: from counts and seconds to a line of text. Does not know streams, threads or the clock, except for the wall time that
the `{eta}` field is a point of.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from warnings import warn

from .utils import TqdmWarning, disp_len, disp_trim, is_ascii

if TYPE_CHECKING:
    from collections.abc import Mapping

SCALES = ("", "k", "M", "G", "T", "P", "E", "Z")
DEFAULT_BAR_FORMAT = "{l_bar}{bar}{r_bar}"
NO_ETA = datetime(1970, 1, 1, tzinfo=UTC)
"""What `{eta}` is where no end is known."""


class EMA:
    """An exponential moving average, unbiased from its first value on.

    The weight of what came before shrinks by `1 - smoothing` with each value; the sum is divided by the weight that is really
    in it, so that the first values do not count as an average of zeros.

    Args:
        smoothing: 0 for the plain average's inertia, 1 for the last value only.

    Example:
        >>> average = EMA(0.5)
        >>> average(10.0), average(1.0)
        (10.0, 4.0)
    """

    def __init__(self, smoothing: float = 0.3) -> None:
        self.alpha = smoothing
        self.last: float = 0
        self.calls = 0

    def __call__(self, x: float | None = None) -> float:
        """Take `x` in, if it is given, and return the average."""
        beta = 1 - self.alpha
        if x is not None:
            self.last = self.alpha * x + beta * self.last
            self.calls += 1
        return self.last / (1 - beta**self.calls) if self.calls else self.last


def format_sizeof(num: float, suffix: str = "", divisor: float = 1000) -> str:
    """Return `num` with three significant digits and an SI prefix.

    Example:
        >>> format_sizeof(9994), format_sizeof(123456, "B"), format_sizeof(2048, "B", 1024)
        ('9.99k', '123kB', '2.00kB')
    """
    for scale in SCALES:
        size = abs(num)
        if size < 999.5:
            decimals = 2 if size < 9.995 else 1 if size < 99.95 else 0
            width = 3 if decimals == 0 else 4
            return f"{num:{width}.{decimals}f}{scale}{suffix}"
        num /= divisor
    return f"{num:3.1f}Y{suffix}"


def format_interval(t: float) -> str:
    """Return `t` seconds as `MM:SS` or `H:MM:SS`, with a sign where they are negative.

    Example:
        >>> format_interval(60), format_interval(6160), format_interval(-1)
        ('01:00', '1:42:40', '-00:01')
    """
    minutes, seconds = divmod(abs(int(t)), 60)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if t < 0 else ""
    return f"{sign}{hours:d}:{minutes:02d}:{seconds:02d}" if hours else f"{sign}{minutes:02d}:{seconds:02d}"


def format_num(n: Any) -> str:
    """Return `n` with three significant digits, or in full where that is not longer.

    Example:
        >>> format_num(1337), format_num(10**6), format_num(-0.1234)
        ('1337', '1e+6', '-0.123')
    """
    short = f"{n:.3g}".replace("e+0", "e+").replace("e-0", "e-")
    full = str(n)
    return short if len(short) < len(full) else full


class Bar:
    """A bar that is drawn by its format specification: `{bar:30}`, `{bar:-10b}`.

    The specification is a width in cells and a character set: `a` for ASCII, `u` for Unicode, `b` for a blank bar. A negative
    width is taken off the default one.

    Args:
        frac: The part that is done, 0 to 1; what is outside is cut with a warning.
        default_len: Cells.
        charset: The characters of a cell, from empty to full; the cells between tell parts of a cell.
        colour: A name or `#rrggbb`; None for the terminal's own.

    Example:
        >>> f"{Bar(0.3):5a}", f"{Bar(0.5, 10):-6a}"
        ('#5   ', '##  ')
    """

    ASCII = " 123456789#"
    UTF = " " + "".join(map(chr, range(0x258F, 0x2587, -1)))
    BLANK = "  "
    COLOUR_RESET = "\x1b[0m"
    COLOURS = {
        name: f"\x1b[{30 + number}m"
        for number, name in enumerate(("BLACK", "RED", "GREEN", "YELLOW", "BLUE", "MAGENTA", "CYAN", "WHITE"))
    }

    def __init__(self, frac: float, default_len: int = 10, charset: str = UTF, colour: str | None = None) -> None:
        if not 0 <= frac <= 1:
            warn("clamping frac to range [0, 1]", TqdmWarning, stacklevel=2)
            frac = max(0, min(1, frac))
        self.frac = frac
        self.default_len = default_len
        self.charset = charset
        self.colour = colour

    @property
    def colour(self) -> str | None:
        """The escape sequence that switches the colour on; None where there is none. Set by a name or `#rrggbb`."""
        return self._colour

    @colour.setter
    def colour(self, value: str | None) -> None:
        self._colour = colour_sequence(value)

    def __format__(self, spec: str) -> str:
        charset, width = self.charset, self.default_len
        if spec:
            charset = {"a": self.ASCII, "u": self.UTF, "b": self.BLANK}.get(spec[-1].lower(), "")
            digits = spec[:-1] if charset else spec
            charset = charset or self.charset
            if digits:
                width = int(digits)
                width += self.default_len if width < 0 else 0
        steps = len(charset) - 1
        full, part = divmod(int(self.frac * width * steps), steps)
        bar = charset[-1] * full
        if full < width:
            bar += charset[part] + charset[0] * (width - full - 1)
        return f"{self._colour}{bar}{self.COLOUR_RESET}" if self._colour else bar


def colour_sequence(value: str | None) -> str | None:
    """Return the escape sequence of a colour; None, with a warning, where the colour is unknown."""
    sequence = known_colour_sequence(value)
    if value and sequence is None:
        names = ", ".join([*Bar.COLOURS, "hex (#00ff00)"])
        warn(f"Unknown colour ({value}); valid choices: [{names}]", TqdmWarning, stacklevel=3)
    return sequence


def known_colour_sequence(value: str | None) -> str | None:
    """Return the escape sequence of a colour; None where there is none, or it is unknown."""
    text = str(value or "")  # a program may have set anything
    if text.upper() in Bar.COLOURS:
        return Bar.COLOURS[text.upper()]
    digits = text[1:]
    if text[:1] == "#" and len(digits) == 6 and all(digit in "0123456789abcdefABCDEF" for digit in digits):
        red, green, blue = bytes.fromhex(digits)
        return f"\x1b[38;2;{red};{green};{blue}m"
    return None


class _BarProbe:
    """Stands in for the bar while the width of everything else is found out."""

    def __init__(self) -> None:
        self.asked = False

    def __format__(self, spec: str) -> str:
        self.asked = True
        return ""


def format_meter(
    n: Any,
    total: Any,
    elapsed: float,
    ncols: int | None = None,
    prefix: str | None = "",
    ascii: bool | str = False,
    unit: str = "it",
    unit_scale: bool | float = False,
    rate: float | None = None,
    bar_format: str | None = None,
    postfix: Any = None,
    unit_divisor: float = 1000,
    initial: Any = 0,
    colour: str | None = None,
    **extra: Any,
) -> str:
    """Return a bar as one line of text.

    Args:
        n: Units done.
        total: Units in all; None, 0, infinite or exceeded: not known, and no bar is shown.
        elapsed: Seconds since the start.
        ncols: Cells of the line; 0 for statistics without a bar; None for a bar of ten cells and no limit.
        prefix: The description.
        ascii: Whether the bar is in ASCII, or the characters that it is made of.
        unit: The unit of `n`.
        unit_scale: Whether numbers have an SI prefix; a number multiplies them.
        rate: Units a second; None: the average so far.
        bar_format: A template of the fields below; None: `{l_bar}{bar}{r_bar}`.
        postfix: What stands after the statistics; what is no text is for templates only.
        unit_divisor: What one SI prefix divides by: 1000 or 1024.
        initial: Units that were done before the start.
        colour: The bar's colour.
        extra: More fields for `bar_format`.

    Example:
        >>> format_meter(231, 1000, 392, ncols=56, ascii=True)
        ' 23%|###6            | 231/1000 [06:32<21:44,  1.70s/it]'
        >>> format_meter(9, None, 3)
        '9it [00:03,  3.00it/s]'
    """
    if total and (n >= total + 0.5 or total == float("inf")):  # half a unit: the error of a sum of floats
        total = None
    if unit_scale and unit_scale not in (True, 1):
        total = total * unit_scale if total else total
        n *= unit_scale
        rate = rate * unit_scale if rate else rate
        unit_scale = False
    fields = _fields(n, total, elapsed, prefix or "", unit, bool(unit_scale), rate, postfix, unit_divisor, initial)
    fields.update(ncols=ncols, colour=colour, **extra)
    charset = Bar.ASCII if ascii is True else ascii or Bar.UTF
    if total:
        fraction = n / total
        percentage = fraction * 100
        fields["l_bar"] += f"{percentage:3.0f}%|"
        if ncols == 0:
            return f"{fields['l_bar'][:-1]}{fields['r_bar'][1:]}"
        if bar_format:
            fields["percentage"] = percentage
            if not fields["desc"]:
                bar_format = bar_format.replace("{desc}: ", "")
        return _filled(bar_format or DEFAULT_BAR_FORMAT, fields, fraction, charset, ncols, colour)
    if bar_format:
        fields["l_bar"] += "|"
        fields["percentage"] = 0
        return _filled(bar_format, fields, 0, Bar.BLANK, ncols, colour)
    head = f"{prefix}: " if prefix else ""
    line = f"{head}{fields['n_fmt']}{unit} [{fields['elapsed']}, {fields['rate_fmt']}{fields['postfix']}]"
    return disp_trim(line, ncols) if ncols else line


def _fields(
    n: Any, total: Any, elapsed: float, prefix: str, unit: str, scaled: bool,
    rate: float | None, postfix: Any, divisor: float, initial: Any,
) -> dict[str, Any]:  # fmt: skip
    """Return what a template may name, but for the percentage."""
    if rate is None and elapsed:
        rate = (n - initial) / elapsed
    inverse = 1 / rate if rate else None
    rate_text = f"{_speed(rate, scaled)}{unit}/s"
    inverse_text = f"{_speed(inverse, scaled)}s/{unit}"
    is_slow = bool(inverse and inverse > 1)
    remaining = (total - n) / rate if rate and total else 0
    counts = {name: format_sizeof(value, divisor=divisor) if scaled and value is not None else str(value)
              for name, value in (("n", n), ("total", total))}  # fmt: skip
    counts["total"] = "?" if total is None else counts["total"]
    elapsed_text = format_interval(elapsed)
    remaining_text = format_interval(remaining) if rate and math.isfinite(remaining) else "?"
    if isinstance(postfix, str) or not postfix:
        postfix = f", {postfix}" if postfix else ""
    rate_fmt = inverse_text if is_slow else rate_text
    head = prefix if not prefix or prefix.endswith(": ") else f"{prefix}: "
    return {
        "n": n, "n_fmt": counts["n"], "total": total, "total_fmt": counts["total"],
        "elapsed": elapsed_text, "elapsed_s": elapsed, "remaining": remaining_text, "remaining_s": remaining,
        "desc": prefix, "unit": unit, "unit_divisor": divisor, "postfix": postfix,
        "rate": inverse if is_slow else rate, "rate_fmt": rate_fmt, "rate_noinv": rate, "rate_noinv_fmt": rate_text,
        "rate_inv": inverse, "rate_inv_fmt": inverse_text, "eta": _eta(remaining) if rate and total else NO_ETA,
        "l_bar": head,
        "r_bar": f"| {counts['n']}/{counts['total']} [{elapsed_text}<{remaining_text}, {rate_fmt}{postfix}]",
    }  # fmt: skip


def _speed(rate: float | None, scaled: bool) -> str:
    if not rate:
        return "?"
    return format_sizeof(rate) if scaled else f"{rate:5.2f}"


def _eta(seconds: float) -> datetime:
    try:
        return datetime.now() + timedelta(seconds=seconds)
    except OverflowError:
        return datetime.max
    except ValueError:  # no number
        return NO_ETA


def _filled(
    template: str, fields: Mapping[str, Any], fraction: float, charset: str, ncols: int | None, colour: str | None
) -> str:
    """Return `template` with its fields, the bar as wide as the others leave room for."""
    probe = _BarProbe()
    line = template.format(bar=probe, **fields)
    if probe.asked:
        width = max(1, ncols - disp_len(line)) if ncols else 10
        line = template.format(bar=Bar(fraction, width, charset, colour), **fields)
    return disp_trim(line, ncols) if ncols else line


__all__ = ["Bar", "format_interval", "format_meter", "format_num", "format_sizeof", "is_ascii"]
