"""An eye of its own on one simulated account: money and shares from the activities alone, and the order of its news.

Nothing here is shared with the exchange: no class, no function, no constant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

NONE: Final = Decimal(0)
_CLOSE_ENOUGH: Final = Decimal("1E-12")
_SHARES_MOVE: Final = frozenset({"SPLIT", "NC", "CIL", "REORG"})
"""Activities whose `qty` came to the position or left it; that of a dividend is what it was paid on."""
_MONEY_ONLY: Final = frozenset({"FEE", "CSD", "CSW", "DIV", "INT", "JNLC"})

Body = Mapping[str, Any]


@dataclass
class Held:
    """Shares of one symbol (short ones negative), their cost at weighted average, and what was opened on each day."""

    qty: Decimal = NONE
    cost: Decimal = NONE
    by_day: dict[date, tuple[Decimal, Decimal]] = field(default_factory=dict)

    def move(self, day: date, signed: Decimal, dollars: Decimal) -> None:
        """Add an execution: opening shares join the day's, closing ones leave the oldest days."""
        if self.qty * signed >= 0:
            shares, cost = self.by_day.get(day, (NONE, NONE))
            self.by_day[day] = shares + abs(signed), cost + dollars
            self.cost += dollars if signed > 0 else -dollars
            self.qty += signed
            return
        assert abs(signed) <= abs(self.qty), f"one execution of {signed} turned a position of {self.qty} round"
        self.cost -= self.cost * abs(signed) / abs(self.qty)
        self.qty += signed
        self._leave(abs(signed))

    def _leave(self, rest: Decimal) -> None:
        for day in sorted(self.by_day):
            shares, cost = self.by_day[day]
            gone = min(rest, shares)
            rest -= gone
            self.by_day[day] = shares - gone, cost - cost * gone / shares if shares else NONE

    def scale(self, qty: Decimal) -> None:
        """As many shares as `qty` for the same money."""
        self.by_day = {day: (shares * qty / self.qty, cost) for day, (shares, cost) in self.by_day.items()}
        self.qty = qty

    def restate(self) -> None:
        """What is left cost what the days' shares cost."""
        total = sum((cost for _, cost in self.by_day.values()), NONE)
        self.cost = total if self.qty > 0 else -total


class Books:
    """The account's money and shares, from its activities as they are on the wire."""

    def __init__(self, cash: str, day_ends: Sequence[datetime]) -> None:
        """`cash` at the start; the cost of positions is restated at each of `day_ends`."""
        self.start = self.cash = Decimal(cash)
        self.fees = self.traded = NONE
        self.held: dict[str, Held] = {}
        self.after_execution: dict[str, Decimal] = {}
        self.executed: dict[str, Decimal] = {}
        self._day_ends = list(day_ends)
        self._read = 0
        self._renamed: Held | None = None

    def read(self, entries: Sequence[Any], body_of: Callable[[Any], Body], now: datetime) -> None:
        """Book the activities that are new, and end the days that have ended by `now`."""
        for entry in entries[self._read :]:
            self._end_days(entry.at)
            self._book(entry, body_of(entry))
        self._read = len(entries)
        self._end_days(now)
        assert self._renamed is None, "shares left under one name and came back under none"

    def _end_days(self, now: datetime) -> None:
        while self._day_ends and self._day_ends[0] <= now:
            del self._day_ends[0]
            for held in self.held.values():
                held.restate()

    def _book(self, entry: Any, body: Body) -> None:
        kind = body["activity_type"]
        if kind == "FILL":
            self._fill(body, entry.execution_id)
            return
        assert kind in _SHARES_MOVE | _MONEY_ONLY, f"an activity nobody knows: {kind}"
        amount = Decimal(body["net_amount"])
        assert amount == round(amount, 2), f"{kind} of {amount}: not whole cents"
        self.cash += amount
        self.fees -= amount if kind in {"FEE", "INT"} else NONE
        if kind in _SHARES_MOVE:
            self._move(kind, body["symbol"], Decimal(body["qty"]))

    def _fill(self, body: Body, execution_id: str) -> None:
        qty, price, symbol = Decimal(body["qty"]), Decimal(body["price"]), body["symbol"]
        assert qty > 0, "an execution of nothing"
        assert price > 0, "an execution for nothing"
        assert qty == round(qty, 9), f"{qty} has more than 9 decimals"
        signed = qty if body["side"] == "buy" else -qty
        self.cash -= signed * price
        self.traded += qty * price
        day = date.fromisoformat(f"{body['id'][:4]}-{body['id'][4:6]}-{body['id'][6:8]}")
        held = self.held.setdefault(symbol, Held())
        held.move(day, signed, qty * price)
        assert execution_id not in self.after_execution, "an execution was booked twice"
        self.after_execution[execution_id] = held.qty
        order = body["order_id"]
        self.executed[order] = self.executed.get(order, NONE) + qty
        self._drop(symbol)

    def _move(self, kind: str, symbol: str, change: Decimal) -> None:
        held = self.held.setdefault(symbol, Held())
        if kind == "SPLIT":
            held.scale(held.qty + change)
        elif kind == "NC" and held.qty + change == 0:
            self._renamed = self.held.pop(symbol)
        elif kind == "NC":
            assert self._renamed is not None, "shares came under a new name from nowhere"
            assert change == self._renamed.qty, "the new name has another number of shares"
            assert held.qty == 0, "the new name was in use"
            self.held[symbol], self._renamed = self._renamed, None
        else:
            held.move(date.max, change, NONE)
        self._drop(symbol)

    def _drop(self, symbol: str) -> None:
        if symbol in self.held and self.held[symbol].qty == 0:
            del self.held[symbol]

    def average_is(self, symbol: str, average: Decimal) -> bool:
        """Whether this is the average entry price, but for the last digits of a division."""
        held = self.held[symbol]
        return abs(held.cost / held.qty - average) <= _CLOSE_ENOUGH * average


