"""alive-progress's part: its styles, drawn to strings by the time that is handed in.

Knows the factories in `alive_progress.styles` and what their drawings are made of. Does not know tasks or rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alive_progress.styles import BARS, SPINNERS

if TYPE_CHECKING:
    from collections.abc import Callable

FRAMES_A_SECOND = 10.0
LONGEST = 500
"""Frames of an animation that are kept at most."""


class Bar:
    """A bar of one length.

    Args:
        factory: One of `BARS`.
        moving: Returns the animation inside while the total is unknown, of so many cells.
        length: Cells between the borders.
    """

    def __init__(self, factory: Any, moving: Callable[[int], tuple[str, ...]], length: int) -> None:
        self.length = length
        self._draw = factory(length)
        empty = self._draw(0.0)
        self._borders = empty[0], empty[-1]
        self._moving = moving

    def known(self, share: float) -> str:
        """Return the bar filled to `share`, 0.0 to 1.0."""
        return joined(self._draw(share))

    def ended(self, share: float) -> str:
        """Return the bar as it is left behind: marked where it stopped, if that is before its end."""
        return joined(self._draw.end(share))

    def unknown(self, time: float) -> str:
        """Return the bar of an unknown total at `time` in seconds."""
        left, right = self._borders
        return f"{left}{at(self._moving(self.length), time)}{right}"


class Styles:
    """The styles of one display.

    Args:
        bar: A name in `alive_progress.styles.BARS`.
        spinner: A name in `alive_progress.styles.SPINNERS`, beside the bar.
        unknown: Another such name, within the bar while the total is unknown.
    """

    def __init__(self, bar: str, spinner: str, unknown: str) -> None:
        self._bar = BARS[bar]
        self._spinner = frames(SPINNERS[spinner]())
        self._unknown = SPINNERS[unknown]
        self._moving: dict[int, tuple[str, ...]] = {}

    def new_bar(self, length: int) -> Bar:
        """Return a bar `length` cells long."""
        return Bar(self._bar, self._animation, length)

    def _animation(self, length: int) -> tuple[str, ...]:
        """Return the animation of an unknown total, `length` cells long."""
        if length not in self._moving:
            self._moving = {length: frames(self._unknown(length))}  # all live rows have the same length
        return self._moving[length]

    def spinner(self, time: float) -> str:
        """Return what the spinner shows at `time` in seconds."""
        return at(self._spinner, time)


def frames(runner: Any) -> tuple[str, ...]:
    """Return the whole animation of a compiled spinner."""
    drawn: list[str] = []
    for _ in range(getattr(runner, "cycles", 1)):  # each call plays one cycle
        drawn += map(joined, runner())
        if len(drawn) >= LONGEST:
            break
    return tuple(drawn[:LONGEST])


def joined(cells: Any) -> str:
    """Return a drawing as text. Wide characters fill their second cell with None; a variation selector, on whose width
    terminals disagree, is left out.
    """
    return "".join(filter(None, cells)).replace("\ufe0e", "").replace("\ufe0f", "")


def at(drawn: tuple[str, ...], time: float) -> str:
    """Return the one of `drawn` whose turn it is."""
    return drawn[int(time * FRAMES_A_SECOND) % len(drawn)]
