"""What is looked up once is looked up again when it may have changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from alpaca_trader.simulator import Simulator
from alpaca_trader.simulator.market.model import MarketTrade
from tests.simulator.tiny import CALM, OPEN, TinyMarket, before, bought, run_to, tape


class CountingMarket(TinyMarket):
    """Counts how often it is asked, and can be made to say something else."""

    asked = 0
    moved = Decimal(0)

    def last_trade(self, symbol: str, at: datetime) -> MarketTrade | None:
        """The last trade, moved."""
        self.asked += 1
        trade = super().last_trade(symbol, at)
        return None if trade is None else replace(trade, price=trade.price + self.moved)


def made(prices: Sequence[str] = ("100",) * 24) -> tuple[CountingMarket, Simulator]:
    """A simulator that holds a share, and its market."""
    market = CountingMarket({"XYZ": [*before("XYZ", "98"), *tape("XYZ", *prices)]})
    sim = Simulator(market, seed=5, start=OPEN, switches=CALM)
    bought(sim, "1")
    return market, sim


def test_a_price_is_looked_up_once_an_instant() -> None:
    """Account and positions ask the market once together, and anew when time has passed."""
    market, sim = made()
    for _ in range(2):
        run_to(sim, sim.now + timedelta(seconds=1))
        market.asked = 0
        for _ in range(3):
            sim.exchange.account()
            sim.exchange.positions()
        assert market.asked == 1


def test_while_faults_are_in_force_every_look_is_a_new_one() -> None:
    """A fault changes the market within an instant: seen at once, and again when it is lifted."""
    market, sim = made()
    assert sim.exchange.position("XYZ").price == 100
    sim.order_fault("account.bp_lag")
    market.moved = Decimal(5)
    assert sim.exchange.position("XYZ").price == 105
    market.moved = Decimal(7)
    assert sim.exchange.position("XYZ").price == 107
    sim.lift_faults()
    market.moved = Decimal(0)
    assert sim.exchange.position("XYZ").price == 100
