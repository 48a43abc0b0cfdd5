"""Bugs to plant in an engine's process, to see that a programme finds them."""

import threading
from collections.abc import Iterator
from pathlib import Path

from pandas import DataFrame

from alpaca_trader.core import events as ev
from alpaca_trader.core.models import TradeSignal
from alpaca_trader.edge.executor import OrderExecutor
from alpaca_trader.edge.journal.sqlite import Journal
from proofs.paced import SharedNumber
from proofs.restless import Restless


def commit_after_send() -> None:
    """The journal is written when the broker has answered."""
    commit, submit = Journal.commit, OrderExecutor._submit
    is_sending = False

    def late(self: Journal) -> None:
        if not is_sending:
            commit(self)

    def send(self: OrderExecutor, action: ev.Approved | ev.Resend) -> list[ev.Event]:
        nonlocal is_sending
        is_sending = True
        try:
            return submit(self, action)
        finally:
            is_sending = False

    Journal.commit = late  # type: ignore[method-assign]
    OrderExecutor._submit = send  # type: ignore[method-assign]


def forget_the_journal() -> None:
    """A start believes nothing, whatever was committed before."""

    def nothing(self: Journal) -> Iterator[ev.Event | ev.Action]:
        return iter(())

    Journal.since_checkpoint = nothing  # type: ignore[method-assign]


def hang_once(path: Path) -> None:
    """The first time a strategy is asked it does not answer, ever; ``path`` remembers that it was asked."""
    asked, analyze = SharedNumber(path), Restless.analyze

    def hang(self: Restless, symbol: str, bars: DataFrame) -> TradeSignal | None:
        if not asked.read():
            asked.write(1)
            threading.Event().wait()
        return analyze(self, symbol, bars)

    Restless.analyze = hang  # type: ignore[method-assign]
