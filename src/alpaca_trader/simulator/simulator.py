"""The embedded Alpaca: timeline, market, accounts, streams, faults and command log under one lock.

Everything is a function of the market, the seed, the accounts and switches, and the sequence of commands with their
virtual times. Time moves through `advance` alone; a command takes no time.
"""

from __future__ import annotations

import hmac
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from alpaca_trader.simulator.command_log import ADVANCE, FORMAT, CommandLog, Entry, market_fingerprint, replayed
from alpaca_trader.simulator.desk import AccountOrder, Desk, Keys
from alpaca_trader.simulator.event_history import ActivityEvents, TradeEvents
from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.exchange.exchange import Exchange
from alpaca_trader.simulator.exchange.ids import seed_for, uuid_for
from alpaca_trader.simulator.exchange.life import OrderEvent
from alpaca_trader.simulator.exchange.slippage import NoSlippage, Slippage
from alpaca_trader.simulator.exchange.watchlists import Watchlists
from alpaca_trader.simulator.faults.acts import TIME_ACTS, act
from alpaca_trader.simulator.faults.bars import BarFaults
from alpaca_trader.simulator.faults.board import AccountFaults, Fault, FaultBoard, FaultOrder
from alpaca_trader.simulator.faults.catalogue import kind_of, ordered
from alpaca_trader.simulator.faults.courier import Courier
from alpaca_trader.simulator.faults.market import FaultyMarket
from alpaca_trader.simulator.feeds.publisher import DataFeed, DataFeeds
from alpaca_trader.simulator.feeds.view import SIP_DELAY, FeedViews
from alpaca_trader.simulator.hub import FEEDS, DataChannel, StreamHub
from alpaca_trader.simulator.market.model import Market
from alpaca_trader.simulator.profiles import DEFAULT_SWITCHES, PROFILES, Profile, Switches
from alpaca_trader.simulator.rest.bodies import update_body
from alpaca_trader.simulator.timeline import Timeline

DEFAULT_KEYS: Final[Keys] = ("PKSIMULATEDACCOUNT01", "simulated-secret-key-of-no-account-at-all")
_OPEN_ACCOUNT: Final = "open_account"
_ORDER_FAULT: Final = "order_fault"
_LIFT_FAULTS: Final = "lift_faults"


