"""Corporate action announcements, the deprecated route that older clients still ask (alpaca-contract 2.11)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.market.model import CorporateAction
from alpaca_trader.simulator.rest.calendar import FIRST_DAY, LAST_DAY
from alpaca_trader.simulator.rest.call import Answer, Call, Entry, choice, csv, day, wrong
from alpaca_trader.simulator.simulator import Simulator
from alpaca_trader.simulator.wire import number

_TYPES: Final = frozenset({"dividend", "merger", "spinoff", "split", "reorg"})
_DATES: Final = frozenset({"declaration_date", "ex_date", "record_date", "payable_date"})
_MAX_SPAN: Final = timedelta(days=90)
_PAYMENT: Final = timedelta(days=120)
"""No action here is paid longer after its ex-date."""


def _announcements(sim: Simulator, call: Call) -> Answer:
    for name in ("ca_types", "since", "until"):
        if not call.query.get(name):
            raise BrokerError("missing_field", field=name)
    # Asked as `dividend` (alpaca-py) or `Dividend` (the broker's specification), and answered as asked.
    spelling = {kind.lower(): kind for kind in csv(call.query["ca_types"])}
    if unknown := spelling.keys() - _TYPES:
        raise wrong("ca_types", spelling[min(unknown)])
    since, until = day(call, "since"), day(call, "until")
    assert since is not None, "checked above"
    assert until is not None, "checked above"
    if until - since > _MAX_SPAN:
        raise wrong("until", "the date range is limited to 90 days")
    date_type = choice(call, "date_type", _DATES, "ex_date")
    symbol = (call.query.get("symbol") or "").upper()
    if call.query.get("cusip") or not FIRST_DAY <= since <= until <= LAST_DAY:
        return 200, []
    actions = sim.market.corporate_actions(max(since - _PAYMENT, FIRST_DAY), until)
    bodies = [_body(action, spelling) for action in actions if symbol in {"", action.symbol}]
    span = since.isoformat(), until.isoformat()
    return 200, [
        body for body in bodies if body["ca_type"].lower() in spelling and span[0] <= body.get(date_type, "") <= span[1]
    ]


def _announcement(sim: Simulator, call: Call) -> Answer:
    for action in sim.market.corporate_actions(FIRST_DAY, LAST_DAY):
        body = _body(action, {})
        if body["id"] == call.path["id"]:
            return 200, body
    raise BrokerError("no_announcement", id=call.path["id"])


def _body(action: CorporateAction, spelling: Mapping[str, str]) -> dict[str, str]:
    """The announcement. When the company declared it is not known here; a share is of record on the ex-date."""
    ca_type, sub_type = _kind(action)
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, action.id)),
        "corporate_action_id": action.id,
        "ca_type": spelling.get(ca_type.lower(), ca_type),
        "ca_sub_type": sub_type,
        "initiating_symbol": action.symbol,
        "initiating_original_cusip": "",
        "target_symbol": action.new_symbol or action.symbol,
        "target_original_cusip": "",
        "ex_date": action.ex_date.isoformat(),
        "record_date": action.ex_date.isoformat(),
        "payable_date": action.payable_date.isoformat(),
        "cash": number(action.cash),
        "old_rate": number(action.old_rate),
        "new_rate": number(action.new_rate),
    }


def _kind(action: CorporateAction) -> tuple[str, str]:
    """Type and subtype in the broker's words; a delisting that pays cash is a completed merger."""
    match action.kind:
        case "split":
            return "Split", "stock_split" if action.new_rate >= action.old_rate else "reverse_split"
        case "cash_dividend":
            return "Dividend", "cash"
        case "stock_dividend":
            return "Dividend", "stock"
        case "delisting":
            return "Merger", "merger_completion"
        case "rename":
            return "Reorg", "recapitalization"


TABLE: Final[Sequence[Entry]] = (
    ("GET", "/v2/corporate_actions/announcements", _announcements),
    ("GET", "/v2/corporate_actions/announcements/{id}", _announcement),
)
