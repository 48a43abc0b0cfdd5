"""What we believe of the world, folded from the journal: orders, positions, account, halts, the market's last word.

``on_event`` and ``on_action`` are the only ways in, and both depend on nothing but the belief itself: folding the
journal's entries again gives the same belief. Deciding happens elsewhere and reads this.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from pydantic import TypeAdapter

from alpaca_trader.core import events as ev
from alpaca_trader.core.config import StrategyConfig
from alpaca_trader.core.episode import Episode
from alpaca_trader.core.errors import RefusalKind
from alpaca_trader.core.models import (
    MINUTE,
    ZERO,
    Account,
    Asset,
    Bar,
    BrokerClock,
    Order,
    OrderIntent,
    OrderRole,
    OrderStatus,
    Position,
    Quote,
    Session,
    Trade,
    dec,
    is_sound,
)
from alpaca_trader.core.orders import OPEN, REPORTED, Fill, OrderBook, TrackedOrder
from alpaca_trader.core.policy import Policy
from alpaca_trader.core.portfolio import Portfolio
from alpaca_trader.core.salvage import Salvaged, intent_of, is_ours, number_of, salvage

STOPPED = frozenset({"stop", "trail_stop", "stop_breached"})
"""Exit reasons that were a stop, at the broker or held by us."""

MOST_EARLY = timedelta(minutes=2)
"""A bar that ends later than this from now comes from a clock that is wrong."""
QUOTE_MAX_AGE = timedelta(seconds=30)
READINGS = frozenset({"account", "positions", "orders"})
CANCEL_WORKS_IN = timedelta(seconds=10)
SATURDAY = 5
CASH_TOLERANCE = Decimal("0.02")
CASH_ROUNDING = Decimal("0.005")
"""Cash may differ by this much, and by half a cent for every fill the broker booked in whole cents. USD."""

URGENT = frozenset({"stop_breached", "trail_stop", "unprotected", "daily_loss_flatten", "operator_flatten"})
"""Exit reasons that are sold at market at once."""


@dataclass(slots=True)
class RiskDay:
    """The day's and the account's memory for limits. USD, UTC."""

    latched: dict[str, ev.HaltLatched] = field(default_factory=dict)
    warned: list[str] = field(default_factory=list)
    peak_equity: Decimal | None = None
    flows_before_today: Decimal = ZERO
    flows_today: Decimal = ZERO
    losses_in_row: int = 0
    entries_by_symbol: dict[str, int] = field(default_factory=dict)
    entry_times: list[datetime] = field(default_factory=list)
    last_exit_at: dict[str, datetime] = field(default_factory=dict)
    last_stop_at: dict[str, datetime] = field(default_factory=dict)
    day_trade_days: list[str] = field(default_factory=list)
    recent_sessions: list[str] = field(default_factory=list)
    """The last five session days we followed; days we slept through make the window longer, never shorter."""
    cash_at_open: Decimal | None = None
    flows_at_open: Decimal = ZERO
    flows_on: date | None = None
    accepted_ids: list[str] = field(default_factory=list)
    """Orders that look like ours and are not, of which a human said that entries may go on."""
    others_traded: bool = False
    """Somebody else held or ordered something today: the day's cash is then not ours alone to explain."""
    equity_at_open: Decimal | None = None
    last_equity_at_halt: Decimal | None = None


@dataclass(slots=True)
class DayCount:
    """What the day's summary counts."""

    orders_sent: int = 0
    signals: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    seconds_unprotected: float = 0.0
    closed: list[Episode] = field(default_factory=list)
    is_done: bool = False


@dataclass(slots=True)
class Carried:
    """The part of the belief that outlives a session; a checkpoint is this, as JSON."""

    portfolio: Portfolio = field(default_factory=Portfolio)
    book: OrderBook = field(default_factory=OrderBook)
    episodes: dict[str, Episode] = field(default_factory=dict)
    risk: RiskDay = field(default_factory=RiskDay)
    session: Session | None = None
    seq: int = 0
    let_go: dict[str, ev.EpisodeOpened] = field(default_factory=dict)
    """The session's entries that came to nothing, by client order id: should one fill after all, its plan is here."""
    foreign_shares: dict[str, Decimal] = field(default_factory=dict)
    """Shares beside ours in a symbol of ours, known to be somebody else's."""


_CARRIED = TypeAdapter(Carried)


