"""The account configuration a client may read and change (alpaca-contract 2.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.wire import parse_bool

_CHOICES: Mapping[str, frozenset[str]] = {
    "max_margin_multiplier": frozenset({"1", "2", "4"}),
    "trade_confirm_email": frozenset({"all", "none"}),
}
_MAX_OPTIONS_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Configuration:
    """Field names and values as on the wire."""

    fractional_trading: bool = True
    max_margin_multiplier: str = "4"
    no_shorting: bool = False
    suspend_trade: bool = False
    trade_confirm_email: str = "all"
    ptp_no_exception_entry: bool = False
    disable_overnight_trading: bool = False
    max_options_trading_level: int | None = None

    def changed(self, values: Mapping[str, object]) -> Configuration:
        """This configuration with some fields changed; raises BrokerError 422 for a value of the wrong kind.

        Unknown fields are ignored, as the broker does with fields it has retired.
        """
        known = {item.name for item in fields(self)}
        accepted = {name: _accepted(name, value) for name, value in values.items() if name in known}
        return replace(self, **accepted)  # type: ignore[arg-type]  # each value was checked by its field's name


def _accepted(name: str, value: object) -> object:
    if name in _CHOICES:
        text = str(value)
        if text not in _CHOICES[name]:
            raise BrokerError("invalid_field", field=name)
        return text
    if name == "max_options_trading_level":
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_OPTIONS_LEVEL:
            raise BrokerError("invalid_field", field=name)
        return value
    flag = parse_bool(value)
    if flag is None:
        raise BrokerError("invalid_field", field=name)
    return flag
