"""Entries for the journal's tests: any entry at all, drawn; and a numbered sequence that every process makes alike."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from alpaca_trader.core import events as ev
from alpaca_trader.core.config import StrategyConfig, parse_config
from alpaca_trader.core.models import (
    Account,
    Bar,
    DailySummary,
    Evaluation,
    Gate,
    Order,
    OrderIntent,
    OrderRole,
    OrderType,
    Session,
    Trade,
    TradeSignal,
)
from alpaca_trader.core.policy import Policy

UNCOVERED = {
    **{name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},
    "PYTHONPATH": os.pathsep.join(sys.path),
}
"""Environment of processes that are to be killed: measuring them would leave torn coverage files."""

Entry = ev.Event | ev.Action
START = datetime(2026, 2, 2, 14, 30, tzinfo=UTC)
SESSION = Session(START.date(), START, START + timedelta(minutes=390))

# ---------------------------------------------------------------- any entry

TIMES = st.datetimes(timezones=st.just(UTC))
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False) | st.decimals(places=9, min_value=0, max_value=10**7)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
PLAIN: Mapping[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: st.integers(-(2**70), 2**70),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    NoneType: st.none(),
    Decimal: DECIMALS,
    datetime: TIMES,
    date: st.dates(),
}


@st.composite
def configs(draw: st.DrawFn) -> StrategyConfig:
    """A valid config with a built-in strategy and a plug-in whose parameters are of its own choice."""
    extra = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**40), 2**40) | st.booleans()
    own = draw(st.dictionaries(st.sampled_from(["vwap_buffer", "n", "min_price"]), extra, max_size=3))
    text = {
        "risk": {"max_position_pct": draw(st.floats(0.001, 0.2)), "trailing_stop_activation": None},
        "strategies": {
            "mine": {"enabled": True, "watchlist": ["SPY"], "class": "a.b:C", "params": {**own, "label": "x"}},
            "momentum_breakout": {
                "enabled": draw(st.booleans()),
                "watchlist": ["QQQ", "BRK.B"],
                "params": {"volume_threshold": draw(st.floats(0.1, 20.0))},
            },
        },
    }
    return parse_config(json.dumps(text).encode(), "drawn")


MODELS: Mapping[Any, st.SearchStrategy[Any]] = {
    StrategyConfig: configs(),
    Policy: st.builds(Policy, max_order_shares=st.integers(1, 1000), symbols=st.none() | st.just(("SPY",))),
}


def drawn(hint: Any) -> st.SearchStrategy[Any]:
    """Values of the type ``hint``: written apart from the codec, which it is to check."""
    origin, args = get_origin(hint), get_args(hint)
    if hint in PLAIN:
        return PLAIN[hint]
    if hint in MODELS:
        return MODELS[hint]
    if origin is Literal:
        return st.sampled_from(args)
    if origin in (Union, UnionType):
        return st.one_of([drawn(arg) for arg in args])
    if origin is tuple:
        return st.lists(drawn(args[0]), max_size=2).map(tuple)
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(drawn(args[0]), drawn(args[1]), max_size=2)
    if issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    assert is_dataclass(hint) or issubclass(hint, tuple)
    return st.builds(hint, **{name: drawn(kind) for name, kind in get_type_hints(hint).items()})


# ---------------------------------------------------------------- the numbered sequence


def intent(n: int) -> OrderIntent:
    """A stop order with an id of its own."""
    return OrderIntent(
        client_order_id=f"momentum_breakout-AAPL-{n}-stop",
        episode_id=f"episode-{n}",
        role=OrderRole.STOP,
        symbol="AAPL",
        side="sell",
        qty=Decimal("0.251752021"),
        type=OrderType.STOP,
        limit_price=None,
        stop_price=Decimal("182.72"),
        strategy="momentum_breakout",
        reason="armed",
        decided_at=START,
        config_rev="abc123",
    )


def order(n: int) -> Order:
    """The broker's view of that order."""
    return Order(
        broker_order_id=f"b{n}",
        client_order_id=intent(n).client_order_id,
        symbol="AAPL",
        side="sell",
        type="stop",
        time_in_force="day",
        status="new",
        qty=Decimal("0.251752021"),
        filled_qty=Decimal("0"),
        filled_avg_price=None,
    )


def trade(n: int, **changes: Any) -> Trade:
    """A trade that was just opened; ``changes`` replace fields."""
    values: dict[str, Any] = {
        "episode_id": f"episode-{n}",
        "symbol": "AAPL",
        "strategy": "momentum_breakout",
        "status": "open",
        "timestamp": START,
        "qty": Decimal("0.251752021"),
        "entry_price": Decimal("185.5312345678901234567"),
        "exit_price": None,
        "pnl": None,
        "fees": Decimal(0),
        "exit_reason": None,
        "signal_price": Decimal("185.50"),
        "entry_slip_bps": 1.617,
        "exit_slip_bps": None,
        "mae_pct": None,
        "mfe_pct": None,
        "initial_stop": Decimal("182.72"),
        "r_multiple": None,
        "config_rev": "abc123",
        "order_id": f"b{n}",
        "opened_at": START,
        "closed_at": None,
    }
    return Trade(**{**values, **changes})


def account(n: int) -> Account:
    """The account with a little more money each time."""
    return Account(
        account_id="account-0001",
        account_number="PA0001",
        status="ACTIVE",
        equity=Decimal("467.00") + n,
        last_equity=Decimal("467.00"),
        cash=Decimal("420.30"),
        buying_power=Decimal("420.30"),
    )


def decided(n: int) -> ev.Decided:
    """A decision about the bar of minute ``n``."""
    bar = START + timedelta(minutes=n)
    gates = (Gate("volume", False, 1.2, 1.5),)
    signal = TradeSignal("AAPL", "buy", "momentum_breakout", 0.5, 185.5, bar_start=bar, numbers={"rvol": 1.2})
    return ev.Decided(bar, Evaluation("AAPL", "momentum_breakout", bar, "signal", gates, signal), "refused", gates)


def summary(day: date) -> DailySummary:
    """A flat day."""
    money = Decimal("467.00")
    zero = Decimal(0)
    return DailySummary(day, money, money, zero, zero, zero, 1, 0, 1, zero, 3, 2, {"no_cash": 2}, 0.0, None)


CONFIG = parse_config(
    b'{"risk": {}, "strategies": {"momentum_breakout": {"enabled": true, "watchlist": ["AAPL"], "params": {}}}}',
    "strategy.json",
)
MAKERS: tuple[Callable[[int, datetime], Entry], ...] = (
    lambda n, at: ev.Tick(at, SESSION),
    lambda n, at: ev.BarClosed(at, Bar("AAPL", at, 185.1, 185.2, 185.0, 185.15, 1000.0 + n)),
    lambda n, at: decided(n),
    lambda n, at: ev.Approved(at, intent(n)),
    lambda n, at: ev.ExecutionReport(at, order(n - 1), "stream", "new", f"x{n}"),
    lambda n, at: ev.TradeChanged(at, trade(n // 20)),
    lambda n, at: ev.AccountSeen(at, account(n)),
    lambda n, at: ev.ConfigAccepted(at, f"rev{n // 20}", CONFIG, Policy(max_order_shares=1 + n // 20)),
    lambda n, at: ev.DayDone(at, summary(at.date())),
    lambda n, at: ev.Checkpoint(at, "x" * n) if n % 40 == 9 else ev.Timer(at),
)


def numbered(n: int) -> Entry:
    """Entry number ``n``; all kinds that make rows of their own come by every ten numbers."""
    return MAKERS[n % len(MAKERS)](n, START + timedelta(seconds=n))
