"""Finding out: what became of an order in doubt, what is held, what a share costs; and when to look again.

Like protection it remembers only when it last asked: after every event ``begin`` asks whatever is due. An answer that
does not come is asked for again, never concluded from.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from alpaca_trader.core.belief import Belief
from alpaca_trader.core.events import Abandoned, Action, Alarm, CancelOrder, Fetch, FetchQuotes, LookUp, Resend
from alpaca_trader.core.models import OrderRole, OrderStatus, Scalar
from alpaca_trader.core.orders import TrackedOrder

POLL_EVERY = timedelta(seconds=5)
ASK_EVERY = timedelta(seconds=2)
ASK_WHEN_CLOSED_EVERY = timedelta(minutes=1)
ASK_AT_NIGHT_EVERY = timedelta(minutes=30)
"""For an entry that was given up: what the broker might still make of it can only trade at the next open."""
STUCK_AFTER = timedelta(seconds=60)
"""An entry or an exit that is open for longer, whatever the broker calls it, is told to a human (safety F21, F27)."""
ENTRY_MISSES = 3
ENTRY_WATCHED_FOR = timedelta(seconds=180)


class Inquiry:
    """Asks the broker. ``emit`` takes each action and folds it into the belief at once."""

    def __init__(self, belief: Belief, emit: Callable[[Action], None]) -> None:
        self._belief = belief
        self._emit = emit
        self._wakeups: list[datetime] = []
        self._positions_asked_at: datetime | None = None
        self._looks: dict[str, datetime] = {}
        self._stuck: set[str] = set()
        self._at: datetime | None = None
        self._was_open = False
        self._waits = True

    def begin(self, at: datetime) -> None:
        """Ask about every order in doubt at ``at``; from here on wake-ups are collected anew."""
        self._at, self._wakeups, self._waits = at, [], False
        self._was_open = self._belief.is_open(at)
        for order in list(self._belief.book.open()):
            self._chase(order, at)
        for key in self._belief.carried.let_go:  # never found so far; should it turn up, it is ours to guard
            order_let_go = self._belief.book.get(key)
            if order_let_go is not None and order_let_go.status is OrderStatus.ABANDONED:
                self.ask(order_let_go, at, ASK_WHEN_CLOSED_EVERY if self._was_open else ASK_AT_NIGHT_EVERY)

    def forget_ended(self) -> None:
        """Remember nothing of orders that the belief knows no more."""
        self._stuck &= self._belief.book.orders.keys()

    # ------------------------------------------------------------ when to look again

    @property
    def next_wakeup(self) -> datetime | None:
        """The earliest instant at which something is due, as of the last look."""
        return min(self._wakeups, default=None)

    def rests(self, at: datetime) -> bool:
        """Whether the last look left nothing to wait for but what was expected, and neither that nor the open or close has come."""
        if self._waits or self._belief.is_open(at) is not self._was_open:
            return False
        return not self._wakeups or at < min(self._wakeups)

    def wake(self, at: datetime) -> None:
        """Something is under way: look again at ``at``, and at whatever happens before."""
        self._waits = True
        if self._at is not None and at > self._at:
            self._wakeups.append(at)

    def expect(self, at: datetime) -> None:
        """Nothing is under way: look again at ``at``."""
        self._wakeups.append(at)

    # ------------------------------------------------------------ orders

    def _chase(self, order: TrackedOrder, at: datetime) -> None:
        """Ask what became of an order that is unanswered, should have moved, or was told to cancel."""
        role = order.intent.role
        if order.status is OrderStatus.INTENDED:
            return  # its answer is the very next event
        if role is not OrderRole.STOP:
            self._watch_age(order, at)
        if order.status is OrderStatus.UNKNOWN:
            self._chase_unknown(order, at)
            return
        if order.cancel_asked_at is not None or (role is OrderRole.STOP and not order.guards):
            self.ask(order, at, ASK_EVERY)
        elif role is not OrderRole.STOP:
            self.ask(order, at, POLL_EVERY)
        if role is OrderRole.ENTRY and self._belief.episode_of(order) is None:
            self.cancel(order, "was given up", at)

    def _chase_unknown(self, order: TrackedOrder, at: datetime) -> None:
        """Entries expire when nobody knows them for long enough; protection and exits are said again under their id."""
        is_entry = order.intent.role is OrderRole.ENTRY
        if order.misses and not is_entry and order.refusal is None:
            self._emit(Resend(at, order.intent))
            return
        first, last = order.first_miss_at or at, order.last_miss_at or at
        if is_entry and order.misses >= ENTRY_MISSES and last - first >= ENTRY_WATCHED_FOR:
            self._emit(Abandoned(at, order.intent.client_order_id))
            return
        self.ask(order, at, ASK_EVERY)

    def _watch_age(self, order: TrackedOrder, at: datetime) -> None:
        key, spoken = order.intent.client_order_id, order.spoken_at
        if spoken is None or key in self._stuck or not self._belief.is_open(at):
            return
        if at < spoken + STUCK_AFTER:
            self.expect(spoken + STUCK_AFTER)
            return
        self._stuck.add(key)
        word = order.broker_word or str(order.status)
        numbers: dict[str, Scalar] = {"order": key, "is": word, "seconds": (at - spoken).total_seconds()}
        self._emit(Alarm(at, "order_stuck", "warning", order.intent.symbol, numbers))

    def ask(self, order: TrackedOrder, at: datetime, every: timedelta) -> None:
        """Look the order up when nothing was heard of it and it was not asked about for ``every``, at night for longer."""
        every = every if self._belief.is_open(at) else max(every, ASK_WHEN_CLOSED_EVERY)
        known = (order.spoken_at, order.heard_at, order.asked_at, order.cancel_asked_at)
        latest = max(filter(None, known), default=None)
        if order.status is OrderStatus.UNKNOWN and order.asked_at is None:
            latest = None
        if latest is None or at >= latest + every:
            self._emit(LookUp(at, order.intent.client_order_id))
            latest = at
        self.wake(latest + every)

    def cancel(self, order: TrackedOrder, reason: str, at: datetime) -> None:
        """Ask once to cancel, and again when nothing came of it; an order the broker has not shown yet is looked up.

        A refused cancel is one of which nothing came: the order may be done, or on its way to be.
        """
        if order.broker_order_id is None:
            return
        asked = order.cancel_asked_at
        if asked is None or at >= asked + 2 * POLL_EVERY:
            self._emit(CancelOrder(at, order.intent.client_order_id, order.broker_order_id, reason))
            asked = at
        self.wake(asked + ASK_EVERY)
        self.wake(asked + 2 * POLL_EVERY)

    # ------------------------------------------------------------ readings

    def read_positions(self, at: datetime, every: timedelta = ASK_EVERY) -> datetime:
        """Have the positions read, unless that was asked for within ``every``; returns when they may be asked for again."""
        asked = self._positions_asked_at
        if asked is None or at >= asked + every:
            self._positions_asked_at = asked = at
            self._emit(Fetch(at, "positions"))
        return asked + every

    def look(self, symbol: str, at: datetime) -> None:
        """Have a fresh quote: for the stop we hold ourselves, or for the limit of an exit."""
        asked = self._looks.get(symbol)
        if asked is None or at >= asked + POLL_EVERY:
            self._looks[symbol] = asked = at
            self._emit(FetchQuotes(at, (symbol,)))
        self.wake(asked + POLL_EVERY)
