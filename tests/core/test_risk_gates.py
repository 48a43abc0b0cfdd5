"""The checks of a buy: one fixed order, the first failure names itself, and every edge of every gate."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.entry_gates import EntryGates
from alpaca_trader.core.models import MINUTE, Asset, Gate, Order, Position, TradeSignal
from alpaca_trader.core.policy import Policy
from alpaca_trader.core.risk_manager import Entry, Refused, RiskManager
from tests.core.builders import (
    DAY,
    NOW,
    D,
    account,
    approve,
    bar,
    config,
    decide,
    end,
    fold,
    foreign,
    gate_of,
    hold,
    minutes_after,
    ny,
    position,
    protect,
    quotes,
    ready,
    said,
    session,
    signal,
    traded,
    verdict,
)

ORDER = [
    "halted", "market_closed", "entry_window", "stale_data", "symbol_owned", "pending_order", "unprotected_position",
    "max_positions", "cooldown", "max_entries", "day_trade_budget", "unsettled_cash", "not_tradable",
    "price_exceeds_budget", "below_min_notional", "buying_power",
]  # fmt: skip
"""Domain 4, with max_entries after the cool-down."""


@dataclass
class Scene:
    """A buy of AAPL in a world that may be wrong in any number of ways."""

    risk: dict[str, Any] = field(default_factory=dict)
    momentum: dict[str, Any] = field(default_factory=dict)
    money: dict[str, Any] = field(default_factory=dict)
    asset: Asset = field(default_factory=lambda: Asset("AAPL", True, True))
    positions: list[Position] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    past: list[Callable[[Belief], object]] = field(default_factory=list)
    at: datetime = NOW
    bar_start: datetime = field(default_factory=lambda: ny("10:29"))

    def verdict(self) -> str:
        """The code of the first gate that fails, or ``approved``."""
        seen = account(**self.money)
        belief = ready(config(momentum=self.momentum, **self.risk), seen=seen)
        for happened in self.past:
            happened(belief)
        fold(belief, ev.AssetsSeen(NOW, (self.asset,)), ev.OpenOrdersSeen(self.at, tuple(self.orders)))
        fold(belief, ev.PositionsSeen(self.at, tuple(self.positions)), ev.AccountSeen(self.at, seen))
        answer = decide(belief, signal(bar_start=self.bar_start), self.at)
        return answer.reason if isinstance(answer, Refused) else "approved"


def at_time(scene: Scene, at: str, bar_start: str) -> None:
    """Decide at this time on this bar."""
    scene.at, scene.bar_start = ny(at), ny(bar_start)


def halted(scene: Scene) -> None:
    """An operator's halt."""
    scene.past.append(lambda belief: fold(belief, ev.HaltLatched(NOW, "operator", "", "human")))


def unprotected(scene: Scene) -> None:
    """SPY is held without a stop."""
    scene.past.append(lambda belief: hold(belief, "SPY", "0.06", "668.40"))
    scene.positions.append(position("SPY", "0.06"))


def full(scene: Scene) -> None:
    """One position is allowed and NVDA is held, protected."""
    scene.risk["max_positions"] = 1
    scene.past.append(lambda belief: (hold(belief, "NVDA", "0.2", "180.00"), protect(belief, "NVDA")))
    scene.positions.append(position("NVDA", "0.2"))


def entered_before(scene: Scene) -> None:
    """One entry a day is allowed and AAPL had its one."""
    scene.momentum["max_entries_per_symbol_day"] = 1
    scene.past.append(lambda belief: traded(belief, at=ny("10:00")))


def whole_shares_only(scene: Scene) -> None:
    """AAPL cannot be bought in fractions, and one share is more than the cap."""
    scene.asset = replace(scene.asset, fractionable=False)


