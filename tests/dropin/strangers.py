"""Programs as people write them for tqdm: `python strangers.py WAY MODE` prints the output and the rows of each as JSON.

WAY is `tqdm`, `install` or `patch`; MODE is `pipes` or `terminal`. Each runs in a fork of this process, which imports but once.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import sys
import tempfile
import termios
import traceback

from pty_reading import read_pty

PROGRAMS = """
# === generator methods
it = iter(tqdm(range(10), desc="gen"))
print(next(it), next(it))
it.close()
def use():
    yield from tqdm(range(10), desc="inner")
g = use(); print(next(g)); g.close()
# === what update returns
bar, told = tqdm(total=3, desc="told", mininterval=1e-6), 0
for number in range(3):
    sleep(0.001)
    if bar.update():
        told += 1
        bar.set_postfix(number=number)
bar.close()
print(told)
# === format_meter
class Own(tqdm):
    def format_meter(self, n, total, elapsed, prefix="", **rest):
        return f"{prefix}{n} of {total}!"
for _ in Own(range(4), desc="own"): pass
# === format_dict
class Whole(tqdm):
    @property
    def format_dict(self):
        return {**super().format_dict, "bar_format": "{desc}: {n} in all"}
for _ in Whole(range(4), desc="whole"): pass
# === format_num
class Three(tqdm):
    @staticmethod
    def format_num(n): return f"{n:.3f}"
bar = Three(total=1, desc="three"); bar.set_postfix(loss=0.5); print(bar.postfix); bar.update(); bar.close()
# === iterated twice
bar = tqdm(range(3), desc="twice")
print(list(bar), list(bar), bar.n)
# === attributes of the class
class UpTo(tqdm):
    total = None
    now = 0
    def update_to(self, current, total):
        self.total = total
        self.update(current - self.now)
        self.now = current
with UpTo(unit="B", unit_scale=True, unit_divisor=1024, miniters=1, desc="up") as bar:
    for part in range(1, 5): bar.update_to(part * 250, 1000)
    print(bar.n, bar.total, bar.now)
# === not text
bar = tqdm(total=2, desc="words")
try: tqdm.write(3)
except TypeError: print("TypeError")
bar.update(2); bar.close()
# === all instances closed
bars = [tqdm(total=5, desc=f"bar {number}") for number in range(3)]
for bar in bars: bar.update(2)
for bar in sorted(tqdm._instances): bar.leave = False; bar.close()
print([bar.n for bar in bars], len(tqdm._instances), [bar.disable for bar in bars])
# === a place in a list as postfix
with tqdm(total=10, desc="Batch", bar_format="{desc} {postfix[0]} {postfix[1][value]:>8.2g}", postfix=["at", dict(value=0)]) as bar:
    for number in range(10):
        bar.postfix[1]["value"] = number / 2
        bar.update()
print(bar.postfix)
# === a stream that logs
class Log(StringIO):
    def write(self, text): self.text = text.strip()
    def flush(self): lines.append(self.text)
lines = []
for _ in tqdm(range(3), file=Log(), mininterval=30, desc="logged"): pass
print("3/3" in lines[-1])
# === a print that writes
def write(*words): tqdm.write(" ".join(map(str, words)))
for number in tqdm(range(3), desc="printed"): write("row", number)
# === a description that is a path
list(tqdm(range(2), desc=str(Path("a"))))
# === a hook of urlretrieve
with NamedTemporaryFile() as file:
    file.write(bytes(50000)); file.flush()
    class Hook(tqdm):
        def update_to(self, blocks=1, size=1, total=None):
            if total is not None: self.total = total
            return self.update(blocks * size - self.n)
    with Hook(unit="B", unit_scale=True, unit_divisor=1024, miniters=1, desc="file") as bar:
        urlretrieve("file://" + file.name, file.name + ".copy", reporthook=bar.update_to)
        bar.total = bar.n
    os.unlink(file.name + ".copy")
print(bar.n)
# === copied while it is live
import copy
bar = tqdm(total=3, desc="copied"); bar.update()
other = copy.copy(bar); other.set_description("copy"); other.update(2); bar.update()
print(bar.n, other.n); other.close(); bar.close()
# === an enumerate that is abandoned
bar = tqdm(range(10), desc="left")
numbers = enumerate(bar)
for number, item in numbers:
    if number == 4: break
