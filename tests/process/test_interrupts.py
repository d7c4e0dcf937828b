"""Ctrl-C at each byte of a frame: with a ticker's thread, and where there is none and the frame is drawn by the job itself."""

from __future__ import annotations

import pytest
from test_troubles import run

EACH_BYTE = """
import fcntl, os, pty, select, signal, struct, sys, termios, threading, time, tty
from progresskit import ProgressTracker
from progresskit.testing import EmulatedTerminal
THREADS = %r
if not THREADS:
    def refuse(*_): raise RuntimeError("can't start new thread")
    threading.Thread.start = refuse
from progresskit._display.ticker import ThreadTicker

master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 60, 0, 0))
tty.setraw(slave)
stream = os.fdopen(slave, "w")
real = os.write
ticker = ThreadTicker()

def attempt(at, terminal):
    '''Interrupt once so many bytes have been sent, and return whether it came to that.'''
    sent, hit, said = 0, [], []
    def write(fd, data):
        nonlocal sent
        data = bytes(data)
        if hit or fd <= 2 or not said or sent + len(data) < at:
            sent += len(data)
            return real(fd, data)
        count = real(fd, data[: at - sent]) if at > sent else 0
        hit.append(at)
        signal.raise_signal(signal.SIGINT) if not THREADS else signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        return count
    os.write = write
    try:
        with ProgressTracker("ansi", stream=stream, interval=0.0005, budget=1.0, ticker=ticker) as tracker:
            task = tracker.add_task("alpha", total=1000, unit="row")
            tracker.add_task("beta", total=10, keep=False)
            tracker.print("first words")
            said.append(True)  # a frame that comes before may not be the one that is broken off
            turn = 0
            while not hit and sent < %d:
                task.advance()
                turn += 1
                if turn %% 500 == 0: time.sleep(0.0005)
            tracker.print("last words")
            while hit: time.sleep(0.01)  # for the interrupt, which may come a little later
    except KeyboardInterrupt:
        pass
    finally:
        os.write = real
        ticker.close()  # as the end of the process would
    data = b""
    while select.select([master], [], [], 0)[0]:
        data += os.read(master, 65536)
    terminal.feed(data.decode())
    return bool(hit)

for at in range(0, 3000, %d):
    terminal = EmulatedTerminal(60, 12)
    terminal.feed("$ the shell's\\n")
    if not attempt(at, terminal):
        break
    picture = f"{at}: {terminal.text} {terminal.cursor}"
    names = [row.split()[0] for row in terminal.text]
    assert terminal.cursor == (len(names), 0, True), picture
    assert names[0] == "$", picture
    assert "first" in names[1] or at == 0, picture
    assert [name for name in names if name in ("alpha", "beta")] in (["alpha"], []), picture
    assert not any("beta" in row for row in terminal.text), picture
    assert terminal._screen.cursor.attrs == terminal._screen.default_char and 7 << 5 in terminal._screen.mode, picture
print("interrupted", at)
"""


@pytest.mark.parametrize(
    ("threads", "step"),
    [
        pytest.param(True, 101, id="drawn by a thread, here and there"),
        pytest.param(False, 17, id="drawn by the job, here and there"),
        pytest.param(True, 11, id="drawn by a thread", marks=pytest.mark.slow),
        pytest.param(False, 1, id="drawn by the job", marks=pytest.mark.slow),
    ],
)
def test_ctrl_c_at_each_byte_of_a_frame(threads: bool, step: int) -> None:
    """Ctrl-C at each byte of a frame leaves whole rows."""
    # From another thread the interrupt comes at any instant: coverage would be broken off with a lock of its own in hand.
    done = run(EACH_BYTE % (threads, 900, step), traced=not threads)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.startswith("interrupted")
    assert int(done.stdout.split()[1]) > 500
