"""Regulatory fees to the digit: dated rates, rounded up per kind and day, spread over the day's sales."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpaca_trader.core.fees import FeeAccrual, allocate, rates_on
from tests.core.builders import DAY, D

QTY = D("0.251752021")


def round_trip(fees: FeeAccrual, day: date = DAY) -> Decimal:
    """One AAPL round trip of the specification; what it accrued."""
    return fees.add(day, "buy", QTY, D("185.50")) + fees.add(day, "sell", QTY, D("188.10"))


def test_one_round_trip_accrues_three_kinds() -> None:
    """SEC 0.00097550, TAF 0.00004909, CAT 0.00000151 cost 0.01 + 0.01 + 0.01 (domain 7.3)."""
    fees = FeeAccrual()
    accrued = round_trip(fees)
    eight = D("0.00000001")
    kinds = [kind.quantize(eight) for kind in (fees.sec, fees.taf, fees.cat)]
    assert kinds == [D("0.00097550"), D("0.00004909"), D("0.00000151")]
    assert accrued == fees.sec + fees.taf + fees.cat
    assert fees.charged() == D("0.03")


def test_five_round_trips_on_one_day_still_cost_three_cents() -> None:
    """Each kind is rounded up on the day's total, not per trade (domain 7.3)."""
    fees = FeeAccrual()
    for _ in range(5):
        round_trip(fees)
    assert fees.charged() == D("0.03")


def test_a_day_without_trades_costs_nothing() -> None:
    """Rounding up begins above zero."""
    assert FeeAccrual().charged() == 0


def test_buying_costs_only_the_audit_trail() -> None:
    """SEC and TAF are charged on sales alone."""
    fees = FeeAccrual()
    fees.add(DAY, "buy", D(1000), D(100))
    assert (fees.sec, fees.taf, fees.cat) == (D(0), D(0), D("0.003"))


@pytest.mark.parametrize(
    ("day", "sec"),
    [(date(2025, 6, 2), "0"), (date(2026, 4, 3), "0"), (date(2026, 4, 4), "20.60"), (date(2026, 11, 20), "20.60")],
)
def test_the_sec_rate_is_dated(day: date, sec: str) -> None:
    """$20.60 per million sold from 2026-04-04, nothing before."""
    fees = FeeAccrual()
    fees.add(day, "sell", D(10_000), D(100))
    assert fees.sec == D(sec) == rates_on(day).sec_per_usd_sold * 1_000_000


@pytest.mark.parametrize(("shares", "taf"), [(10_000, "1.95"), (50_205, "9.789975"), (50_206, "9.79"), (10**6, "9.79")])
def test_the_taf_is_capped_per_sale(shares: int, taf: str) -> None:
    """$0.000195 a share sold, at most $9.79."""
    fees = FeeAccrual()
    fees.add(DAY, "sell", D(shares), D(1))
    assert fees.taf == D(taf)


@pytest.mark.parametrize(
    ("sold", "parts"),
    [
        (["46.70"], ["0.03"]),
        (["46.70", "46.70", "46.70"], ["0.01", "0.01", "0.01"]),
        (["10", "20"], ["0.01", "0.02"]),
        (["1", "1", "1", "1"], ["0.0075"] * 4),
        (["0", "0"], ["0", "0"]),
        ([], []),
    ],
)
def test_a_days_fees_are_spread_by_sale_notional(sold: list[str], parts: list[str]) -> None:
    """Three cents over the day's trades pro rata."""
    assert allocate(D("0.03"), [D(part) for part in sold]) == [D(part) for part in parts]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 10**9), max_size=12))
def test_the_parts_add_up_to_the_whole(cents: int, sold: list[int]) -> None:
    """No cent is lost or made up by the rounding."""
    total, notional = cents * D("0.01"), [amount * D("0.0001") for amount in sold]
    assert sum(allocate(total, notional), D(0)) == (total if any(sold) else 0)
