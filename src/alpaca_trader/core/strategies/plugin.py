"""A third party's strategy behind the same seam as ours: built from the config, shown a frame, never trusted."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from numbers import Real
from typing import Any, cast

from alpaca_trader.core.config import PluginParams, RiskConfig, StrategySettings
from alpaca_trader.core.history import History
from alpaca_trader.core.models import Evaluation, Gate, TradeSignal
from alpaca_trader.core.strategies.base import Strategy

LONGEST_REASON = 200


class Plugin:
    """One configured plug-in. It is asked about the symbols both the config and its own watchlist name.

    The class is called with whichever of ``name``, ``enabled``, ``watchlist`` (list of symbols) and ``params`` (its own
    parameters, a dict) its constructor takes, by keyword. One that cannot be built fails at every bar, for all to see.
    """

    def __init__(self, name: str, settings: StrategySettings, risk: RiskConfig, resolve: Callable[[str], type]) -> None:
        self.name = name
        self.settings = settings
        self.risk = risk
        self.strategy: Strategy | None = None
        self.failure: str | None = None
        self.symbols = frozenset(settings.watchlist)
        try:
            self.strategy = _build(name, settings, resolve)
            self.symbols &= frozenset(self.strategy.get_watchlist())
        except Exception as error:  # noqa: BLE001  a stranger's code may raise anything; it becomes a visible failure
            self.strategy, self.failure = None, type(error).__name__

    def track(self) -> "PluginTrack":
        """The view of one symbol."""
        return PluginTrack(self)


class PluginTrack:
    """One symbol as the plug-in sees it; the state, if any, is the plug-in's own."""

    remembers = False

    def __init__(self, plugin: Plugin) -> None:
        self.strategy = plugin
        self._history: History | None = None

    def start_session(self, history: History) -> None:
        """Note where the bars are."""
        self._history = history

    def fold(
        self, minute: int, open_: float, high: float, low: float, close: float, volume: float, vwap: float
    ) -> None:
        """Nothing to do: the plug-in is shown the whole frame."""

    def evaluate(self, symbol: str, start: datetime) -> Evaluation:
        """What ``analyze`` answers; raising or answering nonsense is ``strategy_error``, and no signal."""
        plugin, history = self.strategy, self._history
        assert history is not None, "a session is started before its bars"
        if plugin.strategy is None:
            return _error(plugin.name, symbol, start, plugin.failure or "")
        try:
            if not plugin.strategy.enabled:
                return Evaluation(symbol, plugin.name, start, "disabled", (Gate("disabled", False, False, True),))
            answer: object = plugin.strategy.analyze(symbol, history.frame())
            flaw = _flaw(answer, symbol) if isinstance(answer, TradeSignal) else "not a TradeSignal"
        except Exception as error:  # noqa: BLE001  a stranger's code may raise anything, and must not stop the others
            return _error(plugin.name, symbol, start, type(error).__name__)
        if answer is None:
            return Evaluation(symbol, plugin.name, start, "no_signal", (Gate("no_signal", False, None, None),))
        if not isinstance(answer, TradeSignal) or flaw is not None:
            return _error(plugin.name, symbol, start, f"bad signal: {flaw}")
        signal = _completed(answer, plugin, start, history.last_close)
        code = "signal" if signal.side == "buy" else "exit_signal"
        return Evaluation(symbol, plugin.name, start, code, (Gate(code, True, signal.confidence, None),), signal)


def _build(name: str, settings: StrategySettings, resolve: Callable[[str], type]) -> Strategy:
    assert settings.class_path is not None, "a strategy that is not built in names its class"
    params = settings.params
    own = dict(params.__pydantic_extra__) if isinstance(params, PluginParams) else {}
    offered: Mapping[str, Any] = {
        "name": name,
        "enabled": settings.enabled,
        "watchlist": list(settings.watchlist),
        "params": own,
    }
    kind = resolve(settings.class_path)
    taken = inspect.signature(kind).parameters.values()
    takes_all = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in taken)
    names = {parameter.name for parameter in taken}
    strategy: Strategy = kind(**{key: value for key, value in offered.items() if takes_all or key in names})
    return strategy


def _flaw(answer: TradeSignal, symbol: str) -> str | None:
    """What is wrong with a plug-in's answer, in a word; None where it is a usable signal."""
    # Types are promised, not kept: a stranger may have put anything anywhere.
    side, reason, numbers = cast("object", answer.side), cast("object", answer.reason), cast("object", answer.numbers)
    prices = (answer.stop_loss, answer.entry_price, answer.take_profit)
    present = [price for price in prices if price is not None]
    checks = {
        "symbol": answer.symbol == symbol,
        "side": side in ("buy", "sell"),
        "confidence": _is_number(answer.confidence) and 0.0 <= answer.confidence <= 1.0,
        "price": all(_is_number(price) and 0.0 < price < math.inf for price in present),
        "reason": isinstance(reason, str) and len(reason) <= LONGEST_REASON,
        "numbers": isinstance(numbers, Mapping) and all(_is_named_scalar(*item) for item in numbers.items()),
    }
    flaw = next((name for name, is_right in checks.items() if not is_right), None)
    if flaw is None and side == "buy" and any(low >= high for low, high in pairwise(present)):
        return "stop_loss < entry_price < take_profit"
    return flaw


def _completed(signal: TradeSignal, plugin: Plugin, start: datetime, close: float) -> TradeSignal:
    """The signal under its configured name, with plain floats, at the last close and our levels where it names none."""
    entry = close if signal.entry_price is None else float(signal.entry_price)
    stop, target = signal.stop_loss, signal.take_profit
    if signal.side == "buy":
        stop = entry * (1.0 - plugin.risk.stop_loss_pct) if stop is None else float(stop)
        target = entry * (1.0 + plugin.risk.take_profit_pct) if target is None else float(target)
    return replace(
        signal,
        strategy_name=plugin.name,
        confidence=float(signal.confidence),
        entry_price=entry,
        stop_loss=stop,
        take_profit=target,
        bar_start=start,
        numbers=dict(signal.numbers),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_named_scalar(key: object, value: object) -> bool:
    if not isinstance(key, str):
        return False
    return math.isfinite(value) if isinstance(value, float) else value is None or isinstance(value, str | bool | int)


def _error(name: str, symbol: str, start: datetime, what: str) -> Evaluation:
    return Evaluation(symbol, name, start, "strategy_error", (Gate("strategy_error", False, what, None),))
