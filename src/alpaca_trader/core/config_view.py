"""Settings explained: what changed and whether it is riskier, what the limits are in dollars, what deserves a warning."""

from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, NamedTuple

from alpaca_trader.core.config import (
    MomentumParams,
    RiskConfig,
    StrategyConfig,
    StrategySettings,
)
from alpaca_trader.core.models import Scalar, dec
from alpaca_trader.core.settings import StrictModel, number, trait

Risk = Literal["tighter", "riskier", "behaviour"]
CENT = Decimal("0.01")


class Change(NamedTuple):
    """One setting that differs: its path, both values (None: not there), and what it does to risk."""

    path: str
    before: Scalar | tuple[str, ...]
    after: Scalar | tuple[str, ...]
    risk: Risk


class Limit(NamedTuple):
    """A limit in this account's dollars, rounded to the cent."""

    setting: str
    percent: str
    dollars: Decimal
    explanation: str


class ConfigWarning(NamedTuple):
    """Something in the settings that is allowed and probably not meant."""

    code: str
    path: str
    text: str


def diff(old: StrategyConfig, new: StrategyConfig) -> tuple[Change, ...]:
    """Every setting that differs between two revisions, in the order of the model, with its risk direction."""
    changes = [*_fields("risk", old.risk, new.risk)]
    for name in dict.fromkeys([*old.strategies, *new.strategies]):
        changes += _strategy(f"strategies.{name}", old.strategies.get(name), new.strategies.get(name))
    if not changes and list(old.strategies) != list(new.strategies):
        changes.append(Change("strategies", tuple(old.strategies), tuple(new.strategies), "behaviour"))
    return tuple(changes)


def _strategy(path: str, old: StrategySettings | None, new: StrategySettings | None) -> Iterator[Change]:
    if old is None or new is None:
        before, after = _state(old), _state(new)
        risk: Risk = "riskier" if after == "enabled" else "tighter" if before == "enabled" else "behaviour"
        yield Change(path, before, after, risk)
        return
    if old.class_path != new.class_path:
        yield Change(f"{path}.class", old.class_path, new.class_path, "riskier")
    if old.enabled != new.enabled:
        yield Change(f"{path}.enabled", old.enabled, new.enabled, "riskier" if new.enabled else "tighter")
    if old.watchlist != new.watchlist:
        added, removed = set(new.watchlist) - set(old.watchlist), set(old.watchlist) - set(new.watchlist)
        risk = "riskier" if added else "tighter" if removed else "behaviour"
        yield Change(f"{path}.watchlist", old.watchlist, new.watchlist, risk)
    yield from _fields(f"{path}.params", old.params, new.params)


def _state(settings: StrategySettings | None) -> str | None:
    return None if settings is None else "enabled" if settings.enabled else "disabled"


def _fields(path: str, old: StrictModel, new: StrictModel) -> Iterator[Change]:
    before, after = old.model_dump(), new.model_dump()
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name) or type(before.get(name)) is not type(after.get(name)):
            risk = _direction(new, name, before.get(name), after.get(name))
            yield Change(f"{path}.{name}", before.get(name), after.get(name), risk)


def _direction(model: StrictModel, name: str, before: Scalar, after: Scalar) -> Risk:
    field = type(model).model_fields.get(name)
    if field is None:  # a plug-in's own parameter: what it does only the plug-in knows
        return "behaviour"
    riskiest = trait(field, "riskiest")
    if riskiest is not None:
        return "riskier" if after == riskiest else "tighter"
    direction = trait(field, "risk")
    if direction == "behaviour":
        return "behaviour"
    rise = _height(after) - _height(before)
    return "riskier" if (rise > 0) == (direction == "up") else "tighter"


def _height(value: Scalar) -> Decimal:
    """A value as a number to compare; null, which switches a limit off, is above them all."""
    assert not isinstance(value, str)
    return Decimal(10**9) if value is None else dec(float(value))


def in_dollars(config: StrategyConfig, equity: Decimal) -> tuple[Limit, ...]:
    """The risk limits in dollars of an account with ``equity`` USD, one row each, the worst case last."""
    return tuple(
        Limit(setting, percent, (equity * share).quantize(CENT, ROUND_HALF_UP), explanation)
        for setting, percent, share, explanation in _shares(config.risk)
    )


def _shares(risk: RiskConfig) -> Iterator[tuple[str, str, Decimal, str]]:
    """Each limit as a share of equity, exact."""
    size, stop, daily = dec(risk.max_position_pct), dec(risk.stop_loss_pct), dec(risk.max_daily_loss_pct)
    yield "max_position_pct", _percent(size), size, "largest position"
    if risk.risk_per_trade_pct is not None:
        per_trade = dec(risk.risk_per_trade_pct)
        size = min(size, per_trade / stop)
        yield "risk_per_trade_pct", _percent(per_trade), size, "position at which a stop-out loses this share of equity"
    yield "max_positions", f"{risk.max_positions} x", size * risk.max_positions, "all positions together"
    yield "stop_loss_pct", _percent(stop), size * stop, "loss when one full position is stopped out"
    yield "take_profit_pct", _percent(dec(risk.take_profit_pct)), size * dec(risk.take_profit_pct), "gain at the target"
    yield "max_daily_loss_pct", _percent(daily), daily, "loss of a day that halts entries"
    if risk.flatten_multiple is not None:
        multiple = dec(risk.flatten_multiple)
        yield "flatten_multiple", f"{number(multiple)} x", daily * multiple, "loss of a day that closes everything"
    drawdown = dec(risk.max_drawdown_pct)
    yield "max_drawdown_pct", _percent(drawdown), drawdown, "fall from the peak that halts until a human resumes"
    worst = size * stop * risk.max_positions
    outs = daily / (size * stop)
    explanation = (
        f"loss when all positions are stopped out; {outs:.1f} stop-outs reach the daily limit; a gap loses more"
    )
    yield "worst case", f"{risk.max_positions} x {_percent(stop)}", worst, explanation


def _percent(share: Decimal) -> str:
    return f"{number(share * 100)} %"


def warnings(config: StrategyConfig, prices: Mapping[str, float]) -> tuple[ConfigWarning, ...]:
    """Watched symbols that an enabled strategy's price band leaves out at ``prices`` (USD, last known, by symbol).

    Symbols without a known price are left out of the answer.
    """
    found = []
    for name, settings in config.strategies.items():
        params = settings.params
        if not settings.enabled or not isinstance(params, MomentumParams):
            continue
        for symbol in settings.watchlist:
            price = prices.get(symbol)
            if price is not None and not params.min_price <= price <= params.max_price:
                band = f"min_price {number(params.min_price)} to max_price {number(params.max_price)}"
                text = f"{symbol} at {price:.2f} is outside {band}: {name} never enters it"
                found.append(ConfigWarning("W_WATCHLIST_FILTERED", f"strategies.{name}.watchlist", text))
    return tuple(found)
