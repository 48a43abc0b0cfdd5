"""How good are bars that are possible? Gaps, missing sessions, bad prints, splits, half days: for people to judge."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from alpaca_trader.research.bar_checks import found
from alpaca_trader.research.bar_sessions import SessionTable
from alpaca_trader.research.bars import PRICES, Finding, Flags, Floats, Ints, minute_text
from alpaca_trader.research.bars_rows import Rows

LONG_HOLE_MIN = 10
THIN_COVERAGE = 0.95
"""A session with bars in fewer of its minutes is thin: volume ratios and RSI lean on what is there."""
OUTLIER = 0.02
"""A bad print departs by at least this share of the price, and by ``OUTLIER_TIMES`` the symbol's usual minute."""
OUTLIER_TIMES = 20
ABSURD_TIMES = 5
"""A close this many times its neighbours on both sides is a slipped decimal point, not a market."""
SPLIT_TOLERANCE = 0.02
SPLIT_RATIOS = np.array([3 / 2, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 40, 50])
MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class _Stretches:
    """Regular bars, cut into one stretch per symbol and session."""

    bars: Rows
    begin: Ints
    """Where each stretch begins in ``bars``."""
    end: Ints
    session: Ints
    code: Ints
    within: Flags
    """Whether each bar but the first follows one of its own stretch."""


def quality_findings(rows: Rows, table: SessionTable) -> list[Finding]:
    """Warnings and notes about rows that are in order, one per symbol and kind; errors only for absurd prints."""
    findings = [*_zero_volume(rows), *_vwap_outside(rows)]
    regular = table.is_regular(rows.start)
    if not regular.any():
        return findings
    stretches = _stretches(rows.taken(regular), table)
    return [
        *findings,
        *_gaps(stretches, table),
        *_missing_sessions(stretches, table),
        *_prints(stretches),
        *_splits(stretches),
        *_half_days(stretches, table),
    ]


def _stretches(bars: Rows, table: SessionTable) -> _Stretches:
    session = table.session_of(bars.start)
    within = (np.diff(session) == 0) & (np.diff(bars.code) == 0)
    begin = np.concatenate([[0], np.flatnonzero(~within) + 1])
    end = np.concatenate([begin[1:], [len(bars.start)]])
    return _Stretches(bars, begin, end, session[begin], bars.code[begin], within)


def _by_symbol(rows: Rows, which: Flags, code: str, text: str) -> list[Finding]:
    """One warning per symbol about the bars in ``which``."""
    places = np.flatnonzero(which)
    symbols, first, counts = np.unique(rows.code[places], return_index=True, return_counts=True)
    return [
        found("warning", code, rows, int(places[at]), text, int(count))
        for _, at, count in zip(symbols, first, counts, strict=True)
    ]


def _zero_volume(rows: Rows) -> list[Finding]:
    text = "has volume 0: a minute without trades; it counts as a bar, though nothing was traded at its price"
    return _by_symbol(rows, rows.numbers["volume"] == 0, "zero_volume", text)


def _vwap_outside(rows: Rows) -> list[Finding]:
    vwap, cent = rows.numbers["vwap"], 0.01
    outside = (vwap > rows.numbers["high"] + cent) | (vwap < rows.numbers["low"] - cent)
    return _by_symbol(rows, outside, "vwap_outside", "has its vwap outside low and high; a replay moves it inside")


