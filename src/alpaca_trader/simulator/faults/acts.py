"""Faults that are done when they are ordered: somebody else's trades, company news, time that leaps, another market."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Protocol

from alpaca_trader.simulator.desk import Desk
from alpaca_trader.simulator.faults.board import FaultOrder
from alpaca_trader.simulator.faults.market import FaultyMarket, Span
from alpaca_trader.simulator.market.calendar import SessionHours, new_york_date
from alpaca_trader.simulator.wire import new_york_time

_AHEAD: Final = timedelta(days=14)
_HALF_DAY_CLOSE: Final = 13
_INSTANT: Final = timedelta(microseconds=1)


class Broker(Protocol):
    """What an act needs of the simulator."""

    desks: list[Desk]
    market: FaultyMarket

    @property
    def now(self) -> datetime:
        """Virtual time."""
        ...

    def advance(self, limit: datetime) -> datetime:
        """Move time towards `limit`; returns the time reached."""
        ...

    def cut_connections(self) -> None:
        """Break every connection of a client."""
        ...


def act(sim: Broker, wanted: FaultOrder) -> None:
    """Do what has to be done when a fault is ordered; nothing for those that wait for their chance.

    Raises BrokerError or ValueError where it cannot be done.
    """
    doing = _ACTS.get(wanted.name)
    if doing is not None:
        doing(sim, wanted)


def _struck(sim: Broker, wanted: FaultOrder) -> Sequence[Desk]:
    """The account that was named, or the first."""
    return [desk for desk in sim.desks if desk.keys[0] == wanted.account] or sim.desks[:1]


def _manual_order(sim: Broker, wanted: FaultOrder) -> None:
    fields = {"symbol": wanted.symbol, "side": wanted.parameters["side"], "qty": wanted.parameters["qty"]}
    for desk in _struck(sim, wanted):
        desk.exchange.submit({**fields, "type": "market", "time_in_force": "day"})


def _liquidate(sim: Broker, wanted: FaultOrder) -> None:
    for desk in _struck(sim, wanted):
        desk.exchange.liquidate(wanted.symbol)


def _split(sim: Broker, wanted: FaultOrder) -> None:
    ratio: Decimal = wanted.parameters["ratio"]
    assert wanted.symbol is not None, "the catalogue demands it"
    sim.market.scale(wanted.symbol, sim.now, 1 / ratio)
    for desk in sim.desks:
        desk.exchange.corporate_action("split", wanted.symbol, new_rate=str(ratio))


def _rename(sim: Broker, wanted: FaultOrder) -> None:
    new_symbol = str(wanted.parameters["new_symbol"]).upper()
    assert wanted.symbol is not None, "the catalogue demands it"
    sim.market.rename(wanted.symbol, new_symbol)
    for desk in sim.desks:
        desk.exchange.corporate_action("rename", wanted.symbol, new_symbol=new_symbol)


def _dividend(sim: Broker, wanted: FaultOrder) -> None:
    assert wanted.symbol is not None, "the catalogue demands it"
    for desk in sim.desks:
        desk.exchange.corporate_action("cash_dividend", wanted.symbol, cash=str(wanted.parameters["cash"]))


def _factor(wanted: FaultOrder) -> Decimal:
    return 1 + Decimal(wanted.parameters["pct"]) / 100


def _span(wanted: FaultOrder) -> Span:
    assert wanted.since is not None, "faults of the market begin at a time"
    return Span(wanted.since, wanted.since + timedelta(seconds=float(wanted.parameters["seconds"])), _factor(wanted))


def _halt(sim: Broker, wanted: FaultOrder) -> None:
    span = _span(wanted)
    # Streams tell what comes after now; of a halt that had begun already nobody would hear.
    sim.market.halt(str(wanted.symbol), replace(span, start=max(span.start, sim.now + _INSTANT)))


def _gap(sim: Broker, wanted: FaultOrder) -> None:
    assert wanted.since is not None, "faults of the market begin at a time"
    sim.market.scale(str(wanted.symbol), wanted.since, _factor(wanted))


def _overnight_gap(sim: Broker, wanted: FaultOrder) -> None:
    assert wanted.since is not None, "faults of the market begin at a time"
    day = new_york_date(wanted.since)
    ahead = [hours for hours in sim.market.sessions(day, day + _AHEAD) if hours.open > wanted.since]
    sim.market.scale(str(wanted.symbol), ahead[0].open, _factor(wanted))


def _quote_spike(sim: Broker, wanted: FaultOrder) -> None:
    sim.market.spike(str(wanted.symbol), _span(wanted))


def _coming_session(sim: Broker, wanted: FaultOrder) -> SessionHours:
    """The session that was named, else the one after the running or next one, whose hours are fixed already."""
    today = new_york_date(sim.now)
    ahead = [hours for hours in sim.market.sessions(today, today + _AHEAD) if hours.close > sim.now]
    named = wanted.parameters.get("date", ahead[1].date)
    found = [hours for hours in sim.market.sessions(named, named) if hours.date > ahead[0].date]
    if not found:
        raise ValueError(f"{wanted.name} date={named}: name a session after that of {ahead[0].date}")
    return found[0]


def _half_day(sim: Broker, wanted: FaultOrder) -> None:
    hours = _coming_session(sim, wanted)
    sim.market.set_day(hours.date, replace(hours, close=min(hours.close, new_york_time(hours.date, _HALF_DAY_CLOSE))))


def _holiday(sim: Broker, wanted: FaultOrder) -> None:
    sim.market.set_day(_coming_session(sim, wanted).date, None)


def _jump(sim: Broker, wanted: FaultOrder) -> None:
    limit = sim.now + timedelta(seconds=float(wanted.parameters["seconds"]))
    while sim.now < limit:
        sim.advance(limit)


def _sleep(sim: Broker, wanted: FaultOrder) -> None:
    sim.cut_connections()
    _jump(sim, wanted)


_TIME: Final[Mapping[str, Callable[[Broker, FaultOrder], None]]] = {"clock.jump": _jump, "clock.sleep": _sleep}
_ACTS: Final[Mapping[str, Callable[[Broker, FaultOrder], None]]] = {
    "broker.manual_order": _manual_order,
    "broker.liquidate": _liquidate,
    "corp.split": _split,
    "corp.rename": _rename,
    "corp.dividend": _dividend,
    "market.halt": _halt,
    "market.gap": _gap,
    "market.overnight_gap": _overnight_gap,
    "quote.spike": _quote_spike,
    "calendar.half_day": _half_day,
    "calendar.holiday": _holiday,
    **_TIME,
}
TIME_ACTS: Final[Iterable[str]] = frozenset(_TIME)
"""Acts that a replay leaves out: the advances they made are in the command log themselves."""
