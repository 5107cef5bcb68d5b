"""What a message costs: time, instructions, read-modify-writes, allocations, wakes and steals, and
the floor below which no runtime of this kind can go. `costs_page.py` writes it down.

Time, wakes, steals and memory are of actor-bench as it is; the counts are of runs under callgrind,
with one scheduler: callgrind runs one thread at a time, and with two the counts would be those of
its turns, not ours. Each workload is run there at two sizes, see callgrind.py.
"""
import json
import pathlib
import platform
import re
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import callgrind
import programs
import rounds
import spread

RUNS = 2  # of a process; the first finds cold memory, the second counts
ALLOCATION = re.compile(r"(malloc|calloc|realloc|memalign|aligned_alloc|posix_memalign"
                        r"|operator new(\[\])?\(.*|_?mi_\w+)(@.*)?$")
REFILL = re.compile(r".*mem::cache::allocate_slow\(")


@dataclass(frozen=True)
class Workload:
    name: str
    smaller: tuple        # parameters of the smaller run under callgrind, (name, value)
    larger: tuple
    messages: object      # how many that is, by parameters
    least_atomics: int    # read-modify-writes of a message that cannot be avoided
    why: str              # that is the least
    note: str = ""        # what the figures do not say by themselves


ONE_PUSH = "publishing in a mailbox to which any thread may send"
BY_HAND = "who is asked lingers on this thread and is handed the message"
A_CHAIN = "what one handler sends to one receiver is published as one chain"
WORKLOADS = (
    Workload("pingpong", (("rounds", 100_000),), (("rounds", 300_000),),
             lambda p: 2 * p["rounds"], 0, BY_HAND,
             "each activation has one message to spread its own costs over"),
    Workload("ring", (("hops", 200_000),), (("hops", 600_000),), lambda p: p["hops"], 1, ONE_PUSH,
             "each activation has one message, and 503 actors are touched in turn"),
    Workload("count", (("messages", 200_000),), (("messages", 600_000),),
             lambda p: p["messages"], 0, A_CHAIN,
             "all wait at once, so each envelope is written to and read from memory"),
    Workload("fjthrput", (("messages", 4_000),), (("messages", 10_000),),
             lambda p: 60 * p["messages"], 1, ONE_PUSH,
             "each message goes to another receiver than the one before, so there are no chains, "
             "and all wait at once in memory"),
    Workload("fjcreate", (("actors", 40_000),), (("actors", 120_000),), lambda p: p["actors"], 2,
             ONE_PUSH + ", and the workload's own count of the ends",
             "a life is in it: place, pid, tenant, two books of kinds, end; and all live at once"),
    Workload("big", (("pings", 2_000),), (("pings", 4_000),), lambda p: 240 * p["pings"], 1,
             ONE_PUSH, "receivers are random, so chains and backlogs are short"),
    Workload("mbox", (("messages", 4_000),), (("messages", 8_000),),
             lambda p: 120 * p["messages"], 0, A_CHAIN, "as count, from 120 senders in turn"),
    Workload("nn", (("messages", 200_000),), (("messages", 400_000),),
             lambda p: 2 * p["messages"], 0, A_CHAIN, "as count, twice"),
    Workload("chameneos", (("meetings", 50_000),), (("meetings", 150_000),),
             lambda p: 4 * p["meetings"], 1, ONE_PUSH,
             "creatures have one message an activation, the mall has few"),
    Workload("call", (("rounds", 50_000),), (("rounds", 150_000),), lambda p: 2 * p["rounds"], 0,
             BY_HAND, "a question and an answer, and between them a coroutine that is put to "
             "sleep with a deadline and woken"),
)
# Of the workload's own unit, nanoseconds of one message.
NS_OF = {"pingpong": lambda v: v, "ring": lambda v: v, "call": lambda v: v / 2,
         "fjcreate": lambda v: 1e6 / v, "chameneos": lambda v: 1e6 / v / 4}
LIMITS = ("exchange_uncontended", "virtual_call", "free_list_pair_local", "64_bytes_")
# What one run at its definition's size sends: for memory that is held at once.
MESSAGES = {"count": 10_000_000, "fjthrput": 12_000_000, "fjcreate": 1_000_000,
            "mbox": 12_000_000, "nn": 2_000_000}
CACHED_BYTES = 1 << 20    # a backlog up to this stays in the core's own caches
MEDIUM_BYTES = 16 << 20   # and up to this in a last-level cache


@dataclass
class Timed:
    """Medians over the rounds."""
    ns: object            # a spread
    wakes: float
    steals: float
    grown_mib: float


@dataclass
class Counted:
    """A message's share of what callgrind has seen."""
    instructions: float
    atomics: object       # None where they are not known
    allocations: float
    refills: float
    functions: list       # (name, instructions), most first


@dataclass
class Costs:
    workloads: list
    timed: dict           # by workload's name and threads
    counted: dict         # by name
    limits: dict
    problems: list        # of text
    rounds: int = 0
    not_counted: str = ""  # why there are no counts at all


