"""A trading desk to play scenes at: the engine and executor as shipped, and across the counter a broker written by hand.

A scene is a list of ``(step, said)``. A step is one sentence; ``said`` is what the engine then told the broker, sales and
buys as ``stop1 0.251752021 stop 182.72``, repetitions of an order as ``again stop1``, cancels as ``cancel stop1``, joined
by ``; ``. Reads are not listed. The broker does only what the scene makes it do.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

from pandas import DataFrame

from alpaca_trader.core import events as ev
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.config import PluginParams, RiskConfig, StrategyConfig, StrategySettings
from alpaca_trader.core.engine import Engine, drain
from alpaca_trader.core.errors import AuthRefused, Fatal, OrderRefused, OutcomeUnknown, RefusalKind, Retryable
from alpaca_trader.core.models import (
    MINUTE,
    ZERO,
    Account,
    Asset,
    Bar,
    BrokerClock,
    Order,
    Position,
    Quote,
    Session,
    Side,
    Trade,
    TradeSignal,
)
from alpaca_trader.core.orders import OPEN, REPORTED
from alpaca_trader.core.policy import Policy
from alpaca_trader.core.recovery import rebuild
from alpaca_trader.core.strategy_manager import StrategyManager
from alpaca_trader.edge.clock import VirtualClock
from alpaca_trader.edge.executor import OrderExecutor
from alpaca_trader.edge.journal.memory import MemoryJournal

D = Decimal
DAY = date(2026, 11, 20)
HALF_DAY = date(2026, 11, 27)
NEW_YORK = timedelta(hours=5)
STRATEGY = "scripted"
SYMBOLS = ("AAPL", "MSFT")
Scene = Sequence[tuple[str, str]]


def ny(clock: str, day: date = DAY) -> datetime:
    """The instant at which New York's clocks show ``clock`` in November."""
    return datetime.combine(day, time.fromisoformat(clock), UTC) + NEW_YORK


def hours(day: date = DAY) -> Session:
    """The session of ``day``; 13:00 is the close of a half day."""
    return Session(day, ny("09:30", day), ny("13:00" if day == HALF_DAY else "16:00", day))


class Wishes:
    """A plug-in strategy that wants what the scene says: symbol to side and reason, each said once."""

    wanted: dict[str, TradeSignal]
    name = STRATEGY
    enabled = True

    def __init__(self) -> None:
        self.wanted = {}

    def get_watchlist(self) -> list[str]:
        """Both symbols."""
        return list(SYMBOLS)

    def analyze(self, symbol: str, bars: DataFrame) -> TradeSignal | None:
        """The wish, if there is one."""
        assert len(bars)
        return self.wanted.pop(symbol, None)


def settings(*, params: dict[str, Any] | None = None, **risk: Any) -> StrategyConfig:
    """The owner's limits with these differences, and one strategy that does as the scene wishes."""
    own = PluginParams.model_validate({"no_entry_open_min": 0, "max_entries_per_symbol_day": 9, **(params or {})})
    wishes = StrategySettings.model_validate(
        {"enabled": True, "watchlist": SYMBOLS, "params": own, "class": "tests.core.desk:Wishes"}
    )
    return StrategyConfig(risk=RiskConfig(**risk), strategies={STRATEGY: wishes})


def role_of(client_order_id: str) -> str:
    """``entry``, ``stop2``, ``exit1``: the last part of an id of ours."""
    return client_order_id.rsplit("-", 1)[1]


