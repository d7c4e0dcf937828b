"""Measure what an open live page costs a job: processor time of the job's process, compared with the same job without
the page.

One job, twenty tasks on a pseudo-terminal that is read, is run in turn without a tracker, without the page, with the
page served but not open, and with one and twelve tabs, which another process simulates with the requests of the page's
script. The figure is the share of one core that the page adds within a round; its bar is the budget of the display, 1
%. Processor time is counted, so a busy machine does not matter as long as the job runs.

    python benchmarks/live_page.py [--rounds 5] [--seconds 4]
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from measuring import Line, exit_status, interval, is_loaded, machine, text_of
from screen import output_of

MOST = 0.01
"""The share of one core that an open page may add."""
SCRIPT = Path(__file__).parents[1] / "progresskit" / "_display" / "web" / "page.js"
"""The page's script, which has the interval of a tab's requests."""
VARIANTS = {"bare": None, "no page": None, "served": 0, "1 tab": 1, "12 tabs": 12}
TABS = """
import http.client, json, sys, threading, time
host, port, token, tabs = sys.argv[1:]
over = threading.Event()

def tab():
    server = http.client.HTTPConnection(host, int(port), timeout=15)
    shown = 0
    while not over.is_set():
        try:
            server.request("GET", f"/state?since={shown}", headers={"Authorization": f"Bearer {token}"})
            answer = server.getresponse()
            body = answer.read()
        except OSError:
            return
        if answer.status == 200:
            shown = json.loads(body)["sequence"]
        time.sleep(POLL)

threads = [threading.Thread(target=tab) for _ in range(int(tabs))]
for each in threads: each.start()
print("open", flush=True)
sys.stdin.readline()
over.set()
for each in threads: each.join()
"""
JOB = """
import json, subprocess, sys, time
from progresskit import ProgressTracker
from progresskit._display.web import live

path, rounds, seconds, variants, tabs_program = sys.argv[1:]
variants, seconds = json.loads(variants), float(seconds)

def work(tasks):
    began, spent = time.monotonic(), time.process_time()
    while time.monotonic() - began < seconds:
        for task in tasks: task.advance(3)
        time.sleep(0.002)
    return (time.process_time() - spent) / (time.monotonic() - began)

class Bare:
    def advance(self, count): pass

def run(name):
    if name == "bare":
        return work([Bare()] * 20)
    tabs = variants[name]
    server = None if tabs is None else live.serve()
    looking = None
    if tabs:
        looking = subprocess.Popen([sys.executable, "-c", tabs_program, "127.0.0.1", str(server.port), server.token, str(tabs)],
            stdin=-1, stdout=-1, text=True)
        looking.stdout.readline()
    with ProgressTracker(capture=False) as tracker:
        tasks = [tracker.add_task(f"part {n}", total=1e6, unit="row") for n in range(20)]
        time.sleep(0.5)
        share = work(tasks)
        for task in tasks: task.finish()
    if looking is not None:
        looking.communicate("\\n")
    live.stop()
    return share

found = {name: [] for name in variants}
for turn in range(int(rounds) + 1):
    for name in list(variants) if turn % 2 else list(variants)[::-1]:
        share = run(name)
        if turn: found[name].append(share)
with open(path, "w") as file: json.dump(found, file)
"""


def measure(rounds: int, seconds: float) -> dict[str, list[float]]:
    """Return the job's shares of one core in each variant, round by round."""
    poll = re.search(r"^const POLL = (\d+);", SCRIPT.read_text("utf-8"), re.MULTILINE)
    assert poll is not None, f"{SCRIPT} does not say how often it asks"
    tabs = TABS.replace("POLL", str(int(poll[1]) / 1000))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shares.json"
        for _ in output_of(["-c", JOB, str(path), str(rounds), str(seconds), json.dumps(VARIANTS), tabs]):
            pass
        shares: dict[str, list[float]] = json.loads(path.read_text())
        return shares


def main() -> None:
    """Print what each variant adds, and fail if an open page adds more than its bar."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    options = parser.parse_args()
    print(machine())
    loaded = is_loaded()
    shares = measure(options.rounds, options.seconds)

    def added(name: str, control: str) -> Any:
        return interval([100 * (more - less) for more, less in zip(shares[name], shares[control], strict=True)])

    lines = [
        Line("the job without a tracker", interval([100 * share for share in shares["bare"]]), None, "% of a core")
    ]
    lines.append(Line("20 tasks on a terminal, over that", added("no page", "bare"), None, "% of a core"))
    for name in ("served", "1 tab", "12 tabs"):
        what = "the page served, nobody looks" if name == "served" else f"the page open in {name}"
        lines.append(Line(f"{what}, over the terminal alone", added(name, "no page"), 100 * MOST, "% of a core"))
    print(text_of(lines))
    sys.exit(exit_status(lines, loaded=loaded))


if __name__ == "__main__":
    main()
