"""The strategy manager: which bars it takes, what survives a config edit or a restart, and what a plug-in may do."""

import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from alpaca_trader.core.config import MeanReversionParams, MomentumParams, RiskConfig, StrategyConfig
from alpaca_trader.core.errors import BadInput
from alpaca_trader.core.history import KEPT_ROWS, History
from alpaca_trader.core.models import MINUTE, Bar, Evaluation, Session, TradeSignal
from alpaca_trader.core.strategies.base import Strategy
from alpaca_trader.core.strategies.mean_reversion import MeanReversion
from alpaca_trader.core.strategies.momentum import MomentumBreakout
from alpaca_trader.core.strategy_manager import StrategyManager, ranked
from tests.core.strategies.market import (
    SYMBOL,
    bar,
    config_of,
    flat,
    frame_of,
    manager_of,
    plugin_settings,
    random_days,
    recorded,
    session,
    stream,
)

BOTH = config_of(MomentumParams(vwap_buffer=0.0002, volume_threshold=0.8), MeanReversionParams(lookback_period=5))
SESSIONS = [session(index, 210 if index == 2 else 390) for index in range(7)]
SEEDS = st.integers(0, 10_000)
# A week of bars is a slow example: a failure is shown as found, not shrunk for minutes.
FEW = settings(max_examples=8, phases=[Phase.generate])


def signals(evaluations: list[Evaluation]) -> list[TradeSignal]:
    """The signals among them, in order."""
    return [evaluation.signal for evaluation in evaluations if evaluation.signal is not None]


# ---------------------------------------------------------------- the same bars, the same signals


@FEW
@given(SEEDS, st.integers(1, 200), st.booleans())
def test_a_restart_in_the_middle_of_a_session_changes_nothing(seed: int, minute: int, opens_first: bool) -> None:
    """A fresh manager that warms up with everything so far makes the same of every later bar, to the last bit."""
    bars = random_days(seed, SESSIONS)
    first = next(index for index, each in enumerate(bars) if each.start >= SESSIONS[-1].open)
    running, fresh = manager_of(BOTH), manager_of(BOTH)
    running.warm_up(bars[:first], SESSIONS)
    expected = stream(running, bars[first:], SESSIONS)
    if opens_first:
        fresh.open_session(SESSIONS[-1])
    fresh.warm_up(bars[: first + minute], SESSIONS)
    assert stream(fresh, bars[first + minute :], SESSIONS) == expected[2 * minute :]


@FEW
@given(SEEDS)
def test_streaming_and_warming_up_come_to_the_same(seed: int) -> None:
    """A week streamed bar by bar and a week warmed up leave the same state behind."""
    bars = random_days(seed, SESSIONS)
    cut = next(index for index, each in enumerate(bars) if each.start >= SESSIONS[-1].open)
    streamed, warmed = manager_of(BOTH), manager_of(BOTH)
    stream(streamed, bars[:cut], SESSIONS)
    warmed.warm_up(bars[:cut], SESSIONS)
    assert stream(streamed, bars[cut:], SESSIONS) == stream(warmed, bars[cut:], SESSIONS)


@FEW
@given(SEEDS, st.data())
def test_analyze_gives_what_the_stream_gives(seed: int, data: st.DataObject) -> None:
    """The signal of the last row of any frame is the streamed signal of that bar, for both strategies."""
    bars = random_days(seed, SESSIONS[1:])
    manager = manager_of(BOTH)
    evaluations = stream(manager, bars, SESSIONS)
    by_bar = {(each.bar_start, each.strategy_name): each.signal for each in evaluations}
    said = [each for each in evaluations if each.signal is not None]
    points = {each.bar_start for each in said[-6:]} | {bars[data.draw(st.integers(0, len(bars) - 1))].start}
    for strategy in manager.get_active_strategies():
        for point in sorted(points):
            frame = frame_of([each for each in bars if each.start <= point])
            assert strategy.analyze(SYMBOL, frame) == by_bar[point, strategy.name]


@FEW
@given(SEEDS, st.integers(1, 2000))
def test_no_signal_changes_when_bars_are_appended(seed: int, cut: int) -> None:
    """What was said of the first bars is said of them still when more have come."""
    bars = random_days(seed, SESSIONS)
    whole = stream(manager_of(BOTH), bars, SESSIONS)
    part = stream(manager_of(BOTH), bars[:cut], SESSIONS)
    assert whole[: len(part)] == part


