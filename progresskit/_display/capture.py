"""Capture: lines that the job writes to a terminal with rows are shown above the rows.

Knows which streams are on a tracker's terminal, and when writes to them are captured. The captured stream makes lines
of text, and the tracker shows them.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import ref

from .._system.platform import HAS_PTY
from .._system.threads import native
from .._system.warnings import describe, warn_once
from .._tracking.joining import current_tracker
from .._tracking.lines import MOST_CAPTURED
from .._tracking.multiprocessing_hook import loaded
from . import questions
from .captured_stream import ENDED_LINES, STREAMS, CapturedStream, captured_streams
from .descriptors import file_key
from .own_screen import SCREEN
from .programs import HookedPrograms
from .redirects import HookedDup2
from .terminal import UNCAPTURED
from .terminal_keys import has_key, leads_to, terminal_key_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from .._tracking.core import TrackerCore
    from .relay import Relay

KEPT = 10_000
"""Lines that a quiet capture keeps, the latest ones."""


class Capture:
    """Shows what is written to the tracker's terminal above its bars, until the capture ends. Made by
    `ProgressTracker.capture`.

    Args:
        tracker: Who shows the lines.
        stdout: Whether standard output is captured; None: where it is on the tracker's terminal.
        stderr: The same for standard error.
        quiet: Whether lines are kept off the screen.
        always: Whether lines are captured while no rows stand as well.
        automatic: Whether the tracker captures by itself: a capture that was asked for goes before it, whichever came first.
        descriptors: Whether what C code and other programs write to descriptors 1 and 2 is captured as well.

    Attributes:
        lines: With `quiet`, the lines that were kept off the screen, at most the latest 10,000.
    """

    def __init__(
        self,
        tracker: TrackerCore,
        stdout: bool | None = None,
        stderr: bool | None = None,
        quiet: bool = False,
        *,
        always: bool = True,
        automatic: bool = False,
        descriptors: bool = False,
    ) -> None:
        # Weak: an automatic capture must not keep its tracker alive.
        self._tracker: Callable[[], TrackerCore | None] = ref(tracker) if automatic else lambda: tracker
        self.clock = tracker.clock
        self._wanted = {"stdout": stdout, "stderr": stderr}
        self._quiet = quiet
        self._always = always
        self.is_automatic = automatic
        self._descriptors = descriptors
        self.relay: Relay | None = None  # what programs write comes through it
        self.holds_lines = False  # whether a relay, or rows that a program redraws, may have lines for the next frame
        self._streams: dict[CapturedStream[Capture], bool] = {}  # and whether it was asked for, wherever it leads
        self.lines: deque[str] = deque(maxlen=KEPT)

    @property
    def tracker(self) -> TrackerCore | None:
        """The tracker that shows the lines; None while the garbage collector frees it."""
        return self._tracker()

    @property
    def is_full(self) -> bool:
        """Whether as many lines wait to be drawn as may be kept."""
        tracker = self.tracker
        return tracker is not None and tracker.lines.characters > MOST_CAPTURED

    def hold(self, tracker: TrackerCore) -> None:
        """Keep `tracker` alive until the capture ends."""
        self._tracker = lambda: tracker

    @property
    def captures_now(self) -> bool:
        """Whether a write now is captured. It is not if the line could not be shown, or if another program has the
        terminal."""
        if self._quiet:
            return True
        tracker = self._tracker()
        if tracker is None or not tracker.tree.shows_ends or tracker.hiding > tracker.asking:
            return False
        display = tracker.display
        if display is not None and not display.shows_lines:
            return False
        if (
            self._always
            or not tracker.tree.all_ended
            or tracker.lines.items
            or (display is not None and (display.renderer.may_be_standing or display.is_behind))
        ):
            return True
        if tracker.lines.before_line is None:
            return False
        tracker.lines.before_line()
        return bool(tracker.lines.items)  # what workers have sent by now comes first

    @property
    def captures_again(self) -> bool:
        """Whether a write now is captured again, because the program that had the terminal has ended."""
        if self.relay is None or not self.relay.foreground.is_given:
            return False
        self.relay.drain()
        return self.captures_now

    def show(self, line: str | None) -> None:
        """Show `line` above the bars, or keep it, if quiet. None: the text has left no line."""
        if line is None:
            return
        tracker = self._tracker()
        if self._quiet:
            self.lines.append(line)
        elif tracker is not None:
            tracker.lines.print_captured(line)
        else:
            self._write_now([line])

    def _write_now(self, lines: list[str]) -> None:
        """Write `lines` to the stream itself: the tracker is gone."""
        for captured in list(self._streams)[:1]:
            captured.write_now("".join(f"{line}\n" for line in lines))

    def queue(self, line: str | None) -> bool:
        """Queue `line` of a relay, and return whether `announce` must be called; it may wait."""
        return line is not None and self.queue_all([line])

    def before_frame(self) -> None:
        """Queue what is to be drawn by the frame that begins."""
        if self.relay is not None:
            self.relay.drain(notify=False)
            self.relay.forwarder.begin_frame()
        held = [captured.settle(self) for captured in list(self._streams)]
        self.holds_lines = self.relay is not None or any(held)

    def queue_all(self, lines: list[str]) -> bool:
        """Queue whole `lines` of a relay; as `queue`."""
        tracker = self.tracker
        if self._quiet:
            self.lines.extend(lines)
        elif tracker is None:
            self._write_now(lines)
        else:
            tracker.lines.extend(lines)
        return tracker is not None and not self._quiet

    def end_lines(self) -> None:
        """Show unfinished lines."""
        for captured in list(self._streams):
            captured.end_lines(self)

    def announce(self) -> None:
        """Ask for a frame that draws the lines that a relay has queued."""
        tracker = self.tracker
        if tracker is not None:
            tracker.lines.announce()

    def flush(self) -> None:
        """Draw the lines that a relay has queued now, if that is cheap."""
        tracker = self.tracker
        if tracker is not None and tracker.lines.items and not self._quiet:
            tracker.ticker.flush_lines()

    def start(self) -> Self:
        """Capture the streams that are on the tracker's terminal. Nothing happens where it has begun already."""
        tracker = self.tracker
        if not self._streams and tracker is not None:
            key = terminal_key_of(tracker)
            for name in ("stdout", "stderr", "__stdout__", "__stderr__"):
                stream = getattr(sys, name, None)
                wanted = self._wanted[name.strip("_")]
                if stream is None or wanted is False:
                    continue
                if wanted is None:
                    if key is not None and leads_to(stream, key):
                        self._add(stream)
                elif not name.startswith("_"):
                    self._add(stream, forced=True)
            stream = tracker.stream
            if key is not None and self._wanted == {"stdout": None, "stderr": None} and leads_to(stream, key):
                self._add(stream)
            if self._streams:
                questions.install()
                _registry.dup2.install()
                if HAS_PTY:
                    _registry.programs.install()
                if key is not None and any(leads_to(captured.stream, key) for captured in self._streams):
                    self._join_relay(key)
        return self

    def _join_relay(self, key: tuple[object, ...]) -> None:
        relay = _registry.relays.get(key)
        if relay is None and self._descriptors:
            relay = _registry.make_relay(key)
        if relay is not None:
            self.relay = relay
            self.holds_lines = True
            relay.join(self, redirect=self._descriptors)

    def _add(self, stream: Any, *, forced: bool = False) -> None:
        with _registry.lock:
            captured = STREAMS.get(id(stream))
            if captured is None:
                captured = CapturedStream(stream)
            if captured not in self._streams:
                self._streams[captured] = forced
                captured.captures.append(self)
                captured.captures.sort(key=_comes_late)
            if id(stream) not in STREAMS:
                STREAMS[id(stream)] = captured
                captured.install(forced=forced)

    def stop(self, *, failed: bool = False) -> None:
        """Restore the streams. What other code has replaced meanwhile stays.

        Args:
            failed: Whether the work failed: the lines of a quiet capture are then shown after all, since the reason may
                be among them.
        """
        tracker = self.tracker
        display = None if tracker is None else tracker.display
        over_rows = display is not None and display.renderer.standing
        relay, self.relay = self.relay, None
        if relay is not None:
            relay.leave(self, lambda: None if tracker is None else self._hand_over(relay, tracker))
        with _registry.lock:
            streams, self._streams = self._streams, {}
            for captured in streams:
                captured.captures.remove(self)
                if not captured.captures:
                    captured.remove()
                    STREAMS.pop(id(captured.stream), None)
            if not STREAMS:
                SCREEN.close()
                ENDED_LINES.clear()
                questions.uninstall()
                _registry.dup2.remove()
                _registry.programs.remove()
        for captured, forced in streams.items():
            if not captured.captures:
                captured.end_lines(self if forced or over_rows or self._quiet else None)
        if failed and self._quiet and tracker is not None:
            for line in self.lines:
                tracker.lines.print(line)

    def _hand_over(self, relay: Relay, tracker: TrackerCore) -> None:
        """Give lines that came too late for this tracker's last frame to another tracker on the terminal, where later
        lines go."""
        heir = next((each for each in relay.captures[::-1] if each.captures_now and each.tracker is not tracker), None)
        prints = tracker.lines.items
        if heir is None or heir.tracker is None or not prints:
            return
        if heir.tracker.lines.items is not prints:  # a feed has the queue of its tracker
            while prints and isinstance(prints[0], str):
                heir.queue(prints.popleft())
        heir.announce()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(failed=kind is not None)


