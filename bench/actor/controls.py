#!/usr/bin/env python3
"""Shows that actor-bench verifies what it measures.

    controls.py ACTOR_BENCH

Every workload must pass at tiny sizes, with one thread and with two; and with one message dropped,
doubled, swapped with the next or changed, every workload must fail and print no figure. So must
`payload`, of every size, when a content is changed; and what crosses between threads is counted.
Exit code 0: all as promised.
"""
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from promises import Promises  # noqa: E402

bench = Promises(sys.argv[1], seconds_max=60)
run, check = bench.run, bench.check
DEFECTS = ["drop", "duplicate", "reorder", "wrong-value"]
LINE = re.compile(r"^(median )?[a-z][a-z0-9-]* [12] -?[0-9.]+ "
                  r"(ns|M/s|MB/s|k/s|B|MiB|s|ms|wakes|ticks)$")
SIZES = ("8", "64", "256", "1024", "4096")
COUNTED = ("pingpong", "count", "fjthrput", "big", "mbox", "nn", "payload")


def check_payload():
    for size in SIZES:
        words = ["--workload", "payload", "--threads", "2", "--tiny", "--param", f"bytes={size}"]
        code, lines, text = run(*words)
        check(code == 0 and len(lines) == 4, f"{size} bytes are verified and printed", (lines, text))
        for defect in DEFECTS + ["wrong-content"] * (size != "8"):
            code, lines, text = run(*words, "--plant", defect)
            check(code == 1 and not lines and text, f"{size} bytes: finds a planted {defect}",
                  (code, lines, text))
    code, lines, text = run("--workload", "payload", "--tiny", "--param", "bytes=9")
    check(code == 1 and not lines and text, "another size is refused", (code, lines, text))


def crossed(workload, threads, *words):
    """Percent of the messages, or None."""
    code, lines, _ = run("--workload", workload, "--threads", threads, "--crossings", *words)
    found = [line.split() for line in lines if line.startswith(f"{workload}-crossed {threads} ")]
    is_good = code == 0 and len(found) == 1 and found[0][3] == "%"
    has_speed = any(line.split()[0] == workload for line in lines)
    return float(found[0][2]) if is_good and not has_speed else None


def check_crossings():
    for workload in COUNTED:
        check(crossed(workload, "1", "--tiny") == 0, f"{workload}: nothing crosses in one thread")
        share = crossed(workload, "2", "--tiny")
        check(share is not None and share <= 100, f"{workload}: a share, and no speed", share)
    if len(os.sched_getaffinity(0)) > 1:
        shares = [crossed("fjthrput", "2") for _ in range(3)]
        check(any(shares), "where two threads work, messages cross", shares)
    for words in (["--workload", "call"], ["--workload", "big", "--plant", "drop"]):
        code, lines, text = run(*words, "--crossings", "--tiny")
        check(code == 2 and not lines and text, f"no crossings of {words}", (code, lines, text))


def main():
    code, listed, _ = run("--list")
    workloads = [line.split()[0] for line in listed]
    check(code == 0 and len(workloads) >= 12, "--list names the workloads", listed)
    for workload in workloads:
        for threads in ("1", "2"):
            code, lines, text = run("--workload", workload, "--threads", threads, "--runs", "3",
                                    "--tiny")
            runs = [line for line in lines if line.startswith(f"{workload} {threads} ")]
            medians = [line for line in lines if line.startswith(f"median {workload} {threads} ")]
            good = (code == 0 and len(runs) == 3 and len(medians) == 1
                    and all(map(LINE.match, lines)))
            check(good, f"{workload} with {threads} threads is verified and printed", (lines, text))
        for defect in DEFECTS:
            code, lines, text = run("--workload", workload, "--threads", "2", "--tiny",
                                    "--plant", defect)
            check(code == 1 and not lines and text, f"{workload} finds a planted {defect}",
                  (code, lines, text))
            print(f"       {text}")
    check_payload()
    check_crossings()
    for words in (["--workload", "nothing"], ["--runs", "0"], [], ["--param", "rounds=x"],
                  ["--workload", "ring", "--param", "rounds=3"]):
        code, lines, text = run(*words)
        check(code == 2 and not lines and text, f"usage error for {words}", (code, lines, text))
    return bench.end()


if __name__ == "__main__":
    sys.exit(main())