del numbers
print(bar.n)
# === bars that end in any order
bars = [tqdm(total=4, desc=f"any {number}") for number in range(4)]
for bar in bars: bar.update(2)
bars[1].close()
for bar in bars: bar.update(2)
for number in (3, 0, 2): bars[number].close()
print([bar.n for bar in bars], [bar.pos for bar in bars])
# === print is tqdm.write
import builtins
own = builtins.print
def write(*words, **options):
    try: tqdm.write(*words, **options)
    except Exception: own(*words, **options)
builtins.print = write
for number in tqdm(range(2), desc="replaced"): print("row", number); print(f"row {number} alone")
print(3.5)
builtins.print = own
# === colours in words
with tqdm(total=2, desc="\\x1b[1;31mbold:\\x1b[0m") as bar:
    bar.set_postfix_str("\\x1b[2mdim\\x1b[0m")
    bar.update(2)
# === colours in a template
for _ in tqdm(range(2), desc="green", bar_format="{l_bar}\\x1b[32m{bar}\\x1b[0m| {n_fmt} of 2"): pass
for _ in tqdm(range(2), desc="blue", colour="blue", bar_format="{l_bar}{bar}| {n_fmt} of 2"): pass
# === a template that ends its line
for _ in tqdm(range(2), desc="ended", bar_format="{desc} {n_fmt}/{total_fmt}\\n"): pass
# === a status line above a bar
status = tqdm(total=0, position=1, bar_format="{desc}"); bar = tqdm(total=3, desc="main", position=0)
for number in range(3): status.set_description_str(f"at file {number}"); bar.update()
status.close(); bar.close()
# === a close of its own
class Closes(tqdm):
    def close(self):
        if not self.disable: print("row closing at", self.n)
        super().close()
for _ in Closes(range(2), desc="closes"): pass
for number in Closes(range(5), desc="breaks"):
    if number == 3: break
try:
    for number in Closes(range(5), desc="raises"):
        if number == 4: raise ValueError("the fifth")
except ValueError as error: print("row that fails")
# === a class that notes its subclasses
class Notes(tqdm):
    known = []
    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        Notes.known.append(cls.__name__)
class Noted(Notes): pass
with Noted(total=1, desc="noted") as bar: bar.update()
print(Notes.known, isinstance(bar, Noted))
# === an update of its own
class Tells(tqdm):
    def update(self, n=1):
        shown = super().update(n)
        heard.append((n, self.n, bool(shown)))
        return shown
heard = []
for number in Tells(range(12), desc="tells", mininterval=1e-6): sleep(0.001)
print(heard[-1][1:], sum(n for n, *_ in heard)); heard = []
bar = Tells(range(8), desc="tells seldom", mininterval=1e-6, miniters=4)
for number in bar: sleep(0.001)
print(heard, bar.n); heard = []
with Tells(total=3, desc="tells by hand", mininterval=30) as bar:
    for number in range(3): bar.update()
print(heard); heard = []
try:
    for number in Tells(range(5), desc="tells less", mininterval=1e-6):
        sleep(0.001)
        if number == 3: raise ValueError("the fourth")
except ValueError: print(heard[-1][1])
# === a refresh of its own
class Redraws(tqdm):
    def refresh(self, *args, **options):
        self.set_description(f"redraws {self.unit}", refresh=False)
        shown.append(self.n)
        return super().refresh(*args, **options)
shown = []
for _ in Redraws(range(9), mininterval=1e-6, unit="a"): sleep(0.001)
print(shown); shown = []
with Redraws(total=4, mininterval=1e-6, unit="b") as bar:
    for _ in range(4): sleep(0.001); bar.update()
    bar.reset(); bar.update(4)
print(shown)
# === methods that are replaced
calls, own = [], (tqdm.update, tqdm.close, tqdm.format_meter)
def update(self, n=1): calls.append("update"); return own[0](self, n)
def close(self):
    if not self.disable: calls.append(f"close {self.n}")
    own[1](self)