class _Registry:
    """Replacements for functions of the process while streams are captured, and the relays of terminals."""

    def __init__(self) -> None:
        self.relays: dict[tuple[object, ...], Relay] = {}  # by their terminals' keys
        self.refused: set[tuple[object, ...]] = set()  # keys of terminals for which no relay could be made
        self.lock = native("_thread", "RLock")()
        self.dup2 = HookedDup2(_before_redirect, _follow_descriptor)
        self.programs = HookedPrograms(lambda target: _relay_of(target))

    def make_relay(self, key: tuple[object, ...], *, asked_for: bool = True) -> Relay | None:
        """Make a relay for the terminal with this `key`; return None if that is impossible. Warn if the user asked for
        it; otherwise do not try again."""
        if not asked_for and key in self.refused:
            return None
        try:
            from .relay import Relay

            descriptors = tuple(fd for fd in (1, 2) if has_key(fd, key))
            if not descriptors:
                return None
            relay = self.relays[key] = Relay(key, descriptors)
        except Exception as error:  # Windows, a frozen application, or no more processes, threads or descriptors
            self.refused.add(key)
            if asked_for:
                warn_once(f"what programs write cannot be captured here: {describe(error)}. It may be drawn over.")
            return None
        return relay


def _before_redirect(descriptor: int) -> None:
    for captured in captured_streams():
        if captured.descriptor == descriptor:
            captured.before_redirect()


