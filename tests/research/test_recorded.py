"""One door for whatever was recorded: bars, trades and quotes from tables and from Alpaca's own answers."""

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from alpaca_trader.core.errors import BadInput
from alpaca_trader.research.recorded import read_market, read_recording
from alpaca_trader.research.store import BarStore, read_bars
from alpaca_trader.simulator.market.model import MarketQuote, MarketTrade
from alpaca_trader.simulator.market.recorded import RecordedMarket
from alpaca_trader.simulator.market.recorded_ticks import RecordedTicks
from tests.research.made_bars import session_table, table_csv, table_parquet

DAY = date(2019, 2, 11)
OPEN = datetime(2019, 2, 11, 14, 30, tzinfo=UTC)
CLOSE = datetime(2019, 2, 11, 21, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def stamp(seconds: float) -> str:
    """Alpaca's spelling of a time, nanoseconds and all."""
    return f"{OPEN + seconds * SECOND:%Y-%m-%dT%H:%M:%S.%f}123Z"


def trade(seconds: float, price: float, size: int = 100, number: int = 1, **more: Any) -> dict[str, Any]:
    """A trade as Alpaca writes it."""
    return {"t": stamp(seconds), "x": "V", "p": price, "s": size, "c": ["@"], "i": number, "z": "C"} | more


def quote(seconds: float, bid: float, ask: float, **more: Any) -> dict[str, Any]:
    """A quote as Alpaca writes it."""
    return {"t": stamp(seconds), "bx": "V", "bp": bid, "bs": 2, "ax": "V", "ap": ask, "as": 3, "c": ["R"]} | more


def bar(minute: int, price: float = 100.0, **more: Any) -> dict[str, Any]:
    """A bar as Alpaca writes it."""
    start = f"{OPEN + minute * MINUTE:%Y-%m-%dT%H:%M:%SZ}"
    return {"t": start, "o": price, "h": price, "l": price, "c": price, "v": 1000, "n": 10, "vw": price} | more


def page(kind: str, **lists: Any) -> dict[str, Any]:
    """An answer about several symbols."""
    return {kind: lists, "next_page_token": None}


def written(folder: Path, *pages: Any, name: str = "history.json", between: str = "\n") -> Path:
    """The answers in a file, one after the other."""
    path = folder / name
    text = between.join(json.dumps(each) for each in pages)
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def table(kind: str, symbol: str = "AAPL") -> pd.DataFrame:
    """Three rows of trades or quotes in our own columns."""
    at = pd.to_datetime([OPEN + seconds * SECOND for seconds in (1.5, 2, 70)], utc=True)
    if kind == "trades":
        return pd.DataFrame({"symbol": symbol, "timestamp": at, "price": [100.0, 100.05, 99.9], "size": [10, 20, 30]})
    return pd.DataFrame(
        {
            "symbol": symbol,
            "timestamp": at,
            "bid_price": [99.98, 100.0, 99.8],
            "ask_price": [100.02, 100.1, 100.0],
            "bid_size": [100, 200, 300],
            "ask_size": [300, 200, 100],
        }
    )


@pytest.mark.parametrize("name", ["history.json", "history.jsonl", "history.json.gz"])
@pytest.mark.parametrize("between", ["\n", "", "\n\n  "])
def test_alpacas_bars_are_read_page_by_page(tmp_path: Path, name: str, between: str) -> None:
    """Several symbols or one, pages on end or a line each, packed or not: the same bars as in a table."""
    several = page("bars", AAPL=[bar(k) for k in range(200)], KO=[bar(k, 50.0) for k in range(390)])
    one = {"bars": [bar(k) for k in range(200, 390)], "symbol": "AAPL", "next_page_token": None}
    again = page("bars", KO=[bar(k, 50.0) for k in range(380, 390)])
    market = read_market(written(tmp_path, several, one, again, page("bars", SPY=None), name=name, between=between))
    assert isinstance(market, RecordedMarket)
    assert market.symbols == ["AAPL", "KO"]
    assert len(market.bars("AAPL", OPEN, CLOSE)) == len(market.bars("KO", OPEN, CLOSE)) == 390
    assert market.bars("KO", OPEN, CLOSE)[0].vwap == Decimal("50.000000")


@pytest.mark.parametrize("descending", [False, True])
def test_alpacas_trades_and_quotes_are_replayed(tmp_path: Path, descending: bool) -> None:
    """Newest first or last, with pages that overlap; canceled prints and official closes are left out."""
    rows = [
        trade(1, 100.0, number=1),
        trade(1, 100.5, 5, number=2, c=["@", "I"]),
        trade(2, 500.0, number=3, u="canceled"),
        trade(3, 100.1, number=4),
        trade(4, 300.0, number=5, c=["M"]),
    ]
    asked = [quote(0.5, 99.9, 100.1), quote(3.5, 100.0, 100.2)]
    if descending:
        rows, asked = rows[::-1], asked[::-1]
    pages = (page("trades", AAPL=rows), page("trades", AAPL=rows[-2:]), page("quotes", AAPL=asked))
    path = written(tmp_path, *pages, page("quotes", AAPL=asked[-1:]))
    market = read_market(path)
    assert isinstance(market, RecordedTicks)
    ticks = market.ticks("AAPL", OPEN, CLOSE)
    assert [tick.trade_id for tick in ticks if isinstance(tick, MarketTrade)] == [1, 2, 4]
    assert sum(isinstance(tick, MarketQuote) for tick in ticks) == 2
    first = ticks[0]
    assert isinstance(first, MarketQuote)
    assert (first.at, first.bid_size, first.ask_size) == (OPEN + 0.5 * SECOND, 200, 300)
    (made,) = market.bars("AAPL", OPEN, CLOSE)
    assert (made.high, made.volume) == (Decimal("100.10"), 205)


def test_quoted_sizes_are_shares_since_november_2025(tmp_path: Path) -> None:
    """Round lots before, as they are afterwards."""
    late = quote(0, 99.9, 100.1) | {"t": "2026-01-05T14:30:01Z"}
    market = read_market(written(tmp_path, page("quotes", AAPL=[late])))
    (only,) = market.ticks("AAPL", datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 6, tzinfo=UTC))
    assert isinstance(only, MarketQuote)
    assert (only.bid_size, only.ask_size) == (2, 3)


