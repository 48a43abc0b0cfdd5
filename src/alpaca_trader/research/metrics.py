"""Performance figures of a series of periodic returns (domain 8). Fractions, not percent; undefined is None.

``returns`` may begin with None where the first period has no return; such entries are left out of every mean.
``periods`` is how many periods make a year: 252 sessions, 52 weeks, 12 months.
"""

from collections.abc import Sequence
from itertools import accumulate
from math import prod, sqrt
from statistics import fmean, stdev

Returns = Sequence[float | None]
DAILY = 252


def known(returns: Returns) -> list[float]:
    """The returns that are there."""
    return [each for each in returns if each is not None]


def cumulative(returns: Returns) -> list[float]:
    """Growth since the start after each period; a missing return changes nothing."""
    return [growth - 1 for growth in accumulate((1 + (each or 0.0) for each in returns), lambda a, b: a * b)]


def max_drawdown(returns: Returns) -> float:
    """The deepest fall from a peak, start included: 0 or negative."""
    peak, deepest = 1.0, 0.0
    for growth in cumulative(returns):
        peak = max(peak, 1 + growth)
        deepest = min(deepest, (1 + growth) / peak - 1)
    return deepest


def sharpe(returns: Returns, periods: int = DAILY) -> float | None:
    """Mean over standard deviation (ddof 1), annualised; the risk-free rate is 0."""
    there = known(returns)
    spread = stdev(there) if len(there) > 1 else 0.0
    return fmean(there) / spread * sqrt(periods) if spread > 0 else None


def sharpe_interval(returns: Returns, periods: int = DAILY) -> tuple[float, float] | None:
    """The 95 % interval of the annual Sharpe ratio: SR +- 1.96 * sqrt((1 + SR_p^2 / 2) * periods / (T - 1))."""
    annual, count = sharpe(returns, periods), len(known(returns))
    if annual is None:
        return None
    half = 1.96 * sqrt((1 + annual**2 / periods / 2) * periods / (count - 1))
    return annual - half, annual + half


def downside_risk(returns: Returns, periods: int = DAILY) -> float | None:
    """Root mean square of the losing returns over all periods, annualised."""
    there = known(returns)
    return sqrt(fmean([min(each, 0.0) ** 2 for each in there])) * sqrt(periods) if there else None


def sortino(returns: Returns, periods: int = DAILY) -> float | None:
    """Annual mean over downside risk; None without a losing period."""
    risk = downside_risk(returns, periods)
    return fmean(known(returns)) * periods / risk if risk else None


def annual_return(returns: Returns, periods: int = DAILY) -> float | None:
    """Compound growth a year; missing periods count as time."""
    if not returns:
        return None
    return prod(1 + each for each in known(returns)) ** (periods / len(returns)) - 1


def annual_volatility(returns: Returns, periods: int = DAILY) -> float | None:
    """Standard deviation (ddof 1), annualised."""
    there = known(returns)
    return stdev(there) * sqrt(periods) if len(there) > 1 else None


def calmar(returns: Returns, periods: int = DAILY) -> float | None:
    """Annual return over the deepest fall; None where there was none."""
    fall, growth = max_drawdown(returns), annual_return(returns, periods)
    return growth / -fall if fall < 0 and growth is not None else None
