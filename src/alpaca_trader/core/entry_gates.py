"""Every check an entry passes, in one fixed order, each with its number (domain 4 and 6.4, INV-13, INV-14)."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain
from math import isfinite

from alpaca_trader.core.belief import QUOTE_MAX_AGE, Belief
from alpaca_trader.core.config import RiskConfig, StrategyParams
from alpaca_trader.core.limits import MAX_SKEW, standing_halt
from alpaca_trader.core.models import MINUTE, ZERO, Account, Gate, TradeSignal, dec
from alpaca_trader.core.regimes import DAY_TRADE_BUDGET, PDT_EQUITY, day_trades_used, effective_regime, settled_cash
from alpaca_trader.core.sizing import Size, open_buys, size_of

BROKER_MINIMUM = Decimal("1.00")
SIGNAL_MAX_AGE = MINUTE
BAR_MAX_AGE = {"sip": timedelta(seconds=120), "iex": timedelta(seconds=300)}


class EntryGates:
    """The gates on top of the belief. Holds no state of its own."""

    def __init__(self, belief: Belief, feed: str) -> None:
        """``feed`` names the bar feed, which decides how old the newest bar may be."""
        self._belief = belief
        self._bar_max_age = BAR_MAX_AGE[feed]

    @property
    def _config(self) -> RiskConfig:
        assert self._belief.config is not None, "a config is accepted before anything is decided"
        return self._belief.config.risk

    def params(self, strategy: str) -> StrategyParams | None:
        """The parameters of the strategy of this name; None where the config has none."""
        config = self._belief.config
        settings = config.strategies.get(strategy) if config is not None else None
        return settings.params if settings is not None else None

    def measure(
        self, signal: TradeSignal, account: Account, at: datetime, at_most: Decimal | None = None
    ) -> tuple[tuple[Gate, ...], Size]:
        """Every check of a buy in its fixed order, up to the first that fails; and the size that was measured."""
        checks = (self._market_gates, self._symbol_gates, self._portfolio_gates)
        gates = until_failed(chain.from_iterable(check(signal, at) for check in checks))
        if not gates[-1].passed:
            return tuple(gates), Size(ZERO, ZERO, "position", ZERO)
        size = size_of(self._belief, signal, account, at, at_most)
        gates += until_failed((*self._regime_gates(signal, account, size), *self._size_gates(signal, size)))
        return tuple(gates), size

    def _market_gates(self, signal: TradeSignal, at: datetime) -> Sequence[Gate]:
        belief, session = self._belief, self._belief.session
        if signal.side != "buy":
            return [Gate("no_position", False, signal.side, "buy")]  # long only: a sale never opens anything
        halt = standing_halt(belief, at)
        gates = [Gate("halted", halt is None, halt, None), Gate("market_closed", belief.is_open(at), _clock(at), None)]
        params = self.params(signal.strategy_name)
        if session is None or params is None:
            return [*gates, Gate("entry_window", False, None, None)]
        decided = signal.bar_start + MINUTE if signal.bar_start is not None else at
        first = session.open + timedelta(minutes=params.no_entry_open_min)
        last = session.close - timedelta(minutes=params.no_entry_close_min)
        window = f"{_clock(first)}-{_clock(last)}"
        gates.append(Gate("entry_window", first <= decided <= last, _clock(decided), window))
        return [*gates, self._freshness(signal, at)]

    def _freshness(self, signal: TradeSignal, at: datetime) -> Gate:
        bar, price = self._belief.bars.get(signal.symbol), signal.entry_price
        if bar is None or (price is not None and not (isfinite(price) and price > 0)):
            return Gate("stale_data", False, None, self._bar_max_age.total_seconds())
        decided = signal.bar_start + MINUTE if signal.bar_start is not None else at
        for made, max_age in ((bar.closed_at, self._bar_max_age), (decided, SIGNAL_MAX_AGE)):
            age = at - made
            if not -MAX_SKEW <= age <= max_age:  # too old, or from a future that clocks cannot explain
                return Gate("stale_data", False, age.total_seconds(), max_age.total_seconds())
        if self._belief.fresh_quote(signal.symbol, at) is None:  # a price needs two witnesses (safety F25)
            quote = self._belief.quotes.get(signal.symbol)
            age_s = None if quote is None else (at - quote.at).total_seconds()
            return Gate("stale_data", False, age_s, QUOTE_MAX_AGE.total_seconds())
        return Gate("stale_data", True, (at - decided).total_seconds(), SIGNAL_MAX_AGE.total_seconds())

    def _symbol_gates(self, signal: TradeSignal, at: datetime) -> Sequence[Gate]:
        belief, symbol = self._belief, signal.symbol
        episode = belief.episodes.get(symbol)
        position = belief.positions.get(symbol)
        held = episode is not None and episode.qty > 0
        foreign = episode is None and position is not None and position.qty != 0
        owner = episode.plan.strategy if episode is not None else ("other" if foreign else None)
        pending = any(True for _ in belief.book.open(symbol)) or any(True for _ in belief.book.foreign_open(symbol))
        pending = pending or (episode is not None and not held)
        naked = [name for name, held_episode in sorted(belief.episodes.items()) if belief.is_naked(held_episode)]
        return (
            Gate("symbol_owned", not held and not foreign, owner, None),
            Gate("pending_order", not pending, pending, None),
            Gate("unprotected_position", not naked, ",".join(naked) or None, None),
        )

    def _portfolio_gates(self, signal: TradeSignal, at: datetime) -> Sequence[Gate]:
        belief, risk = self._belief, self._belief.risk
        params = self.params(signal.strategy_name)
        assert params is not None, "entry_window refuses an unknown strategy"
        in_use = set(belief.episodes) | {name for name, held in belief.positions.items() if held.qty}
        in_use |= {order.symbol for order in belief.book.foreign_open(side="buy")}
        cooldown = Gate("cooldown", True, None, None)
        for ended, minutes in (
            (risk.last_stop_at.get(signal.symbol), params.cooldown_after_stop_min),
            (risk.last_exit_at.get(signal.symbol), params.cooldown_min),
        ):
            if ended is not None and at < ended + timedelta(minutes=minutes) and cooldown.passed:
                cooldown = Gate("cooldown", False, (at - ended).total_seconds() / 60, minutes)
        if belief.book.get(entry_key(signal, at)) is not None and cooldown.passed:
            cooldown = Gate("cooldown", False, 0, 1)  # one id, one intent: never two of a strategy in one minute
        entries = risk.entries_by_symbol.get(signal.symbol, 0)
        return (
            Gate("max_positions", len(in_use) < self._config.max_positions, len(in_use), self._config.max_positions),
            cooldown,
            Gate(
                "max_entries", entries < params.max_entries_per_symbol_day, entries, params.max_entries_per_symbol_day
            ),
        )

    def _regime_gates(self, signal: TradeSignal, account: Account, size: Size) -> Sequence[Gate]:
        belief, risk = self._belief, self._belief.risk
        regime = effective_regime(self._config.account_regime, account)
        gates: list[Gate] = []
        if regime == "pdt_legacy" and account.equity < PDT_EQUITY:
            # Whatever was opened today and is still open may have to be stopped out today, and so may this.
            opened = sum(
                1 for held in belief.episodes.values() if belief.session and held.plan.at >= belief.session.open
            )
            used = day_trades_used(risk.day_trade_days, risk.recent_sessions, account) + opened + 1
            gates.append(Gate("day_trade_budget", used <= DAY_TRADE_BUDGET, used, DAY_TRADE_BUDGET))
        if regime == "cash_settled":
            settled = settled_cash(risk.cash_at_open, belief.portfolio.bought_today, open_buys(self._belief))
            gates.append(Gate("unsettled_cash", size.notional <= settled, float(size.notional), float(settled)))
        asset = belief.assets.get(signal.symbol)
        tradable = asset is not None and asset.tradable and asset.active
        return [*gates, Gate("not_tradable", tradable, tradable, True)]

    def _size_gates(self, signal: TradeSignal, size: Size) -> Sequence[Gate]:
        minimum = max(BROKER_MINIMUM, dec(self._config.min_trade_notional))
        asset = self._belief.assets.get(signal.symbol)
        whole_only = asset is not None and not asset.fractionable
        exhausted = size.binding == "buying_power" and not size.budget
        at_least_one = not whole_only or size.qty >= 1 or exhausted
        enough = size.notional >= minimum or exhausted
        return (
            Gate("price_exceeds_budget", at_least_one, float(size.budget), size.binding),
            Gate("below_min_notional", enough, float(size.notional), float(minimum)),
            Gate("buying_power", not exhausted, float(size.notional), size.binding),
        )


def episode_id(signal: TradeSignal, at: datetime) -> str:
    """The name of a position episode, from what it is for: strategy, symbol and the minute (UTC) it was decided in."""
    return f"{signal.strategy_name[:20]}-{signal.symbol}-{at:%Y%m%dT%H%M}"


def entry_key(signal: TradeSignal, at: datetime) -> str:
    """The client order id of the entry that this signal leads to at this minute."""
    return f"{episode_id(signal, at)}-entry"


def until_failed(gates: Iterable[Gate]) -> list[Gate]:
    """The gates up to and including the first that failed; what comes after it is not even measured."""
    measured: list[Gate] = []
    for gate in gates:
        measured.append(gate)
        if not gate.passed:
            break
    return measured


def _clock(at: datetime) -> str:
    return f"{at:%H:%M}Z"
