#!/usr/bin/env python3
"""Shows that actor-bench verifies what it measures.

    controls.py ACTOR_BENCH

Every workload must pass at tiny sizes, with one thread and with two; and with one message dropped,
doubled, swapped with the next or changed, every workload must fail and print no figure. Exit code 0:
all as promised.
"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from promises import Promises  # noqa: E402

bench = Promises(sys.argv[1], seconds_max=60)
run, check = bench.run, bench.check
DEFECTS = ["drop", "duplicate", "reorder", "wrong-value"]
LINE = re.compile(r"^(median )?[a-z][a-z0-9-]* [12] -?[0-9.]+ (ns|M/s|k/s|B|MiB|s|ms|wakes|ticks)$")


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
    for words in (["--workload", "nothing"], ["--runs", "0"], [], ["--param", "rounds=x"],
                  ["--workload", "ring", "--param", "rounds=3"]):
        code, lines, text = run(*words)
        check(code == 2 and not lines and text, f"usage error for {words}", (code, lines, text))
    return bench.end()


if __name__ == "__main__":
    sys.exit(main())
