"""The page of costs.py: tables, floors, and what stands between floor and figure."""
import pathlib
import re

import costs
import machine
import tables

TOP = 5
# A function belongs to the first part whose pattern its name has.
PARTS = (
    ("handlers and dispatch", r"actor_bench::"),
    ("lives", r"spawn_|_tenant|_slot\(|slot_table|want_exit|wanting|end_process|note_ended|children"
              r"|stop_everything|environment_for|sweep_leftovers|kind_book"),
    ("memory", r"::mem::|^_?mi_|^malloc|^free|^operator (new|delete)|mem(cpy|set|move)"),
    ("calls and waits", r"wait|call|suspen|deadline|answer|timer|coroutine|resume"),
    ("sending", r"core::post|open_envelope|open_slowly|deliver|sender_of|make_\w*envelope|publish"),
    ("scheduling", r"::sched::worker::|::sched::park|::sync::|^(bool |void )?moodycamel"),
    ("activation", r"run_process|run_backlog|loop_end|settle_|activation|attend|mailbox"),
)


def short(name):
    """A function without what makes its name long."""
    handler = re.match(r"void sluice::(?:v0::)?core::invoke_handler<(.*)>\(", name)
    if handler:
        name = f"handler of {handler.group(1).replace(', ', ', for ', 1)}"
    name = name.replace("(anonymous namespace)::", "").replace("sluice::v0::", "")
    name = name.replace("actor_bench::", "")
    while re.search(r"<[^<>]*>", name):
        name = re.sub(r"<[^<>]*>", "", name)
    return name.split("(")[0].split(" [")[0].split(" ")[-1] if not handler else name


def part_of(name):
    return next((part for part, pattern in PARTS if re.search(pattern, name)), "others")


def parts(functions):
    """Instructions of each part, most first."""
    sums = {}
    for name, share in functions:
        sums[part_of(name)] = sums.get(part_of(name), 0) + share
    return sorted(sums.items(), key=lambda each: -each[1])


def rate(value):
    return "0" if value < 0.5 else f"{value:.0f}"


def counts_of(found, workload):
    one = found.counted.get(workload.name)
    if one is None:
        return ["-"] * 4
    atomics = "-" if one.atomics is None else f"{one.atomics:.2f}"
    return [f"{one.instructions:.0f}", atomics, f"{one.allocations:.3f}",
            f"{max(0, 1000 * one.refills):.1f}"]  # a pool's growth at the start is no message's


def ns_text(timed):
    text = tables.number(timed.ns.median)
    if timed.ns.count > 1:
        text += f" ({tables.number(timed.ns.low)}..{tables.number(timed.ns.high)})"
    return text


def floor_of(found, workload):
    """None when it, or the memory that it depends on, was not measured."""
    timed = found.timed.get((workload.name, 1))
    return timed and costs.floor(workload, timed, found.counted.get(workload.name), found.limits)


def main_table(found):
    titles = ["workload", "ns", "floor", "instructions", "read-modify-writes", "allocations",
              "refills of 1000", "wakes/s", "steals/s"]
    lines = []
    for workload in found.workloads:
        timed = found.timed.get((workload.name, 1))
        least = floor_of(found, workload)
        lines.append([workload.name, ns_text(timed) if timed else "-",
                      tables.number(least.ns) if least else "-", *counts_of(found, workload),
                      rate(timed.wakes) if timed else "-", rate(timed.steals) if timed else "-"])
    return tables.table(titles, lines)


def more_threads(found):
    counts = sorted({threads for _, threads in found.timed} - {1})
    lines = [[workload.name, threads, ns_text(timed), rate(timed.wakes), rate(timed.steals)]
             for threads in counts for workload in found.workloads
             if (timed := found.timed.get((workload.name, threads)))]
    if not lines:
        return ""
    return ("\n## More schedulers\nNanoseconds are of the wall clock, divided by all messages.\n\n"
            + tables.table(["workload", "schedulers", "ns", "wakes/s", "steals/s"], lines))


