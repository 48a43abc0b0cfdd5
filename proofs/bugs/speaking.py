"""Bugs in what is said to the broker and written to the journal, and in what is made of the answers."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from alpaca_trader.core import engine, inquiry
from alpaca_trader.core import events as ev
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.errors import Fatal, RefusalKind, TraderError
from alpaca_trader.core.inquiry import Inquiry
from alpaca_trader.core.models import OrderRole, OrderStatus
from alpaca_trader.core.orders import OrderBook, TrackedOrder
from alpaca_trader.core.protection import Protection
from alpaca_trader.edge.executor import OrderExecutor
from proofs.bugs.planting import Bug, Swap

Said = ev.Approved | ev.Resend
Submit = Callable[[OrderExecutor, Said], list[ev.Event]]


def _with_commit(executor: OrderExecutor, action: Said, submit: Submit, commit: Callable[[], None]) -> list[ev.Event]:
    """Submit while the executor's own commit is another."""
    journal = executor._journal
    executor._journal = SimpleNamespace(commit=commit)  # all that a submit asks of it
    try:
        return submit(executor, action)
    finally:
        executor._journal = journal


def _send_first(submit: Submit) -> Submit:
    def send(self: OrderExecutor, action: Said) -> list[ev.Event]:
        answers = _with_commit(self, action, submit, lambda: None)
        with suppress(Fatal):
            self._journal.commit()
        return answers

    return send


def _send_anyway(submit: Submit) -> Submit:
    def send(self: OrderExecutor, action: Said) -> list[ev.Event]:
        commit = self._journal.commit

        def try_to() -> None:
            with suppress(Fatal):
                commit()

        return _with_commit(self, action, submit, try_to)

    return send


def _as_if_written(_: Any) -> Any:
    def go_on(*_failure: Any) -> list[ev.Event]:
        return []

    return go_on


def _refused_in_time(say: Any) -> Any:
    def heard(self: OrderExecutor, key: str, verb: ev.Verb, speak: Any) -> list[ev.Event]:
        return [
            ev.BrokerRefused(answer.at, key, verb, RefusalKind.OTHER, 0, None, "timed out")
            if isinstance(answer, ev.OutcomeNotKnown)
            else answer
            for answer in say(self, key, verb, speak)
        ]

    return heard


def _buy_again(submit: Submit) -> Submit:
    def retry(self: OrderExecutor, action: Said) -> list[ev.Event]:
        answers, intent = submit(self, action), action.intent
        if intent.role is OrderRole.ENTRY and any(isinstance(answer, ev.OutcomeNotKnown) for answer in answers):
            key = f"{intent.episode_id[:-4]}{action.at + timedelta(minutes=1):%H%M}-entry"
            again = ev.Approved(action.at, replace(intent, client_order_id=key))
            with suppress(TraderError):
                self._journal.record(again)
                self._journal.commit()
                self._broker.submit_order(again)
        return answers

    return retry


def _changed_again(submit: Submit) -> Submit:
    def send(self: OrderExecutor, action: Said) -> list[ev.Event]:
        stop = action.intent.stop_price
        if isinstance(action, ev.Resend) and stop is not None:
            action = ev.Resend(action.at, replace(action.intent, stop_price=stop - Decimal("0.01")))
        return submit(self, action)

    return send


def _entries_again(chase: Any) -> Any:
    def resend(self: Inquiry, order: TrackedOrder, at: datetime) -> None:
        if order.misses and order.intent.role is OrderRole.ENTRY:
            self._emit(ev.Resend(at, order.intent))
        else:
            chase(self, order, at)

    return resend


def _under_another_id(chase: Any) -> Any:
    def renew(self: Inquiry, order: TrackedOrder, at: datetime) -> None:
        intent, episode = order.intent, self._belief.episode_of(order)
        if not order.misses or intent.role is not OrderRole.STOP or episode is None:
            chase(self, order, at)
            return
        order.status, order.terminal_at = OrderStatus.REJECTED, at
        key = f"{intent.episode_id}-stop{episode.stops_sent + 1}"
        self._emit(ev.Approved(at, replace(intent, client_order_id=key)))

    return renew


def _never_asked(_: Any) -> Any:
    def wait(self: Inquiry, order: TrackedOrder, at: datetime) -> None:
        """It will be heard of."""

    return wait


def _missed_is_dead(miss: Any) -> Any:
    def conclude(self: Belief, key: str, at: datetime) -> None:
        miss(self, key, at)
        order = self.book.get(key)
        if order is not None and order.status is OrderStatus.UNKNOWN:
            self._reject(order, "not_found", at)

    return conclude


def _unknown_is_nothing(fold: Any) -> Any:
    def forget(self: Belief, event: ev.Event) -> None:
        fold(self, event)
        order = self.book.get(event.client_order_id) if isinstance(event, ev.OutcomeNotKnown) else None
        if order is not None and order.intent.role is OrderRole.ENTRY and order.status is OrderStatus.UNKNOWN:
            order.status, order.terminal_at = OrderStatus.ABANDONED, event.at
            episode = self.episode_of(order)
            if episode is not None:
                self.carried.let_go[order.intent.client_order_id] = episode.plan
                del self.episodes[order.intent.symbol]

    return forget


