"""What the exchange remembers of its last answer is what it would work out anew."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from alpaca_trader.simulator.exchange.book import OrderFilter
from alpaca_trader.simulator.faults.board import FaultOrder
from tests.simulator.exchange.sequences import OrderSequence


class AskedTwice(OrderSequence):
    """After every command the account is asked twice: the second time a fault is in force, so that nothing remembered counts."""

    @invariant()
    def remembered_is_worked_out(self) -> None:
        """Account, positions and open orders are alike, and so is the answer to the first question asked again."""
        if not hasattr(self, "sim"):
            return
        exchange, faults = self.sim.exchange, self.sim.faults
        shown = exchange.account(), exchange.positions()
        fault = faults.order(FaultOrder("http.5xx", probability=0))
        try:
            assert (exchange.account(), exchange.positions()) == shown
        finally:
            faults.lift(fault.number)
        assert (exchange.account(), exchange.positions()) == shown
        everything = exchange.book.find(OrderFilter(status="all", limit=1000))
        newest = [order for order in everything if order.is_open]
        assert exchange.book.find(OrderFilter(limit=3)) == newest[:3]
        assert exchange.book.open_orders() == newest[::-1]


def test_what_is_remembered_is_what_would_be_worked_out() -> None:
    """Whatever an account does: commands, fills, days, corporate actions and faults that come and go."""
    run_state_machine_as_test(
        seed(8)(AskedTwice),
        settings=settings(
            max_examples=60, stateful_step_count=24, deadline=None, database=None,
            suppress_health_check=list(HealthCheck), phases=(Phase.generate, Phase.shrink),
        ),
    )  # fmt: skip
