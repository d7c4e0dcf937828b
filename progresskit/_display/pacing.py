"""When the next frame comes: from what frames have cost, in processor time and on the wall.

Pure: readings of clocks come in, seconds go out. Does not know what a frame is.
"""

from __future__ import annotations

IDLE_INTERVAL = 1.0
"""Seconds between two frames while nothing moves: elapsed times still do."""
FRAME_BUDGET_SHARE = 0.95
"""The share of the budget that a frame may use: the rest is for the thread's own steps around it, which its clock does not see."""
MOST_CREDIT_SECONDS, MOST_DEBT_SECONDS = 0.5, 0.5
"""Seconds of the budget that cheap frames can leave to costlier ones, and that a costly frame can leave to those after it."""
EVENED_OUT = 0.25
"""The share of what is left or owed by which the next frame comes sooner or later: frames of unequal cost come evenly."""
LATEST_COSTS = 5
"""Frames whose median cost is the usual one."""
WAKEUP_COST_FACTOR, REMOTE_WAKEUP_COST_FACTOR = 1.25, 3.0
"""How many times its own cost a frame may cost with the thread's way to it; more is somebody else's. Sending a frame to another
process costs no more than waking up for it."""


class Pace:
    """The seconds from one frame to the next.

    A frame's cost is measured on the drawing thread's processor clock and on the wall. The budget fills with the time that passes,
    be a frame on time or late, and each frame takes its cost from it. The next frame comes after what a usual frame costs, a little
    later where the budget is overdrawn and sooner where something is left, and when the frame has taken at most half of the time
    on the wall. A frame with printed lines costs what a usual one does: the job would have written them itself.

    Args:
        interval: Seconds between two frames at the least.
        budget: Share of one core that drawing may cost.

    Attributes:
        delay: Seconds until the next frame.
        least: Seconds until the next frame may come, by interval and budget.
        cost: Seconds of processor time that a usual frame costs, as far as is known.

    Example:
        >>> pace = Pace(0.1, 0.01)
        >>> pace.after_frame(0.0, 0.5, 0.5, now=0.5, moved=True)  # the first frame pays for imports: that is no cost of drawing
        1.0
        >>> round(pace.after_frame(0.5, 0.519, 0.019, now=0.519, moved=True), 2)  # 19 ms within 0.95 of 1 % of a core
        2.0
    """

    __slots__ = (
        "_balance",
        "_costs",
        "_frames",
        "_seen",
        "_spent",
        "budget",
        "cost",
        "delay",
        "interval",
        "least",
        "wakeup_factor",
    )

    def __init__(self, interval: float, budget: float) -> None:
        self.interval = interval
        self.budget = budget
        self.wakeup_factor = WAKEUP_COST_FACTOR
        self.delay = interval
        self.least = 0.0
        self.cost = 0.0
        self._costs: list[float] = []  # of the latest frames
        self._balance = 0.0  # seconds of the budget that are left, or owed
        self._spent = 0.0  # the processor clock's reading after the last frame
        self._seen = 0.0  # the wall's
        self._frames = 0

    def after_frame(
        self, began: float, ended: float, seconds: float, *, now: float, moved: bool, lines: bool = False
    ) -> float:
        """Return the seconds from the beginning of this frame to the next one.

        Args:
            began: The processor clock's reading when the frame was begun.
            ended: Its reading when the frame was sent.
            seconds: How long that took on the wall.
            now: The wall clock's reading when the frame was sent.
            moved: Whether the frame showed anything new.
            lines: Whether it showed printed lines.
        """
        self._frames += 1
        cost = ended - began
        if began > self._spent > 0.0:  # waking up for a frame, and checking between two, is drawing as well
            cost = min(ended - self._spent, self.wakeup_factor * cost)
        self._spent = ended
        self.least = self.interval
        if self._frames > 1:
            costs = self._costs
            if lines:
                cost = min(cost, self.cost)
            if costs or not lines:
                costs.append(cost)
                del costs[:-LATEST_COSTS]
                self.cost = sorted(costs)[(len(costs) - 1) // 2]
            allowed = FRAME_BUDGET_SHARE * self.budget
            usual, takes = self.cost / allowed, cost / allowed
            left = min(self._balance + now - self._seen, MOST_CREDIT_SECONDS) - takes
            # Frames that could not wait, since a job waited for them, owe no more than the last of them.
            self._balance = max(left, -takes - MOST_DEBT_SECONDS)
            even = usual - EVENED_OUT * (self._balance + usual)
            even = min(even, MOST_CREDIT_SECONDS - self._balance)  # a longer wait gains nothing
            self.least = max(self.interval, even, -self._balance - MOST_DEBT_SECONDS)
        self._seen = now
        if not lines:  # more lines would arrive during the pause, and delay a later frame even longer
            self.least = max(self.least, 2 * seconds)
        self.delay = self.least if moved else max(min(self.delay * 1.5, IDLE_INTERVAL), self.least)
        return self.delay