class HandBroker:
    """Orders, positions and quotes as the scene sets them. ``script`` holds what the next calls get instead."""

    def __init__(self, clock: VirtualClock, must_be_written: Callable[[str], None]) -> None:
        self._clock = clock
        self._must_be_written = must_be_written
        self.orders: dict[str, Order] = {}
        self.held: dict[str, tuple[Decimal, Decimal]] = {}
        self.bids: dict[str, Decimal] = {"AAPL": D("185.48"), "MSFT": D("430.00")}
        self.account = Account("id", "PA1", "ACTIVE", D(467), D(467), D(467), D(467))
        self.skew, self.hours = timedelta(0), "open"
        self.splits: dict[str, Decimal] = {}
        self.script: dict[str, deque[Any]] = {}
        self.down = False
        self.said: list[str] = []
        self.asked: list[str] = []
        self.looked_up: list[str] = []
        self.late: list[tuple[str, ev.Approved | ev.Resend]] = []

    def _scripted(self, verb: str) -> Any:
        self.asked.append(verb)
        if self.down:
            raise OutcomeUnknown("down") if verb in ("submit", "cancel") else Retryable("down")
        queue = self.script.get(verb)
        answer = queue.popleft() if queue else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def submit_order(self, request: ev.Approved | ev.Resend) -> Order:
        """Accept as the broker does: first ``pending_new``, later (a scene's step) ``new``."""
        intent = request.intent
        key = intent.client_order_id
        self._must_be_written(key)
        price = (
            ""
            if intent.limit_price is None and intent.stop_price is None
            else f" {intent.limit_price or intent.stop_price}"
        )
        again = "again " if isinstance(request, ev.Resend) else ""
        over = f" over {role_of(intent.replaces)}" if intent.replaces else ""
        self.said.append(f"{again}{role_of(key)} {intent.qty.normalize():f} {intent.type}{price}{over}")
        answer = self._scripted("submit")
        if answer == "dropped":
            raise OutcomeUnknown(key)
        if answer == "late":
            self.late.append((key, request))
            raise OutcomeUnknown(key)
        order = self.accept(request)
        if isinstance(answer, tuple):
            raise answer[0]
        if answer == "lost":
            raise OutcomeUnknown(key)
        return order

    def accept(self, request: ev.Approved | ev.Resend) -> Order:
        """Put the order into the book. Raises OrderRefused for an id that was used."""
        intent = request.intent
        key = intent.client_order_id
        if key in self.orders:
            raise refused(RefusalKind.DUPLICATE_ID)
        done, average = ZERO, None
        if intent.replaces is not None:
            old = self.orders[intent.replaces]
            done, average = old.filled_qty, old.filled_avg_price
            self.orders[intent.replaces] = replace(old, status="pending_replace")
        order = Order(
            f"b-{len(self.orders)}", key, intent.symbol, intent.side, str(intent.type), "day", "pending_new",
            intent.qty, done, average, intent.limit_price, intent.stop_price, replaces=intent.replaces,
        )  # fmt: skip
        self.orders[key] = order
        return order

    def cancel_order(self, broker_order_id: str) -> None:
        """204: accepted, no more."""
        order = next(order for order in self.orders.values() if order.broker_order_id == broker_order_id)
        self.said.append(f"cancel {role_of(order.client_order_id)}")
        answer = self._scripted("cancel")
        if answer == "dropped":
            raise OutcomeUnknown(broker_order_id)
        if answer == "ignored":
            return
        if REPORTED[order.status] not in OPEN:
            raise refused(RefusalKind.ALREADY_DONE)
        if order.status == "pending_cancel":
            raise refused(RefusalKind.OTHER)
        self.orders[order.client_order_id] = replace(order, status="pending_cancel")

    def get_order_by_client_id(self, client_order_id: str) -> Order | None:
        """The order or None."""
        self.looked_up.append(role_of(client_order_id))
        self._scripted("look_up")
        return self.orders.get(client_order_id)

    def get_open_orders(self) -> Sequence[Order]:
        """What is open."""
        answer = self._scripted("orders")
        return answer if answer is not None else [o for o in self.orders.values() if REPORTED[o.status] in OPEN]

    def get_positions(self) -> Sequence[Position]:
        """What is held; open sells hold shares back."""
        answer = self._scripted("positions")
        if answer is not None:
            return list(answer)
        return [
            Position(symbol, qty, qty - self._kept(symbol), price) for symbol, (qty, price) in sorted(self.held.items())
        ]

    def _kept(self, symbol: str) -> Decimal:
        open_ids = {o.client_order_id for o in self.orders.values() if REPORTED[o.status] in OPEN}
        sells = [o for o in self.orders.values() if o.client_order_id in open_ids and o.side == "sell"]
        return sum(
            ((o.qty or ZERO) - o.filled_qty for o in sells if o.symbol == symbol and o.replaces not in open_ids), ZERO
        )

    def get_account(self) -> Account:
        """The account that fits what is held and was traded; its equity as a scene set it."""
        self._scripted("account")
        cash = self.cash()
        worth = sum((qty * self.bids[symbol] for symbol, (qty, _) in self.held.items()), ZERO)
        equity = cash + worth if self.account.equity == D(467) else self.account.equity
        return replace(self.account, cash=cash, equity=equity)

    def cash(self) -> Decimal:
        """467 and what every fill moved; what left or came by other hands did so at the bid."""
        carried = {order.replaces for order in self.orders.values() if order.filled_qty and order.replaces}
        cash, bought = D(467), dict.fromkeys(self.bids, ZERO)
        for key, order in self.orders.items():
            if key in carried or order.filled_avg_price is None:
                continue
            sign = 1 if order.side == "buy" else -1
            cash -= sign * order.filled_qty * order.filled_avg_price
            bought[order.symbol] += sign * order.filled_qty
        for symbol, qty in bought.items():
            cash += (qty * self.splits.get(symbol, 1) - self.held.get(symbol, (ZERO, ZERO))[0]) * self.bids[symbol]
        return cash

    def get_clock(self) -> BrokerClock:
        """Agrees with ours as far as a scene wants."""
        self._scripted("clock")
        now = self._clock.now()
        closes = now if self.hours in ("open", "closed") else ny(self.hours, now.date())
        return BrokerClock(now + self.skew, self.hours != "closed", now, closes)

    def get_calendar(self, first: date, last: date) -> Sequence[Session]:
        """The day of the scene and the one before."""
        return [hours(date(2026, 11, 19)), hours()]

    def get_assets(self, symbols: Sequence[str]) -> Sequence[Asset]:
        """Everything may be traded."""
        self._scripted("assets")
        return [Asset(symbol, True, True) for symbol in symbols]

    def get_latest_quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Bid as set, ask two cents above."""
        self._scripted("quotes")
        now = self._clock.now()
        return [Quote(s, now, self.bids[s], self.bids[s] + D("0.02")) for s in symbols]

    def get_minute_bars(self, symbols: Sequence[str], start: datetime, end: datetime) -> Sequence[Bar]:
        """No history."""
        self._scripted("bars")
        return []


def refused(kind: RefusalKind) -> OrderRefused:
    """The broker's no."""
    return OrderRefused(kind, 422, 42210000, f"no: {kind}")


