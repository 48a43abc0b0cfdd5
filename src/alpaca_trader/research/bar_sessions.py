"""Which session each of many minutes belongs to, for arrays."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray

from alpaca_trader.core.models import Session
from alpaca_trader.edge.calendar import NEW_YORK, SessionCalendar, new_york_date
from alpaca_trader.research.bars import Flags, Ints

FULL_SESSION_S = 6.5 * 3600


@dataclass(frozen=True, slots=True)
class SessionTable:
    """The sessions around a stretch of minutes. ``opens`` and ``closes`` are epoch seconds."""

    sessions: list[Session]
    opens: Ints
    closes: Ints
    _midnights: Ints
    _session_of_day: Ints

    @classmethod
    def around(cls, start: Ints, calendar: SessionCalendar) -> "SessionTable":
        """The table that covers ``start`` (epoch seconds, not empty) and a day on either side."""
        first, last = (new_york_date(datetime.fromtimestamp(int(each), UTC)) for each in (start.min(), start.max()))
        dates = [first + timedelta(days=n) for n in range(-1, (last - first).days + 2)]
        sessions = calendar.sessions(dates[0], dates[-1])
        place = {session.day: number for number, session in enumerate(sessions)}
        return cls(
            sessions,
            np.array([int(session.open.timestamp()) for session in sessions], dtype=np.int64),
            np.array([int(session.close.timestamp()) for session in sessions], dtype=np.int64),
            np.array([int(datetime.combine(day, time(), NEW_YORK).timestamp()) for day in dates], dtype=np.int64),
            np.array([place.get(day, -1) for day in dates], dtype=np.int64),
        )

    def session_of(self, start: Ints) -> Ints:
        """The place in ``sessions`` of the session on each minute's New York date; -1 where the exchange is closed."""
        found: Ints = self._session_of_day[np.searchsorted(self._midnights, start, side="right") - 1]
        return found

    def is_regular(self, start: Ints) -> Flags:
        """Whether each minute lies in regular hours."""
        return np.asarray(self.phase(start) == 1, dtype=np.bool_)

    def phase(self, start: Ints) -> NDArray[np.int8]:
        """0 before the open, 1 in regular hours, 2 after the close, -1 on a day without a session."""
        which = self.session_of(start)
        if not self.sessions:
            return np.full(len(start), -1, dtype=np.int8)
        after = (start >= self.opens[which]).astype(np.int8) + (start >= self.closes[which])
        return np.where(which >= 0, after, -1).astype(np.int8)

    def days(self, start: Ints) -> list[date]:
        """The sessions in whose regular hours some minute lies, oldest first."""
        present = np.unique(self.session_of(start[self.is_regular(start)]))
        return [self.sessions[number].day for number in present]

    def months(self, start: Ints) -> list[tuple[str, Ints]]:
        """The minutes' places by New York month (``2019-02``), oldest month first."""
        names = np.array([f"{self.date_of(int(midnight)):%Y-%m}" for midnight in self._midnights])
        month = names[np.searchsorted(self._midnights, start, side="right") - 1]
        return [(str(name), np.flatnonzero(month == name)) for name in np.unique(month)]

    def is_half_day(self, number: int) -> bool:
        """Whether a session closes early."""
        return bool(self.closes[number] - self.opens[number] < FULL_SESSION_S)

    @staticmethod
    def date_of(seconds: int) -> date:
        """The New York date of a minute."""
        return new_york_date(datetime.fromtimestamp(seconds, UTC))
