"""The screener: what traded most and moved most, computed from the consolidated tape of the running or last session."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.requests import Request

from alpaca_trader.simulator.market.calendar import SessionHours, new_york_date
from alpaca_trader.simulator.market.model import Totals
from alpaca_trader.simulator.rest.data_query import Refused, limit_of
from alpaca_trader.simulator.rest.data_wire import plain
from alpaca_trader.simulator.simulator import Simulator
from alpaca_trader.simulator.wire import timestamp

_DEFAULT_TOP: Final = 10
_MOST_ACTIVES: Final = 100
_MOST_MOVERS: Final = 50


class Screener:
    """Reads each minute of the session once, however often it is asked."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._session: SessionHours | None = None
        self._read_until: datetime | None = None
        self._totals: dict[str, Totals] = {}

    def most_actives(self, _sim: Simulator, request: Request) -> Mapping[str, Any]:
        """`top` symbols by volume or by number of trades."""
        by = request.query_params.get("by") or "volume"
        if by not in ("volume", "trades"):
            raise Refused(400, f"invalid by: {by[:100]}")
        top = limit_of(request.query_params.get("top"), _DEFAULT_TOP, _MOST_ACTIVES, "top")
        updated = self._read()
        index = 0 if by == "volume" else 1
        ranked = sorted(self._totals.items(), key=lambda entry: (-entry[1][index], entry[0]))
        actives = [
            {"symbol": symbol, "volume": volume, "trade_count": trades} for symbol, (volume, trades, _) in ranked[:top]
        ]
        return {"most_actives": actives, "last_updated": timestamp(updated)}

    def movers(self, _sim: Simulator, request: Request) -> Mapping[str, Any]:
        """The `top` gainers and losers since the close before. There is no crypto here: its lists are empty."""
        market_type = request.path_params["market_type"]
        if market_type not in ("stocks", "crypto"):
            raise Refused(400, f"invalid market_type: {market_type[:100]}")
        top = limit_of(request.query_params.get("top"), _DEFAULT_TOP, _MOST_MOVERS, "top")
        updated = self._read()
        moves = self._moves() if market_type == "stocks" else []
        gainers = sorted(
            (move for move in moves if move["change"] > 0), key=lambda m: (-m["percent_change"], m["symbol"])
        )
        losers = sorted(
            (move for move in moves if move["change"] < 0), key=lambda m: (m["percent_change"], m["symbol"])
        )
        return {
            "gainers": gainers[:top],
            "losers": losers[:top],
            "market_type": market_type,
            "last_updated": timestamp(updated),
        }

    def _moves(self) -> list[dict[str, Any]]:
        found = []
        for symbol, (_, _, price) in self._totals.items():
            before = self._sim.market.previous_close(symbol, self._session.date) if self._session else None
            if before:
                change = price - float(before)
                percent = 100 * change / float(before)
                found.append(
                    {
                        "symbol": symbol,
                        "percent_change": round(percent, 2),
                        "change": round(change, 2),
                        "price": plain(price),
                    }
                )
        return found

    def _read(self) -> datetime:
        """Take in the minutes that are over; returns the end of the last of them."""
        now = self._sim.now.replace(second=0, microsecond=0)
        today = new_york_date(now)
        begun = [h for h in self._sim.market.sessions(today - timedelta(days=7), today) if h.open < now]
        if not begun:
            return now
        session = begun[-1]
        if session != self._session or self._read_until is None:
            self._session, self._read_until, self._totals = session, session.open, {}
        until = min(now, session.close)
        if self._read_until < until:
            for symbol, more in self._sim.market.totals(self._read_until, until).items():
                volume, trades, _ = self._totals.get(symbol, (0, 0, 0.0))
                self._totals[symbol] = Totals(volume + more.volume, trades + more.trade_count, more.last)
            self._read_until = until
        return until
