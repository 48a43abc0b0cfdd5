"""A day fetched page by page from the simulated broker and replayed from the file is the same day."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from alpaca_trader.research.recorded import read_market
from alpaca_trader.simulator import GeneratedMarket, Simulator, Switches
from alpaca_trader.simulator.doors.server import build_app

DAY = date(2026, 11, 20)
MARKET = GeneratedMarket(7, ("AAPL", "SPY"), DAY, history_days=1)


def pages(kind: str, **query: Any) -> list[dict[str, Any]]:
    """Every page of the day, as the broker answers in the evening."""
    hours = MARKET.session(DAY)
    assert hours is not None
    switches = Switches(rate_limit=None)
    sim = Simulator(MARKET, seed=7, start=hours.close + timedelta(hours=1), switches=switches)
    client = TestClient(build_app(sim), headers={"APCA-API-KEY-ID": sim.keys[0], "APCA-API-SECRET-KEY": sim.keys[1]})
    asked = {"symbols": "AAPL,SPY", "start": hours.open.isoformat(), "end": hours.close.isoformat(), "feed": "sip"}
    found: list[dict[str, Any]] = []
    token: str | None = None
    while not found or token:
        answer = client.get(f"/v2/stocks/{kind}", params={**asked, **query, "page_token": token or ""})
        assert answer.status_code == 200, answer.text
        found.append(answer.json())
        token = found[-1]["next_page_token"]
    return found


@pytest.mark.parametrize("kinds", [("bars",), ("trades", "quotes")])
def test_what_the_broker_answers_replays_as_it_was(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    """Bars come back to the cent and the share; so do all quotes and trades, and the bars made of the trades."""
    answers = [page for kind in kinds for page in pages(kind, limit=3000, timeframe="1Min")]
    path = tmp_path / "day.jsonl"
    path.write_text("\n".join(map(json.dumps, answers)))
    replay = read_market(path, seed=7)
    hours = MARKET.session(DAY)
    assert hours is not None
    before = hours.open - timedelta(seconds=1)
    for symbol in MARKET.symbols:
        ours, theirs = (each.bars(symbol, hours.open, hours.close) for each in (MARKET, replay))
        assert [(b.start, b.open, b.high, b.low, b.close, b.volume) for b in ours] == [
            (b.start, b.open, b.high, b.low, b.close, b.volume) for b in theirs
        ]
        if kinds != ("bars",):
            assert [shown(tick) for tick in MARKET.ticks(symbol, before, hours.close)] == [
                shown(tick) for tick in replay.ticks(symbol, before, hours.close)
            ]


def shown(tick: Any) -> tuple[Any, ...]:
    """What a client sees of a tick."""
    names = ("price", "size") if hasattr(tick, "price") else ("bid", "ask", "bid_size", "ask_size")
    return (tick.at, *(getattr(tick, name) for name in names))
