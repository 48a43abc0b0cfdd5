"""May we, and how much: every check an order passes, in one fixed order, each with its number (domain 4 and 6).

Only this module makes an ``Approved``. Entries pass all gates of ``entry_gates``; stops and exits pass the one rule that
they reduce and never flip. Money is Decimal, rounded so that no cap is ever exceeded.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from itertools import chain
from math import isfinite
from typing import NamedTuple

from alpaca_trader.core.belief import Belief
from alpaca_trader.core.config import RiskConfig, StrategyParams
from alpaca_trader.core.episode import Episode, round_down, round_up
from alpaca_trader.core.events import Approved, EpisodeOpened
from alpaca_trader.core.limits import MAX_SKEW, daily_result, standing_halt
from alpaca_trader.core.models import (
    MINUTE,
    ZERO,
    Account,
    Gate,
    OrderIntent,
    OrderRole,
    OrderType,
    Position,
    Quote,
    TradeSignal,
    ValidationResult,
    dec,
)
from alpaca_trader.core.orders import TrackedOrder
from alpaca_trader.core.policy import Policy
from alpaca_trader.core.regimes import DAY_TRADE_BUDGET, PDT_EQUITY, day_trades_used, effective_regime, settled_cash

CENT = Decimal("0.01")
NINE_DECIMALS = Decimal("0.000000001")
BROKER_MINIMUM = Decimal("1.00")
BUYING_POWER_USED = Decimal("0.99")
ENTRY_LIMIT_ABOVE_ASK = Decimal("1.0005")
MARKET_BUY_ALLOWANCE = Decimal("1.04")
"""What a market buy is reserved at: the broker's own collar for stop-elected buys below $50 (contract 3.7)."""
EXIT_LIMIT_BELOW_BID = Decimal("0.9995")
SIGNAL_MAX_AGE = MINUTE
BAR_MAX_AGE = {"sip": timedelta(seconds=120), "iex": timedelta(seconds=300)}


class Size(NamedTuple):
    """Shares, what they cost at the reference price, and the cap that bound them with the USD it leaves.

    Caps are ``position``, ``risk``, ``buying_power`` and ``policy``; ``asked`` where somebody wanted fewer shares.
    """

    qty: Decimal
    notional: Decimal
    binding: str
    budget: Decimal


class Refused(NamedTuple):
    """Risk's no, with every gate that was measured; the last one failed."""

    reason: str
    gates: tuple[Gate, ...]


class Entry(NamedTuple):
    """Risk's yes to an entry: the episode to open, the order to send, and the gates it passed."""

    opened: EpisodeOpened
    approved: Approved
    gates: tuple[Gate, ...]


def floor_cents(value: Decimal) -> Decimal:
    """Round down to whole cents."""
    return value.quantize(CENT, ROUND_FLOOR)


