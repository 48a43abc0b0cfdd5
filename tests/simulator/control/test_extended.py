"""What is served trades before the open and after the close, from the time of day that was asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alpaca_trader.simulator import running_simulator

FOUR = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
FIELDS = {"symbol": "AAPL", "side": "buy", "type": "limit", "time_in_force": "day", "qty": "1", "extended_hours": True}


@pytest.mark.parametrize("scenario", [None, "chop"])
def test_a_limit_of_extended_hours_is_filled_before_the_open(scenario: str | None) -> None:
    """Begun at 04:00 New York time, a marketable limit of the pre-market fills long before 09:30."""
    with running_simulator(at="04:00", profile="paper100k", scenario=scenario) as broker:
        assert broker.now == FOUR
        symbol = broker.sim.market.assets()[0].symbol
        trade = broker.sim.market.last_trade(symbol, broker.now)
        assert trade is not None
        limit = str(round(trade.price * 2, 2))
        placed = broker.sim.exchange.submit({**FIELDS, "symbol": symbol, "limit_price": limit})
        broker.clock.step(timedelta(hours=4))
        assert (placed.status, placed.filled_at is not None and placed.filled_at < FOUR + timedelta(hours=4)) == ("filled", True)  # fmt: skip


def test_a_time_that_is_none_is_refused() -> None:
    """In one sentence that says what would be right."""
    with (
        pytest.raises(ValueError, match=r"'25:00' is no time of day; write it as 04:00"),
        running_simulator(at="25:00"),
    ):
        pass
