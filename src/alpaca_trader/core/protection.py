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
from alpaca_trader.core.events import (
    Abandoned,
    Action,
    Adopted,
    Alarm,
    CancelOrder,
    ExitDecided,
    ExitPostponed,
    Fetch,
    FetchQuotes,
    LookUp,
    Resend,
)
from alpaca_trader.core.limits import FLATTEN_CODES
from alpaca_trader.core.models import ZERO, OrderRole, OrderStatus, OrderType
from alpaca_trader.core.orders import TrackedOrder
from alpaca_trader.core.risk_manager import RiskManager

POLL_EVERY = timedelta(seconds=5)
ASK_EVERY = timedelta(seconds=2)
ASK_WHEN_CLOSED_EVERY = timedelta(minutes=1)
READ_AGAIN_AFTER = timedelta(seconds=2)
ARM_WITHIN = timedelta(seconds=5)
RETRY_AFTER = timedelta(seconds=1)
UNPROTECTED_FOR = timedelta(seconds=60)
POSTPONE_EXIT = timedelta(seconds=60)
RAISE_AT_MOST_EVERY = timedelta(minutes=1)
RAISE_BY_AT_LEAST = Decimal("1.001")
SETTLED_AFTER = timedelta(seconds=10)
"""How long a bought position may be missing from the broker's readings: they lag by up to 5 s (safety F20)."""
TRIES = 3
ENTRY_MISSES = 3
ENTRY_WATCHED_FOR = timedelta(seconds=180)


