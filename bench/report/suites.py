"""What is measured: the cells of the suites whose programs print figures."""
from dataclasses import dataclass

from model import Flow
from programs import Cell

# These measure memory or rest: each run has a process of its own and is cold, so one is enough.
COLD = ("flood", "idle", "quiet", "suspended", "so_no_workload", "verona_backpressure1",
        "verona_backpressure2", "verona_backpressure3")
RUNS = 2  # the first of a process is cold, the second counts
ITERATIONS = 3
# These last ten seconds or more whatever they are run by.
QUICK_LEAVES_OUT = ("quiet", "so_no_workload", "verona_backpressure1", "verona_backpressure2",
                    "verona_backpressure3")


@dataclass(frozen=True)
class Sweep:
    """A workload over one of its parameters."""
    workload: str
    parameter: str
    counts: tuple
    shared: str = ""  # the parameter that is divided among them, if any…
    total: int = 0    # …so that the number of messages is the same at each
    fixed: tuple = ()

    def parameters(self, count):
        shared = ((self.shared, self.total // count),) if self.shared else ()
        return ((self.parameter, count), *shared, *self.fixed)


SWEEPS = (
    Sweep("big", "actors", (100, 1000, 10_000, 100_000, 1_000_000), "pings", 2_000_000),
    Sweep("fjthrput", "actors", (1, 10, 100, 1000), "messages", 6_000_000),
    Sweep("mbox", "senders", (1, 10, 100, 1000), "messages", 6_000_000),
    Sweep("nn", "pairs", (1, 2, 8, 64), "messages", 4_000_000),
    Sweep("payload", "bytes", (8, 64, 256, 1024, 4096), fixed=(("messages", 1_000_000),)),
    Sweep("idle", "actors", (100, 1000, 10_000, 100_000, 1_000_000)),
    Sweep("flood", "messages", (10_000, 100_000, 1_000_000, 10_000_000)),
)
# Whose crossings are counted, at which point of its sweep. A block has the message's header of 40
# bytes and its payload, rounded up to a class. One receiver, driver or pair keeps two busy.
FLOWS = (
    Flow("big", 100, 64, False, 100),
    Flow("big", 10_000, 64, False, 10_000),
    Flow("nn", 8, 64, True, 16),
    Flow("mbox", 100, 64, True, 2),
    Flow("fjthrput", 100, 64, False, 2),
    Flow("payload", 64, 128, True, 2),
    Flow("payload", 1024, 1088, True, 2),
)


def sweep_of(workload):
    return next(sweep for sweep in SWEEPS if sweep.workload == workload)


def actor_cells(workloads, threads, is_quick):
    return [Cell("actor", name, count, 1 if name in COLD else RUNS)
            for name in workloads if not (is_quick and name in QUICK_LEAVES_OUT)
            for count in threads]


def scaling_cells(workloads, threads):
    return [Cell("scaling", sweep.workload, count, 1 if sweep.workload in COLD else RUNS,
                 sweep.parameters(actors))
            for sweep in SWEEPS if sweep.workload in workloads
            for actors in sweep.counts for count in threads]


def crossing_cells(workloads, threads):
    """With two schedulers, where scaling has them."""
    return [Cell("crossings", flow.workload, 2, RUNS,
                 sweep_of(flow.workload).parameters(flow.count))
            for flow in FLOWS if flow.workload in workloads and 2 in threads]


def program_cells(suite, names, threads, is_quick):
    return [Cell(suite, name, count, 1 if name in COLD else ITERATIONS)
            for name in names if not (is_quick and name in QUICK_LEAVES_OUT)
            for count in threads]
