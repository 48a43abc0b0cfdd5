"""The scripted session on the real server: every route of both files, asked well and badly, on days in which things happen."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit

from alpaca_trader.simulator import GeneratedMarket, Simulator, Switches, running_simulator
from alpaca_trader.simulator.faults.board import FaultOrder
from alpaca_trader.simulator.market.actions import cash_dividend, split, stock_dividend
from alpaca_trader.simulator.market.symbols import asset_info
from conformance import data, trading
from conformance.client import CHEAP, DAY, EVENING, HARD, LATER_NOON, MORNING, Session, example
from conformance.judge import Judge, Operation
from conformance.streams import listening

SYMBOLS: Final = ("AAPL", "SPY", "TSLA", CHEAP)
"""Those the examples of both files name, and a cheap one."""
GENEROUS: Final = Switches(rate_limit=1_000_000, paper_dividends=True)
"""Nothing is refused for its number, and the headers are still sent; both profiles have a dividend to show."""
_TIMEOUT_S: Final = 30


@contextmanager
def opened(judge: Judge, sim: Simulator, symbol: str = HARD) -> Iterator[Session]:
    """Serve a simulator and open a session on it; what its streams say of the account and a symbol is judged at the end."""
    with running_simulator(sim) as running, listening(running, symbol) as listener:
        connection = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=_TIMEOUT_S)
        keys = {"APCA-API-KEY-ID": running.key, "APCA-API-SECRET-KEY": running.secret}
        try:
            yield Session(sim, judge, connection, keys)
            listener.judge(judge)
        finally:
            connection.close()


def market() -> GeneratedMarket:
    """Three sessions with a month of history. Before the second, one company splits, one pays cash and one pays shares."""
    second = DAY + timedelta(days=3)
    actions = [
        split("AAPL", second, new=2),
        cash_dividend(CHEAP, second, Decimal("0.25")),
        stock_dividend("SPY", second, Decimal("0.05")),
    ]
    hard = replace(asset_info(HARD), shortable=False, easy_to_borrow=False)
    return GeneratedMarket(7, SYMBOLS, DAY, days=3, actions=actions, listed=[hard])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a session found."""

    profile: str
    judge: Judge
    surprises: list[str]
    missing: list[Operation]

    def text(self) -> str:
        """One paragraph: what was touched and validated, then everything that was wrong."""
        total = len(self.judge.operations())
        seen = sum(len(found) for found in self.judge.seen.values())
        known = sum(len(self.judge.statuses(operation)) for operation in self.judge.operations())
        line = f"{self.profile}: routes touched {len(self.judge.touched())} / {total}, statuses seen {seen} / {known}, "
        line += f"answers validated {self.judge.validated}, deviations {len(self.wrong)}"
        return "\n".join([line, *(f"  {wrong}" for wrong in self.wrong)])

    @property
    def wrong(self) -> list[str]:
        """Deviations from the files, answers the script did not expect, routes nobody serves or asked."""
        unasked = [operation for operation in self.judge.operations() if operation not in self.judge.touched()]
        return [
            *dict.fromkeys(self.judge.deviations),
            *(f"unexpected: {line}" for line in self.surprises),
            *(
                f"{'not served' if operation in self.missing else 'not asked'}: {' '.join(operation)}"
                for operation in unasked
            ),
        ]


def play(judge: Judge, profile: str) -> Outcome:
    """The whole session for a profile."""
    sim = Simulator(market(), seed=7, start=MORNING, profile=profile, switches=GENEROUS)
    with opened(judge, sim) as session:
        for scene in _SCENES:
            session.play(scene)
    surprises, missing = session.surprises, session.missing
    hurried = Simulator(market(), seed=7, start=MORNING, profile=profile, switches=Switches(rate_limit=1))
    with opened(judge, hurried, "AAPL") as session:
        _hurry(session)
        session.wait(600)
    return Outcome(profile, judge, surprises + session.surprises, sorted(missing - judge.touched()))


def _strangers(session: Session) -> None:
    """Every operation without keys and with wrong ones."""
    wrong = {"APCA-API-KEY-ID": "PKWRONG", "APCA-API-SECRET-KEY": "wrong"}
    for _, method, path in session.judge.operations():
        session.ask(method, example(path), 401, headers={})
        session.ask(method, example(path), 401, headers=wrong)


def _hurry(session: Session) -> None:
    """Every operation beyond the rate limit."""
    session.ask("GET", "/v2/clock")
    session.ask("GET", "/v2/stocks/trades/latest", query={"symbols": "AAPL"})
    for _, method, path in session.judge.operations():
        session.ask(method, example(path), 429)


def _broken(session: Session) -> None:
    """Every operation while the server is broken, by the simulator's own fault."""
    fault = session.sim.faults.order(FaultOrder("http.5xx", parameters={"status": "500"}))
    for _, method, path in session.judge.operations():
        session.ask(method, example(path), 500)
    session.sim.faults.lift(fault.number)


def _night(session: Session) -> None:
    """Holdings over the close, an evening, a night in which companies act and money comes, and a noon two sessions on."""
    trading.holdings(session)
    session.until(EVENING)
    session.sim.exchange.transfer(Decimal(50))
    trading.evening(session)
    session.until(LATER_NOON)


_SCENES: Final = (
    _strangers,
    _broken,
    trading.account,
    trading.reference,
    data.others,
    data.stocks,
    trading.orders,
    trading.linked_orders,
    trading.positions,
    trading.watchlists,
    trading.shorts,
    _night,
    trading.reports,
)
