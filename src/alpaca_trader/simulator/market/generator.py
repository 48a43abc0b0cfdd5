"""A market made from a seed: minute bars that look like stocks, the same on every machine for the same arguments.

Each (seed, symbol, session) draws from its own random stream, so adding a symbol or more history never changes what a
symbol does inside a session. Symbols move together only through the market factor: a return series drawn for
(seed, session) and scaled by the symbol's beta.

The ingredients of a session, all visible to a strategy: a U-shaped day in volume and volatility; calm, normal and wild
stretches; trends and stretches that revert to their mean; now and then news, a few minutes of one-sided trading on
heavy volume. Volumes are of the size of the consolidated tape whatever feed they are read under, because only their
ratios within one feed mean anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from alpaca_trader.simulator.market.actions import first_names, in_order
from alpaca_trader.simulator.market.calendar import (
    new_york_date,
    session_on,
    sessions_before,
    sessions_from,
)
from alpaca_trader.simulator.market.draws import DayShape, market_factor
from alpaca_trader.simulator.market.model import AssetInfo, CorporateAction
from alpaca_trader.simulator.market.series import Series, SymbolPlan
from alpaca_trader.simulator.market.symbols import asset_info
from alpaca_trader.simulator.market.tape import Columns, HaltSpan
from alpaca_trader.simulator.market.tape_market import TapeMarket


@dataclass(frozen=True, slots=True)
class Halt:
    """A trading halt: `minutes` without trading from the minute that contains `start`, then a gap of `gap_pct` percent.

    `reason` is the exchange's code for it: T1 news pending, T2 news released, T12 more information asked, H10 suspended ...
    """

    symbol: str
    start: datetime
    minutes: int
    gap_pct: float
    reason: str = "T1"


class GeneratedMarket(TapeMarket):
    """Seeded minute bars for `days` sessions from `day` on, and `history_days` sessions before it.

    `halts` are the halts asked for; a symbol that runs into its limit-up/limit-down bands is paused besides. `actions`
    are corporate actions: splits and dividends move the prices from their ex-date on. `listed` are asset records in place
    of the made-up ones, or of symbols that are listed and do not trade. `extended` adds pre-market and after hours.
    `shapes` bends single sessions (see `scenarios`).

    Raises ValueError when `day` is not a session, a count is too small, a halt lies outside the generated sessions or in
    another, or an action cannot be.
    """

    def __init__(
        self,
        seed: int,
        symbols: Sequence[str],
        day: date,
        *,
        days: int = 1,
        history_days: int = 25,
        halts: Sequence[Halt] = (),
        actions: Sequence[CorporateAction] = (),
        listed: Sequence[AssetInfo] = (),
        extended: bool = False,
        shapes: Mapping[tuple[str, date], DayShape] | None = None,
    ) -> None:
        if session_on(day) is None:
            following = sessions_from(day, 1)[0].date
            raise ValueError(f"day {day} is not a trading session; the next one is {following}")
        if days < 1 or history_days < 0:
            raise ValueError(f"days {days} must be at least 1 and history_days {history_days} at least 0")
        traded = sessions_from(day, days)
        sessions = [*sessions_before(day, history_days), *traded]
        spans = _halt_spans(halts, symbols, {hours.date for hours in sessions})
        ordered = in_order(actions, symbols)
        first_name = first_names(ordered)
        factors = [market_factor(seed, hours) for hours in sessions]
        columns: dict[str, Columns] = {}
        paused: dict[str, Sequence[HaltSpan]] = {}
        for symbol in sorted(set(symbols)):
            plan = SymbolPlan(
                symbol,
                halts=[(span, gap) for name, span, gap in spans if name == symbol],
                actions=[each for each in ordered if first_name.get(each.symbol, each.symbol) == symbol],
                shapes={each: shape for (name, each), shape in (shapes or {}).items() if name == symbol},
            )
            series = Series(seed, plan, sessions, history_days, factors, extended=extended)
            columns[symbol] = series.columns
            paused[symbol] = series.halts
        records = {symbol: asset_info(symbol) for symbol in columns} | {asset.symbol: asset for asset in listed}
        super().__init__(
            columns,
            seed=seed,
            day=day,
            last_day=traded[-1].date,
            assets=records,
            halts=paused,
            actions=ordered,
            extended=extended,
        )


def _halt_spans(
    halts: Sequence[Halt], symbols: Sequence[str], days: set[date]
) -> Sequence[tuple[str, HaltSpan, float]]:
    """Symbol, span and gap of each halt, in time order."""
    found: list[tuple[str, HaltSpan, float]] = []
    for halt in sorted(halts, key=lambda each: each.start):
        start = halt.start.astimezone(UTC).replace(second=0, microsecond=0)
        hours = session_on(new_york_date(start))
        inside = hours is not None and hours.date in days and hours.open <= start < hours.close
        if halt.symbol not in symbols or halt.minutes < 1 or halt.gap_pct <= -100 or not inside:
            raise ValueError(
                f"halt {halt} must name a generated symbol, at least 1 minute, a time inside a generated session "
                "and a gap above -100 percent"
            )
        end = start + timedelta(minutes=halt.minutes)
        span = HaltSpan(int(start.timestamp()), int(end.timestamp()), "H", halt.reason)
        if any(name == halt.symbol and span.start < other.end for name, other, _ in found):
            raise ValueError(f"halt {halt} begins while another halt of {halt.symbol} lasts")
        found.append((halt.symbol, span, halt.gap_pct))
    return found
