"""Corporate actions on the tape: raw prices before and after, names that end and names that begin."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from alpaca_trader.simulator import BrokerError, Simulator
from alpaca_trader.simulator.market.actions import cash_dividend, delisting, rename, split, stock_dividend
from alpaca_trader.simulator.market.calendar import SessionHours, session_on
from alpaca_trader.simulator.market.generator import GeneratedMarket
from alpaca_trader.simulator.market.model import CorporateAction
from alpaca_trader.simulator.market.recorded import RecordedMarket

FIRST, EX = date(2026, 11, 19), date(2026, 11, 20)
MINUTE = timedelta(minutes=1)


def hours_of(day: date) -> SessionHours:
    """The session's hours."""
    hours = session_on(day)
    assert hours is not None
    return hours


def made(
    *actions: CorporateAction, symbols: Sequence[str] = ("AAPL", "SPY"), extended: bool = False
) -> GeneratedMarket:
    """Two sessions; the second is the ex-date."""
    return GeneratedMarket(7, symbols, FIRST, days=2, history_days=1, actions=actions, extended=extended)


@pytest.mark.parametrize(("new", "old"), [(4, 1), (3, 2), (1, 8)])
def test_a_split_divides_prices_and_multiplies_volumes(new: int, old: int) -> None:
    """Before the ex-date nothing changes; from it on each price is the unsplit one by the ratio, to the cent."""
    plain, market = made(), made(split("AAPL", EX, new=new, old=old))
    before, after = hours_of(FIRST), hours_of(EX)
    assert market.bars("AAPL", before.open, before.close) == plain.bars("AAPL", before.open, before.close)
    assert market.bars("SPY", before.open, after.close) == plain.bars("SPY", before.open, after.close)
    for bar, whole in zip(
        market.bars("AAPL", after.open, after.close), plain.bars("AAPL", after.open, after.close), strict=True
    ):
        assert abs(bar.close - whole.close * old / new) <= Decimal("0.0051") * (1 + Decimal(old) / new)
        assert abs(bar.volume - whole.volume * new / old) <= 1
    assert market.corporate_actions(EX, EX)[0].new_rate == new
    assert market.corporate_actions(FIRST, FIRST) == []
    assert market.fingerprint != plain.fingerprint


def test_a_split_under_the_new_name_moves_the_old_tape() -> None:
    """Renamed on one day, split on the next: the tape that began under the old name drops."""
    next_day = date(2026, 11, 23)
    actions = [rename("AAPL", EX, "FRUT"), split("FRUT", next_day, new=10)]
    market = GeneratedMarket(7, ("AAPL",), FIRST, days=3, history_days=1, actions=actions)
    close = market.previous_close("FRUT", next_day)
    hours = hours_of(next_day)
    assert close is not None
    assert abs(float(market.bars("FRUT", hours.open, hours.close)[0].open / close) * 10 - 1) < 0.05


def test_extended_hours_know_the_split() -> None:
    """The pre-market of the ex-date already trades at the new price."""
    market = made(split("AAPL", EX, new=4), extended=True)
    after = hours_of(EX)
    early = market.bars("AAPL", after.pre_open, after.open)[0]
    assert abs(float(early.open / market.bars("AAPL", after.open, after.close)[0].open) - 1) < 0.05


def test_dividends_lower_the_price_by_what_is_paid() -> None:
    """Cash comes off the price at the ex-date; a stock dividend of 5 % divides it by 1.05."""
    after = hours_of(EX)
    whole = made().bars("AAPL", after.open, after.close)[0].open
    close = made().previous_close("AAPL", EX)
    assert close is not None
    cash = made(cash_dividend("AAPL", EX, Decimal("2.50"))).bars("AAPL", after.open, after.close)[0].open
    assert abs(cash - whole * (1 - Decimal("2.50") / close)) < Decimal("0.02")
    stock = made(stock_dividend("AAPL", EX, Decimal("0.05"))).bars("AAPL", after.open, after.close)[0].open
    assert abs(stock - whole / Decimal("1.05")) < Decimal("0.02")


def test_a_renamed_tape_goes_on_under_the_new_name() -> None:
    """The old name's bars end with the rename, the new one's begin; last price and previous close carry over."""
    plain, market = made(), made(rename("AAPL", EX, "FRUT"))
    before, after = hours_of(FIRST), hours_of(EX)
    assert market.bars("AAPL", after.pre_open, after.close) == []
    assert market.bars("FRUT", before.open, before.close) == []
    moved = market.bars("FRUT", after.open, after.close)
    assert [replace(bar, symbol="AAPL") for bar in moved] == plain.bars("AAPL", after.open, after.close)
    assert market.previous_close("FRUT", EX) == plain.previous_close("AAPL", EX)
    last = market.last_trade("FRUT", after.open - MINUTE)
    assert last is not None
    assert (last.symbol, last.price) == ("FRUT", plain.previous_close("AAPL", EX))
    assert [bar.symbol for bar in market.minute(after.open)] == ["FRUT", "SPY"]
    assert [bar.symbol for bar in market.minute(before.open)] == ["AAPL", "SPY"]


