"""The daily log: one JSON object per line, ``timestamp``, ``level``, ``event``, ``data``, as the design document has it.

Every line passes one structlog pipeline: values made plain, credentials hidden by key, rendered, credentials masked by
value on the final bytes. Lines per event and minute and bytes per day are bounded, and a disk that fails is counted:
logging never raises, blocks or grows without end.
"""

import threading
import traceback
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import orjson
import structlog

from alpaca_trader.core.models import DailySummary, Trade, TradeSignal
from alpaca_trader.core.ports import Clock
from alpaca_trader.edge.day_file import DayFile
from alpaca_trader.edge.plain import plain
from alpaca_trader.edge.redaction import Redactor

Level = Literal["debug", "info", "warning", "error"]

NEW_YORK = ZoneInfo("America/New_York")
DAY_BYTES = 64 * 1024 * 1024
LINE_BYTES = 64 * 1024
LINES_PER_MINUTE = 600
FRAMES_SHOWN = 8


class TradingLogger:
    """Writes ``logs/YYYY-MM-DD.jsonl`` (New York date of ``clock``). May be called from any thread; never raises."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        redactor: Redactor,
        *,
        day_bytes: int = DAY_BYTES,
        lines_per_minute: int = LINES_PER_MINUTE,
    ) -> None:
        self._clock = clock
        self._file = DayFile(folder, day_bytes)
        self._redactor = redactor
        self._rate = _Rate(lines_per_minute)
        self._lost_told = 0
        self._lock = threading.Lock()
        processors = [_plain_data, _in_order, self._render]
        self._log = structlog.wrap_logger(_Sink(self._file), processors, structlog.BoundLogger)

    @property
    def healthy(self) -> bool:
        """Whether the last line reached the file."""
        return self._file.healthy

    @property
    def lost(self) -> int:
        """Lines the disk refused since the start."""
        return self._file.lost

    def log_trade(self, trade: Trade) -> None:
        """A position episode changed: ``trade_executed`` for a fill (bought, sold), else ``trade_<status>``."""
        is_closed = trade.status == "closed"
        data = {
            "symbol": trade.symbol,
            "side": "sell" if is_closed else trade.side,
            "qty": trade.qty,
            "price": trade.exit_price if is_closed else trade.entry_price,
            "strategy": trade.strategy,
            "status": trade.status,
            "pnl": trade.pnl,
            "fees": trade.fees,
            "exit_reason": trade.exit_reason,
            "episode_id": trade.episode_id,
            "order_id": trade.order_id,
        }
        executed = trade.status in ("open", "closed")
        self.log_event("trade_executed" if executed else f"trade_{trade.status}", "info", data)

    def log_signal(self, signal: TradeSignal, action: str) -> None:
        """A strategy's wish and what became of it (``approved``, a refusal code)."""
        self.log_event("signal", "info", {"action": action, **plain(signal)})

    def log_error(self, error: BaseException, context: Mapping[str, object]) -> None:
        """An error with its type, text, causes and place in the code; never the values of local variables."""
        frames = traceback.extract_tb(error.__traceback__)[-FRAMES_SHOWN:]
        data = {
            "type": type(error).__name__,
            "message": str(error),
            "causes": [f"{type(cause).__name__}: {cause}" for cause in _causes(error)],
            "where": [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames],
            "context": context,
        }
        self.log_event("error", "error", data)

    def log_daily_summary(self, summary: DailySummary) -> None:
        """A session's result."""
        self.log_event("daily_summary", "info", plain(summary))

    def log_event(self, event: str, level: Level, data: Mapping[str, object]) -> None:
        """One line. Beyond the minute's allowance for ``event`` it is counted and told of in the next minute."""
        with self._lock:
            at = self._clock.now()
            for held_back, count in self._rate.turn(at):
                self._write("log_suppressed", "warning", {"event": held_back, "lines": count}, at)
            if self._rate.admits(event):
                self._write(event, level, data, at)

    def close(self) -> None:
        """Tell what was held back and let go of the file."""
        with self._lock:
            for held_back, count in self._rate.drain():
                data = {"event": held_back, "lines": count}
                self._write("log_suppressed", "warning", data, self._clock.now())
            self._file.close()

    def _write(self, event: str, level: Level, data: Mapping[str, object], at: datetime) -> None:
        was_capped = self._file.capped
        getattr(self._log, level)(event, at=at, data=data)
        if self._file.capped == 1 and not was_capped:
            self._log.error("log_capped", at=at, data={"day_bytes": "only errors are logged until the next day"})
        if self._file.healthy and self._file.lost > self._lost_told:
            lost, self._lost_told = self._file.lost - self._lost_told, self._file.lost
            self._log.warning("log_lines_lost", at=at, data={"lines": lost})

    def _render(self, _: object, __: str, line: Mapping[str, Any]) -> tuple[tuple[date, bytes], dict[str, Any]]:
        text = orjson.dumps(line)
        if len(text) > LINE_BYTES:
            text = orjson.dumps({**line, "data": {"too_long": len(text)}})
        at = datetime.fromisoformat(line["timestamp"])
        return (at.astimezone(NEW_YORK).date(), self._redactor.clean(text) + b"\n"), {}


def _plain_data(_: object, __: str, line: Any) -> Any:
    return plain(line)


def _in_order(_: object, level: str, line: Any) -> Any:
    """The design document's four fields, in its order."""
    return {"timestamp": line["at"], "level": level.upper(), "event": line["event"], "data": line["data"]}


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    cause = error.__cause__ or error.__context__
    while cause is not None and cause not in found and len(found) < FRAMES_SHOWN:
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found


class _Sink:
    """What structlog calls at the end of the pipeline: errors may use the file's headroom."""

    def __init__(self, file: DayFile) -> None:
        self._file = file

    def info(self, day: date, line: bytes) -> None:
        """An ordinary line."""
        self._file.write(day, line, is_urgent=False)

    debug = warning = info

    def error(self, day: date, line: bytes) -> None:
        """A line that must not fall to the day's cap as long as there is headroom."""
        self._file.write(day, line, is_urgent=True)


class _Rate:
    """Counts lines per event in the current minute of the clock."""

    def __init__(self, lines_per_minute: int) -> None:
        self._allowed = lines_per_minute
        self._minute: datetime | None = None
        self._seen: Counter[str] = Counter()

    def turn(self, at: datetime) -> list[tuple[str, int]]:
        """What the minute that ended held back, once; empty inside a minute."""
        minute = at.replace(second=0, microsecond=0)
        if minute == self._minute:
            return []
        self._minute = minute
        return self.drain()

    def drain(self) -> list[tuple[str, int]]:
        """Events over their allowance, each with the number of lines held back; counting starts anew."""
        over = [(event, count - self._allowed) for event, count in self._seen.items() if count > self._allowed]
        self._seen.clear()
        return over

    def admits(self, event: str) -> bool:
        """Count a line and tell whether it may be written."""
        self._seen[event] += 1
        return self._seen[event] <= self._allowed
