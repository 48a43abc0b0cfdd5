"""An independent judge: looks at the exchange itself and knows the rules, not the engine (safety 3).

It imports nothing of the engine. What the engine says to the broker, what its journal holds and what it believes is
handed over in the plain terms of ``terms``.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NoReturn

from alpaca_trader.simulator.exchange.activities import FillActivity
from alpaca_trader.simulator.exchange.orders import SimOrder
from alpaca_trader.simulator.simulator import Simulator
from alpaca_trader.trials.shown import Shown
from alpaca_trader.trials.terms import Believed, Broken, Hours, Limits, Said

SLACK = Decimal("1.002")
LOOSE = Decimal("1.25")
"""A market order is sized by a quote that may be a false one, as long as it lies within the collar of the last bar."""
ARM_WITHIN = timedelta(seconds=5)
FLAT_WITHIN = timedelta(seconds=60)
GUARDED_WITHIN = timedelta(minutes=5)
"""While faults strike: from the last call that failed on, for a word that does nothing may have to be said again."""
RECONCILED_WITHIN = timedelta(minutes=2)
SIGNAL_LIVES = timedelta(minutes=2)
MISSES_BEFORE_EXPIRY = 3
WATCHED_BEFORE_EXPIRY = timedelta(seconds=180)
WATCHED_AT_MOST = timedelta(minutes=5)
"""Where every call is answered an entry of which nothing is known is given up by then."""
GUARDING = {"new", "accepted", "partially_filled", "pending_new", "pending_replace"}
PER_MINUTE, PER_DAY = 3, 30
OF_A_SESSION = frozenset({"daily_loss", "daily_loss_flatten"})
FLATTENS = frozenset({"operator_flatten", "daily_loss_flatten"})
LEAVING_WITHIN = timedelta(minutes=3)
LEAVES_IN_A_MINUTE = timedelta(minutes=1)
OF_A_TIME = "loss_streak"
BEFORE_THE_OPEN = timedelta(minutes=30)
LOSS_IS_SEEN_IN = timedelta(minutes=3)
LOSS_MARGIN = Decimal("1.25")
"""How much more than the limit is lost where no reading of the account can have missed it."""
_OURS = re.compile(r"[a-z0-9_]+-[A-Z0-9.]+-(\d{8}T\d{4})-(entry|stop|exit)\d*")
_ZERO = Decimal(0)


class Judge:
    """``hear`` before each submission, ``look`` after every instant, ``compare`` at every tick, ``close`` at the end."""

    def __init__(
        self,
        sim: Simulator,
        limits: Limits,
        hours: Hours,
        *,
        is_calm: bool,
        is_prompt: bool = False,
        is_direct: bool = False,
    ) -> None:
        """``is_calm``: a day without any faults, on which nothing is excused.

        ``is_prompt``: nothing makes an answer slow or a position puzzling, so that a stop can at least be tried at once.
        ``is_direct``: engine and exchange live in one time, and every answer of the broker is heard and ``shown`` here.
        """
        self._sim, self._limits, self._hours = sim, limits, hours
        self._is_calm, self._is_prompt, self._is_direct = is_calm, is_prompt, is_direct
        self._highest = sim.exchange.account().equity
        self._naked: dict[str, datetime] = {}
        self._said: dict[str, Said] = {}
        self._watched: dict[str, datetime] = {}
        self._misses: dict[str, list[datetime]] = {}
        self._strangers: set[str] = set()
        self._accepted: set[str] = set()
        self._entries: list[tuple[datetime, str]] = []
        self._refused: set[str] = set()
        self._waiting: dict[str, str] = {}
        """Symbols of today's entries by id, but for those that were given up."""
        self._sold: dict[tuple[str, str], Decimal] = {}
        self._stopped_at: dict[str, datetime] = {}
        self._tried_at: dict[str, datetime] = {}
        self._leaving: set[str] = set()
        self._flatten_since: datetime | None = None
        self._ends: dict[str, datetime] = {}
        self._lost_since: datetime | None = None
        self._is_loss_accepted = False
        self.shown = Shown()
        """What this life of the engine has been told."""
        self._own: dict[str, Decimal] = {}
        self._whole_before_split: dict[str, Decimal] = {}
        self._taken: dict[str, Decimal] = {}
        """What was ours before others sold of it, until the engine has made out what is left."""
        self._unwritten: set[str] = set()
        """Exits and stops that left while no journal could be written."""
        self._stops: dict[str, Decimal] = {}
        self._halts: dict[str, datetime] = {}
        self._kept_halts: set[str] = set()
        self._claimed: set[str] = set()
        self._freed: dict[str, datetime] = {}
        self._trouble_at = sim.now
        self._orders_read = self._fills_read = 0
        self._seen_state: tuple[int, int, int] | None = None
        self._flows_touched = False
        self.is_committed: Callable[[str], bool] = lambda key: False
        """Whether the journal has an intent under this id, safe from a crash."""
        self.is_disk_bad: Callable[[], bool] = lambda: False
        """Whether the journal has failed in this life: then exits and stops go without it (INV-18), and entries wait."""
        self.longest_naked = timedelta(0)
        self.cap_was_near = False
        self.most_held = 0
        self.own_fills = 0

    # ------------------------------------------------------------ what is handed over

    def disturb(self) -> None:
        """Something will go wrong after all."""
        self._is_calm = self._is_prompt = False

    def begin_day(self, hours: Hours) -> None:
        """Another session."""
        self._hours = hours
        self._naked.clear()
        self._entries.clear()
        self._flows_touched = False
        self._stopped_at.clear()
        self._waiting.clear()
        self._is_loss_accepted = False

    @property
    def has_unwritten(self) -> bool:
        """Whether anything ever left that no journal holds: what is found of it later may contradict what is written."""
        return bool(self._unwritten)

    @property
    def holds(self) -> bool:
        """Whether anything of ours is held."""
        return bool(self._own)

    def forget_stranger(self, client_order_id: str) -> None:
        """It was not accepted."""
        self._strangers.discard(client_order_id)

    def forget_cancelled_strangers(self) -> None:
        """The broker has cancelled orders, whoever's they were."""
        book = self._sim.exchange.book
        self._strangers = {key for key in self._strangers if book.get_by_client_id(key).status != "canceled"}

    def expect_stranger(self, client_order_id: str) -> None:
        """Somebody else is about to order under an id that looks like the engine's."""
        self._strangers.add(client_order_id)

    def note_flow(self) -> None:
        """Money or shares moved that are none of the engine's doing: cash is not compared any more today."""
        self._flows_touched = True

    def note_split(self, symbol: str, ratio: Decimal) -> None:
        """Every share became ``ratio`` shares. A stop for all of the old ones that fires now leaves new ones behind, which
        the engine has every reason to take for somebody else's."""
        self.shown.forget(symbol)
        if symbol in self._own:
            self._whole_before_split[symbol] = self._own[symbol]
            self._own[symbol] = round(self._own[symbol] * ratio, 9)
        self._stops = {key: price for key, price in self._stops.items() if key.split("-")[1] != symbol}

    def note_equity(self) -> None:
        """Entries may be sized by what the account is worth now."""
        self._highest = max(self._highest, self._sim.exchange.account().equity)

    def halt(self, code: str, until: datetime | None = None) -> None:
        """Entries were halted, by a human or by the engine itself; it told so, or its order to do so was taken."""
        self._halts.setdefault(code, self._sim.now)
        if code in FLATTENS:
            self._flatten_since = self._flatten_since or self._sim.now
        if until is not None:
            self._ends[code] = until

    def release(self, code: str, *, by_human: bool) -> None:
        """A halt has come to its end: by a human, or by its documented time, or with its session."""
        since = self._halts.pop(code, None)
        self._kept_halts.discard(code)
        self._flatten_since = self._flatten_since if FLATTENS & self._halts.keys() else None
        self._is_loss_accepted |= by_human and code == "daily_loss"
        if since is None or by_human:
            return
        is_due = (code == OF_A_TIME and self._sim.now >= self._ends.get(code, since)) or (
            code in OF_A_SESSION and since < self._hours.open - BEFORE_THE_OPEN
        )
        if not is_due:
            self._break("INV-12", f"the engine lifted {code} by itself")

    def release_all(self) -> None:
        """A human said that trading goes on, and what was shown until now is known to them."""
        self._halts.clear()
        self._kept_halts.clear()
        self._flatten_since = None
        self._accepted |= self._strangers

    def end_step(self) -> None:
        """The engine is done with an event: every halt that stands now has to outlive the process."""
        if self._halts and not self.is_disk_bad():
            self._kept_halts.update(self._halts)

    def restart(self, latched: Collection[str]) -> None:
        """The process died; these halts are in its journal, and stand. Gone may be only one of the step it died in."""
        lost = self._kept_halts.difference(latched)
        if lost:
            self._break("INV-12", f"{sorted(lost)} stood and are not in the journal")
        self._halts = {code: at for code, at in self._halts.items() if code in latched}
        self._flatten_since = self._sim.now if FLATTENS & self._halts.keys() else None
        self.shown = Shown()

    def hear_tried(self, symbol: str) -> None:
        """The engine means to send a stop or an exit; whether it gets through is another matter."""
        self._tried_at[symbol] = self._sim.now

    def hear_leaving(self, episode: str) -> None:
        """The engine has decided to sell a position."""
        self._leaving.add(episode.split("-")[1])

    def hear_unprotected(self, symbol: str) -> None:
        """INV-7: the alarm is for stops that do not come to work, not for stops that nobody tried to send."""
        since, tried = self._naked.get(symbol), self._tried_at.get(symbol)
        if not self._is_prompt or since is None or self._sim.now - since < ARM_WITHIN or self._trouble_at >= since:
            return  # where nobody answers, the entry's end may not be known yet
        if tried is None or tried < since - ARM_WITHIN:
            self._break("INV-7", f"{symbol}: without a stop since {since:%H:%M:%S}, and none was tried")

    def hear_refused(self, key: str) -> None:
        """The broker says that it does not take this order."""
        self._refused.add(key)

    def note_trouble(self) -> None:
        """A word with the broker failed or was refused."""
        self._trouble_at = self._sim.now

    def hear_missing(self, key: str) -> None:
        """The broker says truthfully that it does not know this order."""
        self._misses.setdefault(key, []).append(self._sim.now)

    def hear_abandoned(self, key: str) -> None:
        """INV-3: an entry is given up only after three honest answers over three minutes."""
        self._waiting.pop(key, None)
        heard = self._misses.get(key, [])
        long_enough = heard and heard[-1] - heard[0] >= WATCHED_BEFORE_EXPIRY
        if len(heard) < MISSES_BEFORE_EXPIRY or not long_enough:
            self._break("INV-3", f"{key} was given up after {len(heard)} answers")

    def hear(self, said: Said) -> None:
        """INV-1, 2, 3, 8, 10, 11, 12, 14, 20: what may be said at all."""
        key, now = said.client_order_id, self._sim.now
        if not self.is_committed(key) and (key.endswith("-entry") or not self.is_disk_bad()):
            self._break("INV-18" if self.is_disk_bad() else "INV-1", f"{key} was said and its intent is not committed")
        earlier = self._said.get(key)
        if key in self._unwritten and not said.is_resend:
            earlier = None  # a crash forgot it, and the derived id makes the repetition harmless (INV-18)
        if not self.is_committed(key):
            self._unwritten.add(key)
        if earlier is not None and not said.is_resend:
            self._break("INV-2", f"{key} was said twice as if it were new")
        if earlier is not None and earlier[:6] != said[:6]:
            self._break("INV-2", f"{key} was said again with other contents")
        self._said[key] = said
        kind = _OURS.fullmatch(key)
        if kind is None:
            self._break("INV-2", f"{key} is no id of our making")
        if kind[2] == "entry":
            self._hear_entry(said, datetime.strptime(kind[1], "%Y%m%dT%H%M").replace(tzinfo=UTC), now)
        else:
            self._hear_sale(said, kind[2])

    def _hear_entry(self, said: Said, minute: datetime, now: datetime) -> None:
        key, hours = said.client_order_id, self._hours
        if said.is_resend:
            self._break("INV-3", f"{key}: an entry is never sent again")
        if self._halts:
            self._break("INV-12", f"{key} was sent while {sorted(self._halts)} stood")
        if not hours.entries_from <= now < hours.entries_until + timedelta(minutes=1):
            self._break("INV-14", f"{key} was sent outside the entry window")
        if not minute - timedelta(minutes=1) <= now <= minute + SIGNAL_LIVES:
            self._break("INV-13", f"{key} was sent on a signal of another minute")
        self._count_entry(said.symbol, now)
        self._remember_day(said, now)
        strangers = self._strangers - self._accepted
        forbidden = self.shown.forbids(said.symbol, said.limit_price, strangers, minute, now)
        if forbidden is not None and self._is_direct:
            self._break(forbidden[0], f"{key} was sent; {forbidden[1]}")
        if any(order.side == "sell" for order in self._own_open(said.symbol)):
            self._break("INV-8", f"{key}: a buy while a sale of ours rests")
        if self._is_direct:
            self._count_reserved(said)
        if self._own.get(said.symbol):
            self._break("INV-10", f"{key}: a buy while {self._own[said.symbol]} of an earlier one are held")
        if said.symbol not in self._limits.symbols:
            self._break("INV-11", f"{key}: {said.symbol} is on no list")
        quote = self._sim.market.quote(said.symbol, now)
        self._waiting[key] = said.symbol
        price = said.limit_price or (quote.ask if quote is not None else _ZERO)
        cap = self._limits.position_pct * self._highest * (SLACK if said.limit_price else LOOSE)
        if said.qty * price > cap:
            self._break("INV-10", f"{key}: {said.qty} at {price} is over the cap {cap:.2f}")

    def _remember_day(self, said: Said, now: datetime) -> None:
        """INV-11, 12: what was lost today, and what a stop has just sold, is not bought."""
        key, lost_since = said.client_order_id, self._lost_since
        if lost_since is not None and now - lost_since > LOSS_IS_SEEN_IN and not self._is_loss_accepted:
            self._break("INV-12", f"{key} was sent; the day's limit has been lost since {lost_since:%H:%M}")
        stopped_at = self._stopped_at.get(said.symbol)
        if stopped_at is not None and now < stopped_at + self._limits.pause_after_stop:
            self._break("INV-11", f"{key} was sent; a stop sold {said.symbol} at {stopped_at:%H:%M:%S}")

    def _count_reserved(self, said: Said) -> None:
        """INV-10: what is in flight or unknown is in use."""
        key, unheard = said.client_order_id, self._unheard_of()
        if said.symbol in unheard:
            self._break("INV-10", f"{key} was sent; what became of {unheard[said.symbol]} is not known")
        in_use = self._own.keys() | unheard.keys() | {said.symbol} | {order.symbol for order in self._own_buys()}
        if len(in_use) > self._limits.positions:
            self._break("INV-10", f"{key} was sent; {sorted(in_use)} are in use, {self._limits.positions} allowed")

    def _unheard_of(self) -> dict[str, str]:
        """By symbol the entries that the broker neither has nor refused, and that were not given up."""
        unheard = {}
        for key, symbol in self._waiting.items():
            if key not in self._refused and not self._sim.exchange.book.has_client_id(key):
                unheard[symbol] = key
        return unheard

    def _own_buys(self) -> list[SimOrder]:
        return [order for symbol in self._symbols_open() for order in self._own_open(symbol) if order.side == "buy"]

    def _count_entry(self, symbol: str, now: datetime) -> None:
        self._entries.append((now, symbol))
        count = len(self._entries)
        if sum(at > now - timedelta(minutes=1) for at, _ in self._entries) > PER_MINUTE or count > PER_DAY:
            self._break("INV-11", f"{count} entries today, too many in a day or a minute")
        of_symbol = sum(each == symbol for _, each in self._entries)
        if of_symbol > self._limits.entries_per_symbol:
            self._break("INV-11", f"{of_symbol} entries in {symbol} today")

    def _hear_sale(self, said: Said, kind: str) -> None:
        key = said.client_order_id
        if self._is_direct and not said.is_resend and (first := self._same_intent(said, kind)) is not None:
            self._break("INV-2", f"{key} is a second id for {first}, of which nothing is known")
        others = [order for order in self._own_open(said.symbol) if order.client_order_id not in (key, said.replaces)]
        if not said.is_resend and any(order.side == "sell" for order in others):
            self._break("INV-8", f"{key}: a second sale while one of ours is open")
        if kind == "stop" and said.stop_price is not None:
            episode = key.rpartition("-")[0]
            if said.stop_price < self._stops.get(episode, _ZERO):
                self._break("INV-20", f"{key}: the stop goes down to {said.stop_price} from {self._stops[episode]}")
            self._stops[episode] = said.stop_price

    def _same_intent(self, said: Said, kind: str) -> str | None:
        """An earlier id for just this sale that the broker neither has nor refused."""
        start = f"{said.client_order_id.rpartition('-')[0]}-{kind}"
        wanted = (said.qty, said.stop_price, said.replaces)
        for key, earlier in self._said.items():
            if key == said.client_order_id or not key.startswith(start) or key in self._refused:
                continue
            is_same = (earlier.qty, earlier.stop_price, earlier.replaces) == wanted
            if is_same and not self._sim.exchange.book.has_client_id(key):
                return key
        return None

    def _own_open(self, symbol: str) -> list[SimOrder]:
        return [order for order in self._sim.exchange.book.open_orders(symbol) if order.client_order_id in self._said]

    def _break(self, rule: str, what: str) -> NoReturn:
        raise Broken(rule, self._sim.now, what)

    # ------------------------------------------------------------ at every instant

    def look(self) -> None:
        """Every rule that holds at every instant; where nothing moved since the last look, only what time alone breaks."""
        exchange, now = self._sim.exchange, self._sim.now
        book = exchange.book
        self._take_fills()
        state = (book.changes, book.hold_changes, self._fills_read)
        if state == self._seen_state:
            for symbol, since in self._naked.items():
                self._watch(symbol, since, now)
            return
        self._seen_state = state
        self._read_new_orders()
        held = {view.asset.symbol: view for view in exchange.positions()}
        in_use = 0
        for symbol in sorted(
            {order.symbol for order in book.open_orders()} | set(held) | set(self._own) | set(self._naked)
        ):
            qty = held[symbol].qty if symbol in held else _ZERO
            if qty < 0:
                self._break("INV-6", f"{symbol}: {qty} held")
            if book.held_shares(symbol) > qty:
                self._break("INV-6", f"{symbol}: open sales exceed the {qty} held")
            before = self._own.get(symbol, _ZERO)
            own = min(before, qty)
            if own < before:
                self._taken[symbol] = max(before, self._taken.get(symbol, _ZERO))
            self._set_own(symbol, own)  # what others sold of ours is ours no more
            cost = held[symbol].cost * own / qty if own else _ZERO
            in_use += self._look_at(symbol, own, qty, cost)
        self.most_held = max(self.most_held, in_use)
        if in_use > self._limits.positions:
            self._break("INV-10", f"{in_use} positions, {self._limits.positions} allowed")

    def _take_fills(self) -> None:
        activities = self._sim.exchange.activities()
        for number in range(self._fills_read, len(activities)):
            entry = activities[number]
            if isinstance(entry, FillActivity) and entry.client_order_id in self._said:
                signed = entry.qty if entry.side == "buy" else -entry.qty
                left = self._own.get(entry.symbol, _ZERO) + signed
                old = self._whole_before_split.pop(entry.symbol, _ZERO) + signed
                if entry.side == "sell" and old > 0:
                    self._whole_before_split[entry.symbol] = old
                may_sell = max(self._own.get(entry.symbol, _ZERO), self._taken.get(entry.symbol, _ZERO))
                if -signed > may_sell and old:
                    self._break("INV-9", f"{entry.client_order_id} sold {entry.qty}, of which {-left} were not ours")
                self._set_own(entry.symbol, left if old else _ZERO)
                self.own_fills += 1
                self._note_sold(entry)
        self._fills_read = len(activities)

    def _note_sold(self, fill: FillActivity) -> None:
        """Who sold it, the stop or the exit: the larger part counts."""
        episode, _, order = fill.client_order_id.rpartition("-")
        kind = order.rstrip("0123456789")
        self._sold[episode, kind] = self._sold.get((episode, kind), _ZERO) + fill.qty
        by_stop, by_exit = self._sold.get((episode, "stop"), _ZERO), self._sold.get((episode, "exit"), _ZERO)
        if fill.side == "sell" and fill.symbol not in self._own and by_stop > by_exit:
            self._stopped_at[fill.symbol] = fill.at

    def _set_own(self, symbol: str, qty: Decimal) -> None:
        if qty > 0:
            self._own[symbol] = qty
        else:
            self._own.pop(symbol, None)
            self._leaving.discard(symbol)

    def _read_new_orders(self) -> None:
        """Every order under an id of our scheme was said by us, or was announced as another engine's."""
        for order in self._sim.exchange.book.since(self._orders_read):
            key = order.client_order_id
            if key not in self._said and key not in self._strangers and _OURS.fullmatch(key):
                self._break("INV-1", f"{key} is nobody's")
            self._orders_read += 1

    def _look_at(self, symbol: str, own: Decimal, qty: Decimal, cost: Decimal) -> bool:
        """One symbol, of which ``own`` shares are ours and ``qty`` there; whether it is in use."""
        now = self._sim.now
        orders = self._own_open(symbol)
        buys = [order for order in orders if order.side == "buy"]
        sells = [order for order in orders if order.side == "sell"]
        if buys and sells:
            self._break("INV-8", f"{symbol}: a buy while a sale rests")
        if len(buys) > 1:
            self._break("INV-2", f"{symbol}: {len(buys)} buys at once")
        if sum(order.type != "stop" for order in sells) > 1:
            self._break("INV-8", f"{symbol}: two exits at once")
        if sum((order.held_shares for order in sells), _ZERO) > max(own, min(self._taken.get(symbol, _ZERO), qty)):
            self._break("INV-9", f"{symbol}: sales of ours exceed the {own} that are ours")
        cap = self._limits.position_pct * self._highest * SLACK
        worst = cost + sum((order.reserved_cash for order in buys), _ZERO)
        if worst > cap * (1 if self._limits.is_priced else LOOSE):
            self._break("INV-10", f"{symbol}: exposure {worst:.2f} over the cap {cap:.2f}")
        self.cap_was_near |= worst > cap * Decimal("0.98")
        guarded = sum((order.held_shares for order in sells if order.status in GUARDING), _ZERO)
        claimed = self._sim.exchange.book.held_shares(symbol) - sum((order.held_shares for order in sells), _ZERO)
        free = min(own, qty - claimed)  # what another's sale claims no stop of ours can guard, and no exit sell
        if free < own:
            self._claimed.add(symbol)
        elif symbol in self._claimed:
            self._claimed.remove(symbol)
            self._freed[symbol] = now
        if free > guarded and not buys:
            self._watch(symbol, self._naked.setdefault(symbol, now), now)
        elif symbol in self._naked:
            self.longest_naked = max(self.longest_naked, now - self._naked.pop(symbol))
        return bool(own or buys)

    def _watch(self, symbol: str, since: datetime, now: datetime) -> None:
        """INV-7: five seconds at most where nothing fails; a minute, for two minutes, when faults have just ended; while
        they strike minutes without a word that failed."""
        hours = self._hours
        is_strict = self._is_calm or self._is_direct
        quiet_from = hours.open if self._is_calm else hours.calm_from + RECONCILED_WITHIN
        if not hours.open <= now < hours.close:
            self._naked[symbol] = now
        elif (
            (is_strict and now >= quiet_from and now - max(since, quiet_from) > ARM_WITHIN)
            or (now >= hours.calm_from and now - max(since, hours.calm_from) > FLAT_WITHIN)
            or now - max(since, self._trouble_at) > GUARDED_WITHIN
        ):
            self._break("INV-7", f"{symbol}: without a stop since {since:%H:%M:%S}")

    def excuse(self) -> None:
        """Nobody was there until now: who is without a stop has the full time from here."""
        self._naked = dict.fromkeys(self._naked, self._sim.now)
        self._flatten_since = None if self._flatten_since is None else self._sim.now

    # ------------------------------------------------------------ belief and truth

    def compare(self, believed: Believed) -> None:
        """INV-17, 31: two minutes after the last fault belief is truth at every tick, and entries are allowed or halted."""
        exchange, hours, now = self._sim.exchange, self._hours, self._sim.now
        self.note_equity()
        self._settle(believed)
        account = exchange.account()
        limit = account.last_equity * (1 - self._limits.daily_loss_pct * LOSS_MARGIN)
        self._lost_since = (self._lost_since or now) if account.equity <= limit else None
        staying = self._own.keys() - self._leaving
        if self._flatten_since is not None and now - self._flatten_since > LEAVING_WITHIN and staying:
            self._break("INV-12", f"{sorted(staying)} kept although everything was to be sold")
        leaves_at = hours.close - self._limits.leaves_before_close + LEAVES_IN_A_MINUTE
        if self._is_direct and leaves_at <= now < hours.close and staying:
            self._break("INV-7", f"{sorted(staying)} kept, and the market is about to close")
        begin = hours.open if self._is_calm else hours.calm_from
        if not begin + RECONCILED_WITHIN <= now < hours.close:
            return
        self.look()
        if dict(believed.shares) != self._own:
            self._break("INV-17", f"believed {dict(believed.shares)}, held {self._own}")
        open_ids = {order.client_order_id for symbol in self._symbols_open() for order in self._own_open(symbol)}
        self._watched = {key: self._watched.get(key, now) for key in believed.watched}
        watched = {key for key, since in self._watched.items() if now < since + WATCHED_AT_MOST}
        if set(believed.open_ids) - watched != open_ids:
            self._break("INV-17", f"believed open {sorted(believed.open_ids)}, open {sorted(open_ids)}")
        stated = set(believed.latched)
        stated |= {"journal"} if self.is_disk_bad() else set()
        stated |= {"books_disagree"} if self._flows_touched and believed.cash != account.cash else set()
        if believed.doubt is not None and believed.doubt not in stated:
            self._break("INV-31", f"entries wait for {believed.doubt}")
        missing = set(self._halts) - set(believed.latched)
        if missing:
            self._break("INV-12", f"{sorted(missing)} stood and were forgotten")

    def _settle(self, believed: Believed) -> None:
        """Where others sold of ours and somebody bought again before the engine had read it, positions alone cannot tell whose
        the rest is: what it takes for ours is ours, up to what was."""
        held = {view.asset.symbol: view.qty for view in self._sim.exchange.positions()} if self._taken else {}
        for symbol, most in list(self._taken.items()):
            claims = believed.shares.get(symbol, _ZERO)
            if claims <= min(most, held.get(symbol, _ZERO)):
                self._set_own(symbol, claims)
                del self._taken[symbol]

    def _symbols_open(self) -> set[str]:
        return {order.symbol for order in self._sim.exchange.book.open_orders()}

    def close(self, believed: Believed) -> None:
        """Flat, but for what another's sale claimed until the close; nothing of ours open, believed so, every cent
        accounted for; what others ordered was not touched."""
        self.look()
        ours = [symbol for symbol in self._own if symbol not in self._claimed and self._is_free_at_close(symbol)]
        if ours:
            self._break("INV-7", f"{sorted(ours)} still held after the close")
        left = [order.client_order_id for symbol in self._symbols_open() for order in self._own_open(symbol)]
        if left or believed.open_ids or dict(believed.shares) != self._own:
            self._break("INV-17", f"open {left}, believed open {sorted(believed.open_ids)} and {dict(believed.shares)}")
        for key in self._strangers:
            if self._sim.exchange.book.get_by_client_id(key).status == "canceled":
                self._break("INV-9", f"{key} was another's, and was cancelled")
        cash = self._sim.exchange.account().cash
        booked = believed.cash - (believed.fees if self._sim.now >= self._hours.close else _ZERO)
        if not (self._flows_touched or self._unwritten) and abs(booked - cash) > Decimal("0.000001"):
            self._break("INV-23", f"cash {cash}, by our books {booked}")

    def _is_free_at_close(self, symbol: str) -> bool:
        return symbol not in self._freed or self._freed[symbol] < self._hours.close

    def counts(self) -> Counter[str]:
        """What was seen, in figures."""
        return Counter(said=len(self._said), own_fills=self.own_fills)
