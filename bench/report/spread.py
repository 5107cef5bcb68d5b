"""What many runs of one figure come to: median and quartiles, and which of two figures is better.

A unit says the direction: of times, memory, queues and wake-ups less is better, of rates more. A unit that
is in neither list has no direction, and nothing is said about who is better.
"""
import math
from dataclasses import dataclass

LESS_IS_BETTER = frozenset(("ns", "us", "ms", "s", "B", "KiB", "MiB", "GiB", "wakes", "ticks",
                            "queued"))
MORE_IS_BETTER = frozenset(("/s", "k/s", "M/s", "G/s", "MB/s"))


@dataclass(frozen=True)
class Spread:
    low: float     # the first quartile
    median: float
    high: float    # the third quartile
    count: int


def quantile(ordered, share):
    """Between the two nearest of the sorted values, in proportion."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def median(values):
    return quantile(sorted(values), 0.5)


def spread(values):
    """None when there are no values."""
    if not values:
        return None
    ordered = sorted(values)
    return Spread(quantile(ordered, 0.25), quantile(ordered, 0.5), quantile(ordered, 0.75),
                  len(ordered))


def direction(unit):
    """min or max: what picks the better of two values; None when the unit does not say."""
    if unit in LESS_IS_BETTER:
        return min
    return max if unit in MORE_IS_BETTER else None


def direction_text(unit):
    return {min: "less is better", max: "more is better", None: "no direction"}[direction(unit)]


def times_better(ours, other, unit):
    """How many times better than `other` we are: above 1 we are ahead, whatever the unit. None
    where that says nothing: no direction, or a zero."""
    better = direction(unit)
    if better is None or ours is None or other is None or ours <= 0 or other <= 0:
        return None
    return other / ours if better is min else ours / other
