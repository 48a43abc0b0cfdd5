"""Random sequences of everything an account can do, each step judged by an eye of its own (`auditor.py`).

    python -m tests.simulator.exchange.sequences 100000

runs them on all processors, by seeds that are printed; a failure is shrunk and printed as code that runs: put it below
`from tests.simulator.exchange.sequences import OrderSequence`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, ClassVar, Final

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from alpaca_trader.edge.clock import SystemClock
from alpaca_trader.simulator import BrokerError, Simulator, Switches
from alpaca_trader.simulator.exchange.book import OrderFilter
from alpaca_trader.simulator.exchange.orders import SimOrder
from alpaca_trader.simulator.rest.bodies import (
    account_body,
    activity_body,
    configuration_body,
    order_body,
    position_body,
)
from tests.simulator.exchange.auditor import Books, Judge
from tests.simulator.exchange.commands import COMMANDS, WAITS, Command, near
from tests.simulator.exchange.stage import SESSIONS, START, stage
from tests.simulator.tiny import Ear, run_to

SHARD: Final = 500
"""Sequences drawn from one seed."""
SHORTEST, LONGEST = 8, 40
"""Commands in a sequence."""
_DAY_ENDS: Final = [hours.close + timedelta(seconds=1) for hours in SESSIONS if hours.close > START]
_CASH: Final = {"live467": "467.00", "paper100k": "100000"}
_LOOSE: Final = frozenset({"fill.before_ack"})

SWITCHES: Final[Mapping[str, Switches]] = {
    "calm": Switches(partial_fills="never", latency_ms=(4, 60)),
    "usual": Switches(paper_dividends=True),
    "parts": Switches(partial_fills="always", legs_after_partial="activated", latency_ms=(0, 2)),
    "other": Switches(
        day_order_at_close="canceled", auction_rest="expired", bp_price="collar", pdt_mode="legacy", emit_accepted=False
    ),
    "silent": Switches(partial_fills="always", sl_cancel_event="suppressed", post_status="new"),
}


class OrderSequence(RuleBasedStateMachine):
    """One account in one market: every rule is a command, after each of which everything is checked."""

    tally: ClassVar[Counter[str]] = Counter()
    """What all sequences of this process have done."""
    digest: ClassVar[Any] = hashlib.sha256()
    """Over the news and the last state of all sequences of this process."""

    # What begins and ends a sequence

    @initialize(
        number=st.integers(0, 11),
        profile=st.sampled_from(["live467", "paper100k"]),
        switches=st.sampled_from(sorted(SWITCHES)),
        logged=st.sampled_from([False] * 7 + [True]),
    )
    def open(self, number: int, profile: str, switches: str, logged: bool) -> None:
        """Open the account a second after the market opened; `logged`: and in the end replay it from its command log."""
        self.made = (number, profile, switches)
        self.folder = tempfile.TemporaryDirectory() if logged else None
        self.sim = self._simulator()
        self.books = Books(_CASH[profile], _DAY_ENDS)
        self.judge = Judge(self.books)
        self.ear = Ear(self.sim)
        self.heard = 0
        self.is_cash_account = profile == "live467"
        self.tally["sequences"] += 1

    def _simulator(self) -> Simulator:
        number, profile, switches = self.made
        folder = Path(self.folder.name) if self.folder else None
        return Simulator(
            stage(number), seed=number, start=START, profile=profile, switches=SWITCHES[switches], state_dir=folder
        )

    def teardown(self) -> None:
        """Compare a logged account with its replay."""
        if not hasattr(self, "sim"):
            return
        self.sim.close()
        if self.folder is not None:
            with self.folder:
                again = self._simulator()
                again.close()
                assert state(again) == state(self.sim), "the replay of the command log is another account"
                self.tally["replays"] += 1

    # Commands

    @rule(command=st.sampled_from(COMMANDS), then=st.sampled_from(WAITS))
    def do(self, command: Command, then: float) -> None:
        """Carry out a command, and let so many seconds pass."""
        name, arguments = command
        self.tally[name] += 1
        getattr(self, f"_{name}", self._ask)(name, **arguments)
        self.check()
        if then:
            run_to(self.sim, self.sim.now + timedelta(seconds=then))

    def _ask(self, name: str, **arguments: object) -> Any:
        """Ask the exchange; a refusal is an answer, too."""
        try:
            return getattr(self.sim.exchange, name)(**arguments)
        except BrokerError:
            self.tally[f"{name} refused"] += 1
            return None

    def _submit(self, name: str, **fields: object) -> None:
        before = self.sim.exchange.account()
        placed = self._ask(name, fields=fields)
        if placed is not None:
            self.tally[f"{placed.order_class or placed.type} order"] += 1
            if not placed.is_closing and before.multiplier == 1:
                assert _cost(placed) <= before.buying_power, "an opening order costs more than there is"

    def _replace(self, name: str, which: int, field: str, value: str) -> None:
        """Prices are given as a multiple of the usual one."""
        found = self._open_order(which)
        if found is not None:
            value = near(found.symbol, value) if field in {"limit_price", "stop_price"} else value
            self._ask(name, order_id=found.id, fields={field: value})

    def _cancel(self, name: str, which: int) -> None:
        found = self._open_order(which)
        if found is not None:
            self._ask(name, order_id=found.id)

    def _open_order(self, which: int) -> SimOrder | None:
        """The `which`-newest open order, the oldest of all where there are not so many."""
        found = self.sim.exchange.book.open_orders()
        return found[max(len(found) - 1 - which, 0)] if found else None

    def _fault(self, _name: str, fault: str, **given: object) -> None:
        self.judge.is_late |= fault in _LOOSE
        self.sim.order_fault(fault, **given)

    def _wait_for(self, _name: str, moment: str, late: int) -> None:
        """Time passes until so many seconds after the next such moment of a trading day."""
        moments = [getattr(hours, moment) + timedelta(seconds=late) for hours in SESSIONS]
        run_to(self.sim, next(found for found in moments if found > self.sim.now))

    # What must be true after every command

    @invariant()
    def check(self) -> None:
        """Money, shares, holds, ledger and bodies agree with the activities; every event was legal."""
        if not hasattr(self, "sim"):
            return
        exchange = self.sim.exchange
        self.books.read(exchange.activities(), activity_body, self.sim.now)
        for update in self.ear.heard[self.heard :]:
            self.judge.hear(update)
            self.tally[f"event {update['event']}"] += 1
            self.digest.update(f"{update['event_id']} {update['event']} {update['order']['filled_qty']}\n".encode())
        self.heard = len(self.ear.heard)
        self._check_money()
        self._check_positions()
        self._check_orders()
        configuration_body(exchange.configuration)

    def _check_money(self) -> None:
        exchange, books = self.sim.exchange, self.books
        view = exchange.account()
        assert view.cash == books.cash, f"cash {view.cash}, by the activities {books.cash}"
        values = [held.qty * self._price(symbol) for symbol, held in books.held.items()]
        assert view.long_market_value == sum(value for value in values if value > 0)
        assert view.short_market_value == sum(value for value in values if value < 0)
        assert view.equity == books.cash + sum(values)
        assert view.buying_power >= 0
        last = exchange.ledger()[-1]
        assert last.cash == books.cash, "the ledger's last entry is another cash"
        assert last.holdings == {symbol: held.qty for symbol, held in books.held.items()}
        if self.is_cash_account:
            assert view.cash >= -books.fees, f"cash of {view.cash} without margin"
            assert view.multiplier == 1
            assert all(held.qty > 0 for held in books.held.values()), "a short position without a margin account"
        desk = self.sim.desks[0]
        body = account_body(view, desk.profile, desk.id, START, suspended=False)
        for name, shown in (
            ("buying_power", view.buying_power),
            ("non_marginable_buying_power", view.non_marginable_buying_power),
        ):
            assert Decimal(body[name]) <= shown, f"more {name} is shown than there is"
        assert Decimal(body["cash"]) == books.cash.quantize(Decimal("0.01"), ROUND_HALF_UP)

    def _price(self, symbol: str) -> Decimal:
        """The last print in the shares of now: splits of the calendar count from nine o'clock UTC of their day (winter)."""
        now = self.sim.now
        trade = self.sim.market.last_trade(symbol, now)
        assert trade is not None
        worth = trade.price
        for split in self.sim.market.corporate_actions(trade.at.date(), now.date()):
            begins = datetime.combine(split.ex_date, time(9), UTC)
            if split.kind == "split" and split.symbol in {symbol, trade.symbol} and trade.at < begins <= now:
                worth = worth / split.new_rate * split.old_rate
        return worth if worth == trade.price else worth.quantize(Decimal("0.0001"), ROUND_HALF_UP)

    def _check_positions(self) -> None:
        views = {view.asset.symbol: view for view in self.sim.exchange.positions()}
        assert {symbol: view.qty for symbol, view in views.items()} == {
            symbol: held.qty for symbol, held in self.books.held.items()
        }, "positions are not those of the activities"
        for symbol, view in views.items():
            body = position_body(view)
            assert Decimal(body["qty"]) == view.qty == round(view.qty, 9)
            assert self.books.average_is(symbol, view.average), f"average {view.average} of {symbol}"
            assert 0 <= abs(view.qty_available) <= abs(view.qty)
            asked = sum((_closes(placed) for placed in self.sim.exchange.book.open_orders(symbol)), Decimal(0))
            assert asked <= abs(view.qty), f"open orders close {asked} of {view.qty} {symbol}"

    def _check_orders(self) -> None:
        book = self.sim.exchange.book
        for placed in book.open_orders():
            body = order_body(placed, nested=True)
            assert body["status"] not in {"filled", "canceled", "expired", "replaced", "rejected"}
            assert placed.qty is None or 0 <= placed.filled_qty < placed.qty
        silent = self.made[2] == "silent"
        for placed in book.find(OrderFilter(status="closed", limit=5)):
            is_told = self.judge.is_late or silent or self.judge.has_told(order_body(placed))
            assert is_told, f"nobody was told that an order was {placed.status}"