class Protection:
    """Drives every open episode. ``emit`` takes each action and folds it into the belief at once."""

    def __init__(self, belief: Belief, risk: RiskManager, emit: Callable[[Action], None]) -> None:
        self._belief = belief
        self._risk = risk
        self._emit = emit
        self._wakeups: list[datetime] = []
        self._reads: dict[str, tuple[datetime, int]] = {}
        self._looks: dict[str, datetime] = {}
        self._at: datetime | None = None
        self._was_open = False
        self._waits = True

    @property
    def next_wakeup(self) -> datetime | None:
        """The earliest instant at which something is due, as of the last ``manage``."""
        return min(self._wakeups, default=None)

    def manage(self, at: datetime) -> None:
        """Ask for whatever is missing at ``at``, for every order in doubt and every open episode."""
        self._at, self._wakeups, self._waits = at, [], False
        self._was_open = self._belief.is_open(at)
        for order in list(self._belief.book.open()):
            self._chase(order, at)
        for key in self._belief.carried.let_go:  # never found so far; should it turn up, it is ours to guard
            order_let_go = self._belief.book.get(key)
            if order_let_go is not None and order_let_go.status is OrderStatus.ABANDONED:
                self._ask(order_let_go, at, ASK_WHEN_CLOSED_EVERY)
        for symbol in sorted(self._belief.episodes):
            episode = self._belief.episodes[symbol]
            self._manage(episode, at)
            self._watch_exposure(episode, at)

    def rests(self, at: datetime) -> bool:
        """Whether the last ``manage`` left nothing to wait for but the close, and neither that nor the open has come."""
        if self._waits or self._belief.is_open(at) is not self._was_open:
            return False
        return all(at < wakeup for wakeup in self._wakeups)

    def state(self, episode: Episode) -> PositionState:
        """Where the position stands, read off what is believed."""
        belief = self._belief
        orders = list(belief.book.open(episode.plan.symbol))
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

    # ------------------------------------------------------------ orders in doubt

    def _chase(self, order: TrackedOrder, at: datetime) -> None:
        """Ask what became of an order that is unanswered, should have moved, or was told to cancel."""
        role = order.intent.role
        if order.status is OrderStatus.INTENDED:
            return  # its answer is the very next event
        if order.status is OrderStatus.UNKNOWN:
            if order.misses and role is not OrderRole.ENTRY and order.refusal is None:
                self._emit(Resend(at, order.intent))
                return
            first, last = order.first_miss_at or at, order.last_miss_at or at
            if role is OrderRole.ENTRY and order.misses >= ENTRY_MISSES and last - first >= ENTRY_WATCHED_FOR:
                self._emit(Abandoned(at, order.intent.client_order_id))
                return
            self._ask(order, at, ASK_EVERY)
            return
        if order.cancel_asked_at is not None or (role is OrderRole.STOP and not order.guards):
            self._ask(order, at, ASK_EVERY)
        elif role is not OrderRole.STOP:
            self._ask(order, at, POLL_EVERY)
        if role is OrderRole.ENTRY and self._belief.episode_of(order) is None:
            self._cancel(order, "was given up", at)

    def _ask(self, order: TrackedOrder, at: datetime, every: timedelta) -> None:
        """Look the order up when nothing was heard of it and it was not asked about for ``every``, at night for longer."""
        every = every if self._belief.is_open(at) else ASK_WHEN_CLOSED_EVERY
        known = (order.spoken_at, order.heard_at, order.asked_at, order.cancel_asked_at)
        latest = max(filter(None, known), default=None)
        if order.status is OrderStatus.UNKNOWN and order.asked_at is None:
            latest = None
        if latest is None or at >= latest + every:
            self._emit(LookUp(at, order.intent.client_order_id))
            latest = at
        self._wake(latest + every)

    # ------------------------------------------------------------ one episode

    def _manage(self, episode: Episode, at: datetime) -> None:
        belief = self._belief
        symbol = episode.plan.symbol
        self._decide_exit(episode, at)
        self._reconcile(episode, at)
        entry = belief.book.get(episode.entry_id)
        if entry is not None and entry.is_open:
            self._manage_entry(episode, entry, at)
        elif not episode.qty:
            for order in belief.book.open(symbol):
                self._cancel(order, "position is closed", at)
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
        if FLATTEN_CODES & belief.risk.latched.keys():
            self._exit(episode, min(FLATTEN_CODES & belief.risk.latched.keys()), at)
        elif not stays and at >= flatten_at:
            self._exit(episode, "flatten_close", at)
        elif not stays:
            self._wakeups.append(flatten_at)

    def _manage_entry(self, episode: Episode, entry: TrackedOrder, at: datetime) -> None:
        assert self._belief.config is not None
        assert entry.spoken_at is not None
        deadline = entry.spoken_at + timedelta(seconds=self._belief.config.risk.entry_timeout_s)
        if self._belief.risk.latched:
            self._cancel(entry, "entries are halted", at)
        elif episode.exit_reason is not None:
            self._cancel(entry, episode.exit_reason, at)
        elif at >= deadline:
            self._cancel(entry, "not filled in time", at)
        elif episode.qty and self._is_breached(episode, at):
            self._cancel(entry, "stop level touched", at)
        else:
            self._wake(deadline)

    def _manage_stop(self, episode: Episode, at: datetime) -> None:
        stops = list(self._belief.book.open(episode.plan.symbol, OrderRole.STOP))
        for exit_order in self._belief.book.open(episode.plan.symbol, OrderRole.EXIT):
            self._cancel(exit_order, "exit postponed", at)  # one resting sell per position: the stop
            return
        if not stops:
            self._arm(episode, at)
        elif len(stops) == 1:
            self._keep(episode, stops[0], at)

    def _arm(self, episode: Episode, at: datetime) -> None:
        """Put a stop on what is held, once the broker has shown us what that is."""
        if self._is_through(episode, at):
            self._exit(episode, "trail_stop" if episode.is_trailing else "stop_breached", at)
            self._manage_exit(episode, at)
            return
        if self._must_pause(episode, episode.stop_failures, at):
            return
        qty = self._sellable(episode, at)
        if qty > 0:
            self._emit(self._risk.approve_stop(episode, qty, at, None))

    def _keep(self, episode: Episode, stop: TrackedOrder, at: datetime) -> None:
        """Raise a working stop when the trail asks for it; replace one that no longer covers what is held."""
        if stop.cancel_asked_at is not None:
            self._cancel(stop, "replace the stop", at)
            return
        if not stop.guards:
            return
        if stop.leaves_qty > episode.qty or (stop.leaves_qty < episode.qty and self._has_free_shares(episode, stop)):
            self._cancel(stop, "quantity changed", at)
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
        elif episode.last_refusal not in (None, RefusalKind.POLICY):
            self._cancel(stop, "raise the stop", at)  # it cannot be raised in place
        elif episode.stop_raised_at is not None and at < episode.stop_raised_at + RAISE_AT_MOST_EVERY:
            self._wake(episode.stop_raised_at + RAISE_AT_MOST_EVERY)
        elif stop.cum_qty:
            self._cancel(stop, "raise the stop", at)
        else:
            self._emit(self._risk.approve_stop(episode, stop.leaves_qty, at, stop))

    def _manage_exit(self, episode: Episode, at: datetime) -> None:
        """Cancel, confirm, read, sell: one step per call, each only after the one before is known to be done."""
        belief, symbol = self._belief, episode.plan.symbol
        assert belief.config is not None
        stops = list(belief.book.open(symbol, OrderRole.STOP))
        if not episode.exits_by_market and belief.fresh_quote(symbol, at) is None:
            self._look(symbol, at)  # a limit needs a bid
        for stop in stops:
            self._cancel(stop, episode.exit_reason or "exit", at)
        if stops:
            return
        for order in belief.book.open(symbol, OrderRole.EXIT):
            assert order.spoken_at is not None
            deadline = order.spoken_at + timedelta(seconds=belief.config.risk.exit_timeout_s)
            if order.intent.type is OrderType.LIMIT and at >= deadline:
                self._cancel(order, "not filled in time", at)
            else:
                self._wake(deadline)
            return
        if episode.exit_failures >= TRIES:
            self._emit(ExitPostponed(at, episode.plan.episode_id, at + POSTPONE_EXIT))
            self._manage_stop(episode, at)
            return
        if self._must_pause(episode, episode.exit_failures, at):
            return
        qty = self._sellable(episode, at)
        if qty > 0:
            self._emit(self._risk.approve_exit(episode, qty, at))

    def _exit(self, episode: Episode, reason: str, at: datetime) -> None:
        """Decide that the position is to be closed, or that a postponed exit waits no longer: its first reason stands."""
        self._emit(ExitDecided(at, episode.plan.episode_id, episode.exit_reason or reason))

    def _reconcile(self, episode: Episode, at: datetime) -> None:
        """When the broker shows fewer shares than we hold, find out why; what no order of ours explains was sold by others.

        Two readings at least two seconds apart must agree, with every open order of the symbol heard in between, and
        the last purchase must be old enough to show in any reading.
        """
        belief, symbol = self._belief, episode.plan.symbol
        since = belief.mismatch.get(symbol)
        if since is None:
            return
        unheard = [order for order in belief.book.open(symbol) if order.heard_at is None or order.heard_at <= since]
        for order in unheard:
            self._ask(order, at, ASK_EVERY)
        again = since + READ_AGAIN_AFTER
        if episode.last_entry_fill_at is not None:
            again = max(again, episode.last_entry_fill_at + SETTLED_AFTER)
        if at < again:
            self._wake(again)
        elif belief.positions_at is not None and belief.positions_at < again:
            self._emit(Fetch(at, "positions"))
        elif not unheard:
            position = belief.positions.get(symbol)
            left = max(position.qty, ZERO) if position is not None else ZERO
            numbers = {"believed": float(episode.qty), "broker": float(left)}
            self._emit(Alarm(at, "position_sold_by_others", "error", symbol, numbers))
            self._emit(Adopted(at, episode.plan.episode_id, left))

    # ------------------------------------------------------------ small questions

    def _cancel(self, order: TrackedOrder, reason: str, at: datetime) -> None:
        """Ask once to cancel, and again when nothing came of it; an order the broker has not shown yet is looked up.

        A refused cancel is one of which nothing came: the order may be done, or on its way to be.
        """
        if order.broker_order_id is None:
            return
        asked = order.cancel_asked_at
        if asked is None or at >= asked + 2 * POLL_EVERY:
            self._emit(CancelOrder(at, order.intent.client_order_id, order.broker_order_id, reason))
            asked = at
        self._wake(asked + ASK_EVERY)
        self._wake(asked + 2 * POLL_EVERY)

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
        newer = belief.positions_at is not None and (last is None or belief.positions_seq > last.terminal_seq)
        position = belief.positions.get(symbol)
        if newer and position is not None and position.qty_available > 0:
            return min(episode.qty, position.qty_available)
        asked, asked_seq = self._reads.get(symbol, (None, 0))
        if asked is None or at >= asked + READ_AGAIN_AFTER or (last is not None and asked_seq < last.terminal_seq):
            self._reads[symbol] = (at, belief.seq)
            self._emit(Fetch(at, "positions"))
            asked = at
        self._wake(asked + READ_AGAIN_AFTER)
        waited = last is not None and last.terminal_at is not None and at >= last.terminal_at + READ_AGAIN_AFTER
        return episode.qty if waited and not newer else ZERO  # the reads fail: our own ledger must do (INV-7)

    def _must_pause(self, episode: Episode, failures: int, at: datetime) -> bool:
        """Whether the last of these failures is too fresh to try again."""
        failed = episode.last_failure_at
        if failed is None or not failures:
            return False
        again = failed + (RETRY_AFTER if failures < TRIES else POLL_EVERY)
        self._wake(again)
        return at < again

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
        self._wake(until)
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
        self._wake(since + ARM_WITHIN)
        self._wake(since + UNPROTECTED_FOR)
        if episode.alarmed:
            self._look(episode.plan.symbol, at)
        waits = episode.exit_reason is None or self._is_postponed(episode, at)
        if at >= since + UNPROTECTED_FOR and waits and self._belief.config.risk.on_unprotected == "flatten":
            self._exit(episode, "unprotected", at)
            self._manage_exit(episode, at)

    def _look(self, symbol: str, at: datetime) -> None:
        """Have a fresh quote: for the stop we hold ourselves, or for the limit of an exit."""
        asked = self._looks.get(symbol)
        if asked is None or at >= asked + POLL_EVERY:
            self._looks[symbol] = asked = at
            self._emit(FetchQuotes(at, (symbol,)))
        self._wake(asked + POLL_EVERY)

    def _wake_at_open(self, at: datetime) -> None:
        session = self._belief.session
        if session is not None and at < session.open:
            self._wake(session.open)

    def _wake(self, at: datetime) -> None:
        self._waits = True
        if self._at is not None and at > self._at:
            self._wakeups.append(at)