class Disk(MemoryJournal):
    """A journal whose disk can be full."""

    is_full = False

    def commit(self) -> None:
        """Raises Fatal while the disk is full."""
        if self.is_full:
            raise Fatal("disk full")
        super().commit()


class Desk:
    """One engine at work. Begins at 10:30:02 of ``day`` with everything read and nothing held."""

    def __init__(self, config: StrategyConfig | None = None, day: date = DAY) -> None:
        self.config = config or settings()
        self.day = day
        self.wishes = Wishes()
        self.clock = VirtualClock(ny("10:28", day))
        self.broker = HandBroker(self.clock, self._must_be_written)
        self.journal = Disk()
        self.told: list[ev.Action] = []
        self._checked = 0
        self._open_engine(Belief())
        self.clock.advance_to(ny("10:28:30", day))
        self.feed(ev.SessionOpened(self.clock.now(), hours(day)))
        self.clock.advance_to(ny("10:29:03", day))
        self.minute()

    def _must_be_written(self, key: str) -> None:
        """No order is said before its intent is on the disk (INV-1), unless there is no disk to write to."""
        intents = [entry.intent for entry in self.journal.committed if isinstance(entry, ev.Approved)]
        assert self.journal.is_full or key in [intent.client_order_id for intent in intents], f"{key} is not committed"

    def tell(self, action: ev.Action) -> None:
        """Hear every action (``Recorder``)."""
        self.told.append(action)

    def _open_engine(self, belief: Belief) -> None:
        self.engine = Engine(StrategyManager(lambda path: self.config, lambda path: lambda: self.wishes), belief)  # type: ignore[arg-type, return-value]
        self.executor = OrderExecutor(self.engine, self.broker, self.journal, self.clock, self)
        self.feed(ev.ConfigAccepted(self.clock.now(), "rev1", self.config, Policy()))
        self.feed(ev.Command(self.clock.now(), "started", "engine", ""))

    def restart(self) -> None:
        """The process dies; another one begins with what was committed."""
        self.journal = Disk(self.journal.committed)
        self._open_engine(rebuild(self.journal.since_checkpoint()))
        self.feed(ev.SessionOpened(self.clock.now(), hours(self.day)))

    def feed(self, event: ev.Event) -> None:
        """One event of the outside and everything that follows from it."""
        drain(self.engine, event, self.executor, self.journal)

    @property
    def belief(self) -> Belief:
        """What the engine believes."""
        return self.engine.belief

    # ------------------------------------------------------------ time

    def wait(self, seconds: float) -> None:
        """Let time pass; the engine is woken whenever it asked to be."""
        end = self.clock.now() + timedelta(seconds=seconds)
        while (due := self.engine.next_wakeup()) is not None and due <= end:
            self.clock.advance_to(max(due, self.clock.now()))
            self.feed(ev.Timer(self.clock.now()))
        self.clock.advance_to(end)

    def minute(self, close: str = "", high: str = "", low: str = "") -> None:
        """To the next tick, two seconds after a minute; both symbols' bars come 0.4 s after it."""
        now = self.clock.now()
        start = now.replace(second=0, microsecond=0)
        self.wait((start + MINUTE + timedelta(seconds=0.4) - now).total_seconds())
        for symbol in SYMBOLS:
            last = float(close or self.broker.bids[symbol] + D("0.02")) if symbol == "AAPL" else 430.02
            top, bottom = (float(high or last), float(low or last)) if symbol == "AAPL" else (last, last)
            bar = Bar(symbol, start, last, max(top, last), min(bottom, last), last, 1000.0)
            self.feed(ev.BarClosed(self.clock.now(), bar))
        self.wait(1.6)
        self.feed(ev.Tick(self.clock.now(), hours(self.day)))

    # ------------------------------------------------------------ the broker's side

    def key(self, role: str, symbol: str = "AAPL") -> str:
        """The newest client order id with this role."""
        return [k for k in self.broker.orders if role_of(k) == role and f"-{symbol}-" in k][-1]

    def change(self, key: str, status: str, qty: Decimal = ZERO, price: str = "", tell: bool = True) -> None:
        """The order reaches ``status``, ``qty`` of it executing now; the trade stream tells it unless it is lost."""
        order = self.broker.orders[key]
        filled, average = order.filled_qty + qty, order.filled_avg_price
        if qty:
            average = (order.filled_qty * (average or ZERO) + qty * D(price)) / filled
            self._move(order.symbol, order.side, qty, D(price))
        if status == "replaced":
            assert not qty
        self.broker.orders[key] = replace(order, status=status, filled_qty=filled, filled_avg_price=average)
        if tell:
            self.report(key, qty, price)

    def report(self, key: str, qty: Decimal = ZERO, price: str = "") -> None:
        """Tell the order's present state over the stream."""
        order = self.broker.orders[key]
        execution = f"x-{key}-{order.filled_qty}" if qty else None
        last = (qty, D(price)) if qty else (None, None)
        self.feed(ev.ExecutionReport(self.clock.now(), order, "stream", order.status, execution, *last))

    def _move(self, symbol: str, side: Side, qty: Decimal, price: Decimal) -> None:
        had, average = self.broker.held.get(symbol, (ZERO, price))
        left = had + qty if side == "buy" else had - qty
        assert left >= 0, "the broker sells nothing short"
        self.broker.held[symbol] = (left, average)
        if not left:
            del self.broker.held[symbol]

    def wish(self, side: Side, symbol: str = "AAPL", reason: str = "") -> None:
        """What the strategy will say at the next bar."""
        self.wishes.wanted[symbol] = TradeSignal(symbol, side, STRATEGY, 0.8, reason=reason)

    # ------------------------------------------------------------ scenes

    def play(self, scene: Scene) -> None:
        """Do each step and compare what the engine said with what the scene expects."""
        for number, (step, said) in enumerate(scene):
            self.do(step)
            heard, self.broker.said = "; ".join(self.broker.said), []
            assert heard == said, f"step {number} ({step}): said {heard!r}, expected {said!r}"
        self.check_memory()

    def check_memory(self) -> None:
        """The journal tells the same story: what is folded from it again is what is believed."""
        again = rebuild(self.journal.entries)
        for name in ("carried", "count", "now", "account", "positions", "mismatch", "strangers"):
            assert getattr(again, name) == getattr(self.belief, name), name

    def do(self, step: str) -> None:
        """One step, a sentence: see ``_VERBS``."""
        verb, *words = step.split()
        _VERBS[verb](self, *words)

    def lines(self, kind: type) -> list[Any]:
        """Actions of one kind so far."""
        return [action for action in self.told if isinstance(action, kind)]

    @property
    def last_buy(self) -> ev.Decided:
        """What became of the last wish to buy."""
        wishes = [decided for decided in self.lines(ev.Decided) if decided.evaluation.signal is not None]
        last: ev.Decided = [decided for decided in wishes if decided.evaluation.signal.side == "buy"][-1]
        return last

    @property
    def alarms(self) -> list[str]:
        """Codes of the alarms so far, without infos."""
        return [alarm.code for alarm in self.lines(ev.Alarm) if alarm.level != "info"]

    @property
    def row(self) -> Trade:
        """The newest trade row."""
        row: Trade = self.lines(ev.TradeChanged)[-1].trade
        return row

    # verbs

    def _buy(self, symbol: str = "AAPL") -> None:
        self.wish("buy", symbol)
        self.minute()

    def _sell(self, reason: str) -> None:
        self.wish("sell", reason=reason)
        self.minute()

    def _fill(self, role: str, price: str, how: str = "told") -> None:
        order = self.broker.orders[self.key(role)]
        assert order.qty is not None
        self.change(order.client_order_id, "filled", order.qty - order.filled_qty, price, how == "told")

    def _part(self, role: str, qty: str, price: str, how: str = "told") -> None:
        self.change(self.key(role), "partially_filled", D(qty), price, how == "told")

    def _to(self, role: str, status: str, how: str = "told") -> None:
        self.change(self.key(role), status, tell=how == "told")

    def _bid(self, price: str) -> None:
        self.broker.bids["AAPL"] = D(price)

    def _next(self, verb: str, answer: str, *rest: str) -> None:
        made: Any = answer
        if answer == "refused":
            made = refused(RefusalKind(rest[0]))
        elif answer == "applied":
            made = (refused(RefusalKind(rest[0])),)
        elif answer == "keys":
            made = AuthRefused("keys")
        elif answer == "failed":
            made = Retryable("later")
        elif answer == "nothing":
            made = ()
        self.broker.script.setdefault(verb, deque()).append(made)

    def _arrive(self) -> None:
        _, request = self.broker.late.pop(0)
        self.broker.accept(request)

    def _is(self, state: str, symbol: str = "AAPL") -> None:
        states = self.engine.position_states()
        found = states.get(symbol, "none")
        assert found == state, f"{symbol} is {found}, not {state}"

    def _alarm(self, *codes: str) -> None:
        new, self._checked = self.alarms[self._checked :], len(self.alarms)
        assert tuple(new) == codes, f"alarms {new}, expected {codes}"

    def _ends(self, status: str, reason: str = "") -> None:
        assert (self.row.status, self.row.exit_reason or "") == (status, reason), self.row
        assert not self.belief.episodes

    def _command(self, verb: Any) -> None:
        self.feed(ev.Command(self.clock.now(), verb, "human", "by hand"))

    def _ends_not(self) -> None:
        assert self.belief.episodes

    def _bar(self, close: str, high: str) -> None:
        start = self.belief.bars["AAPL"].closed_at
        self.feed(
            ev.BarClosed(
                self.clock.now(), Bar("AAPL", start, float(close), float(high), float(close), float(close), 1.0)
            )
        )

    def _look(self) -> None:
        self.feed(ev.QuotesSeen(self.clock.now(), tuple(self.broker.get_latest_quotes(SYMBOLS))))

    def _close(self) -> None:
        self.feed(ev.ExitAsked(self.clock.now(), "AAPL"))

    def _went(self, down: bool) -> None:
        self.broker.down = down

    def _night(self) -> None:
        self.wait(max(0.0, (hours(self.day).close - self.clock.now()).total_seconds() + 0.5))
        for key, order in list(self.broker.orders.items()):
            if REPORTED[order.status] in OPEN:
                self.change(key, "expired")
        self.wait(4.5)
        self.feed(ev.SessionClosed(self.clock.now(), hours(self.day)))
        self.day += timedelta(days=3 if self.day.weekday() == 4 else 1)
        self.wait((ny("09:25", self.day) - self.clock.now()).total_seconds())
        self.feed(ev.SessionOpened(self.clock.now(), hours(self.day)))

    def _night_of_silence(self) -> None:
        self.wait((hours(self.day).close - self.clock.now()).total_seconds() + 0.5)
        for key, order in list(self.broker.orders.items()):
            if REPORTED[order.status] in OPEN:
                self.change(key, "expired", tell=False)
        self._night()

    def _read(self) -> None:
        self.feed(ev.StreamChanged(self.clock.now(), "trade_updates", True))

    def _asleep(self, seconds: str) -> None:
        self.clock.advance_to(self.clock.now() + timedelta(seconds=float(seconds)))

    def _at(self, clock: str) -> None:
        self.wait((ny(clock, self.day) - self.clock.now()).total_seconds())

    def _equity(self, dollars: str) -> None:
        self.broker.account = replace(self.broker.account, equity=D(dollars))

    def _full(self, is_full: bool) -> None:
        self.journal.is_full = is_full

    def _decided(self, verdict: str) -> None:
        assert self.last_buy.verdict == verdict, self.last_buy

    def _stranger(self, key: str, symbol: str, side: Side, qty: str = "1") -> None:
        self.broker.orders[key] = Order(
            f"b-{key}", key, symbol, side, "limit", "day", "new", D(qty), ZERO, None, D("100.00")
        )

    def _owns(self, symbol: str, qty: str, price: str = "430") -> None:
        self.broker.held[symbol] = (D(qty), D(price))
        self.broker.bids.setdefault(symbol, D(price))

    def _block(self) -> None:
        self.broker.account = replace(self.broker.account, trading_blocked=True)

    def _broken_bar(self) -> None:
        start = self.belief.bars["AAPL"].closed_at
        self.feed(ev.BarClosed(self.clock.now(), Bar("AAPL", start, 1.0, 0.5, 1.0, 1.0, 1.0)))

    def _set_clock(self, seconds: str, word: str) -> None:
        self.broker.skew, self.broker.hours = timedelta(seconds=float(seconds)), word

    def _split(self, new: str, old: str) -> None:
        qty, price = self.broker.held["AAPL"]
        self.broker.held["AAPL"] = ((qty * D(new) / D(old)).quantize(D("1e-9"), ROUND_DOWN), price * D(old) / D(new))
        self.broker.bids["AAPL"] *= D(old) / D(new)
        self.broker.splits["AAPL"] = D(new) / D(old)

    def _took(self, symbol: str, qty: str) -> None:
        self._move(symbol, "sell", D(qty), D(1))