@dataclass(slots=True)
class Belief:
    """Everything believed. One thread owns it."""

    carried: Carried = field(default_factory=Carried)
    count: DayCount = field(default_factory=DayCount)
    now: datetime | None = None
    started_at: datetime | None = None
    config: StrategyConfig | None = None
    policy: Policy | None = None
    config_rev: str = ""
    config_refusal: ev.ConfigRefused | None = None
    account: Account | None = None
    account_at: datetime | None = None
    account_seq: int = 0
    positions: dict[str, Position] = field(default_factory=dict)
    positions_at: datetime | None = None
    positions_seq: int = 0
    quotes: dict[str, Quote] = field(default_factory=dict)
    bars: dict[str, Bar] = field(default_factory=dict)
    assets: dict[str, Asset] = field(default_factory=dict)
    clock_skew: timedelta = timedelta(0)
    streams: dict[str, bool] = field(default_factory=dict)
    reads_failed_since: datetime | None = None
    unread: set[str] = field(default_factory=set)
    """Readings of ``READINGS`` that have to succeed before anything is bought again."""
    keys_refused: bool = False
    closed_at_broker: bool = False
    """The broker's clock said "closed" when our calendar said "open"."""
    bad_bars: dict[str, int] = field(default_factory=dict)
    """Broken bars of a symbol in a row."""
    sales: dict[str, list[datetime]] = field(default_factory=dict)
    """When stops and exits of a symbol were said, the last minute's."""
    journal_failed: bool = False
    strangers: list[str] = field(default_factory=list)
    mismatch: dict[str, datetime] = field(default_factory=dict)
    """Since when the readings of a symbol's position have shown one and the same quantity that is not ours."""
    mismatch_qty: dict[str, Decimal] = field(default_factory=dict)
    foreign_since: dict[str, datetime] = field(default_factory=dict)
    """Since when the readings have shown a position in a symbol in which we hold nothing."""
    cash_off_since: datetime | None = None
    fill_seq: int = 0
    book: OrderBook = field(init=False, repr=False, compare=False)
    """Every order of ours."""
    portfolio: Portfolio = field(init=False, repr=False, compare=False)
    """What we hold, from fills."""
    episodes: dict[str, Episode] = field(init=False, repr=False, compare=False)
    """Open position episodes by symbol."""
    risk: RiskDay = field(init=False, repr=False, compare=False)
    """Memory for limits."""

    def __post_init__(self) -> None:
        """Name the parts of what is carried."""
        self._name_parts()

    def _name_parts(self) -> None:
        """To be called whenever a part is exchanged for another; they are asked for all the time."""
        self.book, self.portfolio = self.carried.book, self.carried.portfolio
        self.episodes, self.risk = self.carried.episodes, self.carried.risk

    # ------------------------------------------------------------ checkpoint

    def to_checkpoint(self) -> str:
        """The part that outlives a session, as JSON."""
        return _CARRIED.dump_json(self.carried).decode()

    @classmethod
    def from_checkpoint(cls, state: str) -> "Belief":
        """The belief a checkpoint stands for; what it does not carry is read from the broker again."""
        return cls(carried=_CARRIED.validate_json(state))

    # ------------------------------------------------------------ shorthand

    @property
    def seq(self) -> int:
        """How many entries were folded: what came later has the larger number, also within one instant."""
        return self.carried.seq

    @property
    def session(self) -> Session | None:
        """The session we follow: today's, from shortly before its open until the next one is announced."""
        return self.carried.session

    def is_open(self, at: datetime) -> bool:
        """Whether regular hours are on at this instant, by the session we follow."""
        session = self.carried.session
        return session is not None and session.open <= at < session.close

    def watched(self) -> tuple[str, ...]:
        """Every symbol we need bars of: the watchlists of enabled strategies and what is held. Sorted."""
        wanted = set(self.config.watchlist()) if self.config else set()
        return tuple(sorted(wanted | set(self.episodes)))

    def fresh_quote(self, symbol: str, at: datetime, max_age: timedelta = QUOTE_MAX_AGE) -> Quote | None:
        """The symbol's quote where it is young enough and has both sides in order; else None."""
        quote = self.quotes.get(symbol)
        if quote is None or quote.bid is None or quote.ask is None or not 0 < quote.bid <= quote.ask:
            return None
        return quote if abs(at - quote.at) <= max_age else None

    def cash_residual(self, account: Account) -> Decimal:
        """Cash the broker shows beyond the day's start, our fills and the flows since (domain 7.4, INV-23), in USD.

        Fees are charged at the end of the day; whichever of before and after fits better is taken.
        """
        start = self.risk.cash_at_open
        if start is None:
            return ZERO
        flows = account.net_flows - self.risk.flows_at_open
        before = account.cash - start - self.portfolio.cash_moved - flows
        return min(before, before + self.portfolio.fees.charged(), key=abs)

    def episode(self, episode_id: str) -> Episode:
        """The open episode of this id; KeyError where there is none."""
        for episode in self.episodes.values():
            if episode.plan.episode_id == episode_id:
                return episode
        raise KeyError(episode_id)

    def episode_of(self, order: TrackedOrder) -> Episode | None:
        """The episode an order belongs to while it is open, else None."""
        episode = self.episodes.get(order.intent.symbol)
        return episode if episode is not None and episode.plan.episode_id == order.intent.episode_id else None

    def is_naked(self, episode: Episode) -> bool:
        """Whether a held position has no working stop and no exit under way."""
        return bool(episode.qty) and not self.book.covers(episode.plan.symbol)

    # ------------------------------------------------------------ events

    def on_event(self, event: ev.Event) -> None:  # noqa: C901, PLR0915 (a table: one row a kind of event)
        """Fold one event."""
        self.carried.seq += 1
        self.now = event.at
        match event:
            case ev.BarClosed(bar=bar):
                self._take_bar(bar, event.at)
            case ev.ExecutionReport():
                self._take_report(event)
            case ev.QuotesSeen(quotes=quotes):
                self.quotes.update((quote.symbol, quote) for quote in quotes)
                self._has_read("quotes")
            case ev.AccountSeen(account=account):
                self._take_account(account, event.at)
            case ev.PositionsSeen(positions=positions):
                self._take_positions(positions, event.at)
            case ev.OpenOrdersSeen():
                self._take_open_orders(event)
            case ev.BrokerRefused():
                self._take_refusal(event)
            case ev.OutcomeNotKnown(client_order_id=key, verb="submit" | "replace"):
                order = self.book.get(key)
                if order is not None and order.status is OrderStatus.INTENDED:
                    order.status = OrderStatus.UNKNOWN
            case ev.LookUpMissed(client_order_id=key):
                self._take_miss(key, event.at)
            case ev.ReadFailed(what=what, detail=detail):
                self.reads_failed_since = self.reads_failed_since or event.at
                self.unread |= READINGS & {what}
                self.keys_refused |= detail == "AuthRefused"
            case ev.SessionOpened(session=session):
                self._open_session(session)
            case ev.ConfigAccepted():
                self._take_config(event)
            case ev.ConfigRefused():
                self.config_refusal = event
            case ev.ClockSeen(clock=clock):
                self._take_clock(clock, event.at)
            case ev.AssetsSeen(assets=assets):
                self.assets.update((asset.symbol, asset) for asset in assets)
            case ev.StreamChanged(stream=stream, connected=connected):
                self.streams[stream] = connected
            case ev.JournalFailed():
                self.journal_failed = True
            case ev.JournalLost():
                self._begin_anew(event)
            case ev.Command(verb="started", actor=actor):
                self._restarted(event.at)
                self.journal_failed &= actor == "clock"  # who only slept has not proved that the journal can be written
            case _:
                pass
        for episode in self.episodes.values():
            self._watch(episode, event.at)

    def _watch(self, episode: Episode, at: datetime) -> None:
        """Keep the account of the time a position is held in regular hours without a working stop."""
        entry = self.book.get(episode.entry_id)
        has_ended = entry is None or not entry.is_open
        if entry is not None and not has_ended and entry.spoken_at is not None and self.config is not None:
            # A cancel that does nothing for this long leaves what was bought without a stop as surely as no cancel.
            has_ended = at >= entry.spoken_at + timedelta(seconds=self.config.risk.entry_timeout_s) + CANCEL_WORKS_IN
        naked = has_ended and self.is_open(at) and self.is_naked(episode)
        episode.expose(at, naked)
        episode.alarmed = episode.alarmed and naked

    def _take_bar(self, bar: Bar, at: datetime) -> None:
        known = self.bars.get(bar.symbol)
        is_old = known is not None and bar.start <= known.start
        if not is_sound(bar) or bar.closed_at > at + MOST_EARLY:
            self.bad_bars[bar.symbol] = self.bad_bars.get(bar.symbol, 0) + 1
            return
        self.bad_bars.pop(bar.symbol, None)
        if is_old:
            return
        self.bars[bar.symbol] = bar
        episode = self.episodes.get(bar.symbol)
        if episode is not None:
            episode.take_bar(bar)

    def _take_report(self, report: ev.ExecutionReport) -> None:
        order = self.book.get(report.order.client_order_id) or self._recognise(report.order, report.at)
        if order is None:
            self._meet(report.order)
            return
        was_open, guarded = order.is_open, order.guards
        predecessor = self.book.get(order.intent.replaces)
        if predecessor is not None and order.heard_at is None:
            order.inherit(predecessor, report)
        fill = self._not_booked_yet(self.book.hear(order, report, self.seq))
        episode = self.episode_of(order)
        if episode is None and fill is not None:
            episode = self._readmit(order)
        if fill is not None:
            day = self.session.day if self.session else report.at.date()
            charged = self.portfolio.fees.sec + self.portfolio.fees.taf + self.portfolio.fees.cat
            self.fill_seq = self.seq
            self.portfolio.apply(fill, day)
            fees = self.portfolio.fees
            if episode is not None:
                episode.take_fill(fill, fees.sec + fees.taf + fees.cat - charged)
                if self._shows(episode):
                    self._settle(fill.symbol)
        if episode is not None and was_open and not order.is_open and order.status is OrderStatus.REJECTED:
            self._note_failure(episode, order, "rejected", report.at)
        if episode is not None and order.intent.role is OrderRole.STOP and order.guards and not guarded:
            episode.stop_failures, episode.last_refusal = 0, None

    def _not_booked_yet(self, fill: Fill | None) -> Fill | None:
        """A fill without the shares that were already booked as sold by others."""
        if fill is None or fill.side == "buy":
            return fill
        left = min(fill.qty, self.portfolio.qty(fill.symbol))
        return fill._replace(qty=left) if left else None

    def _readmit(self, order: TrackedOrder) -> Episode | None:
        """The episode of an entry that fills after it was given up: its own, opened again, or the symbol's present one."""
        plan = self.carried.let_go.get(order.intent.client_order_id)
        if plan is None:
            return None
        if plan.symbol not in self.episodes:
            self.episodes[plan.symbol] = Episode(plan, order.intent.client_order_id)
        return self.episodes[plan.symbol]

    def _take_refusal(self, event: ev.BrokerRefused) -> None:
        order = self.book.get(event.client_order_id)
        self.keys_refused |= event.kind is RefusalKind.KEYS
        if order is None:
            return
        if event.verb == "cancel":  # the order stands as it stood; when nothing else is heard it is asked again
            return
        if event.kind is RefusalKind.DUPLICATE_ID:  # it is there already: its fate is a question, not a refusal
            if order.status is OrderStatus.INTENDED:
                order.status = OrderStatus.UNKNOWN
                if order.intent.role is OrderRole.ENTRY:  # said once and known already: somebody else made this id too
                    self.strangers.append(event.client_order_id)
            return
        if order.is_settled:
            return  # a resend was refused although the order stands: the broker's record of it counts
        if order.resends:  # the first copy may be what stands in the way: ask before believing the refusal
            order.refusal, order.asked_at = event.kind, None
            return
        self._reject(order, event.kind, event.at)

    def _take_miss(self, key: str, at: datetime) -> None:
        order = self.book.get(key)
        if order is None:
            return
        order.misses += 1
        order.first_miss_at, order.last_miss_at = order.first_miss_at or at, at
        if order.status is OrderStatus.UNKNOWN and order.refusal is not None:  # refused when resent, and not there
            self._reject(order, order.refusal, at)

    def _reject(self, order: TrackedOrder, refusal: str, at: datetime) -> None:
        order.status, order.refusal = OrderStatus.REJECTED, refusal
        order.terminal_at, order.terminal_seq = at, self.seq
        episode = self.episode_of(order)
        if episode is not None:
            self._note_failure(episode, order, refusal, at)

    @staticmethod
    def _note_failure(episode: Episode, order: TrackedOrder, refusal: str, at: datetime) -> None:
        episode.last_refusal, episode.last_failure_at = refusal, at
        if order.intent.role is OrderRole.STOP:
            episode.stop_failures += 1
        elif order.intent.role is OrderRole.EXIT:
            episode.exit_failures += 1

    def _take_account(self, account: Account, at: datetime) -> None:
        self.account, self.account_at, self.account_seq = account, at, self.seq
        self._has_read("account")
        risk = self.risk
        if account.flows_on is not None and risk.flows_on is not None and account.flows_on > risk.flows_on:
            risk.flows_before_today += risk.flows_today
        risk.flows_on, risk.flows_today = account.flows_on, account.net_flows
        adjusted = account.equity - risk.flows_before_today - risk.flows_today
        risk.peak_equity = adjusted if risk.peak_equity is None else max(risk.peak_equity, adjusted)
        if risk.cash_at_open is None:
            risk.cash_at_open = account.cash - self.portfolio.cash_moved
            risk.flows_at_open, risk.equity_at_open = account.net_flows, account.equity
        if (
            risk.others_traded
            or abs(self.cash_residual(account)) <= CASH_TOLERANCE + CASH_ROUNDING * self.portfolio.fills_today
        ):
            self.cash_off_since = None
        else:
            self.cash_off_since = self.cash_off_since or at

    def _take_positions(self, positions: tuple[Position, ...], at: datetime) -> None:
        self.positions = {position.symbol: position for position in positions}
        self.positions_at, self.positions_seq = at, self.seq
        self._has_read("positions")
        self.risk.others_traded |= any(
            held.qty and symbol not in self.episodes for symbol, held in self.positions.items()
        )
        for symbol, episode in self.episodes.items():
            held = self.held(symbol)
            beside = max(held - episode.qty, ZERO)
            if beside < self.carried.foreign_shares.get(symbol, ZERO):
                self.carried.foreign_shares[symbol] = beside
            if self._shows(episode):
                self._settle(symbol)
            elif self.mismatch_qty.get(symbol) != held:
                self.mismatch[symbol], self.mismatch_qty[symbol] = at, held
        foreign = [
            symbol for symbol, position in self.positions.items() if position.qty and symbol not in self.episodes
        ]
        self.foreign_since = {symbol: self.foreign_since.get(symbol, at) for symbol in foreign}

    def held(self, symbol: str) -> Decimal:
        """Shares of ``symbol`` in the account by the last reading of the positions, ours and others'."""
        position = self.positions.get(symbol)
        return position.qty if position is not None else ZERO

    def _shows(self, episode: Episode) -> bool:
        """Whether the last reading of the positions has all that the episode holds, and no more than can be explained."""
        symbol, held = episode.plan.symbol, self.held(episode.plan.symbol)
        on_its_way = sum((order.leaves_qty for order in self.book.open(symbol, OrderRole.ENTRY)), ZERO)
        return episode.qty <= held <= episode.qty + on_its_way + self.carried.foreign_shares.get(symbol, ZERO)

    def _settle(self, symbol: str) -> None:
        self.mismatch.pop(symbol, None)
        self.mismatch_qty.pop(symbol, None)

    def _has_read(self, what: str) -> None:
        self.reads_failed_since, self.keys_refused = None, False
        self.unread.discard(what)

    def _take_clock(self, clock: BrokerClock, at: datetime) -> None:
        """The broker's word on time and hours: where it knows of less than our calendar, less it is (safety F30, F32)."""
        self.clock_skew = clock.timestamp - at
        self.closed_at_broker = self.is_open(at) and not clock.is_open
        session = self.session
        if session is not None and clock.is_open and at < clock.next_close < session.close:
            self.carried.session = session._replace(close=clock.next_close)

    def _take_open_orders(self, seen: ev.OpenOrdersSeen) -> None:
        self._has_read("orders")
        foreign = []
        for order in seen.orders:
            if order.client_order_id in self.book.orders or self._recognise(order, seen.at) is not None:
                self._take_report(ev.ExecutionReport(seen.at, order, "poll"))
                continue
            foreign.append(order)
            self._meet(order)
        self.book.foreign = foreign
        self.risk.others_traded |= bool(foreign)

    def _recognise(self, order: Order, at: datetime) -> TrackedOrder | None:
        """A sale for a position of ours that left when no journal could be written, and of which a crash left no trace."""
        episode = self.episodes.get(order.symbol)
        is_sale = order.side == "sell" and order.qty is not None and is_ours(order)
        if episode is None or not is_sale or not order.client_order_id.startswith(f"{episode.plan.episode_id}-"):
            return None
        replaced = next((each for each in self.book.orders.values() if each.broker_order_id == order.replaces), None)
        replaces = replaced.intent.client_order_id if replaced is not None and order.replaces else None
        found = self.book.add(intent_of(episode.plan, order, replaces))
        found.spoken_at = order.submitted_at or at
        number = number_of(order.client_order_id)
        if found.intent.role is OrderRole.STOP:
            episode.stops_sent = max(episode.stops_sent, number)
        else:
            episode.exits_sent = max(episode.exits_sent, number)
        return found

    def _meet(self, order: Order) -> None:
        """An order that looks like ours and is in no book of ours: another engine's, or of a lost journal.

        One that ended without a fill moves nothing any more.
        """
        key = order.client_order_id
        matters = order.filled_qty > 0 or REPORTED.get(order.status, OrderStatus.WORKING) in OPEN
        if matters and is_ours(order) and key not in (*self.strangers, *self.risk.accepted_ids):
            self.strangers.append(key)

    def _open_session(self, session: Session) -> None:
        if self.session is not None and self.session.day == session.day:
            return
        self.carried.session = session
        risk = self.risk
        if risk.flows_on is None:
            risk.flows_before_today, risk.flows_today = risk.flows_before_today + risk.flows_today, ZERO
        risk.warned, risk.entries_by_symbol, risk.entry_times = [], {}, []
        risk.last_exit_at, risk.last_stop_at = {}, {}
        risk.cash_at_open, risk.equity_at_open, risk.others_traded = None, None, False
        risk.recent_sessions = [*risk.recent_sessions[-4:], session.day.isoformat()]
        for episode in self.episodes.values():
            episode.nights += 1
        self.mismatch, self.mismatch_qty, self.foreign_since = {}, {}, {}  # what was read before is of another day
        self.portfolio.open_day()
        self.book.forget_ended()
        self.carried.let_go = {}
        self.count = DayCount()

    def _take_config(self, event: ev.ConfigAccepted) -> None:
        self.config, self.policy, self.config_rev = event.config, event.policy, event.rev
        self.config_refusal = None
        for episode in self.episodes.values():
            episode.tighten(dec(event.config.risk.stop_loss_pct))

    def _begin_anew(self, lost: ev.JournalLost) -> None:
        """Orders, positions and episodes are from here on what the broker knows of us; halts stay.

        The broker's other orders with our ids are ours as well, of positions that are closed.
        """
        assert self.config is not None, "a config is accepted before anything else"
        carried, risk = self.carried, self.risk
        carried.portfolio, carried.book, carried.episodes, carried.let_go = Portfolio(), OrderBook(), {}, {}
        self._name_parts()
        risk.cash_at_open, self.strangers, self.cash_off_since = None, [], None
        self.mismatch, self.mismatch_qty, carried.foreign_shares = {}, {}, {}
        known = {order.client_order_id for order in lost.orders if is_ours(order)}
        risk.accepted_ids = sorted({*risk.accepted_ids, *known})
        for found in salvage(lost.orders, lost.positions, self.config, self.config_rev, lost.at):
            self._readopt(found, lost.at)

    def _readopt(self, found: Salvaged, at: datetime) -> None:
        """Guard a position again whose plan and orders were found at the broker."""
        episode = self.episodes[found.plan.symbol] = Episode(found.plan)
        for intent, order in found.orders:
            if intent.role is OrderRole.ENTRY:
                episode.entry_id = intent.client_order_id
            elif intent.role is OrderRole.EXIT and REPORTED.get(order.status) in OPEN:
                episode.exit_reason, episode.exit_decided_at, episode.exits_by_market = "asked", at, True
            self.book.add(intent).spoken_at = order.submitted_at or at
            self._take_report(ev.ExecutionReport(at, order, "poll"))
        episode.stops_sent, episode.exits_sent = found.sent(OrderRole.STOP), found.sent(OrderRole.EXIT)
        levels = [order.stop_price for order in found.stops() if order.stop_price is not None]
        if levels:
            episode.initial_stop, episode.stop_price = levels[0], max(levels)
            episode.is_trailing = levels[-1] > levels[0]
        if episode.opened_at is not None:
            episode.opened_at = found.plan.at
        if self.session is None or self.session.day < at.date():
            episode.nights = -1  # the session about to open counts as a night
        days = (at.date() - found.plan.at.date()).days
        episode.nights += sum((found.plan.at + timedelta(day)).weekday() < SATURDAY for day in range(days))

    def _restarted(self, at: datetime) -> None:
        """After a crash every unanswered intent is a question to the broker, and no past reading is fresh.

        Who was without a stop gets the full minute again: nobody was there to arm it. Where the clock of before went ahead
        of ours, nothing waits for it to come true.
        """
        self.started_at = at
        for episode in self.episodes.values():
            episode.expose(at, False)
            episode.wait_from(at)
        for order in self.book.open():
            order.wait_from(at)
            if order.status is OrderStatus.INTENDED:
                order.status = OrderStatus.UNKNOWN
            order.asked_at = None
            order.forget_misses()
        self.quotes.clear()
        self.streams.clear()
        self.account_at = self.positions_at = None
        self.unread = set(READINGS)

    # ------------------------------------------------------------ actions

    def on_action(self, action: ev.Action) -> None:  # noqa: C901, PLR0915 (a table: one row a kind of action)
        """Fold one action of ours. What is itself read off the belief changes nothing in it."""
        if isinstance(action, (ev.PublishStatus, ev.Checkpoint)):
            return
        self.carried.seq += 1
        match action:
            case ev.Approved(intent=intent):
                self._take_intent(action)
            case ev.Resend(intent=intent):
                order = self.book.orders[intent.client_order_id]
                order.spoken_at, order.misses, order.first_miss_at = action.at, 0, None
                order.resends += 1
                self._count_sale(intent, action.at)
            case ev.CancelOrder(client_order_id=key):
                self.book.orders[key].cancel_asked_at = action.at
            case ev.LookUp(client_order_id=key):
                self.book.orders[key].asked_at = action.at
            case ev.EpisodeOpened():
                self._open_episode(action)
            case ev.ExitDecided():
                self._take_exit(action)
            case ev.ExitPostponed(episode_id=key, until=until):
                episode = self.episode(key)
                episode.exit_postponed_until, episode.exit_failures = until, 0
            case ev.HaltLatched(code=code):
                self.risk.latched[code] = action
                self.risk.last_equity_at_halt = self.account.last_equity if self.account else None
            case ev.HaltReleased(code=code):
                self.risk.latched.pop(code, None)
                if code == "loss_streak":
                    self.risk.losses_in_row = 0
                elif code == "unknown_own_order":  # whoever lifts it knows of these orders
                    self.risk.accepted_ids, self.strangers = [*self.risk.accepted_ids, *self.strangers], []
                elif code == "invariant":  # what breaks again is said again
                    self.risk.warned = [said for said in self.risk.warned if not said.startswith("invariant_broken:")]
                elif code == "drawdown":  # whoever lifts it accepts today's equity as the new peak
                    self.risk.peak_equity = None
            case ev.Abandoned(client_order_id=key):
                order = self.book.orders[key]
                order.status, order.terminal_at, order.terminal_seq = OrderStatus.ABANDONED, action.at, self.seq
            case ev.Adopted(episode_id=key, qty=qty):
                self._adopt(self.episode(key), qty, action.at)
            case ev.Rescaled():
                self._rescale(action)
            case ev.ForeignShares(symbol=symbol, qty=qty):
                self.carried.foreign_shares[symbol] = qty
                self.risk.others_traded = True
                self._settle(symbol)
            case ev.DayDone():
                self.count.is_done = True
            case ev.TimeJumped():
                self.unread = set(READINGS)
            case ev.Decided(verdict=verdict, evaluation=evaluation):
                if evaluation.signal is not None and evaluation.signal.side == "buy":
                    self.count.signals += 1
                    if verdict != "approved":
                        self.count.refusals[verdict] = self.count.refusals.get(verdict, 0) + 1
            case ev.TradeChanged(trade=trade):
                self._close_if_done(trade)
            case ev.Alarm(code=code, symbol=symbol, numbers=numbers):
                if code == "unprotected" and symbol in self.episodes:
                    self.episodes[symbol].alarmed = True
                about = f"{numbers['rule']}:{symbol or ''}" if "rule" in numbers else symbol or ""
                if (said := f"{code}:{about}") not in self.risk.warned:
                    self.risk.warned.append(said)
            case _:
                pass

    def _take_exit(self, action: ev.ExitDecided) -> None:
        episode = self.episode(action.episode_id)
        episode.exit_reason, episode.exit_decided_at = action.reason, action.at
        episode.exit_postponed_until = None
        episode.exits_by_market = episode.exits_by_market or action.reason in URGENT
        bar = self.bars.get(episode.plan.symbol)
        by_stop = action.reason in STOPPED or bar is None
        episode.exit_reference = episode.stop_price if by_stop or bar is None else dec(bar.close)

    def _take_intent(self, action: ev.Approved) -> None:
        intent = action.intent
        self.book.add(intent).spoken_at = action.at
        self.count.orders_sent += 1
        episode = self.episodes[intent.symbol]
        self._count_sale(intent, action.at)
        if intent.role is OrderRole.ENTRY:
            episode.entry_id = intent.client_order_id
            risk = self.risk
            risk.entries_by_symbol[intent.symbol] = risk.entries_by_symbol.get(intent.symbol, 0) + 1
            risk.entry_times.append(action.at)
        elif intent.role is OrderRole.STOP:
            episode.stops_sent += 1
            if episode.is_trailing:
                episode.stop_raised_at = action.at
        else:
            episode.exits_sent += 1
            episode.exits_by_market = True  # whatever follows this exit is sent at market

    def _count_sale(self, intent: OrderIntent, at: datetime) -> None:
        if intent.role is not OrderRole.ENTRY:
            last_minute = [said for said in self.sales.get(intent.symbol, ()) if said > at - MINUTE]
            self.sales[intent.symbol] = [*last_minute, at]

    def _open_episode(self, action: ev.EpisodeOpened) -> None:
        assert action.symbol not in self.episodes, f"{action.symbol} already has a position episode"
        self.episodes[action.symbol] = Episode(action)

    def _adopt(self, episode: Episode, qty: Decimal, at: datetime) -> None:
        symbol = episode.plan.symbol
        quote = self.quotes.get(symbol)
        price = quote.bid if quote is not None and quote.bid is not None else episode.entry_price
        assert price is not None, "only what was bought can be missing"
        self.risk.others_traded = True
        gone = Fill("", symbol, "sell", episode.qty - qty, price, at)
        self.portfolio.apply(gone, self.session.day if self.session else at.date())
        episode.take_fill(gone, ZERO)
        if not episode.qty:
            episode.exit_reason = episode.exit_reason or "sold_by_others"
        self._settle(symbol)

    def _rescale(self, split: ev.Rescaled) -> None:
        episode = self.episode(split.episode_id)
        symbol = episode.plan.symbol
        episode.rescale(split.new, split.old, split.qty)
        self.portfolio.rescale(symbol, split.new, split.old, split.qty)
        self.bars.pop(symbol, None)  # prices of before say nothing any more
        self.quotes.pop(symbol, None)
        self._settle(symbol)

    def _close_if_done(self, trade: Trade) -> None:
        if trade.status not in ("closed", "rejected", "canceled"):
            return
        for symbol, episode in list(self.episodes.items()):  # none where a past trade's fees were set at the day's end
            if episode.plan.episode_id == trade.episode_id:
                del self.episodes[symbol]
                self._settle(symbol)
                self.carried.foreign_shares.pop(symbol, None)
                episode.closed_at = trade.closed_at
                self._remember_end(symbol, episode, trade.status)

    def _remember_end(self, symbol: str, episode: Episode, status: str) -> None:
        self.count.seconds_unprotected += episode.seconds_exposed
        if status != "closed":
            if episode.entry_id is not None:
                self.carried.let_go[episode.entry_id] = episode.plan
            return
        assert self.now is not None
        risk = self.risk
        self.count.closed.append(episode)
        risk.last_exit_at[symbol] = self.now
        if episode.exit_reason in STOPPED:
            risk.last_stop_at[symbol] = self.now
        gross = episode.exit_notional - episode.entry_notional
        risk.losses_in_row = risk.losses_in_row + 1 if gross - episode.fees < 0 else 0
        if self.session is not None and episode.opened_at is not None and episode.opened_at >= self.session.open:
            risk.day_trade_days = [*risk.day_trade_days[-40:], self.session.day.isoformat()]
