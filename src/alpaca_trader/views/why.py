"""Why a trade happened and what became of it: signal, gates, size, orders, fills, exit, result, each with its numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alpaca_trader.core import events as ev
from alpaca_trader.core.errors import BadInput
from alpaca_trader.core.models import Gate, OrderRole, Scalar, Trade
from alpaca_trader.edge.journal.reader import ConfigRevision, JournalReader, TradeRow
from alpaca_trader.edge.plain import plain
from alpaca_trader.views.day import trade_json
from alpaca_trader.views.fold import spans
from alpaca_trader.views.gates import gate_json, gates_table
from alpaca_trader.views.orders import Moment, OrderStory, orders_json, tell
from alpaca_trader.views.words import (
    clock,
    colour,
    day_of,
    day_words,
    duration,
    fixed,
    label,
    local,
    plain_number,
    price,
    shares,
    signed,
)

Turn = ev.ExitDecided | ev.ExitPostponed | ev.Adopted


class NotRecorded(BadInput):
    """What was asked for is not in the journal; the text names the nearest that is."""


class Sizing(NamedTuple):
    """How the entry came to its size: USD that the ``binding`` cap left, what was ordered, and at which price."""

    budget: float
    binding: str
    notional: float
    qty: Decimal
    price: float


@dataclass(frozen=True, slots=True)
class TradeStory:
    """One trade with its causes; ``turns`` are decisions about its end, each with its entry's number.

    What the journal does not hold (a trade somebody asked for has no strategy's signal) is None.
    """

    row: TradeRow
    plan: ev.EpisodeOpened | None
    decision: ev.Decided | None
    sizing: Sizing | None
    settings: ConfigRevision | None
    orders: tuple[OrderStory, ...]
    turns: tuple[tuple[int, Turn], ...]
    exit_decision: ev.Decided | None


def why(reader: JournalReader, trade_id: int) -> TradeStory:
    """The story of the trade with this id. Raises NotRecorded where there is none."""
    row = reader.trade(trade_id)
    if row is None:
        raise NotRecorded(_no_trade(trade_id, [each.id for each in reader.trades()]))
    trade = row.trade
    is_over = trade.status in ("closed", "rejected", "canceled")
    began, ended = day_of(trade.timestamp), day_of(trade.closed_at or trade.timestamp)
    during = [
        span for span in spans(reader) if span.session.day >= began and (not is_over or span.session.day <= ended)
    ]
    orders = tuple(tell(reader, during, lambda intent: intent.episode_id == trade.episode_id))
    entry = next((order.intent for order in orders if order.intent.role is OrderRole.ENTRY), None)
    decisions = reader.decisions(client_order_id=entry.client_order_id) if entry is not None else []
    decision = decisions[0] if decisions else None
    plans, turns = _own(reader, trade)
    return TradeStory(
        row=row,
        plan=plans[0] if plans else None,
        decision=decision,
        sizing=None if decision is None or entry is None else _sizing(decision.gates, entry.qty),
        settings=next((each for each in reversed(reader.config_history()) if each.rev == trade.config_rev), None),
        orders=orders,
        turns=turns,
        exit_decision=_exit_signal(reader, trade, turns),
    )


def _no_trade(trade_id: int, ids: Sequence[int]) -> str:
    if not ids:
        return f"no trade {trade_id}: the journal holds no trade yet"
    nearest = min(ids, key=lambda each: (abs(each - trade_id), each))
    return f"no trade {trade_id}: the journal holds {len(ids)}, from {ids[0]} to {ids[-1]}; the nearest is {nearest}"


def _own(reader: JournalReader, trade: Trade) -> tuple[list[ev.EpisodeOpened], tuple[tuple[int, Turn], ...]]:
    """The plan the position was opened with, and what was decided about its end."""
    kinds = ("EpisodeOpened", "ExitDecided", "ExitPostponed", "Adopted")
    plans, turns = [], []
    for seq, entry in reader.entries(kinds, since=trade.timestamp):
        if isinstance(entry, ev.EpisodeOpened) and entry.episode_id == trade.episode_id:
            plans.append(entry)
        elif isinstance(entry, Turn) and entry.episode_id == trade.episode_id:
            turns.append((seq, entry))
    return plans, tuple(turns)


def _sizing(gates: tuple[Gate, ...], qty: Decimal) -> Sizing | None:
    """Size gates carry the budget, the cap that bound it, and the order's cost."""
    by_name = {gate.name: gate for gate in gates}
    budget, cost = by_name.get("price_exceeds_budget"), by_name.get("below_min_notional")
    if budget is None or cost is None or not isinstance(budget.value, float) or not isinstance(cost.value, float):
        return None
    return Sizing(budget.value, str(budget.limit), cost.value, qty, cost.value / float(qty))


def _exit_signal(reader: JournalReader, trade: Trade, turns: tuple[tuple[int, Turn], ...]) -> ev.Decided | None:
    """The strategy's wish to be out, where that is what ended the trade."""
    decided = {turn.at for _, turn in turns if isinstance(turn, ev.ExitDecided)}
    wished = (each for each in reader.decisions(symbol=trade.symbol) if each.verdict == "exit" and each.at in decided)
    return next(wished, None)


def why_json(story: TradeStory) -> dict[str, Any]:
    """The story as one JSON object. USD, percent, basis points, shares; times in UTC."""
    return {
        "trade": trade_json(story.row),
        "signal": None if story.decision is None else decision_json(story.decision),
        "sizing": None if story.sizing is None else plain(story.sizing._asdict()),
        "plan": plain(story.plan),
        "config_rev": story.row.trade.config_rev,
        "orders": orders_json(story.orders),
        "exit_decisions": [{"what": type(turn).__name__, **plain(turn)} for _, turn in story.turns],
        "exit_signal": None if story.exit_decision is None else decision_json(story.exit_decision),
    }


def decision_json(decision: ev.Decided) -> dict[str, Any]:
    """One decision with its gates as JSON."""
    evaluation = decision.evaluation
    return {
        "at": plain(decision.at),
        "bar_start": plain(evaluation.bar_start),
        "strategy": evaluation.strategy_name,
        "verdict": decision.verdict,
        "client_order_id": decision.client_order_id,
        "signal": plain(evaluation.signal),
        "gates": [gate_json(gate) for gate in decision.gates],
    }


# ------------------------------------------------------------ in a terminal


def print_why(console: Console, story: TradeStory) -> None:
    """The chain of causes, in the order of time."""
    _print_result(console, story.row)
    if story.decision is not None:
        _print_decision(console, "Signal", story.decision, story.decision.gates)
    else:
        console.print(Text("\nSignal  none in the journal: the position was not opened by a decision of this engine"))
    _print_plan(console, story)
    console.print(Text("\nWhat happened", style="bold"))
    console.print(_timeline(story))
    if story.exit_decision is not None:
        # Its other gates are those of an entry, which nobody asked for.
        last = story.exit_decision.gates[-1:]
        _print_decision(console, "Exit signal", story.exit_decision, last)


def _print_result(console: Console, row: TradeRow) -> None:
    trade = row.trade
    head = f"Trade {row.id}  {trade.symbol}  {label(trade.strategy)}  {day_words(day_of(trade.timestamp))}"
    console.print(Text(head, style="bold"))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column()
    if trade.status != "closed":
        grid.add_row("State", label(trade.status))
    if trade.entry_price is not None:
        slip = _slip(trade.entry_slip_bps, "signal", trade.signal_price)
        grid.add_row("Entry", f"{clock(trade.opened_at)}  {shares(trade.qty)} at {fixed(trade.entry_price, 4)}{slip}")
    if trade.exit_price is not None:
        slip = _slip(trade.exit_slip_bps, "decision", None)
        grid.add_row("Exit", f"{clock(trade.closed_at)}  at {fixed(trade.exit_price, 4)}{slip}")
    if trade.exit_reason is not None:
        grid.add_row("Reason", label(trade.exit_reason))
    if trade.pnl is not None:
        result = Text(f"{signed(trade.pnl, 4)} USD", style=f"bold {colour(trade.pnl)}".strip())
        result.append(f" net of {fixed(trade.fees, 4)} fees, {signed(trade.r_multiple)} R", style="not bold")
        grid.add_row("P&L", result)
    if trade.mae_pct is not None and trade.mfe_pct is not None:
        held = _held(trade.opened_at, trade.closed_at)
        grid.add_row("Course", f"worst {signed(trade.mae_pct)} %, best {signed(trade.mfe_pct)} % of entry{held}")
    console.print(grid)


def _slip(bps: float | None, against: str, reference: Decimal | None) -> str:
    if bps is None:
        return ""
    at = "" if reference is None else f" {price(reference)}"
    return f", {signed(bps, 1)} bp against us from the {against}{at}"


def _held(opened: datetime | None, closed: datetime | None) -> str:
    return "" if opened is None or closed is None else f", held {duration((closed - opened).total_seconds())}"


def _print_decision(console: Console, title: str, decision: ev.Decided, gates: tuple[Gate, ...]) -> None:
    evaluation, signal = decision.evaluation, decision.evaluation.signal
    console.print(Text(f"\n{title}", style="bold"))
    line = f"Bar of {clock(evaluation.bar_start)}, decided {local(decision.at):%H:%M:%S}"
    if signal is not None:
        at = "" if signal.entry_price is None else f" at {price(signal.entry_price)}"
        line += f": {signal.side}{at}, {label(signal.reason)}, confidence {signal.confidence:.4f}"
        numbers = ", ".join(f"{label(name)} {_short(value)}" for name, value in signal.numbers.items())
        line += f"\n{numbers}" if numbers else ""
    console.print(Text(line))
    console.print(gates_table(gates, decision.at, console.width))


def _short(value: Scalar) -> str:
    return fixed(value, 4) if isinstance(value, float) else plain_number(value)


def _print_plan(console: Console, story: TradeStory) -> None:
    sizing, plan = story.sizing, story.plan
    if sizing is None and plan is None:
        return
    console.print(Text("\nSize and plan", style="bold"))
    if sizing is not None:
        cap = {"position": "the position cap", "risk": "the risk cap", "policy": "the policy's order cap"}
        bound = cap.get(sizing.binding, label(sizing.binding))
        if sizing.binding == "position" and story.settings is not None:
            bound += f" of {100 * story.settings.config.risk.max_position_pct:.4g} % of equity"
        console.print(
            Text(
                f"{shares(sizing.qty)} shares x {sizing.price:,.4f} = {sizing.notional:,.4f} USD; "
                f"budget {sizing.budget:,.2f} USD, bound by {bound}"
            )
        )
    if plan is not None:
        target = f"target {_percent(plan.take_profit_pct)} above"
        if plan.on_target == "trail" and plan.trailing_activation_pct is not None:
            activation, distance = _percent(plan.trailing_activation_pct), _percent(plan.trail_distance_pct)
            target = f"from {activation} above, a stop trails {distance} below the high"
        nights = "may stay overnight" if plan.hold_overnight else "flat before the close"
        console.print(Text(f"Stop {_percent(plan.stop_pct)} below the fill; {target}; {nights}"))
        console.print(Text(f"Settings {plan.config_rev}", style="dim"))


def _percent(value: Decimal) -> str:
    return f"{float(value) * 100:.4g} %"


def _timeline(story: TradeStory) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    lines = [
        (moment.seq, moment.at, order.name, moment.what, _detail(order, moment))
        for order in story.orders
        for moment in order.moments
    ]
    lines += [(seq, turn.at, "", *_turn_words(turn)) for seq, turn in story.turns]
    for _, at, name, what, detail in sorted(lines, key=lambda line: line[0]):
        is_trouble = what in ("refused", "no answer", "rejected") or what.endswith(" refused")
        table.add_row(_instant(at), name, Text(what, style="red" if is_trouble else ""), Text(detail))
    return table


def _instant(at: datetime) -> str:
    return f"{local(at):%H:%M:%S}.{at.microsecond // 1000:03d}"


def _detail(order: OrderStory, moment: Moment) -> str:
    if moment.what != "sent" or order.intent.role is OrderRole.ENTRY:
        return moment.detail
    before = order.intent.replaces
    instead = "" if before is None else f", replaces {before.removeprefix(f'{order.intent.episode_id}-')}"
    return f"{moment.detail}{instead} ({label(order.intent.reason)})"


def _turn_words(turn: Turn) -> tuple[str, str]:
    match turn:
        case ev.ExitDecided(reason=reason):
            return "exit decided", label(reason)
        case ev.ExitPostponed(until=until):
            return "exit postponed", f"to {_instant(until)}; the stop guards again"
        case ev.Adopted(qty=qty):
            return "adopted", f"the broker holds only {shares(qty)}; the rest left by someone else's hand"