BREAKERS: dict[str, Callable[[Scene], Any]] = {
    "halted": halted,
    "market_closed": lambda scene: at_time(scene, "16:00", "15:59"),
    "entry_window": lambda scene: at_time(scene, "15:46", "15:45"),
    "stale_data": lambda scene: at_time(scene, "10:33", "10:29"),
    "symbol_owned": lambda scene: scene.positions.append(position("AAPL", "0.1")),
    "pending_order": lambda scene: scene.orders.append(foreign("AAPL", "sell")),
    "unprotected_position": unprotected,
    "max_positions": full,
    "cooldown": lambda scene: scene.past.append(lambda belief: traded(belief, at=ny("10:20"))),
    "max_entries": entered_before,
    "day_trade_budget": lambda scene: (
        scene.risk.update(account_regime="pdt_legacy"), scene.money.update(daytrade_count=3),
    ),
    "unsettled_cash": lambda scene: (
        scene.risk.update(account_regime="cash_settled"), scene.money.update(cash="-1.00"),
    ),
    "not_tradable": lambda scene: setattr(scene, "asset", replace(scene.asset, tradable=False)),
    "price_exceeds_budget": whole_shares_only,
    "below_min_notional": lambda scene: scene.money.update(buying_power="3.00"),
    "buying_power": lambda scene: scene.money.update(buying_power="0.00"),
}  # fmt: skip


def test_a_healthy_buy_passes_every_gate_in_order() -> None:
    """Every gate of the default regime is measured, in the order of the specification."""
    answer = decide(ready())
    assert isinstance(answer, Entry)
    assert [gate.name for gate in answer.gates] == [g for g in ORDER if g not in ("day_trade_budget", "unsettled_cash")]
    assert all(gate.passed for gate in answer.gates)
    assert Scene().verdict() == "approved"


@pytest.mark.parametrize("code", ORDER)
def test_each_gate_refuses_alone(code: str) -> None:
    """One thing wrong: its own code, nothing else's."""
    scene = Scene()
    BREAKERS[code](scene)
    assert scene.verdict() == code


@pytest.mark.parametrize("code", ORDER)
def test_the_first_failure_wins(code: str) -> None:
    """With everything behind it wrong as well, the first failing gate of the fixed order is the one that is named."""
    scene = Scene()
    for later in reversed(ORDER[ORDER.index(code) :]):
        if later == code or (code, later) != ("below_min_notional", "buying_power"):
            BREAKERS[later](scene)
    assert scene.verdict() == code


# ---------------------------------------------------------------- time and data


@pytest.mark.parametrize(
    ("close", "at", "code"),
    [
        ("16:00", "09:34", "entry_window"),
        ("16:00", "09:35", "approved"),
        ("16:00", "15:45", "approved"),
        ("16:00", "15:46", "entry_window"),
        ("13:00", "12:45", "approved"),
        ("13:00", "12:46", "entry_window"),
        ("13:00", "13:00", "market_closed"),
        ("16:00", "09:29", "market_closed"),
    ],
)
def test_the_entry_window_is_inclusive_and_follows_the_calendar(close: str, at: str, code: str) -> None:
    """Five minutes after the open to fifteen before the close, on half-days too (domain 2.4)."""
    belief = fold(Belief(), *ready_for(close, ny(at)))
    assert verdict(decide(belief, signal(bar_start=ny(at) - MINUTE), ny(at))) == code


def ready_for(close: str, at: datetime) -> list[ev.Event]:
    """Everything read at ``at`` in a session that closes at ``close``."""
    return [
        ev.ConfigAccepted(at, "rev", config(), Policy()),
        ev.SessionOpened(at, session(DAY, close)),
        ev.AssetsSeen(at, (Asset("AAPL", True, True),)),
        ev.BarClosed(at, bar("AAPL", at - MINUTE, 185.5)),
        ev.PositionsSeen(at, ()),
        ev.AccountSeen(at, account()),
        quotes(at, AAPL="185.50"),
    ]


def test_a_strategy_without_settings_enters_at_no_time() -> None:
    """A signal of a strategy that the config does not name has no entry window."""
    assert verdict(decide(ready(), signal(strategy="dropped"))) == "entry_window"


