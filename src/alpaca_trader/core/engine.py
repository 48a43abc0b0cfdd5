"""The engine: one event in, the actions it calls for out. Pure; every wiring runs this same class.

A minute, in order: the ``Tick`` asks for bars the stream missed, account, positions, orders and clock; ``signals``
takes what the strategies made of the bars and asks for quotes; ``decide`` closes what should be closed, then lets entries
through one at a time, each seeing what the ones before reserved. After every event the protection of every position is
looked at again. Anything may fail to be answered; nothing waits for it.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from alpaca_trader.core import events as ev
from alpaca_trader.core.accounts import charged_rows, day_summary, exit_reason, status_page, trade_row, trade_status
from alpaca_trader.core.belief import MOST_EARLY, Belief
from alpaca_trader.core.entry_gates import episode_id
from alpaca_trader.core.errors import Fatal, RefusalKind
from alpaca_trader.core.inquiry import Inquiry
from alpaca_trader.core.invariants import TELLING, Broken, Invariants
from alpaca_trader.core.limits import (
    MAX_EQUITY_GAP,
    WARN_SKEW,
    breaches,
    cash_is_off,
    due_releases,
    equity_gap,
    is_warned,
)
from alpaca_trader.core.models import MINUTE, Bar, Evaluation, OrderRole, Scalar, Session, Trade
from alpaca_trader.core.ports import Executor, Feed, Journal
from alpaca_trader.core.protection import Protection
from alpaca_trader.core.risk_manager import Refused, RiskManager
from alpaca_trader.core.strategy_manager import StrategyManager

MOVES_ROWS = frozenset(
    {ev.BrokerRefused, ev.LookUpMissed, ev.Command, ev.ConfigAccepted, ev.JournalLost}
    | {ev.Approved, ev.ExitDecided, ev.Abandoned, ev.Adopted, ev.Rescaled}
)
"""What can change a trade's row or end it, besides news of an order that says something new."""

QUIET = frozenset(
    {ev.Tick, ev.StageDue, ev.AccountSeen, ev.ClockSeen, ev.QuotesSeen, ev.AssetsSeen, ev.HistoryLoaded, ev.BarClosed}
    | {ev.Fetch, ev.FetchQuotes, ev.FetchBars, ev.FetchAssets, ev.FetchHistory, ev.Proceed, ev.Decided}
    | {ev.PublishStatus}
)
"""What calls for nothing where every position rests under its stop. Bars do only where the symbol is not held."""


CHECKED = frozenset({ev.Approved, ev.Resend, ev.Abandoned, ev.Rescaled})
"""Actions that can break an invariant by themselves."""

BAD_BARS = 3
WALL_JUMP = timedelta(seconds=90)
"""No event for longer than this in a session (safety F32)."""
SALES_A_MINUTE = 6
"""More stops and exits of one symbol in a minute than this are told to a human."""
UNREACHABLE_FOR = timedelta(seconds=60)
"""Reads failing for longer than this are told to a human (safety F8)."""


