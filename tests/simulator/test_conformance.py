"""The simulator answers as the broker's own OpenAPI files say, and whoever judges it would notice if it did not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from conformance import session, specs
from conformance.amendments import PATCHES, REFUSALS, amended
from conformance.judge import Judge, Reply

ITEM = "/v2/things/{id}"
SPEC: specs.Spec = {
    "paths": {
        ITEM: {
            "get": {
                "responses": {
                    "200": {
                        "headers": {"X-Limit": {"$ref": "#/components/headers/limit"}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                    },
                    "404": {"description": "no such thing"},
                }
            },
            "delete": {"responses": {"204": {"description": "gone"}}},
        },
        "/v2/things/news": {
            "get": {
                "responses": {
                    "200": {
                        "content": {
                            "text/event-stream": {"schema": {"items": {"$ref": "#/components/schemas/Thing"}}},
                            "image/png": {"schema": {"type": "string"}},
                        }
                    }
                }
            }
        },
    },
    "components": {
        "headers": {"limit": {"schema": {"type": "integer"}}},
        "schemas": {
            "Thing": {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": {"type": "string", "format": "uuid"},
                    "at": {"type": "string", "format": "date-time"},
                    "day": {"type": "string", "format": "date"},
                    "event": {"type": "string", "format": "ulid"},
                    "price": {"type": "string", "format": "decimal"},
                    "kind": {"enum": ["a", "b"]},
                },
            }
        },
    },
}
GOOD: dict[str, Any] = {
    "id": "8b1f0d0e-55c8-4c1f-b3a3-0c0a8d4c7e21",
    "at": "2026-11-20T15:15:03.120551871Z",
    "day": "2026-11-20",
    "event": "01KAGWZ5Q2V9K3T0Y8M4C7N6RD",
    "price": "1.5",
    "kind": "a",
}
JSON = {"content-type": "application/json", "x-limit": "200"}


def judged(method: str, path: str, reply: Reply) -> list[str]:
    """What a judge of the small specification finds wrong with an answer."""
    judge = Judge({"things": SPEC})
    judge.see(method, path, reply)
    return judge.deviations


def thing(**changes: object) -> Reply:
    """A thing with some values changed."""
    return Reply(200, JSON, orjson.dumps(GOOD | changes))


def test_a_right_answer_has_no_deviation() -> None:
    """Every format, a reference, a header, an empty answer, a stream and a picture."""
    assert judged("GET", "/v2/things/1", thing()) == []
    assert judged("GET", "/v2/things/1", Reply(404, {}, b"anything")) == []
    assert judged("DELETE", "/v2/things/1", Reply(204, {}, b"")) == []
    stream = b": hello\n\ndata: " + orjson.dumps(GOOD) + b"\n\n"
    assert (
        judged("GET", "/v2/things/news", Reply(200, {"content-type": "text/event-stream; charset=utf-8"}, stream)) == []
    )
    assert judged("GET", "/v2/things/news", Reply(200, {"content-type": "image/png"}, b"\x89PNG")) == []


WRONG: dict[str, tuple[str, str, Reply]] = {
    "no such operation": ("PUT", "/v2/things/1", thing()),
    "undocumented status": ("GET", "/v2/things/1", Reply(418, JSON, b"{}")),
    "header X-Limit is missing": (
        "GET",
        "/v2/things/1",
        Reply(200, {"content-type": "application/json"}, orjson.dumps(GOOD)),
    ),
    "header X-Limit is 'many'": ("GET", "/v2/things/1", Reply(200, JSON | {"x-limit": "many"}, orjson.dumps(GOOD))),
    "content type 'text/html'": ("GET", "/v2/things/1", Reply(200, JSON | {"content-type": "text/html"}, b"")),
    "body is no JSON": ("GET", "/v2/things/1", Reply(200, JSON, b"{")),
    "'id' is a required property": ("GET", "/v2/things/1", Reply(200, JSON, b"{}")),
    "a body where none is documented": ("DELETE", "/v2/things/1", Reply(204, {}, b"gone")),
    "at /id": ("GET", "/v2/things/1", thing(id="8B1F0D0E-55C8-4C1F-B3A3-0C0A8D4C7E21")),
    "at /at": ("GET", "/v2/things/1", thing(at="2026-11-20 15:15:03Z")),
    "at /day": ("GET", "/v2/things/1", thing(day="2026-02-30")),
    "at /event": ("GET", "/v2/things/1", thing(event="1")),
    "at /price": ("GET", "/v2/things/1", thing(price="NaN")),
    "at /kind": ("GET", "/v2/things/1", thing(kind="c")),
    "at /0": (
        "GET",
        "/v2/things/news",
        Reply(200, {"content-type": "text/event-stream"}, b'data: {"kind":"a"}\n\n'),
    ),
}


@pytest.mark.parametrize("reason", WRONG)
def test_a_wrong_answer_is_noticed(reason: str) -> None:
    """Each way to deviate is found and named."""
    deviations = judged(*WRONG[reason])
    assert len(deviations) == 1
    assert reason in deviations[0]


def test_a_wrong_message_of_a_stream_is_noticed() -> None:
    """What no operation answered is judged by the schema of a name."""
    judge = Judge({"things": SPEC})
    judge.see_value("news", "things", "Thing", GOOD)
    assert judge.deviations == []
    judge.see_value("news", "things", "Thing", GOOD | {"kind": "c"})
    assert judge.deviations == ["news: at /kind: 'c' is not one of ['a', 'b']"]


def test_another_file_than_the_contract_names_is_refused(tmp_path: Path) -> None:
    """A missing file and a changed one are errors that say what to do."""
    with pytest.raises(specs.SpecError, match="make conformance"):
        specs.load(tmp_path)
    for name, _ in specs.HASHES.values():
        (tmp_path / name).write_text("{}", encoding="utf-8")
    with pytest.raises(specs.SpecError, match="another SHA-256"):
        specs.load(tmp_path)


@pytest.fixture(scope="module")
def described() -> dict[str, specs.Spec]:
    """The broker's files, amended; skips when nobody fetched them."""
    if specs.missing():
        pytest.skip("the broker's OpenAPI files are not there; `make conformance` fetches them")
    return amended(specs.load())


def test_every_amendment_has_something_to_amend(described: dict[str, specs.Spec]) -> None:
    """Applied to files that are amended already, the corrections find nothing left."""
    assert PATCHES
    assert REFUSALS
    with pytest.raises(LookupError, match="nothing to amend"):
        amended(described)


@pytest.mark.parametrize("profile", ["live467", "paper100k"])
def test_the_session_deviates_nowhere(described: dict[str, specs.Spec], profile: str) -> None:
    """Every route of both files, over a socket: touched, and nothing of the answers deviates."""
    outcome = session.play(Judge(described), profile)
    assert outcome.wrong == []
    assert len(outcome.judge.touched()) == len(outcome.judge.operations()) == 102
