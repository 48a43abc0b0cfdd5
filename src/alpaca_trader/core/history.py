"""One symbol's regular bars: refused when broken, kept in a ring, and what earlier sessions say about today."""

import math
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from alpaca_trader.core.indicators import SESSION_MINUTES, Floats
from alpaca_trader.core.models import MINUTE, Bar, Session, is_sound

COLUMNS = ("open", "high", "low", "close", "volume", "vwap")
KEPT_ROWS = 10 * SESSION_MINUTES
KEPT_VOLUME_DAYS = 60
KEPT_CLOSES = 200

_SMALLEST_RING = 512
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MICROSECONDS_A_MINUTE = 60_000_000
_COLUMN_INDEX = pd.Index(COLUMNS)


class History:
    """The last regular bars of one symbol (ten sessions), earlier sessions' volumes by minute and daily closes."""

    __slots__ = (
        "_closes",
        "_count",
        "_days",
        "_dropped",
        "_last",
        "_open_us",
        "_rows",
        "_starts",
        "_volumes",
        "rejected",
        "session",
    )

    def __init__(self) -> None:
        self.session: Session | None = None
        self.rejected = 0
        """Bars refused so far: broken numbers, or not later than the bar before."""
        self._rows: Floats = np.empty((0, len(COLUMNS)))
        self._starts: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._count = 0
        self._dropped = 0
        self._last: datetime | None = None
        self._open_us = 0
        self._days: deque[tuple[Session, int]] = deque()
        self._volumes: deque[Floats] = deque(maxlen=KEPT_VOLUME_DAYS)
        self._closes: deque[float] = deque(maxlen=KEPT_CLOSES)

    def start_session(self, session: Session) -> bool:
        """Bars from now on belong to ``session``; False where that day had already begun (only its hours are updated).

        Raises ValueError for a day before the current one, or for hours longer than a regular session.
        """
        if session.close - session.open > SESSION_MINUTES * MINUTE:
            raise ValueError(f"session {session.day} lasts longer than {SESSION_MINUTES} minutes: {session}")
        if self.session is not None:
            if session.day < self.session.day:
                raise ValueError(f"session {session.day} cannot follow {self.session.day}")
            if session.day == self.session.day:
                self.session = session
                self._days[-1] = (session, self._days[-1][1])
                return False
            self._close_day(self.session)
        self.session = session
        self._open_us = round(session.open.timestamp()) * 1_000_000
        self._days.append((session, self._dropped + self._count))
        return True

    def add(self, bar: Bar) -> int:
        """Keep one bar of the current session; its minutes since the open, or -1 where it was refused (and counted)."""
        assert self.session is not None, "a session is started before its bars"
        start = bar.start
        if (self._last is not None and start <= self._last) or not is_sound(bar):
            self.rejected += 1
            return -1
        self._last = start
        if self._count == len(self._starts):
            self._make_room()
        elapsed: timedelta = start - self.session.open
        vwap = math.nan if bar.vwap is None else bar.vwap
        self._rows[self._count] = (bar.open, bar.high, bar.low, bar.close, bar.volume, vwap)
        self._starts[self._count] = self._open_us + elapsed.seconds * 1_000_000 + elapsed.microseconds
        self._count += 1
        return elapsed.seconds // 60

    @property
    def last_start(self) -> datetime | None:
        """When the newest bar began."""
        return self._last

    @property
    def last_close(self) -> float:
        """The newest bar's close, USD."""
        return float(self._rows[self._count - 1, 3])

    @property
    def volumes(self) -> list[Floats]:
        """Volume by minute of the earlier full sessions in which the symbol traded, oldest first; half days left out."""
        return list(self._volumes)

    @property
    def closes(self) -> list[float]:
        """The last daily closes before the current session, oldest first, at most 200."""
        return list(self._closes)

    def days(self) -> Iterator[tuple[Session, list[tuple[int, list[float]]]]]:
        """The sessions kept whole, oldest first, each with (minutes since the open, the six numbers) of its bars."""
        edges = [*(first for _, first in self._days), self._dropped + self._count]
        for (session, first), end in zip(self._days, edges[1:], strict=True):
            rows = slice(first - self._dropped, end - self._dropped)
            yield session, list(zip(self._minutes(session, rows).tolist(), self._rows[rows].tolist(), strict=True))

    def bars_after(self, symbol: str, start: datetime | None) -> list[Bar]:
        """The kept bars that began after ``start`` (all where None), as bars of ``symbol``."""
        after = -1 if start is None else (start - _EPOCH) // _MICROSECOND
        first = int(np.searchsorted(self._starts[: self._count], after, side="right"))
        found = []
        for began, row in zip(
            self._starts[first : self._count].tolist(), self._rows[first : self._count].tolist(), strict=True
        ):
            open_, high, low, close, volume, vwap = row
            source = None if math.isnan(vwap) else vwap
            found.append(Bar(symbol, _EPOCH + began * _MICROSECOND, open_, high, low, close, volume, source))
        return found

    def frame(self) -> pd.DataFrame:
        """The kept bars, at most ten sessions: six columns over the UTC starts. A read-only view, nothing is copied."""
        first = max(0, self._count - KEPT_ROWS)
        rows = self._rows[first : self._count]
        rows.flags.writeable = False
        starts = pd.DatetimeIndex(self._starts[first : self._count].view("datetime64[us]"), tz="UTC", copy=False)
        return pd.DataFrame(rows, index=starts, columns=_COLUMN_INDEX, copy=False)

    def _minutes(self, session: Session, rows: slice) -> npt.NDArray[np.int64]:
        open_us = round(session.open.timestamp()) * 1_000_000
        minutes: npt.NDArray[np.int64] = (self._starts[rows] - open_us) // _MICROSECONDS_A_MINUTE
        return minutes

    def _close_day(self, session: Session) -> None:
        """Turn the ended session into a volume profile and a daily close; a day without a bar says nothing."""
        _, first = self._days[-1]
        rows = slice(first - self._dropped, self._count)
        if rows.start == rows.stop:
            self._days.pop()
            return
        self._closes.append(self.last_close)
        if session.close - session.open == SESSION_MINUTES * MINUTE:
            volumes = np.zeros(SESSION_MINUTES)
            np.add.at(volumes, self._minutes(session, rows), self._rows[rows, 4])
            self._volumes.append(volumes)

    def _make_room(self) -> None:
        # A new block each time: frames handed out earlier keep showing what they showed.
        keep = min(self._count, KEPT_ROWS)
        size = max(_SMALLEST_RING, 2 * keep)
        rows, starts = np.empty((size, len(COLUMNS))), np.empty(size, dtype=np.int64)
        rows[:keep] = self._rows[self._count - keep : self._count]
        starts[:keep] = self._starts[self._count - keep : self._count]
        self._dropped += self._count - keep
        self._rows, self._starts, self._count = rows, starts, keep
        while self._days and self._days[0][1] < self._dropped:
            self._days.popleft()