def test_assets_stand_as_of_their_day() -> None:
    """Before the rename the new name is inactive, after it the old one; a delisted name is inactive for ever."""
    market = made(rename("AAPL", EX, "FRUT"), delisting("SPY", EX, Decimal(12)))
    active = [{a.symbol for a in market.assets_on(day) if a.status == "active" and a.tradable} for day in (FIRST, EX)]
    assert active == [{"AAPL", "SPY"}, {"FRUT"}]
    assert [asset.symbol for asset in market.assets()] == ["AAPL", "FRUT", "SPY"]
    assert len({asset.id for asset in market.assets()}) == 3


def test_the_broker_lists_and_trades_names_as_of_today() -> None:
    """The new name is refused before the rename and bought after it; the old one the other way round."""
    market = made(rename("AAPL", EX, "FRUT"))
    sim = Simulator(market, seed=7, start=hours_of(FIRST).open + MINUTE, profile="paper100k")
    wanted = {"side": "buy", "type": "market", "time_in_force": "day", "qty": "1"}
    for moment, traded, refused in (
        (hours_of(FIRST).open + MINUTE, "AAPL", "FRUT"),
        (hours_of(EX).open + MINUTE, "FRUT", "AAPL"),
    ):
        while sim.now < moment:
            sim.advance(moment)
        assert sim.exchange.asset(traded).status == "active"
        assert sim.exchange.asset(refused).status == "inactive"
        assert sim.exchange.submit(wanted | {"symbol": traded}).symbol == traded
        with pytest.raises(BrokerError, match=refused):
            sim.exchange.submit(wanted | {"symbol": refused})


def test_a_delisted_tape_ends() -> None:
    """No bars, no quotes and no ticks from the ex-date on; the last trade stays."""
    market = made(delisting("SPY", EX))
    after = hours_of(EX)
    assert market.bars("SPY", after.open, after.close) == []
    assert market.quote("SPY", after.open + MINUTE) is None
    assert market.ticks("SPY", after.open, after.close) == []
    assert market.last_trade("SPY", after.close) is not None


def test_recorded_prices_stay_as_recorded() -> None:
    """A split of a recorded symbol is listed and changes no price; its rename moves the later bars."""
    starts = [int(datetime(2026, 11, day, 15, tzinfo=UTC).timestamp()) for day in (19, 20)]
    frame = {
        "start": np.array(starts),
        **{name: np.array([100.0, 25.0]) for name in ("open", "high", "low", "close")},
        "volume": np.array([100, 400]),
        "vwap": np.full(2, np.nan),
        "trade_count": np.full(2, -1),
    }
    actions = [split("ABC", EX, new=4), rename("ABC", EX, "XYZ")]
    market = RecordedMarket({"ABC": frame}, day=FIRST, days=2, actions=actions)
    span = (hours_of(FIRST).open, hours_of(EX).close)
    assert [bar.close for bar in market.bars("ABC", *span)] == [100]
    assert [bar.close for bar in market.bars("XYZ", *span)] == [25]
    assert [action.kind for action in market.corporate_actions(FIRST, EX)] == ["split", "rename"]


@pytest.mark.parametrize(
    ("actions", "complaint"),
    [
        ([split("NOPE", EX, new=2)], "split of NOPE on 2026-11-20: the market has no such symbol on that day"),
        ([split("AAPL", date(2026, 11, 21), new=2)], "the ex-date must be a trading day"),
        ([split("AAPL", EX, new=0)], "rates must be above 0"),
        ([split("AAPL", EX, new=2)] * 2, "is used twice"),
        ([cash_dividend("AAPL", EX, Decimal(0))], "cash must be above 0"),
        ([cash_dividend("AAPL", EX, Decimal(1000))], "exceeds its price"),
        ([rename("AAPL", EX, "SPY")], "SPY.* must be a symbol that is free"),
        ([delisting("AAPL", FIRST), split("AAPL", EX, new=2)], "no such symbol on that day"),
    ],
)
def test_impossible_actions_are_named(actions: list[CorporateAction], complaint: str) -> None:
    """One clear error that names the action."""
    with pytest.raises(ValueError, match=complaint):
        made(*actions)