@pytest.mark.parametrize(("name", "symbol"), [("google_2016_04", "AAPL"), ("alphavantage_2019_02", "TRV")])
def test_analyze_gives_what_the_stream_gives_on_recorded_bars(shared: Path, name: str, symbol: str) -> None:
    """Real minutes, with their gaps: each of the last signals is the one ``analyze`` finds in the frame."""
    bars, sessions = recorded(shared, name, symbol)
    config = config_of(MomentumParams(max_price=1000.0), MeanReversionParams(), watchlist=[symbol])
    manager = manager_of(config)
    evaluations = stream(manager, bars, sessions)
    assert len(signals(evaluations)) > 20
    found = {each.strategy_name: each for each in evaluations if each.code == "signal"}
    assert set(found) == {"momentum_breakout", "mean_reversion"}
    for strategy in manager.get_active_strategies():
        last = found[strategy.name]
        frame = frame_of([each for each in bars if each.start <= last.bar_start])
        assert strategy.analyze(symbol, frame) == last.signal


# ---------------------------------------------------------------- which bars are taken

SOUND = bar(SESSIONS[0], 5, (100.0, 101.0, 99.0, 100.5))


@pytest.mark.parametrize(
    "broken",
    [
        replace(SOUND, close=math.nan),
        replace(SOUND, high=math.nan),
        replace(SOUND, high=math.inf),
        replace(SOUND, low=0.0),
        replace(SOUND, low=-1.0, open=-1.0),
        replace(SOUND, high=100.4),
        replace(SOUND, low=100.2),
        replace(SOUND, volume=-1.0),
        replace(SOUND, volume=math.nan),
        replace(SOUND, start=SOUND.start - 3 * MINUTE),
        replace(SOUND, start=SOUND.start - 2 * MINUTE),
    ],
)
def test_broken_bars_are_refused_and_counted(broken: Bar) -> None:
    """NaN, prices not positive or inconsistent, repeats and older bars reach no rule; the symbol's count goes up."""
    manager = manager_of(BOTH)
    manager.open_session(SESSIONS[0])
    manager.observe(flat(SESSIONS[0], 3, 100.0))
    manager.take_evaluations()
    manager.observe(broken)
    assert manager.take_evaluations() == []
    assert manager.rejected_bars == {SYMBOL: 1}
    manager.observe(flat(SESSIONS[0], 6, 100.0))
    assert len(manager.take_evaluations()) == 2


def test_broken_bars_leave_no_trace() -> None:
    """A stream with broken and repeated bars in it gives what the clean stream gives, streamed, warmed up or framed."""
    bars = random_days(4, SESSIONS[:3])
    dirty = []
    for each in bars:
        dirty += [each, each, replace(each, start=each.start + MINUTE / 2, close=math.nan)]
    clean, spoilt, warmed, compared = (manager_of(BOTH) for _ in range(4))
    expected = stream(clean, bars, SESSIONS)
    assert stream(spoilt, dirty, SESSIONS) == expected
    assert spoilt.rejected_bars == {SYMBOL: 2 * len(bars)}
    warmed.warm_up(dirty, SESSIONS)
    compared.warm_up(bars, SESSIONS)
    assert warmed.rejected_bars == {SYMBOL: 2 * len(bars)}
    later = random_days(5, SESSIONS[3:4])
    assert stream(warmed, later, SESSIONS) == stream(compared, later, SESSIONS)
    frame = frame_of([*dirty[:-1]])
    last = {each.strategy_name: each.signal for each in expected[-2:]}
    for strategy in clean.get_active_strategies():
        assert strategy.analyze(SYMBOL, frame) is None
        assert strategy.analyze(SYMBOL, frame.iloc[:-1]) == last[strategy.name]


def test_bars_out_of_session_are_ignored() -> None:
    """Before the open, from the close on, and before any session was opened, a bar is not even counted."""
    manager = manager_of(BOTH)
    manager.observe(flat(SESSIONS[0], 0, 100.0))
    manager.open_session(SESSIONS[0])
    for minute in (-1, 390):
        manager.observe(flat(SESSIONS[0], minute, 100.0))
    assert (manager.take_evaluations(), manager.rejected_bars) == ([], {})
    manager.observe(flat(SESSIONS[0], 389, 100.0))
    assert len(manager.take_evaluations()) == 2


