"""The broker for commands that speak to it themselves, without an engine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alpaca_trader.core.models import Mode
    from alpaca_trader.edge.alpaca_client import AlpacaClient
    from alpaca_trader.edge.clock import SystemClock


@contextmanager
def hosted_broker(mode: "Mode", clock: "SystemClock") -> "Iterator[AlpacaClient]":
    """Alpaca, paper or live, with the keys of this process's environment. Raises BadInput, Retryable as they do."""
    from alpaca_trader.core.models import Mode
    from alpaca_trader.edge.alpaca_client import AlpacaClient
    from alpaca_trader.edge.credentials import load_credentials
    from alpaca_trader.edge.endpoints import Endpoints, check_environment

    check_environment(mode, os.environ)
    endpoints = Endpoints.live() if mode is Mode.LIVE else Endpoints.paper()
    broker = AlpacaClient(load_credentials(os.environ), endpoints=endpoints, clock=clock, sleep=clock.sleep)
    try:
        yield broker
    finally:
        broker.close()
