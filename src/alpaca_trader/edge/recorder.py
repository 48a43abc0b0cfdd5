"""Tells people what the engine does: log lines as they happen, the status file every minute, alarms out of band.

Never raises.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from alpaca_trader.core import events as ev
from alpaca_trader.core.engine import Engine
from alpaca_trader.core.models import DailySummary, Mode, Trade
from alpaca_trader.edge.logger import TradingLogger
from alpaca_trader.edge.notify import OutOfBand
from alpaca_trader.edge.status import write_status

LASTING = frozenset({"pending", "open", "closing"})
"""States of a trade of which more will be heard on another day."""


class PeopleRecorder:
    """Writes ``logs/``. Hears every action through ``tell``; ``watch`` passes each on to whoever shows progress."""

    def __init__(
        self,
        engine: Engine,
        logger: TradingLogger,
        status_file: Path,
        mode: Mode,
        facts: Mapping[str, object],
        notifier: OutOfBand,
        head: Callable[[], str],
        watch: Callable[[ev.Action], None] = lambda action: None,
    ) -> None:
        """``facts`` (process, version ...) stand in ``status.json`` under ``engine``; ``head`` is the journal's digest."""
        self._engine = engine
        self._logger = logger
        self._status_file = status_file
        self._mode = mode
        self._facts = dict(facts)
        self._notifier = notifier
        self._head = head
        self._watch = watch
        self._last: dict[str, tuple[object, ...]] = {}

    def tell(self, action: ev.Action) -> None:
        """Write down what concerns people."""
        self._watch(action)
        self._notify(action)
        log = self._logger
        match action:
            case ev.PublishStatus():
                self._publish(action)
            case ev.TradeChanged(trade=trade):
                self._log_trade(trade)
            case ev.Decided(evaluation=evaluation, verdict=verdict):
                signal = evaluation.signal
                if signal is not None and (signal.side == "buy" or verdict == "exit"):
                    log.log_signal(signal, verdict)
            case ev.DayDone(summary=summary):
                log.log_daily_summary(summary)
                self._last = {key: moved for key, moved in self._last.items() if moved[0] in LASTING}
            case ev.Alarm():
                data = {"symbol": action.symbol, **action.numbers, "untrusted_text": action.untrusted_text}
                log.log_event(action.code, action.level, {k: v for k, v in data.items() if v is not None})
            case ev.HaltLatched(code=code, detail=detail, release=release):
                log.log_event("halted", "error", {"code": code, "detail": detail, "release": release})
            case ev.HaltReleased(code=code, actor=actor):
                log.log_event("halt_released", "info", {"code": code, "actor": actor})
            case ev.Approved(intent=intent) | ev.Resend(intent=intent):
                log.log_event("order_sent", "info", _order(action, intent.client_order_id))
            case ev.CancelOrder(client_order_id=key, reason=reason):
                log.log_event("cancel_sent", "info", {"order": key, "reason": reason})
            case ev.ExitDecided(episode_id=key, reason=reason):
                log.log_event("exit_decided", "info", {"position": key, "reason": reason})
            case _:
                pass

    def _notify(self, action: ev.Action) -> None:
        """Tell a human who is not looking; a halt is told of as such, not by its alarm too."""
        match action:
            case ev.Alarm(code=code, level="error") if not code.startswith("halt_"):
                self._notifier.notify(code, _alarm(action))
            case ev.HaltLatched(code=code, detail=detail, release=release):
                self._notifier.notify("halted", f"{code}, until {action.until or release}: {detail}")
            case ev.HaltReleased(code=code, actor=actor):
                self._notifier.notify("halt_released", f"{code} by {actor}")
            case ev.DayDone(summary=summary):
                self._notifier.notify("day", _day(summary, self._head()))
            case _:
                pass

    def _log_trade(self, trade: Trade) -> None:
        """A trade that moved; when only the day's fees were spread over it, that and not another execution."""
        moved = (trade.status, trade.qty, trade.exit_price)
        if self._last.get(trade.episode_id) == moved:
            self._logger.log_event(
                "trade_fees", "info", {"position": trade.episode_id, "fees": trade.fees, "pnl": trade.pnl}
            )
            return
        self._last[trade.episode_id] = moved
        self._logger.log_trade(trade)

    def _publish(self, action: ev.PublishStatus) -> None:
        page = {"mode": self._mode.value, **self._engine.status(action.at), "engine": self._facts}
        page["health"]["log"] = "ok" if self._logger.healthy else "failed"
        page["health"]["alarms"] = self._notifier.health()
        try:
            write_status(self._status_file, page)
        except OSError as error:
            self._logger.log_error(error, {"file": self._status_file.name})


def _alarm(alarm: ev.Alarm) -> str:
    numbers = (f"{name}={value}" for name, value in alarm.numbers.items() if value is not None)
    return " ".join(filter(None, (alarm.symbol, *numbers, alarm.untrusted_text)))


def _day(summary: DailySummary, head: str) -> str:
    """The session in a line. The journal's digest leaves the machine with it, so that a later rewriting shows."""
    return (
        f"{summary.day} equity {summary.equity_end:.2f} USD, day {summary.pnl:+.2f} USD ({summary.pnl_pct:+.2f} %), "
        f"{summary.trades} trades, {summary.wins} won, halt {summary.halted or 'none'}, "
        f"unprotected {summary.seconds_unprotected:.0f} s, journal sha256 {head}"
    )


def _order(action: ev.Approved | ev.Resend, key: str) -> dict[str, object]:
    intent = action.intent
    data = {
        "order": key,
        "role": intent.role.value,
        "side": intent.side,
        "symbol": intent.symbol,
        "qty": intent.qty,
        "type": intent.type.value,
        "limit_price": intent.limit_price,
        "stop_price": intent.stop_price,
        "reason": intent.reason,
        "resent": isinstance(action, ev.Resend) or None,
    }
    return {name: value for name, value in data.items() if value is not None}
