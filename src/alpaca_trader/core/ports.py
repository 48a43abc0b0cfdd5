"""What the engine needs of the world, as protocols. A mode is a choice of these four, never a flag.

================  =======================  ===============================  ==========================
port              live and paper           simulated                        direct (backtest, faults)
================  =======================  ===============================  ==========================
Clock             system                   the simulator's                  virtual
Feed              queue of threads         driven simulator, same streams   stored or generated bars
Broker            Alpaca                   Alpaca client on the simulator   the same exchange, no socket
Journal           SQLite                   SQLite                           memory or SQLite
================  =======================  ===============================  ==========================
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Protocol

from alpaca_trader.core.events import Action, Approved, Event, Resend
from alpaca_trader.core.models import Account, Asset, Bar, BrokerClock, Order, Position, Quote, Session


class Clock(Protocol):
    """The only source of the present."""

    def now(self) -> datetime:
        """The present instant, aware UTC; never runs back."""


class Feed(Protocol):
    """Where events come from, one at a time, in an order that is final."""

    def __iter__(self) -> Iterator[Event]:
        """Yields until the run is over; between two yields the engine has acted on everything before."""


class Broker(Protocol):
    """The broker, read and written. Raises ``Retryable``, ``OutcomeUnknown``, ``OrderRefused`` or ``Fatal`` (errors.py).

    Reads may be retried inside; writes are said exactly once per call.
    """

    def submit_order(self, request: Approved | Resend) -> Order:
        """Submit (or, where the intent names ``replaces``, replace in place); answers with the broker's order."""

    def cancel_order(self, broker_order_id: str) -> None:
        """Ask for a cancel. Returning means "request accepted", not "canceled"."""

    def get_order_by_client_id(self, client_order_id: str) -> Order | None:
        """The order with this client order id, or None where the broker does not know it."""

    def get_open_orders(self) -> Sequence[Order]:
        """Every open order of the account, ours and foreign."""

    def get_positions(self) -> Sequence[Position]:
        """Every position of the account, ours and foreign."""

    def get_account(self) -> Account:
        """The account, with today's external flows filled in."""

    def get_clock(self) -> BrokerClock:
        """The broker's clock."""

    def get_calendar(self, first: date, last: date) -> Sequence[Session]:
        """The sessions from ``first`` to ``last``, both inclusive."""

    def get_assets(self, symbols: Sequence[str]) -> Sequence[Asset]:
        """What may be done with each known symbol; unknown symbols are left out."""

    def get_latest_quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """The latest quote of each symbol that has one."""

    def get_minute_bars(self, symbols: Sequence[str], start: datetime, end: datetime) -> Sequence[Bar]:
        """Complete minute bars that start in ``[start, end)``, sorted by symbol, then time."""


class Executor(Protocol):
    """Carries out what the engine decided."""

    def carry_out(self, action: Action) -> Sequence[Event]:
        """Do it; what came of it returns as events, in order."""


class Journal(Protocol):
    """The durable, ordered record of events and actions."""

    def record(self, entry: Event | Action) -> None:
        """Append; durable at the next ``commit``."""

    def commit(self) -> None:
        """Make everything recorded so far durable. Raises ``Fatal`` when that cannot be promised."""

    def since_checkpoint(self) -> Iterable[Event | Action]:
        """Every entry from the last ``Checkpoint`` (inclusive) on, in order; all of them where there is none."""


class Notifier(Protocol):
    """Tells a human, out of band; never delays the loop and never raises."""

    def notify(self, code: str, text: str) -> None:
        """Hand the message over."""
