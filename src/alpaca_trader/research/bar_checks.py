"""May these rows be traded on? Impossible numbers, disorder, duplicates, and clocks that cannot be right.

What is certainly harmless is mended and reported; what could make a wrong trade is an error.
"""

from collections.abc import Iterator

import numpy as np

from alpaca_trader.research.bar_sessions import SessionTable
from alpaca_trader.research.bars import NUMBERS, PRICES, Finding, Flags, Floats, Severity, at_minute
from alpaca_trader.research.bars_rows import SESSIONS, Reading, Rows

LOWEST_PRICE, HIGHEST_PRICE = 0.0001, 1e9
"""Prices are kept to 4 decimals; the upper bound only catches what is no price (BRK.A stands below 1e6)."""
MOST_SHARES = 1e12
JUDGED_BARS = 60
"""Fewer bars than this say nothing about a clock."""
SESSION_BARS = 100
"""A symbol's session of at least this many bars says whether its first minute is missing."""


def found(severity: Severity, code: str, rows: Rows, index: int, text: str, count: int = 1) -> Finding:
    """A finding about the row at ``index``, the first of ``count``."""
    more = f" ({count} such bars)" if count > 1 else ""
    symbol = rows.symbols[int(rows.code[index])]
    return Finding(
        severity, code, f"{rows.where(index)}: {text}{more}", symbol, at_minute(int(rows.start[index])), count
    )


def sound_rows(rows: Rows) -> tuple[Rows, list[Finding]]:
    """The rows whose numbers are possible, and what is impossible about the others."""
    vwap = rows.numbers["vwap"]
    findings = []
    unknown = vwap == 0
    if unknown.any():
        text = "vwap 0 is read as unknown; leave the cell empty"
        findings.append(found("warning", "vwap_zero", rows, int(np.argmax(unknown)), text, int(unknown.sum())))
        rows.numbers["vwap"] = np.where(unknown, np.nan, vwap)
    bad = np.zeros(len(rows.start), dtype=np.bool_)
    for code, broken, said, right in _impossible(rows.numbers):
        if broken.any():
            index = int(np.argmax(broken))
            text = f"{_saying(said, rows.numbers, index)}; {right}"
            findings.append(found("error", code, rows, index, text, int(broken.sum())))
            bad |= broken
    return rows.taken(~bad), findings


def _saying(fields: tuple[str, ...], numbers: dict[str, Floats], index: int) -> str:
    values = [(name, float(numbers[name][index])) for name in fields]
    return ", ".join(f"{name} is missing" if value != value else f"{name} is {value!r}" for name, value in values)


def _impossible(numbers: dict[str, Floats]) -> Iterator[tuple[str, Flags, tuple[str, ...], str]]:
    """Each rule: its code, the rows that break it, the fields to show, what would be right (domain 1)."""
    for name in (*PRICES, "volume"):
        yield "missing_value", np.isnan(numbers[name]), (name,), f"every bar has its {name}"
    for name in (*PRICES, "vwap"):
        values = numbers[name]
        outside = ((values < LOWEST_PRICE) | (values > HIGHEST_PRICE)) & ~np.isnan(values)
        yield "bad_price", outside, (name,), f"a price is a number from {LOWEST_PRICE} on"
    volume, count = numbers["volume"], numbers["trade_count"]
    yield "bad_volume", (volume < 0) | (volume > MOST_SHARES), ("volume",), "shares traded are a number from 0 on"
    whole = np.isnan(count) | ((count >= 0) & (count <= MOST_SHARES) & (np.trunc(count) == count))
    yield "bad_trade_count", ~whole, ("trade_count",), "it is a whole number from 0 on, or empty where unknown"
    opened, high, low, close = (numbers[name] for name in PRICES)
    right = "a bar's high is at least, its low at most, its open and its close"
    yield "high_too_low", high < np.maximum(opened, close), ("open", "high", "close"), right
    yield "low_too_high", low > np.minimum(opened, close), ("open", "low", "close"), right


def in_order(rows: Rows) -> tuple[Rows, list[Finding]]:
    """The rows by symbol and minute, each minute once. Repeated rows are dropped; contradictions are errors."""
    findings: list[Finding] = []
    by_symbol = np.argsort(rows.code, kind="stable")
    same = np.diff(rows.code[by_symbol]) == 0
    back = np.flatnonzero((np.diff(rows.start[by_symbol]) < 0) & same)
    if len(back):
        text = "comes after a later minute of its symbol; the rows were sorted"
        findings.append(found("warning", "unsorted", rows, int(by_symbol[back[0] + 1]), text, len(back)))
    rows = rows.taken(np.lexsort((rows.start, rows.code)))
    again = np.concatenate([[False], (np.diff(rows.start) == 0) & (np.diff(rows.code) == 0)])
    again = again[: len(rows.start)].astype(np.bool_)
    if not again.any():
        return rows, findings
    differs = np.zeros(len(again), dtype=np.bool_)
    for name in NUMBERS:
        values = rows.numbers[name]
        differs[1:] |= again[1:] & ~((values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1])))
    if differs.any():
        index = int(np.argmax(differs))
        names = [name for name in NUMBERS if rows.numbers[name][index] != rows.numbers[name][index - 1]]
        name = next(each for each in names if not np.isnan(rows.numbers[each][index - 1 : index + 1]).all())
        one, other = (float(rows.numbers[name][each]) for each in (index - 1, index))
        text = f"is there twice with {name} {one!r} and {other!r}; keep the right one"
        findings.append(found("error", "conflicting_duplicate", rows, index, text, int(differs.sum())))
    repeated = again & ~differs
    if repeated.any():
        text = "is there twice with the same numbers; one was kept"
        findings.append(found("warning", "duplicate", rows, int(np.argmax(repeated)), text, int(repeated.sum())))
    return rows.taken(~again), findings


