"""What a run shows while it goes on: a line per entry, exit and alarm, and how far the simulated sessions are played."""

import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from alpaca_trader.core import events as ev
from alpaca_trader.core.models import MINUTE, ZERO, Mode, Session, Trade
from alpaca_trader.views.words import clock, days_words, local, plain_number, price, printable, shares, signed


class Progress:
    """Hears every action of a run and tells people on standard error; ``is_quiet`` says nothing at all."""

    def __init__(self, mode: Mode, home: object, is_quiet: bool) -> None:
        self._header = f"{mode}  {home}"
        self._is_quiet = is_quiet
        self._sessions: Sequence[Session] = ()
        self._announced: dict[str, tuple[str, Decimal]] = {}
        self._hour: datetime | None = None
        is_terminal = sys.stderr.isatty() and not is_quiet
        self._bar = _bar() if is_terminal and mode is Mode.SIM else None
        self._say: Callable[[str], None] = self._bar_line if self._bar else lambda line: click.echo(line, err=True)

    def __enter__(self) -> Self:
        if not self._is_quiet:
            self._say(self._header)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, sessions: Sequence[Session], is_continued: bool) -> None:
        """The run plays these sessions; ``is_continued``: it goes on where it was interrupted."""
        self._sessions = sessions
        if not self._is_quiet:
            self._say(days_words(tuple(session.day for session in sessions)))
        if is_continued and not self._is_quiet:
            self._say("going on with the run that was interrupted here")
        if self._bar is not None:
            self._bar.start()
            self._bar.add_task("starting", total=_minutes(sessions, sessions[-1].close))

    def watch(self, action: ev.Action) -> None:
        """Tell what concerns people."""
        if self._is_quiet:
            return
        if isinstance(action, ev.PublishStatus):
            self._time_passed(action.at)
        for line in self._lines(action):
            self._say(f"{self._clock(action.at)}  {line}")

    def _lines(self, action: ev.Action) -> list[str]:
        match action:
            case ev.TradeChanged(trade=trade):
                return self._trade_line(trade)
            case ev.HaltLatched(code=code, detail=detail):
                return [f"HALT    {code}: {printable(detail)}; {self._halt_end(action)}"]
            case ev.HaltReleased(code=code, actor=actor):
                return [f"go on   {code} released by {printable(actor)}"]
            case ev.Alarm(code=code) if not code.startswith("halt_"):
                return [_alarm_line(action)]
            case _:
                return []

    def _trade_line(self, trade: Trade) -> list[str]:
        """A trade's row changes often; people hear of an entry, of more of it, and of the exit, once each."""
        status, qty = self._announced.get(trade.episode_id, ("", ZERO))
        is_news = trade.status != status or (trade.status == "open" and trade.qty > qty)
        self._announced[trade.episode_id] = trade.status, max(trade.qty, qty)
        if not is_news:
            return []
        if trade.status == "open":
            qty_words, paid = f"{shares(trade.qty)} {trade.symbol}", price(trade.entry_price)
            if status == "open":
                return [f"entry   more of it filled, now {qty_words} in all at {paid}"]
            return [f"entry   {qty_words} at {paid} ({trade.strategy})"]
        if trade.status == "closed":
            sold = f"{shares(trade.qty)} {trade.symbol} at {price(trade.exit_price)}"
            return [f"exit    {sold}: {trade.exit_reason}, {signed(trade.pnl)} $ before fees"]
        if trade.status in ("rejected", "canceled"):
            return [f"entry   {trade.symbol} {trade.status}, nothing bought"]
        return []

    def _halt_end(self, halt: ev.HaltLatched) -> str:
        if halt.release == "human":
            return "stays until a human resumes"
        return "until the next session" if halt.until is None else f"until {self._clock(halt.until)}"

    def _time_passed(self, at: datetime) -> None:
        hour = at.replace(minute=0, second=0, microsecond=0)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=_minutes(self._sessions, at), description=self._clock(at))
        elif self._sessions and hour != self._hour:
            played, total = _minutes(self._sessions, at), _minutes(self._sessions, self._sessions[-1].close)
            closed = sum(1 for status, _ in self._announced.values() if status == "closed")
            self._say(f"{self._clock(at)}  {played} of {total} minutes played, {closed} trades closed")
        self._hour = hour

    def _clock(self, at: datetime) -> str:
        return clock(at) if len(self._sessions) == 1 else f"{local(at):%m-%d %H:%M}"

    def _bar_line(self, line: str) -> None:
        assert self._bar is not None
        self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _bar() -> RichProgress:
    return RichProgress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("minutes"),
        TimeRemainingColumn(),
        console=Console(stderr=True, highlight=False),
        transient=True,
    )


def _minutes(sessions: Sequence[Session], at: datetime) -> int:
    """Minutes of regular hours up to ``at``."""
    played = (min(at, session.close) - session.open for session in sessions if at > session.open)
    return sum(span // MINUTE for span in played)


def _alarm_line(alarm: ev.Alarm) -> str:
    numbers = (f"{name}={plain_number(value)}" for name, value in alarm.numbers.items() if value is not None)
    text = " ".join([f"{alarm.level:<8}{alarm.code}", *([alarm.symbol] if alarm.symbol else []), *numbers])
    return f"{text}: {printable(alarm.untrusted_text)}" if alarm.untrusted_text else text