@pytest.mark.parametrize("write", [table_csv, table_parquet])
def test_trades_and_quotes_from_tables(tmp_path: Path, write: Any) -> None:
    """A folder with a table of each is one market; other names of columns are understood."""
    name = "csv" if write is table_csv else "parquet"
    write(tmp_path, table("trades"), f"trades.{name}")
    write(tmp_path, table("quotes"), f"quotes.{name}")
    (tmp_path / "README.md").write_text("not a record")
    market = read_market(tmp_path)
    assert [(tick.at - OPEN) / SECOND for tick in market.ticks("AAPL", OPEN, CLOSE)] == [1.5, 1.5, 2, 2, 70, 70]
    assert market.quote("AAPL", OPEN + 69 * SECOND) == MarketQuote(
        "AAPL", OPEN + 2 * SECOND, Decimal("100.00"), Decimal("100.10"), 200, 200
    )
    assert [b.close for b in market.bars("AAPL", OPEN, CLOSE)] == [Decimal("100.05"), Decimal("99.90")]


def test_bars_of_earlier_days_are_history_beside_ticks(tmp_path: Path) -> None:
    """A folder of bars and trades: the day with trades is theirs, the bars of the day before remain."""
    table_csv(tmp_path, session_table("AAPL", OPEN - 3 * 1440 * MINUTE), "bars.csv")
    table_csv(tmp_path, table("trades"), "trades.csv")
    recording = read_recording(tmp_path)
    assert recording.days == [date(2019, 2, 8), DAY]
    market = recording.market(DAY)
    assert market.previous_close("AAPL", DAY) is not None
    assert len(market.bars("AAPL", OPEN, CLOSE)) == 2


def test_bars_alone_are_what_they_have_always_been(tmp_path: Path) -> None:
    """A table of bars keeps its fingerprint and days, and becomes a market of bars; so does the store."""
    path = table_csv(tmp_path, session_table())
    recording = read_recording(path)
    known = read_bars(path)
    assert (recording.fingerprint, recording.days) == (known.fingerprint, known.days)
    assert isinstance(recording.market(), RecordedMarket)
    store = BarStore(tmp_path / "store")
    store.import_file(path)
    assert read_recording(tmp_path / "store").fingerprint == known.fingerprint


def test_fingerprints_tell_recordings_apart(tmp_path: Path) -> None:
    """The same ticks in CSV and Parquet are the same; another price is another recording."""
    prints = [
        read_recording(table_csv(tmp_path, table("trades"), "a.csv")).fingerprint,
        read_recording(table_parquet(tmp_path, table("trades"), "b.parquet")).fingerprint,
        read_recording(table_csv(tmp_path, table("trades", "KO"), "c.csv")).fingerprint,
    ]
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize(
    ("pages", "complaint"),
    [
        ([{"bars": {"AAPL": [{"t": "2019-02-11T14:30:00Z"}]}}], r"AAPL bar 1: o None is missing|o 'None' is missing"),
        ([page("trades", AAPL=[trade(1, 1.0), trade(2, 1.0, t=5)])], "page 1: AAPL trade 2: t '5' is no time"),
        ([page("trades", AAPL=[trade(1, -1.0)])], "page 1: AAPL trade 1: price '-1.0' is no price"),
        ([page("trades", AAPL=[trade(1, 1.0, p="1.0")])], "AAPL trade 1: p '1.0' is no number"),
        ([page("trades", AAPL=[trade(1, 1.0, t="noon")])], "AAPL trade 1: t 'noon' has no zone|t 'noon' is no time"),
        ([page("quotes", AAPL=[quote(1, 1.0, 1.1, bs=-1)])], "AAPL quote 1: bid_size '-.*' must be 0 or more"),
        ([page("trades", AAPL=[]), page("quotes", aapl=[quote(1, 1, 1)])], "page 2: aapl quote 1: symbol 'aapl' is no"),
        ([{"trades": [trade(1, 1.0)]}], "page 1: trades of one symbol need its name in the field 'symbol'"),
        ([{"trades": 5}], "page 1: trades should be a list, or lists by symbol"),
        ([{"trades": {"AAPL": [5]}}], "page 1: trades of AAPL should be a list of objects"),
        ([{"news": []}], "page 1 has none of bars, trades, quotes; it has news"),
        ([[1]], "page 1 is no answer of Alpaca's"),
        ([page("trades")], "holds no bars, trades or quotes"),
        ([page("trades", AAPL=[trade(-60 * 60, 1.0)])], "nothing in the regular hours"),
    ],
)
def test_bad_answers_are_named(tmp_path: Path, pages: Sequence[Any], complaint: str) -> None:
    """The file, the page, the item, the field and the value."""
    with pytest.raises(BadInput, match=complaint) as refused:
        read_recording(written(tmp_path, *pages))
    assert "history.json" in str(refused.value)


