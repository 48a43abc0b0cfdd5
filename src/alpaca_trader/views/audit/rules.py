"""Rules that can be read off the order of the journal's entries: halts, origins, the day's cash."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from alpaca_trader.core import events as ev
from alpaca_trader.core.models import ZERO, Account, OrderIntent, OrderRole
from alpaca_trader.views.audit.finding import Check, many
from alpaca_trader.views.audit.orders import Ledger

CASH_TOLERANCE = Decimal("0.02")
ROUNDING = Decimal("0.005")
"""USD by which cash may differ, and what each fill may add: the broker books whole cents."""


class Halts:
    """No entry is decided while a halt stands or the journal cannot be written; each halt ends as it may."""

    def __init__(self) -> None:
        self._standing: dict[str, ev.HaltLatched] = {}
        self._resumed = False
        self._lifted: set[str] = set()
        self._halts = self._entries = 0
        self._check = Check("halts", "INV-12", "an entry in spite of a halt is a bug: halt, keep the home, report it")

    def see(self, seq: int, entry: ev.Event | ev.Action) -> None:
        """Follow halts and entries."""
        if not isinstance(entry, ev.HaltReleased) and not isinstance(entry, ev.PublishStatus):
            self._resumed = isinstance(entry, ev.Command) and entry.verb == "resume"
        match entry:
            case ev.HaltLatched(code=code):
                self._halts += 1
                self._standing[code] = entry
            case ev.BarLifted(code=code):
                self._lifted.add(code)
            case ev.HaltReleased():
                self._release(seq, entry)
            case ev.JournalFailed(at=at):
                self._standing["journal"] = ev.HaltLatched(at, "journal", "", "human")
            case ev.Command(verb="started"):
                self._standing.pop("journal", None)
            case ev.Approved(intent=intent) if intent.role is OrderRole.ENTRY:
                self._entries += 1
                if self._standing:
                    codes = ", ".join(sorted(self._standing))
                    self._check.report(
                        seq, f"{intent.client_order_id} was approved while entries were halted ({codes})"
                    )
            case _:
                pass

    def _release(self, seq: int, released: ev.HaltReleased) -> None:
        halt = self._standing.pop(released.code, None)
        if halt is None:
            self._check.report(seq, f"the halt {released.code} ended and none had begun")
        elif halt.release == "human" and not self._resumed and released.code not in self._lifted:
            self._check.report(seq, f"the halt {released.code} ended without a human's `resume`")
        elif halt.release == "time" and not self._resumed and halt.until is not None and released.at < halt.until:
            self._check.report(seq, f"the halt {released.code} ended before {halt.until:%H:%M:%S} UTC")
        self._lifted.discard(released.code)

    def finish(self) -> Check:
        """The outcome."""
        self._check.looked_at = f"{many(self._halts, 'halt')}, {many(self._entries, 'entry decision')}"
        return self._check


class Origins:
    """Every order traces to a decision about a signal, to settings that were in force, and to a version of the code."""

    def __init__(self, versions: Sequence[tuple[int, str]]) -> None:
        """``versions``: the code versions that wrote the journal, each with its first entry."""
        self._versions = versions
        self._revs: set[str] = set()
        self._plans: dict[str, str] = {}
        self._decided: dict[str, bool] = {}
        self._entries: list[tuple[int, str]] = []
        self._orders = 0
        self._check = Check(
            "origins", "INV-21", "the journal was altered or its writer is wrong: keep the home, report it"
        )
        starts = [first for first, _ in versions]
        if starts != sorted(starts):
            self._check.report(0, "the versions of the code are out of order")

    def see(self, seq: int, entry: ev.Event | ev.Action) -> None:
        """Follow settings, plans, decisions and intents."""
        match entry:
            case ev.ConfigAccepted(rev=rev):
                self._revs.add(rev)
            case ev.EpisodeOpened(episode_id=episode_id, config_rev=rev):
                self._plans[episode_id] = rev
            case ev.JournalLost(orders=orders):
                for order in orders:
                    self._plans.setdefault(order.client_order_id.rpartition("-")[0], "")
            case ev.Decided(client_order_id=str(key), evaluation=evaluation):
                self._decided[key] = evaluation.signal is not None
            case ev.Approved(intent=intent):
                self._orders += 1
                self._trace(seq, intent)
            case _:
                pass

    def _trace(self, seq: int, intent: OrderIntent) -> None:
        key = intent.client_order_id
        if intent.role is OrderRole.ENTRY:
            self._entries.append((seq, key))
        if intent.episode_id not in self._plans:
            self._check.report(seq, f"{key} belongs to no position that was opened")
        if intent.config_rev not in self._revs:
            self._check.report(
                seq, f"{key} was decided under the settings {intent.config_rev}, which were never in force"
            )
        if not any(first <= seq for first, _ in self._versions):
            self._check.report(seq, f"{key} was decided by no known version of the code")

    def finish(self) -> Check:
        """Entries without a decision that names a signal show only now: the decision follows the intent."""
        for seq, key in self._entries:
            if not self._decided.get(key, False):
                self._check.report(seq, f"{key} follows from no signal")
        found = (many(self._orders, "order"), many(len(self._revs), "revision of the settings"))
        self._check.looked_at = ", ".join((*found, many(len({name for _, name in self._versions}), "version")))
        return self._check


@dataclass(slots=True)
class _Day:
    """One session's money as far as it was seen. USD."""

    day: date
    first: Account | None = None
    cash_before: Decimal = ZERO
    fills_before: int = 0
    last: tuple[int, Account, Decimal, int] | None = None
    is_over: bool = False
    fees: Decimal = ZERO
    has_others: bool = False
    ends_with_others: bool = False


