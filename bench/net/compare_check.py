#!/usr/bin/env python3
"""Shows that compare.py runs in every mode and that a server that fails is in the table as failed.

    compare_check.py BUILD_DIRECTORY

Tiny cells and times: no figure of these runs means anything. Exit code 0: all as promised.
"""
import json
import os
import subprocess
import sys
import tempfile

BUILD = sys.argv[1]
HERE = os.path.dirname(os.path.abspath(__file__))
CPUS = sorted(os.sched_getaffinity(0))
ROWS = {"tcp": 2, "pipelined": 2, "lone": 4, "forward": 2, "udp": 3, "churn": 2, "idle": 2}
failures = []


def compare(*words):
    done = subprocess.run(
        [sys.executable, os.path.join(HERE, "compare.py"), "--build", BUILD, "--rounds", "1",
         "--seconds", "0.1", "--warmup", "0.05", "--server-cpu", str(CPUS[0]),
         "--load-cpu", str(CPUS[-1]), *words], capture_output=True, text=True, timeout=120)
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    return done, rows[1:]  # the first one names the columns


def check(holds, promise, done):
    print(f"{'ok    ' if holds else 'FAILED'} {promise}", flush=True)
    if not holds:
        failures.append(promise)
        print(done.stdout, done.stderr, flush=True)


for mode, count in ROWS.items():
    done, rows = compare(mode, "--cells", "3x64x2" if mode != "lone" else "1x64x1")
    check(done.returncode == 0 and len(rows) == count and "failed" not in done.stdout,
          f"{mode}: a row for each server", done)

done, rows = compare("forward", "--cells", "3x64x1", "--haproxy", "--nginx")
absent = done.stderr.count("left out")
check(done.returncode == 0 and len(rows) == 4 - absent,
      f"forward: haproxy and nginx where they are installed ({absent} absent)", done)

forward = os.path.join(BUILD, "bench/net/raw-forward")
done, rows = compare("--cells", "3x64x1", "--server", "ends=false", "--server",
                     f"closes={forward} --listen {{address}} --to 127.0.0.1:1")
failed = [row.split("|")[2].strip() for row in rows if "failed" in row]
check(done.returncode == 1 and failed == ["ends", "closes"],
      "a server that ends, and one that closes its connections, have failed", done)

echo = os.path.join(BUILD, "bench/net/raw-echo")
done, rows = compare("forward", "--cells", "3x64x1", "--server",
                     f"echoes={echo} --listen {{address}}")
failed = [row.split("|")[2].strip() for row in rows if "failed" in row]
check(done.returncode == 1 and failed == ["echoes"],
      "forward: a proxy that answers by itself has failed", done)

with tempfile.NamedTemporaryFile() as file:
    done, rows = compare("--cells", "3x64x2", "--histograms", file.name)
    written = json.load(file)
    counts = [sum(count for _, count in each["buckets"]) for each in written]
    check(done.returncode == 0 and len(counts) == len(rows) == 2 and min(counts) > 0,
          "--histograms: the latencies of each server", done)

for words in (("nonsense",), ("lone", "--histograms", "file"), ("udp", "--haproxy"), ("--server", "nameless"), ("--no-baseline",)):
    done, rows = compare(*words)
    check(done.returncode != 0 and done.stderr.strip() != "" and not rows,
          f"{' '.join(words)} is refused with a reason", done)

print(f"{len(failures)} failed")
sys.exit(1 if failures else 0)
