"""A live minute of five symbols: our own time, the broker's taken off."""

import json
import statistics
from collections.abc import Iterator

from benchmarks.day import PlayedDay
from benchmarks.measure import Result, median_s

ROUNDS = 500


def run(day: PlayedDay) -> Iterator[Result]:
    """From the tick to the first order handed over; the whole minute with its bars, journal, log and status on disk."""
    baseline = "json round trip of a tick's answers"
    against = median_s(lambda: json.dumps(json.loads(day.answers)), ROUNDS)
    minutes = sorted(day.minutes_s)
    orders = len(day.handed_s)
    yield Result(
        f"tick of 5 symbols to its order, median of {orders}", statistics.median(day.handed_s), baseline, against
    )
    yield Result("tick of 5 symbols to its order, slowest", max(day.handed_s), baseline, against)
    yield Result("whole minute of 5 symbols, median", statistics.median(minutes), baseline, against)
    yield Result("whole minute of 5 symbols, 99 of 100", minutes[len(minutes) * 99 // 100], baseline, against)
    yield Result("the whole day by direct calls, processor time", day.processor_s, "its wall time", day.took_s)