def _gaps(stretches: _Stretches, table: SessionTable) -> list[Finding]:
    """Per symbol: the longest hole and the minutes missing in the sessions it has."""
    bars, findings = stretches.bars, []
    opens, closes = table.opens[stretches.session], table.closes[stretches.session]
    head = (bars.start[stretches.begin] - opens) // MINUTE_S
    tail = (closes - bars.start[stretches.end - 1]) // MINUTE_S - 1
    inner = np.where(stretches.within, np.diff(bars.start) // MINUTE_S - 1, 0)
    due, present = (closes - opens) // MINUTE_S, stretches.end - stretches.begin
    # Every hole with the bar it is reported at and the minute it begins.
    length = np.concatenate([head, inner, tail])
    at = np.concatenate([stretches.begin, np.arange(1, len(bars.start)), stretches.end - 1])
    since = np.concatenate([opens, bars.start[:-1] + MINUTE_S, bars.start[stretches.end - 1] + MINUTE_S])
    long = np.flatnonzero(length >= LONG_HOLE_MIN)
    long = long[np.lexsort((since[long], -length[long], bars.code[at[long]]))]
    symbols, first, counts = np.unique(bars.code[at[long]], return_index=True, return_counts=True)
    for _, place, count in zip(symbols, first, counts, strict=True):
        hole = int(long[place])
        begins = int(since[hole])
        until = minute_text(begins + int(length[hole]) * MINUTE_S)
        text = f"lies beside a hole of {length[hole]} minutes, {minute_text(begins)} to {until}"
        text += f"; {count} holes of {LONG_HOLE_MIN} minutes or more" if count > 1 else ""
        findings.append(found("warning", "gap", bars, int(at[hole]), text))
    _, first, sessions = np.unique(stretches.code, return_index=True, return_counts=True)
    coverage = np.add.reduceat(present, first) / np.add.reduceat(due, first)
    for place in np.flatnonzero(coverage < THIN_COVERAGE):
        index = int(stretches.begin[first[place]])
        text = f"{coverage[place]:.1%} of the minutes of its {sessions[place]} sessions have a bar"
        findings.append(found("note", "thin", bars, index, text))
    return findings


def _missing_sessions(stretches: _Stretches, table: SessionTable) -> list[Finding]:
    jump = np.where(np.diff(stretches.code) == 0, np.diff(stretches.session) - 1, 0)
    findings = []
    for code in np.unique(stretches.code[1:][jump > 0]):
        mine = (stretches.code[1:] == code) & (jump > 0)
        place = int(np.argmax(mine))
        day = table.sessions[int(stretches.session[place]) + 1].day
        text = f"follows sessions without bars: {int(jump[mine].sum())} in all, the first on {day}"
        findings.append(found("warning", "missing_session", stretches.bars, int(stretches.begin[place + 1]), text))
    return findings


def _large_moves(stretches: _Stretches, moves: Floats) -> Floats:
    """For each bar what is a large move of its symbol: ``OUTLIER_TIMES`` its median minute, at least ``OUTLIER``."""
    code = stretches.bars.code
    sizes, owners = np.abs(moves[stretches.within]), code[1:][stretches.within]
    usual = np.full(len(stretches.bars.symbols), OUTLIER)
    edges = np.searchsorted(owners, np.arange(len(usual) + 1))
    for each, (first, last) in enumerate(pairwise(edges)):
        if first < last:
            usual[each] = max(OUTLIER, OUTLIER_TIMES * float(np.median(sizes[first:last])))
    return np.asarray(np.log1p(usual[code]), dtype=np.float64)


def _prints(stretches: _Stretches) -> list[Finding]:
    """Closes that leave and come back within two minutes, and wicks far from everything around them."""
    bars = stretches.bars
    opened, high, low, close = (bars.numbers[name] for name in PRICES)
    moves = np.diff(np.log(close))
    large = _large_moves(stretches, moves)
    findings = []
    spike = np.zeros(len(close), dtype=np.bool_)
    there, back = moves[:-1], moves[1:]
    spike[1:-1] = stretches.within[:-1] & stretches.within[1:] & (np.abs(there) > large[1:-1])
    spike[1:-1] &= np.abs(there + back) < np.abs(there) / 4
    absurd = spike & (np.abs(np.concatenate([[0.0], moves])) >= np.log(ABSURD_TIMES))
    if absurd.any():
        index = int(np.argmax(absurd))
        before, at, after = (float(close[each]) for each in (index - 1, index, index + 1))
        text = f"closes at {at!r} between {before!r} and {after!r}; a slipped decimal point? Correct or remove the bar"
        findings.append(found("error", "absurd_price", bars, index, text, int(absurd.sum())))
    text = "closes far away for one minute and comes back: a bad print?"
    findings += _by_symbol(bars, spike & ~absurd, "outlier", text)
    # The first bar of a session is measured by its own open alone: the night before says nothing of a bad print.
    earlier = np.concatenate([opened[:1], np.where(stretches.within, close[:-1], opened[1:])])
    upper = np.maximum(earlier, np.maximum(opened, close))
    lower = np.minimum(earlier, np.minimum(opened, close))
    wick = np.maximum(np.log(high / upper), np.log(lower / low)) > large
    return [*findings, *_by_symbol(bars, wick, "wick", "has a wick far from the prices around it: a bad print?")]


def _splits(stretches: _Stretches) -> list[Finding]:
    """Overnight changes by a whole ratio, as unadjusted splits make them."""
    bars, findings = stretches.bars, []
    before = bars.numbers["close"][stretches.end[:-1] - 1]
    after = bars.numbers["open"][stretches.begin[1:]]
    ratio = np.maximum(before / after, after / before)
    off = np.min(np.abs(ratio[:, None] / SPLIT_RATIOS[None, :] - 1), axis=1)
    split = (np.diff(stretches.code) == 0) & (off < SPLIT_TOLERANCE)
    for place in np.flatnonzero(split):
        text = (
            f"opens at {float(after[place])!r} after a close of {float(before[place])!r}: a split of {ratio[place]:.2g}"
        )
        text += " to 1? History must be split-adjusted (adjustment=split)"
        findings.append(found("warning", "split", bars, int(stretches.begin[place + 1]), text))
    return findings


def _half_days(stretches: _Stretches, table: SessionTable) -> list[Finding]:
    findings = []
    for number in np.unique(stretches.session):
        if table.is_half_day(int(number)):
            session = table.sessions[int(number)]
            text = f"{session.day} is a half day (closes {session.close:%H:%MZ}); it is left out of volume baselines"
            findings.append(Finding("note", "half_day", text, None, session.open))
    return findings
