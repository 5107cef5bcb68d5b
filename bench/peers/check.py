#!/usr/bin/env python3
"""Shows that the peers that are here do their work and verify it.

    check.py RAW_FLOOR SAVINA [CAF_BENCH CAF_SAVINA]

Every workload must print verified lines at tiny sizes, with one thread and with two; with one wrong value
planted, each must fail and print no figure. Programs of Savina must be checked against published values,
and have the sizes that ours have. Exit code 0: all as promised; 77: neither CAF nor Erlang is here
(scripts/setup --peers) and only the raw floor was looked at.
"""
import pathlib
import re
import shutil
import subprocess
import sys

WORKLOADS = "pingpong ring count fjthrput fjcreate big mbox nn chameneos idle call".split()
UNITS = {"pingpong": "ns", "ring": "ns", "count": "M/s", "fjthrput": "M/s", "fjcreate": "k/s", "big": "M/s",
         "mbox": "M/s", "nn": "M/s", "chameneos": "k/s", "idle": "B", "call": "ns"}
DEFECTS = ["drop", "duplicate", "reorder", "wrong-value"]
RUNS = 2
# One of each kind of defect where it shows at once, and one that shows as a run that does not end.
SAVINA_DEFECTS = (("pingpong", "spoil", 5), ("count", "duplicate", 3), ("threadring", "drop", 3),
                  ("banking", "spoil", 0), ("sor", "duplicate", 0), ("uct", "drop", 40),
                  ("radixsort", "drop", 40))
failures = []


def run(program, *words):
    done = subprocess.run([*program, *words], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout.splitlines(), done.stderr.strip()


def check(holds, promise, detail=""):
    print(f"{'ok    ' if holds else 'FAILED'} {promise} {'' if holds else detail}", flush=True)
    if not holds:
        failures.append(promise)


def is_complete(lines, workload, threads, suffix=""):
    """RUNS lines of one figure and its median."""
    figure = rf"{workload}{suffix} {threads} \d+\.\d\d {UNITS[workload]}"
    runs = [line for line in lines if re.fullmatch(figure, line)]
    medians = [line for line in lines if re.fullmatch("median " + figure, line)]
    return len(runs) == RUNS and len(medians) == 1


def check_usage(name, program):
    for words in (["--workload", "nothing"], ["--runs", "0"], [], ["--param", "rounds=x"],
                  ["--workload", "count", "--param", "rounds=3"]):
        code, lines, text = run(program, *words)
        check(code == 2 and not lines and text, f"{name}: usage error for {words}", (code, lines, text))


def check_actors(name, program, defects, together):
    """`together`: all workloads in one call of the program, which is slow to start."""
    check_usage(name, program)
    groups = ["all"] if together else WORKLOADS
    for threads in ("1", "2"):
        for group in groups:
            code, lines, text = run(program, "--workload", group, "--threads", threads, "--runs", str(RUNS),
                                    "--tiny")
            for workload in WORKLOADS if together else [group]:
                check(code == 0 and is_complete(lines, workload, threads),
                      f"{name}: {workload} with {threads} threads is verified and printed", (lines, text))
    for defect in defects:
        for group in groups:
            code, lines, text = run(program, "--workload", group, "--threads", "2", "--tiny",
                                    "--patience", "2", "--plant", defect)
            found = [workload for workload in WORKLOADS if f": {workload} with 2 threads: " in text]
            wanted = WORKLOADS if together else [group]
            check(code == 1 and not lines and found == wanted, f"{name}: {group} finds a planted {defect}",
                  (code, lines, text))


def check_raw(program):
    check_usage("raw-floor", program)
    for threads in ("1", "2"):
        for workload in ("pingpong", "count"):
            code, lines, text = run(program, "--workload", workload, "--threads", threads, "--runs",
                                    str(RUNS), "--tiny")
            check(code == 0 and is_complete(lines, workload, threads, "-local"),
                  f"raw-floor: {workload} with {threads} threads is verified and printed", (lines, text))
            code, lines, text = run(program, "--workload", workload, "--threads", threads, "--tiny",
                                    "--plant", "wrong-value")
            check(code == 1 and not lines and text, f"raw-floor: {workload} finds a planted wrong value",
                  (code, lines, text))


def savina_sizes(program):
    """The line of --sizes after the semicolon, by program."""
    _, lines, _ = run(program, "--sizes")
    return {line.split()[0].rstrip(";"): line.split(";")[-1].strip() for line in lines}


def check_savina(name, program, ours, together):
    """`together`: as in check_actors."""
    sizes = savina_sizes(program)
    wanted = savina_sizes(ours)
    check(sizes and all(wanted.get(each) == size for each, size in sizes.items()),
          f"{name}: programs and sizes are ours", sizes)
    for group in ["all"] if together else sizes:
        for threads in ("1", "2"):
            code, lines, text = run(program, group, "--threads", threads, "--iterations", str(RUNS),
                                    "--size", "tiny")
            checked = sum(line.endswith("checked against: ci") for line in lines)
            for each in sizes if together else [group]:
                times = [line for line in lines
                         if re.fullmatch(rf"{each}(-inner)? {threads} \d+\.\d\d\d ms", line)]
                check(code == 0 and len(times) == 2 * RUNS and checked == (len(sizes) if together else 1),
                      f"{name}: {each} with {threads} threads is verified and timed", (lines, text))
    for each, defect, place in SAVINA_DEFECTS:
        code, lines, text = run(program, each, "--size", "tiny", "--iterations", "1", "--patience", "1",
                                "--plant", defect, "--plant-at", str(place))
        check(code == 1 and not lines and text, f"{name}: {each} finds message {place} planted: {defect}",
              (code, lines, text))
    for words in (["sieve"], [], ["count", "--param", "N=0"], ["count", "--scheduler", "fair"]):
        code, lines, text = run(program, *words)
        check(code == 2 and not lines and text, f"{name}: usage error for {words}", (code, lines, text))


def main():
    check_raw([sys.argv[1]])
    caf = sys.argv[3:4]
    if caf:
        check_actors("caf-bench", caf, DEFECTS, together=False)
        check_savina("caf-savina", sys.argv[4:5], sys.argv[2:3], together=False)
    erlang = shutil.which("erl") and shutil.which("erlc")
    if erlang:
        folder = pathlib.Path(__file__).resolve().parent
        check_actors("erlang", [sys.executable, str(folder / "erlang_bench.py")], ["wrong-value"],
                     together=True)
        check_savina("erlang-savina", [sys.executable, str(folder / "erlang_savina.py")],
                     sys.argv[2:3], together=True)
    print(f"{len(failures)} failures")
    if failures:
        return 1
    if not caf and not erlang:
        print("skipped: neither CAF nor Erlang is here (scripts/setup --peers)")
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
