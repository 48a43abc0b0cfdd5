"""One request to one of the broker's hosts through the SDK: when it leaves, and what its outcome means.

Every outcome of the SDK's call becomes a value first and an error of ours afterwards: the SDK's exceptions carry the
whole request, and none of them may be chained to what is logged. The SDK's own resending of a POST after 429 and 504 is
switched off; after a lost reply it would send an order up to three times more (safety section 2).
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from alpaca.common.exceptions import APIError
from alpaca.common.rest import RESTClient

from alpaca_trader.core.errors import OutcomeUnknown
from alpaca_trader.core.models import Mode
from alpaca_trader.core.ports import Clock
from alpaca_trader.edge.broker_errors import (
    Answer,
    Transient,
    Write,
    auth_refused,
    is_auth,
    is_missing,
    read_failure,
    tame,
    write_failure,
)
from alpaca_trader.edge.http_policy import Gate, Priority, Sleep, read_again

Query = Mapping[str, Any]


class Reply(NamedTuple):
    """A success: the JSON, or None where the body was empty."""

    body: Any


class NoAnswer(NamedTuple):
    """Nothing usable came back: the connection failed, nothing came in time, or it was no JSON."""

    problem: str


class AlpacaHost:
    """An SDK client under our rules: reads may be tried again, writes are said once. One thread uses it."""

    def __init__(self, client: RESTClient, mode: Mode, gate: Gate, clock: Clock, sleep: Sleep | None) -> None:
        client._retry = 0  # the SDK's constructor takes 0 for "not given"
        self._client = client
        self._mode = mode
        self._gate = gate
        self._clock = clock
        self._sleep = sleep
        self.exchanges = 0
        """Requests that have come to an end, by whatever outcome; only grows."""

    def close(self) -> None:
        """Close the connections."""
        self._client._session.close()

    def read(self, path: str, query: Query | None = None) -> Any:
        """The JSON at ``path``; raises ``Retryable`` or ``AuthRefused``."""
        return self._get(path, query, Priority.READ, is_result=lambda answer: False)

    def find(self, path: str, query: Query | None = None, priority: Priority = Priority.READ) -> Any:
        """As ``read``, and None where the broker itself says that there is no such thing."""
        return self._get(path, query, priority, is_result=is_missing)

    def post(self, path: str, body: Mapping[str, str], priority: Priority) -> Any:
        """Submit, once; the JSON of the reply. Raises ``OrderRefused``, ``OutcomeUnknown`` or ``AuthRefused``."""
        return self._write("submit", priority, lambda: self._client.post(path, dict(body)))

    def patch(self, path: str, body: Mapping[str, str], priority: Priority) -> Any:
        """Replace, once; as ``post``."""
        return self._write("replace", priority, lambda: self._client.patch(path, dict(body)))

    def delete(self, path: str) -> Any:
        """Cancel, once; as ``post``. Never held back by the budget."""
        return self._write("cancel", Priority.PROTECT, lambda: self._client.delete(path))

    def _get(self, path: str, query: Query | None, priority: Priority, is_result: Callable[[Answer], bool]) -> Any:
        def attempt() -> Any:
            self._gate.admit(priority)
            outcome = self._exchange(lambda: self._client.get(path, dict(query) if query else None))
            if isinstance(outcome, Answer):
                if is_result(outcome):
                    return None
                raise auth_refused(outcome, self._mode) if is_auth(outcome) else read_failure(outcome, path)
            if isinstance(outcome, NoAnswer) or outcome.body is None:
                raise Transient(f"{path}: {outcome.problem if isinstance(outcome, NoAnswer) else 'an empty answer'}")
            return outcome.body

        return read_again(attempt, path, self._clock, self._sleep)

    def _write(self, verb: Write, priority: Priority, call: Callable[[], Any]) -> Any:
        self._gate.admit(priority)
        outcome = self._exchange(call)
        if isinstance(outcome, Reply):
            return outcome.body
        if isinstance(outcome, NoAnswer):
            raise OutcomeUnknown(f"{verb}: {outcome.problem}")
        raise auth_refused(outcome, self._mode) if is_auth(outcome) else write_failure(outcome, verb)

    def _exchange(self, call: Callable[[], Any]) -> Reply | Answer | NoAnswer:
        outcome = _outcome_of(call)
        self.exchanges += 1
        self._tell_gate(outcome)
        return outcome

    def _tell_gate(self, outcome: Reply | Answer | NoAnswer) -> None:
        if isinstance(outcome, NoAnswer) or (isinstance(outcome, Answer) and outcome.status >= 500):
            self._gate.failed()
        elif isinstance(outcome, Answer) and outcome.status == 429:
            self._gate.limited(outcome.retry_after)
        elif isinstance(outcome, Answer) and is_auth(outcome):
            self._gate.refused_auth(auth_refused(outcome, self._mode))
        else:
            self._gate.succeeded()


def _outcome_of(call: Callable[[], Any]) -> Reply | Answer | NoAnswer:
    """Make the SDK's call; its exceptions end here."""
    try:
        return Reply(call())
    except APIError as error:
        response = error.response
        headers = response.headers if response is not None else {}
        request_id, retry_after = (tame(headers.get(name, ""), 64) for name in ("X-Request-ID", "Retry-After"))
        return Answer(error.status_code or 0, str(error.args[0]), request_id, retry_after)
    except (OSError, ValueError, RecursionError) as error:
        # Only the type: texts of connection errors quote addresses, those of header errors the header's value.
        return NoAnswer(f"no usable answer ({type(error).__name__})")
