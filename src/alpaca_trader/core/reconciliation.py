"""What to make of a reading of positions that is not what we believe (domain 7.7, safety F20, F29, F41).

Two readings at least two seconds apart must agree, with every open order of the symbol heard in between, and the last
fill must be old enough to show in any reading. Only then is the difference explained: by a split, where quantity and
price changed by one ratio; else by somebody else's hand.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from fractions import Fraction

from alpaca_trader.core.belief import Belief
from alpaca_trader.core.episode import Episode
from alpaca_trader.core.events import Action, Adopted, Alarm, ForeignShares, Rescaled
from alpaca_trader.core.inquiry import ASK_EVERY, Inquiry
from alpaca_trader.core.models import ZERO, Position

READ_EVERY = timedelta(seconds=30)
READ_AGAIN_AFTER = timedelta(seconds=2)
SETTLED_AFTER = timedelta(seconds=10)
"""How long a fill may be missing from the broker's readings: they lag by up to 5 s (safety F20)."""
HOLD_BACK_FOR = timedelta(seconds=60)
BEFORE_THE_OPEN = timedelta(minutes=30)
"""Corporate actions are in the readings long before this."""
LARGEST_RATIO = 100
SAME_COST = Fraction(1, 100)
"""A split leaves the position's cost as it was; a purchase or a sale by hand does not."""


class Reconciliation:
    """Settles differences. ``emit`` takes each action and folds it into the belief at once."""

    def __init__(self, belief: Belief, inquiry: Inquiry, emit: Callable[[Action], None]) -> None:
        self._belief = belief
        self._inquiry = inquiry
        self._emit = emit

    def read_regularly(self, at: datetime) -> None:
        """Have the positions read every half minute of the session, and tell of positions that are not ours."""
        belief = self._belief
        if belief.is_open(at):
            due = belief.positions_at + READ_EVERY if belief.positions_at is not None else at
            if at >= due:
                due = self._inquiry.read_positions(at, READ_EVERY)
            self._inquiry.expect(due)
        for symbol, since in belief.foreign_since.items():
            shown = belief.positions_at is not None and belief.positions_at >= since + SETTLED_AFTER
            if shown and f"foreign_position:{symbol}" not in belief.risk.warned:
                numbers = {"qty": float(belief.positions[symbol].qty)}
                self._emit(Alarm(at, "foreign_position", "warning", symbol, numbers))

    def holds_back(self, episode: Episode, at: datetime) -> bool:
        """Whether nothing is to be sent in the symbol yet: what is held over a night has not been read since, or a
        difference, not of our own late fills, is being settled.

        Not for longer than a minute: where nothing can be read, our own ledger must do (INV-7).
        """
        belief, filled = self._belief, episode.last_fill_at
        since = belief.mismatch.get(episode.plan.symbol)
        if since is None:
            since = None if self.is_read(episode) else self._could_read_since()
        if since is None or filled is None or at < filled + SETTLED_AFTER or at >= since + HOLD_BACK_FOR:
            return False
        self._inquiry.wake(self._inquiry.read_positions(at))
        self._inquiry.wake(since + HOLD_BACK_FOR)
        return True

    def is_read(self, episode: Episode) -> bool:
        """Whether a position of an earlier session was read since; one of today need not be."""
        belief, session, filled = self._belief, self._belief.session, episode.last_fill_at
        if session is None or filled is None or filled >= session.open:
            return True
        return belief.positions_at is not None and belief.positions_at >= session.open - BEFORE_THE_OPEN

    def _could_read_since(self) -> datetime | None:
        session, started = self._belief.session, self._belief.started_at
        return max(filter(None, (started, session.open if session is not None else None)), default=None)

    def settle(self, episode: Episode, at: datetime) -> None:
        """Find out what a difference is, one step per call."""
        belief, symbol = self._belief, episode.plan.symbol
        since = belief.mismatch.get(symbol)
        if since is None:
            return
        unheard = [order for order in belief.book.open(symbol) if order.heard_at is None or order.heard_at <= since]
        for order in unheard:
            self._inquiry.ask(order, at, ASK_EVERY)
        again = since + READ_AGAIN_AFTER
        if episode.last_fill_at is not None:
            again = max(again, episode.last_fill_at + SETTLED_AFTER)
        if at < again:
            self._inquiry.wake(again)
        elif belief.positions_at is None or belief.positions_at < again:
            self._inquiry.wake(self._inquiry.read_positions(at))
        elif not unheard:
            self._conclude(episode, belief.positions.get(symbol), at)

    def _conclude(self, episode: Episode, position: Position | None, at: datetime) -> None:
        symbol, key = episode.plan.symbol, episode.plan.episode_id
        left = max(position.qty, ZERO) if position is not None else ZERO
        numbers = {"believed": float(episode.qty), "broker": float(left)}
        ratio = split_ratio(episode, position) if position is not None else None
        if ratio is not None:
            self._emit(Alarm(at, "split", "warning", symbol, numbers))
            self._emit(Rescaled(at, key, ratio.numerator, ratio.denominator, left))
        elif left < episode.qty:
            self._emit(Alarm(at, "position_sold_by_others", "error", symbol, numbers))
            self._emit(Adopted(at, key, left))
        else:
            self._emit(Alarm(at, "foreign_shares", "error", symbol, numbers))
            self._emit(ForeignShares(at, symbol, left - episode.qty))


def split_ratio(episode: Episode, position: Position) -> Fraction | None:
    """New shares for one old one, where quantity and average price together say that nothing but a split happened."""
    entry = episode.entry_price
    if entry is None or not episode.qty or position.qty <= 0:
        return None
    exact = Fraction(position.qty) / Fraction(episode.qty)
    ratio = exact.limit_denominator(LARGEST_RATIO)
    off = Fraction(position.qty * position.avg_entry_price) / Fraction(episode.qty * entry)
    if ratio in (0, 1) or ratio.numerator > LARGEST_RATIO or abs(off - 1) > SAME_COST:
        return None
    return ratio if abs(exact / ratio - 1) < Fraction(1, 1_000_000) else None