def test_warm_up_leaves_out_extended_hours_and_older_sessions() -> None:
    """Bars before the open and after the close change nothing; a bar of an earlier day after a later one is refused."""
    bars = random_days(6, SESSIONS[:2])
    extended = [flat(SESSIONS[0], -5, 1.0), *bars, flat(SESSIONS[1], 400, 1.0), flat(SESSIONS[0], 389, 1.0)]
    plain, other = manager_of(BOTH), manager_of(BOTH)
    plain.warm_up(bars, SESSIONS)
    other.warm_up(extended, SESSIONS)
    assert other.rejected_bars == {SYMBOL: 1}
    later = random_days(7, SESSIONS[2:3])
    assert stream(other, later, SESSIONS) == stream(plain, later, SESSIONS)


def test_a_day_opens_once_and_never_backwards() -> None:
    """Opening the same day again keeps its state; an earlier day and a day longer than 390 minutes are errors."""
    bars = random_days(8, SESSIONS[:1])
    once, twice = manager_of(BOTH), manager_of(BOTH)
    expected = stream(once, bars, SESSIONS)
    found = stream(twice, bars[:100], SESSIONS)
    twice.open_session(SESSIONS[0])
    assert found + stream(twice, bars[100:], SESSIONS) == expected
    twice.open_session(SESSIONS[1])
    with pytest.raises(ValueError, match="2026-01-05 cannot follow 2026-01-06"):
        twice.open_session(SESSIONS[0])
    with pytest.raises(ValueError, match="longer than 390 minutes"):
        twice.open_session(session(8, minutes=391))


def test_symbols_nobody_watches_are_kept_for_later() -> None:
    """A symbol that comes into the watchlist during the session is judged on the bars seen before."""
    bars = random_days(9, SESSIONS[:3])
    narrow = manager_of(config_of(MomentumParams(), MeanReversionParams(), watchlist=["SPY"]))
    wide = config_of(MomentumParams(), MeanReversionParams(), watchlist=["SPY", SYMBOL])
    assert stream(narrow, bars[:900], SESSIONS) == []
    narrow.configure(wide)
    whole = stream(manager_of(wide), bars, SESSIONS)
    found = stream(narrow, bars[900:], SESSIONS)
    assert [each.code for each in found] == [each.code for each in whole][-len(found) :]


def test_warming_up_one_symbol_again_keeps_newer_bars() -> None:
    """History that arrives late does not undo what was streamed meanwhile, and leaves other symbols alone."""
    bars = random_days(10, SESSIONS[:3])
    whole, late = manager_of(BOTH), manager_of(BOTH)
    whole.warm_up(bars[:800], SESSIONS)
    expected = stream(whole, bars[800:], SESSIONS)
    opened = next(at for at in SESSIONS if at.day == bars[800].start.date())
    late.open_session(opened)
    for each in bars[800:820]:
        late.observe(each)
    late.warm_up(bars[:800], SESSIONS)
    late.take_evaluations()
    assert stream(late, bars[820:], SESSIONS) == expected[40:]


def test_a_session_without_a_bar_says_nothing() -> None:
    """Days on which a symbol did not trade are no part of its baselines, closes or kept sessions."""
    history = History()
    for index, at in enumerate([session(each) for each in range(9)]):
        history.start_session(at)
        if index in {0, 4, 8}:
            history.add(flat(at, 7, 100.0 + index, 50.0))
    assert [float(volumes[7]) for volumes in history.volumes] == [50.0, 50.0]
    assert history.closes == [100.0, 104.0]
    assert [(at.day, len(rows)) for at, rows in history.days()] == [(session(each).day, 1) for each in (0, 4, 8)]


# ---------------------------------------------------------------- config


def test_a_config_edit_keeps_the_state_of_what_did_not_change() -> None:
    """New risk levels, a new watchlist and another strategy's new parameters leave a strategy's evaluations as they are."""
    bars = random_days(12, SESSIONS[:3])
    whole = [each for each in stream(manager_of(BOTH), bars, SESSIONS) if each.strategy_name == "mean_reversion"]
    manager = manager_of(BOTH)
    found = stream(manager, bars[:700], SESSIONS)
    edited = config_of(
        MomentumParams(vwap_buffer=0.002),
        MeanReversionParams(lookback_period=5),
        watchlist=[SYMBOL, "SPY"],
        risk=RiskConfig(stop_loss_pct=0.01, take_profit_pct=0.05),
    )
    kept = manager.get_active_strategies()
    manager.configure(edited)
    assert [new is old for new, old in zip(manager.get_active_strategies(), kept, strict=True)] == [False, True]
    found += stream(manager, bars[700:], SESSIONS)
    ours = [each for each in found if each.strategy_name == "mean_reversion"]
    assert [(each.code, each.gates) for each in ours] == [(each.code, each.gates) for each in whole]
    bought = [signal for signal in signals(ours) if signal.side == "buy" and signal.bar_start > bars[700].start]  # type: ignore[operator]
    assert bought
    for signal in bought:
        assert signal.entry_price is not None
        assert (signal.stop_loss, signal.take_profit) == (signal.entry_price * 0.99, signal.entry_price * 1.05)


