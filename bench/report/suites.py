"""What is measured: the cells of the suites whose programs print figures."""
from dataclasses import dataclass

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
    """A workload over the number of its actors, with the same number of messages at each."""
    workload: str
    parameter: str
    counts: tuple
    shared: str       # the parameter that is divided among them
    total: int

    def parameters(self, count):
        return (self.parameter, count), (self.shared, self.total // count)


SWEEPS = (
    Sweep("big", "actors", (12, 120, 1200, 12000), "pings", 2_400_000),
    Sweep("fjthrput", "actors", (1, 10, 100, 1000), "messages", 12_000_000),
    Sweep("mbox", "senders", (1, 12, 120, 1200), "messages", 12_000_000),
    Sweep("nn", "pairs", (1, 2, 8, 64), "messages", 2_000_000),
)


def actor_cells(workloads, threads, is_quick):
    return [Cell("actor", name, count, 1 if name in COLD else RUNS)
            for name in workloads if not (is_quick and name in QUICK_LEAVES_OUT)
            for count in threads]


def scaling_cells(workloads, threads):
    return [Cell("scaling", sweep.workload, count, RUNS, sweep.parameters(actors))
            for sweep in SWEEPS if sweep.workload in workloads
            for actors in sweep.counts for count in threads]


def program_cells(suite, names, threads, is_quick):
    return [Cell(suite, name, count, 1 if name in COLD else ITERATIONS)
            for name in names if not (is_quick and name in QUICK_LEAVES_OUT)
            for count in threads]
