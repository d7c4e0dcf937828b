"""When the next frame comes: from what frames have cost, in processor time and on the wall.

Pure: readings of clocks come in, seconds go out. Does not know what a frame is.
"""

from __future__ import annotations

IDLE_INTERVAL = 1.0
"""Seconds between two frames while nothing moves: elapsed times still do."""
FRAME_BUDGET_SHARE = 0.95
"""The share of the budget that a frame may use: the rest is for the thread's own steps around it, which its clock does not see."""
MOST_CREDIT_SECONDS = 1.0
"""Seconds of the budget that cheap frames can leave to costlier ones."""
WAKEUP_COST_FACTOR, REMOTE_WAKEUP_COST_FACTOR = 1.25, 3.0
"""How many times its own cost a frame may cost with the thread's way to it; more is somebody else's. Sending a frame to another
process costs no more than waking up for it."""


class Pace:
    """The seconds from one frame to the next.

    A frame's cost is measured on the drawing thread's processor clock and on the wall. The next frame comes when the processor
    time is within the budget again, and when the frame has taken at most half of the time on the wall. What cheap frames have left
    of the budget, up to a second's worth, pays for those that cost more: every other frame may be one. A frame with printed lines
    puts the next one off by neither.

    Args:
        interval: Seconds between two frames at the least.
        budget: Share of one core that drawing may cost.

    Attributes:
        delay: Seconds until the next frame.
        least: Seconds until the next frame may come, by interval and budget.
        cost: Seconds of processor time that a frame costs, as far as is known.

    Example:
        >>> pace = Pace(0.1, 0.01)
        >>> pace.after_frame(0.0, 0.5, 0.5, moved=True)  # the first frame pays for imports: that is no cost of drawing
        1.0
        >>> round(pace.after_frame(0.5, 0.519, 0.019, moved=True), 3)  # 19 ms within 0.95 of 1 % of a core
        2.0
    """

    __slots__ = ("_credit", "_frames", "_spent", "budget", "cost", "delay", "interval", "least", "wakeup_factor")

    def __init__(self, interval: float, budget: float) -> None:
        self.interval = interval
        self.budget = budget
        self.wakeup_factor = WAKEUP_COST_FACTOR
        self.delay = interval
        self.least = 0.0
        self.cost = 0.0
        self._credit = 0.0  # seconds of the budget that earlier frames have left
        self._spent = 0.0  # the processor clock's reading after the last frame
        self._frames = 0

    def after_frame(self, began: float, ended: float, seconds: float, *, moved: bool, lines: bool = False) -> float:
        """Return the seconds until the next frame.

        Args:
            began: The processor clock's reading when the frame was begun.
            ended: Its reading when the frame was sent.
            seconds: How long that took on the wall.
            moved: Whether the frame showed anything new.
            lines: Whether it showed printed lines. They cost nothing: the job would have written them itself.
        """
        self._frames += 1
        cost = ended - began
        if began > self._spent > 0.0:  # waking up for a frame, and checking between two, is drawing as well
            cost = min(ended - self._spent, self.wakeup_factor * cost)
        self._spent = ended
        pays = 0.0
        if self._frames > 1:
            # One slow frame raises the figure at once, a quick one lowers it slowly. A frame with lines raises nothing, but if even
            # that one is quicker, what the first frames have cost holds no more.
            if cost < self.cost:
                self.cost = 0.8 * self.cost + 0.2 * cost
            elif not lines:
                self.cost = cost
            pays = min(cost, self.cost) / (FRAME_BUDGET_SHARE * self.budget) - self._credit
        self.least = max(self.interval, pays)
        self._credit = min(self.least - pays, MOST_CREDIT_SECONDS) if self._frames > 1 else 0.0
        if (
            not lines
        ):  # otherwise more of them would come meanwhile, and put the frame after the next one off for longer still
            self.least = max(self.least, 2 * seconds)
        self.delay = self.least if moved else max(min(self.delay * 1.5, IDLE_INTERVAL), self.least)
        return self.delay
