"""Small parts of tqdm's interface that other packages import: widths, wrappers of streams, defaults from the environment."""

from __future__ import annotations

import os
import re
import sys
import weakref
from functools import wraps
from inspect import signature
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width
from warnings import warn

from .._system.platform import IS_WINDOWS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CUR_OS = sys.platform
IS_WIN = CUR_OS.startswith(("win32", "cygwin"))
IS_NIX = not IS_WIN
RE_ANSI = re.compile(r"\x1b\[[;\d]*[A-Za-z]")
RESET = "\x1b[0m"
UNUSUAL_EXCEPTIONS = (KeyboardInterrupt, SystemExit)


class TqdmWarning(Warning):
    """Something about a bar that does not stop it.

    Args:
        msg: The words.
        fp_write: Where to write them as well, with the class's name; None: nowhere.
    """

    def __init__(self, msg: str, fp_write: Callable[[str], object] | None = None, *args: Any) -> None:
        if fp_write is not None:
            fp_write(f"\n{type(self).__name__}: {str(msg).rstrip()}\n")
            super().__init__(*args)
        else:
            super().__init__(msg, *args)


class TqdmDeprecationWarning(TqdmWarning, DeprecationWarning):
    """A part that should not be used any more. May be raised as an exception."""


def envwrap(
    *name: str, types: Mapping[str, Callable[[str], Any]] | None = None, is_method: bool = False
) -> Callable[[Any], Any]:
    """Return a decorator that takes a function's defaults from the environment: `envwrap("tqdm")` reads `TQDM_MININTERVAL`.

    The variables are read when the function is decorated. A value gets the type of the parameter's annotation, else of its
    default, where that can be made of it; else it stays text.

    Args:
        name: The parts of the prefix.
        types: Parameter -> what makes its value of a text.
        is_method: Taken for tqdm's sake: methods and functions are decorated alike.
    """
    if len(name) == 1 and name[0].endswith("_"):
        warn("Trailing underscore in `name` is automatic", DeprecationWarning, stacklevel=2)
    given: dict[str, str] = {}
    prefix = ""
    for part in name:  # `TQDM_FOO_A` is more particular than `TQDM_A`
        prefix += part.rstrip("_").upper() + "_"
        given |= {
            key[len(prefix) :].lower(): value for key, value in os.environ.items() if key.upper().startswith(prefix)
        }

    def decorate(function: Any) -> Any:
        parameters = signature(function).parameters
        overrides = {key: value for key, value in given.items() if key in parameters}
        for key, text in overrides.items():
            for make in _makers(parameters[key], types, key):
                try:
                    overrides[key] = make(text)
                    break
                except (ValueError, TypeError):
                    continue
        if not overrides:
            return function
        names = list(parameters)

        @wraps(function)
        def wrapped(*args: Any, **options: Any) -> Any:
            positional = names[: len(args)]
            return function(*args, **{**{key: overrides[key] for key in overrides if key not in positional}, **options})

        return wrapped

    return decorate


def _makers(parameter: Any, types: Mapping[str, Callable[[str], Any]] | None, key: str) -> list[Callable[[str], Any]]:
    """Return what may make the value of `parameter` of a text, the most fitting first."""
    if types is not None:
        try:
            return [types[key]]
        except KeyError:
            return []
    annotation: Any = parameter.annotation
    found: list[Any]
    if isinstance(annotation, str):
        names = {"int": int, "float": float, "str": str, "bool": _boolean}
        found = [names[part.strip()] for part in re.split(r"[|,\[\]]", annotation) if part.strip() in names]
    elif annotation is not parameter.empty:
        found = [_boolean if each is bool else each for each in getattr(annotation, "__args__", (annotation,))]
        found = [each for each in found if callable(each) and each is not type(None)]
    elif parameter.default is not None and parameter.default is not parameter.empty:
        kind = type(parameter.default)
        found = [_boolean if kind is bool else kind]
    else:
        found = []
    return found


def _boolean(text: str) -> bool:
    return text.strip().lower() not in ("", "0", "false", "no", "off")


class Comparable:
    """Objects that compare by what their `_comparable` is."""

    _comparable: Any

    def __lt__(self, other: Any) -> bool:
        return bool(self._comparable < other._comparable)

    def __le__(self, other: Any) -> bool:
        return bool(self._comparable <= other._comparable)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Comparable) and bool(self._comparable == other._comparable)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __gt__(self, other: Any) -> bool:
        return not self <= other

    def __ge__(self, other: Any) -> bool:
        return not self < other

    __hash__ = object.__hash__


class ObjectWrapper:
    """Passes attributes on to another object, in both directions."""

    def __init__(self, wrapped: Any) -> None:
        self.wrapper_setattr("_wrapped", wrapped)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._wrapped, name, value)

    def wrapper_getattr(self, name: str) -> Any:
        """Return an attribute of the wrapper itself."""
        return object.__getattribute__(self, name)

    def wrapper_setattr(self, name: str, value: Any) -> None:
        """Set an attribute of the wrapper itself."""
        object.__setattr__(self, name, value)


class SimpleTextIOWrapper(ObjectWrapper):
    """A stream of bytes that takes text.

    Args:
        wrapped: The stream.
        encoding: What its text is encoded in.
    """

    def __init__(self, wrapped: Any, encoding: str) -> None:
        super().__init__(wrapped)
        self.wrapper_setattr("encoding", encoding)

    def write(self, s: str) -> Any:
        """Write `s`, encoded."""
        return self._wrapped.write(s.encode(self.wrapper_getattr("encoding")))

    def __eq__(self, other: object) -> bool:
        return bool(self._wrapped == getattr(other, "_wrapped", other))

    __hash__ = object.__hash__