def _cost(placed: SimOrder) -> Decimal:
    """What an opening order must at least be able to pay."""
    if placed.qty is None:
        assert placed.notional is not None
        return placed.notional
    return placed.qty * (placed.limit_price or placed.stop_price or Decimal(0))


def _closes(placed: SimOrder) -> Decimal:
    """Shares that an open order keeps from others; of linked exits only the first counts."""
    is_second = placed.group_role == "stop_loss" and any(
        other.group_role == "take_profit" and other.is_open for other in placed.members()
    )
    # An exit whose entry is still open is not at the market, whatever was asked of it.
    is_waiting = placed.parent is not None and placed.parent.group_role == "entry" and placed.parent.is_open
    if not placed.is_closing or placed.qty is None or is_waiting or is_second or placed.predecessor:
        return Decimal(0)
    return placed.qty - placed.filled_qty


def state(sim: Simulator) -> Mapping[str, object]:
    """Everything a client could ask for."""
    exchange = sim.exchange
    return {
        "now": sim.now,
        "account": exchange.account(),
        "orders": [order_body(placed) for placed in exchange.book.find(OrderFilter(status="all", limit=1000))],
        "positions": [position_body(view) for view in exchange.positions()],
        "activities": [activity_body(entry) for entry in exchange.activities()],
        "configuration": exchange.configuration,
        "ledger": exchange.ledger(),
    }


