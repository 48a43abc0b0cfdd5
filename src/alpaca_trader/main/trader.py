"""Engine, journal and logs on one home, and how a run of them ends."""

import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version

from alpaca_trader.core import events as ev
from alpaca_trader.core.config import StrategyConfig
from alpaca_trader.core.engine import Engine, run
from alpaca_trader.core.errors import BadInput
from alpaca_trader.core.models import Mode
from alpaca_trader.core.policy import Policy
from alpaca_trader.core.ports import Broker, Clock, Feed
from alpaca_trader.core.strategy_manager import StrategyManager
from alpaca_trader.edge.alpaca_streams import AlpacaStreams
from alpaca_trader.edge.attended import AttendedFeed, Before
from alpaca_trader.edge.config_store import ConfigStore
from alpaca_trader.edge.credentials import Credentials
from alpaca_trader.edge.executor import OrderExecutor
from alpaca_trader.edge.home import Home
from alpaca_trader.edge.inbox import Inbox
from alpaca_trader.edge.journal.lost import OrderHistory, open_journal, what_is_lost
from alpaca_trader.edge.last_words import censor
from alpaca_trader.edge.logger import TradingLogger
from alpaca_trader.edge.notify import OutOfBand
from alpaca_trader.edge.recorder import PeopleRecorder
from alpaca_trader.edge.redaction import Redactor
from alpaca_trader.edge.settings_in_force import load_settings

Watch = Callable[[ev.Action], None]
RESERVE_BYTES = 50 * 2**20
JOURNAL_LOST = (
    "What is held was found at the broker and is guarded; nothing is bought. Compare `alpaca-trader positions` with the"
    " broker's own page, then say `alpaca-trader resume`"
)


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended: where its journal lies, its digest, and whether it was stopped before its time."""

    home: Home
    mode: Mode
    journal_sha256: str
    is_interrupted: bool
    seed: int | None = None


class Trader:
    """Engine, journal and logs on one home: the part that is the same in every wiring."""

    def __init__(
        self,
        home: Home,
        mode: Mode,
        clock: Clock,
        credentials: Credentials,
        watch: Watch,
        notifier: OutOfBand,
        stack: ExitStack,
    ) -> None:
        self._home, self._mode, self._clock, self._watch, self._notifier = home, mode, clock, watch, notifier
        self._is_new_home = not home.status_file.exists() and not any(home.logs.glob("*.jsonl"))
        self._store = ConfigStore(home.config)
        self.settings = load_settings(self._store, home.database(mode))
        config, policy = self.settings.config, self.settings.policy
        redactor = Redactor(credentials.key, credentials.secret)
        stack.callback(censor(redactor))
        for secret in (credentials.key, credentials.secret):
            notifier.hide(secret)
        self.logger = TradingLogger(home.logs, clock, redactor)
        stack.callback(self.logger.close)
        reserve = 0 if mode is Mode.SIM else RESERVE_BYTES
        self._opened = open_journal(home.database(mode), mode, version("alpaca-trader"), clock.now(), reserve)
        self.journal = self._opened.journal
        stack.callback(self.journal.close)
        if self.settings.broken is not None:
            note = f"{self.settings.broken}; what was in force before stays, for something is held"
            say(note)
            self.logger.log_event("settings_broken", "error", {"untrusted_text": note})
            notifier.notify("settings_broken", note)
        if self._opened.unwritable is not None:
            say(
                f"{self._opened.unwritable}. Until then positions are guarded and sold without it, and nothing is bought"
            )
        strategies = StrategyManager(lambda path: ConfigStore(path.parent).load()[0], _resolver(policy))
        strategies.configure(config)
        self.engine = Engine(strategies, self._opened.belief)
        self.inbox = Inbox(home.path, home.inbox, lambda: "operator" in self.engine.belief.risk.latched)
        self._lost: ev.JournalLost | None = None

    def compare(self, broker: OrderHistory) -> None:
        """Hold the journal against the broker; where it lacks something of ours, say so to whoever started us."""
        self._lost = what_is_lost(self._opened, broker, self._clock.now(), self._is_new_home)
        if self._lost is not None:
            say(f"{self._lost.detail}. {JOURNAL_LOST}")

    def held(self) -> set[str]:
        """Symbols that may be ours: held as far as we know, and where the journal was lost whatever is in the account."""
        there = self._lost.positions if self._lost is not None else ()
        return {*self.engine.belief.episodes, *(position.symbol for position in there)}

    def symbols(self, config: StrategyConfig) -> tuple[str, ...]:
        """What the data stream has to bring: the watchlists and what is held."""
        return tuple(sorted({*config.watchlist(), *self.held()}))

    def _opening(self) -> list[ev.Event]:
        """What the engine hears first."""
        at = self._clock.now()
        before, now = self.journal.version_before, version("alpaca-trader")
        reason = "start" if before is None else f"upgraded from {before} to {now}"
        opening: list[ev.Event] = [ev.ConfigAccepted(at, self.settings.rev, self.settings.config, self.settings.policy)]
        if self._lost is not None:
            opening.append(self._lost)
        opening.append(ev.Command(at, "started", "engine", reason))
        if self._opened.unwritable is not None:
            opening.append(ev.JournalFailed(at, self._opened.unwritable))
        return opening

    def on_bad(self, note: str) -> None:
        """Trouble at the edge, in words without secrets."""
        self.logger.log_event("edge_trouble", "warning", {"untrusted_text": note})

    def trade(self, feed: Feed, broker: Broker, streams: AlpacaStreams, before: Before = lambda event: ()) -> None:
        """Run the engine until the feed ends. Whatever breaks it is logged before it is passed on."""
        facts = {"version": version("alpaca-trader"), "pid": os.getpid(), "home": str(self._home.path)}
        status_file = self._home.status_file
        notifier, head = self._notifier, self.journal.head
        recorder = PeopleRecorder(self.engine, self.logger, status_file, self._mode, facts, notifier, head, self._watch)
        executor = OrderExecutor(self.engine, broker, self.journal, self._clock, recorder)
        attended = AttendedFeed(
            feed,
            self._store,
            self.settings.policy,
            self._opening(),
            self._clock,
            self.inbox,
            lambda config: streams.watch(self.symbols(config)),
            before,
        )
        self.logger.log_event("started", "info", {"mode": self._mode.value, **facts})
        try:
            run(self.engine, attended, executor, self.journal)
        except BaseException as failure:
            self.logger.log_error(failure, {"in": "engine loop"})
            raise
        self.logger.log_event("stopped", "info", {"journal_sha256": head()})
        notifier.notify("stopped", f"journal sha256 {head()}")


def _resolver(policy: Policy) -> Callable[[str], type]:
    """Loads the plug-in classes that the human's policy names, and no others."""

    def resolve(class_path: str) -> type:
        if class_path not in policy.plugin_classes:
            raise BadInput(f'config/policy.json: plugin_classes does not allow "{class_path}"')
        module, _, name = class_path.partition(":")
        found = getattr(import_module(module), name)
        if not isinstance(found, type):
            raise BadInput(f'"{class_path}" is no class')
        return found

    return resolve


def say(note: str) -> None:
    """To whoever started us, before there is a log. Never raises: standard error may be a file on a full disk."""
    with suppress(OSError):
        os.write(2, f"alpaca-trader: {note}\n".encode())