class Engine:
    """Decides. Holds the belief, the strategies, the risk manager and the protection of positions."""

    def __init__(self, strategies: StrategyManager, belief: Belief, feed: str = "iex") -> None:
        """``belief`` is new or rebuilt from a journal; ``feed`` names the bar feed (``iex`` or ``sip``)."""
        self.belief = belief
        self.strategies = strategies
        self.risk = RiskManager(belief, feed)
        self._inquiry = Inquiry(belief, self._emit)
        self.protection = Protection(belief, self.risk, self._inquiry, self._emit)
        self._invariants = Invariants(belief)
        self._is_started = False
        self._actions: list[ev.Action] = []
        self._evaluations: list[Evaluation] = []
        self._warmed: set[str] = set()
        self._looked_up: set[str] = set()
        self._rows: dict[str, Trade] = {}
        self._are_rows_said = False
        self._was_quiet = False

    # ------------------------------------------------------------ what the shell calls

    def step(self, event: ev.Event) -> list[ev.Action]:
        """Take in one event; returns what to do about it, already folded into the belief."""
        self._actions = []
        belief = self.belief
        fills, news = belief.portfolio.fills_today, belief.book.news
        is_new_day = isinstance(event, ev.SessionOpened) and (
            belief.session is None or belief.session.day != event.session.day
        )
        before = belief.now
        belief.on_event(event)
        self._watch_time(before, event.at)
        self._react(event, is_new_day)
        if isinstance(event, ev.Command) and event.verb == "started":
            self._is_started = True
        if self._is_started and not self._may_rest(event):  # before that the belief is the past: no reading is fresh
            self.protection.manage(event.at)
        if belief.portfolio.fills_today > fills:
            self._emit(ev.Fetch(event.at, "account"))
        if self._is_started and type(event) in TELLING:
            self._report_broken(event.at, self._invariants.of_event(event))
        spoken = set(map(type, self._actions))
        if not self._are_rows_said or belief.book.news > news or type(event) in MOVES_ROWS or spoken & MOVES_ROWS:
            self._update_rows(event.at)
        self._was_quiet = spoken <= QUIET
        return self._actions

    def _watch_time(self, before: datetime | None, at: datetime) -> None:
        """Where time has jumped within a session, reconcile first: everything is read before anything is bought."""
        session = self.belief.session
        if not self._is_started or before is None or session is None or not session.open <= at < session.close:
            return
        gap = at - max(before, session.open)
        if gap > WALL_JUMP:
            self._emit(ev.TimeJumped(at, gap.total_seconds()))
            self._emit(ev.Alarm(at, "time_jumped", "warning", numbers={"seconds": gap.total_seconds()}))
            self._read_broker(at)

    def _may_rest(self, event: ev.Event) -> bool:
        """Whether nothing happened, now or since protection last looked, that could call for anything."""
        if not self._was_quiet or type(event) not in QUIET or not self._inquiry.rests(event.at):
            return False
        if isinstance(event, ev.BarClosed) and event.bar.symbol in self.belief.episodes:
            return False
        return QUIET.issuperset(map(type, self._actions))

    def next_wakeup(self) -> datetime | None:
        """The earliest instant at which something is due without any news, or None."""
        return self._inquiry.next_wakeup

    def warm_up(self, bars: Sequence[Bar], sessions: Sequence[Session]) -> None:
        """Hand history to the strategies: the answer to ``FetchHistory``."""
        self.strategies.warm_up(bars, sessions)

    def status(self, at: datetime) -> dict[str, Any]:
        """The content of ``status.json``."""
        return status_page(self.belief, at, self.position_states())

    def position_states(self) -> dict[str, str]:
        """State of every open position by symbol."""
        return {symbol: self.protection.state(episode) for symbol, episode in sorted(self.belief.episodes.items())}

    # ------------------------------------------------------------ reactions

    def _emit(self, action: ev.Action) -> None:
        self.belief.on_action(action)
        self._actions.append(action)
        if type(action) in CHECKED:
            self._report_broken(action.at, self._invariants.of_action(action))
            self._report_rate(action)

    def _react(self, event: ev.Event, is_new_day: bool) -> None:  # noqa: C901, PLR0915 (a table: one row a kind of event)
        at = event.at
        match event:
            case ev.BarClosed(bar=bar, source=source):
                # The strategies were warmed up with history; a bar from the future would shut out the real ones.
                if source != "history" and bar.closed_at <= at + MOST_EARLY:
                    self.strategies.observe(bar)
                if self.belief.bad_bars.get(bar.symbol, 0) >= BAD_BARS:
                    self._alarm_once(at, "bad_bars", "warning", {"in_a_row": BAD_BARS}, bar.symbol)
            case ev.Tick(session=session):
                self._begin_minute(at, session)
            case ev.StageDue(stage="prepare"):
                self._prepare_symbols(at)
            case ev.StageDue(stage="signals"):
                self._take_signals(at)
            case ev.StageDue(stage="decide"):
                self._decide(at)
            case ev.StageDue(stage="close"):
                self._end_day(at)
            case ev.AccountSeen():
                self._check_limits(at)
            case ev.OpenOrdersSeen(orders=orders):
                self._ask_for_missing({order.client_order_id for order in orders}, at)
            case ev.SessionOpened(session=session):
                self._open_session(at, session, is_new_day)
            case ev.SessionClosed():
                self._read_broker(at)
                if not self.belief.count.is_done:  # who slept over the close has told of the day on waking
                    self._emit(ev.Proceed(at, "close"))
            case ev.Command():
                self._obey(event)
            case ev.EntryAsked(signal=signal, qty=qty):
                evaluation = Evaluation(
                    signal.symbol, signal.strategy_name, signal.bar_start or at, "asked", (), signal
                )
                self._decide_entry(evaluation, at, qty)
            case ev.ExitAsked(symbol=symbol):
                episode = self.belief.episodes.get(symbol)
                if episode is not None and episode.exit_reason is None:
                    self._emit(ev.ExitDecided(at, episode.plan.episode_id, "asked"))
            case ev.ConfigAccepted(config=config):
                reach = self.strategies.history_sessions
                self.strategies.configure(config)
                if self.strategies.history_sessions > reach:
                    self._warmed = set()
                self._emit(ev.Alarm(at, "config_accepted", "info", numbers={"rev": event.rev}))
                if self._is_started:  # a start protects first: its history is read when its session opens
                    self._emit(ev.Proceed(at, "prepare"))
            case ev.ConfigRefused(detail=detail):
                self._emit(ev.Alarm(at, "config_refused", "warning", untrusted_text=detail))
            case ev.StreamChanged(connected=connected, stream=stream):
                if connected:
                    self._read_broker(at)
                else:
                    self._emit(ev.Alarm(at, "stream_lost", "warning", numbers={"stream": stream}))
            case ev.ClockSeen() if abs(self.belief.clock_skew) > WARN_SKEW:
                self._alarm_once(at, "clock_skew", "warning", {"seconds": self.belief.clock_skew.total_seconds()})
            case ev.ClockSeen() if self.belief.closed_at_broker:
                self._alarm_once(at, "closed_at_broker", "error", {})
            case ev.ExecutionReport(order=said) if said.status == "replaced":
                self._follow(said.client_order_id, at)
            case ev.ReadFailed(what="assets"):
                self._looked_up = set()
            case ev.ReadFailed(what="history"):
                self._warmed = set()
            case ev.BrokerRefused():
                self._report_refusal(event)
            case ev.EntriesBarred(code=code, detail=detail) if code not in self.belief.risk.latched:
                self._emit(ev.HaltLatched(at, code, detail, "human"))
                self._emit(ev.Alarm(at, f"halt_{code}", "error", untrusted_text=detail))
            case ev.BarLifted(code=code) if code in self.belief.risk.latched:
                self._emit(ev.HaltReleased(at, code, "engine"))
            case ev.JournalLost():
                self._report_loss(event)
            case ev.JournalFailed(detail=detail):
                self._emit(ev.Alarm(at, "journal_failed", "error", untrusted_text=detail))
            case _:
                pass
        if self.belief.strangers:
            self._report_strangers(at)
        if self.belief.keys_refused:
            self._alarm_once(at, "keys_refused", "error", {})
        failing = self.belief.reads_failed_since
        if failing is not None and at >= failing + UNREACHABLE_FOR:
            self._alarm_once(at, "broker_unreachable", "error", {"seconds": (at - failing).total_seconds()})

    def _begin_minute(self, at: datetime, session: Session) -> None:
        belief = self.belief
        newest = at.replace(second=0, microsecond=0) - MINUTE
        if newest >= session.open:
            behind = [s for s in belief.watched() if s not in belief.bars or belief.bars[s].start < newest]
            if behind:
                starts = [belief.bars[s].closed_at for s in behind if s in belief.bars]
                start = max(session.open, min(starts, default=session.open))
                self._emit(ev.FetchBars(at, tuple(behind), start, newest + MINUTE))
        self._read_broker(at)
        self._emit(ev.Fetch(at, "clock"))
        if not self._looked_up.intersection(self._warmed).issuperset(belief.watched()):
            self._emit(ev.Proceed(at, "prepare"))  # it may take long: positions come first
        self._emit(ev.Proceed(at, "signals"))

    def _read_broker(self, at: datetime) -> None:
        for what in ("orders", "positions", "account"):
            self._emit(ev.Fetch(at, what))

    def _take_signals(self, at: datetime) -> None:
        for release in list(due_releases(self.belief, at)):
            self._emit(release)
        self._evaluations = self.strategies.take_evaluations()
        wanted = {e.symbol for e in self._evaluations if e.signal is not None and e.signal.side == "buy"}
        symbols = tuple(sorted(wanted | set(self.belief.episodes)))
        if symbols:
            self._emit(ev.FetchQuotes(at, symbols))
        self._emit(ev.Proceed(at, "decide"))

    def _decide(self, at: datetime) -> None:
        evaluations, self._evaluations = self._evaluations, []
        self._take_targets(at)
        for evaluation in evaluations:
            if evaluation.signal is None:
                self._emit(ev.Decided(at, evaluation, evaluation.code, evaluation.gates))
            elif evaluation.signal.side == "sell":
                self._decide_exit(evaluation, at)
        buys = [(e.signal, e) for e in evaluations if e.signal is not None and e.signal.side == "buy"]
        for _, evaluation in sorted(buys, key=lambda pair: (-pair[0].confidence, pair[0].symbol)):
            self._decide_entry(evaluation, at)
        self._emit(ev.PublishStatus(at))

    def _take_targets(self, at: datetime) -> None:
        """Sell at the target where the plan says so and a fresh bid stands there (domain 5.5)."""
        for symbol, episode in sorted(self.belief.episodes.items()):
            quote, target = self.belief.fresh_quote(symbol, at), episode.target_price
            if episode.exit_reason is not None or episode.trails or quote is None or target is None:
                continue
            if quote.bid is not None and quote.bid >= target:
                self._emit(ev.ExitDecided(at, episode.plan.episode_id, "target"))

    def _decide_exit(self, evaluation: Evaluation, at: datetime) -> None:
        signal = evaluation.signal
        assert signal is not None
        episode = self.belief.episodes.get(evaluation.symbol)
        if episode is None or episode.plan.strategy != evaluation.strategy_name or not episode.qty:
            self._emit(ev.Decided(at, evaluation, "no_position", evaluation.gates))
        elif episode.exit_reason is not None:
            self._emit(ev.Decided(at, evaluation, "exit_under_way", evaluation.gates))
        else:
            self._emit(ev.ExitDecided(at, episode.plan.episode_id, signal.reason))
            self._emit(ev.Decided(at, evaluation, "exit", evaluation.gates))

    def _decide_entry(self, evaluation: Evaluation, at: datetime, at_most: Decimal | None = None) -> None:
        signal, account = evaluation.signal, self.belief.account
        assert signal is not None
        if account is None:
            self._emit(ev.Decided(at, evaluation, "halted", evaluation.gates))
            return
        if f"{episode_id(signal, at)}-entry" in self.belief.book.orders:  # one id, one intent: not again this minute
            self._emit(ev.Decided(at, evaluation, "same_minute", evaluation.gates))
            return
        answer = self.risk.approve_entry(signal, account, at, at_most)
        gates = (*evaluation.gates, *answer.gates)
        if isinstance(answer, Refused):
            self._emit(ev.Decided(at, evaluation, answer.reason, gates))
            return
        # In this order: an intent is committed together with why it was made, so that no crash parts them (INV-21).
        self._emit(answer.opened)
        self._emit(ev.Decided(at, evaluation, "approved", gates, answer.approved.intent.client_order_id))
        self._emit(answer.approved)

    def _check_limits(self, at: datetime) -> None:
        belief, account = self.belief, self.belief.account
        if account is None or belief.config is None:
            return
        for halt in list(breaches(belief, account, at)):
            self._emit(halt)
            self._emit(ev.Alarm(at, f"halt_{halt.code}", "error", untrusted_text=halt.detail))
        if is_warned(account, belief.config.risk):
            self._alarm_once(at, "daily_loss_near", "warning", {})
        if cash_is_off(belief, at):
            self._alarm_once(at, "cash_residual", "error", {"usd": float(belief.cash_residual(account))})
        gap = equity_gap(belief, account)
        if gap is not None and gap > MAX_EQUITY_GAP:
            self._alarm_once(at, "equity_differs", "warning", {"pct": float(100 * gap)})

    def _alarm_once(
        self, at: datetime, code: str, level: ev.Level, numbers: dict[str, Scalar], symbol: str | None = None
    ) -> None:
        if f"{code}:{symbol or ''}" not in self.belief.risk.warned:
            self._emit(ev.Alarm(at, code, level, symbol, numbers))

    def _ask_for_missing(self, listed: set[str], at: datetime) -> None:
        """An order we think is open and the broker does not list has ended without our hearing of it."""
        for order in self.belief.book.open():
            key = order.intent.client_order_id
            if order.is_settled and key not in listed:
                self._emit(ev.LookUp(at, key))

    def _open_session(self, at: datetime, session: Session, is_new_day: bool) -> None:
        if is_new_day:
            self._emit(ev.Checkpoint(at, self.belief.to_checkpoint()))
            self._rows, self._are_rows_said = {}, False
            self._inquiry.forget_ended()
            self._invariants.forget_ended()
        self.strategies.open_session(session)
        self._warmed, self._looked_up = set(), set()
        self._read_broker(at)
        self._emit(ev.Fetch(at, "clock"))
        self._emit(ev.Proceed(at, "prepare"))

    def _prepare_symbols(self, at: datetime) -> None:
        """Learn what may be done with newly watched symbols, and warm the strategies up on them; a failed read again."""
        if self.belief.session is None:
            return
        watched = self.belief.watched()
        if unknown := tuple(s for s in watched if s not in self._looked_up):
            self._looked_up |= set(unknown)
            self._emit(ev.FetchAssets(at, unknown))
        if cold := tuple(s for s in watched if s not in self._warmed):
            self._warmed |= set(cold)
            self._emit(ev.FetchHistory(at, cold, self.strategies.history_sessions + 1))

    def _end_day(self, at: datetime) -> None:
        for trade in charged_rows(self.belief):
            if self._rows.get(trade.episode_id) != trade:
                self._rows[trade.episode_id] = trade
                self._emit(ev.TradeChanged(at, trade))
        self._emit(ev.DayDone(at, day_summary(self.belief)))
        self._emit(ev.PublishStatus(at))

    def _obey(self, command: ev.Command) -> None:
        at = command.at
        match command.verb:
            case "started":
                self._read_broker(at)
                self._emit(ev.Fetch(at, "clock"))
                session = self.belief.session
                if session is not None and at > session.close and not self.belief.count.is_done:
                    self._emit(ev.Proceed(at, "close"))  # we were down when it ended: its account is due
            case "halt":
                self._latch(at, "operator", command)
            case "flatten":
                self._latch(at, "operator_flatten", command)
            case "resume":
                for code in sorted(self.belief.risk.latched):
                    self._emit(ev.HaltReleased(at, code, command.actor))
            case "stopping":
                pass
        self._emit(ev.PublishStatus(at))

    def _latch(self, at: datetime, code: str, command: ev.Command) -> None:
        if code not in self.belief.risk.latched:
            self._emit(ev.HaltLatched(at, code, f"{command.actor}: {command.reason}", "human"))

    def _report_refusal(self, refusal: ev.BrokerRefused) -> None:
        order = self.belief.book.get(refusal.client_order_id)
        if order is not None and order.is_open and order.is_settled:
            self._emit(ev.LookUp(refusal.at, refusal.client_order_id))
        if refusal.kind in (RefusalKind.DUPLICATE_ID, RefusalKind.ALREADY_DONE, RefusalKind.KEYS):
            return
        if refusal.kind is RefusalKind.BLOCKED:
            self._emit(ev.Fetch(refusal.at, "account"))  # its flags say why
        elif refusal.kind is RefusalKind.WASH_TRADE:
            self._clear_the_way(refusal)
        numbers = {"status": refusal.status, "code": refusal.code, "order": refusal.client_order_id}
        symbol = order.intent.symbol if order is not None else None
        code = f"broker_refused_{refusal.kind}"
        self._emit(ev.Alarm(refusal.at, code, "warning", symbol, numbers, refusal.text))

    def _clear_the_way(self, refusal: ev.BrokerRefused) -> None:
        """A sale met a buy of ours that the broker names: cancel it; and see which others rest (safety F11)."""
        for order in self.belief.book.open():
            if order.intent.side == "buy" and order.broker_order_id == refusal.existing_order_id:
                self._inquiry.cancel(order, "stands against our own sale", refusal.at)
        self._emit(ev.Fetch(refusal.at, "orders"))

    def _follow(self, replaced: str, at: datetime) -> None:
        """An order was replaced although its replacement was refused in words: ask for that one (safety F5)."""
        for order in self.belief.book.orders.values():
            if order.intent.replaces == replaced and not order.is_open and order.broker_order_id is None:
                self._emit(ev.LookUp(at, order.intent.client_order_id))

    def _report_rate(self, action: ev.Action) -> None:
        """Stops and exits are never refused for their number; somebody should hear of it (INV-11)."""
        if isinstance(action, ev.Approved | ev.Resend):
            symbol, count = action.intent.symbol, len(self.belief.sales.get(action.intent.symbol, ()))
            if action.intent.role is not OrderRole.ENTRY and count > SALES_A_MINUTE:
                self._alarm_once(action.at, "protection_rate", "warning", {"in_a_minute": count}, symbol)

    def _report_broken(self, at: datetime, found: Iterable[Broken]) -> None:
        """Stop entries until a human has looked; say which rule broke, once per rule and symbol."""
        for broken in found:
            if f"invariant_broken:{broken.rule}:{broken.symbol or ''}" in self.belief.risk.warned:
                continue
            if "invariant" not in self.belief.risk.latched:
                self._emit(ev.HaltLatched(at, "invariant", f"{broken.rule} {broken.symbol or ''}".strip(), "human"))
            numbers = {"rule": broken.rule, **broken.numbers}
            self._emit(ev.Alarm(at, "invariant_broken", "error", broken.symbol, numbers))

    def _report_strangers(self, at: datetime) -> None:
        strangers = list(self.belief.strangers)
        if "unknown_own_order" not in self.belief.risk.latched:
            self._emit(ev.HaltLatched(at, "unknown_own_order", ", ".join(strangers), "human"))
        for stranger in strangers:
            if f"unknown_own_order:{stranger}" not in self.belief.risk.warned:
                self._emit(ev.Alarm(at, "unknown_own_order", "error", stranger))

    def _report_loss(self, lost: ev.JournalLost) -> None:
        """Only a human can say that what the broker shows is all there is; until then nothing is bought."""
        self._emit(ev.HaltLatched(lost.at, "journal_lost", lost.detail, "human"))
        numbers = {"positions_guarded": len(self.belief.episodes), "orders_read": len(lost.orders)}
        self._emit(ev.Alarm(lost.at, "journal_lost", "error", numbers=numbers, untrusted_text=lost.detail))

    # ------------------------------------------------------------ trade rows

    def _update_rows(self, at: datetime) -> None:
        """Say what changed in the rows of ``trades``, and end episodes whose orders have all ended."""
        self._are_rows_said = True
        for _, episode in sorted(self.belief.episodes.items()):
            status = trade_status(self.belief, episode)
            if status == "closed":
                reason = exit_reason(self.belief, episode)
                if reason != episode.exit_reason:
                    self._emit(ev.ExitDecided(at, episode.plan.episode_id, reason))
            row = trade_row(self.belief, episode, status)
            if status == "closed":
                row = replace(row, closed_at=at)
            if self._rows.get(row.episode_id) != row:
                self._rows[row.episode_id] = row
                self._emit(ev.TradeChanged(at, row))


