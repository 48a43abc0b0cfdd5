"""Limit-up/limit-down: the prices between which a stock may trade in regular hours.

The rule is that of the National Market System Plan to Address Extraordinary Market Volatility (the LULD plan, sections V
and VI and appendix A, as amended up to amendment 18): bands at a percentage of a reference price, the mean price of the
last five minutes, which moves on only when the mean has moved by 1 %. Two things are simpler here: the mean is taken at
whole minutes, of the minutes' average prices weighted by their number of trades, and a limit state of 15 seconds is not
waited for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Tier = Literal[1, 2]
Ints = NDArray[np.int64]
_DOLLAR = 10_000
"""Prices here are integers of 1/10000 dollar, times epoch seconds."""
_CENT = 100
_WINDOW_S = 300
_MOVES_AT = 0.01
_DOUBLED_LAST_S = 25 * 60
PAUSE_MINUTES = 5


class Band(NamedTuple):
    """The band in force from `start` on."""

    start: int
    lower: int
    upper: int


class Minutes(NamedTuple):
    """One session's regular minutes in columns; `mean` is their average price in 1/1000000 dollar."""

    start: Ints
    open: Ints
    mean: Ints
    trade_count: Ints


def band_at(reference: int, previous_close: int, tier: Tier, *, is_last_25_minutes: bool) -> tuple[int, int]:
    """Lower and upper band around a reference price, in 1/10000 dollar, rounded to the cent.

    By the previous close: above $3 5 % in tier 1 (S&P 500, Russell 1000, some ETFs) and 10 % in tier 2; from $0.75 to $3
    20 %; below that the lesser of $0.15 and 75 %. Doubled in the last 25 minutes, except tier 2 above $3.
    """
    if previous_close > 3 * _DOLLAR:
        width = reference * (0.05 if tier == 1 else 0.10)
    elif previous_close >= 0.75 * _DOLLAR:
        width = reference * 0.20
    else:
        width = min(0.15 * _DOLLAR, reference * 0.75)
    if is_last_25_minutes and (tier == 1 or previous_close <= 3 * _DOLLAR):
        width *= 2
    lower = max(round((reference - width) / _CENT), 0) * _CENT
    return lower, round((reference + width) / _CENT) * _CENT


def bands_of(
    minutes: Minutes, previous_close: int | None, tier: Tier, close: int, resumptions: Sequence[int]
) -> list[Band]:
    """A session's bands, oldest first: they begin with the first trade, and anew with the first after each resumption.

    `close` and `resumptions` are epoch seconds; without a previous close the first price stands for it.
    """
    found: list[Band] = []
    if not len(minutes.start):
        return found
    starts, opens = minutes.start.tolist(), minutes.open.tolist()
    weights = np.maximum(minutes.trade_count, 1)
    worth = np.concatenate(([0.0], np.cumsum(minutes.mean / 100 * weights)))
    weight = np.concatenate(([0], np.cumsum(weights)))
    begins = {int(minutes.start.searchsorted(moment)) for moment in (0, *resumptions)}
    reference, first = 0, 0
    level = previous_close if previous_close is not None else opens[0]
    grid = sorted({*range(starts[0], close, 60), *starts})
    row = 0
    for moment in grid:
        while row < len(starts) and starts[row] < moment:
            row += 1
        if row in begins and row < len(starts) and starts[row] == moment:
            reference, first = opens[row], row
        else:
            low = max(first, int(minutes.start.searchsorted(moment - _WINDOW_S)))
            if row > low:
                mean = (worth[row] - worth[low]) / (weight[row] - weight[low])
                if abs(mean / reference - 1) >= _MOVES_AT:
                    reference = round(mean)
        limits = band_at(reference, level, tier, is_last_25_minutes=moment >= close - _DOUBLED_LAST_S)
        if not found or limits != found[-1][1:]:
            found.append(Band(moment, *limits))
    return found