def _asked_is_done(fold: Any) -> Any:
    def cancel(self: Belief, action: ev.Action) -> None:
        fold(self, action)
        if isinstance(action, ev.CancelOrder):
            order = self.book.orders[action.client_order_id]
            order.status, order.terminal_at, order.terminal_seq = OrderStatus.CANCELED, action.at, self.seq

    return cancel


def _sell_beside_the_stop(manage: Any) -> Any:
    def race(self: Protection, episode: Any, at: datetime) -> None:
        symbol = episode.plan.symbol
        stops = self._belief.book.open(symbol, OrderRole.STOP)
        if stops and not self._belief.book.open(symbol, OrderRole.EXIT):
            for stop in stops:
                self._inquiry.cancel(stop, "exit", at)
            self._emit(self._risk.approve_exit(episode, episode.qty, at))
        else:
            manage(self, episode, at)

    return race


def _but_cancels(_: Any) -> Any:
    def claimed(self: OrderBook, symbol: str, besides: str | None = None) -> Decimal:
        sells = (order for order in self.open(symbol) if order.intent.side == "sell" and not order.cancel_asked_at)
        return sum((each.leaves_qty for each in sells if each.intent.client_order_id != besides), Decimal(0))

    return claimed


def _cancel_others(fetch: Any) -> Any:
    def tidy(self: OrderExecutor, what: str) -> list[ev.Event]:
        answers: list[ev.Event] = fetch(self, what)
        for seen in answers:
            for order in seen.orders if isinstance(seen, ev.OpenOrdersSeen) else ():
                if order.client_order_id not in self._engine.belief.book.orders:
                    with suppress(TraderError):
                        self._broker.cancel_order(order.broker_order_id)
        return answers

    return tidy


def _said_twice(submit: Submit) -> Submit:
    def send(self: OrderExecutor, action: Said) -> list[ev.Event]:
        answers = submit(self, action)
        return submit(self, action) if any(isinstance(each, ev.OutcomeNotKnown) for each in answers) else answers

    return send


BUGS = (
    Bug(
        "journal after send",
        "an intent is committed when the broker has answered",
        ("INV-1",),
        (Swap(OrderExecutor, "_submit", _send_first),),
    ),
    Bug(
        "journal's failure ignored",
        "entries go on although nothing can be written",
        ("INV-18",),
        (Swap(OrderExecutor, "_submit", _send_anyway), Swap(engine, "_go_on_without", _as_if_written)),
        needs=("disk.enospc", "disk.eio"),
    ),
    Bug(
        "timeout taken as reject",
        "an answer that does not come is a refusal",
        ("INV-2", "INV-3", "INV-8"),
        (Swap(OrderExecutor, "_say", _refused_in_time),),
    ),
    Bug(
        "blind retry",
        "an order without an answer is said again at once as if it were new",
        ("INV-2",),
        (Swap(OrderExecutor, "_submit", _said_twice),),
    ),
    Bug(
        "new id on retry",
        "an entry without an answer is sent again under another id",
        ("INV-1", "INV-2", "INV-7", "INV-10"),
        (Swap(OrderExecutor, "_submit", _buy_again),),
    ),
    Bug(
        "new id for a lost stop",
        "a stop that was not found is sent again under the next id",
        ("INV-2",),
        (Swap(Inquiry, "_chase_unknown", _under_another_id),),
    ),
    Bug(
        "resent with other contents",
        "a stop is said again a cent lower",
        ("INV-2",),
        (Swap(OrderExecutor, "_submit", _changed_again),),
    ),
    Bug(
        "entry resent",
        "an entry that was not found is sent again",
        ("INV-3",),
        (Swap(Inquiry, "_chase_unknown", _entries_again),),
    ),
    Bug(
        "early expiry",
        "an entry is given up when it was not found once",
        ("INV-3",),
        (
            Swap(inquiry, "ENTRY_MISSES", lambda _: 1),
            Swap(inquiry, "ENTRY_WATCHED_FOR", lambda _: timedelta(0)),
        ),
    ),
    Bug(
        "not found taken as dead",
        "the first look-up that misses ends an order",
        ("INV-2", "INV-3", "INV-8"),
        (Swap(Belief, "_take_miss", _missed_is_dead),),
    ),
    Bug(
        "unknown buy forgotten",
        "an entry without an answer reserves nothing",
        ("INV-2", "INV-10"),
        (Swap(Belief, "on_event", _unknown_is_nothing),),
        needs=("http.accept_then", "http.delay_apply", "http.truncate"),
    ),
    Bug(
        "unknown never asked about",
        "an order without an answer is left at that",
        ("INV-7", "INV-17"),
        (Swap(Inquiry, "_chase_unknown", _never_asked),),
    ),
    Bug(
        "cancel taken as done",
        "an order counts as cancelled when its cancel was asked for",
        ("INV-8", "INV-17"),
        (Swap(Belief, "on_action", _asked_is_done),),
    ),
    Bug(
        "exit race",
        "the exit is sold before the stop's cancel is confirmed",
        ("INV-8",),
        (Swap(Protection, "_manage_exit", _sell_beside_the_stop), Swap(OrderBook, "claimed", _but_cancels)),
    ),
    Bug(
        "others' orders cancelled",
        "open orders that are not ours are cleared away",
        ("INV-9",),
        (Swap(OrderExecutor, "_fetch", _cancel_others),),
        needs=("second_engine",),
    ),
)
