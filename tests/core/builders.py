"""Parts for tests of the core: one trading day, a healthy account of $467, and the news that moves a belief along.

Everything is folded through ``Belief.on_event`` and ``on_action`` as it would be in a run; nothing is set from outside.
Times are given as New York time of ``DAY``; prices are those of the worked examples of the specification.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, cast, get_args

from alpaca_trader.core import events as ev
from alpaca_trader.core.accounts import trade_row
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.config import MeanReversionParams, MomentumParams, RiskConfig, StrategyConfig, StrategySettings
from alpaca_trader.core.models import (
    MINUTE,
    Account,
    Asset,
    Bar,
    Gate,
    Order,
    OrderIntent,
    OrderRole,
    OrderType,
    Position,
    Quote,
    Session,
    TradeSignal,
    dec,
)
from alpaca_trader.core.policy import Policy
from alpaca_trader.core.risk_manager import Entry, Refused, RiskManager

DAY = date(2026, 11, 20)
NEW_YORK = timedelta(hours=5)
"""What New York is behind UTC on ``DAY``."""
PRICES = {"AAPL": "185.50", "MSFT": "430.00", "NVDA": "180.00", "QQQ": "600.00", "SPY": "668.40"}
D = Decimal


def ny(clock: str, day: date = DAY) -> datetime:
    """The instant at which New York's clocks show ``clock`` (HH:MM or HH:MM:SS)."""
    return datetime.combine(day, time.fromisoformat(clock), UTC) + NEW_YORK


NOW = ny("10:30:02")


def session(day: date = DAY, close: str = "16:00") -> Session:
    """A regular session, or a half day."""
    return Session(day, ny("09:30", day), ny(close, day))


def config(
    *, momentum: dict[str, Any] | None = None, reversion: dict[str, Any] | None = None, **risk: Any
) -> StrategyConfig:
    """The owner's settings with these differences."""
    return StrategyConfig(
        risk=RiskConfig(**risk),
        strategies={
            "momentum_breakout": StrategySettings(
                enabled=True,
                watchlist=tuple(sorted(PRICES)),
                params=MomentumParams(**(momentum or {})),
                class_path=None,
            ),
            "mean_reversion": StrategySettings(
                enabled=True, watchlist=("QQQ", "SPY"), params=MeanReversionParams(**(reversion or {})), class_path=None
            ),
        },
    )


def account(equity: str = "467.00", **changes: Any) -> Account:
    """A cash-only account; what is not said equals ``equity``."""
    money = ("equity", "last_equity", "cash", "buying_power")
    given: dict[str, Any] = {name: D(value) if name in money else value for name, value in changes.items()}
    return replace(Account("id", "PA1", "ACTIVE", D(equity), D(equity), D(equity), D(equity)), **given)


def bar(symbol: str, start: datetime, close: float, high: float | None = None, low: float | None = None) -> Bar:
    """One minute that opened and closed at ``close``."""
    return Bar(
        symbol, start, close, close if high is None else high, close if low is None else low, close, volume=1000.0
    )


def quotes(at: datetime, **asks: str) -> ev.QuotesSeen:
    """Fresh quotes two cents wide, by their ask."""
    return ev.QuotesSeen(at, tuple(Quote(symbol, at, D(ask) - D("0.02"), D(ask)) for symbol, ask in asks.items()))


def fold(belief: Belief, *entries: ev.Event | ev.Action) -> Belief:
    """Take in events and actions in order."""
    for entry in entries:
        if isinstance(entry, get_args(ev.Action)):
            belief.on_action(cast("ev.Action", entry))
        else:
            belief.on_event(cast("ev.Event", entry))
    return belief


