"""Trades as a table in a terminal: what fits in 80 columns, and more where there is room."""

from collections.abc import Sequence
from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alpaca_trader.core.models import Trade
from alpaca_trader.edge.journal.reader import TradeRow
from alpaca_trader.views.words import NOTHING, clock, colour, day_of, fixed, label, price, signed

ROOM_FOR_MORE = 108
"""Columns from which strategy, quantity, extremes and fees are shown too."""
LEGEND = "New York time. Slip: basis points against us, at entry/exit."


def trades_table(rows: Sequence[TradeRow], width: int) -> Table:
    """One line a trade, New York time, by the day it began; ``width`` is the console's."""
    is_wide = width >= ROOM_FOR_MORE
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("Symbol", no_wrap=True)
    if is_wide:
        table.add_column("Strategy", no_wrap=True)
        table.add_column("Shares", justify="right", no_wrap=True)
    table.add_column("Entry", no_wrap=True)
    table.add_column("Exit", no_wrap=True)
    table.add_column("Reason", overflow="fold", min_width=8)
    table.add_column("Slip bp", justify="right", no_wrap=True)
    if is_wide:
        table.add_column("MAE %", justify="right", no_wrap=True)
        table.add_column("MFE %", justify="right", no_wrap=True)
        table.add_column("Fees", justify="right", no_wrap=True)
    table.add_column("R", justify="right", no_wrap=True)
    table.add_column("P&L", justify="right", no_wrap=True)
    by_day = [(day, list(each)) for day, each in groupby(rows, lambda row: day_of(row.trade.timestamp))]
    for day, trades in by_day:
        if len(by_day) > 1:
            table.add_row("", Text(f"{day:%m-%d}", style="bold"))
        for number, trade in ((row.id, row.trade) for row in trades):
            table.add_row(str(number), *(_cells(trade, is_wide)))
    return table


def _cells(trade: Trade, is_wide: bool) -> list[Text]:
    more = [label(trade.strategy), f"{trade.qty:.6g}"] if is_wide else []
    last = [fixed(trade.mae_pct), fixed(trade.mfe_pct), fixed(trade.fees, 3)] if is_wide else []
    slip = f"{fixed(trade.entry_slip_bps, 1)}/{fixed(trade.exit_slip_bps, 1)}"
    plain = [trade.symbol, *more, entry_words(trade), exit_words(trade), reason_words(trade), slip, *last]
    result = Text(signed(trade.pnl), style=colour(trade.pnl))
    return [*(Text(cell) for cell in [*plain, signed(trade.r_multiple)]), result]


def entry_words(trade: Trade) -> str:
    """When and at what price it was bought."""
    if trade.entry_price is None:
        return f"{clock(trade.timestamp)} {NOTHING}"
    return f"{clock(trade.opened_at or trade.timestamp)} {price(trade.entry_price)}"


def exit_words(trade: Trade) -> str:
    """When and at what price it was sold, or where it stands."""
    if trade.status != "closed":
        return trade.status
    return f"{clock(trade.closed_at)} {price(trade.exit_price)}"


def reason_words(trade: Trade) -> str:
    """Why it ended; nothing while it has not."""
    return label(trade.exit_reason) if trade.exit_reason else ""


def print_trades(console: Console, rows: Sequence[TradeRow]) -> None:
    """Trades, oldest first; one line where there is none."""
    if not rows:
        console.print("No trade yet.")
        return
    console.print(trades_table(rows, console.width))
    console.print(Text(LEGEND, style="dim"))