def test_changed_parameters_are_rebuilt_from_the_kept_bars() -> None:
    """A strategy whose parameters change goes on as if it had always had them."""
    bars = random_days(13, SESSIONS[:4])
    other = config_of(MomentumParams(vwap_buffer=0.0005, volume_window=3), MeanReversionParams(lookback_period=9))
    expected = stream(manager_of(other), bars, SESSIONS)
    manager = manager_of(BOTH)
    count = len(stream(manager, bars[:1000], SESSIONS))
    manager.configure(other)
    assert stream(manager, bars[1000:], SESSIONS) == expected[count:]


def test_disabled_strategies_are_silent_and_order_is_the_config_s() -> None:
    """What is not enabled neither evaluates nor counts as active; the others come in the order of the file."""
    config = config_of(MomentumParams(), MeanReversionParams())
    manager = manager_of(config)
    assert [strategy.name for strategy in manager.get_active_strategies()] == ["momentum_breakout", "mean_reversion"]
    off = config.strategies["momentum_breakout"].model_copy(update={"enabled": False})
    manager.configure(StrategyConfig(risk=config.risk, strategies={**config.strategies, "momentum_breakout": off}))
    assert [strategy.name for strategy in manager.get_active_strategies()] == ["mean_reversion"]
    found = stream(manager, [flat(SESSIONS[0], 0, 100.0)], SESSIONS)
    assert [each.strategy_name for each in found] == ["mean_reversion"]


def test_load_and_reload_read_the_same_file() -> None:
    """``reload_config`` reads the path that was loaded; a file that is refused leaves everything as it was."""
    answers: list[StrategyConfig | BadInput] = [BOTH, config_of(MomentumParams()), BadInput("broken")]
    read: list[Path] = []

    def read_config(path: Path) -> StrategyConfig:
        read.append(path)
        answer = answers[len(read) - 1]
        if isinstance(answer, BadInput):
            raise answer
        return answer

    manager = StrategyManager(read_config, lambda _: object)
    with pytest.raises(BadInput, match="load_strategies"):
        manager.reload_config()
    path = Path("config/strategy.json")
    manager.load_strategies(path)
    assert len(manager.get_active_strategies()) == 2
    manager.reload_config()
    assert read == [path, path]
    assert len(manager.get_active_strategies()) == 1
    with pytest.raises(BadInput, match="broken"):
        manager.reload_config()
    assert len(manager.get_active_strategies()) == 1


@pytest.mark.parametrize(
    ("config", "sessions"),
    [
        (config_of(MomentumParams(), MeanReversionParams()), 23),
        (config_of(MomentumParams(volume_baseline="rolling")), 10),
        (config_of(reversion=MeanReversionParams(lookback_period=50, bar_minutes=15)), 21),
        (config_of(reversion=MeanReversionParams(trend_filter="daily_sma_200")), 200),
        (config_of(plugins={"third": plugin_settings()}), 10),
    ],
)
def test_history_wanted(config: StrategyConfig, sessions: int) -> None:
    """How far back a warm-up reaches is what the hungriest strategy needs, half days allowed for."""
    assert manager_of(config).history_sessions == sessions


# ---------------------------------------------------------------- ranking


def test_signals_are_ranked() -> None:
    """Exits and the surest entries first, then by symbol; taking them empties the list."""
    config = config_of(MomentumParams(vwap_buffer=0.0), watchlist=["BBB", "AAA", "CCC"])
    manager = manager_of(config)
    manager.open_session(SESSIONS[0])
    for symbol, close in (("BBB", 90.0), ("AAA", 90.0), ("CCC", 110.0)):
        for minute in range(25):
            manager.observe(replace(flat(SESSIONS[0], minute, 100.0), symbol=symbol))
        manager.observe(replace(flat(SESSIONS[0], 25, close, 5000.0), symbol=symbol))
    found = manager.get_signals()
    assert [(signal.symbol, signal.side) for signal in found] == [("AAA", "sell"), ("BBB", "sell"), ("CCC", "buy")]
    assert manager.get_signals() == []
    assert ranked([]) == []


