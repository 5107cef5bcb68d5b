#!/usr/bin/env python3
"""The workloads of actor-bench in Erlang, with its options and its lines.

    erlang_bench.py --workload NAME|all [--threads N] [--runs N] [--param NAME=VALUE]... [--tiny]
                    [--pin cores|none] [--patience SECONDS] [--plant wrong-value]
    erlang_bench.py --list

erlang_bench.erl is compiled into a folder that is gone afterwards. The virtual machine has N schedulers
and, pinned, the first N allowed cores. --plant makes every number 2 wrong. Exit codes: 0 all runs
verified, 1 a run failed and has no figure, 2 usage, 77 no Erlang here (scripts/setup --peers).
"""
import argparse
import re
import statistics
import sys
import tempfile

import erlang_machine

MODULE = "erlang_bench"
LINE = re.compile(r"^([a-z-]+) (\d+) (-?[0-9.]+) (\S+)$")

# name: {parameter: (by definition, tiny)}
WORKLOADS = {
    "pingpong": {"rounds": (2_000_000, 50)},
    "ring": {"actors": (503, 7), "hops": (5_000_000, 100)},
    "count": {"messages": (10_000_000, 1000)},
    "fjthrput": {"actors": (60, 5), "messages": (200_000, 100)},
    "fjcreate": {"actors": (1_000_000, 300)},
    "big": {"actors": (120, 5), "pings": (20_000, 20)},
    "mbox": {"senders": (120, 6), "messages": (100_000, 50)},
    "nn": {"pairs": (2, 2), "messages": (1_000_000, 1000)},
    "chameneos": {"creatures": (100, 6), "meetings": (1_000_000, 100)},
    "idle": {"actors": (1_000_000, 300)},
    "call": {"rounds": (1_000_000, 50)},
}
NEEDS_COLD_MEMORY = {"idle"}


def parsed():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--workload", action="append", choices=[*WORKLOADS, "all"])
    parser.add_argument("--runs", type=erlang_machine.positive, default=1)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--plant", choices=["wrong-value"])
    erlang_machine.add_options(parser, threads=1, patience=120)
    given = parser.parse_args()
    if not given.list and not given.workload:
        parser.error("--workload is missing")
    wanted = given.workload or []
    given.workload = list(WORKLOADS) if "all" in wanted else wanted
    for name, _ in given.param:
        if not given.list and not any(name in WORKLOADS[each] for each in given.workload):
            parser.error(f"no such parameter: {name}")
    return given


def virtual_machine(given, folder, workload, runs):
    """One virtual machine; whether all runs were verified, and their figures."""
    sizes = {name: each[given.tiny] for name, each in WORKLOADS[workload].items()}
    sizes.update((name, value) for name, value in given.param if name in sizes)
    words = [word for pair in sizes.items() for word in pair]
    machine = erlang_machine.start(folder, MODULE,
                                   [workload, given.threads, runs, given.patience, *words],
                                   given.threads, given.pin)
    values = []
    for line in machine.stdout:
        found = LINE.match(line)
        if found:
            print(line, end="", flush=True)
            values.append((float(found.group(3)), found.group(4)))
    why = machine.stderr.read().strip()
    code = machine.wait()
    if code != 0 or len(values) != runs:
        print(f"erlang_bench: {workload} with {given.threads} threads: {why or code}", file=sys.stderr)
        return False, []
    return True, values


def run(given, folder, workload):
    machines = given.runs if workload in NEEDS_COLD_MEMORY else 1
    values = []
    for _ in range(machines):
        is_good, more = virtual_machine(given, folder, workload, given.runs // machines)
        if not is_good:
            return False
        values += more
    median = statistics.median(value for value, _ in values)
    print(f"median {workload} {given.threads} {median:.2f} {values[0][1]}", flush=True)
    return True


def main():
    given = parsed()
    if given.list:
        for name, sizes in WORKLOADS.items():
            print(f"{name:10}", *(f"{each}={value}" for each, (value, _) in sizes.items()))
        return 0
    if not erlang_machine.is_here():
        print("erlang_bench: skipped: no erl and erlc here (scripts/setup --peers)", file=sys.stderr)
        return erlang_machine.SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        try:
            erlang_machine.compile_into(folder, [MODULE], ["-DPLANT"] if given.plant else [])
        except erlang_machine.Broken as problem:
            sys.exit(f"erlang_bench: {problem}")
        return 0 if all([run(given, folder, workload) for workload in given.workload]) else 1


if __name__ == "__main__":
    sys.exit(main())
