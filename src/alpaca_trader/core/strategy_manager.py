"""Shows every bar to every strategy that watches its symbol, and keeps what they made of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from math import ceil, nan
from pathlib import Path

from alpaca_trader.core.config import (
    MeanReversionParams,
    MomentumParams,
    RiskConfig,
    StrategyConfig,
    StrategySettings,
)
from alpaca_trader.core.errors import BadInput
from alpaca_trader.core.history import KEPT_CLOSES, History
from alpaca_trader.core.indicators import SESSION_MINUTES
from alpaca_trader.core.models import Bar, Evaluation, Session, TradeSignal
from alpaca_trader.core.strategies.base import RuleStrategy, Strategy, rebuild, replay
from alpaca_trader.core.strategies.mean_reversion import WARM_UP_LOOKBACKS, MeanReversion, MeanReversionTrack
from alpaca_trader.core.strategies.momentum import MomentumBreakout, MomentumTrack
from alpaca_trader.core.strategies.plugin import Plugin, PluginTrack

FEWEST_HISTORY_SESSIONS = 10
HALF_DAYS_IN_A_BASELINE = 3
"""At most so many of 60 sessions in a row are half days (in November and December, or around July 3)."""

Member = MomentumBreakout | MeanReversion | Plugin
MemberTrack = MomentumTrack | MeanReversionTrack | PluginTrack


class _Book:
    """What is known of one symbol: its bars, and one track for each strategy that watches it, in the config's order."""

    __slots__ = ("history", "tracks")

    def __init__(self, history: History, tracks: dict[str, MemberTrack]) -> None:
        self.history = history
        self.tracks = tracks