# ---------------------------------------------------------------- plug-ins


class Owners:
    """A stranger's strategy: the owner's protocol and nothing else."""

    name = "whatever"
    enabled = True

    def __init__(self) -> None:
        self.frames: list[pd.DataFrame] = []

    def analyze(self, symbol: str, bars: pd.DataFrame) -> TradeSignal | None:
        """Buy on every third bar, sell on every fifth."""
        self.frames.append(bars)
        if len(bars) % 3 == 0:
            return TradeSignal(symbol, "buy", self.name, 0.6)
        if len(bars) % 5 == 0:
            return TradeSignal(symbol, "sell", self.name, np.float64(0.7), reason="enough", numbers={"bars": len(bars)})
        return None

    def get_watchlist(self) -> list[str]:
        """More than the config allows, and not all of it."""
        return [SYMBOL, "TSLA"]


def run_plugin(kind: type, bars: list[Bar], config: StrategyConfig | None = None) -> list[Evaluation]:
    """What a plug-in of this class made of the bars, beside momentum."""
    manager = manager_of(config or config_of(MomentumParams(), plugins={"third": plugin_settings()}), kind)
    return stream(manager, bars, SESSIONS)


def test_a_plug_in_needs_only_the_owners_protocol() -> None:
    """Its signals carry the configured name, the bar, and our close, stop and target where it names none."""
    bars = random_days(14, SESSIONS[:1])[:6]
    found = [each for each in run_plugin(Owners, bars) if each.strategy_name == "third"]
    assert [each.code for each in found] == ["no_signal", "no_signal", "signal", "no_signal", "exit_signal", "signal"]
    buy, sell = found[2].signal, found[4].signal
    close = bars[2].close
    assert buy == TradeSignal(SYMBOL, "buy", "third", 0.6, close, close * 0.985, close * 1.02, "", bars[2].start, {})
    assert sell == TradeSignal(
        SYMBOL, "sell", "third", 0.7, bars[4].close, None, None, "enough", bars[4].start, {"bars": 5}
    )
    assert type(sell.confidence) is float


def test_a_plug_in_sees_a_frame_of_the_regular_bars() -> None:
    """Six columns over UTC starts, the newest last; read-only, and unchanged by what comes later."""
    bars = random_days(15, SESSIONS)
    manager = manager_of(config_of(plugins={"third": plugin_settings()}), Owners)
    stream(manager, bars, SESSIONS)
    (plugin,) = manager.get_active_strategies()
    assert isinstance(plugin, Owners)
    for count in (1, 512, 513, len(bars)):
        frame, expected = plugin.frames[count - 1], frame_of(bars[max(0, count - KEPT_ROWS) : count])
        pd.testing.assert_frame_equal(frame, expected, check_freq=False, check_index_type=False)
        assert str(frame.index.dtype) == "datetime64[us, UTC]"
    with pytest.raises(ValueError, match="read-only"):
        plugin.frames[-1].iloc[0, 0] = 1.0


def test_the_frame_holds_ten_sessions() -> None:
    """However long the stream, a plug-in sees the last ten sessions, and earlier frames stay what they were."""
    history = History()
    first = None
    sessions = [session(index) for index in range(25)]
    for at in sessions:
        history.start_session(at)
        for minute in range(390):
            history.add(flat(at, minute, 100.0 + minute))
        first = history.frame() if first is None else first
    assert first is not None
    assert (len(first), first["close"].iloc[-1], first.index[0]) == (390, 489.0, sessions[0].open)
    frame = history.frame()
    assert (len(frame), frame.index[0], frame.index[-1]) == (
        KEPT_ROWS,
        sessions[15].open,
        sessions[24].open + 389 * MINUTE,
    )
    assert [day.day for day, rows in history.days() if len(rows) == 390][-10:] == [at.day for at in sessions[15:]]
    newest = [flat(sessions[24], minute, 100.0 + minute) for minute in (388, 389)]
    assert history.bars_after(SYMBOL, sessions[24].open + 387 * MINUTE) == newest
    assert len(history.bars_after(SYMBOL, None)) >= KEPT_ROWS


