#!/usr/bin/env python3
"""The message-bound programs of the Savina suite in Erlang, with the options and the lines of savina.

    erlang_savina.py PROGRAM [--size normal|small|tiny] [--param NAME=VALUE]... [--threads N]
                     [--iterations N] [--pin cores|none] [--patience SECONDS]
                     [--plant drop|duplicate|spoil [--plant-at NUMBER]]
    erlang_savina.py --list | --sizes

The modules are compiled into a folder that is gone afterwards. The iterations of a program share one
virtual machine of N schedulers and, pinned, the first N allowed cores; its start is not timed. `all`
runs every program, each with a machine of its own. Exit codes: 0 all verified, 1 one was not, 2 usage
or a program that is not here, 3 what was planted met no message, 77 no Erlang (scripts/setup --peers).
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import erlang_machine

BENCH = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(BENCH / "harness"))
import published  # noqa: E402

SIZES = ("normal", "small", "tiny")
NOTHING_MET = 3
START_SECONDS = 60

# By module; a parameter's value for each of SIZES. Both are those of bench/savina/NAME.cpp.
PROGRAMS = {
    "erlang_savina_micro": {
        "pingpong": {"N": (40_000, 40_000, 1_000)},
        "count": {"N": (1_000_000, 1_000_000, 10_000)},
        "fjthrput": {"N": (10_000, 1_000, 100), "A": (60, 60, 60)},
        "fjcreate": {"N": (40_000, 40_000, 1_000)},
        "threadring": {"N": (100, 100, 100), "R": (100_000, 100_000, 12_345)},
        "chameneos": {"chameneos": (100, 100, 100), "meetings": (200_000, 40_000, 2_000)},
        "big": {"N": (20_000, 2_000, 200), "W": (120, 120, 120)},
        "fib": {"n": (25, 25, 15)},
    },
    "erlang_savina_waits": {
        "philosopher": {"N": (20, 20, 20), "M": (10_000, 10_000, 200)},
        "barber": {"N": (5_000, 2_000, 200), "W": (1_000, 1_000, 100), "APR": (1_000, 1_000, 1_000),
                   "AHR": (1_000, 1_000, 1_000)},
        "logmap": {"terms": (25_000, 8_000, 100), "series": (10, 10, 10)},
        "banking": {"A": (1_000, 1_000, 100), "N": (50_000, 12_000, 2_000)},
    },
    "erlang_savina_flows": {
        "radixsort": {"N": (100_000, 40_000, 2_000), "M": (1 << 60, 1 << 60, 1 << 60),
                      "seed": (2_048, 2_048, 2_048)},
        "filterbank": {"columns": (100, 100, 100), "simulations": (34_816, 16_384, 1_000),
                       "channels": (8, 8, 8)},
    },
    "erlang_savina_networks": {
        "bitonicsort": {"N": (1_024, 1_024, 64), "seed": (2_048, 2_048, 2_048)},
        "sor": {"n": (20, 20, 20), "iters": (100, 100, 100)},
    },
    "erlang_savina_trees": {
        "facloc": {"N": (100_000, 30_000, 2_000)},
        "uct": {"max_nodes": (200_000, 10_000, 2_000), "binomial": (10, 10, 10)},
    },
}
MODULE_OF = {program: module for module, programs in PROGRAMS.items() for program in programs}
SIZES_OF = {program: sizes for programs in PROGRAMS.values() for program, sizes in programs.items()}
# What suits a program better than the machine's defaults: small heaps, and freed memory kept, for very
# many processes that live shortly; larger ones for few that are woken all the time.
FLAGS = dict.fromkeys(("barber", "fib", "uct"), ("+hms", "51", "+MMmcs", "30"))
FLAGS["philosopher"] = ("+hms", "1000")


class Void(Exception):
    """Something is not as it must be; says what."""


def parsed():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program", nargs="?", choices=[*MODULE_OF, "all"])
    parser.add_argument("--iterations", type=erlang_machine.positive, default=12)
    parser.add_argument("--size", choices=SIZES, default="normal")
    parser.add_argument("--sizes", action="store_true")
    parser.add_argument("--plant", choices=["drop", "duplicate", "spoil"])
    parser.add_argument("--plant-at", type=int, default=0)
    erlang_machine.add_options(parser, threads=2, patience=300)
    given = parser.parse_args()
    if not (given.list or given.sizes) and given.program is None:
        parser.error("name a program")
    given.programs = list(MODULE_OF) if given.program == "all" else [given.program]
    for name, _ in given.param:
        if not any(name in SIZES_OF.get(each, ()) for each in given.programs):
            parser.error(f"no such parameter: {name}")
    return given


def expected_of(program, sizes):
    """The name of the published set of these sizes and its values, or None."""
    for file in ("expected.json", "expected_more.json"):
        content = json.loads((BENCH / "savina" / file).read_text(encoding="utf-8"))
        for name, each in content["benchmarks"].get(program, {}).items():
            wanted = {key: published.whole(value) for key, value in each["params"].items()}
            if str(each["params"].get("random", "")).startswith(published.SKIPPED_GENERATOR):
                continue
            if all(str(sizes.get(key)) == value for key, value in wanted.items() if value):
                return name, {key: published.flat(value) for key, value in each["expect"].items()
                              if key not in published.NOTES}
    return None


def number(text):
    try:
        return int(text)
    except ValueError:
        return float(text)


def is_near(got, wanted, how, tolerance):
    if how == "exactly":
        return got == wanted
    return abs(got - wanted) <= tolerance * (abs(wanted) if how == "relative" else 1)


def check_values(values, expected):
    """Each published value must have come out."""
    for key, text in expected.items():
        if key not in values:
            raise Void(f"nobody looked at the published {key}")
        how, tolerance, *got = values[key]
        wanted = [number(each) for each in text.split(",")]
        got = [number(each) for each in got]
        if len(got) != len(wanted) or not all(
                is_near(one, other, how, float(tolerance)) for one, other in zip(got, wanted)):
            raise Void(f"{key} is {got}, published is {text}")


class Series:
    """The verified iterations of a program."""

    def __init__(self, program, threads):
        self.names = (program, f"{program}-inner")
        self.threads = threads
        self.times = ([], [])
        self.notes = {}
        self.messages = 0

    def add(self, total_ms, inner_ms, messages, notes):
        for name, times, text in zip(self.names, self.times, (total_ms, inner_ms)):
            print(f"{name} {self.threads} {text} ms", flush=True)
            times.append(float(text))
        self.messages = messages
        for key, value in notes.items():
            self.notes.setdefault(key, []).append(float(value))

    def print_summary(self, expected):
        for name, times in zip(self.names, self.times):
            print(f"median {name} {self.threads} {statistics.median(times):.3f} ms")
        against = expected[0] if expected else "the protocol only"
        print(f"# {self.messages} messages; checked against: {against}")
        for key, values in self.notes.items():
            print(f"# {key.replace('_', ' ')}: {statistics.median(values):g} (median)")


def take_lines(said, series, expected):
    """Prints the time of each iteration whose values are those published; returns the other lines."""
    values, notes, talk = {}, {}, []
    for line in said.splitlines():
        match line.split():
            case ["value", key, *words]:
                values[key] = words
            case ["note", key, word]:
                notes[key] = word
            case ["iteration", total_ms, inner_ms, messages]:
                check_values(values, expected[1] if expected else {})
                series.add(total_ms, inner_ms, messages, notes)
                values, notes = {}, {}
            case _:
                talk.append(line)
    return talk


def heard(machine, seconds):
    """What the machine said and complained of. Its own patience ends it before ours does."""
    try:
        return machine.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        machine.kill()
        return machine.communicate()


def run(given, folder, program):
    """The exit code of one program."""
    sizes = {name: each[SIZES.index(given.size)] for name, each in SIZES_OF[program].items()}
    sizes.update((name, value) for name, value in given.param if name in sizes)
    words = [MODULE_OF[program], program, given.threads, given.iterations, given.patience]
    machine = erlang_machine.start(folder, "erlang_savina",
                                   [*words, *(word for pair in sizes.items() for word in pair)],
                                   given.threads, given.pin, FLAGS.get(program, ()))
    said, complained = heard(machine, given.iterations * given.patience + START_SECONDS)
    series = Series(program, given.threads)
    expected = expected_of(program, sizes)
    try:
        talk = take_lines(said, series, expected)
        if machine.returncode != 0 or len(series.times[0]) != given.iterations:
            raise Void("\n".join([*talk, complained.strip()]) or f"ended with {machine.returncode}")
    except Void as why:
        print(f"erlang_savina: {program} with {given.threads} threads: {why}", file=sys.stderr)
        return NOTHING_MET if machine.returncode == NOTHING_MET else 1
    series.print_summary(expected)
    return 0


def print_sizes():
    for program, sizes in SIZES_OF.items():
        print(f"{program};", *(f"{name}={'/'.join(map(str, each))}" for name, each in sizes.items()))


def main():
    given = parsed()
    if given.list:
        print("\n".join(MODULE_OF))
        return 0
    if given.sizes:
        print_sizes()
        return 0
    if not erlang_machine.is_here():
        print("erlang_savina: skipped: no erl and erlc here (scripts/setup --peers)", file=sys.stderr)
        return erlang_machine.SKIPPED
    modules = {"erlang_savina", "erlang_savina_random", *(MODULE_OF[each] for each in given.programs)}
    flags = []
    if given.plant:
        modules.add("erlang_savina_plant")
        flags = ["-DPLANT"]
        os.environ.update(SAVINA_PLANT=given.plant, SAVINA_PLANT_AT=str(given.plant_at))
    with tempfile.TemporaryDirectory() as folder:
        try:
            erlang_machine.compile_into(folder, sorted(modules), flags)
        except erlang_machine.Broken as problem:
            sys.exit(f"erlang_savina: {problem}")
        return max(run(given, folder, program) for program in given.programs)


if __name__ == "__main__":
    sys.exit(main())
