"""The control API: clock, faults, accounts and market of a running simulator, as JSON on a loopback port of its own.

Not part of the broker. It refuses requests that a web page could have caused: any `Origin`, any `Host` but this machine.
Errors are `{"error": "one sentence"}`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from alpaca_trader.simulator.control.pace import ClockState
from alpaca_trader.simulator.control.running import Build, RunningSimulator, speed_of
from alpaca_trader.simulator.control.tables import catalogue_table, switch_table
from alpaca_trader.simulator.desk import AccountOrder, Desk
from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.faults.board import Fault
from alpaca_trader.simulator.market.calendar import NEW_YORK, new_york_date
from alpaca_trader.simulator.wire import new_york_time

_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_MAX_BODY: Final = 65_536
_MOST_SECONDS: Final = 1e9
_LOAD_FIELDS: Final = ("scenario", "bars", "date", "days", "at", "seed")

Body = Mapping[str, Any]
Handler = Callable[[RunningSimulator, Body, Mapping[str, Any]], object]


class _Bad(Exception):
    """A request that cannot be carried out: the HTTP status and one sentence."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def control_app(running: RunningSimulator, build: Build | None = None) -> ASGIApp:
    """The application. `build` makes the simulator for `POST /market`; without it the market stays what it is."""

    def load(_running: RunningSimulator, body: Body, _path: Mapping[str, Any]) -> object:
        if build is None:
            raise _Bad(
                409, "this simulator keeps its state in a folder, which belongs to one market; start another one"
            )
        unknown = [name for name in body if name not in _LOAD_FIELDS]
        if unknown:
            raise _Bad(400, f"{unknown[0]}: give {', '.join(_LOAD_FIELDS)}")
        sim, end = build(body)
        running.load(sim, end)
        return _clock_json(running.clock.status())

    table: Sequence[tuple[str, str, str, Handler]] = (*_TABLE, ("POST", "/market", _LOAD_HELP, load))
    described = {f"{method} {path}": what for method, path, what, _ in table}
    routes = [
        Route("/", _answering(lambda *_: {"what": "the control of a simulated Alpaca", "routes": described}, running)),
        *(Route(path, _answering(handler, running), methods=[method]) for method, path, _, handler in table),
    ]
    return _Door(Starlette(routes=routes, exception_handlers={HTTPException: _unknown}))


class _Door:
    """Lets only this machine's own programs in."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what a web page could have sent."""
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            host = headers.get(b"host", b"").decode("latin-1")
            name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
            if b"origin" in headers or name not in _HOSTS:
                answer = _json(403, {"error": "for programs on this machine only: no Origin, and Host 127.0.0.1"})
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _answering(handler: Handler, running: RunningSimulator) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        try:
            body = await _body(request)
            content = await run_in_threadpool(handler, running, body, request.path_params)
        except _Bad as bad:
            return _json(bad.status, {"error": str(bad)})
        except BrokerError as refusal:
            return _json(422, {"error": str(refusal.body().get("message"))})
        except (ValueError, OSError) as error:
            return _json(400, {"error": str(error)})
        return _json(200, content)

    return endpoint


async def _body(request: Request) -> Body:
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > _MAX_BODY:
            raise _Bad(413, f"the body is longer than {_MAX_BODY} bytes")
    if not content:
        return {}
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise _Bad(400, "the body is no JSON") from None
    if not isinstance(body, dict):
        raise _Bad(400, "the body is no JSON object")
    return body