class FormatReplace:
    """Stands for a field of a template: formatted, it is always the same text, and counts how often that was asked for.

    Example:
        >>> field = FormatReplace("bar")
        >>> f"{field:>10}", field.format_called
        ('bar', 1)
    """

    def __init__(self, replace: str = "") -> None:
        self.replace = replace
        self.format_called = 0

    def __format__(self, _: str) -> str:
        self.format_called += 1
        return self.replace


class DisableOnWriteError(ObjectWrapper):
    """A stream whose first failed write makes its bar quiet for good.

    Args:
        wrapped: The stream.
        tqdm_instance: The bar.
    """

    def __init__(self, wrapped: Any, tqdm_instance: Any) -> None:
        super().__init__(wrapped)
        # Weak, since the bar has the stream: a dropped bar ends at once, not at the next collection of cycles.
        self.wrapper_setattr("_bar", None if tqdm_instance is None else weakref.ref(tqdm_instance))

    def write(self, text: Any) -> Any:
        """Write `text`, and quieten the bar where that fails."""
        return self._guarded(self._wrapped.write, text)

    def flush(self) -> Any:
        """Flush, where the stream can."""
        flush = getattr(self._wrapped, "flush", None)
        return self._guarded(flush) if flush is not None else None

    def _guarded(self, call: Callable[..., Any], *args: Any) -> Any:
        try:
            return call(*args)
        except (OSError, ValueError) as error:
            if isinstance(error, UnicodeError) or (isinstance(error, ValueError) and "closed" not in str(error)):
                raise
            bar = self.wrapper_getattr("_bar")
            if bar is not None and bar() is not None:
                bar().miniters = float("inf")
            return None

    def __eq__(self, other: object) -> bool:
        return bool(self._wrapped == getattr(other, "_wrapped", other))

    __hash__ = object.__hash__


class CallbackIOWrapper(ObjectWrapper):
    """A stream that tells a callback how much was read or written.

    Args:
        callback: Called with the number of bytes or characters.
        stream: The stream.
        method: `read` or `write`.
    """

    def __init__(self, callback: Callable[[int], object], stream: Any, method: str = "read") -> None:
        super().__init__(stream)
        inner = getattr(stream, method)
        if method == "write":

            @wraps(inner)
            def write(data: Any, *args: Any, **options: Any) -> Any:
                result = inner(data, *args, **options)
                callback(len(data))
                return result

            self.wrapper_setattr("write", write)
        elif method == "read":

            @wraps(inner)
            def read(*args: Any, **options: Any) -> Any:
                data = inner(*args, **options)
                callback(len(data))
                return data

            self.wrapper_setattr("read", read)
        else:
            raise KeyError("Can only wrap read/write methods")


def is_utf(encoding: str) -> bool:
    """Return whether `encoding` has the characters of a bar."""
    try:
        "\u2588\u2589".encode(encoding)
    except UnicodeEncodeError:
        return False
    except Exception:  # an encoding that nobody knows by that name
        return encoding.lower().startswith("utf-") or encoding.upper() == "U8"
    return True


def supports_unicode(file: Any) -> bool:
    """Return whether `file` says that it takes the characters of a bar."""
    encoding = getattr(file, "encoding", None)
    return is_utf(encoding) if encoding else False


def is_ascii(text: Any) -> bool:
    """Return whether `text`, or the encoding of a stream, has ASCII characters only."""
    return text.isascii() if isinstance(text, str) else not supports_unicode(text)


def disp_len(data: str) -> int:
    """Return the cells that `data` takes, escape sequences not counted."""
    return _text_width(RE_ANSI.sub("", data))


def _text_width(text: str) -> int:
    return len(text) if text.isascii() else sum(2 if east_asian_width(each) in "FW" else 1 for each in text)


def disp_trim(data: str, length: int) -> str:
    """Return the beginning of `data` that fits into `length` cells; where it has escape sequences, with a reset after it."""
    if len(data) == disp_len(data):
        return data[:length]
    has_ansi = bool(RE_ANSI.search(data))
    while disp_len(data) > length:
        data = data[:-1]
    if has_ansi and RE_ANSI.search(data):
        return data if data.endswith(RESET) else data + RESET
    return data


def screen_shape(file: Any) -> tuple[int | None, int | None]:
    """Return the columns and lines that bars use of the terminal behind `file`: all but the last ones. None: there is no terminal."""
    try:
        size = os.get_terminal_size(file.fileno())
    except (AttributeError, OSError, ValueError, TypeError):
        return None, None
    return (size.columns - 1, size.lines - 1) if size.columns > 0 else (None, None)


def _screen_shape_wrapper() -> Callable[[Any], tuple[int | None, int | None]]:
    return screen_shape


def _environ_cols_wrapper() -> Callable[[Any], int | None]:
    return lambda file: screen_shape(file)[0]


def _term_move_up() -> str:
    return "" if IS_WINDOWS and "TERM" not in os.environ else "\x1b[A"


# Names under which other packages know these.
_is_utf, _supports_unicode, _is_ascii = is_utf, supports_unicode, is_ascii
_range, _unich, _unicode, _basestring = range, chr, str, str
