"""Holds answers to a specification: path, status, content type, headers, and every value of the body."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from conformance.specs import Spec

METHODS: Final = ("get", "post", "put", "patch", "delete")
_AT_THE_DOOR: Final = frozenset({401, 429, 500})
_MOST_SAID: Final = 160
"""Characters of a value or schema message that a deviation shows."""

Operation = tuple[str, str, str]
"""Host, method in capitals, path as the specification writes it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """Media type without parameters; empty when there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip()


@dataclass
class Judge:
    """Judges every answer given to it and remembers which operations and statuses were seen."""

    specs: Mapping[str, Spec]
    seen: dict[Operation, set[int]] = field(default_factory=dict)
    validated: int = 0
    deviations: list[str] = field(default_factory=list)

    def operations(self) -> list[Operation]:
        """Every method of every path of both files."""
        return [
            (host, method.upper(), path)
            for host, spec in self.specs.items()
            for path, item in spec["paths"].items()
            for method in METHODS
            if method in item
        ]

    def operation_of(self, method: str, path: str) -> Operation | None:
        """The operation a request belongs to; a path without parameters goes before one that has them."""
        fitting = [
            operation
            for operation in self.operations()
            if operation[1] == method and _pattern(operation[2]).fullmatch(path)
        ]
        return min(fitting, key=lambda operation: operation[2].count("{"), default=None)

    def statuses(self, operation: Operation) -> set[int]:
        """The statuses the specification documents for an operation."""
        return {int(status) for status in self._operation(operation)["responses"]}

    def touched(self) -> set[Operation]:
        """The operations that answered something of their own: not only that the client may not ask, or that all is broken."""
        return {operation for operation, statuses in self.seen.items() if statuses - _AT_THE_DOOR}

    def see(self, method: str, path: str, reply: Reply) -> None:
        """Judge the answer to `method path` (path without query)."""
        operation = self.operation_of(method, path)
        if operation is None:
            self.deviations.append(f"{method} {path}: no such operation in either file")
            return
        self.seen.setdefault(operation, set()).add(reply.status)
        self.validated += 1
        label = f"{method} {operation[2]} -> {reply.status}"
        self.deviations += [f"{label}: {reason}" for reason in self._wrong(operation, reply)]

    def see_value(self, label: str, host: str, schema: str, value: object) -> None:
        """Judge something that no operation answered, by the schema of a file that describes it."""
        self.validated += 1
        for reason in self._wrong_value(host, f"#/components/schemas/{schema}", value):
            self.deviations.append(f"{label}: {reason}")

    def _operation(self, operation: Operation) -> dict[str, Any]:
        host, method, path = operation
        found: dict[str, Any] = self.specs[host]["paths"][path][method.lower()]
        return found

    def _wrong(self, operation: Operation, reply: Reply) -> Iterator[str]:
        host, method, path = operation
        responses = self._operation(operation)["responses"]
        if str(reply.status) not in responses:
            yield f"undocumented status (documented: {', '.join(responses)}); body {reply.body[:_MOST_SAID]!r}"
            return
        steps = ["paths", path, method.lower(), "responses", str(reply.status)]
        steps, response = self._resolved(host, steps, responses[str(reply.status)])
        yield from self._wrong_headers(host, response.get("headers", {}), reply)
        content = response.get("content")
        if content is None:
            if reply.status < 300 and reply.body:
                yield f"a body where none is documented: {reply.body[:_MOST_SAID]!r}"
            return
        if reply.kind not in content:
            yield f"content type {reply.kind or 'none'!r}, documented: {', '.join(content)}"
            return
        pointer = "".join(f"/{_escaped(step)}" for step in [*steps, "content", reply.kind, "schema"])
        yield from self._wrong_body(host, f"#{pointer}", reply)

    def _resolved(self, host: str, steps: list[str], node: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
        while "$ref" in node:
            steps = [part.replace("~1", "/").replace("~0", "~") for part in node["$ref"].split("/")[1:]]
            node = self.specs[host]
            for step in steps:
                node = node[step]
        return steps, node

    def _wrong_headers(self, host: str, documented: Mapping[str, Any], reply: Reply) -> Iterator[str]:
        for name, node in documented.items():
            _, header = self._resolved(host, [], node)
            text = reply.headers.get(name.lower())
            if text is None:
                yield f"header {name} is missing"
            elif header.get("schema", {}).get("type") == "integer" and not re.fullmatch(r"\d+", text):
                yield f"header {name} is {text!r}, not an integer"

    def _wrong_body(self, host: str, pointer: str, reply: Reply) -> Iterator[str]:
        if reply.kind == "application/json":
            try:
                value = json.loads(reply.body)
            except ValueError as reason:
                yield f"body is no JSON: {reason}"
                return
        elif reply.kind == "text/event-stream":
            value = events(reply.body.decode())
        else:
            # Pictures and pages have no schema beyond their media type.
            return
        yield from self._wrong_value(host, pointer, value)

    def _wrong_value(self, host: str, pointer: str, value: object) -> Iterator[str]:
        for error in self._validators[host].evolve(schema={"$ref": f"urn:{host}{pointer}"}).iter_errors(value):
            yield from _explained(error)

    @cached_property
    def _validators(self) -> Mapping[str, Draft202012Validator]:
        resources = [(f"urn:{host}", DRAFT202012.create_resource(spec)) for host, spec in self.specs.items()]
        registry: Registry[Any] = Registry().with_resources(resources)
        return {host: Draft202012Validator({}, registry=registry, format_checker=FORMATS) for host in self.specs}


def events(text: str) -> list[Any]:
    """The JSON of every `data:` line of a stream of server-sent events."""
    return [json.loads(line.removeprefix("data:")) for line in text.splitlines() if line.startswith("data:")]


def _explained(error: ValidationError) -> Iterator[str]:
    """Where a value breaks its schema and how: the closest branch of a choice of schemas."""
    deepest = (
        min(error.context, key=lambda inner: (-len(inner.absolute_path), inner.message)) if error.context else error
    )
    place = "/".join(map(str, deepest.absolute_path))
    yield f"at /{place}: {deepest.message[:_MOST_SAID]}"


def _pattern(path: str) -> re.Pattern[str]:
    pieces = re.split(r"\{\w+\}", path)
    return re.compile("[^/]+".join(re.escape(piece) for piece in pieces))


def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1").replace("%", "%25").replace("{", "%7B").replace("}", "%7D")


# ------------------------------------------------------------------ formats

FORMATS: Final = FormatChecker(formats=())
"""The formats both files use, checked by rules of our own: nothing passes because a library is missing."""

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ULID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


def _is_time(text: str) -> bool:
    return bool(_TIME.fullmatch(text)) and _parses(datetime.fromisoformat, text)


def _is_decimal(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


def _parses(reader: Callable[[str], object], text: str) -> bool:
    try:
        reader(text)
    except ValueError:
        return False
    return True


_RULES: Final[Mapping[str, Callable[[str], bool]]] = {
    "uuid": lambda text: bool(_UUID.fullmatch(text)),
    "ulid": lambda text: bool(_ULID.fullmatch(text)),
    "date": lambda text: bool(re.fullmatch(r"\d{4}-\d\d-\d\d", text)) and _parses(date.fromisoformat, text),
    "date-time": _is_time,
    "decimal": _is_decimal,
    "uri": lambda text: bool(re.fullmatch(r"https?://\S+", text)),
}
for _name, _rule in _RULES.items():
    FORMATS.checks(_name)(lambda value, rule=_rule: not isinstance(value, str) or rule(value))
