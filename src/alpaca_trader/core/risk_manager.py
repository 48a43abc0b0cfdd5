"""The owner's risk manager: what may be ordered, and the only maker of an ``Approved`` inside the engine.

Entries pass every gate of ``entry_gates`` at the size of ``sizing``; stops and exits pass the one rule that they reduce
and never flip.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from alpaca_trader.core.belief import Belief
from alpaca_trader.core.config import RiskConfig
from alpaca_trader.core.entry_gates import EntryGates, entry_key, episode_id
from alpaca_trader.core.episode import Episode, round_down, round_up
from alpaca_trader.core.events import Approved, EpisodeOpened
from alpaca_trader.core.limits import daily_result, standing_halt
from alpaca_trader.core.models import (
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
from alpaca_trader.core.sizing import signal_price

ENTRY_LIMIT_ABOVE_ASK = Decimal("1.0005")
EXIT_LIMIT_BELOW_BID = Decimal("0.9995")


class Refused(NamedTuple):
    """Risk's no, with every gate that was measured; the last one failed."""

    reason: str
    gates: tuple[Gate, ...]


class Entry(NamedTuple):
    """Risk's yes to an entry: the episode to open, the order to send, and the gates it passed."""

    opened: EpisodeOpened
    approved: Approved
    gates: tuple[Gate, ...]


class RiskManager:
    """The owner's risk manager on top of the belief. Holds no state of its own."""

    def __init__(self, belief: Belief, feed: str = "iex") -> None:
        """``feed`` names the bar feed, which decides how old the newest bar may be."""
        self._belief = belief
        self._gates = EntryGates(belief, feed)

    @property
    def config(self) -> RiskConfig:
        """The risk settings in force."""
        assert self._belief.config is not None, "a config is accepted before anything is decided"
        return self._belief.config.risk

    # ------------------------------------------------------------ the owner's interface

    def validate_trade(self, signal: TradeSignal, account: Account) -> ValidationResult:
        """Whether a signal may become an order now. ``adjusted_size`` (shares) says to what a buy was cut, if it was.

        A buy asks for the largest position the settings allow; a sale for all that its strategy holds.
        """
        if signal.side == "sell":
            is_ours = self._held_by(signal) > 0
            return ValidationResult(is_ours, None if is_ours else "no_position", None)
        gates, size = self._gates.measure(signal, account, self._instant())
        if not gates[-1].passed:
            return ValidationResult(False, gates[-1].name, None)
        return ValidationResult(True, None, None if size.binding == "position" else float(size.qty))

    def calculate_position_size(self, signal: TradeSignal, account: Account) -> float:
        """Shares an order for this signal may have now, after every cap; 0.0 where it is refused."""
        if signal.side == "sell":
            return float(self._held_by(signal))
        gates, size = self._gates.measure(signal, account, self._instant())
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

    # ------------------------------------------------------------ approvals

    def approve_entry(
        self, signal: TradeSignal, account: Account, at: datetime, at_most: Decimal | None = None
    ) -> Entry | Refused:
        """The entry order and the exit plan of a buy signal, or the first gate that refuses it.

        ``at_most`` shares, where somebody wants fewer than every cap leaves.
        """
        gates, size = self._gates.measure(signal, account, at, at_most)
        if not gates[-1].passed:
            return Refused(gates[-1].name, gates)
        params = self._gates.params(signal.strategy_name)
        assert params is not None
        config = self.config
        activation = config.trailing_stop_activation
        stem = episode_id(signal, at)
        opened = EpisodeOpened(
            at=at,
            episode_id=stem,
            symbol=signal.symbol,
            strategy=signal.strategy_name,
            signal_price=signal_price(self._belief, signal),
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
        """Limit of a marketable buy, just through the ask; None (market) by setting."""
        if self.config.order_style == "market" or quote is None or quote.ask is None:
            return None
        return round_up(quote.ask * ENTRY_LIMIT_ABOVE_ASK)

    def approve_stop(self, episode: Episode, qty: Decimal, at: datetime, replaces: TrackedOrder | None) -> Approved:
        """The protective stop for ``qty`` shares at the price the episode wants; ``replaces`` moves a working one."""
        assert episode.stop_price is not None, "a stop belongs to a fill"
        assert 0 < qty <= episode.qty, f"{episode.plan.symbol}: protect {qty} of {episode.qty}"
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
        assert 0 < qty <= episode.qty, f"{episode.plan.symbol}: sell {qty} of {episode.qty}"
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
