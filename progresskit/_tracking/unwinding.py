"""Find the exception that propagates through a frame, from within a finaliser that runs meanwhile.

A finaliser cannot see why its object was dropped: CPython sets a propagating exception aside before it runs Python
code, so `sys.exc_info()` is empty. But the exception's traceback was just made, and so is one of the youngest
objects that the garbage collector tracks. It names the frame and its current instruction. From 3.12 on it leads to
the exception itself. On 3.11 an exception may have no object yet. For those that cancel a program, the class then
has one more reference than before. An interpreter without the GIL has no young objects: there the collector
searches all objects for referrers of the frame, which is slow and so is done only if the loop was not left by
`break` or `return`. Does not know loops
or tasks.
"""

from __future__ import annotations

import gc
import sys
from opcode import opmap, opname
from types import FrameType, TracebackType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

FEWEST_OBJECTS, MOST_OBJECTS = 16, 50_000
"""Young objects that are searched. There are fewer right after a collection, which may have moved the traceback out of
them, and at most some thousand unless the program has switched the collector off."""
NEAR = 8
"""Objects between an exception that a frame raises on 3.11 and the first entry of its traceback."""
CALLED_OFF = (KeyboardInterrupt, SystemExit)

_REMOVED = frozenset(("RERAISE", "CLEANUP_THROW"))  # instructions that re-raise an exception of another instruction
_BARE_RAISE = bytes((opmap["RAISE_VARARGS"], 0))
"""`raise` without an exception: it re-raises the handled one, and adds no traceback entry."""
_HAS_OBJECT = sys.version_info >= (3, 12)
HAS_GENERATIONS = "free-threading" not in sys.version
"""Whether the collector knows the youngest objects. That depends on how the interpreter was built, not on whether the
GIL is on."""


DROPPING = frozenset(("POP_TOP", "RETURN_VALUE", "RETURN_CONST"))
"""The instructions at which a `for` statement is left by `break` or `return`."""


class UnknownError(Exception):
    """Represents a propagating exception of which only is known that it is an error."""


def caller() -> FrameType | None:
    """Return the frame that called the calling function; None if there is none, because the interpreter ends."""
    try:
        return sys._getframe(2)
    except ValueError:
        return None


def instruction(code: CodeType | None, at: int) -> str:
    """Return the name of the instruction of `code` at the offset `at`; empty where there is none."""
    if code is None:
        return ""
    instructions = code.co_code
    while 0 <= at < len(instructions):
        name = opname[instructions[at]]
        if name != "CACHE":  # a cache entry belongs to the instruction before it; 3.12 points there during a call
            return name
        at -= 2
    return ""


def holders() -> tuple[int, ...]:
    """Return the reference counts of the exceptions that cancel a program, with which `passing` compares on 3.11."""
    return () if _HAS_OBJECT else tuple(map(sys.getrefcount, CALLED_OFF))


def can_tell() -> bool:
    """Whether `passing` is reliable: the young objects are few, and in the order of their creation."""
    return not HAS_GENERATIONS or FEWEST_OBJECTS <= gc.get_count()[0] <= MOST_OBJECTS


def passing(
    frame: FrameType | None, since: object, held: tuple[int, ...], code: CodeType | None = None
) -> BaseException | None:
    """Return the exception that propagates through `frame`, or has propagated through a frame of `code`; None if there
    is none.

    Args:
        frame: The frame that may be left by an exception.
        code: The code of a frame that no longer exists, such as a generator's. None: no other frame.
        since: An object that was made before the exception was raised.
        held: The result of `holders` from when `since` was made.
    """
    if not HAS_GENERATIONS:
        return _passing_held(frame, code)
    young = gc.get_objects(generation=0)
    for index in range(len(young) - 1, -1, -1):
        each = young[index]
        if each is since:
            return None
        if (
            type(each) is TracebackType
            and (each.tb_frame is frame or each.tb_frame.f_code is code)
            and _stands_at(each)
        ):
            return _exception(young, each, index, held)
    return None


def _passing_held(frame: FrameType | None, code: CodeType | None) -> BaseException | None:
    """Return the exception that passes through `frame`, or has passed through a frame of `code`, as `passing` does, by
    the referrers of these frames: only the interpreter refers to a propagating exception, but an object of the job also
    refers to one that the job keeps."""
    entries = [] if frame is None else [each for each in gc.get_referrers(frame) if _is_entry(each, frame.f_code)]
    if code is not None:  # a generator's frame that no longer exists has no referrers
        entries += [each for each in gc.get_objects() if _is_entry(each, code)]
    is_unknown = False
    for entry in entries:
        if _stands_at(entry):
            errors = [
                each for each in gc.get_objects() if isinstance(each, BaseException) and _has(each.__traceback__, entry)
            ]
            is_unknown = is_unknown or not errors
            for error in errors:
                if entry.tb_frame is not frame or not _is_kept(error, errors):
                    return error
    return UnknownError() if is_unknown else None


def _is_entry(each: object, code: CodeType) -> bool:
    return type(each) is TracebackType and each.tb_frame.f_code is code


def _is_kept(error: BaseException, errors: list[BaseException]) -> bool:
    """Return whether an object of the job refers to `error`. Frames that it has left do not count, nor does the list of
    `errors`."""
    return any(each is not errors and type(each) is not FrameType for each in gc.get_referrers(error))


def left_by_statement(code: CodeType, at: int) -> bool:
    """Return whether a frame of `code` at the offset `at` drops its loop by `break` or `return`. The instruction after
    a call is also the current one when the call raises."""
    return instruction(code, at) in DROPPING and not instruction(code, at - 2).startswith("CALL")


def _stands_at(entry: TracebackType) -> bool:
    code, at = entry.tb_frame.f_code, entry.tb_frame.f_lasti
    return entry.tb_lasti == at or instruction(code, at) in _REMOVED or code.co_code[at : at + 2] == _BARE_RAISE


def _has(trace: TracebackType | None, entry: TracebackType) -> bool:
    """Return whether `entry` is one of the traceback that begins with `trace`."""
    while trace is not None and trace is not entry:
        trace = trace.tb_next
    return trace is not None


def _exception(young: list[Any], entry: TracebackType, index: int, held: tuple[int, ...]) -> BaseException:
    """Return the exception of the traceback `entry`, which has the index `index` in the `young` objects."""
    for each in reversed(young):
        if isinstance(each, BaseException) and _has(each.__traceback__, entry):
            return each
    if _HAS_OBJECT:  # it was made long before it was raised, so it is not young
        for holder in gc.get_referrers(entry):
            if isinstance(holder, BaseException):
                return holder
    for number, (now, before) in enumerate(zip(holders(), held, strict=True)):
        if now > before:
            return CALLED_OFF[number]()
    entries = {id(entry)}
    while entry.tb_next is not None:
        entry = entry.tb_next
        entries.add(id(entry))
    for place in range(index, -1, -1):
        each = young[place]
        if isinstance(each, BaseException) and id(each.__traceback__) in entries:
            return each
        if each is entry:  # the innermost entry: its exception was made right before it
            near = young[max(place - NEAR, 0) : place]
            found = [one for one in near if isinstance(one, BaseException) and one.__traceback__ is None]
            if found:
                return found[-1]
    closing = instruction(entry.tb_frame.f_code, entry.tb_lasti) in ("YIELD_VALUE", "RESUME", "SEND")
    return GeneratorExit() if closing else UnknownError()
