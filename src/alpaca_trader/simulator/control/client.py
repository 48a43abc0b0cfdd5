"""Speaks to the control API of a running simulator, with the standard library alone."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any, Final

_TIMEOUT_S: Final = 600


class ControlError(Exception):
    """The control API refused, in one sentence."""


class NotRunning(Exception):
    """Nobody answers on the port."""


class ControlClient:
    """One simulator's controls, on a port of this machine."""

    def __init__(self, port: int) -> None:
        self.port = port

    def get(self, path: str) -> Mapping[str, Any]:
        """What stands under a path. Raises as `send`."""
        return self.send("GET", path)

    def send(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Mapping[str, Any]:
        """One request. Raises ControlError for a refusal, NotRunning where no simulator is controlled."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_TIMEOUT_S)
        try:
            line.request(method, path, None if body is None else json.dumps(body))
            answer = line.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise NotRunning(
                f"no simulator is controlled on port {self.port}; start one with `alpaca-trader sim serve`"
            ) from error
        finally:
            line.close()
        return self._understood(answer.status, content)

    def _understood(self, status: int, content: bytes) -> Mapping[str, Any]:
        try:
            found = json.loads(content)
        except ValueError:
            found = None
        if not isinstance(found, dict) or (status != 200 and "error" not in found):
            raise NotRunning(f"what answers on port {self.port} is no simulator's control")
        if status != 200:
            raise ControlError(str(found["error"]))
        return found