def ready(settings: StrategyConfig | None = None, policy: Policy | None = None, seen: Account | None = None) -> Belief:
    """A healthy belief at ``NOW``: account, positions, assets, bars and quotes of every watched symbol are read."""
    belief = fold(
        Belief(),
        ev.ConfigAccepted(ny("09:24"), "rev1", settings or config(), policy or Policy()),
        ev.Command(ny("09:24"), "started", "engine", ""),
        ev.SessionOpened(ny("09:25"), session()),
        ev.AssetsSeen(ny("09:25"), tuple(Asset(symbol, True, True) for symbol in PRICES)),
    )
    for symbol, price in PRICES.items():
        belief.on_event(ev.BarClosed(ny("10:30"), bar(symbol, ny("10:29"), float(price))))
    return fold(
        belief,
        ev.OpenOrdersSeen(ny("10:30:01"), ()),
        ev.PositionsSeen(ny("10:30:01"), ()),
        ev.AccountSeen(ny("10:30:01"), seen or account()),
        quotes(NOW, **PRICES),
    )


def priced(
    price: str, settings: StrategyConfig | None = None, fractionable: bool = True, seen: Account | None = None
) -> Belief:
    """A healthy belief in which AAPL is asked at this price and last closed there."""
    belief = ready(settings, seen=seen)
    belief.bars.clear()
    return fold(
        belief,
        ev.BarClosed(NOW, bar("AAPL", ny("10:29"), float(price))),
        ev.AssetsSeen(NOW, (Asset("AAPL", True, fractionable),)),
        quotes(NOW, AAPL=price),
    )


def signal(
    symbol: str = "AAPL", price: str | None = None, strategy: str = "momentum_breakout", **more: Any
) -> TradeSignal:
    """A buy on the bar that closed at 10:30."""
    values: dict[str, Any] = {
        "confidence": 0.8,
        "entry_price": float(price or PRICES[symbol]),
        "bar_start": ny("10:29"),
    }
    return TradeSignal(symbol, "buy", strategy, **(values | more))


def decide(belief: Belief, wish: TradeSignal | None = None, at: datetime = NOW, **more: Any) -> Entry | Refused:
    """What risk says to a buy now, by the account as last read."""
    assert belief.account is not None
    return RiskManager(belief).approve_entry(wish or signal(), belief.account, at, **more)


def bought(answer: Any) -> OrderIntent:
    """The order of an approved entry."""
    assert isinstance(answer, Entry), answer
    return answer.approved.intent


def gate_of(answer: Entry | Refused, name: str) -> Gate:
    """The measured gate of this name."""
    return next(found for found in answer.gates if found.name == name)


def verdict(answer: Entry | Refused) -> str:
    """The refusing gate's name, or ``approved``."""
    return answer.reason if isinstance(answer, Refused) else "approved"


def approve(belief: Belief, wish: TradeSignal | None = None, at: datetime = NOW, **more: Any) -> OrderIntent:
    """Have a buy approved and fold the approval, as the engine does."""
    answer = decide(belief, wish, at, **more)
    assert isinstance(answer, Entry), answer
    fold(belief, answer.opened, answer.approved)
    return answer.approved.intent


def order_said(intent: OrderIntent, status: str, filled: str | D = "0", average: str | D | None = None) -> Order:
    """The broker's view of an order of ours."""
    return Order(
        broker_order_id=f"broker-{intent.client_order_id}",
        client_order_id=intent.client_order_id,
        symbol=intent.symbol,
        side=intent.side,
        type=str(intent.type),
        time_in_force="day",
        status=status,
        qty=intent.qty,
        filled_qty=D(filled),
        filled_avg_price=D(average) if average is not None else None,
        limit_price=intent.limit_price,
        stop_price=intent.stop_price,
    )


def said(
    intent: OrderIntent,
    status: str,
    filled: str | D = "0",
    average: str | D | None = None,
    at: datetime = NOW,
    **more: Any,
) -> ev.ExecutionReport:
    """News of one of our orders: a poll unless ``more`` says otherwise."""
    return ev.ExecutionReport(at, order_said(intent, status, filled, average), **({"source": "poll"} | more))


