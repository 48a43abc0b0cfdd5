"""What happens to the engine, and what the engine asks for.

``Event``s go in, ``Action``s come out of ``Engine.step``. Both are written to the journal in order; folding them again
(``Belief.on_event``, ``Belief.on_action``) gives the same belief, which is all that recovery needs. Every event carries
``at``, the aware UTC instant the clock showed when it was taken in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from alpaca_trader.core.config import StrategyConfig
from alpaca_trader.core.errors import RefusalKind
from alpaca_trader.core.models import (
    Account,
    Asset,
    Bar,
    BrokerClock,
    DailySummary,
    Evaluation,
    Gate,
    Order,
    OrderIntent,
    Position,
    Quote,
    Scalar,
    Session,
    Trade,
    TradeSignal,
)
from alpaca_trader.core.policy import Policy

Verb = Literal["submit", "replace", "cancel"]
Level = Literal["info", "warning", "error"]
Stage = Literal["prepare", "signals", "decide", "close"]

# ---------------------------------------------------------------- events: time and commands


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """A session begins to be watched (09:25 New York, or at start when later); limits reset for its day."""

    at: datetime
    session: Session


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """The session's regular hours ended and DAY orders had time to expire."""

    at: datetime
    session: Session


@dataclass(frozen=True, slots=True)
class Tick:
    """The scheduler's minute, a moment after the minute's bars are due."""

    at: datetime
    session: Session


@dataclass(frozen=True, slots=True)
class Timer:
    """The instant the engine asked for in ``next_wakeup`` has come."""

    at: datetime


@dataclass(frozen=True, slots=True)
class StageDue:
    """Everything asked for before ``Proceed(stage)`` has been answered."""

    at: datetime
    stage: Stage


@dataclass(frozen=True, slots=True)
class Command:
    """A human's or an agent's order to the engine: halt, resume, flatten, or take note that it (re)started."""

    at: datetime
    verb: Literal["halt", "resume", "flatten", "started", "stopping"]
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class EntryAsked:
    """Somebody calls ``OrderExecutor.submit_order``: a buy of at most ``qty`` shares that passes every gate."""

    at: datetime
    signal: TradeSignal
    qty: Decimal


@dataclass(frozen=True, slots=True)
class ExitAsked:
    """Somebody calls ``OrderExecutor.close_position``."""

    at: datetime
    symbol: str


@dataclass(frozen=True, slots=True)
class ConfigAccepted:
    """A complete, validated config is in force for entries from now on."""

    at: datetime
    rev: str
    config: StrategyConfig
    policy: Policy


@dataclass(frozen=True, slots=True)
class ConfigRefused:
    """The config file as it lies there was refused; the last good revision stays in force."""

    at: datetime
    file_hash: str
    detail: str


@dataclass(frozen=True, slots=True)
class HistoryLoaded:
    """Warm-up bars were handed to the strategies; the bars themselves are not journalled, their digest is."""

    at: datetime
    bars: int
    digest: str


@dataclass(frozen=True, slots=True)
class JournalLost:
    """The journal cannot say what is ours: belief begins anew from what the broker knows (safety F37).

    ``orders`` are all lately sent, ours and others', ended ones too; ``detail`` tells a human what happened.
    """

    at: datetime
    detail: str
    orders: tuple[Order, ...]
    positions: tuple[Position, ...]


@dataclass(frozen=True, slots=True)
class JournalFailed:
    """The journal cannot be written; nothing that adds risk may be sent until a restart proves it writable."""

    at: datetime
    detail: str


@dataclass(frozen=True, slots=True)
class EntriesBarred:
    """The shell knows why nothing may be bought (a crash loop, a lost journal, no arming): ``code`` is latched as a halt."""

    at: datetime
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class BarLifted:
    """What ``EntriesBarred`` said of ``code`` is no longer so; the halt ends without a human's word."""

    at: datetime
    code: str


# ---------------------------------------------------------------- events: the market


@dataclass(frozen=True, slots=True)
class BarClosed:
    """One minute bar is complete. ``source``: the stream, a read that filled a gap, or the end of a warm-up's history."""

    at: datetime
    bar: Bar
    source: Literal["stream", "rest", "history"] = "stream"


@dataclass(frozen=True, slots=True)
class BarRevised:
    """The feed re-sent a bar after late trades. Recorded; decisions keep the bar they saw."""

    at: datetime
    bar: Bar