def between(workload, timed, one, least):
    """One sentence: what stands between the floor and the figure."""
    if timed is None or one is None or least is None:
        return "Not all of it could be measured."
    text = f"{tables.number(timed.ns.median - least.ns)} ns stand above the floor: "
    if one.atomics is not None and one.atomics - costs.least_atomics(workload, one) > 0.05:
        text += (f"{one.atomics - costs.least_atomics(workload, one):.2f} read-modify-writes more "
                 "than the least, and ")
    shares = [f"{part} {100 * count / one.instructions:.0f} %"
              for part, count in parts(one.functions) if count / one.instructions >= 0.05]
    return (f"{text}{one.instructions:.0f} instructions ({', '.join(shares)}), "
            f"{one.instructions / timed.ns.median:.1f} a nanosecond; {workload.note}.")


def section(found, workload):
    timed, one = found.timed.get((workload.name, 1)), found.counted.get(workload.name)
    least = floor_of(found, workload)
    out = [f"\n### {workload.name}"]
    if least:
        out.append(f"Floor: {least.formula} = {tables.number(least.ns)} ns. "
                   f"Read-modify-writes: {costs.least_atomics(workload, one)} ({workload.why}).")
    out += [f"Between: {between(workload, timed, one, least)}", ""]
    if one:
        out.append(tables.table(["function", "instructions", "share"], [
            [f"`{short(name)}`", f"{count:.1f}", f"{100 * count / one.instructions:.0f} %"]
            for name, count in one.functions[:TOP]]))
    return "\n".join(out)


INTRODUCTION = """# What a message costs

Written by `scripts/bench costs`, which leaves it in `build/bench-report/costs.md`. All is **per message**, with one scheduler unless it says
otherwise; a message of `fjcreate` is an actor that comes, takes it and ends, a round trip of `call`
is two messages.

| column | what |
|---|---|
| ns | `actor-bench`: median of the rounds and quartiles; they depend on who else runs here |
| floor | ns: what remains if all but the unavoidable were free; formulas below, of `limits` measured in the same run |
| instructions, read-modify-writes | executed, counted by callgrind: the difference of two sizes, so that start and end cancel out. The same on a busy machine. Read-modify-writes are what has a lock prefix, and exchanges with memory |
| allocations | calls of malloc and operator new |
| refills of 1000 | how often 1000 messages make a thread fetch a batch of blocks from the depot or the arena |
| wakes/s, steals/s | of the schedulers, a second of the timed part |

The floor is one virtual call (the dispatch), one block taken from and put to a free list (the
envelope), the read-modify-writes that cannot be avoided, and, where what waits does not fit in a
cache, its lines written and read once in the order of addresses: as many as the process grew by.
Callgrind runs one thread at a time, so counts of two schedulers would say how it takes turns:
there are none.
"""


def about_text(about):
    return "\n" + tables.table(["", ""], [[key, value] for key, value in about.items()
                                          if key not in ("system", "governor")])


def busy_text(about):
    loads = [about[key] for key in ("load at the start", "load at the end") if key in about]
    # At the end there are our own: one program, and callgrind twice.
    if not loads or (loads[0] <= machine.BUSY_FROM and loads[-1] <= 3):
        return ""
    return ("\n**Taken on a busy machine: nanoseconds, floors, wakes and steals are for a look. "
            "Instructions, read-modify-writes and allocations hold.**\n")


def page(found, about):
    out = [INTRODUCTION, about_text(about), busy_text(about)]
    if found.not_counted:
        out.append(f"\n**No counts: {found.not_counted}.**\n")
    out += [f"\n## One scheduler\nMedians of {found.rounds} rounds.\n", main_table(found),
            more_threads(found), "\n## Floors, and what stands between\n",
            tables.table(["of `limits`", "ns"], [[f"`{name}`", f"{value:.2f}"]
                                                 for name, value in found.limits.items()])]
    out += [section(found, workload) for workload in found.workloads]
    if found.problems:
        out += ["\n## What failed\n", *(f"- {problem}" for problem in found.problems)]
    return "\n".join(out).rstrip() + "\n"


def write(folder, found, about):
    """The text, which is kept as costs.md, too."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    text = page(found, about)
    (folder / "costs.md").write_text(text, encoding="utf-8")
    return text