def test_broken_files_are_named(tmp_path: Path) -> None:
    """JSON that breaks off, gzip that is cut, text that is no UTF-8, a folder without records, no file at all."""
    whole = written(tmp_path, page("trades", AAPL=[trade(1, 1.0)]), name="a.json.gz").read_bytes()
    cases = {
        "cut.json": (b'{"trades": {"AAPL": [', "page 1: line 1 is no JSON"),
        "cut.json.gz": (whole[:-12], "gzip file is damaged"),
        "latin.json": (b'{"trades": "\xe9"}', "is no UTF-8 text"),
    }
    for name, (content, complaint) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadInput, match=complaint):
            read_recording(tmp_path / name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="holds no file of bars, trades or quotes"):
        read_recording(tmp_path / "empty")
    with pytest.raises(BadInput, match="cannot be read"):
        read_recording(tmp_path / "absent.csv")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"price": [100.0, -5, 1]}, "line 3: price '-5.0' is no price"),
        ({"price": ["100", "x", "1"]}, "line 3: price 'x' is no number"),
        ({"size": ["1", "", "1"]}, "line 3: size 'nan' is missing"),
        ({"symbol": ["AAPL", "a b", "AAPL"]}, "line 3: symbol 'a b' is no symbol"),
        ({"timestamp": ["2019-02-11T14:30:01Z", "soon", "2019-02-11T14:30:02Z"]}, "line 3: timestamp 'soon'"),
    ],
)
def test_bad_rows_of_tables_are_named(tmp_path: Path, change: dict[str, Any], complaint: str) -> None:
    """The file, the line, the column and the value."""
    with pytest.raises(BadInput, match=complaint):
        read_recording(table_csv(tmp_path, table("trades").assign(**change), "trades.csv"))


def test_missing_columns_and_days_are_named(tmp_path: Path) -> None:
    """A column that trades need, a symbol said twice, bars of a symbol in two files, a day that was not recorded."""
    with pytest.raises(
        BadInput, match=r"column 'size' is missing; the file has .*trades need symbol, timestamp, price"
    ):
        read_recording(table_csv(tmp_path, table("trades").drop(columns="size"), "a.csv"))
    with pytest.raises(BadInput, match="columns 'price' and 'p' are both price"):
        read_recording(table_csv(tmp_path, table("trades").assign(p=1.0), "b.csv"))
    both = tmp_path / "both"
    both.mkdir()
    for name in ("one.csv", "two.csv"):
        table_csv(both, session_table(), name)
    with pytest.raises(BadInput, match=r"bars of AAPL are in one\.csv, too"):
        read_recording(both)
    recording = read_recording(table_csv(tmp_path, table("trades"), "c.csv"))
    with pytest.raises(BadInput, match="nothing in regular hours on 2019-02-12; the file has 2019-02-11"):
        recording.market(DAY, 2)
    with pytest.raises(BadInput, match="2019-02-10: the exchange is closed"):
        recording.market(date(2019, 2, 10))


def test_a_table_of_one_symbol_needs_its_name(tmp_path: Path) -> None:
    """Said from outside it is taken for every row."""
    path = table_csv(tmp_path, table("trades").drop(columns="symbol"), "a.csv")
    with pytest.raises(BadInput, match="column 'symbol' is missing; a file about one symbol needs symbol="):
        read_recording(path)
    assert read_recording(path, symbol="KO").symbols == ("KO",)


def test_reference_bars_replay_through_the_door(shared: Path) -> None:
    """The real files are bars, with the days that are known of them."""
    found = read_recording(shared / "data" / "bars_1min" / "alphavantage_2019_02.parquet")
    assert (len(found.symbols), len(found.days)) == (21, 5)
    assert isinstance(found.market(found.days[2], 2, extended=True), RecordedMarket)