def play(sequences: int, from_seed: int, longest: int = LONGEST) -> None:
    """Draw and judge that many sequences of at most `longest` commands from a seed; raises what the first failure raises."""
    run_state_machine_as_test(
        seed(from_seed)(OrderSequence),
        settings=settings(
            max_examples=sequences, stateful_step_count=longest, deadline=None, database=None, derandomize=False,
            suppress_health_check=list(HealthCheck), print_blob=False, phases=(Phase.generate, Phase.shrink),
        ),
    )  # fmt: skip


def _shard(from_seed: int) -> tuple[Counter[str], str]:
    """Play one seed's sequences in this process; the length of sequences goes round with the seed."""
    OrderSequence.tally.clear()
    OrderSequence.digest = hashlib.sha256()
    play(SHARD, from_seed, SHORTEST + from_seed % (LONGEST - SHORTEST + 1))
    return OrderSequence.tally, OrderSequence.digest.hexdigest()


def main(arguments: Sequence[str]) -> None:
    """Play as many sequences as asked for, and say what they were."""
    parser = argparse.ArgumentParser(prog="sequences", description=__doc__)
    parser.add_argument("sequences", type=int, help=f"how many, in shards of {SHARD}")
    parser.add_argument(
        "--seed", type=int, default=0, help="the first shard's seed; each further shard has the next one"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args(arguments)
    shards = -(-asked.sequences // SHARD)
    clock, total, digest = SystemClock(), Counter[str](), hashlib.sha256()
    began = clock.monotonic()
    with ProcessPoolExecutor(asked.workers) as pool:
        for done, (tally, shard_digest) in enumerate(pool.map(_shard, range(asked.seed, asked.seed + shards)), start=1):
            total += tally
            digest.update(shard_digest.encode())
            if done % 4 == 0 or done == shards:
                sys.stdout.write(f"{total['sequences']} sequences in {clock.monotonic() - began:.0f} s\n")
                sys.stdout.flush()
    for name, count in sorted(total.items()):
        sys.stdout.write(f"  {name:28} {count:>12,}\n")
    sys.stdout.write(
        f"seeds {asked.seed} to {asked.seed + shards - 1}, digest {digest.hexdigest()[:16]}, no failure; "
        f"{asked.workers} workers, Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} processors\n"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
