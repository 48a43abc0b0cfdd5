"""Starting on a journal that is damaged, gone, newer or older than it should be (safety F37).

What cannot be read is set aside beside its old place, never deleted, and a new journal begins. What can be read is
compared with the broker: an order with an id of ours that the journal does not have means that the journal is not
the latest. Either way the broker is asked for everything, and a ``JournalLost`` event rebuilds the belief from that.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Protocol

from alpaca_trader.core.belief import Belief
from alpaca_trader.core.errors import TraderError
from alpaca_trader.core.events import JournalLost
from alpaca_trader.core.models import Mode, Order, Position
from alpaca_trader.core.recovery import rebuild
from alpaca_trader.core.salvage import is_ours
from alpaca_trader.edge.home import sync_folder
from alpaca_trader.edge.journal.errors import JournalUnreadable, JournalUnwritable
from alpaca_trader.edge.journal.reserve import Reserve
from alpaca_trader.edge.journal.sqlite import Journal

LOOK_BACK = timedelta(days=21)
"""How far back orders are asked for: longer than any position may be held (``max_nights`` is at most 10)."""
OVERLAP = timedelta(minutes=5)
"""Orders this much older than the journal's last entry are compared too: the broker's clock is not ours."""


class OrderHistory(Protocol):
    """What has to be asked of the broker."""

    def get_orders_since(self, after: datetime) -> Sequence[Order]:
        """Every order sent after this instant, ended ones too, oldest first."""

    def get_positions(self) -> Sequence[Position]:
        """Every position of the account."""


class Opened(NamedTuple):
    """A journal and the belief it stands for.

    ``lost`` says why that is not all there was, ``unwritable`` why nothing that adds risk may be added to it; else None.
    """

    journal: Journal
    belief: Belief
    lost: str | None = None
    unwritable: str | None = None


def open_journal(path: Path, mode: Mode, code_version: str, at: datetime, reserve_bytes: int) -> Opened:
    """The journal at ``path`` with its belief; one that cannot be read is set aside first, and a new one begun.

    One that cannot be written and tells of positions is opened in the room of its reserve, or for reading: they are guarded
    and sold, nothing is bought (INV-18, F35). Raises JournalUnwritable where it tells of none, or BadInput for a journal of
    another mode.
    """
    try:
        return _open(path, mode, code_version, reserve_bytes)
    except JournalUnreadable as bad:
        lost = f"{bad.what}; it is kept as {', '.join(set_aside(path, at))}"
    except JournalUnwritable as full:
        return _in_need(path, mode, code_version, reserve_bytes, full)
    return _open(path, mode, code_version, reserve_bytes)._replace(lost=lost)


def _open(path: Path, mode: Mode, code_version: str, reserve_bytes: int) -> Opened:
    opened = _with_belief(Journal.open(path, mode, None, code_version, reserve_bytes=reserve_bytes))
    kept = sorted(path.parent.glob(f"{path.name}.bad-*"))
    if kept and opened.journal.last_at() is None:  # the process died between setting it aside and saying so
        return opened._replace(lost=f"the journal before this one was set aside as {kept[-1].name}")
    return opened


def _in_need(path: Path, mode: Mode, code_version: str, reserve_bytes: int, full: JournalUnwritable) -> Opened:
    Reserve(path, reserve_bytes).free()
    try:
        opened = _open(path, mode, code_version, 0)
    except JournalUnwritable:
        opened = _for_reading(path, full)
    if not opened.belief.episodes:
        opened.journal.close()
        raise full
    return opened._replace(unwritable=str(full))


def _for_reading(path: Path, full: JournalUnwritable) -> Opened:
    try:
        return _with_belief(Journal.open_unwritable(path, full))
    except TraderError:
        raise full from None


def _with_belief(journal: Journal) -> Opened:
    try:
        return Opened(journal, rebuild(journal.since_checkpoint()))
    except BaseException:
        journal.close()
        raise


def set_aside(path: Path, at: datetime) -> list[str]:
    """Rename the journal at ``path`` and what SQLite keeps beside it; the names they have now."""
    stem, number = f"{path.name}.bad-{at:%Y%m%dT%H%M%SZ}", 1
    while any(path.parent.glob(f"{stem}*")):
        number += 1
        stem = f"{path.name}.bad-{at:%Y%m%dT%H%M%SZ}-{number}"
    kept = []
    for suffix in ("", "-wal", "-shm"):
        file = path.with_name(path.name + suffix)
        if file.exists():
            kept.append(file.rename(path.with_name(stem + suffix)).name)
    sync_folder(path.parent)
    return kept


def what_is_lost(opened: Opened, broker: OrderHistory, at: datetime, is_new_home: bool) -> JournalLost | None:
    """What the broker knows of us, where the journal does not; None where it has every order of ours.

    A journal without entries is compared over ``LOOK_BACK``, any other from its last entry on. In a home where no engine
    has run before there is nothing to lose: orders that look like ours are another engine's (F40). Raises as the broker.
    """
    journal, belief, detail = opened.journal, opened.belief, opened.lost
    last = journal.last_at()
    if is_new_home and detail is None and last is None:
        return None
    earliest = at - LOOK_BACK
    since = earliest if detail is not None or last is None else last - OVERLAP
    orders = broker.get_orders_since(since)
    if detail is None:
        known = {*belief.book.orders, *belief.risk.accepted_ids}
        ours = [order.client_order_id for order in orders if is_ours(order) and order.client_order_id not in known]
        missing = journal.without_intent(ours)
        if not missing:
            return None
        ends = "is new" if last is None else f"ends at {last:%Y-%m-%d %H:%M:%S} UTC"
        lacks = "an order" if len(missing) == 1 else f"{len(missing)} orders"
        detail = f"the journal {ends} and lacks {lacks} of ours that the broker has, such as {missing[0]}"
        orders = broker.get_orders_since(min(since, earliest))
    return JournalLost(at, detail, tuple(orders), tuple(broker.get_positions()))