class RiskManager:
    """The owner's risk manager on top of the belief. Holds no state of its own."""

    def __init__(self, belief: Belief, feed: str = "iex") -> None:
        """``feed`` names the bar feed, which decides how old the newest bar may be."""
        self._belief = belief
        self._bar_max_age = BAR_MAX_AGE[feed]

    @property
    def config(self) -> RiskConfig:
        """The risk settings in force."""
        assert self._belief.config is not None, "a config is accepted before anything is decided"
        return self._belief.config.risk

    def _params(self, strategy: str) -> StrategyParams | None:
        config = self._belief.config
        settings = config.strategies.get(strategy) if config is not None else None
        return settings.params if settings is not None else None

    # ------------------------------------------------------------ the owner's interface

    def validate_trade(self, signal: TradeSignal, account: Account) -> ValidationResult:
        """Whether a signal may become an order now. ``adjusted_size`` (shares) says to what a buy was cut, if it was.

        A buy asks for the largest position the settings allow; a sale for all that its strategy holds.
        """
        if signal.side == "sell":
            is_ours = self._held_by(signal) > 0
            return ValidationResult(is_ours, None if is_ours else "no_position", None)
        gates, size = self.entry_gates(signal, account, self._instant())
        if not gates[-1].passed:
            return ValidationResult(False, gates[-1].name, None)
        return ValidationResult(True, None, None if size.binding == "position" else float(size.qty))

    def calculate_position_size(self, signal: TradeSignal, account: Account) -> float:
        """Shares an order for this signal may have now, after every cap; 0.0 where it is refused."""
        if signal.side == "sell":
            return float(self._held_by(signal))
        gates, size = self.entry_gates(signal, account, self._instant())
        return float(size.qty) if gates[-1].passed else 0.0

    def _held_by(self, signal: TradeSignal) -> Decimal:
        """Shares the signal's own strategy holds of its symbol: nobody sells what another strategy owns."""
        episode = self._belief.episodes.get(signal.symbol)
        return episode.qty if episode is not None and episode.plan.strategy == signal.strategy_name else ZERO

    def check_daily_limits(self) -> bool:
        """Whether the day's loss is still inside the limit; False too where the account cannot be read."""
        account = self._belief.account
        if account is None:
            return False
        _, pct = daily_result(account)
        return pct > -dec(self.config.max_daily_loss_pct) * 100

    def should_halt_trading(self) -> bool:
        """Whether entries are stopped now, for whatever reason."""
        return standing_halt(self._belief, self._instant()) is not None

    def update_trailing_stops(self, positions: Sequence[Position]) -> None:
        """Let every held position's stop follow its high-water mark by the newest bar; stops only rise."""
        for position in positions:
            episode = self._belief.episodes.get(position.symbol)
            bar = self._belief.bars.get(position.symbol)
            if episode is not None and bar is not None:
                episode.take_bar(bar)

    def _instant(self) -> datetime:
        assert self._belief.now is not None, "nothing is decided before the first event"
        return self._belief.now

    # ------------------------------------------------------------ sizing

    def size(self, signal: TradeSignal, account: Account, at: datetime, at_most: Decimal | None = None) -> Size:
        """Shares to buy: the least of position cap, risk cap and buying power, rounded down (domain 4)."""
        config, belief, symbol = self.config, self._belief, signal.symbol
        quote = belief.fresh_quote(symbol, at)
        price = quote.ask if quote is not None and quote.ask is not None else self._signal_price(signal)
        caps = {"position": dec(config.max_position_pct) * account.equity - self._committed(symbol, price)}
        if config.risk_per_trade_pct is not None:
            caps["risk"] = dec(config.risk_per_trade_pct) * account.equity / dec(config.stop_loss_pct)
        caps["buying_power"] = (account.buying_power - self._reserved()) * BUYING_POWER_USED
        assert belief.policy is not None, "every config comes with a policy"
        caps["policy"] = order_cap(belief.policy, account)
        binding = min(caps, key=lambda name: caps[name])
        budget = floor_cents(max(caps[binding], ZERO))
        qty = budget / price
        if at_most is not None and at_most < qty:
            qty, binding = max(at_most, ZERO), "asked"
        asset = belief.assets.get(symbol)
        qty = qty.quantize(NINE_DECIMALS if asset is None or asset.fractionable else Decimal(1), ROUND_FLOOR)
        return Size(qty, qty * price, binding, budget)

    def _signal_price(self, signal: TradeSignal) -> Decimal:
        """The price the signal was made at: its own word, else the newest close."""
        if signal.entry_price is not None:
            return dec(signal.entry_price)
        return dec(self._belief.bars[signal.symbol].close)

    def _committed(self, symbol: str, price: Decimal) -> Decimal:
        """What the symbol already uses of its cap: held (ours and foreign), ordered (ours and foreign). USD."""
        belief = self._belief
        position = belief.positions.get(symbol)
        held = max(belief.portfolio.qty(symbol), position.qty if position is not None else ZERO)
        foreign = sum(
            ((order.qty or ZERO) - order.filled_qty) * (order.limit_price or price)
            for order in belief.book.foreign_open(symbol, "buy")
        )
        return held * price + self._open_buys(symbol) + foreign

    def _open_buys(self, symbol: str | None = None) -> Decimal:
        """What our open buys can still cost, USD."""
        return sum((self._worst_cost(order) for order in self._belief.book.open(symbol, OrderRole.ENTRY)), ZERO)

    def _worst_cost(self, order: TrackedOrder) -> Decimal:
        """What a buy can still cost, USD: its limit, or for a market order the highest price we know with the collar."""
        price = order.intent.limit_price
        if price is None:
            belief, symbol = self._belief, order.intent.symbol
            episode, quote, bar = belief.episodes.get(symbol), belief.quotes.get(symbol), belief.bars.get(symbol)
            known = [
                episode.plan.signal_price if episode is not None else None,
                quote.ask if quote is not None else None,
                dec(bar.close) if bar is not None else None,
            ]
            price = max(filter(None, known), default=ZERO) * MARKET_BUY_ALLOWANCE
        return order.leaves_qty * price

    def _reserved(self) -> Decimal:
        """Buys the broker's buying power cannot know yet: unanswered, or spoken since the account was read. USD."""
        belief = self._belief
        total = ZERO
        for order in belief.book.orders.values():
            unseen = belief.account_at is None or (order.spoken_at is not None and order.spoken_at >= belief.account_at)
            if order.intent.role is OrderRole.ENTRY and (unseen or not order.is_settled):
                total += order.filled_notional + self._worst_cost(order)
        return total

    # ------------------------------------------------------------ the gates

    def entry_gates(
        self, signal: TradeSignal, account: Account, at: datetime, at_most: Decimal | None = None
    ) -> tuple[tuple[Gate, ...], Size]:
        """Every check of a buy in its fixed order, up to the first that fails; and the size that was measured."""
        checks = (self._market_gates, self._symbol_gates, self._portfolio_gates)
        gates = until_failed(chain.from_iterable(check(signal, at) for check in checks))
        if not gates[-1].passed:
            return tuple(gates), Size(ZERO, ZERO, "position", ZERO)
        size = self.size(signal, account, at, at_most)
        gates += until_failed((*self._regime_gates(signal, account, size), *self._size_gates(signal, size)))
        return tuple(gates), size

    def _market_gates(self, signal: TradeSignal, at: datetime) -> Sequence[Gate]:
        belief, session = self._belief, self._belief.session
        if signal.side != "buy":
            return [Gate("no_position", False, signal.side, "buy")]  # long only: a sale never opens anything
        halt = standing_halt(belief, at)
        gates = [Gate("halted", halt is None, halt, None), Gate("market_closed", belief.is_open(at), _clock(at), None)]
        params = self._params(signal.strategy_name)
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
        params = self._params(signal.strategy_name)
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
            Gate("max_positions", len(in_use) < self.config.max_positions, len(in_use), self.config.max_positions),
            cooldown,
            Gate(
                "max_entries", entries < params.max_entries_per_symbol_day, entries, params.max_entries_per_symbol_day
            ),
        )

    def _regime_gates(self, signal: TradeSignal, account: Account, size: Size) -> Sequence[Gate]:
        belief, risk = self._belief, self._belief.risk
        regime = effective_regime(self.config.account_regime, account)
        gates: list[Gate] = []
        if regime == "pdt_legacy" and account.equity < PDT_EQUITY:
            # Whatever was opened today and is still open may have to be stopped out today, and so may this.
            opened = sum(
                1 for held in belief.episodes.values() if belief.session and held.plan.at >= belief.session.open
            )
            used = day_trades_used(risk.day_trade_days, risk.recent_sessions, account) + opened + 1
            gates.append(Gate("day_trade_budget", used <= DAY_TRADE_BUDGET, used, DAY_TRADE_BUDGET))
        if regime == "cash_settled":
            settled = settled_cash(risk.cash_at_open, belief.portfolio.bought_today, self._open_buys())
            gates.append(Gate("unsettled_cash", size.notional <= settled, float(size.notional), float(settled)))
        asset = belief.assets.get(signal.symbol)
        tradable = asset is not None and asset.tradable and asset.active
        return [*gates, Gate("not_tradable", tradable, tradable, True)]

    def _size_gates(self, signal: TradeSignal, size: Size) -> Sequence[Gate]:
        minimum = max(BROKER_MINIMUM, dec(self.config.min_trade_notional))
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

    # ------------------------------------------------------------ approvals

    def approve_entry(
        self, signal: TradeSignal, account: Account, at: datetime, at_most: Decimal | None = None
    ) -> Entry | Refused:
        """The entry order and the exit plan of a buy signal, or the first gate that refuses it.

        ``at_most`` shares, where somebody wants fewer than every cap leaves.
        """
        gates, size = self.entry_gates(signal, account, at, at_most)
        if not gates[-1].passed:
            return Refused(gates[-1].name, gates)
        params = self._params(signal.strategy_name)
        assert params is not None
        config = self.config
        activation = config.trailing_stop_activation
        stem = episode_id(signal, at)
        opened = EpisodeOpened(
            at=at,
            episode_id=stem,
            symbol=signal.symbol,
            strategy=signal.strategy_name,
            signal_price=self._signal_price(signal),
            stop_pct=dec(config.stop_loss_pct),
            take_profit_pct=dec(config.take_profit_pct),
            trailing_activation_pct=dec(activation) if activation is not None else None,
            trail_distance_pct=dec(config.trail_distance_pct),
            on_target=params.on_target,
            hold_overnight=params.hold_overnight,
            config_rev=self._belief.config_rev,
        )
        limit = self._entry_limit(self._belief.fresh_quote(signal.symbol, at))
        intent = OrderIntent(
            client_order_id=entry_key(signal, at),
            episode_id=stem,
            role=OrderRole.ENTRY,
            symbol=signal.symbol,
            side="buy",
            qty=size.qty,
            type=OrderType.MARKET if limit is None else OrderType.LIMIT,
            limit_price=limit,
            stop_price=None,
            strategy=signal.strategy_name,
            reason=signal.reason or "signal",
            decided_at=at,
            config_rev=self._belief.config_rev,
        )
        return Entry(opened, Approved(at, intent), gates)

    def _entry_limit(self, quote: Quote | None) -> Decimal | None:
        """Limit of a marketable buy, just through the ask; None (market) by setting or without a fresh quote."""
        if self.config.order_style == "market" or quote is None or quote.ask is None:
            return None
        return round_up(quote.ask * ENTRY_LIMIT_ABOVE_ASK)

    def approve_stop(self, episode: Episode, qty: Decimal, at: datetime, replaces: TrackedOrder | None) -> Approved:
        """The protective stop for ``qty`` shares at the price the episode wants; ``replaces`` moves a working one."""
        assert episode.stop_price is not None, "a stop belongs to a fill"
        self._assert_reduces(episode, qty, replaces)
        return self._sell(
            episode,
            at,
            OrderRole.STOP,
            episode.stops_sent + 1,
            qty,
            OrderType.STOP,
            stop_price=episode.stop_price,
            reason="trail" if episode.is_trailing else "protect",
            replaces=replaces.intent.client_order_id if replaces is not None else None,
        )

    def approve_exit(self, episode: Episode, qty: Decimal, at: datetime) -> Approved:
        """The closing sale of ``qty`` shares: a limit just through the bid first, at market after that."""
        self._assert_reduces(episode, qty, None)
        quote = self._belief.fresh_quote(episode.plan.symbol, at)
        limit = None
        if not episode.exits_by_market and quote is not None and quote.bid is not None:
            limit = round_down(quote.bid * EXIT_LIMIT_BELOW_BID)
        return self._sell(
            episode,
            at,
            OrderRole.EXIT,
            episode.exits_sent + 1,
            qty,
            OrderType.MARKET if limit is None else OrderType.LIMIT,
            limit_price=limit,
            reason=episode.exit_reason or "exit",
        )

    def _sell(
        self,
        episode: Episode,
        at: datetime,
        role: OrderRole,
        number: int,
        qty: Decimal,
        kind: OrderType,
        *,
        reason: str,
        limit_price: Decimal | None = None,
        stop_price: Decimal | None = None,
        replaces: str | None = None,
    ) -> Approved:
        plan = episode.plan
        intent = OrderIntent(
            client_order_id=f"{plan.episode_id}-{role}{number}",
            episode_id=plan.episode_id,
            role=role,
            symbol=plan.symbol,
            side="sell",
            qty=qty,
            type=kind,
            limit_price=limit_price,
            stop_price=stop_price,
            strategy=plan.strategy,
            reason=reason,
            decided_at=at,
            config_rev=plan.config_rev,
            replaces=replaces,
        )
        return Approved(at, intent)

    def _assert_reduces(self, episode: Episode, qty: Decimal, replaces: TrackedOrder | None) -> None:
        """A sale never exceeds what is held less what open sells already claim (INV-6)."""
        claimed = sum(
            (
                order.leaves_qty
                for order in self._belief.book.open(episode.plan.symbol)
                if order.intent.side == "sell" and order is not replaces
            ),
            ZERO,
        )
        assert 0 < qty <= episode.qty - claimed, (
            f"{episode.plan.symbol}: sell {qty} of {episode.qty}, {claimed} claimed"
        )


def order_cap(policy: Policy, account: Account) -> Decimal:
    """The largest entry order the human allows, USD."""
    cap = dec(policy.max_order_notional_pct) * account.equity
    return cap if policy.max_order_notional_usd is None else min(cap, dec(policy.max_order_notional_usd))


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
