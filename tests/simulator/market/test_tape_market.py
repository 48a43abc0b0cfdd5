"""What every market of tapes promises: a minute of all symbols, crosses, and a fingerprint that misses nothing."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alpaca_trader.research.recorded import read_market
from alpaca_trader.simulator.market.actions import cash_dividend
from alpaca_trader.simulator.market.generator import GeneratedMarket, Halt
from alpaca_trader.simulator.market.model import Market
from alpaca_trader.simulator.market.symbols import asset_info
from alpaca_trader.simulator.market.universe import universe

DAY = date(2026, 11, 20)
OPEN = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
SYMBOLS = ("AAPL", "SPY", "THIN", "TINY", "ZZZZ")


@pytest.fixture(scope="module")
def market() -> GeneratedMarket:
    """Liquid and thin names with extended hours and a halt."""
    return GeneratedMarket(
        7, SYMBOLS, DAY, history_days=1, extended=True, halts=[Halt("SPY", OPEN + 5 * MINUTE, 10, 1.0)]
    )


@pytest.mark.parametrize("offset", [-300, -1, 0, 1, 4, 5, 14, 15, 200, 389, 390, 500, 5000])
def test_a_minute_of_all_symbols_is_their_bars(market: GeneratedMarket, offset: int) -> None:
    """Read at once or symbol by symbol, in rows or in columns: the same bars, sorted by symbol."""
    start = OPEN + offset * MINUTE
    expected = [bar for symbol in SYMBOLS for bar in market.bars(symbol, start, start + MINUTE)]
    assert market.minute(start) == expected
    assert market.minute(start + SECOND) == []
    for symbol in SYMBOLS:
        assert market.rows(symbol, start, start + 5 * MINUTE) == Market.rows(market, symbol, start, start + 5 * MINUTE)
    columns, plain = market.minute_columns(start), Market.minute_columns(market, start)
    assert columns.symbols == plain.symbols == [bar.symbol for bar in expected]
    for name in ("open", "high", "low", "close", "volume", "trade_count", "vwap"):
        values = getattr(columns, name)
        assert values.tolist() == [float(getattr(bar, name)) for bar in expected]
        assert values.tolist() == getattr(plain, name).tolist()
        assert values.dtype == (np.int64 if name in ("volume", "trade_count") else np.float64)


@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 1), (3, 95), (-600, 900)])
def test_totals_are_the_sums_of_the_minutes(market: GeneratedMarket, first: int, last: int) -> None:
    """What all symbols traded in a span, counted at once, is what their minutes add up to."""
    start, end = OPEN + first * MINUTE, OPEN + last * MINUTE
    totals = market.totals(start, end)
    assert totals == Market.totals(market, start, end)
    assert sum(total.volume for total in totals.values()) == sum(
        bar.volume for symbol in SYMBOLS for bar in market.bars(symbol, start, end)
    )


def test_crosses_are_the_first_and_the_last_regular_print(market: GeneratedMarket) -> None:
    """Extended prints do not take part; without a session or a bar there is no cross."""
    hours = market.session(DAY)
    assert hours is not None
    bars = market.bars("THIN", hours.open, hours.close)
    opening, closing = market.auction("THIN", DAY, "open"), market.auction("THIN", DAY, "close")
    assert opening is not None
    assert closing is not None
    assert (opening.at, opening.price, opening.size) == (hours.open, bars[0].open, bars[0].volume)
    assert (closing.at, closing.price, closing.size) == (hours.close, bars[-1].close, bars[-1].volume)
    assert market.auction("THIN", date(2026, 11, 21), "open") is None
    assert market.auction("THIN", date(2026, 11, 23), "open") is None
    assert market.auction("NOPE", DAY, "open") is None


def test_a_halt_over_the_open_leaves_no_opening_cross() -> None:
    """What does not trade at the open does not cross there."""
    halted = GeneratedMarket(7, ("SPY",), DAY, history_days=0, halts=[Halt("SPY", OPEN, 10, 1.0)])
    assert halted.auction("SPY", DAY, "open") is None
    assert halted.auction("SPY", DAY, "close") is not None


@pytest.mark.parametrize(
    ("name", "day", "price"),
    [("tda_spy_2020_12", date(2020, 12, 17), "372.24"), ("ibkr_aapl_2025_09_26", date(2025, 9, 26), "255.46")],
)
def test_a_recorded_closing_auction_is_used(shared: Path, name: str, day: date, price: str) -> None:
    """The 16:00 row of a real file is the close, with its size."""
    replay = read_market(shared / "data" / "bars_1min" / f"{name}.csv", day=day)
    hours = replay.session(day)
    assert hours is not None
    (row,) = replay.bars(replay.symbols[0], hours.close, hours.close + MINUTE)
    found = replay.auction(replay.symbols[0], day, "close")
    assert found is not None
    assert (found.price, found.size) == (Decimal(price), row.volume)


def test_the_fingerprint_covers_all_that_trades() -> None:
    """Hours, halts, actions, asset records, seed and days: each alone makes another market."""
    variants: list[dict[str, Any]] = [
        {},
        {"extended": True},
        {"halts": [Halt("SPY", OPEN, 5, 1.0)]},
        {"halts": [Halt("SPY", OPEN, 5, 1.0, "T12")]},
        {"actions": [cash_dividend("SPY", DAY, Decimal("0.01"), date(2026, 12, 1))]},
        {"actions": [cash_dividend("SPY", DAY, Decimal("0.01"), date(2026, 12, 2))]},
        {"listed": [asset_info("KO")]},
        {"days": 2},
        {"history_days": 2},
    ]
    prints = [GeneratedMarket(7, ("SPY",), DAY, **({"history_days": 1} | each)).fingerprint for each in variants]
    assert len(set(prints)) == len(variants)


def test_nothing_depends_on_the_process() -> None:
    """Extended hours and a made-up universe are the same under another hash seed."""
    code = (
        "from datetime import date\n"
        "from alpaca_trader.simulator.market.generator import GeneratedMarket\n"
        "from alpaca_trader.simulator.market.universe import universe\n"
        "listed = universe(30)\n"
        "names = [asset.symbol for asset in listed if asset.tradable]\n"
        "day = date(2026, 11, 20)\n"
        "print(GeneratedMarket(7, names, day, history_days=0, listed=listed, extended=True).fingerprint)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={"PYTHONHASHSEED": "5"}
    )
    listed = universe(30)
    names = [asset.symbol for asset in listed if asset.tradable]
    here = GeneratedMarket(7, names, DAY, history_days=0, listed=listed, extended=True)
    assert told.stdout.strip() == here.fingerprint


def test_a_thousand_symbols_cost_what_their_columns_cost() -> None:
    """No copy of the numbers is kept beside the columns: every tape reads the market's one block."""
    names = [asset.symbol for asset in universe(40) if asset.tradable]
    big = GeneratedMarket(7, names, DAY, history_days=0)
    block = big._all
    assert block is not None
    for tape in big._tapes.values():
        assert np.shares_memory(tape.columns.close, block.close)
        assert all(isinstance(cells, memoryview) for cells in tape._cells)