def _follow_descriptor(descriptor: int) -> None:
    for captured in captured_streams():
        if captured.descriptor == descriptor:
            captured.follow_descriptor()


_registry = _Registry()


def relay_forks() -> bool:
    """Before a fork: make a relay for each terminal with rows, so that the child's words go through it. Return whether there is one."""
    for capture in dict.fromkeys(capture for captured in captured_streams() for capture in captured.captures):
        _begin_relay(capture)
    for relay in _registry.relays.values():
        relay.forwarder.hold()
    return bool(_registry.relays)


def _begin_relay(capture: Capture, wanted: tuple[object, ...] | None = None) -> None:
    """Join `capture`, if it is automatic, to a relay for the words of other programs: on any terminal, or on the one
    that is `wanted`."""
    tracker = capture.tracker
    key = None if tracker is None else terminal_key_of(tracker)
    if (
        capture.relay is None
        and key is not None
        and capture.is_automatic
        and capture.captures_now
        and wanted in (None, key)
    ):
        relay = _registry.relays.get(key) or _registry.make_relay(key, asked_for=wanted is None)
        if relay is not None:
            capture.relay = relay
            capture.holds_lines = True
            relay.join(capture, redirect=False)


def _relay_of(target: Any) -> Relay | None:
    """Return the relay for a program whose output is `target`, a descriptor or a file; None unless that is a terminal
    with rows."""
    try:
        key = file_key(target if isinstance(target, int) else target.fileno())
    except Exception:  # a pipe to be made, closed, or whatever a file of the user's own may raise
        return None
    streams: list[CapturedStream[Capture]] = captured_streams()
    for captured in streams:
        for capture in captured.captures[::-1]:
            _begin_relay(capture, key)
            if (
                capture.relay is not None
                and capture.relay.key == key
                and (capture.captures_now or capture.captures_again)
            ):
                thread = get_ident()
                capture.relay.forwarder.begin_line("".join(each.pop_line(thread) for each in captured_streams()))
                return capture.relay
    return None