class StrategyManager:
    """The strategies of the config over the bars of the market.

    What a strategy holds is a function of the bars alone: it is the same after a restart that warms up with the same
    bars, and after a config edit that changes its parameters and back.
    """

    def __init__(self, read_config: Callable[[Path], StrategyConfig], resolve: Callable[[str], type]) -> None:
        """``read_config`` reads a config file; ``resolve`` turns ``package.module:Name`` into a plug-in's class."""
        self._read_config = read_config
        self._resolve = resolve
        self._path: Path | None = None
        self._session: Session | None = None
        self._sessions: dict[date, Session] = {}
        self._settings: Mapping[str, StrategySettings] = {}
        self._members: dict[str, Member] = {}
        self._books: dict[str, _Book] = {}
        self._evaluations: list[Evaluation] = []

    def load_strategies(self, config_path: Path) -> None:
        """Read the config at ``config_path`` and run what it says. Raises BadInput, and changes nothing, on a bad file."""
        config = self._read_config(config_path)
        self._path = config_path
        self.configure(config)

    def reload_config(self) -> None:
        """Read the same file again. Raises BadInput, and changes nothing, on a bad file or where none was loaded."""
        if self._path is None:
            raise BadInput("no config was loaded yet: load_strategies comes before reload_config")
        self.configure(self._read_config(self._path))

    def configure(self, config: StrategyConfig) -> None:
        """Run the enabled strategies of ``config``.

        A strategy whose parameters did not change keeps its state (a plug-in: whose settings did not change at all);
        new and changed ones are rebuilt from the kept bars of every symbol they watch. Where ``history_sessions`` grew
        or symbols came in, ``warm_up`` is what brings the history they lack.
        """
        enabled = {name: settings for name, settings in config.strategies.items() if settings.enabled}
        self._members = {name: self._member(name, settings, config.risk) for name, settings in enabled.items()}
        self._settings = enabled
        for symbol, book in self._books.items():
            book.tracks = self._tracks(symbol, book)

    def open_session(self, session: Session) -> None:
        """Bars from now on belong to ``session``: state of the session begins anew, history stays.

        Saying it again for the same day changes nothing but its hours. Raises ValueError for an earlier day.
        """
        for book in self._books.values():
            _start_session(book, session)
        self._session = session
        self._sessions[session.day] = session

    def warm_up(self, bars: Sequence[Bar], sessions: Sequence[Session]) -> None:
        """Learn the past of every symbol in ``bars``, today's bars so far included; evaluates nothing.

        Bars are sorted by time within a symbol and lie in ``sessions`` (others are left out); ``history_sessions`` says
        how many sessions are worth having. What was known of these symbols is replaced, except bars later than the last.
        """
        self._sessions.update((session.day, session) for session in sessions)
        by_symbol: dict[str, list[Bar]] = {}
        for bar in bars:
            by_symbol.setdefault(bar.symbol, []).append(bar)
        for symbol, past in by_symbol.items():
            known = self._books.get(symbol)
            book = self._new_book(symbol)
            tracks = list(book.tracks.values())
            replay(book.history, tracks, past, sessions)
            if known is not None:
                later = known.history.bars_after(symbol, book.history.last_start)
                replay(book.history, tracks, later, self._sessions.values())
                book.history.rejected += known.history.rejected
            if self._session is not None:
                _start_session(book, self._session)
            self._books[symbol] = book

    def observe(self, bar: Bar) -> None:
        """Take in one closed bar and evaluate every strategy that watches its symbol.

        Ignored: bars outside the open session. Refused and counted in ``rejected_bars``: broken bars (NaN, prices not
        positive or inconsistent) and bars not later than the one before, repeats included.
        """
        session = self._session
        start = bar.start
        if session is None or not session.open <= start < session.close:
            return
        symbol = bar.symbol
        book = self._books.get(symbol)
        if book is None:
            book = self._books[symbol] = self._new_book(symbol)
            _start_session(book, session)
        minute = book.history.add(bar)
        if minute < 0:
            return
        vwap = nan if bar.vwap is None else bar.vwap
        for track in book.tracks.values():
            track.fold(minute, bar.open, bar.high, bar.low, bar.close, bar.volume, vwap)
            self._evaluations.append(track.evaluate(symbol, start))

    def take_evaluations(self) -> list[Evaluation]:
        """Every evaluation since the last call, in the order the bars came."""
        taken, self._evaluations = self._evaluations, []
        return taken

    def get_signals(self) -> list[TradeSignal]:
        """The signals among the evaluations since the last call (which are thereby taken), best first."""
        return ranked(self.take_evaluations())

    def get_active_strategies(self) -> list[Strategy]:
        """The enabled strategies in the config's order, without plug-ins that could not be built or switched off."""
        strategies = (member.strategy if isinstance(member, Plugin) else member for member in self._members.values())
        return [strategy for strategy in strategies if strategy is not None and getattr(strategy, "enabled", False)]

    @property
    def rejected_bars(self) -> dict[str, int]:
        """How many bars of a symbol were refused so far, for symbols with any."""
        return {symbol: book.history.rejected for symbol, book in self._books.items() if book.history.rejected}

    @property
    def history_sessions(self) -> int:
        """How many sessions before today ``warm_up`` wants, so that every enabled strategy can speak from the open."""
        return max([FEWEST_HISTORY_SESSIONS, *(_sessions_wanted(settings) for settings in self._settings.values())])

    def _member(self, name: str, settings: StrategySettings, risk: RiskConfig) -> Member:
        """The strategy for ``settings``: the one there is, where its state still fits, else a new one."""
        before, member, params = self._settings.get(name), self._members.get(name), settings.params
        if before is not None:
            if isinstance(member, Plugin) and before == settings:
                member.risk = risk
                return member
            if isinstance(member, RuleStrategy) and before.params == params:
                member.watch(settings.watchlist, risk)
                return member
        if isinstance(params, MomentumParams):
            return MomentumBreakout(params, settings.watchlist, risk, self._sessions, name)
        if isinstance(params, MeanReversionParams):
            return MeanReversion(params, settings.watchlist, risk, self._sessions, name)
        return Plugin(name, settings, risk, self._resolve)

    def _tracks(self, symbol: str, book: _Book) -> dict[str, MemberTrack]:
        tracks: dict[str, MemberTrack] = {}
        for name, member in self._members.items():
            if symbol in member.symbols:
                track = book.tracks.get(name)
                if track is None or track.strategy is not member:
                    track = member.track()
                    rebuild(track, book.history)
                tracks[name] = track
        return tracks

    def _new_book(self, symbol: str) -> _Book:
        book = _Book(History(), {})
        book.tracks = self._tracks(symbol, book)
        return book


def ranked(evaluations: Iterable[Evaluation]) -> list[TradeSignal]:
    """The signals among ``evaluations``: confidence descending, then symbol, then as they came; exits lead."""
    signals = [evaluation.signal for evaluation in evaluations if evaluation.signal is not None]
    return sorted(signals, key=lambda signal: (-signal.confidence, signal.symbol))


def _start_session(book: _Book, session: Session) -> None:
    if book.history.start_session(session):
        for track in book.tracks.values():
            track.start_session(book.history)


def _sessions_wanted(settings: StrategySettings) -> int:
    params = settings.params
    if isinstance(params, MomentumParams):
        return params.volume_days + HALF_DAYS_IN_A_BASELINE if params.volume_baseline == "tod" else 0
    if not isinstance(params, MeanReversionParams):
        return 0
    minutes = (WARM_UP_LOOKBACKS * params.lookback_period + 1) * params.bar_minutes
    return max(ceil(minutes / SESSION_MINUTES) + 1, KEPT_CLOSES if params.trend_filter == "daily_sma_200" else 0)
