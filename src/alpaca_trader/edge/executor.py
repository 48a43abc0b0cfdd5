"""Carries out what the engine decided: the journal first, then the broker, and what came of it as events.

Every word to the broker that creates, replaces or cancels passes three doors in this order: the last gate
(``core.gate``), the journal's commit, the socket. An exception of the broker becomes an event; nothing is retried here.
"""

import hashlib
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol

from alpaca_trader.core import events as ev
from alpaca_trader.core.engine import Engine, drain
from alpaca_trader.core.entry_gates import entry_key
from alpaca_trader.core.errors import (
    AuthRefused,
    Fatal,
    OrderRefused,
    OutcomeUnknown,
    RefusalKind,
    Retryable,
    TraderError,
)
from alpaca_trader.core.gate import refuse
from alpaca_trader.core.models import Bar, Order, OrderRole, Position, Session, TradeSignal, dec
from alpaca_trader.core.orders import TrackedOrder
from alpaca_trader.core.ports import Broker, Clock, Journal

_SIX = struct.Struct("<6d")


class Recorder(Protocol):
    """Tells people: log lines, the status file, notifications."""

    def tell(self, action: ev.Action) -> None:
        """Write down what concerns people; never raises."""


class OrderExecutor:
    """The owner's executor, and the engine's hand."""

    def __init__(self, engine: Engine, broker: Broker, journal: Journal, clock: Clock, recorder: Recorder) -> None:
        """One engine, one broker; ``recorder`` hears every action."""
        self._engine = engine
        self._broker = broker
        self._journal = journal
        self._clock = clock
        self._recorder = recorder

    # ------------------------------------------------------------ the engine's hand

    def carry_out(self, action: ev.Action) -> Sequence[ev.Event]:
        """Do what the action says; returns what came of it, in order. Raises only ``Fatal`` and programming errors."""
        self._recorder.tell(action)
        match action:
            case ev.Approved() | ev.Resend():
                return self._submit(action)
            case ev.CancelOrder():
                return self._cancel(action)
            case ev.Proceed(stage=stage):
                return [ev.StageDue(self._clock.now(), stage)]
            case ev.LookUp(client_order_id=key):
                return self._read(f"order {key}", lambda: self._look_up(key))
            case ev.Fetch(what=what):
                return self._read(what, lambda: self._fetch(what))
            case ev.FetchQuotes(symbols=symbols):
                return self._read("quotes", lambda: self._quotes(symbols))
            case ev.FetchBars():
                return self._read("bars", lambda: self._bars(action))
            case ev.FetchAssets(symbols=symbols):
                return self._read("assets", lambda: self._assets(symbols))
            case ev.FetchHistory():
                return self._read("history", lambda: self._history(action))
            case _:
                return []

    def _submit(self, action: ev.Approved | ev.Resend) -> list[ev.Event]:
        intent = action.intent
        key = intent.client_order_id
        verb: ev.Verb = "submit" if intent.replaces is None else "replace"
        # By the time that it is: what was decided before it may have waited long for the broker.
        broken = refuse(self._engine.belief, intent, self._clock.now())
        if broken is not None:
            return [ev.BrokerRefused(self._clock.now(), key, verb, RefusalKind.POLICY, 0, None, broken)]
        try:
            self._journal.commit()
        except Fatal:
            if intent.role is OrderRole.ENTRY:
                text = "journal not writable"
                return [ev.BrokerRefused(self._clock.now(), key, verb, RefusalKind.POLICY, 0, None, text)]

        def submit() -> list[ev.Event]:
            order = self._broker.submit_order(action)
            return [ev.ExecutionReport(self._clock.now(), order, "reply")]

        return self._say(key, verb, submit)

    def _cancel(self, action: ev.CancelOrder) -> list[ev.Event]:
        with suppress(Fatal):  # a cancel adds no risk: exits and halts work without a journal (INV-18)
            self._journal.commit()

        def cancel() -> list[ev.Event]:
            self._broker.cancel_order(action.broker_order_id)
            return []

        return self._say(action.client_order_id, "cancel", cancel)

    def _say(self, key: str, verb: ev.Verb, speak: Callable[[], list[ev.Event]]) -> list[ev.Event]:
        """A word to the broker, said once: refused, of unknown outcome, or what it leads to.

        Keys that are not accepted are a refusal too: nothing was done, and the positions still need somebody alive.
        """
        try:
            return speak()
        except OrderRefused as no:
            return [
                ev.BrokerRefused(
                    self._clock.now(), key, verb, no.kind, no.status, no.code, no.text, no.existing_order_id
                )
            ]
        except AuthRefused as no:
            return [ev.BrokerRefused(self._clock.now(), key, verb, RefusalKind.KEYS, 401, None, str(no))]
        except Retryable as unknown:
            return [ev.OutcomeNotKnown(self._clock.now(), key, verb, type(unknown).__name__)]

    # ------------------------------------------------------------ reads

    def _read(self, what: str, read: Callable[[], list[ev.Event]]) -> list[ev.Event]:
        """A read that fails is an event like any other: nothing is concluded from it."""
        try:
            return read()
        except TraderError as failure:
            return [ev.ReadFailed(self._clock.now(), what, type(failure).__name__)]

    def _look_up(self, key: str) -> list[ev.Event]:
        order = self._broker.get_order_by_client_id(key)
        if order is None:
            return [ev.LookUpMissed(self._clock.now(), key)]
        return [ev.ExecutionReport(self._clock.now(), order, "poll")]

    def _fetch(self, what: str) -> list[ev.Event]:
        match what:
            case "account":
                return [ev.AccountSeen(self._clock.now(), self._broker.get_account())]
            case "positions":
                return [ev.PositionsSeen(self._clock.now(), tuple(self._broker.get_positions()))]
            case "orders":
                return [ev.OpenOrdersSeen(self._clock.now(), tuple(self._broker.get_open_orders()))]
            case _:
                return [ev.ClockSeen(self._clock.now(), self._broker.get_clock())]

    def _quotes(self, symbols: Sequence[str]) -> list[ev.Event]:
        return [ev.QuotesSeen(self._clock.now(), tuple(self._broker.get_latest_quotes(symbols)))]

    def _assets(self, symbols: Sequence[str]) -> list[ev.Event]:
        return [ev.AssetsSeen(self._clock.now(), tuple(self._broker.get_assets(symbols)))]

    def _bars(self, action: ev.FetchBars) -> list[ev.Event]:
        bars = self._broker.get_minute_bars(action.symbols, action.start, action.end)
        now = self._clock.now()
        known = {symbol: bar.start for symbol, bar in self._engine.belief.bars.items()}
        new = [bar for bar in bars if bar.symbol not in known or bar.start > known[bar.symbol]]
        return [ev.BarClosed(now, bar, "rest") for bar in new if bar.closed_at <= now]

    def _history(self, action: ev.FetchHistory) -> list[ev.Event]:
        now = self._clock.now()
        sessions = self._sessions_before(action)
        bars = [
            bar for bar in self._broker.get_minute_bars(action.symbols, sessions[0].open, now) if bar.closed_at <= now
        ]
        self._engine.warm_up(bars, sessions)
        return [ev.HistoryLoaded(now, len(bars), digest(bars)), *self._missed(bars, now)]

    def _missed(self, bars: Sequence[Bar], now: datetime) -> list[ev.Event]:
        """What the belief has not seen of the history: of a symbol we hold every later bar (its trail follows them), of
        any other the last one."""
        belief = self._engine.belief
        begins = belief.session.open if belief.session is not None else now
        known = {symbol: bar.start for symbol, bar in belief.bars.items()}
        last = {bar.symbol: bar for bar in bars}
        missed = [
            bar
            for bar in bars
            if (
                bar.start > known[bar.symbol] if bar.symbol in known else bar.start >= begins or bar is last[bar.symbol]
            )
            and (bar.symbol in belief.episodes or bar is last[bar.symbol])
        ]
        return [ev.BarClosed(now, bar, "history") for bar in missed]

    def _sessions_before(self, action: ev.FetchHistory) -> list[Session]:
        today = self._clock.now().date()
        reach = timedelta(days=2 * action.sessions_back + 10)  # weekends and holidays take less than half
        sessions = list(self._broker.get_calendar(today - reach, today))[-action.sessions_back :]
        if not sessions:
            raise Retryable("the broker's calendar is empty")
        return sessions

    # ------------------------------------------------------------ the owner's interface

    def submit_order(self, signal: TradeSignal, size: float) -> Order:
        """Buy at most ``size`` shares through every gate the engine's own entries pass.

        Raises OrderRefused where a gate or the broker refuses, OutcomeUnknown where the broker's answer is lost: the
        engine goes on finding out what became of it.
        """
        at, book = self._clock.now(), self._engine.belief.book
        for seen in self._quotes_for(at, signal.symbol):
            drain(self._engine, seen, self, self._journal)
        earlier = book.get(entry_key(signal, at))
        drain(self._engine, ev.EntryAsked(at, signal, dec(size)), self, self._journal)
        entry = book.get(entry_key(signal, at)) if earlier is None else None
        if entry is None or entry.refusal is not None:
            text = "refused; why-not tells the gate" if entry is None else str(entry.refusal)
            raise OrderRefused(RefusalKind.POLICY, 0, None, text)
        return self._seen(entry)

    def cancel_order(self, order_id: str) -> bool:
        """Ask the broker to cancel one of our open orders, by either id; whether it took the request.

        A position whose stop is cancelled gets another: protection is not for sale.
        """
        for order in self._engine.belief.book.open():
            if order.broker_order_id is not None and order_id in (order.broker_order_id, order.intent.client_order_id):
                action = ev.CancelOrder(self._clock.now(), order.intent.client_order_id, order.broker_order_id, "asked")
                self._engine.belief.on_action(action)
                self._journal.record(action)
                answers = self.carry_out(action)
                for answer in answers:
                    drain(self._engine, answer, self, self._journal)
                return not answers
        return False

    def get_positions(self) -> list[Position]:
        """The broker's positions, read now."""
        return list(self._broker.get_positions())

    def close_position(self, symbol: str) -> Order:
        """Have our position in ``symbol`` closed; returns the order that is being worked on for it.

        That is the stop while its cancel is awaited, then the sale. Raises OrderRefused where nothing of ours is held,
        Retryable where the sale cannot be sent yet (market closed, position not read): the engine goes on with it.
        """
        self._ask_exit(symbol)
        open_sells = self._open_sells(symbol)
        if open_sells:
            return self._seen(open_sells[-1])
        episode = self._engine.belief.episodes.get(symbol)
        if episode is None or not episode.qty:
            raise OrderRefused(RefusalKind.NOT_FOUND, 0, None, f"no position of ours in {symbol}")
        raise Retryable(f"the sale of {symbol} is decided and cannot be sent yet")

    def close_all_positions(self) -> list[Order]:
        """Have every position of ours closed; returns the orders that are being worked on for that now."""
        symbols = sorted(self._engine.belief.episodes)
        for symbol in symbols:
            self._ask_exit(symbol)
        return [self._seen(order) for symbol in symbols for order in self._open_sells(symbol)[-1:]]

    def _quotes_for(self, at: datetime, symbol: str) -> Sequence[ev.Event]:
        """A fresh quote: no entry is priced without one."""
        ask = ev.FetchQuotes(at, (symbol,))
        self._engine.belief.on_action(ask)
        self._journal.record(ask)
        return self.carry_out(ask)

    def _ask_exit(self, symbol: str) -> None:
        drain(self._engine, ev.ExitAsked(self._clock.now(), symbol), self, self._journal)

    def _open_sells(self, symbol: str) -> list[TrackedOrder]:
        return [order for order in self._engine.belief.book.open(symbol) if order.intent.side == "sell"]

    def _seen(self, order: TrackedOrder) -> Order:
        seen = self._broker.get_order_by_client_id(order.intent.client_order_id)
        if seen is None:
            raise OutcomeUnknown(f"{order.intent.client_order_id} is not known at the broker yet")
        return seen


def digest(bars: Sequence[Bar]) -> str:
    """A short fingerprint of bars, so that a journal tells which history a run was warmed up with."""
    sha = hashlib.sha256()
    for bar in bars:
        numbers = (bar.start.timestamp(), bar.open, bar.high, bar.low, bar.close, bar.volume)
        sha.update(bar.symbol.encode() + _SIX.pack(*numbers))
    return sha.hexdigest()[:16]