def filled(belief: Belief, intent: OrderIntent, price: str, at: datetime = NOW, parts: int = 1) -> None:
    """The whole order fills at ``price``, in so many equal parts."""
    for part in range(1, parts + 1):
        word = "filled" if part == parts else "partially_filled"
        belief.on_event(said(intent, word, intent.qty * part / parts, price, at))


def hold(
    belief: Belief,
    symbol: str = "AAPL",
    qty: str = "0.251752021",
    price: str = "185.50",
    at: datetime = NOW,
    strategy: str = "momentum_breakout",
    parts: int = 1,
    **plan: Any,
) -> OrderIntent:
    """Fold an entry of exactly this quantity that filled at this price; nothing protects it yet."""
    stem = f"{strategy}-{symbol}-{at:%Y%m%dT%H%M}"
    opened = ev.EpisodeOpened(
        at, stem, symbol, strategy, D(price), D("0.015"), D("0.02"), D("0.02"), D("0.01"), "trail", False, "rev1"
    )
    intent = OrderIntent(
        f"{stem}-entry", stem, OrderRole.ENTRY, symbol, "buy", D(qty), OrderType.LIMIT, D(price), None, strategy,
        "signal", at, "rev1",
    )  # fmt: skip
    fold(belief, replace(opened, **plan), ev.Approved(at, intent))
    filled(belief, intent, price, at, parts)
    return intent


def protect(belief: Belief, symbol: str = "AAPL", at: datetime = NOW) -> OrderIntent:
    """Put a working stop on all that is held of ``symbol``."""
    episode = belief.episodes[symbol]
    approved = RiskManager(belief).approve_stop(episode, episode.qty, at, None)
    fold(belief, approved, said(approved.intent, "new", at=at))
    return approved.intent


def sell(
    belief: Belief,
    symbol: str = "AAPL",
    price: str = "188.10",
    at: datetime = NOW,
    reason: str = "target",
    parts: int = 1,
) -> OrderIntent:
    """Close all that is held of ``symbol`` at this price: the stop ends, the sale fills."""
    episode = belief.episodes[symbol]
    fold(belief, ev.ExitDecided(at, episode.plan.episode_id, reason))
    for stop in list(belief.book.open(symbol, OrderRole.STOP)):
        belief.on_event(said(stop.intent, "canceled", stop.cum_qty, stop.avg_price, at))
    approved = RiskManager(belief).approve_exit(episode, episode.qty, at)
    fold(belief, approved)
    filled(belief, approved.intent, price, at, parts)
    return approved.intent


def end(belief: Belief, symbol: str = "AAPL", at: datetime = NOW, status: Any = "closed") -> None:
    """Fold the final trade row of the episode, as the engine says it."""
    fold(belief, ev.TradeChanged(at, trade_row(belief, belief.episodes[symbol], status)))


def traded(belief: Belief, symbol: str = "AAPL", at: datetime = NOW, price: str = "188.10", **more: Any) -> None:
    """A whole position episode, entry to exit, at one instant; ``more`` goes to ``hold`` and ``reason`` to ``sell``."""
    reason = more.pop("reason", "target")
    hold(belief, symbol, at=at, **more)
    sell(belief, symbol, price, at, reason)
    end(belief, symbol, at)


def position(symbol: str, qty: str, price: str | None = None) -> Position:
    """What the broker shows as held, all of it available."""
    return Position(symbol, D(qty), D(qty), dec(price or PRICES[symbol]))


def foreign(symbol: str, side: Any, qty: str | None = "1", limit: str | None = None, done: str = "0") -> Order:
    """An open order that somebody else placed."""
    price = D(limit) if limit is not None else None
    shares = D(qty) if qty is not None else None
    return Order("b-f", "by-hand", symbol, side, "limit", "day", "new", shares, D(done), None, price)


def minutes_after(minutes: float, start: datetime = NOW) -> datetime:
    """``start`` plus so many minutes."""
    return start + minutes * MINUTE
