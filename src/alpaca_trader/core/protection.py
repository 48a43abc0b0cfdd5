"""How a position gets its stop, keeps it, raises it, and is closed (domain 5).

Nothing here remembers what it did: after every event ``Protection.manage`` looks at what is believed and asks for the
next step that is missing. So a lost reply, a restart and a duplicate lead to the same next step.

    entry live ............ wait; cancel when its time is over, entries are stopped, or the stop level is touched
    entry ended, held ..... read the position, put a stop on it            ARMING -> PROTECTED
    stop works ............ raise it when the trail asks for more          REPLACING -> PROTECTED
    exit decided .......... cancel the stop, see it end, read the position, sell   EXITING -> FLAT
    nothing guards ........ hold the stop ourselves, alarm, sell after a minute    UNPROTECTED
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from alpaca_trader.core.belief import Belief
from alpaca_trader.core.episode import Episode, PositionState
from alpaca_trader.core.errors import RefusalKind
from alpaca_trader.core.events import Action, Adopted, Alarm, ExitDecided, ExitPostponed, Fetch
from alpaca_trader.core.inquiry import POLL_EVERY, STUCK_AFTER, Inquiry
from alpaca_trader.core.limits import FLATTEN_CODES
from alpaca_trader.core.models import ZERO, OrderRole, OrderType
from alpaca_trader.core.orders import TrackedOrder
from alpaca_trader.core.reconciliation import READ_AGAIN_AFTER, Reconciliation
from alpaca_trader.core.risk_manager import RiskManager

ARM_WITHIN = timedelta(seconds=5)
RETRY_AFTER = timedelta(seconds=1)
OF_THE_ACCOUNT = (RefusalKind.KEYS, RefusalKind.BLOCKED)
RETRY_ACCOUNT_AFTER = timedelta(seconds=60)
"""Who is refused for what they are and not for what they ask tries once a minute (safety F9, F42)."""
DUST = Decimal("1.00")
"""Less than this, in USD, that is refused again and again is written off (safety F45)."""
UNPROTECTED_FOR = timedelta(seconds=60)
POSTPONE_EXIT = timedelta(seconds=60)
RAISE_AT_MOST_EVERY = timedelta(minutes=1)
RAISE_BY_AT_LEAST = Decimal("1.001")
TRIES = 3


class Protection:
    """Drives every open episode. ``emit`` takes each action and folds it into the belief at once."""

    def __init__(self, belief: Belief, risk: RiskManager, inquiry: Inquiry, emit: Callable[[Action], None]) -> None:
        self._belief = belief
        self._risk = risk
        self._inquiry = inquiry
        self._reconciliation = Reconciliation(belief, inquiry, emit)
        self._emit = emit
        self._reads: dict[str, tuple[datetime, int]] = {}

    def manage(self, at: datetime) -> None:
        """Ask for whatever is missing at ``at``, for every order in doubt and every open episode."""
        self._inquiry.begin(at)
        self._reconciliation.read_regularly(at)
        for symbol in sorted(self._belief.episodes):
            episode = self._belief.episodes[symbol]
            self._manage(episode, at)
            self._watch_exposure(episode, at)

    def state(self, episode: Episode) -> PositionState:
        """Where the position stands, read off what is believed."""
        belief = self._belief
        orders = belief.book.open(episode.plan.symbol)
        if any(order.intent.role is OrderRole.ENTRY for order in orders):
            return PositionState.ENTERING
        if not episode.qty:
            return PositionState.FLAT
        stops = [order for order in orders if order.intent.role is OrderRole.STOP]
        if episode.alarmed and belief.is_naked(episode):
            return PositionState.UNPROTECTED
        if episode.exit_reason is not None and not self._is_postponed(episode, belief.now):
            return PositionState.EXITING
        if len(stops) > 1:
            return PositionState.REPLACING
        return PositionState.PROTECTED if any(order.guards for order in stops) else PositionState.ARMING

    # ------------------------------------------------------------ one episode

    def _manage(self, episode: Episode, at: datetime) -> None:
        belief = self._belief
        symbol = episode.plan.symbol
        self._decide_exit(episode, at)
        self._reconciliation.settle(episode, at)
        entry = belief.book.get(episode.entry_id)
        if entry is not None and entry.is_open:
            self._manage_entry(episode, entry, at)
        elif not episode.qty:
            for order in belief.book.open(symbol):
                self._inquiry.cancel(order, "position is closed", at)
        elif not belief.is_open(at):
            self._wake_at_open(at)
        elif episode.exit_reason is not None and not self._is_postponed(episode, at):
            self._manage_exit(episode, at)
        else:
            self._manage_stop(episode, at)

    def _decide_exit(self, episode: Episode, at: datetime) -> None:
        """Exits that need no strategy: the close is near, everything is to be flattened, too many nights."""
        belief, session = self._belief, self._belief.session
        if episode.exit_reason is not None or session is None or belief.config is None:
            return
        flatten_at = session.close - timedelta(minutes=belief.config.risk.flatten_before_close_min)
        stays = episode.plan.hold_overnight and episode.nights < belief.config.risk.max_nights
        if not FLATTEN_CODES.isdisjoint(belief.risk.latched):
            self._exit(episode, min(FLATTEN_CODES & belief.risk.latched.keys()), at)
        elif not stays and at >= flatten_at:
            self._exit(episode, "flatten_close", at)
        elif not stays:
            self._inquiry.expect(flatten_at)

    def _manage_entry(self, episode: Episode, entry: TrackedOrder, at: datetime) -> None:
        assert self._belief.config is not None
        assert entry.spoken_at is not None
        deadline = entry.spoken_at + timedelta(seconds=self._belief.config.risk.entry_timeout_s)
        if self._belief.risk.latched:
            self._inquiry.cancel(entry, "entries are halted", at)
        elif episode.exit_reason is not None:
            self._inquiry.cancel(entry, episode.exit_reason, at)
        elif at >= deadline:
            self._inquiry.cancel(entry, "not filled in time", at)
        elif episode.qty and self._is_breached(episode, at):
            self._inquiry.cancel(entry, "stop level touched", at)
        else:
            self._inquiry.wake(deadline)

    def _manage_stop(self, episode: Episode, at: datetime) -> None:
        stops = self._belief.book.open(episode.plan.symbol, OrderRole.STOP)
        for exit_order in self._belief.book.open(episode.plan.symbol, OrderRole.EXIT):
            self._inquiry.cancel(exit_order, "exit postponed", at)  # one resting sell per position: the stop
            return
        if not stops:
            self._arm(episode, at)
        elif len(stops) == 1:
            self._keep(episode, stops[0], at)

    def _arm(self, episode: Episode, at: datetime) -> None:
        """Put a stop on what is held, once the broker has shown us what that is."""
        if self._reconciliation.holds_back(episode, at):
            return
        if self._is_through(episode, at):
            self._exit(episode, "trail_stop" if episode.is_trailing else "stop_breached", at)
            self._manage_exit(episode, at)
            return
        failures = episode.stop_failures
        if self._is_written_off(episode, failures, at) or self._must_pause(episode, failures, at):
            return
        qty = self._sellable(episode, at)
        if qty > 0:
            self._emit(self._risk.approve_stop(episode, qty, at, None))

    def _keep(self, episode: Episode, stop: TrackedOrder, at: datetime) -> None:
        """Raise a working stop when the trail asks for it; replace one that no longer covers what is held."""
        if stop.cancel_asked_at is not None:
            self._inquiry.cancel(stop, "replace the stop", at)
            return
        if not stop.guards:
            return
        if stop.leaves_qty > episode.qty or (stop.leaves_qty < episode.qty and self._has_free_shares(episode, stop)):
            self._inquiry.cancel(stop, "quantity changed", at)
            return
        if stop.leaves_qty < episode.qty and f"partly_protected:{episode.plan.symbol}" not in self._belief.risk.warned:
            rest = {"unguarded": float(episode.qty - stop.leaves_qty)}  # somebody else's order holds them
            self._emit(Alarm(at, "partly_protected", "error", episode.plan.symbol, rest))
        wanted, current = episode.stop_price, stop.intent.stop_price
        assert wanted is not None
        assert current is not None
        if wanted < current * RAISE_BY_AT_LEAST:
            return
        if self._is_through(episode, at):
            self._exit(episode, "trail_stop", at)
            self._manage_exit(episode, at)
        elif episode.last_refusal not in (None, RefusalKind.POLICY, *OF_THE_ACCOUNT):
            self._inquiry.cancel(stop, "raise the stop", at)  # it cannot be raised in place
        elif self._must_pause(episode, episode.stop_failures, at):
            return
        elif episode.stop_raised_at is not None and at < episode.stop_raised_at + RAISE_AT_MOST_EVERY:
            self._inquiry.wake(episode.stop_raised_at + RAISE_AT_MOST_EVERY)
        elif stop.cum_qty:
            self._inquiry.cancel(stop, "raise the stop", at)
        else:
            self._emit(self._risk.approve_stop(episode, stop.leaves_qty, at, stop))

    def _manage_exit(self, episode: Episode, at: datetime) -> None:
        """Cancel, confirm, read, sell: one step per call, each only after the one before is known to be done."""
        belief, symbol = self._belief, episode.plan.symbol
        assert belief.config is not None
        stops = belief.book.open(symbol, OrderRole.STOP)
        if not episode.exits_by_market and belief.fresh_quote(symbol, at) is None:
            self._inquiry.look(symbol, at)  # a limit needs a bid
        for stop in stops:
            self._inquiry.cancel(stop, episode.exit_reason or "exit", at)
        if stops:
            return
        for order in belief.book.open(symbol, OrderRole.EXIT):
            assert order.spoken_at is not None
            deadline = order.spoken_at + timedelta(seconds=belief.config.risk.exit_timeout_s)
            if order.intent.type is not OrderType.LIMIT:
                deadline = order.spoken_at + STUCK_AFTER  # in the market it fills, or waits for trading to go on
            if at >= deadline and (order.intent.type is OrderType.LIMIT or order.broker_word == "pending_new"):
                self._inquiry.cancel(order, "not filled in time", at)
            else:
                self._inquiry.wake(deadline)
            return
        if self._is_written_off(episode, episode.exit_failures, at):
            return
        if episode.exit_failures >= TRIES:
            self._emit(ExitPostponed(at, episode.plan.episode_id, at + POSTPONE_EXIT))
            self._manage_stop(episode, at)
            return
        if self._reconciliation.holds_back(episode, at) or self._must_pause(episode, episode.exit_failures, at):
            return
        qty = self._sellable(episode, at)
        if qty > 0:
            self._emit(self._risk.approve_exit(episode, qty, at))

    def _exit(self, episode: Episode, reason: str, at: datetime) -> None:
        """Decide that the position is to be closed, or that a postponed exit waits no longer: its first reason stands."""
        self._emit(ExitDecided(at, episode.plan.episode_id, episode.exit_reason or reason))

    # ------------------------------------------------------------ small questions

    def _has_free_shares(self, episode: Episode, stop: TrackedOrder) -> bool:
        """Whether a reading of positions since the stop was sent shows shares that no order holds."""
        belief = self._belief
        position = belief.positions.get(episode.plan.symbol)
        if belief.positions_at is None or stop.spoken_at is None or belief.positions_at <= stop.spoken_at:
            return False
        return position is not None and position.qty_available > 0

    def _sellable(self, episode: Episode, at: datetime) -> Decimal:
        """Shares that may be sold now by a position reading newer than the last order's end; 0 while we wait for one."""
        belief, symbol = self._belief, episode.plan.symbol
        ended = [
            order
            for order in belief.book.orders.values()
            if order.intent.symbol == symbol and order.terminal_at is not None
        ]
        last = max(ended, key=lambda order: order.terminal_seq, default=None)
        newer = belief.positions_at is not None and (
            self._reconciliation.is_read(episode) if last is None else belief.positions_seq > last.terminal_seq
        )
        position = belief.positions.get(symbol)
        if newer and position is not None and position.qty_available > 0:
            return min(episode.qty, position.qty_available)
        asked, asked_seq = self._reads.get(symbol, (None, 0))
        if asked is None or at >= asked + READ_AGAIN_AFTER or (last is not None and asked_seq < last.terminal_seq):
            self._reads[symbol] = (at, belief.seq)
            self._emit(Fetch(at, "positions"))
            asked = at
        self._inquiry.wake(asked + READ_AGAIN_AFTER)
        # Without an order of today it was held over a night, and a minute was waited before this was asked.
        waited = last is None or (last.terminal_at is not None and at >= last.terminal_at + READ_AGAIN_AFTER)
        return episode.qty if waited and not newer else ZERO  # the reads fail: our own ledger must do (INV-7)

    def _must_pause(self, episode: Episode, failures: int, at: datetime) -> bool:
        """Whether the last of these failures is too fresh to try again."""
        failed = episode.last_failure_at
        if failed is None or not failures:
            return False
        pause = RETRY_AFTER if failures < TRIES else POLL_EVERY
        again = failed + (RETRY_ACCOUNT_AFTER if episode.last_refusal in OF_THE_ACCOUNT else pause)
        self._inquiry.wake(again)
        return at < again

    def _is_written_off(self, episode: Episode, failures: int, at: datetime) -> bool:
        """Give up what is worth less than the broker's least order once it has been refused often enough."""
        entry = episode.entry_price
        if failures < TRIES or entry is None or episode.last_refusal in OF_THE_ACCOUNT or episode.qty * entry >= DUST:
            return False
        self._emit(Alarm(at, "dust", "warning", episode.plan.symbol, {"qty": float(episode.qty)}))
        self._emit(ExitDecided(at, episode.plan.episode_id, episode.exit_reason or "dust"))
        self._emit(Adopted(at, episode.plan.episode_id, ZERO))
        return True

    def _is_through(self, episode: Episode, at: datetime) -> bool:
        """Whether the market is at or below the stop level, by a fresh bid or by the broker's refusal of the stop."""
        return episode.last_refusal == RefusalKind.STOP_THROUGH_MARKET or self._is_breached(episode, at)

    def _is_breached(self, episode: Episode, at: datetime) -> bool:
        """Whether a fresh bid stands at or below the stop level; a bid older than the bar that set the level says nothing."""
        quote, bar = self._belief.fresh_quote(episode.plan.symbol, at), self._belief.bars.get(episode.plan.symbol)
        if quote is None or quote.bid is None or episode.stop_price is None:
            return False
        return quote.bid <= episode.stop_price and (bar is None or quote.at >= bar.closed_at)

    def _is_postponed(self, episode: Episode, at: datetime | None) -> bool:
        until = episode.exit_postponed_until
        if until is None or at is None or at >= until:
            return False
        self._inquiry.wake(until)
        return True

    def _watch_exposure(self, episode: Episode, at: datetime) -> None:
        """While no stop works: alarm after the grace, hold the stop ourselves, sell after a minute (domain 5.6)."""
        since = episode.exposed_since
        if since is None or not self._belief.is_naked(episode):
            return
        assert self._belief.config is not None
        if (at >= since + ARM_WITHIN or episode.stop_failures >= TRIES) and not episode.alarmed:
            numbers = {"qty": float(episode.qty), "seconds": (at - since).total_seconds()}
            self._emit(Alarm(at, "unprotected", "error", episode.plan.symbol, numbers, episode.last_refusal))
        self._inquiry.wake(since + ARM_WITHIN)
        self._inquiry.wake(since + UNPROTECTED_FOR)
        if episode.alarmed:
            self._inquiry.look(episode.plan.symbol, at)
        waits = episode.exit_reason is None or self._is_postponed(episode, at)
        if at >= since + UNPROTECTED_FOR and waits and self._belief.config.risk.on_unprotected == "flatten":
            self._exit(episode, "unprotected", at)
            self._manage_exit(episode, at)

    def _wake_at_open(self, at: datetime) -> None:
        session = self._belief.session
        if session is not None and at < session.open:
            self._inquiry.wake(session.open)