class Simulator:
    """A simulated broker on one market. `lock` guards everything; the REST handlers take it too.

    `exchange`, `keys`, `profile` and `account_id` are those of the first account.
    """

    def __init__(
        self,
        market: Market,
        *,
        seed: int,
        start: datetime,
        profile: str = "live467",
        switches: Switches = DEFAULT_SWITCHES,
        state_dir: Path | None = None,
        keys: Keys = DEFAULT_KEYS,
        accounts: Sequence[AccountOrder] = (),
        slippage: Slippage | None = None,
    ) -> None:
        """Open the accounts at virtual time `start` (aware), or continue from the command log in `state_dir`.

        The first account has `profile` and `keys`; `accounts` are further, independent ones on the same market. `slippage` is what
        marketable orders pay beyond the quote (nothing, unless given). Raises
        ValueError for an unknown profile, keys used twice, a start without time zone, or a log of another simulation.
        """
        self.market = FaultyMarket(market)
        self.seed = seed
        self.switches = switches
        self.lock = threading.RLock()
        self.hub = StreamHub()
        self._slippage = slippage or NoSlippage()
        self._timeline = Timeline(start)
        self.start = self._timeline.now
        self.faults = FaultBoard(seed, lambda: self._timeline.now)
        self.cut_connections: Callable[[], None] = lambda: None
        """Breaks every connection; set by the server that has them."""
        self._news = 0
        self._logged = self.start
        self.log_every = timedelta(0)
        """Virtual time without news that a killed simulator may have to live through again; keeps the log short."""
        self._log: CommandLog | None = None
        self._is_replaying = False
        self._is_acting = False
        self._watchers: list[Callable[[datetime], None]] = []
        self.desks: list[Desk] = []
        first = (AccountOrder(keys, profile), *accounts)
        for account in first:
            self._open(account)
        self.feeds = FeedViews(self.market, seed, switches, BarFaults(self.faults, seed))
        feeds: list[tuple[DataChannel, DataFeed]] = []
        for feed, channel in self.hub.feeds.items():
            channel.carry = Courier(self, channel, FEEDS[feed]).carry
            delay = SIP_DELAY if feed == "delayed_sip" else timedelta(0)
            feeds.append((channel, DataFeed(self.feeds[feed], self._timeline, channel, delay)))
        self._timeline.add_publisher(DataFeeds(feeds))
        if state_dir is not None:
            self._continue_from(state_dir, first)

    # Accounts

    @property
    def exchange(self) -> Exchange:
        """The first account's exchange."""
        return self.desks[0].exchange

    @property
    def keys(self) -> Keys:
        """The first account's keys."""
        return self.desks[0].keys

    @property
    def profile(self) -> Profile:
        """The first account's profile."""
        return self.desks[0].profile

    @property
    def account_id(self) -> str:
        """The first account's id."""
        return self.desks[0].id

    def desk_of(self, key: str | bytes, secret: str | bytes) -> Desk | None:
        """The account these keys open; None for wrong keys. Compares in constant time."""
        given = _plain_bytes(key), _plain_bytes(secret)
        found = None
        for desk in self.desks:
            is_key = hmac.compare_digest(given[0], desk.keys[0].encode())
            if hmac.compare_digest(given[1], desk.keys[1].encode()) and is_key:
                found = desk
        return found

    def open_account(self, account: AccountOrder) -> Desk:
        """Open a further account now. Raises ValueError for an unknown profile or keys that are taken."""
        self._check(account)
        arguments = {"key": account.keys[0], "secret": account.keys[1], "profile": account.profile}
        self._record(0, _OPEN_ACCOUNT, arguments)
        return self._open(account)

    def _check(self, account: AccountOrder) -> None:
        if account.profile not in PROFILES:
            raise ValueError(f"profile {account.profile!r} is unknown; use one of {', '.join(sorted(PROFILES))}")
        if not all(re.fullmatch(r"[!-~]+", part) for part in account.keys):
            raise ValueError("key id and secret are printable ASCII without blanks, as headers carry them")
        if any(desk.keys[0] == account.keys[0] for desk in self.desks):
            raise ValueError("this key id belongs to another account; give each account its own")

    def _open(self, account: AccountOrder) -> Desk:
        self._check(account)
        number = len(self.desks)
        seed = seed_for(self.seed, "account", number)
        channel = self.hub.open_updates(number)
        channel.carry = Courier(self, channel, "/stream", account.keys[0]).carry

        trade_events = TradeEvents(seed)

        def publish(news: OrderEvent) -> None:
            self._news += 1
            self._timeline.tell(trade_events.keep(news))
            if channel.listeners():
                self._timeline.tell(channel.publish(update_body(seed, news)))

        def record(name: str, arguments: Mapping[str, object]) -> None:
            self._record(number, name, arguments)

        profile = PROFILES[account.profile]
        exchange = Exchange(
            self.market,
            self._timeline,
            profile,
            self.switches,
            seed,
            AccountFaults(self.faults, account.keys[0]),
            record,
            publish,
            self._slippage,
        )
        watchlists = Watchlists(seed, lambda: self._timeline.now, exchange.asset, record)
        account_id = uuid_for(seed, "account", 0)
        activity_events = ActivityEvents(
            seed,
            exchange.activities,
            partial(_settlement_date, self.market),
            self._timeline.tell,
        )
        self._timeline.add_publisher(activity_events)
        self.hub.events += [trade_events.channel, activity_events.channel]
        desk = Desk(
            number=number,
            id=account_id,
            keys=account.keys,
            profile=profile,
            opened_at=self.now,
            exchange=exchange,
            watchlists=watchlists,
            updates=channel,
            trade_events=trade_events,
            activity_events=activity_events,
        )
        self.desks.append(desk)
        return desk

    # Faults

    def call_later(self, delay: timedelta, action: Callable[[], None]) -> None:
        """Have `action` called when `delay` of virtual time has passed."""
        self._timeline.at(self.now + delay, action)

    def tell_later(self, delay: timedelta, hand: Callable[[], int]) -> None:
        """Have a message handed out later; `hand` returns how many clients got it."""
        self.call_later(delay, lambda: self._timeline.tell(hand()))

    def watch_instants(self, look: Callable[[datetime], None]) -> None:
        """Have `look` called after every instant at which something happened, and when a fault is ordered."""
        self._watchers.append(look)
        self._timeline.add_publisher(_Watcher(look))

    def shared_parts(self) -> Sequence[object]:
        """What all accounts have in common: not to be copied with one of them."""
        return [self.market, self._timeline, self.faults, self.hub, self.switches]

    def order_fault(self, name: str, /, **given: object) -> Fault:
        """Order a fault of the catalogue: filters (symbol, route, account), limits (probability, times, for, after) and
        parameters by name. `account` is an account's id, number or key id. Raises ValueError for what makes no sense.
        """
        with self.lock:
            wanted = self._fault_order(name, given)
            plain = {key: str(value) for key, value in given.items() if value is not None}
            self._record(0, _ORDER_FAULT, {"name": name, "given": plain})
            return self._strike(wanted)

    def lift_faults(self, number: int | None = None) -> int:
        """End the fault of this number, or all of them; returns how many ended."""
        with self.lock:
            self._record(0, _LIFT_FAULTS, {"number": number})
            return self._lift(number)

    def _lift(self, number: int | None) -> int:
        lifted = [fault for fault in self.faults.in_force() if number in (None, fault.number)]
        for fault in lifted:
            if fault.order.name == "market.halt":
                self.market.end_halts(str(fault.order.symbol), self.now)
                self._reread(fault)
        return self.faults.lift(number)

    def _fault_order(self, name: str, given: Mapping[str, object]) -> FaultOrder:
        wanted = ordered(name, given, self.now)
        if kind_of(name).needs and all(asset.symbol != wanted.symbol for asset in self.market.assets()):
            raise ValueError(f"{name} symbol={wanted.symbol}: the market has no such symbol")
        if wanted.account is None:
            return wanted
        names = {name: desk.keys[0] for desk in self.desks for name in (desk.id, desk.keys[0], str(desk.number))}
        if wanted.account not in names:
            raise ValueError(f"{name} account: no account has this id, key id or number")
        return replace(wanted, account=names[wanted.account])

    def _strike(self, wanted: FaultOrder) -> Fault:
        fault = self.faults.order(wanted)
        if kind_of(wanted.name).kind == "act":
            self.faults.lift(fault.number)
            fault.asked = fault.struck = 1
        if not (self._is_replaying and wanted.name in TIME_ACTS):
            self._act(fault)
        for look in self._watchers:
            look(self.now)
        return fault

    def _strike_again(self, wanted: FaultOrder) -> None:
        """Order a recorded fault; one that the market refused then is refused again."""
        try:
            self._strike(wanted)
        except ValueError:
            return

    def _act(self, fault: Fault) -> None:
        """What the order of a fault does at once. The commands inside it are part of it, and not recorded themselves."""
        self._is_acting = fault.order.name not in TIME_ACTS
        try:
            act(self, fault.order)
        except (BrokerError, ValueError):
            self.faults.lift(fault.number)
            raise
        finally:
            self._is_acting = False
        self._reread(fault)

    def _reread(self, fault: Fault) -> None:
        """The symbol's tape may have changed."""
        if fault.order.symbol is not None:
            for desk in self.desks:
                desk.exchange.reread(fault.order.symbol)

    @property
    def shown_now(self) -> datetime:
        """The time that the broker's clock shows."""
        skew = self.faults.strikes("clock.skew")
        return self.now if skew is None else self.now + timedelta(seconds=float(skew.get("seconds", 60)))

    # Time

    @property
    def now(self) -> datetime:
        """Virtual time, aware UTC."""
        return self._timeline.now

    def advance(self, limit: datetime) -> datetime:
        """Move virtual time towards `limit`, processing market and exchange in time order, and return the time reached.

        Stops right after the first instant at which a message went to a connected stream client; never past `limit`,
        never back. Thread-safe.
        """
        if limit.tzinfo is None:
            raise ValueError(f"limit {limit.isoformat()} has no time zone; give an aware time")
        limit = limit.astimezone(UTC)
        with self.lock:
            held = self.hub.hold()
            try:
                news = self._news
                told = self.now < limit and self._timeline.run(limit)
                is_news = told or self._news > news or self.now >= self._logged + self.log_every
                if self._log is not None and self.now > self._logged and is_news:
                    self._log.append(self.now, ADVANCE, {})
                    self._logged = self.now
                return self.now
            finally:
                for channel in held:
                    channel.release()

    def sent(self) -> Mapping[str, int]:
        """Messages handed to stream clients so far: {"trade_updates": n, "market_data": n}; bars count singly."""
        with self.lock:
            return self.hub.sent()

    def connected(self) -> Mapping[str, int]:
        """Authenticated and subscribed clients per stream."""
        with self.lock:
            return self.hub.connected()

    def close(self) -> None:
        """Write down the time that was reached, close the command log, and end the streams of server-sent events."""
        with self.lock:
            for channel in self.hub.events:
                for listener in channel.listeners():
                    channel.end(listener, 1000)
            if self._log is not None and self.now > self._logged:
                self._log.append(self.now, ADVANCE, {})
            if self._log is not None:
                self._log.close()
                self._log = None

    # The command log

    def _record(self, account: int, name: str, arguments: Mapping[str, object]) -> None:
        if self._log is not None and not self._is_replaying and not self._is_acting:
            self._log.append(self.now, name, arguments, account)

    def _continue_from(self, state_dir: Path, accounts: Sequence[AccountOrder]) -> None:
        identity = {
            "format": FORMAT,
            "seed": self.seed,
            "profile": [account.profile for account in accounts],
            "start": self.start.isoformat(),
            "market": market_fingerprint(self.market, self.start),
            "switches": asdict(self.switches),
            "slippage": repr(self._slippage),
        }
        log = CommandLog(state_dir, identity)
        self._is_replaying = True
        try:
            for entry in replayed(log.entries):
                self._replay(entry)
        except ValueError:
            log.close()
            raise
        self._is_replaying = False
        self._log, self._logged = log, self.now

    def _replay(self, entry: Entry) -> None:
        self._timeline.run(entry.at)
        if entry.name == ADVANCE:
            return
        try:
            self._carry_out(entry)
        except BrokerError:
            # It was refused when it was recorded, and is refused again: nothing changed then or now.
            return
        except ValueError as error:
            raise ValueError(f"command log: {error} (at {entry.at.isoformat()})") from error

    def _carry_out(self, entry: Entry) -> None:
        arguments: Mapping[str, Any] = entry.arguments
        if entry.name == _OPEN_ACCOUNT:
            self._open(AccountOrder((arguments["key"], arguments["secret"]), arguments["profile"]))
        elif entry.name == _ORDER_FAULT:
            self._strike_again(self._fault_order(arguments["name"], arguments["given"]))
        elif entry.name == _LIFT_FAULTS:
            self._lift(arguments["number"])
        else:
            self.desks[entry.account].command(entry.name, arguments)


@dataclass(frozen=True, slots=True)
class _Watcher:
    """A publisher without instants of its own, which sees those of everybody else."""

    process: Callable[[datetime], None]

    def next_at(self, _after: datetime, _until: datetime) -> datetime | None:
        """Never."""
        return None


def _settlement_date(market: Market, day: date) -> date:
    """The session after `day`, when its trades settle; `day` itself at the end of the calendar."""
    following = market.sessions(day + timedelta(days=1), day + timedelta(days=14))
    return following[0].date if following else day


def _plain_bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode(errors="surrogatepass")