tqdm.update, tqdm.close = update, close
for _ in tqdm(range(3), desc="replaced", mininterval=1e-6): sleep(0.001)
with tqdm(total=2, desc="replaced by hand") as bar: bar.update(); bar.update()
tqdm.update, tqdm.close = own[:2]
print(calls)
tqdm.format_meter = staticmethod(lambda n, total, *args, **rest: f"meter of {n} of {total}")
for _ in tqdm(range(3)): pass
tqdm.format_meter = staticmethod(own[2])
with tqdm(total=2, desc="restored") as bar: bar.update(2)
# === a printer of its own
class Silent(tqdm):
    @staticmethod
    def status_printer(file): return lambda text: None
bar = Silent(total=100, ncols=40, bar_format="{percentage:3.0f}% |{bar:10}|")
bar.n = 37
print(str(bar)); bar.close()
# === figures of the last line
bar = tqdm(total=9, desc="figures", mininterval=1e-6)
sleep(0.001)
bar.update(4)
print(bar.last_print_n, bar.last_print_t > bar.start_t)
bar.start_t -= 7200
print(7199 < bar.format_dict["elapsed"] < 7260); bar.update(5); bar.close()
# === values with commas
class Tensor:
    def __str__(self): return "tensor(0.5, grad_fn=<Mean>)"
with tqdm(total=1, desc="commas") as bar: bar.set_postfix(loss=Tensor()); bar.update()
with tqdm(total=1, desc="list") as bar: bar.set_postfix(at=[1, 2, 3], last=3); bar.update()
with tqdm(total=1, desc="open") as bar: bar.set_postfix_str("a=(1, 2, done"); bar.update()
# === changed after its loop
bar = tqdm(range(4), desc="over first"); list(bar)
bar.reset(total=6); bar.update(2); bar.set_description("changed")
print(bar.n, bar.total)
# === options of the executor
from tqdm.contrib.concurrent import thread_map
print(thread_map(abs, [1, -2], max_workers=1, thread_name_prefix="worker", timeout=60, chunksize=1, desc="mapped"))
# === generators that share a screen
def run(position):
    bar = tqdm(total=4, position=position, desc=f"at {position}")
    for _ in range(4):
        bar.update()
        yield
    bar.close()
for _ in zip(*[run(number) for number in range(3)]): pass
# === after the end
bar = tqdm(total=4, desc="over")
bar.update(4); bar.close()
bar.update(3); bar.close(); bar.refresh(); bar.set_postfix(a=1); bar.set_description("other", refresh=False)
print(bar.n, bar.format_dict["n"], bar.format_dict["elapsed"] >= 0)
"""
NAMES = {
    "from io import StringIO": None, "from pathlib import Path": None, "from tempfile import NamedTemporaryFile": None,
    "from time import sleep": None, "from urllib.request import urlretrieve": None, "from tqdm import tqdm": None, "import os": None,
}  # fmt: skip


def programs() -> dict[str, str]:
    """Return the programs by their names."""
    parts = re.split(r"(?m)^# === (.+)\n", PROGRAMS)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def run(code: str) -> None:
    """Run `code` in this forked child, as an interpreter of its own would, and end."""
    sys.stdout = os.fdopen(1, "w", buffering=1 if os.isatty(1) else -1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    status, names = 0, {"__name__": "__main__"}
    try:
        exec("\n".join(NAMES), names)
        exec(code, names)
    except BaseException as error:
        sys.stderr.write("".join(traceback.format_exception(error)))
        status = 1
    names.clear()
    import atexit

    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(status)


def in_pipes(code: str) -> dict[str, object]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            run(code)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    return {"status": status, "out": texts[0], "err": texts[1]}


def on_terminal(code: str) -> dict[str, object]:
    child, fd = pty.fork()
    if child == 0:
        os.environ |= {"TERM": "xterm"}
        while os.get_terminal_size().columns != 100:  # the parent sets it
            pass
        run(code)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    raw = b""
    while data := read_pty(fd):
        raw += data
    os.close(fd)
    return {"status": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), "raw": raw.decode("utf-8", "replace")}


if __name__ == "__main__":
    way, mode = sys.argv[1:]
    if way != "tqdm":
        import progresskit.tqdm

        getattr(progresskit.tqdm, way)()
    import urllib.request  # noqa: F401

    import tqdm  # noqa: F401  # before the forks

    how = in_pipes if mode == "pipes" else on_terminal
    print(json.dumps({name: how(code) for name, code in programs().items()}))