@pytest.mark.parametrize(
    ("feed", "bar_age_s", "signal_age_s", "price", "stale", "limit"),
    [
        ("iex", 0, 0, 185.5, False, 60),
        ("iex", 60, 60, 185.5, False, 60),
        ("iex", 60, 61, 185.5, True, 60),
        ("iex", 300, 0, 185.5, False, 60),
        ("iex", 301, 0, 185.5, True, 300),
        ("sip", 120, 0, 185.5, False, 60),
        ("sip", 121, 0, 185.5, True, 120),
        ("iex", -30, 0, 185.5, False, 60),
        ("iex", -31, 0, 185.5, True, 300),
        ("iex", 0, -31, 185.5, True, 60),
        ("iex", 0, None, 185.5, False, 60),
        ("iex", 301, None, 185.5, True, 300),
        ("iex", 0, 0, None, False, 60),
        ("iex", 0, 0, 0.0, True, 300),
        ("iex", 0, 0, -1.0, True, 300),
        ("iex", 0, 0, float("nan"), True, 300),
        ("iex", 0, 0, float("inf"), True, 300),
    ],
)
def test_stale_and_impossible_data_are_refused(
    feed: str, bar_age_s: int, signal_age_s: int | None, price: float | None, stale: bool, limit: int
) -> None:
    """Bars 120 s (SIP) or 300 s (IEX) old, signals a minute old, a future no clock explains, and prices that are none."""
    belief = ready()
    belief.bars.clear()
    fold(belief, ev.BarClosed(NOW, bar("AAPL", NOW - timedelta(seconds=60 + bar_age_s), 185.5)))
    start = NOW - timedelta(seconds=60 + signal_age_s) if signal_age_s is not None else None
    wish = signal(bar_start=start, entry_price=price)
    gates, _ = EntryGates(belief, feed).measure(wish, account(), NOW)
    found = next(measured for measured in gates if measured.name == "stale_data")
    assert (found.passed, found.limit) == (not stale, limit)


def test_a_symbol_without_a_bar_is_stale() -> None:
    """No bar was ever seen: nothing to go by."""
    belief = ready()
    belief.bars.clear()
    assert verdict(decide(belief)) == "stale_data"


# ---------------------------------------------------------------- one owner, one order


@pytest.mark.parametrize("strategy", ["momentum_breakout", "mean_reversion"])
def test_a_held_symbol_has_its_owner(strategy: str) -> None:
    """A second strategy's buy is refused, and so is the owner's own: no scaling in (domain 0.9, 5.1)."""
    belief = ready()
    hold(belief, "SPY", "0.06", "668.40", strategy="mean_reversion")
    protect(belief, "SPY")
    answer = decide(belief, signal("SPY", strategy=strategy))
    assert verdict(answer) == "symbol_owned"
    assert gate_of(answer, "symbol_owned").value == "mean_reversion"


def test_a_foreign_position_owns_its_symbol() -> None:
    """Shares that somebody else bought are not ours to add to; a row with nothing held is no position (INV-9)."""
    belief = fold(ready(), ev.PositionsSeen(NOW, (position("AAPL", "1"),)))
    answer = decide(belief)
    assert verdict(answer) == "symbol_owned"
    assert gate_of(answer, "symbol_owned").value == "other"
    fold(belief, ev.PositionsSeen(NOW, (position("AAPL", "0"),)))
    assert verdict(decide(belief)) == "approved"


@pytest.mark.parametrize(
    "happened",
    [
        approve,
        lambda belief: fold(belief, said(approve(belief), "new")),
        lambda belief: fold(belief, said(approve(belief), "canceled")),
        lambda belief: fold(belief, ev.OpenOrdersSeen(NOW, (foreign("AAPL", "buy"),))),
    ],
    ids=["in flight", "working", "ended, row not closed yet", "foreign"],
)
def test_an_order_in_the_symbol_is_pending(happened: Callable[[Belief], object]) -> None:
    """No second order while a first one may still fill, whoever placed it."""
    belief = ready()
    happened(belief)
    assert verdict(decide(belief)) == "pending_order"


def test_one_unprotected_position_blocks_all_entries() -> None:
    """A stop that does not guard yet is no stop; one that does opens the way again; an exit under way is no doubt."""
    belief = ready()
    hold(belief, "SPY", "0.06", "668.40")
    assert gate_of(decide(belief), "unprotected_position").value == "SPY"
    stop = protect(belief, "SPY")
    assert verdict(decide(belief)) == "approved"
    fold(belief, said(stop, "canceled"))
    assert verdict(decide(belief)) == "unprotected_position"
    fold(belief, RiskManager(belief).approve_exit(belief.episodes["SPY"], D("0.06"), NOW))
    assert verdict(decide(belief)) == "approved"