def capture_worker(key: tuple[object, ...]) -> bool:
    """Send what this worker writes to the terminal with this `key` to its hub, until the process ends.

    Return whether it does: nothing happens if its streams lead elsewhere, for example to a relay of the parent.
    """
    stdout, stderr = (leads_to(getattr(sys, name, None), key) for name in ("stdout", "stderr"))
    core = current_tracker()._core
    if not (stdout or stderr) or not core.capture.mode:
        return False
    capture = Capture(core, stdout, stderr, automatic=True).start()
    core.capture.last(capture)
    for captured in list(capture._streams):
        captured.stream.flush = partial(_flush_at_end, captured, capture, captured.stream.flush)
    return True


def _flush_at_end(captured: CapturedStream[Capture], capture: Capture, flush: Callable[[], object]) -> None:
    """Flush a worker's stream. Once its exit functions have been called, that is the last that multiprocessing does: what has
    been written is sent, and a line that has not ended has come to its end."""
    tracker = capture.tracker
    if tracker is not None and any(getattr(util, "_exiting", False) for util in loaded("util")):
        if capture.relay is not None:
            capture.relay.drain_all()
        captured.end_lines(capture)
        if tracker.attached:
            tracker.ticker.detach(tracker)
    flush()


def forked() -> None:
    """After a fork, in the parent: let the relays go on."""
    for relay in _registry.relays.values():
        relay.forwarder.release()


def drain_relays() -> None:
    """Hand on what the programs that this process has started have written by now."""
    for relay in list(_registry.relays.values()):
        relay.drain_all()


def end_lines_of_worker() -> None:
    """Hand on all that this worker, which ends, and its programs have written by now."""
    drain_relays()
    for captured in captured_streams():
        if captured.captures:
            captured.end_lines(captured.captures[-1])


def close_relays() -> None:
    """At the end of the process: close the relays. Their keepers write what has not been shown."""
    while _registry.relays:
        _registry.relays.popitem()[1].close()


def leave_relays() -> None:
    """In a forked child, leave the relays to the parent, but for the child's words beside the parent's rows."""
    while _registry.relays:
        relay = _registry.relays.popitem()[1]
        relay.enter_child(relayed=any(capture.captures_now for capture in relay.captures))


def forget_captures() -> None:
    """Restore everything in a forked child, and forget unfinished lines, which are the parent's."""
    if not (STREAMS or _registry.relays):
        _registry.lock = native("_thread", "RLock")()
        UNCAPTURED.clear()
        return
    leave_relays()
    streams = captured_streams()
    STREAMS.clear()
    _registry.lock = native("_thread", "RLock")()
    UNCAPTURED.clear()
    SCREEN.forget()
    ENDED_LINES.clear()
    questions.uninstall()
    _registry.dup2.remove()
    _registry.programs.remove()
    for captured in streams:
        captured.remove()
        captured.forget_lines()
        for capture in captured.captures:
            tracker = capture.tracker
            if tracker is not None:
                tracker.capture.current = None
        captured.captures.clear()


def _comes_late(capture: Capture) -> bool:
    """Return whether the user asked for `capture`. It then comes after automatic ones, and the last capture gets the
    words."""
    return not capture.is_automatic
