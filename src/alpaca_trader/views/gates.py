"""What each gate asks, what its refusal means, and by how much it was passed or missed.

The gates' numbers come from the journal; this table only knows in which direction a number passes. A gate it does not
know (a plug-in's, a later version's) is shown with its numbers and without a margin.
"""

import re
from datetime import datetime
from typing import Any, Literal, NamedTuple

from rich.table import Table
from rich.text import Text

from alpaca_trader.core.models import Gate, Scalar
from alpaca_trader.views.words import NOTHING, clock, label, plain_number, printable

Direction = Literal["above", "at least", "below", "at most", "inside", ""]


ROOM_FOR_CODES = 100


class Rule(NamedTuple):
    """What a gate asks for, what it means when it refuses, and where its value must lie beside its limit."""

    asks: str
    refused: str
    direction: Direction = ""


RULES: dict[str, Rule] = {
    "warmup": Rule("enough history", "too little history to judge", "at least"),
    "zero_volume": Rule("a VWAP exists", "nothing was traded yet this session"),
    "no_cross": Rule("close above VWAP + buffer", "the close was not above VWAP and its buffer", "above"),
    "already_above": Rule("bar before at or below it", "the bar before was above already: no cross", "at most"),
    "not_armed": Rule("armed by a close below VWAP", "no close at or below VWAP since the last cross"),
    "zero_baseline": Rule("usual volume known", "no volume is usual at this minute"),
    "volume": Rule("volume against usual", "too little volume for this minute of the day", "at least"),
    "price_band": Rule("price inside the band", "the price is outside the band", "inside"),
    "vwap_fail": Rule("close below VWAP - buffer", "the close was not below VWAP", "below"),
    "bar_incomplete": Rule("longer bar complete", "the longer bar was still being gathered", "at least"),
    "no_rsi_cross": Rule("RSI before at or below", "RSI had not been oversold the bar before", "at most"),
    "still_oversold": Rule("RSI now above", "RSI was still oversold", "above"),
    "trend_filter": Rule("above its 200-day mean", "the daily trend was not up", "above"),
    "rsi_overbought": Rule("RSI at or above", "RSI was not overbought", "at least"),
    "no_signal": Rule("the strategy wants it", "the strategy saw nothing to do"),
    "disabled": Rule("the strategy is enabled", "the strategy is switched off"),
    "strategy_error": Rule("the strategy answers", "the strategy's own code failed"),
    "no_position": Rule("something of it is held", "the strategy held nothing to sell"),
    "exit_under_way": Rule("no sale under way", "a sale was under way already"),
    "halted": Rule("entries not halted", "entries were halted"),
    "market_closed": Rule("regular hours", "outside regular hours"),
    "entry_window": Rule("inside the entry window", "too near the open or the close", "inside"),
    "stale_data": Rule("bar age in s", "the newest bar was too old", "at most"),
    "symbol_owned": Rule("symbol not held", "the symbol was held already"),
    "pending_order": Rule("no order open in it", "an order in the symbol was open"),
    "unprotected_position": Rule("every position guarded", "a position lacked its stop"),
    "max_positions": Rule("positions below the cap", "as many positions as allowed were held", "below"),
    "cooldown": Rule("minutes since last exit", "too soon after the last exit", "at least"),
    "max_entries": Rule("entries in it today", "as many entries in the symbol as a day may have", "below"),
    "day_trade_budget": Rule("day trades in 5 days", "no day trade left under the legacy rule", "at most"),
    "unsettled_cash": Rule("cost within settled cash", "the cash was not settled", "at most"),
    "not_tradable": Rule("tradable at the broker", "the broker does not trade it now"),
    "price_exceeds_budget": Rule("order fits the budget (USD)", "the budget buys not one share"),
    "below_min_notional": Rule("order value (USD)", "the order would be worth too little", "at least"),
    "buying_power": Rule("order inside buying power", "no buying power left"),
}

_RANGE = re.compile(r"^(?P<low>[\d.:]+)Z?(?: to |-)(?P<high>[\d.:]+)Z?$")
_UTC_MINUTE = re.compile(r"\b(\d\d):(\d\d)Z")