def clock_findings(rows: Rows, table: SessionTable, reading: Reading) -> list[Finding]:
    """Spacing, zone, label and days: whether the minutes can be what they say. Rows are in order, not empty."""
    spacing = _spacing(rows)
    if spacing:
        return spacing
    zone = _zone_findings(rows, table, reading)
    return [*zone, *([] if zone else _label_findings(rows, table, reading)), *_day_findings(rows, table)]


def _spacing(rows: Rows) -> list[Finding]:
    steps = np.diff(rows.start)[np.diff(rows.code) == 0]
    apart = int(np.gcd.reduce(steps)) if len(steps) >= 10 else 60
    if apart == 60:
        return []
    text = f"the bars lie {apart // 60} minutes apart or multiples of that; one-minute bars are needed"
    return [found("error", "not_minutes", rows, 0, text)]


def _zone_findings(rows: Rows, table: SessionTable, reading: Reading) -> list[Finding]:
    """Bars of a US stock trade mostly in regular hours. Where a shift by whole or half hours puts them there, and they
    are not there now, the clock is wrong: the whole file, or single days (a fixed offset through a clock change)."""
    start, volume = rows.start, rows.numbers["volume"]
    if len(start) < JUDGED_BARS:
        return []
    severity: Severity = "error" if reading.zone is None else "warning"
    weight = volume if volume.sum() > 0 else np.ones(len(volume))
    now = _share(start, weight, table, 0.0)
    if now < 0.5:
        shifts = [half / 2 for half in range(-28, 29)]
        best = max(shifts, key=lambda hours: (_share(start, weight, table, hours), -abs(hours)))
        then = _share(start, weight, table, best)
        if then >= 0.9:
            text = (
                f"only {now:.0%} of the volume lies in regular hours, but {then:.0%} would if the times were {best:+g} "
                "hours; say the zone they are written in (zone=America/New_York ...; zone=UTC takes them as they are)"
            )
            return [found(severity, "wrong_zone", rows, 0, text, len(start))]
    return _shifted_days(rows, table, severity)


def _share(
    start: "np.ndarray[tuple[int], np.dtype[np.int64]]", weight: Floats, table: SessionTable, hours: float
) -> float:
    return float(weight[table.is_regular(start + int(hours * 3600))].sum() / weight.sum())


def _shifted_days(rows: Rows, table: SessionTable, severity: Severity) -> list[Finding]:
    which = table.session_of(rows.start)
    which = np.where(which < 0, len(table.sessions), which)
    bars = np.bincount(which, minlength=len(table.sessions) + 1)
    inside = [
        np.bincount(which[table.is_regular(rows.start + shift)], minlength=len(bars)) for shift in (-3600, 0, 3600)
    ]
    wrong = (bars >= SESSION_BARS) & (inside[1] < 0.9 * bars) & (np.maximum(inside[0], inside[2]) >= 0.99 * bars)
    wrong[-1] = False
    if not wrong.any():
        return []
    index = int(np.argmax(wrong[which]))
    text = (
        "this day lies an hour beside regular hours, as when a fixed offset was used through a change of clocks; "
        f"convert the times again by New York's own rules (zone=UTC takes them as they are); {int(wrong.sum())} such days"
    )
    return [found(severity, "wrong_zone", rows, index, text)]


def _label_findings(rows: Rows, table: SessionTable, reading: Reading) -> list[Finding]:
    """Bars labelled by their end lack 09:30 and have 16:00; read as starts they show every minute too late by one."""
    which = table.session_of(rows.start)
    if not table.sessions or not (which >= 0).any():
        return []
    key = np.where(which >= 0, rows.code * len(table.sessions) + which, -1)
    regular = table.is_regular(rows.start)
    size = len(rows.symbols) * len(table.sessions)
    full = np.bincount(key[regular], minlength=size) >= SESSION_BARS
    first = np.bincount(key[rows.start == table.opens[which]], minlength=size) > 0
    beyond = np.bincount(key[(which >= 0) & (rows.start == table.closes[which])], minlength=size) > 0
    before = np.bincount(key[(which >= 0) & (rows.start == table.opens[which] - 60)], minlength=size) > 0
    last = np.bincount(key[(which >= 0) & (rows.start == table.closes[which] - 60)], minlength=size) > 0
    judged = int(full.sum())
    late, early = int((full & ~first & beyond).sum()), int((full & before & ~last).sum())
    if judged and late >= 0.9 * judged:
        severity: Severity = "error" if reading.label is None else "warning"
        text = f"{late} of {judged} sessions have no 09:30 bar but one at the close: bars labelled by their end; say label=end"
        return [found(severity, "wrong_label", rows, 0, text)]
    if judged and early >= 0.9 * judged and reading.label == "end":
        text = f"{early} of {judged} sessions begin at 09:29 and lack their last minute: labelled by their start; say label=start"
        return [found("error", "wrong_label", rows, 0, text)]
    return []


def _day_findings(rows: Rows, table: SessionTable) -> list[Finding]:
    findings = []
    phase = table.phase(rows.start)
    closed = phase < 0
    if closed.any():
        text = "lies on a day on which the exchange is closed; it is never traded on"
        findings.append(found("warning", "no_session", rows, int(np.argmax(closed)), text, int(closed.sum())))
    if rows.session is not None:
        differs = (rows.session != phase) & ~closed
        if differs.any():
            index = int(np.argmax(differs))
            said = SESSIONS[rows.session[index]] if rows.session[index] >= 0 else "another word"
            text = f"session says {said}, by the exchange calendar it is {SESSIONS[phase[index]]}; the calendar counts"
            findings.append(found("warning", "session_differs", rows, index, text, int(differs.sum())))
    return findings