class Configured:
    """A plug-in that wants to know how it is configured."""

    enabled = True

    def __init__(self, name: str, watchlist: list[str], params: dict[str, object]) -> None:
        self.name, self.watchlist, self.params = name, watchlist, params

    def analyze(self, symbol: str, bars: pd.DataFrame) -> TradeSignal | None:
        """Never anything."""

    def get_watchlist(self) -> list[str]:
        """What the config said."""
        return self.watchlist


def test_a_plug_in_gets_the_settings_its_constructor_names() -> None:
    """Name, watchlist and its own parameters by keyword; it is rebuilt only when its settings change."""
    config = config_of(plugins={"third": plugin_settings(speed=2.5, style="calm")})
    manager = manager_of(config, Configured)
    (plugin,) = manager.get_active_strategies()
    assert isinstance(plugin, Configured)
    assert (plugin.name, plugin.watchlist, plugin.params) == ("third", [SYMBOL], {"speed": 2.5, "style": "calm"})
    manager.configure(config_of(plugins=dict(config.strategies), risk=RiskConfig(stop_loss_pct=0.01)))
    assert manager.get_active_strategies() == [plugin]
    manager.configure(config_of(plugins={"third": plugin_settings(speed=3.0)}))
    assert manager.get_active_strategies() != [plugin]


class Raising(Owners):
    """A plug-in with a bug."""

    def analyze(self, symbol: str, bars: pd.DataFrame) -> TradeSignal | None:
        """Divide by zero."""
        return TradeSignal(symbol, "buy", self.name, 1 / 0)


class Unbuildable(Owners):
    """A plug-in that cannot even be built."""

    def __init__(self) -> None:
        raise KeyError("settings")


class Nameless:
    """Not a strategy at all."""


class Writing(Owners):
    """A plug-in that tries to change the bars everyone sees."""

    def analyze(self, symbol: str, bars: pd.DataFrame) -> TradeSignal | None:
        """Write into the frame."""
        bars.to_numpy(copy=False)[0, 0] = 1e9
        return None


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (Raising, "ZeroDivisionError"),
        (Unbuildable, "KeyError"),
        (Nameless, "AttributeError"),
        (Writing, "ValueError"),
    ],
)
def test_a_broken_plug_in_stops_nobody(kind: type, error: str) -> None:
    """Every bar says ``strategy_error`` and the error's type; the built-in strategy beside it is not touched."""
    bars = random_days(16, SESSIONS[:1])
    found = run_plugin(kind, bars)
    broken = [each for each in found if each.strategy_name == "third"]
    assert len(broken) == len(bars)
    assert {(each.code, each.gates[0].value, each.signal) for each in broken} == {("strategy_error", error, None)}
    others = [each for each in found if each.strategy_name != "third"]
    assert others == stream(manager_of(config_of(MomentumParams())), bars, SESSIONS)


def test_a_plug_in_may_switch_itself_off() -> None:
    """``enabled`` false on the object is respected at every bar."""
    kind = type("Off", (Owners,), {"enabled": False})
    manager = manager_of(config_of(plugins={"third": plugin_settings()}), kind)
    assert manager.get_active_strategies() == []
    assert {each.code for each in stream(manager, random_days(17, SESSIONS[:1])[:5], SESSIONS)} == {"disabled"}


def test_a_plug_in_is_asked_only_about_symbols_it_watches() -> None:
    """The config's watchlist and its own both have to name a symbol."""
    settings_ = plugin_settings(watchlist=["SPY", SYMBOL])
    bars = [flat(SESSIONS[0], 0, 100.0), replace(flat(SESSIONS[0], 0, 100.0), symbol="SPY")]
    found = run_plugin(Owners, bars, config_of(plugins={"third": settings_}))
    assert [each.symbol for each in found] == [SYMBOL]


GOOD = TradeSignal(SYMBOL, "buy", "x", 0.5, 100.0, 98.0, 103.0)


