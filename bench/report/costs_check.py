#!/usr/bin/env python3
"""Shows that scripts/bench costs reads what callgrind and objdump write, and names what fails.

    costs_check.py

valgrind, objdump and the programs are fakes in a temporary folder; no figure here is a
measurement. Exit code 0: all as promised.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import types

HERE = pathlib.Path(__file__).resolve().parent
BENCH = HERE.parent.parent / "scripts" / "bench"
sys.path.insert(0, str(HERE))
import callgrind  # noqa: E402
import costs  # noqa: E402
import costs_page  # noqa: E402
import programs  # noqa: E402

# `n` messages: 10 instructions each in the handler, 4 in post, one of them locked, and a malloc
# that calls itself on; 77 once, whatever n is.
PROFILE = """# callgrind format
positions: instr line
events: Ir
summary: {total}

ob={program}
fl=???
fn=actor_bench::handler(int)
0x10 0 {ten}
cob=/lib/other.so
cfn=malloc
calls={n} 0x40 0
0x11 0 {inside}
0x12 0 77
cfn=sluice::v0::core::post(int)
calls={n} 0x20 0
0x13 0 {inside}

fn=sluice::v0::core::post(int)
0x20 0 {n}
0x24 0 {n}
0x28 0 {two}
cob=/lib/other.so
cfn=malloc
calls=0 0x40 0
0x29 0 5

ob=/lib/other.so
fn=malloc
0x20 0 {n}
cfn=mi_inner
calls={n} 0x50 0
0x21 0 {n}

fn=mi_inner
0x50 0 {n}
"""
DISASSEMBLY = """
actor-bench:     file format elf64-x86-64
0000000000000020 <post>:
      20:\tlock cmpxchg %rdx,(%rdi)
      24:\txchg   %rax,%rbx
      28:\tmov    0x10(%rip),%rax        # 3f <lock>
      2c:\txchg   %rax,0x8(%rdi)
      30:\tcall   90 <pthread_mutex_lock@plt>
      34:\trex.W lock xadd %rax,(%rdi)
      38:\txchg   %ax,%ax
"""
FAKES = {
    "bin/valgrind": """#!{python}
import sys
words = sys.argv[1:]
n = int(words[words.index("--param") + 1].split("=")[1])
if n in {fails!r}:
    sys.exit("it cannot")
n *= 2
file = next(word.split("=", 1)[1] for word in words if word.startswith("--callgrind-out-file="))
program = next(word for word in words if word.endswith("actor-bench"))
open(file, "w").write({profile!r}.format(
    program=program, n=n, two=2 * n, ten=10 * n, inside=6 * n, total=16 * n + 77 + {surplus}))
""",
    "bin/objdump": """#!{python}
print({disassembly!r})
""",
    "bench/actor/actor-bench": """#!{python}
import sys
words = sys.argv[1:]
name, threads = (words[words.index(each) + 1] for each in ("--workload", "--threads"))
assert "--costs" in words
for value in (999, {{"pingpong": 40, "call": 300, "count": 20}}[name]):
    unit = "M/s" if name == "count" else "ns"
    print(name, threads, value, unit)
    print(name + "-wakes", threads, 12, "wakes/s")
    print(name + "-steals", threads, 7, "steals/s")
    print(name + "-grown", threads, 1220 if name == "count" else 3, "MiB")
""",
    "bench/limits/limits": """#!{python}
import json, sys
words = sys.argv[1:]
rows = {{"exchange_uncontended": 5, "virtual_call": 2, "free_list_pair_local": 1.5,
        "write_64_bytes_6_mib": 1, "read_64_bytes_6_mib": 1, "write_64_bytes_256_mib": 3,
        "read_64_bytes_256_mib": 4, "skipped": None}}
only, file = (words[words.index(each) + 1] for each in ("--only", "--json"))
json.dump({{name: {{"skipped": "no"}} if value is None else {{"value": value, "unit": "ns"}}
           for name, value in rows.items() if only in name}}, open(file, "w"))