class Cash:
    """A day's cash is what it began with, plus our fills, fees and what came or went from outside."""

    def __init__(self, ledger: Ledger) -> None:
        """``ledger`` sees each entry first."""
        self._ledger = ledger
        self._day: _Day | None = None
        self._judged = self._others = self._open = 0
        self._check = Check("cash", "INV-23", "look at the account's activities of that day at the broker")

    def see(self, seq: int, entry: ev.Event | ev.Action) -> None:
        """Follow readings of the account through each session."""
        if isinstance(entry, ev.SessionOpened) and (self._day is None or self._day.day != entry.session.day):
            self._end()
            self._day = _Day(entry.session.day)
        day = self._day
        if day is None:
            return
        match entry:
            case ev.AccountSeen(account=account):
                if day.first is None:
                    day.first = account
                    day.cash_before, day.fills_before = self._ledger.cash, self._ledger.fills
                day.last = (seq, account, self._ledger.cash, self._ledger.fills)
            case ev.SessionClosed():
                day.is_over = True
            case ev.DayDone(summary=summary):
                day.fees = summary.fees
            case ev.OpenOrdersSeen(orders=orders):
                day.has_others |= any(not self._ledger.is_ours(order) for order in orders)
            case ev.PositionsSeen(positions=positions):
                ours = self._ledger.held
                day.has_others |= any(held.symbol not in ours for held in positions)
                day.ends_with_others = any(held.qty > ours.get(held.symbol, ZERO) for held in positions)
            case ev.JournalLost() | ev.Adopted():
                day.has_others = True  # from here on the day is not ours alone to explain
            case _:
                pass

    def _end(self) -> None:
        day = self._day
        if day is None or day.first is None or day.last is None:
            return
        if not day.is_over:
            self._open += 1
            return
        if day.has_others or day.ends_with_others:
            self._others += 1
            return
        self._judged += 1
        seq, account, moved, fills = day.last
        flows = account.net_flows - day.first.net_flows
        off = account.cash - day.first.cash - (moved - day.cash_before) - flows
        allowed = CASH_TOLERANCE + ROUNDING * (fills - day.fills_before)
        if min(abs(off), abs(off + day.fees)) > allowed:
            self._check.report(seq, f"{day.day}: cash is {off:+.2f} USD from what fills, fees and transfers make it")

    def finish(self) -> Check:
        """The last day is judged where its session is over."""
        self._end()
        parts = [many(self._judged, "day")]
        if self._others:
            parts.append(f"{self._others} with somebody else's trading left out")
        if self._open:
            parts.append(f"{self._open} not over")
        self._check.looked_at = ", ".join(parts)
        return self._check