MAX_GENERATIONS = 1_000
"""Replies to replies to one event; more is a loop and a bug. However many replies one read brings is no matter."""


def run(engine: Engine, feed: Feed, executor: Executor, journal: Journal) -> None:
    """The one loop, until the feed ends. Raises AssertionError on a broken invariant."""
    for event in feed:
        drain(engine, event, executor, journal)


def drain(engine: Engine, event: ev.Event, executor: Executor, journal: Journal) -> None:
    """Journal one event, decide, journal, act; then the same with every reply; then commit."""
    waiting, generation = [event], 0
    while waiting:
        replies: list[ev.Event] = []
        for current in waiting:
            try:
                journal.record(current)
            except Fatal as failure:
                replies.extend(_go_on_without(journal, failure, current.at, engine, executor))
            replies.extend(_act(engine, current, executor, journal))
        if not replies:
            try:
                journal.commit()
            except Fatal as failure:
                replies.extend(_go_on_without(journal, failure, event.at, engine, executor))
        waiting, generation = replies, generation + 1
        assert generation < MAX_GENERATIONS, f"{type(event).__name__} led to an endless chain of replies"


def _act(engine: Engine, event: ev.Event, executor: Executor, journal: Journal) -> list[ev.Event]:
    """Decide about one event and carry it out, each action journalled just before; returns the replies."""
    replies: list[ev.Event] = []
    for action in engine.step(event):
        try:
            journal.record(action)
        except Fatal as failure:
            replies.extend(_go_on_without(journal, failure, action.at, engine, executor))
        replies.extend(executor.carry_out(action))
    return replies


def _go_on_without(
    journal: Journal, failure: Fatal, at: datetime, engine: Engine, executor: Executor
) -> list[ev.Event]:
    """A journal that cannot be written stops entries at once (INV-18); stops and exits go on without it."""
    if engine.belief.journal_failed:
        return []
    failed = ev.JournalFailed(at, type(failure).__name__)
    replies = _act(engine, failed, executor, journal)
    with suppress(Fatal):
        journal.record(failed)
    return replies
