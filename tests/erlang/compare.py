#!/usr/bin/env python3
"""Runs the same scenarios in Erlang and in sluice and compares the traces.

    compare.py TRACES SCENARIOS ESCRIPT

TRACES is the program of traces.cpp. Exit code 0: all alike; 1: the differences are printed; 77: no
escript here, nothing was compared (scripts/setup --peers installs it).
"""
import difflib
import shutil
import subprocess
import sys


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        sys.exit(f"{words[0]} failed ({done.returncode}): {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout.splitlines()


traces, scenarios, twin = sys.argv[1:4]
escript = shutil.which("escript")
if escript is None:
    print("skipped: no escript (scripts/setup --peers)")
    sys.exit(77)
ours = run(traces, scenarios)
theirs = run(escript, twin, scenarios)
differences = list(difflib.unified_diff(theirs, ours, "erlang", "sluice", lineterm="", n=6))
print("\n".join(differences))
count = sum(not line.startswith(" ") for line in ours)
print(f"{count} scenarios, {'alike' if not differences else 'with differences'}")
sys.exit(1 if differences else 0)
