"""Performance figures equal the references, and what is undefined is None."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alpaca_trader.research import metrics

PERIODS = {"daily": 252, "weekly": 52, "monthly": 12}
ANNUAL: dict[str, Callable[..., Any]] = {
    "sharpe": metrics.sharpe,
    "sortino": metrics.sortino,
    "annual_return": metrics.annual_return,
    "annual_volatility": metrics.annual_volatility,
    "calmar": metrics.calmar,
    "downside_risk": metrics.downside_risk,
}
PLAIN: dict[str, Callable[..., Any]] = {"cum_returns": metrics.cumulative, "max_drawdown": metrics.max_drawdown}
DAYS = [0.004, -0.002, 0.001, -0.006, 0.005, 0.0, 0.003, -0.001, 0.002, -0.004]


def test_the_references_are_met(shared: Path) -> None:
    """Every vector of the reference file, to its own tolerance."""
    vectors = json.loads((shared / "data" / "oracles" / "metrics_vectors.json").read_text())["vectors"]
    assert vectors
    for vector in vectors:
        name = vector["metric"]
        if name in PLAIN:
            found = PLAIN[name](vector["returns"])
        else:
            found = ANNUAL[name](vector["returns"], PERIODS[vector.get("period", "daily")])
        assert found == pytest.approx(vector["expected"], abs=vector["abs_tol"]), vector


def test_the_specifications_example() -> None:
    """The worked numbers of the specification on ten days."""
    assert metrics.sharpe(DAYS) == pytest.approx(0.9016, abs=5e-5)
    assert metrics.sortino(DAYS) == pytest.approx(1.3298, abs=5e-5)
    assert metrics.max_drawdown(DAYS) == pytest.approx(-0.006996, abs=5e-7)
    assert metrics.cumulative(DAYS)[-1] == pytest.approx(0.001946, abs=5e-7)


@pytest.mark.parametrize(("count", "half"), [(60, 4.05), (250, 1.97), (750, 1.14)])
def test_the_interval_is_as_wide_as_it_is(count: int, half: float) -> None:
    """Sixty days say next to nothing."""
    interval = metrics.sharpe_interval([0.001, -0.001] * (count // 2))
    assert interval is not None
    assert (interval[1] - interval[0]) / 2 == pytest.approx(half, abs=0.01)


@pytest.mark.parametrize("returns", [[], [None], [0.01], [0.0, 0.0]])
def test_what_is_undefined_is_none(returns: list[float | None]) -> None:
    """Never 0, never infinite."""
    assert metrics.sharpe(returns) is None
    assert metrics.sharpe_interval(returns) is None
    assert metrics.sortino(returns) is None
    assert metrics.calmar(returns) is None