@dataclass(frozen=True, slots=True)
class QuotesSeen:
    """Latest quotes, read on request."""

    at: datetime
    quotes: tuple[Quote, ...]


# ---------------------------------------------------------------- events: the broker


@dataclass(frozen=True, slots=True)
class AccountSeen:
    """The account as read now."""

    at: datetime
    account: Account


@dataclass(frozen=True, slots=True)
class PositionsSeen:
    """All positions as read now."""

    at: datetime
    positions: tuple[Position, ...]


@dataclass(frozen=True, slots=True)
class OpenOrdersSeen:
    """All open orders as read now."""

    at: datetime
    orders: tuple[Order, ...]


@dataclass(frozen=True, slots=True)
class ClockSeen:
    """The broker's clock as read now."""

    at: datetime
    clock: BrokerClock


@dataclass(frozen=True, slots=True)
class AssetsSeen:
    """What may be done with the watched symbols, as read now."""

    at: datetime
    assets: tuple[Asset, ...]


@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """Any news of one order: a reply, a stream update, a poll. ``order`` is the broker's whole view of it.

    ``event`` is the stream's word (``new``, ``fill``, ``canceled`` ...) or ``seen`` for a reply or poll.
    ``last_qty`` and ``last_price`` belong to ``execution_id`` where the stream names an execution.
    """

    at: datetime
    order: Order
    source: Literal["reply", "stream", "poll"]
    event: str = "seen"
    execution_id: str | None = None
    last_qty: Decimal | None = None
    last_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class BrokerRefused:
    """The broker refused a submit, replace or cancel. ``text`` is its own wording: untrusted."""

    at: datetime
    client_order_id: str
    verb: Verb
    kind: RefusalKind
    status: int
    code: int | None
    text: str
    existing_order_id: str | None = None


@dataclass(frozen=True, slots=True)
class OutcomeNotKnown:
    """A write left and no usable answer came (timeout, reset, 5xx, unparsable reply)."""

    at: datetime
    client_order_id: str
    verb: Verb
    detail: str


@dataclass(frozen=True, slots=True)
class LookUpMissed:
    """Asked by client order id through a healthy connection, the broker does not know the order."""

    at: datetime
    client_order_id: str


@dataclass(frozen=True, slots=True)
class ReadFailed:
    """A read did not succeed; nothing is concluded from it."""

    at: datetime
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class StreamChanged:
    """A stream connected or was lost."""

    at: datetime
    stream: Literal["trade_updates", "market_data"]
    connected: bool


Event = (
    SessionOpened
    | SessionClosed
    | Tick
    | Timer
    | StageDue
    | Command
    | EntryAsked
    | ExitAsked
    | ConfigAccepted
    | ConfigRefused
    | HistoryLoaded
    | JournalFailed
    | EntriesBarred
    | BarLifted
    | JournalLost
    | BarClosed
    | BarRevised
    | QuotesSeen
    | AccountSeen
    | PositionsSeen
    | OpenOrdersSeen
    | ClockSeen
    | AssetsSeen
    | ExecutionReport
    | BrokerRefused
    | OutcomeNotKnown
    | LookUpMissed
    | ReadFailed
    | StreamChanged
)

# ---------------------------------------------------------------- actions: speaking to the broker


@dataclass(frozen=True, slots=True)
class Approved:
    """Risk agreed to this intent. Only ``risk_manager`` makes one; a broker accepts nothing else."""

    at: datetime
    intent: OrderIntent