""",
}
failures = []


def check(holds, promise, detail=""):
    print(f"{'ok    ' if holds else 'FAILED'} {promise} {'' if holds else detail}", flush=True)
    if not holds:
        failures.append(promise)


def profile_of(n, program="p"):
    return PROFILE.format(program=program, n=n, two=2 * n, ten=10 * n, inside=6 * n,
                          total=16 * n + 77)


def check_reading():
    seen = callgrind.read(profile_of(5))
    check(seen.instructions["p", "actor_bench::handler(int)"] == 127,
          "what a call has cost is not its caller's", seen.instructions)
    check(seen.instructions["p", "sluice::v0::core::post(int)"] == 20
          and seen.instructions["/lib/other.so", "malloc"] == 5,
          "another object's callee does not change whose the next lines are", seen.instructions)
    check(seen.calls[("p", "actor_bench::handler(int)"), ("/lib/other.so", "malloc")] == 5
          and seen.calls[("/lib/other.so", "malloc"), ("/lib/other.so", "mi_inner")] == 5,
          "calls have a caller and a callee", seen.calls)
    check(seen.calls[("p", "actor_bench::handler(int)"), ("p", "sluice::v0::core::post(int)")] == 5,
          "without an object of its own a callee is of its caller's", seen.calls)
    each = callgrind.read(profile_of(10)).each(callgrind.read(profile_of(30)), 20)
    check(each.total() == 16 and each.executed["p", 0x12] == 0 and each.executed["p", 0x28] == 2,
          "of two sizes only what a message costs is left", each)
    check(callgrind.calls_to(each, costs.ALLOCATION.match) == 1,
          "an allocator's own calls are no allocations")
    for text, why in ((profile_of(5).replace("summary: 157", "summary: 158"), "add up"),
                      ("positions: line\nevents: Ir\n0 1\n", "no file of callgrind")):
        try:
            callgrind.read(text)
            check(False, f"refused: {why}")
        except programs.Failed as problem:
            check(why in str(problem), f"refused: {why}", problem)
    check(callgrind.read_modify_writes_in(DISASSEMBLY) == {0x20, 0x2c, 0x34},
          "read-modify-writes: a lock prefix, an exchange with memory",
          callgrind.read_modify_writes_in(DISASSEMBLY))
    for name, is_one in (("malloc", True), ("operator new(unsigned long)", True), ("free", False),
                         ("operator delete(void*)", False), ("my_malloc", False),
                         ("operator new[](unsigned long)@GLIBCXX_3.4", True)):
        check(bool(costs.ALLOCATION.match(name)) == is_one, f"{name}: an allocation or not")


def check_floors():
    limits = {"virtual_call": 2, "free_list_pair_local": 1, "exchange_uncontended": 5,
              "write_64_bytes_6_mib": 1, "read_64_bytes_6_mib": 2, "write_64_bytes_256_mib": 10,
              "read_64_bytes_256_mib": 20}
    by_name = {each.name: each for each in costs.WORKLOADS}

    def ns(name, grown_mib, atomics=None, rows=limits):
        one = types.SimpleNamespace(atomics=atomics)
        found = costs.floor(by_name[name], types.SimpleNamespace(grown_mib=grown_mib), one, rows)
        return found and found.ns
    check(ns("ring", 500) == 8, "who waits for each answer has no backlog in memory")
    check(ns("ring", 500, 0.4) == 5, "the least is no more than what was counted")
    check((ns("nn", 0.5), ns("nn", 8), ns("nn", 200)) == (3, 6, 63),
          "a backlog costs by where it lies: the core's caches, the last one, memory")
    check(ns("ring", 1, None, {}) is None, "without limits there is no floor")
    check(costs.ns_of("chameneos", 500) == 500 and costs.ns_of("count", 50) == 20
          and costs.ns_of("fjcreate", 1000) == 1000 and costs.ns_of("call", 300) == 150,
          "nanoseconds of a message, from each unit")
    check(all(set(dict(each.smaller)) == set(dict(each.larger)) and
              each.messages(dict(each.smaller)) < each.messages(dict(each.larger))
              for each in costs.WORKLOADS), "each workload has two sizes")


def check_names():
    short = costs_page.short
    check(costs_page.part_of("sluice::v0::core::run_process(sluice::v0::sched::work*, "
                             "sluice::v0::sched::worker&)") == "activation",
          "what a function takes is not what it does")
    check(short("sluice::v0::core::(anonymous namespace)::loop_end sluice::v0::core::(anonymous "
                "namespace)::run_backlog<(a::b)0>(c::d&)") == "core::run_backlog",
          "names are short")
    check(short("void sluice::v0::core::invoke_handler<actor_bench::(anonymous namespace)::player, "
                "actor_bench::(anonymous namespace)::ping>(void*)")
          == "handler of player, for ping", "a handler says whose and for what")
    check(costs_page.parts([("sluice::v0::core::post(x)", 2), ("actor_bench::x", 5),
                            ("sluice::v0::core::open_envelope(x)", 1), ("zzz", 1)]) ==
          [("handlers and dispatch", 5), ("sending", 3), ("others", 1)], "parts add up")


class Stage:
    """A build directory and tools that are fakes."""

    def __init__(self, folder, fails=(), surplus=0):
        self.folder = pathlib.Path(folder)
        for name, text in FAKES.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.format(python=sys.executable, profile=PROFILE, fails=fails,
                                        disassembly=DISASSEMBLY, surplus=surplus),
                            encoding="utf-8")
            path.chmod(0o755)

    def bench(self, *words):
        done = subprocess.run(
            [sys.executable, BENCH, "costs", "--built", self.folder, "--out", self.folder / "out",
             "--rounds", "2", *words], capture_output=True, text=True, timeout=100,
            env={**os.environ, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"})
        page = self.folder / "out" / "costs.md"
        self.page = page.read_text(encoding="utf-8") if page.exists() else ""
        self.code, self.said, self.complained = done.returncode, done.stdout, done.stderr
        return self

    def row(self, name, heading):
        part = self.page.split(f"\n## {heading}\n", 1)[-1].split("\n##", 1)[0]
        line = next((line for line in part.splitlines() if line.startswith(f"| {name} |")), "")
        return [cell.strip() for cell in line.split("|")[2:-1]]


def check_page(folder):
    stage = Stage(folder / "good").bench("--only", "pingpong,count,call", "--threads", "1,2")
    check(stage.code == 0 and stage.page and stage.page in stage.said, "a page, printed and kept",
          stage.complained)
    # The fake has 2 messages a number, as pingpong and call have; count has one.
    atomics = "1.00" if os.uname().machine == "x86_64" else "-"
    check(stage.row("pingpong", "One scheduler") ==
          ["40.0 (40.0..40.0)", "3.50", "16", atomics, "1.000", "0.0", "12", "7"],
          "a row: the second run's time, counts of one message", stage.row("pingpong",
                                                                           "One scheduler"))
    check(stage.row("call", "One scheduler")[0] == "150 (150..150)", "a message is half a call")
    check(stage.row("count", "One scheduler")[:3] == ["50.0 (50.0..50.0)", "17.5", "32"],
          "a floor with two lines through memory", stage.row("count", "One scheduler"))
    check(stage.row("pingpong", "More schedulers") == ["2", "40.0 (40.0..40.0)", "12", "7"],
          "more schedulers have times and no counts")
    check("| `core::post` | 4.0 | 25 % |" in stage.page and
          "36.5 ns stand above the floor" in stage.page, "evidence", stage.page)


def check_failures(folder):
    stage = Stage(folder / "bad", (100_000, 300_000)).bench("--only", "pingpong,call",
                                                            "--threads", "1")
    check(stage.code == 1 and stage.row("pingpong", "One scheduler")[2] == "-"
          and stage.row("call", "One scheduler")[2] == "16" and "it cannot" in stage.page,
          "who fails under callgrind has no counts, and is named", stage.page)
    stage = Stage(folder / "wrong", (), 1).bench("--only", "call", "--threads", "1")
    check(stage.code == 1 and "do not add up" in stage.page, "sums are checked", stage.page)
    found = costs.Costs([], {}, {}, {}, [], not_counted="valgrind is not installed")
    check("**No counts: valgrind is not installed.**" in costs_page.page(found, {}),
          "without valgrind the page says so")
    check(Stage(folder / "usage").bench("--only", "absent").code == 2, "no such workload: refused")


def main():
    check_reading()
    check_floors()
    check_names()
    with tempfile.TemporaryDirectory() as folder:
        check_page(pathlib.Path(folder))
        check_failures(pathlib.Path(folder))
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
