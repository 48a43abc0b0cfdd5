"""Which test shows what each fault does: a fault without a proof fails here, and so does a proof that is no test."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Final

import pytest

from alpaca_trader.simulator.faults.catalogue import CATALOGUE
from tests.simulator.faults.test_with_and_without import CASES

_HTTP: Final = "faults.test_http_faults"
_STREAM: Final = "faults.test_stream_faults"
_TCP: Final = "faults.test_tcp_faults"
_EXCHANGE: Final = "faults.test_exchange_faults"
_MARKET: Final = "faults.test_market_faults"
_BARS: Final = "faults.test_bar_faults"
_LOST: Final = (_HTTP, "test_a_lost_answer_says_nothing_about_the_order")
_REFUSED: Final = (_HTTP, "test_a_refusal_reaches_the_client_and_nothing_reaches_the_broker")
_MESSAGES: Final = (_STREAM, "test_trade_updates_are_lost_doubled_swapped_and_late")
_ORDERS: Final = (_EXCHANGE, "test_what_becomes_of_a_market_order")
_ENDS: Final = (_EXCHANGE, "test_a_working_order_ends_by_itself")
_CANCEL: Final = (_EXCHANGE, "test_a_cancel_is_ignored_or_loses")
_REPLACE: Final = (_EXCHANGE, "test_a_replacement_loses_or_is_answered_wrong")
_TOLD: Final = (_BARS, "test_bars_are_missing_stale_late_and_revised")
_WRONG: Final = (_BARS, "test_bars_say_what_is_not_so")

PROOFS: Final[Mapping[str, tuple[str, str]]] = {
    "http.drop": _LOST,
    "http.accept_then": _LOST,
    "http.delay_apply": _LOST,
    "http.429": _REFUSED,
    "http.5xx": _REFUSED,
    "http.401": _REFUSED,
    "http.truncate": (_HTTP, "test_a_truncated_answer_is_no_json"),
    "http.mutate_json": (_HTTP, "test_an_answer_may_say_what_no_client_knows"),
    "http.slow": (_HTTP, "test_a_slow_answer_outlasts_the_client_but_not_the_broker"),
    "http.stale_read": (_HTTP, "test_a_stale_read_shows_the_account_of_a_moment_ago"),
    "ws.drop": _MESSAGES,
    "ws.dup": _MESSAGES,
    "ws.reorder": _MESSAGES,
    "ws.delay": _MESSAGES,
    "ws.mute": (_STREAM, "test_a_mute_connection_never_greets"),
    "ws.close": (_STREAM, "test_a_connection_is_closed_in_the_middle"),
    "ws.refuse": (_STREAM, "test_a_handshake_is_refused"),
    "ws.406": (_STREAM, "test_the_connection_limit_holds_until_it_is_over"),
    "tcp.blackhole": (_TCP, "test_a_black_connection_stays_open_and_says_nothing"),
    "tcp.rst": (_TCP, "test_a_connection_is_reset"),
    "tcp.slice": (_TCP, "test_an_answer_comes_in_slices"),
    "tcp.half_close": (_TCP, "test_the_servers_side_is_closed"),
    "fill.partial": _ORDERS,
    "fill.before_ack": _ORDERS,
    "fill.late": (_EXCHANGE, "test_an_order_reaches_the_market_late"),
    "cancel.ignored": _CANCEL,
    "cancel.loses_race": _CANCEL,
    "replace.loses_race": _REPLACE,
    "replace.error_but_applied": _REPLACE,
    "order.stuck": _ORDERS,
    "order.reject_later": _ENDS,
    "order.expire_early": _ENDS,
    "market.overnight_gap": (_MARKET, "test_an_overnight_gap_shows_at_the_next_open"),
    "bars.stale": _TOLD,
    "bars.missing": _TOLD,
    "bars.late": _TOLD,
    "bars.revise": _TOLD,
    "bars.spike": _WRONG,
    "bars.mutate": _WRONG,
    "bars.zero_volume": _WRONG,
    **dict.fromkeys(
        (case.name for case in CASES),
        ("faults.test_with_and_without", "test_nothing_happens_without_the_fault_and_it_does_with_it"),
    ),
}
"""By fault: the module under `tests.simulator`, and the test at the wire."""
ORDERABLE: Final = {name for name, kind in CATALOGUE.items() if kind.kind != "client"}


def test_every_fault_has_a_proof() -> None:
    """The table is the catalogue."""
    assert set(PROOFS) == ORDERABLE


@pytest.mark.parametrize("name", sorted(ORDERABLE))
def test_a_proof_is_a_test_that_names_its_fault(name: str) -> None:
    """It exists, and its fault stands in it, or in the module where it is run from a table."""
    module_name, test = PROOFS[name]
    module = import_module(f"tests.simulator.{module_name}")
    source = inspect.getsource(getattr(module, test))
    assert f'"{name}"' in (inspect.getsource(module) if "parametrize" in source else source)