_ENDED: Final = frozenset({"fill", "canceled", "expired", "replaced", "rejected"})
_REFUSALS: Final = frozenset({"order_cancel_rejected", "order_replace_rejected"})
_STATUS: Final[Mapping[str, frozenset[str]]] = {
    "accepted": frozenset({"accepted"}),
    "new": frozenset({"new"}),
    "partial_fill": frozenset({"partially_filled", "pending_cancel", "pending_replace"}),
    "fill": frozenset({"filled"}),
    "canceled": frozenset({"canceled"}),
    "expired": frozenset({"expired"}),
    "replaced": frozenset({"replaced"}),
    "rejected": frozenset({"rejected"}),
}
"""The order's status that comes with an event (alpaca-contract 3.13); a partial fill does not undo a pending request."""
_FOLLOWS: Final[Mapping[str | None, frozenset[str]]] = {
    None: frozenset({"accepted", "new", "canceled", "expired", "replaced", "rejected"}),
    "accepted": frozenset({"new", "canceled", "expired", "rejected"}),
    "new": frozenset({"partial_fill", "fill", "canceled", "expired", "replaced", "rejected"}),
    "partial_fill": frozenset({"partial_fill", "fill", "canceled", "expired", "replaced", "rejected"}),
}
"""What may come after an event; nothing comes after the end but the refusal of a cancel or a replace."""


class Judge:
    """Holds the news of each order, as the stream tells them, to the order's life (alpaca-contract 3.13)."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._last: dict[str, str] = {}
        self._filled: dict[str, Decimal] = {}
        self._executions: set[str] = set()
        self._awaited: tuple[str, str] | None = None
        self._event_id, self._at = "", ""
        self.is_late = False
        """True once a fault tells fills before `new`: an order's news may then come in another sequence."""

    def hear(self, update: Body) -> None:
        """Judge one message."""
        event, order = update["event"], update["order"]
        self._in_sequence(update)
        if "execution_id" in update:
            self._execution(update)
        else:
            assert event not in {"fill", "partial_fill"}, "a fill without an execution"
        last = self._last.get(order["id"])
        if event not in _REFUSALS:
            self._last[order["id"]] = event
            if not self.is_late:
                self._life(last, event, order)
                self._pair(last, event, order)

    def _in_sequence(self, update: Body) -> None:
        assert update["event_id"] > self._event_id, "event ids must increase"
        at = datetime.fromisoformat(update["timestamp"]).isoformat(timespec="microseconds")
        assert at >= self._at, "time ran back"
        assert update["at"] == update["timestamp"]
        self._event_id, self._at = update["event_id"], at

    def _execution(self, update: Body) -> None:
        order, execution = update["order"], update["execution_id"]
        assert update["event"] in {"fill", "partial_fill"}
        assert execution not in self._executions, "an execution was told twice"
        self._executions.add(execution)
        assert Decimal(update["position_qty"]) == self._books.after_execution[execution], (
            "position_qty is not the position's"
        )
        if not self.is_late:
            before = self._filled.get(order["id"], NONE)
            assert Decimal(order["filled_qty"]) == before + Decimal(update["qty"]), (
                "filled_qty is not the executions' sum"
            )

    def _life(self, last: str | None, event: str, order: Body) -> None:
        key = order["id"]
        assert event in _STATUS, f"an event nobody knows: {event}"
        assert event in _FOLLOWS.get(last, frozenset()), f"{event} after {last}"
        assert order["status"] in _STATUS[event], f"{event} with status {order['status']}"
        filled = Decimal(order["filled_qty"])
        assert filled >= self._filled.get(key, NONE), "filled_qty went down"
        if order["qty"] is not None:
            assert filled <= Decimal(order["qty"]), "more was filled than was ordered"
            assert (event == "fill") == (filled == Decimal(order["qty"]) and event in {"fill", "partial_fill"})
        self._filled[key] = filled

    def _pair(self, last: str | None, event: str, order: Body) -> None:
        """After `replaced` comes `new` of the successor at once, with what was filled; a held leg's successor is held."""
        if self._awaited is not None:
            replaced, successor = self._awaited
            assert (event, order["id"]) == ("new", successor), f"{event} after replaced"
            assert order["replaces"] == replaced
            self._awaited = None
        if event == "replaced":
            assert order["replaced_by"], "replaced by nobody"
            self._filled[order["replaced_by"]] = self._filled[order["id"]]
            if last is not None:
                self._awaited = order["id"], order["replaced_by"]

    def has_told(self, order: Body) -> bool:
        """Whether the stream has told of the state in which an order ended."""
        last = self._last.get(order["id"])
        return last == {"filled": "fill"}.get(order["status"], order["status"])

    def ended(self) -> int:
        """How many orders have come to their end."""
        return sum(event in _ENDED for event in self._last.values())
