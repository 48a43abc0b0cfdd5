"""The bad line to the broker: the broker port and both streams on the simulated exchange, with faults on the way."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Protocol, TypeVar

from alpaca_trader.core import events as ev
from alpaca_trader.core.errors import AuthRefused, OrderRefused, OutcomeUnknown, RefusalKind, Retryable, TraderError
from alpaca_trader.core.models import Account, Asset, Bar, BrokerClock, Order, Position, Quote, Session
from alpaca_trader.research.sim_broker import SimBroker
from alpaca_trader.simulator.simulator import Simulator
from alpaca_trader.trials.judge import Judge
from alpaca_trader.trials.shown import ShownBar
from alpaca_trader.trials.strikes import Strikes
from alpaca_trader.trials.terms import Said

Answer = TypeVar("Answer")
STALEST = timedelta(seconds=5)
_LATEST_S = 90.0
_SPIKE = 0.2


class Io(Protocol):
    """Where the process may die."""

    def point(self) -> None:
        """One input or output begins or has ended. Raises Crash."""


class BadLine:
    """``core.ports.Broker``. Its answers are the exchange's, or what a bad line makes of them."""

    def __init__(
        self, sim: Simulator, strikes: Strikes, io: Io, judge: Judge, take_time: Callable[[timedelta], None]
    ) -> None:
        """``take_time`` lets virtual time pass while an answer is waited for."""
        self._sim, self._real = sim, SimBroker(sim)
        self._strikes, self._io, self._judge, self._take_time = strikes, io, judge, take_time
        self._late: list[tuple[datetime, ev.Approved | ev.Resend]] = []
        self._out_until = self._locked_out_until = sim.now
        self._seen: deque[tuple[datetime, Sequence[Position], Sequence[Order]]] = deque(maxlen=64)

    @property
    def next_arrival(self) -> datetime | None:
        """When the next late request arrives."""
        return min((at for at, _ in self._late), default=None)

    def pass_time(self) -> None:
        """What is late arrives, and the present is remembered for stale answers."""
        now = self._sim.now
        if self._late:
            due = [request for at, request in self._late if at <= now]
            self._late = [(at, request) for at, request in self._late if at > now]
            for request in due:
                self._arrive(request)
        if self._strikes.may("http.stale_read") and (not self._seen or self._seen[-1][0] < now):
            self._seen.append((now, self._real.get_positions(), self._real.get_open_orders()))

    def _arrive(self, request: ev.Approved | ev.Resend) -> Order | None:
        try:
            return self._real.submit_order(request)
        except OrderRefused:
            return None

    def _call(self, do: Callable[[], Answer]) -> Answer:
        self.pass_time()
        self._io.point()
        if self._strikes.happens("http.slow"):
            self._take_time(timedelta(seconds=self._strikes.amounts("http.slow").uniform(0.2, 8)))
        try:
            answer = do()
        except TraderError:
            self._judge.note_trouble()
            raise
        self._io.point()
        return answer

    def _is_out(self) -> bool:
        now, strikes = self._sim.now, self._strikes
        if now < self._out_until and strikes.are_on:
            return True
        if strikes.happens("http.5xx"):
            amounts = strikes.amounts("http.5xx")
            self._out_until = now + timedelta(seconds=amounts.uniform(5, 60) if amounts.random() < 0.8 else 3600)
            return True
        return False

    def _check_keys(self) -> None:
        now, strikes = self._sim.now, self._strikes
        if now >= self._locked_out_until and strikes.happens("http.401"):
            self._locked_out_until = now + timedelta(seconds=strikes.amounts("http.401").uniform(5, 300))
        if now < self._locked_out_until and strikes.are_on:
            raise AuthRefused("401")

    def _read(self, read: Callable[[], Answer]) -> Answer:
        def answer() -> Answer:
            self._check_keys()
            for fault in ("http.drop", "http.429", "http.truncate", "http.accept_then"):
                if self._strikes.happens(fault):
                    raise Retryable(fault)
            if self._is_out():
                raise Retryable("5xx")
            return read()

        return self._call(answer)

    # ------------------------------------------------------------ writes

    def submit_order(self, request: ev.Approved | ev.Resend) -> Order:
        """Accepted, refused, lost, late or never heard of."""
        try:
            return self._call(lambda: self._submit(request))
        except (OrderRefused, AuthRefused):
            self._judge.hear_refused(request.intent.client_order_id)
            raise

    def _submit(self, request: ev.Approved | ev.Resend) -> Order:
        intent, strikes = request.intent, self._strikes
        self._judge.hear(
            Said(
                intent.client_order_id,
                intent.symbol,
                intent.side,
                intent.qty,
                intent.limit_price,
                intent.stop_price,
                intent.replaces,
                isinstance(request, ev.Resend),
            )
        )
        self._check_keys()
        if self._is_out() or strikes.happens("http.drop") or strikes.happens("http.429"):
            raise OutcomeUnknown("never arrived")
        if strikes.happens("http.delay_apply"):
            delay = timedelta(seconds=strikes.amounts("http.delay_apply").uniform(1, _LATEST_S))
            self._late.append((self._sim.now + delay, request))
            raise OutcomeUnknown("late")
        if strikes.happens("http.accept_then") or strikes.happens("http.truncate"):
            self._arrive(request)
            raise OutcomeUnknown("answer lost")
        return self._real.submit_order(request)

    def cancel_order(self, broker_order_id: str) -> None:
        """Taken, refused or unknown."""
        self._call(lambda: self._cancel(broker_order_id))

    def _cancel(self, broker_order_id: str) -> None:
        self._check_keys()
        if self._is_out() or self._strikes.happens("http.drop") or self._strikes.happens("http.429"):
            raise OutcomeUnknown("never arrived")
        if self._strikes.happens("http.refuse_cancel"):
            raise OrderRefused(RefusalKind.OTHER, 422, 42210000, "not now")
        self._real.cancel_order(broker_order_id)
        if self._strikes.happens("http.accept_then") or self._strikes.happens("http.truncate"):
            raise OutcomeUnknown("answer lost")

    # ------------------------------------------------------------ reads

    def get_order_by_client_id(self, client_order_id: str) -> Order | None:
        """The order; shortly after its submission sometimes not yet."""
        return self._read(lambda: self._look_up(client_order_id))

    def _look_up(self, key: str) -> Order | None:
        order = self._real.get_order_by_client_id(key)
        if order is not None and order.submitted_at is not None:
            is_young = self._sim.now < order.submitted_at + STALEST
            if is_young and self._strikes.happens("http.stale_read"):
                return None
        if order is None:
            self._judge.hear_missing(key)
        return order

    def _stale(self) -> tuple[Sequence[Position], Sequence[Order]] | None:
        """What the broker would have said up to five seconds ago."""
        if not self._seen or not self._strikes.happens("http.stale_read"):
            return None
        return next((entry[1:] for entry in self._seen if entry[0] >= self._sim.now - STALEST), None)

    def get_open_orders(self) -> Sequence[Order]:
        """Open orders, perhaps those of a moment ago."""
        orders = self._read(lambda: (self._stale() or (None, self._real.get_open_orders()))[1])
        self._judge.shown.listing([order.client_order_id for order in orders])
        return orders

    def get_positions(self) -> Sequence[Position]:
        """Positions, perhaps those of a moment ago."""
        positions = self._read(lambda: (self._stale() or (self._real.get_positions(), None))[0])
        self._judge.shown.reading("positions", self._sim.now)
        return positions

    def get_account(self) -> Account:
        """The account."""
        account = self._read(self._real.get_account)
        self._judge.shown.reading("account", self._sim.now)
        return account

    def get_clock(self) -> BrokerClock:
        """The clock."""
        clock = self._read(self._real.get_clock)
        self._judge.shown.clock(clock.timestamp - self._sim.now)
        return clock

    def get_latest_quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Quotes; one of them sometimes off, crossed or without a side."""
        return self._read(lambda: [self._quote(quote) for quote in self._real.get_latest_quotes(symbols)])

    def _quote(self, quote: Quote) -> Quote:
        if not self._strikes.happens("quote.spike") or quote.bid is None or quote.ask is None:
            return quote
        how = self._strikes.amounts("quote.spike")
        kind = how.randrange(4)
        if kind == 0:
            return replace(quote, bid=quote.ask, ask=quote.bid)
        if kind == 1:
            return replace(quote, bid=None)
        factor = Decimal(str(1 + _SPIKE * (1 if kind == 2 else -1)))
        return replace(quote, bid=round(quote.bid * factor, 2), ask=round(quote.ask * factor, 2))

    def get_minute_bars(self, symbols: Sequence[str], start: datetime, end: datetime) -> Sequence[Bar]:
        """Bars."""
        bars = self._read(lambda: self._real.get_minute_bars(symbols, start, end))
        for bar in bars:
            self._judge.shown.bar(bar.symbol, shown_bar(bar), self._sim.now)
        return bars

    def get_calendar(self, first: date, last: date) -> Sequence[Session]:
        """Sessions."""
        return self._read(lambda: self._real.get_calendar(first, last))

    def get_assets(self, symbols: Sequence[str]) -> Sequence[Asset]:
        """Assets."""
        return self._read(lambda: self._real.get_assets(symbols))


def shown_bar(bar: Bar) -> ShownBar:
    """A bar as the judge notes it."""
    return ShownBar(bar.closed_at, bar.open, bar.high, bar.low, bar.close, bar.volume)


class BadStream:
    """Both streams behind the same line: ``deliver`` takes what the exchange told, ``put`` hears what is left of it.

    ``change`` hears of a stream that breaks or comes back: the feed that counts the exchange's messages must not.
    """

    def __init__(
        self,
        strikes: Strikes,
        now: Callable[[], datetime],
        put: Callable[[ev.Event], None],
        change: Callable[[ev.StreamChanged], None],
    ) -> None:
        self._strikes, self._now, self._put, self._change = strikes, now, put, change
        self._late: list[tuple[datetime, ev.ExecutionReport | ev.BarClosed | ev.StreamChanged]] = []
        self._held: list[ev.ExecutionReport] = []
        self._mute_until = self._stale_until = self._broken_until = now()

    @property
    def next_arrival(self) -> datetime | None:
        """When something that is late arrives."""
        return min((at for at, _ in self._late), default=None)

    def pass_time(self) -> None:
        """Hand over what was late."""
        if not self._late:
            return
        now = self._now()
        due = [event for at, event in self._late if at <= now]
        self._late = [(at, event) for at, event in self._late if at > now]
        for event in due:
            put = self._change if isinstance(event, ev.StreamChanged) else self._put
            put(replace(event, at=now))  # type: ignore[arg-type]  # as its kind demands

    def deliver(self, event: ev.Event) -> None:
        """One message of the exchange."""
        if isinstance(event, ev.ExecutionReport):
            self._deliver_report(event)
        elif isinstance(event, ev.BarClosed):
            self._deliver_bar(event)
        else:
            self._put(event)

    def _is_deaf(self) -> bool:
        now, strikes = self._now(), self._strikes
        if strikes.happens("ws.mute"):
            self._mute_until = now + timedelta(seconds=strikes.amounts("ws.mute").uniform(5, 240))
        return now < self._mute_until and strikes.are_on

    def _deliver_report(self, event: ev.ExecutionReport) -> None:
        strikes = self._strikes
        if self._is_deaf() or self._is_broken() or strikes.happens("ws.drop"):
            return
        if strikes.happens("ws.delay"):
            self._late.append((self._now() + timedelta(seconds=strikes.amounts("ws.delay").uniform(0.1, 20)), event))
            return
        if not self._held and strikes.happens("ws.reorder"):
            self._held.append(event)
            return
        for each in (event, *self._held):
            self._put(each)
            if strikes.happens("ws.dup"):
                self._put(each)
        self._held.clear()

    def _is_broken(self) -> bool:
        """The connection breaks; a new one is there some seconds later, and what was told meanwhile is gone."""
        now, strikes = self._now(), self._strikes
        if now < self._broken_until:
            return True
        if not strikes.happens("ws.close"):
            return False
        self._broken_until = now + timedelta(seconds=strikes.amounts("ws.close").uniform(1, 60))
        self._change(ev.StreamChanged(now, "trade_updates", False))
        self._late.append((self._broken_until, ev.StreamChanged(self._broken_until, "trade_updates", True)))
        return True

    def _deliver_bar(self, event: ev.BarClosed) -> None:
        now, strikes = self._now(), self._strikes
        if strikes.happens("bars.stale"):
            self._stale_until = now + timedelta(seconds=strikes.amounts("bars.stale").uniform(60, 900))
        if (now < self._stale_until and strikes.are_on) or strikes.happens("bars.missing"):
            return
        if strikes.happens("bars.late"):
            self._late.append((now + timedelta(seconds=strikes.amounts("bars.late").uniform(1, 90)), event))
            return
        for fault in ("bars.spike", "bars.mutate", "bars.zero_volume"):
            if strikes.happens(fault):
                event = replace(event, bar=_bad(event.bar, fault, strikes.amounts(fault)))
        self._put(event)
        if strikes.happens("bars.revise"):
            close = event.bar.low + (event.bar.high - event.bar.low) * strikes.amounts("bars.revise").random()
            self._put(ev.BarRevised(now, replace(event.bar, close=close)))


def _bad(bar: Bar, fault: str, how: Random) -> Bar:
    """What the fault makes of a bar."""
    if fault == "bars.zero_volume":
        return replace(bar, volume=0.0, high=bar.close, low=bar.close, open=bar.close)
    if fault == "bars.spike":
        off = bar.close * (1 + how.choice((-_SPIKE, _SPIKE)))
        return replace(bar, close=off, high=max(bar.high, off), low=min(bar.low, off))
    value = how.choice((float("nan"), float("inf"), 0.0, -bar.close))
    kind = how.randrange(3)
    if kind == 0:
        return replace(bar, close=value)
    if kind == 1:
        return replace(bar, high=bar.low, low=bar.high)
    return replace(bar, start=bar.start + timedelta(hours=how.choice((-30, 5))))