@dataclass(frozen=True, slots=True)
class Resend:
    """Say the same intent again under its same id: protection and exits only, entries never."""

    at: datetime
    intent: OrderIntent


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Ask the broker to cancel one of our orders; only its terminal state is believed, never the 204."""

    at: datetime
    client_order_id: str
    broker_order_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class LookUp:
    """Ask the broker what became of an order, by client order id."""

    at: datetime
    client_order_id: str


@dataclass(frozen=True, slots=True)
class Fetch:
    """Read something whole."""

    at: datetime
    what: Literal["account", "positions", "orders", "clock"]


@dataclass(frozen=True, slots=True)
class FetchQuotes:
    """Read the latest quotes of these symbols."""

    at: datetime
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FetchBars:
    """Read the minute bars of these symbols that start in ``[start, end)``: the stream did not bring them."""

    at: datetime
    symbols: tuple[str, ...]
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class FetchAssets:
    """Read what may be done with these symbols."""

    at: datetime
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FetchHistory:
    """Read the minute bars of the ``sessions_back`` sessions before now (today's included) and warm the strategies."""

    at: datetime
    symbols: tuple[str, ...]
    sessions_back: int


@dataclass(frozen=True, slots=True)
class Proceed:
    """Answer with ``StageDue(stage)`` once everything asked for before has been answered."""

    at: datetime
    stage: Stage


# ---------------------------------------------------------------- actions: facts we establish ourselves


@dataclass(frozen=True, slots=True)
class EpisodeOpened:
    """A signal was approved: the position's exit plan is fixed here and later config edits can only tighten it."""

    at: datetime
    episode_id: str
    symbol: str
    strategy: str
    signal_price: Decimal
    stop_pct: Decimal
    take_profit_pct: Decimal
    trailing_activation_pct: Decimal | None
    trail_distance_pct: Decimal
    on_target: Literal["trail", "close"]
    hold_overnight: bool
    config_rev: str


@dataclass(frozen=True, slots=True)
class ExitDecided:
    """The position is to be closed; the reason of the first such decision stands."""

    at: datetime
    episode_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ExitPostponed:
    """The exit could not be made; the position is guarded by a stop again and the exit retried at ``until``."""

    at: datetime
    episode_id: str
    until: datetime


@dataclass(frozen=True, slots=True)
class HaltLatched:
    """No entries until released. ``release`` says by what: the next session, a point in time, or a human."""

    at: datetime
    code: str
    detail: str
    release: Literal["session", "time", "human"]
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class HaltReleased:
    """A halt ended in its documented way."""

    at: datetime
    code: str
    actor: str


@dataclass(frozen=True, slots=True)
class Abandoned:
    """An intent is held to have never reached the broker (INV-3); its id stays watched."""

    at: datetime
    client_order_id: str


@dataclass(frozen=True, slots=True)
class Adopted:
    """The broker holds only ``qty`` shares of the position; the rest left by someone else's hand at the last bid."""

    at: datetime
    episode_id: str
    qty: Decimal


@dataclass(frozen=True, slots=True)
class Rescaled:
    """A split: every ``old`` shares of the position became ``new``, and the broker now holds ``qty`` of them."""

    at: datetime
    episode_id: str
    new: int
    old: int
    qty: Decimal


@dataclass(frozen=True, slots=True)
class ForeignShares:
    """Beside our position in ``symbol`` the account holds ``qty`` shares that are not ours: counted, and never sold."""

    at: datetime
    symbol: str
    qty: Decimal


@dataclass(frozen=True, slots=True)
class TimeJumped:
    """Nothing happened for ``seconds`` of a session: the host slept, or its clock was set. All is to be read anew."""

    at: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of one evaluation or signal, with every gate's number: the answer to why and why not."""

    at: datetime
    evaluation: Evaluation
    verdict: str
    gates: tuple[Gate, ...]
    client_order_id: str | None = None


@dataclass(frozen=True, slots=True)
class TradeChanged:
    """The row of ``trades`` for one position episode has new content."""

    at: datetime
    trade: Trade


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something a human should hear of. ``code`` is an enum word; ``numbers`` carries the evidence."""

    at: datetime
    code: str
    level: Level
    symbol: str | None = None
    numbers: Mapping[str, Scalar] = field(default_factory=dict)
    untrusted_text: str | None = None


@dataclass(frozen=True, slots=True)
class DayDone:
    """The session's summary."""

    at: datetime
    summary: DailySummary


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The belief carried into a session, as one JSON text; recovery starts here instead of at the beginning of time."""

    at: datetime
    state: str


@dataclass(frozen=True, slots=True)
class PublishStatus:
    """Write the status file now. Derived from belief, so it is not journalled."""

    at: datetime


Action = (
    Approved
    | Resend
    | CancelOrder
    | LookUp
    | Fetch
    | FetchQuotes
    | FetchBars
    | FetchAssets
    | FetchHistory
    | Proceed
    | EpisodeOpened
    | ExitDecided
    | ExitPostponed
    | HaltLatched
    | HaltReleased
    | Abandoned
    | Adopted
    | Rescaled
    | ForeignShares
    | TimeJumped
    | Decided
    | TradeChanged
    | Alarm
    | DayDone
    | Checkpoint
    | PublishStatus
)