_VERBS: dict[str, Callable[..., None]] = {
    "buy": Desk._buy,
    "sell": Desk._sell,
    "fill": Desk._fill,
    "part": Desk._part,
    "to": Desk._to,
    "barred": lambda desk, code: desk.feed(ev.EntriesBarred(desk.clock.now(), code, "why")),
    "lifted": lambda desk, code: desk.feed(ev.BarLifted(desk.clock.now(), code)),
    "wait": lambda desk, seconds: desk.wait(float(seconds)),
    "minute": Desk.minute,
    "bid": Desk._bid,
    "next": Desk._next,
    "arrive": Desk._arrive,
    "is": Desk._is,
    "alarm": Desk._alarm,
    "ends": Desk._ends,
    "command": Desk._command,
    "took": Desk._took,
    "ends_not": Desk._ends_not,
    "close": Desk._close,
    "night": Desk._night,
    "night_of_silence": Desk._night_of_silence,
    "read": Desk._read,
    "asleep": Desk._asleep,
    "at": Desk._at,
    "equity": Desk._equity,
    "disk_full": lambda desk: desk._full(True),
    "disk_freed": lambda desk: desk._full(False),
    "verdict": Desk._decided,
    "stranger": Desk._stranger,
    "owns": Desk._owns,
    "block": Desk._block,
    "broken": Desk._broken_bar,
    "clock": Desk._set_clock,
    "split": Desk._split,
    "bar": Desk._bar,
    "look": Desk._look,
    "down": lambda desk: desk._went(True),
    "up": lambda desk: desk._went(False),
    "restart": Desk.restart,
}
"""buy [SYMBOL] / sell REASON: the strategy wishes it and a minute passes · fill ROLE PRICE [silently] · part ROLE QTY
PRICE · to ROLE STATUS: the order's state changes · next VERB ANSWER: lost (accepted), dropped, late, refused KIND, failed,
ignored, nothing, keys, applied KIND (refused in words only) · arrive: a late order gets there · took SYMBOL QTY: a human sells by hand · is STATE · alarm CODES: new
ones since last asked · ends STATUS [REASON]."""
