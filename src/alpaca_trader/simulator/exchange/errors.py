"""The one table of refusals: HTTP status, broker code, text (alpaca-contract 3.17).

Texts marked [ours] are not documented by anybody we could read; the rest follows the contract's catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """One kind of refusal; `text` is a format string."""

    status: int
    code: int
    text: str


REFUSALS: Mapping[str, Refusal] = {
    # The request itself
    "undecodable": Refusal(400, 40010000, "failed to decode request body"),
    "invalid_field": Refusal(422, 40010001, "invalid {field}"),
    "missing_field": Refusal(422, 40010001, "{field} is required"),
    "invalid_parameter": Refusal(422, 40010001, "invalid {field}: {value}"),
    "bad_request": Refusal(400, 40010000, "{text}"),
    "excludes": Refusal(422, 40010001, "{field} cannot be combined with {other}"),  # [ours]
    "no_quantity": Refusal(422, 40010001, "qty or notional is required"),
    "two_quantities": Refusal(422, 40010001, "only one of qty or notional is accepted"),
    "quantity_not_positive": Refusal(422, 40010001, "{field} must be > 0"),
    "too_many_decimals": Refusal(422, 40010001, "{field} must have at most 9 decimal places"),  # [ours]
    "notional_too_small": Refusal(422, 40010001, "notional must be >= 1.00"),
    "no_limit_price": Refusal(422, 40010001, "limit orders require a limit price"),
    "no_stop_price": Refusal(422, 40010001, "stop orders require a stop price"),
    "stop_limit_prices": Refusal(422, 40010001, "stop limit orders require both stop and limit price"),
    "market_with_price": Refusal(422, 40010001, "market orders require no stop or limit price"),
    "limit_with_stop": Refusal(422, 40010001, "limit orders require no stop price"),  # [ours]
    "stop_with_limit": Refusal(422, 40010001, "stop orders require no limit price"),  # [ours]
    "intent_mismatch": Refusal(422, 40010001, "position_intent {intent} does not fit side {side}"),  # [ours]
    "intent_of_position": Refusal(422, 40010001, "position_intent {intent} does not fit the position"),  # [ours]
    "duplicate_client_order_id": Refusal(422, 40010001, "client_order_id must be unique"),
    "duplicate_watchlist": Refusal(422, 40010001, "watchlist name must be unique"),  # [ours]
    # The asset and the kind of order
    "unknown_asset": Refusal(422, 42210000, 'asset "{symbol}" not found'),  # [ours]
    "asset_not_active": Refusal(422, 42210000, 'asset "{symbol}" is not active'),  # [ours]
    "asset_not_tradable": Refusal(422, 42210000, 'asset "{symbol}" is not tradable'),  # [ours]
    "sub_penny": Refusal(
        422,
        42210000,
        "invalid {field} {price}. sub-penny increment does not fulfill minimum pricing criteria",
    ),
    "not_fractionable": Refusal(403, 40310000, 'asset "{symbol}" is not fractionable'),
    "fractional_off": Refusal(403, 40310000, "fractional trading is disabled for this account"),  # [ours]
    "fractional_not_day": Refusal(422, 42210000, "fractional orders must be DAY orders"),
    "fractional_not_simple": Refusal(422, 42210000, "fractional orders must be simple orders"),
    "fractional_type": Refusal(422, 42210000, "fractional orders must be market, limit, stop, or stop_limit orders"),
    "fractional_extended": Refusal(
        422, 42210000, 'fractional orders of "{symbol}" are not accepted in extended hours'
    ),  # [ours]
    "fractional_market_only": Refusal(422, 42210000, "fractional orders must be market orders"),  # [ours]
    "notional_not_market": Refusal(422, 42210000, "notional orders must be market orders"),  # [ours]
    "fractional_short": Refusal(422, 42210000, "fractional orders cannot be sold short"),
    "tif_not_for_type": Refusal(422, 42210000, "time_in_force {tif} is not accepted for {type} orders"),  # [ours]
    "extended_hours_type": Refusal(422, 42210000, "extended hours order must be DAY or GTC limit orders"),
    "ioc_when_closed": Refusal(422, 42210000, "{tif} orders are only accepted during market hours"),  # [ours]
    "stop_not_below": Refusal(422, 42210000, "stop price must be less than current price"),
    "stop_not_above": Refusal(422, 42210000, "stop price must be greater than current price"),
    "trail_for_type": Refusal(422, 40010001, "{type} orders require no trail_price or trail_percent"),  # [ours]
    "trailing_with_price": Refusal(422, 40010001, "trailing stop orders require no stop or limit price"),  # [ours]
    "one_trail": Refusal(
        422, 40010001, "trailing stop orders must specify one of trail_price or trail_percent"
    ),  # [ours]
    "opg_when_closed": Refusal(422, 42210000, "opg orders are not accepted between 9:28am and 7:00pm ET"),  # [ours]
    "cls_when_closed": Refusal(422, 42210000, "cls orders are not accepted between 3:50pm and 7:00pm ET"),  # [ours]
    # Linked orders
    "no_options": Refusal(422, 40010001, "order_class mleg is not accepted for us_equity orders"),  # [ours]
    "exits_of_simple": Refusal(422, 40010001, "simple orders require no take_profit or stop_loss"),  # [ours]
    "class_needs": Refusal(422, 40010001, "{order_class} orders require {what}"),  # [ours]
    "oco_limit": Refusal(422, 40010001, "oco orders must be limit orders"),  # [ours]
    "trailing_simple": Refusal(422, 42210000, "trailing stop orders must be simple orders"),  # [ours]
    "bracket_entry": Refusal(403, 40310000, "bracket orders must be entry orders"),
    "oco_exit": Refusal(403, 40310000, "oco orders must be exit orders"),  # [ours]
    "profit_above_stop": Refusal(422, 42210000, "take_profit.limit_price must be > stop_loss.stop_price"),
    "profit_below_stop": Refusal(422, 42210000, "take_profit.limit_price must be < stop_loss.stop_price"),
    "stop_below_base": Refusal(422, 42210000, "stop_loss.stop_price must be <= base_price - 0.01"),
    "stop_above_base": Refusal(422, 42210000, "stop_loss.stop_price must be >= base_price + 0.01"),  # [ours]
    "profit_above_base": Refusal(422, 42210000, "take_profit.limit_price must be >= base_price + 0.01"),
    "profit_below_base": Refusal(422, 42210000, "take_profit.limit_price must be <= base_price - 0.01"),  # [ours]
    # The account and its other orders
    "account_blocked": Refusal(403, 40310000, "account is not authorized to trade"),
    "wash_trade": Refusal(403, 40310000, "potential wash trade detected. use complex orders"),
    "insufficient_qty": Refusal(
        403, 40310000, "insufficient qty available for order (requested: {requested}, available: {available})"
    ),
    "no_shorting": Refusal(403, 40310000, "account is not allowed to short"),
    "fractional_cover": Refusal(422, 42210000, "fractional orders cannot cover a short position"),  # [ours]
    "asset_not_shortable": Refusal(422, 42210000, 'asset "{symbol}" cannot be sold short'),
    "hard_to_borrow": Refusal(422, 42210000, "only day orders allowed for hard-to-borrow asset"),
    "long_while_short": Refusal(403, 40310000, "cannot open a long buy while a short sell order is open"),
    "short_while_long": Refusal(403, 40310000, "cannot open a short sell while a long buy order is open"),
    "liquidation_only": Refusal(403, 40310000, "account is restricted to liquidation only"),
    "day_trading": Refusal(403, 40310100, "trade denied due to pattern day trading protection"),
    "not_withdrawable": Refusal(422, 40010001, "amount exceeds withdrawable cash"),  # [ours]
    "no_short_to_close": Refusal(403, 40310000, "no short position to close"),  # [ours]
    "open_closing_orders": Refusal(
        422,
        42210000,
        "unable to open new notional orders while having open closing position orders",
    ),
    "insufficient_buying_power": Refusal(403, 40310000, "insufficient buying power"),
    # Replace and cancel
    "cannot_replace": Refusal(422, 42210000, "cannot replace order in {status} status"),
    "already_replaced": Refusal(422, 42210000, "order already replaced"),
    "chain_open": Refusal(422, 42210000, "order chain not fully replaced"),
    "nothing_changed": Refusal(422, 42210000, "order parameters are not changed"),
    "qty_below_filled": Refusal(422, 42210000, "qty must be > filled_qty"),
    "notional_replace": Refusal(422, 42210000, "notional orders cannot be replaced"),  # [ours]
    "oto_replace": Refusal(422, 42210000, "oto orders cannot be replaced"),  # [ours]
    "linked_replace": Refusal(
        422, 42210000, "only limit_price and stop_price of linked orders can be replaced"
    ),  # [ours]
    "trail_not_for_type": Refusal(422, 42210000, "trail is only valid for trailing stop orders"),  # [ours]
    "whole_replace": Refusal(422, 42210000, "qty of a replaced order must be whole shares"),  # [ours]
    "fractional_replace": Refusal(422, 42210000, "qty of fractional orders cannot be replaced"),  # [ours]
    "cancel_pending": Refusal(422, 42210000, "order pending cancel"),
    "replace_pending": Refusal(422, 42210000, "order pending replace"),  # [ours]
    "already_closed": Refusal(422, 42210000, 'order is already in "{status}" state'),
    # Not found
    "no_order": Refusal(404, 40410000, "order not found for {id}"),
    "no_position": Refusal(404, 40410000, "position does not exist"),
    "no_asset": Refusal(404, 40410000, "asset not found for {symbol}"),
    "no_option_contract": Refusal(404, 40410000, "option contract {symbol} not found"),
    "no_announcement": Refusal(404, 40410000, "corporate action announcement not found for {id}"),  # [ours]
    "no_option_position": Refusal(403, 40310000, "no available position for the specified contract"),
    "invalid_symbol": Refusal(422, 42210000, "invalid symbol"),
    "no_watchlist": Refusal(404, 40410000, "watchlist not found for {what}"),  # [ours]
    "no_endpoint": Refusal(404, 40410000, "endpoint not found."),
    # The door
    "no_method": Refusal(405, 40510000, "method not allowed"),  # [ours]
    "wrong_key": Refusal(401, 40110000, "request is not authorized"),
    "too_large": Refusal(413, 41310000, "request body must not exceed {most} bytes"),  # [ours]
    "too_many_requests": Refusal(429, 42910000, "rate limit exceeded"),
    "gateway_timeout": Refusal(504, 50010000, "upstream request timed out"),  # [ours]
    "internal": Refusal(500, 50010000, "internal server error occurred"),
}


class BrokerError(Exception):
    """A refusal as the broker words it. `kind` is the key in REFUSALS; `extra` holds further fields of the body."""

    def __init__(self, kind: str, *, extra: Mapping[str, object] | None = None, **values: object) -> None:
        refusal = REFUSALS[kind]
        self.kind = kind
        self.status = refusal.status
        self.code = refusal.code
        self.text = refusal.text.format(**values)
        self.extra = dict(extra or {})
        super().__init__(f"{self.status} {self.code} {self.text}")

    def body(self) -> dict[str, object]:
        """The JSON error envelope."""
        return {"code": self.code, "message": self.text, **self.extra}