def refused(code: str) -> str:
    """What a refusal's code means, or the code as words."""
    rule = RULES.get(code)
    return rule.refused if rule is not None else label(code)


def margin(gate: Gate) -> float | None:
    """How far the value is on the passing side of the limit (negative: how much was missing), in the value's unit.

    Minutes for times of day; None where the gate is no question of more or less.
    """
    rule = RULES.get(gate.name)
    if rule is None or gate.value is None or isinstance(gate.value, bool):
        return None
    if rule.direction == "inside":
        return _inside(gate.value, gate.limit)
    if not isinstance(gate.value, int | float) or not isinstance(gate.limit, int | float):
        return None
    match rule.direction:
        case "above" | "at least":
            return gate.value - gate.limit
        case "below" | "at most":
            return gate.limit - gate.value
        case _:
            return None


def _inside(value: Scalar, limit: Scalar) -> float | None:
    found = _RANGE.match(str(limit))
    if found is None:
        return None
    low, high, at = (_amount(text) for text in (found["low"], found["high"], str(value).removesuffix("Z")))
    return None if low is None or high is None or at is None else min(at - low, high - at)


def _amount(text: str) -> float | None:
    """A number, or minutes where the text is a time of day."""
    hours, colon, minutes = text.partition(":")
    try:
        return float(hours) * 60 + float(minutes) if colon else float(text)
    except ValueError:
        return None


def in_new_york(text: str, at: datetime) -> str:
    """A gate's text with its ``14:31Z`` times as New York's of the day ``at`` lies in."""
    return _UTC_MINUTE.sub(lambda found: clock(at.replace(hour=int(found[1]), minute=int(found[2]))), text)


def gate_json(gate: Gate) -> dict[str, Any]:
    """One gate as JSON: the journal's value and limit, and the margin between them."""
    return {
        "name": gate.name,
        "passed": gate.passed,
        "value": gate.value,
        "limit": gate.limit,
        "margin": margin(gate),
        "asks": RULES[gate.name].asks if gate.name in RULES else None,
    }


def gates_table(gates: tuple[Gate, ...], at: datetime, width: int) -> Table:
    """The gates in the order they were asked. The first that failed decided; those after it are shown all the same.

    ``at`` is the decision's time, ``width`` the console's: the gates' codes stand beside what they ask where they fit.
    """
    is_wide = width >= ROOM_FOR_CODES
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("", no_wrap=True)
    if is_wide:
        table.add_column("gate", no_wrap=True, style="dim")
    table.add_column("asks")
    for title in ("value", "limit", "margin"):
        table.add_column(title, justify="right", no_wrap=True)
    for gate in gates:
        mark = Text("pass", style="green") if gate.passed else Text("FAIL", style="bold red")
        rule = RULES.get(gate.name)
        limit = _beside(gate.name, rule.direction if rule is not None else "", gate.limit)
        table.add_row(
            mark,
            *([Text(printable(gate.name))] if is_wide else []),
            Text(rule.asks if rule is not None else label(gate.name)),
            Text(in_new_york(plain_number(gate.value), at)),
            Text(in_new_york(limit, at)),
            Text(_margin_text(gate), style="" if gate.passed else "red"),
        )
    return table


SIZED = frozenset({"price_exceeds_budget", "buying_power"})
"""Gates whose limit is the name of the cap that bound the order's size."""
_SIGNS: dict[Direction, str] = {"above": "> ", "at least": ">= ", "below": "< ", "at most": "<= "}


def _beside(name: str, direction: Direction, limit: Scalar) -> str:
    """The limit with the side it bounds; a number that bounds nothing is left out."""
    if limit is None or (not direction and isinstance(limit, float)):
        return NOTHING
    if name in SIZED:
        return f"bound by {label(str(limit))}"
    return _SIGNS.get(direction, "") + plain_number(limit)


def _margin_text(gate: Gate) -> str:
    found = margin(gate)
    if found is None:
        return ""
    sign = "+" if found > 0 else ""
    return f"{sign}{plain_number(found)}{' min' if isinstance(gate.value, str) else ''}"