async def _unknown(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "registered for that class alone"
    text = "no such method here" if error.status_code == 405 else "no such path"
    return _json(error.status_code, {"error": f"{text}; GET / lists them"})


def _json(status: int, content: object) -> Response:
    return Response(orjson.dumps(content, default=_plain), status, media_type="application/json")


def _plain(value: object) -> str:
    return str(value)


# ------------------------------------------------------------------ clock


def _clock(running: RunningSimulator, _body: Body, _path: Mapping[str, Any]) -> object:
    return _clock_json(running.clock.status())


def _pause(running: RunningSimulator, _body: Body, _path: Mapping[str, Any]) -> object:
    running.clock.pause()
    return _clock_json(running.clock.status())


def _run(running: RunningSimulator, body: Body, _path: Mapping[str, Any]) -> object:
    until = body.get("until")
    running.clock.run(None if until is None else moment_of(str(until), running.now))
    return _clock_json(running.clock.status())


def _step(running: RunningSimulator, body: Body, _path: Mapping[str, Any]) -> object:
    seconds = _number(body, "seconds", 60)
    running.clock.step(timedelta(seconds=seconds))
    return _clock_json(running.clock.status())


def _speed(running: RunningSimulator, body: Body, _path: Mapping[str, Any]) -> object:
    asked = body.get("speed")
    speed = None if isinstance(asked, bool | list | dict) else speed_of(asked)
    if speed is None:
        raise _Bad(400, 'give {"speed": N} (times real time) or {"speed": "max"}')
    running.clock.set_speed(speed)
    return _clock_json(running.clock.status())


def _clock_json(state: ClockState) -> Mapping[str, Any]:
    return {
        "now": state.now.isoformat().replace("+00:00", "Z"),
        "new_york": f"{state.now.astimezone(NEW_YORK):%Y-%m-%d %H:%M:%S}",
        "running": state.is_running,
        "speed": "max" if math.isinf(state.speed) else state.speed,
        "until": state.until and state.until.isoformat().replace("+00:00", "Z"),
        "waits_for_client": state.waits_for_client,
    }


def moment_of(text: str, now: datetime) -> datetime:
    """A time of day in New York (`15:55`, today or, when that is past, tomorrow), or an aware timestamp. Raises ValueError."""
    try:
        hour, minute = (int(part) for part in text.split(":")) if len(text) <= len("15:55") else (-1, -1)
        if hour >= 0:
            today = new_york_time(new_york_date(now), hour, minute)
            return today if today >= now else new_york_time(new_york_date(now) + timedelta(days=1), hour, minute)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"until {text!r}: write 15:55 (New York) or 2026-11-20T15:55:00-05:00") from None
    if moment.tzinfo is None:
        raise ValueError(f"until {text!r} has no time zone; write 2026-11-20T15:55:00-05:00, or 15:55 for New York")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"until {text!r} is beyond all calendars") from None


def _number(body: Body, name: str, default: float) -> float:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _MOST_SECONDS:
        raise _Bad(400, f"{name}: give a number, at most {_MOST_SECONDS:,.0f}")
    return float(value)


# ------------------------------------------------------------------ faults


def _faults(running: RunningSimulator, _body: Body, _path: Mapping[str, Any]) -> object:
    with running.sim.lock:
        return {"in_force": [_fault_json(fault) for fault in running.sim.faults.in_force()]}


def _order_fault(running: RunningSimulator, body: Body, _path: Mapping[str, Any]) -> object:
    given = dict(body)
    name = given.pop("name", None)
    if not isinstance(name, str):
        raise _Bad(400, 'give {"name": "http.drop", ...}; GET /faults/catalogue lists them')
    if any(isinstance(value, list | dict) for value in given.values()):
        raise _Bad(400, "parameters are plain values")
    return _fault_json(running.sim.order_fault(name, **given))


def _lift(running: RunningSimulator, _body: Body, path: Mapping[str, Any]) -> object:
    number = path.get("number")
    # Asked first: the log of commands takes no number of any length.
    with running.sim.lock:
        if number is not None and all(fault.number != number for fault in running.sim.faults.in_force()):
            raise _Bad(404, f"no fault {number} is in force")
        lifted = running.clear(number)
    return {"lifted": lifted}


def _catalogue(_running: RunningSimulator, _body: Body, _path: Mapping[str, Any]) -> object:
    return {"faults": catalogue_table()}


