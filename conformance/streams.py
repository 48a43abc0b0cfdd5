"""Clients of both streams, over real sockets: what they hear has to be made of the objects the files describe."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from alpaca_trader.simulator import RunningSimulator
from conformance.judge import Judge

_PATIENCE_S: Final = 30
_EVENTS: Final = frozenset(
    [
        "accepted",
        "pending_new",
        "new",
        "partial_fill",
        "fill",
        "canceled",
        "expired",
        "replaced",
        "rejected",
        "done_for_day",
        "stopped",
        "suspended",
        "calculated",
        "held",
        "restated",
        "pending_cancel",
        "pending_replace",
        "order_replace_rejected",
        "order_cancel_rejected",
        "trade_bust",
        "trade_correct",
    ]
)
"""Events of trade_updates (alpaca-contract 3.13)."""
_EXECUTIONS: Final = frozenset({"partial_fill", "fill"})
_MARKET: Final[Mapping[str, str]] = {
    "b": "stock_bar",
    "u": "stock_bar",
    "d": "stock_bar",
    "q": "stock_quote",
    "t": "stock_trade",
}
"""Kinds of market-data messages that are REST objects with two more keys, T and S (contract 5.1)."""


class Ear:
    """Reads a socket in a thread of its own, so that it is never a slow client."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._news = threading.Condition()
        self.heard: list[Any] = []
        self._thread = threading.Thread(target=self._read, name="ear", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for frame in self._socket:
                message = json.loads(frame)
                with self._news:
                    self.heard += message if isinstance(message, list) else [message]
                    self._news.notify_all()
        except ConnectionClosed:
            return

    def say(self, message: Mapping[str, object], is_answer: Callable[[Any], bool]) -> None:
        """Send, and wait for the answer. Raises TimeoutError when none comes."""
        self._socket.send(json.dumps(message))
        self.wait(lambda: any(map(is_answer, self.heard)))

    def wait(self, is_done: Callable[[], bool]) -> None:
        """Wait until it is so. Raises TimeoutError when it takes too long."""
        with self._news:
            if not self._news.wait_for(is_done, _PATIENCE_S):
                raise TimeoutError(f"heard only {self.heard[-3:]}")


class Listener:
    """An ear on each stream of a running simulator."""

    def __init__(self, running: RunningSimulator, updates: Ear, market: Ear) -> None:
        self._sim = running.sim
        self._updates = updates
        self._market = market

    def judge(self, judge: Judge) -> None:
        """Hear out what was sent, and judge every message."""
        sent = self._sim.sent()
        self._updates.wait(lambda: len(self.updates()) >= sent["trade_updates"])
        self._market.wait(lambda: len(self.messages()) >= sent["market_data"])
        for update in self.updates():
            name = str(update.get("event"))
            keys = {"event", "event_id", "at", "timestamp", "order"}
            if name in _EXECUTIONS:
                keys |= {"execution_id", "price", "qty", "position_qty"}
            if name not in _EVENTS or keys - update.keys():
                judge.deviations.append(f"trade_updates: event {name} without {sorted(keys - update.keys())}")
            judge.see_value(f"trade_updates {name}", "trading", "Order", update.get("order"))
        for message in self.messages():
            judge.see_value(f"market data {message['T']}", "data", _MARKET[message["T"]], message)

    def updates(self) -> list[Any]:
        """The trade updates heard so far."""
        return [message["data"] for message in list(self._updates.heard) if message.get("stream") == "trade_updates"]

    def messages(self) -> list[Any]:
        """The market data heard so far."""
        return [message for message in list(self._market.heard) if message.get("T") in _MARKET]


@contextmanager
def listening(running: RunningSimulator, symbol: str) -> Iterator[Listener]:
    """Sign on to both streams: to everything of the account, and to all there is of one symbol."""
    with connect(f"{running.ws_url}/stream") as updates, connect(f"{running.ws_url}/v2/iex") as market:
        account, tape = Ear(updates), Ear(market)
        keys = {"key_id": running.key, "secret_key": running.secret}
        account.say({"action": "authenticate", "data": keys}, lambda said: said.get("stream") == "authorization")
        streams = {"streams": ["trade_updates"]}
        account.say({"action": "listen", "data": streams}, lambda said: said.get("stream") == "listening")
        sign_on = {"action": "auth", "key": running.key, "secret": running.secret}
        tape.say(sign_on, lambda said: said.get("msg") == "authenticated")
        wanted = {kind: [symbol] for kind in ("trades", "quotes", "bars", "updatedBars", "dailyBars")}
        tape.say({"action": "subscribe", **wanted}, lambda said: said["T"] == "subscription")
        yield Listener(running, account, tape)
