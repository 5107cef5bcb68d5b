"""What a message should cost on more cores: a model, from counts and the machine's raw costs.

  work(n) = local + x(n) * lines * line + m(n) * 3 * line + wakes * wake     processor time, in ns
  T(n)    = work(n) / p(n)                                  time between two messages

local is what a message takes one worker. x is the share of messages that cross between cores, and
each that does moves its block there and back and its share of the mailbox's word: one transfer
there and one back for each activation. m is the share of messages that find their receiver's state
on another core: two lines of its slot, one of its object. A line costs half a round trip where messages are pushed one
by one, and what the raw queue pays for one where they travel in chains, fetched ahead. p is how
many workers have something to do. bench/growth.md says what is assumed.
"""
from dataclasses import dataclass

STATE_LINES = 3
SHORT_ACTIVATION_NS = 4000  # worker::short_activation_ns: below it workers part where it pays


@dataclass(frozen=True)
class Costs:
    """Raw costs in ns, of bench/limits."""
    line: float    # to the other core, waited for
    stream: float  # the same, fetched ahead
    wake: float    # the call that wakes a thread

    ROWS = ("line_round_trip", "mpsc_cas_stack_1_to_1", "futex_wake_call")

    @staticmethod
    def of(rows):
        """From the values of the rows; None where one is missing or nothing."""
        found = [rows.get(name) for name in Costs.ROWS]
        if not all(found):
            return None
        round_trip, rate, wake = found
        return Costs(round_trip / 2, 1000 / rate, wake)


@dataclass(frozen=True)
class Flow:
    """What the model knows of a workload beside what is measured."""
    workload: str
    count: int           # of the sweep's points
    block_bytes: int     # of a message's block
    is_chained: bool     # many sends in a row to one receiver
    workers_max: int     # that can have something to do; beyond, one process is the limit


@dataclass(frozen=True)
class Counts:
    """Measured with two workers, for each message."""
    crossed: float
    moved: float
    activations: float
    wakes: float
    busy: float          # workers, on the mean


def crossing_ns(flow, counts, costs):
    """What a message costs more if it crosses."""
    lines = 2 * flow.block_bytes / 64 + 2 * min(counts.activations, 1)
    return lines * (costs.stream if flow.is_chained else costs.line)


def traffic_ns(flow, counts, costs):
    """What a message costs more on the mean, as counted."""
    moving = counts.moved * STATE_LINES * costs.line
    return counts.crossed * crossing_ns(flow, counts, costs) + moving


def far_traffic_ns(flow, counts, costs, workers):
    """The same where nothing stays near: the message goes to its receiver, or the other way."""
    moving = 0 if flow.is_chained else STATE_LINES * costs.line
    return (1 - 1 / workers) * max(crossing_ns(flow, counts, costs), moving)


def work_ns(counts, costs, local, traffic):
    return local + traffic + counts.wakes * costs.wake


def time_ns(flow, counts, costs, local, workers, traffic):
    """On `workers`. Those whose activations are short leave it to one if that is faster."""
    time = work_ns(counts, costs, local, traffic) / min(workers, flow.workers_max)
    is_short = local < SHORT_ACTIVATION_NS * counts.activations
    return min(time, local) if is_short else time


def bounds_ns(flow, counts, costs, local, workers):
    """The least and the most: as much crosses as between two workers, or nothing stays near."""
    times = [time_ns(flow, counts, costs, local, workers, traffic)
             for traffic in (traffic_ns(flow, counts, costs),
                             far_traffic_ns(flow, counts, costs, workers))]
    return min(times), max(times)