def test_max_positions_counts_symbols_held_or_being_bought() -> None:
    """Held, in flight, foreign positions and foreign buys count, each symbol once; foreign sales and ended buys do not."""
    belief = ready(config(max_positions=4))
    hold(belief, "SPY", "0.06", "668.40")
    protect(belief, "SPY")
    approve(belief, signal("NVDA"))
    held = (position("SPY", "0.06"), position("TSLA", "1", "100"))
    fold(belief, ev.PositionsSeen(NOW, held), ev.OpenOrdersSeen(NOW, (foreign("TSLA", "sell"), foreign("F", "sell"))))
    assert gate_of(decide(belief), "max_positions") == Gate("max_positions", True, 3, 4)
    fold(belief, ev.OpenOrdersSeen(NOW, (foreign("TSLA", "buy"), foreign("F", "buy"))))
    answer = decide(belief)
    assert verdict(answer) == "max_positions"
    assert gate_of(answer, "max_positions") == Gate("max_positions", False, 4, 4)


@pytest.mark.parametrize(
    ("reason", "minutes", "code"),
    [
        ("target", 14.9, "cooldown"),
        ("target", 15, "approved"),
        ("stop", 15, "cooldown"),
        ("stop", 59.9, "cooldown"),
        ("trail_stop", 59.9, "cooldown"),
        ("stop", 60, "approved"),
    ],
)
def test_a_symbol_cools_down_after_an_exit(reason: str, minutes: float, code: str) -> None:
    """Fifteen minutes after an exit, an hour after a stop-out; other symbols are free."""
    belief = ready()
    at = minutes_after(-minutes)
    traded(belief, at=at, reason=reason)
    fold(belief, ev.AccountSeen(NOW, account()))
    assert verdict(decide(belief)) == code
    assert verdict(decide(belief, signal("SPY"))) == "approved"
    measured = gate_of(decide(belief), "cooldown")
    assert measured.value == (pytest.approx(minutes) if code == "cooldown" else None)


def test_one_strategy_enters_a_symbol_once_a_minute() -> None:
    """The order id names strategy, symbol and minute: a second entry in that minute is refused, not a crash."""
    belief = ready(config(momentum={"cooldown_min": 0, "cooldown_after_stop_min": 0}))
    intent = approve(belief)
    fold(belief, said(intent, "rejected"))
    end(belief, status="rejected")
    assert verdict(decide(belief)) == "cooldown"
    later = minutes_after(1)
    fold(belief, quotes(later, AAPL="185.50"))
    assert verdict(decide(belief, signal(bar_start=ny("10:30")), later)) == "approved"


def test_entries_per_symbol_and_day_are_counted() -> None:
    """Two entries by default; the next session begins at none."""
    belief = ready()
    for clock in ("09:40", "10:00"):
        traded(belief, at=ny(clock))
    answer = decide(belief)
    assert verdict(answer) == "max_entries"
    assert gate_of(answer, "max_entries") == Gate("max_entries", False, 2, 2)


# ---------------------------------------------------------------- the asset


@pytest.mark.parametrize(
    ("asset", "code"),
    [
        (Asset("AAPL", True, True), "approved"),
        (Asset("AAPL", False, True), "not_tradable"),
        (Asset("AAPL", True, True, active=False), "not_tradable"),
        (None, "not_tradable"),
    ],
)
def test_the_asset_must_be_known_tradable_and_active(asset: Asset | None, code: str) -> None:
    """What the broker did not list is not traded."""
    belief = ready()
    belief.assets.clear()
    fold(belief, ev.AssetsSeen(NOW, (asset,) if asset else ()))
    assert verdict(decide(belief)) == code


def test_a_sale_opens_nothing() -> None:
    """Long only: a sell signal sent through the entry path is refused as what it is (domain 3.4)."""
    wish: TradeSignal = replace(signal(), side="sell")
    assert verdict(decide(ready(), wish)) == "no_position"
