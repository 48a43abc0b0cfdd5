"""A journal written by hand: one position whose orders meet everything a broker can say. Chosen for its difficulties."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from alpaca_trader.core import events as ev
from alpaca_trader.core.errors import RefusalKind
from alpaca_trader.core.models import (
    Evaluation,
    Gate,
    Order,
    OrderIntent,
    OrderRole,
    OrderType,
    Session,
    Side,
    Trade,
    TradeSignal,
)

OPEN = datetime(2026, 11, 27, 14, 30, tzinfo=UTC)
SESSION = Session(date(2026, 11, 27), OPEN, OPEN + timedelta(hours=3, minutes=30))
EPISODE = "momentum_breakout-AAPL-20261127T1440"
QTY = Decimal("0.25")


def at(second: float) -> datetime:
    """So many seconds after 09:40 New York."""
    return OPEN + timedelta(minutes=10, seconds=second)


def intent(name: str, level: str, replaces: str | None = None) -> OrderIntent:
    """The entry, a stop or an exit of the position; ``level`` is its limit or stop price."""
    role = OrderRole(name.rstrip("0123456789"))
    is_stop = role is OrderRole.STOP
    return OrderIntent(
        client_order_id=f"{EPISODE}-{name}",
        episode_id=EPISODE,
        role=role,
        symbol="AAPL",
        side="buy" if role is OrderRole.ENTRY else "sell",
        qty=QTY,
        type=OrderType.STOP if is_stop else OrderType.LIMIT,
        limit_price=None if is_stop else Decimal(level),
        stop_price=Decimal(level) if is_stop else None,
        strategy="momentum_breakout",
        reason="protect" if is_stop else "vwap_fail",
        decided_at=at(0),
        config_rev="rev",
        replaces=None if replaces is None else f"{EPISODE}-{replaces}",
    )


def order(name: str, status: str, filled: str = "0", average: str | None = None) -> Order:
    """The broker's view of one of the position's orders."""
    side: Side = "buy" if name == "entry" else "sell"
    price = None if average is None else Decimal(average)
    key = f"{EPISODE}-{name}"
    return Order(f"b-{name}", key, "AAPL", side, "limit", "day", status, QTY, Decimal(filled), price)


def news(
    second: float, seen: Order, source: str = "stream", execution: tuple[str, str] | None = None
) -> ev.ExecutionReport:
    """A report of an order; ``execution`` is (quantity, price) of the fill it brings."""
    assert source in ("reply", "stream", "poll")
    qty, price = (None, None) if execution is None else (Decimal(execution[0]), Decimal(execution[1]))
    return ev.ExecutionReport(
        at(second),
        seen,
        source,  # type: ignore[arg-type]
        "fill" if execution else seen.status,
        f"x{second}" if execution else None,
        qty,
        price,
    )


def trade(status: str, exit_price: str | None = None) -> Trade:
    """The position's row."""
    closed = status == "closed"
    return Trade(
        episode_id=EPISODE,
        symbol="AAPL",
        strategy="momentum_breakout",
        status=status,  # type: ignore[arg-type]
        timestamp=at(0),
        qty=QTY,
        entry_price=Decimal("185.54"),
        exit_price=None if exit_price is None else Decimal(exit_price),
        pnl=Decimal("-0.26") if closed else None,
        fees=Decimal("0.01"),
        exit_reason="vwap_fail" if closed else None,
        signal_price=Decimal("185.50"),
        entry_slip_bps=2.16,
        exit_slip_bps=1.0 if closed else None,
        mae_pct=-0.6 if closed else None,
        mfe_pct=0.1 if closed else None,
        initial_stop=Decimal("182.76"),
        r_multiple=-0.36 if closed else None,
        config_rev="rev",
        order_id="b-entry",
        opened_at=at(1),
        closed_at=at(31) if closed else None,
    )


def gates() -> tuple[Gate, ...]:
    """What the entry passed: one gate of the strategy, and those that carry the size."""
    return (
        Gate("volume", True, 2.25, 1.5),
        Gate("price_exceeds_budget", True, 46.7, "position"),
        Gate("below_min_notional", True, 46.375, 5.0),
        Gate("buying_power", True, 46.375, "position"),
    )


def entries() -> Sequence[ev.Event | ev.Action]:
    """The whole story, in order."""
    bar = OPEN + timedelta(minutes=9)
    signal = TradeSignal("AAPL", "buy", "momentum_breakout", 0.875, 185.5, 182.7, 189.2, "entry", bar, {"vwap": 185.2})
    evaluation = Evaluation("AAPL", "momentum_breakout", bar, "signal", gates()[:1], signal)
    percent = Decimal("0.01")
    plan = ev.EpisodeOpened(
        at(0), EPISODE, "AAPL", "momentum_breakout", Decimal("185.50"), percent, 2 * percent, 2 * percent, percent,
        "trail", True, "rev",
    )  # fmt: skip
    entry = f"{EPISODE}-entry"
    return (
        ev.SessionOpened(OPEN - timedelta(minutes=5), SESSION),
        plan,
        ev.Approved(at(0), intent("entry", "185.60")),
        ev.Decided(at(0), evaluation, "approved", gates(), entry),
        ev.OutcomeNotKnown(at(0.5), entry, "submit", "ReadTimeout"),
        ev.LookUpMissed(at(0.7), entry),
        news(1, order("entry", "partially_filled", "0.1", "185.50"), "poll"),
        ev.TradeChanged(at(1), trade("open")),
        # The rest of the entry is seen in the list of open orders alone.
        ev.OpenOrdersSeen(at(2), (order("entry", "partially_filled", "0.2", "185.53"),)),
        news(3, order("entry", "filled", "0.25", "185.54"), execution=("0.05", "185.58")),
        ev.Approved(at(3), intent("stop1", "182.76")),
        ev.BrokerRefused(at(3.1), f"{EPISODE}-stop1", "submit", RefusalKind.WASH_TRADE, 403, 40310000, "wash \x1b[1m"),
        ev.Approved(at(5), intent("stop2", "182.76")),
        news(5.1, order("stop2", "new"), "reply"),
        news(8, order("stop2", "partially_filled", "0.05", "182.70"), execution=("0.05", "182.70")),
        ev.Approved(at(9), intent("stop3", "183.00", replaces="stop2")),
        # The replacement carries the fill of the order it replaces; that is no second fill.
        news(9.1, order("stop3", "new", "0.05", "182.70"), "reply"),
        news(9.2, order("stop2", "replaced", "0.05", "182.70")),
        ev.ExitDecided(at(20), EPISODE, "vwap_fail"),
        ev.CancelOrder(at(20), f"{EPISODE}-stop3", "b-stop3", "vwap_fail"),
        news(20.2, order("stop3", "canceled", "0.05", "182.70")),
        ev.Approved(at(21), intent("exit1", "184.40")),
        ev.OutcomeNotKnown(at(21.5), f"{EPISODE}-exit1", "submit", "ConnectionError"),
        ev.ExitPostponed(at(22), EPISODE, at(25)),
        ev.Resend(at(26), intent("exit1", "184.40")),
        news(31, order("exit1", "filled", "0.2", "184.50"), execution=("0.2", "184.50")),
        ev.TradeChanged(at(31), trade("closed", "184.14")),
    )
