"""A long list of assets: plausible, unique, repeatable, and with every property that trips a client up."""

from collections import Counter
from collections.abc import Callable
from datetime import date

import pytest

from alpaca_trader.simulator.market.generator import GeneratedMarket
from alpaca_trader.simulator.market.model import AssetInfo
from alpaca_trader.simulator.market.symbols import asset_info, known_symbols
from alpaca_trader.simulator.market.universe import universe

DAY = date(2026, 11, 20)
EXCHANGES = {"AMEX", "ARCA", "BATS", "NASDAQ", "NYSE", "OTC"}
ATTRIBUTES = {"fractional_eh_enabled", "has_options", "overnight_tradable", "ptp_no_exception"}
ASSETS = universe(11_000)


def test_there_are_as_many_as_asked_for_each_once() -> None:
    """Sorted, unique in symbol and id, the known names among them as they are, the same in every call."""
    symbols = [asset.symbol for asset in ASSETS]
    assert len(symbols) == 11_000
    assert symbols == sorted(set(symbols))
    assert len({asset.id for asset in ASSETS}) == 11_000
    assert [asset for asset in ASSETS if asset.symbol in known_symbols()] == list(map(asset_info, known_symbols()))
    assert universe(500) == universe(500)
    assert universe(500, seed=1) != universe(500)
    assert [asset.symbol for asset in universe(3)] == known_symbols()[:3]


@pytest.mark.parametrize(
    ("share", "low", "high"),
    [
        (lambda a: a.status == "inactive", 0.02, 0.08),
        (lambda a: a.exchange == "OTC", 0.03, 0.12),
        (lambda a: not a.tradable, 0.05, 0.2),
        (lambda a: not a.fractionable, 0.1, 0.4),
        (lambda a: not a.marginable, 0.05, 0.25),
        (lambda a: not a.shortable, 0.1, 0.4),
        (lambda a: a.shortable and not a.easy_to_borrow, 0.03, 0.2),
        (lambda a: a.maintenance_margin_pct in (50, 75), 0.005, 0.05),
        (lambda a: "has_options" in a.attributes, 0.2, 0.6),
        (lambda a: "fractional_eh_enabled" in a.attributes, 0.3, 0.8),
    ],
)
def test_every_kind_of_asset_occurs(share: Callable[[AssetInfo], bool], low: float, high: float) -> None:
    """Each property has its share, neither absent nor usual."""
    assert low < sum(map(share, ASSETS)) / len(ASSETS) < high


def test_properties_do_not_contradict_each_other() -> None:
    """What cannot be traded is neither, what is not marginable cannot be sold short, words are the broker's."""
    assert set(Counter(asset.exchange for asset in ASSETS)) == EXCHANGES
    for asset in ASSETS:
        assert asset.symbol.isalpha()
        assert 2 <= len(asset.symbol) <= 5
        assert asset.shortable <= asset.marginable
        assert asset.easy_to_borrow <= asset.shortable
        assert (asset.exchange == "OTC") <= (not asset.tradable and not asset.fractionable)
        assert set(asset.attributes) <= {*ATTRIBUTES, "options_late_close"}
        assert ("fractional_eh_enabled" in asset.attributes) <= asset.fractionable


def test_a_market_trades_the_active_ones_and_lists_all() -> None:
    """Inactive names are assets without a tape; a listed record stands in place of the made-up one."""
    listed = universe(60, seed=3)
    traded = [asset.symbol for asset in listed if asset.tradable]
    market = GeneratedMarket(7, traded, DAY, history_days=0, listed=listed)
    assert market.assets() == listed
    assert market.symbols == traded
    hours = market.session(DAY)
    assert hours is not None
    silent = next(asset.symbol for asset in listed if asset.status == "inactive")
    assert market.bars(silent, hours.open, hours.close) == []
    assert market.auction(silent, DAY, "open") is None


@pytest.mark.parametrize("count", [0, 20_001])
def test_impossible_counts_are_named(count: int) -> None:
    """One clear error with what is possible."""
    with pytest.raises(ValueError, match=f"count {count} must be 1 to 20000"):
        universe(count)
