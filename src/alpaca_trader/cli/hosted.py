"""The broker for commands that speak to it themselves, without an engine."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
    from alpaca_trader.edge.last_words import censor
    from alpaca_trader.edge.redaction import Redactor

    check_environment(mode, os.environ)
    endpoints = Endpoints.live() if mode is Mode.LIVE else Endpoints.paper()
    credentials = load_credentials(os.environ)
    with ExitStack() as stack:
        stack.callback(censor(Redactor(credentials.key, credentials.secret)))
        broker = AlpacaClient(credentials, endpoints=endpoints, clock=clock, sleep=clock.sleep)
        stack.callback(broker.close)
        yield broker
