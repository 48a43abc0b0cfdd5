"""Recorded trades and quotes replay print by print; bars are made of the prints that count."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpaca_trader.simulator import Simulator, Switches
from alpaca_trader.simulator.market.actions import rename
from alpaca_trader.simulator.market.model import MarketQuote, MarketTrade
from alpaca_trader.simulator.market.recorded_ticks import RecordedTicks

DAY = date(2026, 1, 5)
OPEN = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
CLOSE = datetime(2026, 1, 5, 21, 0, tzinfo=UTC)
OPEN_US = int(OPEN.timestamp()) * 1_000_000
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
Frame = dict[str, Any]


def trades(*rows: tuple[float, float, int], sets_price: list[bool] | None = None) -> Frame:
    """Prints: seconds after the open, price, size."""
    return {
        "at": np.array([OPEN_US + round(second * 1e6) for second, _, _ in rows], dtype=np.int64),
        "price": np.array([price for _, price, _ in rows]),
        "size": np.array([size for _, _, size in rows]),
        "trade_id": np.full(len(rows), -1),
        "sets_price": np.array(sets_price or [True] * len(rows), dtype=bool),
    }


def quotes(*rows: tuple[float, float, float, int]) -> Frame:
    """Quotes: seconds after the open, bid, ask, size on both sides."""
    return {
        "at": np.array([OPEN_US + round(second * 1e6) for second, *_ in rows], dtype=np.int64),
        "bid": np.array([bid for _, bid, _, _ in rows]),
        "ask": np.array([ask for _, _, ask, _ in rows]),
        "bid_size": np.array([size for *_, size in rows]),
        "ask_size": np.array([size for *_, size in rows]),
    }


PRINTS = trades((0.5, 50.00, 100), (1.25, 50.10, 50), (59.9, 50.02, 10), (61, 49.95, 200), (200, 50.50, 7))
QUOTES = quotes((0.1, 49.99, 50.01, 300), (1.0, 50.0, 50.12, 100), (90.0, 49.9, 50.0, 500))


def market(**changes: Any) -> RecordedTicks:
    """ABC with prints and quotes."""
    given: Frame = {"trades": {"ABC": PRINTS}, "quotes": {"ABC": QUOTES}, "day": DAY} | changes
    return RecordedTicks(given.pop("trades"), given.pop("quotes"), **given)


def test_bars_are_made_of_the_trades() -> None:
    """Open, high, low, close, volume, count and vwap of each minute with trades; no bar without."""
    bars = market().bars("ABC", OPEN, CLOSE)
    assert [(b.start - OPEN) // MINUTE for b in bars] == [0, 1, 3]
    first = bars[0]
    assert (first.open, first.high, first.low, first.close) == tuple(map(Decimal, ("50", "50.10", "50", "50.02")))
    assert (first.volume, first.trade_count) == (160, 3)
    assert first.vwap == Decimal("50.032500")
    assert [bar.symbol for bar in market().minute(OPEN)] == ["ABC"]


def test_prints_that_do_not_set_the_price_count_for_volume() -> None:
    """An odd lot widens no bar but is in its volume; a minute of odd lots alone has no bar, and all of them are ticks."""
    rows = [(0.5, 60, 5), (1, 50, 100), (70, 55, 3), (130, 51, 10), (131, 52, 10)]
    odd = market(trades={"ABC": trades(*rows, sets_price=[False, True, False, True, True])})
    first, second = odd.bars("ABC", OPEN, CLOSE)
    assert (first.open, first.high, first.volume, first.trade_count) == (Decimal(50), Decimal(50), 105, 2)
    assert (second.open, second.low, second.close, second.volume) == (Decimal(51), Decimal(51), Decimal(52), 20)
    assert sum(isinstance(tick, MarketTrade) for tick in odd.ticks("ABC", OPEN, CLOSE)) == 5
    assert not odd.bars_hold_ticks()


def test_quotes_and_trades_come_back_as_recorded() -> None:
    """To the microsecond, the quote before the trade of the same instant, windows joined without gap or repeat."""
    whole = list(market().ticks("ABC", OPEN, CLOSE))
    assert [(tick.at - OPEN) / SECOND for tick in whole] == [0.1, 0.5, 1.0, 1.25, 59.9, 61, 90, 200]
    assert whole[0] == MarketQuote("ABC", OPEN + 0.1 * SECOND, Decimal("49.99"), Decimal("50.01"), 300, 300)
    assert whole[1] == MarketTrade("ABC", OPEN + 0.5 * SECOND, Decimal("50.00"), 100, 1)
    cuts = [OPEN, OPEN + 0.1 * SECOND, OPEN + SECOND, OPEN + 61 * SECOND, CLOSE]
    pieces = [t for a, b in pairwise(cuts) for t in market().ticks("ABC", a, b)]
    assert pieces == whole
    tied = market(quotes={"ABC": quotes((0.5, 49.9, 50.1, 1))}).ticks("ABC", OPEN, OPEN + SECOND)
    assert [type(tick) for tick in tied] == [MarketQuote, MarketTrade]


@given(offset=st.integers(0, 400_000_000))
def test_quote_and_last_trade_are_the_last_ticks(offset: int) -> None:
    """At any instant: nothing of later is known."""
    tape, at = market(), OPEN + offset * timedelta(microseconds=1)
    past = [tick for tick in tape.ticks("ABC", OPEN - SECOND, CLOSE) if tick.at <= at]
    for kind, answer in ((MarketQuote, tape.quote("ABC", at)), (MarketTrade, tape.last_trade("ABC", at))):
        assert answer == next((tick for tick in reversed(past) if isinstance(tick, kind)), None)


def test_extended_prints_trade_only_when_asked() -> None:
    """Pre-market and after-hours prints make bars; without extended hours they are no ticks and no last trade."""
    given = trades((-600, 49, 10), (5, 50, 10), (6.5 * 3600 + 0.2, 51, 1000), (7 * 3600, 52, 10))
    plain, longer = (market(trades={"ABC": given}, quotes={}, extended=extended) for extended in (False, True))
    span = (OPEN - 60 * MINUTE, CLOSE + 60 * MINUTE)
    assert [bar.close for bar in plain.bars("ABC", *span)] == [49, 50, 51, 52]
    assert {tick.at for tick in plain.ticks("ABC", *span)} == {OPEN + 5 * SECOND}
    assert len({tick.at for tick in longer.ticks("ABC", *span)}) == 4
    assert plain.quote("ABC", OPEN - 599 * SECOND) is None
    assert longer.quote("ABC", OPEN - 599 * SECOND) is not None
    assert longer.quote("ABC", OPEN + SECOND) is None
    assert plain.previous_close("ABC", date(2026, 1, 6)) == longer.previous_close("ABC", date(2026, 1, 6)) == 50


def test_the_closing_auction_is_the_print_at_the_close() -> None:
    """The bar that begins at 16:00 holds the cross."""
    given = trades((5, 50, 10), (6.5 * 3600 + 0.2, 51, 1000))
    found = market(trades={"ABC": given}).auction("ABC", DAY, "close")
    assert found is not None
    assert (found.at, found.price, found.size) == (CLOSE, Decimal(51), 1000)


def test_without_quotes_there_is_one_around_each_print() -> None:
    """Two basis points wide, holding the print, the same in every run of the seed."""
    first, second = (market(quotes={}).ticks("ABC", OPEN, CLOSE) for _ in range(2))
    assert first == second
    for quote, trade in zip(first[::2], first[1::2], strict=True):
        assert isinstance(quote, MarketQuote)
        assert isinstance(trade, MarketTrade)
        assert quote.at == trade.at
        assert quote.bid <= trade.price <= quote.ask
        assert quote.ask - quote.bid == Decimal("0.01")


def test_recorded_bars_are_the_history() -> None:
    """Bars serve on days without ticks, made up inside; on a day with trades the trades decide."""
    starts = [int((OPEN - 3 * 1440 * MINUTE).timestamp()), int(OPEN.timestamp())]
    frame = {
        "start": np.array(starts),
        **{name: np.array([40.0, 99.0]) for name in ("open", "high", "low", "close")},
        "volume": np.array([100, 100]),
        "vwap": np.full(2, np.nan),
        "trade_count": np.full(2, -1),
    }
    both = market(frames={"ABC": frame})
    assert [bar.close for bar in both.bars("ABC", OPEN - 4 * 1440 * MINUTE, OPEN + MINUTE)] == [40, Decimal("50.02")]
    assert both.previous_close("ABC", DAY) == 40
    early = both.last_trade("ABC", OPEN)
    assert early is not None
    assert early.price == 40
    assert len(both.ticks("ABC", OPEN - 3 * 1440 * MINUTE - SECOND, OPEN - 1440 * MINUTE)) > 12
    late = both.last_trade("ABC", CLOSE)
    assert late is not None
    assert late.price == Decimal("50.50")


def test_a_renamed_symbol_keeps_its_ticks() -> None:
    """From the ex-date on, prints and quotes carry the new name."""
    moved = market(actions=[rename("ABC", DAY, "XYZ")])
    assert moved.ticks("ABC", OPEN, CLOSE) == []
    assert {tick.symbol for tick in moved.ticks("XYZ", OPEN, CLOSE)} == {"XYZ"}


def test_the_fingerprint_covers_ticks() -> None:
    """A quote that moves by a cent, or another size, is another market; the same columns are the same."""
    moved = {name: np.array(values) for name, values in QUOTES.items()}
    moved["ask"][1] += 0.01
    assert market().fingerprint == market().fingerprint
    assert len({market().fingerprint, market(quotes={"ABC": moved}).fingerprint, market(quotes={}).fingerprint}) == 3


def test_orders_fill_on_recorded_quotes_in_minutes_without_trades() -> None:
    """A limit order is filled by a quote although its minute has no bar."""
    sim = Simulator(
        market(
            trades={"ABC": trades((1, 50.0, 100))}, quotes={"ABC": quotes((1, 49.9, 50.1, 300), (150, 48.8, 48.9, 300))}
        ),
        seed=7,
        start=OPEN + 2 * SECOND,
        switches=Switches(partial_fills="never"),
    )
    wanted = {"symbol": "ABC", "side": "buy", "type": "limit", "time_in_force": "day", "qty": "1", "limit_price": "49"}
    placed = sim.exchange.submit(wanted)
    while sim.now < OPEN + 5 * MINUTE:
        sim.advance(OPEN + 5 * MINUTE)
    assert (placed.status, placed.filled_at) == ("filled", OPEN + 150 * SECOND)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"trades": {"ABC": {"at": np.zeros(1)}}}, "ABC: column 'price' of trades is missing"),
        ({"trades": {"ABC": trades((5, 1, 1), (4, 1, 1))}}, "ABC: column 'at' of trades must be in order of time"),
        ({"quotes": {"ABC": QUOTES | {"bid": np.zeros(1)}}}, "ABC: columns of quotes differ in length"),
        ({"day": date(2026, 1, 4)}, "the next one is 2026-01-05"),
        ({"days": 0}, "days 0 must be at least 1"),
    ],
)
def test_unusable_ticks_are_named(changes: Frame, complaint: str) -> None:
    """One clear error with symbol and column."""
    with pytest.raises(ValueError, match=complaint):
        market(**changes)