def ns_of(name, value):
    return NS_OF.get(name, lambda v: 1e3 / v)(value)


def counted(profile):
    """Counts of one message, from a profile of one message."""
    atomics = None
    if platform.machine() == "x86_64" and shutil.which("objdump"):
        places = callgrind.read_modify_writes_of({place[0] for place in profile.executed})
        atomics = callgrind.executed_of(profile, places)
    return Counted(profile.total(), atomics, callgrind.calls_to(profile, ALLOCATION.match),
                   callgrind.calls_to(profile, REFILL.match),
                   [(name, share) for (_, name), share in profile.instructions.most_common()])


def count(program, workload, patience):
    def profile(parameters):
        words = [str(program), "--workload", workload.name, "--threads", "1", "--here",
                 "--patience", str(patience)]
        for name, value in parameters:
            words += ["--param", f"{name}={value}"]
        return callgrind.run(words, patience)

    with ThreadPoolExecutor() as both:
        smaller, larger = both.map(profile, (workload.smaller, workload.larger))
    messages = (workload.messages(dict(workload.larger))
                - workload.messages(dict(workload.smaller)))
    return counted(smaller.each(larger, messages))


def count_all(found, program, patience, say):
    if shutil.which("valgrind") is None:
        found.not_counted = "valgrind is not installed"
        return
    for workload in found.workloads:
        try:
            one = found.counted[workload.name] = count(program, workload, patience)
        except programs.Failed as problem:
            found.problems.append(f"{workload.name} under callgrind: {problem}")
            say(f"costs: {found.problems[-1]}")
        else:
            say(f"costs: {workload.name}: {one.instructions:.1f} instructions a message")


def time_all(found, program, threads, patience, say):
    cells = [programs.Cell("actor", workload.name, count, RUNS) for workload in found.workloads
             for count in threads]
    # Options after a placeholder's words: a command with placeholders gets no others.
    ours = programs.Program("sluice", f"{program} --costs --workload {{workload}} "
                                      "--threads {threads} --runs {runs}")
    results = rounds.measure(cells, lambda _: [ours], found.rounds, patience, say)
    found.problems += [f"{cell.text()}, round {turn + 1}: {reason}"
                       for turn, cell, _, reason in results.failures]
    for cell in cells:
        def of(suffix):
            row = rounds.Row("actor", cell.workload + suffix, cell.threads)
            return list(results.values.get(row, {}).get("sluice", {}).values())
        if of(""):
            ns = spread.spread([ns_of(cell.workload, value) for value in of("")])
            found.timed[cell.workload, cell.threads] = Timed(
                ns, *(spread.median(of(suffix)) for suffix in ("-wakes", "-steals", "-grown")))


def measure_limits(found, program, patience):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "limits.json"
        for only in LIMITS:
            _, complained, code = programs.start(
                [str(program), "--only", only, "--json", str(file)], patience)
            if code != 0:
                found.problems.append(f"limits ended with {code}: {complained[-200:]}")
                continue
            rows = json.loads(file.read_text(encoding="utf-8"))
            found.limits |= {name: row["value"] for name, row in rows.items() if "value" in row}


def measure(built, only, threads, asked_rounds, patience, say):
    workloads = [each for each in WORKLOADS if not only or each.name in only]
    found = Costs(workloads, {}, {}, {}, [], asked_rounds)
    actor_bench = built / "bench" / "actor" / "actor-bench"
    measure_limits(found, built / "bench" / "limits" / "limits", patience)
    time_all(found, actor_bench, threads, patience, say)
    count_all(found, actor_bench, patience, say)
    return found


@dataclass(frozen=True)
class Floor:
    ns: float
    formula: str


def lines_of(workload, timed):
    """How many lines of memory a message moves through, and the rows of limits that say what one
    costs; no lines when all that waits stays in the core's caches."""
    grown = timed.grown_mib * (1 << 20)
    if workload.name not in MESSAGES or grown < CACHED_BYTES:
        return 0, ""
    size = "6_mib" if grown < MEDIUM_BYTES else "256_mib"
    return max(1, round(grown / 64 / MESSAGES[workload.name])), size


def least_atomics(workload, one):
    """What was counted is possible: the least is no more than that."""
    if one is None or one.atomics is None:
        return workload.least_atomics
    return min(workload.least_atomics, round(one.atomics, 2))


def floor(workload, timed, one, limits):
    """The least a message can cost with one scheduler, or None when a row of limits is missing."""
    lines, size = lines_of(workload, timed)
    parts = [(1, "virtual_call"), (1, "free_list_pair_local"),
             (least_atomics(workload, one), "exchange_uncontended"),
             (lines, f"write_64_bytes_{size}"), (lines, f"read_64_bytes_{size}")]
    parts = [(times, name) for times, name in parts if times]
    if any(name not in limits for _, name in parts):
        return None
    text = " + ".join(name if times == 1 else f"{times} {name}" for times, name in parts)
    return Floor(sum(times * limits[name] for times, name in parts), text)