def _fault_json(fault: Fault) -> Mapping[str, Any]:
    order = fault.order
    return {
        "number": fault.number,
        "name": order.name,
        "asked": fault.asked,
        "struck": fault.struck,
        "probability": order.probability,
        "times": order.times,
        "since": order.since and order.since.isoformat(),
        "until": order.until and order.until.isoformat(),
        "symbol": order.symbol,
        "route": order.route,
        "account": order.account and _ending(order.account),
        "parameters": {name: _scalar(value) for name, value in order.parameters.items()},
    }


def _scalar(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else value


# ------------------------------------------------------------------ accounts


def _accounts(running: RunningSimulator, _body: Body, _path: Mapping[str, Any]) -> object:
    with running.sim.lock:
        return {"accounts": [_account_json(desk) for desk in running.sim.desks]}


def _open(running: RunningSimulator, body: Body, _path: Mapping[str, Any]) -> object:
    key, secret = body.get("key"), body.get("secret")
    if not (isinstance(key, str) and isinstance(secret, str) and key and secret):
        raise _Bad(400, 'give {"key": ..., "secret": ..., "profile": ...}')
    with running.sim.lock:
        return _account_json(running.sim.open_account(AccountOrder((key, secret), str(body.get("profile", "live467")))))


def _transfer(running: RunningSimulator, body: Body, path: Mapping[str, Any]) -> object:
    if not isinstance(body.get("amount"), str | int | float) or isinstance(body["amount"], bool):
        raise _Bad(400, 'give {"amount": "100.00"}, negative to withdraw')
    with running.sim.lock:
        if path["number"] >= len(running.sim.desks):
            raise _Bad(404, f"there is no account {path['number']}")
        desk = running.sim.desks[path["number"]]
        desk.exchange.transfer(str(body["amount"]))
        return _account_json(desk)


def _account_json(desk: Desk) -> Mapping[str, Any]:
    view = desk.exchange.account()
    return {
        "number": desk.number,
        "id": desk.id,
        "key": _ending(desk.keys[0]),
        "profile": desk.profile.name,
        "cash": f"{view.cash:.2f}",
        "equity": f"{view.equity:.2f}",
        "positions": len(desk.exchange.positions()),
        "open_orders": len(desk.exchange.book.open_orders()),
    }


def _ending(key: str) -> str:
    """Enough of a key id to know it by; somebody may have opened the account with keys of a real one."""
    return f"...{key[-4:]}"


def _switches(running: RunningSimulator, _body: Body, _path: Mapping[str, Any]) -> object:
    return {"switches": switch_table(running.sim.switches)}


_LOAD_HELP: Final = f"play another market: accounts begin anew, streams are closed ({', '.join(_LOAD_FIELDS)})"
_TABLE: Final[Sequence[tuple[str, str, str, Handler]]] = (
    ("GET", "/clock", "virtual time, and how it moves", _clock),
    ("POST", "/clock/pause", "let time stand", _pause),
    ("POST", "/clock/run", "let time run: until (15:55 in New York, or a timestamp), or for good", _run),
    ("POST", "/clock/step", "let seconds (60) pass now, then stand", _step),
    ("POST", "/clock/speed", "speed: times real time, or max", _speed),
    ("GET", "/faults", "faults in force, how often they were asked about and struck", _faults),
    ("POST", "/faults", "order a fault: name, symbol, route, account, probability, times, for, after, parameters", _order_fault),
    ("DELETE", "/faults", "lift all faults", _lift),
    ("DELETE", "/faults/{number:int}", "lift one fault", _lift),
    ("GET", "/faults/catalogue", "every fault with its parameters", _catalogue),
    ("GET", "/accounts", "the accounts", _accounts),
    ("POST", "/accounts", "open a further account: key, secret, profile", _open),
    ("POST", "/accounts/{number:int}/transfer", "deposit the amount of dollars, or withdraw it (negative)", _transfer),
    ("GET", "/switches", "every switch, its value, default and alternatives", _switches),
)  # fmt: skip
