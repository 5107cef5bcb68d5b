"""Latency at a fixed rate: the gateway and the bare servers, by bench/net/compare.py, whose
histograms become a plot. Open loop, so that a server is charged for every message that was due
while it did nothing; throughput is another question (the suite `net`).
"""
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass

import svg

RATE = 20_000
CELL = "50x64x1"
BUCKET = 2 ** (1 / 8)  # the upper edge by the lower one
TAIL_FROM = 1e-5  # shares below it are of single messages


@dataclass(frozen=True)
class Latency:
    said: str          # compare.py's line about the run, and its table
    histograms: dict   # server -> [(upper edge in us, count)]
    is_good: bool


def gateways(built):
    """The options of compare.py for the gateway in both of its forms."""
    gateway = shlex.quote(str(built / "src" / "gateway" / "sluice-gateway"))
    words = []
    for count in (0, 1):
        words += ["--server", f"gateway-io{count}={gateway} --tcp {{address}} "
                              f"--io-threads {count} --pin 0"]
    return words


def measure(root, built, rounds):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "histograms.json"
        done = subprocess.run([sys.executable, str(root / "bench" / "net" / "compare.py"), "tcp",
                               "--build", str(built), "--rounds", str(rounds), "--cells", CELL,
                               "--rate", str(RATE), "--histograms", str(path), *gateways(built)],
                              stdout=subprocess.PIPE, text=True)
        written = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    histograms = {each["server"]: each["buckets"] for each in written if each["buckets"]}
    return Latency(done.stdout.strip() + "\n", histograms, done.returncode == 0)


def shares(buckets):
    """Points of a panel: what share of all messages each bucket has, from its lower edge on."""
    total = sum(count for _, count in buckets)
    points, end = [], None
    for edge, count in buckets:
        if end is not None and edge > end * BUCKET * 1.01:  # nothing was between them
            points.append((end, 0))
        points.append((edge / BUCKET, count / total))
        end = edge
    return [(x, share, share, share) for x, share in points + [(end, 0)]]


def tail(buckets):
    """What share of all messages took longer than each edge."""
    left = total = sum(count for _, count in buckets)
    points = []
    for edge, count in buckets:
        left -= count
        if left / total >= TAIL_FROM:
            points.append((edge, left / total, left / total, left / total))
    return points


def panels(histograms):
    """Ours first: the gateway's forms, then the bare servers."""
    names = sorted(histograms, key=lambda name: not name.startswith("gateway"))
    slow = {name: tail(histograms[name]) for name in names}
    return names, [
        svg.Panel("latency", "us", "share of messages, in eighths of an octave",
                  {name: shares(histograms[name]) for name in names}, True),
        svg.Panel("tail", "us", "share of messages that took longer",
                  {name: points for name, points in slow.items() if points}, True)]