class Saying(Owners):
    """A plug-in that always says the same."""

    answer: ClassVar[object] = None

    def analyze(self, symbol: str, bars: pd.DataFrame) -> TradeSignal | None:
        """Whatever was put there."""
        return self.answer  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("answer", "flaw"),
    [
        ("buy", "not a TradeSignal"),
        (True, "not a TradeSignal"),
        (replace(GOOD, symbol="SPY"), "symbol"),
        (replace(GOOD, side="short"), "side"),  # type: ignore[arg-type]
        (replace(GOOD, confidence=1.01), "confidence"),
        (replace(GOOD, confidence=math.nan), "confidence"),
        (replace(GOOD, confidence=True), "confidence"),
        (replace(GOOD, entry_price=-1.0), "price"),
        (replace(GOOD, entry_price=math.inf), "price"),
        (replace(GOOD, take_profit=math.nan), "price"),
        (replace(GOOD, stop_loss=100.0), "stop_loss < entry_price < take_profit"),
        (replace(GOOD, take_profit=99.0), "stop_loss < entry_price < take_profit"),
        (replace(GOOD, reason=7), "reason"),  # type: ignore[arg-type]
        (replace(GOOD, reason="x" * 201), "reason"),
        (replace(GOOD, numbers={"a": [1]}), "numbers"),  # type: ignore[dict-item]
        (replace(GOOD, numbers={"a": math.nan}), "numbers"),
        (replace(GOOD, numbers={1: 1}), "numbers"),  # type: ignore[dict-item]
        (replace(GOOD, numbers=None), "numbers"),  # type: ignore[arg-type]
    ],
)
def test_nonsense_is_no_signal(answer: object, flaw: str) -> None:
    """An answer that is no usable signal is an error that names what is wrong with it."""
    kind = type("Says", (Saying,), {"answer": answer})
    (found,) = run_plugin(kind, [flat(SESSIONS[0], 0, 100.0)], config_of(plugins={"third": plugin_settings()}))
    assert (found.code, found.gates[0].value, found.signal) == ("strategy_error", f"bad signal: {flaw}", None)


# ---------------------------------------------------------------- frames


def test_frames_that_cannot_be_read_are_errors() -> None:
    """A missing column, a naive index, a missing time: one clear error; an empty frame is no signal."""
    frame = frame_of(random_days(18, SESSIONS[:1])[:30])
    for strategy in (MomentumBreakout(), MeanReversion()):
        assert strategy.analyze(SYMBOL, frame.iloc[:0]) is None
        assert strategy.analyze(SYMBOL, frame.drop(columns="vwap")) is None
        for bad, text in (
            (frame.drop(columns="low"), "column low is missing"),
            (frame.tz_localize(None), "aware times"),
            (frame.reset_index(drop=True), "aware times"),
            (frame.set_index(frame.index.where(frame.index != frame.index[3])), "aware times"),
        ):
            with pytest.raises(BadInput, match=text):
                strategy.analyze(SYMBOL, bad)


def test_built_ins_keep_the_protocol() -> None:
    """The built-in strategies are strategies to anyone who knows only the protocol."""
    strategies: list[Strategy] = [MomentumBreakout(watchlist=["SPY"]), MeanReversion(watchlist=["SPY"])]
    assert [(each.name, each.enabled, each.get_watchlist()) for each in strategies] == [
        ("momentum_breakout", True, ["SPY"]),
        ("mean_reversion", True, ["SPY"]),
    ]


def test_frames_may_be_in_any_time_zone() -> None:
    """A frame in New York time is the same frame."""
    bars = random_days(19, SESSIONS[:3])
    manager = manager_of(BOTH)
    said = [each for each in stream(manager, bars, SESSIONS) if each.signal is not None][-1]
    frame = frame_of([each for each in bars if each.start <= said.bar_start]).tz_convert("America/New_York")
    strategy = next(each for each in manager.get_active_strategies() if each.name == said.strategy_name)
    assert strategy.analyze(SYMBOL, frame) == said.signal
    assert said.bar_start == datetime.fromtimestamp(said.bar_start.timestamp(), UTC)


@pytest.mark.parametrize("opens", [datetime(2026, 7, 6, 13, 30, tzinfo=UTC), datetime(2026, 1, 5, 14, 30, tzinfo=UTC)])
def test_without_a_calendar_the_open_follows_new_york(opens: datetime) -> None:
    """Summer and winter alike: of 141 bars from the open all count; begun a minute earlier, one is left out."""
    closes = [100.0 - 0.05 * index for index in range(140)]
    closes.append(closes[-1] + 0.3)
    at = Session(opens.date(), opens, opens + 390 * MINUTE)
    for first, is_warm in ((0, True), (-1, False)):
        frame = frame_of([flat(at, first + index, close) for index, close in enumerate(closes)])
        assert (MeanReversion().analyze(SYMBOL, frame) is not None) is is_warm
