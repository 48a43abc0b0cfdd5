"""No bytes at all do anything to the readers but give settings or BadInput, in little time and with little echo."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alpaca_trader.core.config import config_hash, parse_config
from alpaca_trader.core.config_schema import file_text
from alpaca_trader.core.errors import BadInput
from alpaca_trader.core.policy import Policy, bound, parse_policy
from alpaca_trader.core.strict_json import BadSettings

REPO = Path(__file__).resolve().parents[2]
STRATEGY = (REPO / "config" / "strategy.json").read_bytes()
POLICY = (REPO / "config" / "policy.json").read_bytes()

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["SPY", "limit", "a.b:C"]),
)
KEYS = sorted(
    {
        "risk",
        "strategies",
        "momentum_breakout",
        "mean_reversion",
        "fast",
        "enabled",
        "watchlist",
        "params",
        "class",
        "_x",
    }
    | {"max_positions", "vwap_buffer", "rsi_oversold", "ranges", "mode", "live_account", "symbols", "plugin_classes"}
)
keys = st.one_of(st.sampled_from(KEYS), st.text(max_size=8))
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=5)),
    max_leaves=25,
)


def read(raw: bytes) -> None:
    """Both readers on the same bytes; anything but BadInput is a failure of the test."""
    try:
        config = bound(parse_config(raw, "s"), Policy(), "s")
    except BadInput:
        pass
    else:
        assert parse_config(file_text(config).encode(), "s") == config
        assert len(config_hash(config)) == 12
    with contextlib.suppress(BadInput):
        parse_policy(raw, "p")


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_random_bytes(raw: bytes) -> None:
    """Noise is refused."""
    read(raw)


@given(documents)
@settings(max_examples=500)
@example(
    {"risk": {}, "strategies": {"fast": {"enabled": True, "watchlist": [], "class": "a:B", "params": {"x": 10**400}}}}
)
def test_random_documents(document: Any) -> None:
    """Any JSON in any shape, with the keys we know in places where they do not belong."""
    read(json.dumps(document).encode())


@given(st.sampled_from([STRATEGY, POLICY]), st.data())
@settings(max_examples=500)
def test_the_shipped_files_with_some_bytes_changed(file: bytes, data: st.DataObject) -> None:
    """A damaged or half-written file is refused, or says something that is allowed."""
    start = data.draw(st.integers(0, len(file)))
    end = data.draw(st.integers(start, min(len(file), start + 40)))
    read(file[:start] + data.draw(st.binary(max_size=12)) + file[end:])


@given(st.text("abcdefghij", min_size=82, max_size=400), st.integers(0, 5))
def test_little_of_the_file_is_echoed(secret: str, place: int) -> None:
    """No run of more than 80 characters of a file gets into a message, wherever the text stood."""
    places: list[Any] = [
        {secret: 1},
        {"risk": {"order_style": secret}, "strategies": {}},
        {"risk": {secret: {secret: {secret: float("nan")}}}},
        {"risk": {}, "strategies": {"fast": {"enabled": secret, "watchlist": [secret], "class": secret}}},
        {"risk": {}, "strategies": {secret: {"class": secret, "params": {secret: []}}}},
        secret,
    ]
    with pytest.raises(BadSettings) as caught:
        parse_config(json.dumps(places[place]).encode(), "s")
    for line in str(caught.value).split("\n"):
        assert not any(secret[i : i + 81] in line for i in range(len(secret) - 80))
        assert len(line) < 80 + 100, "what is not the file's is a short sentence of ours"


def test_the_largest_hostile_file_is_refused_promptly() -> None:
    """A full 256 kB of wrong keys and strategies is dealt with inside the timeout of one test, message included."""
    risk = ",".join(f'"max_positio{index}":0' for index in range(6000))
    more = ",".join(f'"momentum_break{index}":{{}}' for index in range(4000))
    raw = f'{{"risk":{{{risk}}},"strategies":{{{more}}}}}'.encode()
    assert 200_000 < len(raw) < 256 * 1024
    with pytest.raises(BadSettings) as caught:
        parse_config(raw, "s")
    problems = caught.value.problems
    assert len(problems) == 10_000
    # Seeking hints is what would take long; those that are not shown have none.
    assert problems[0].text == "is not a setting; did you mean max_positions?"
    assert problems[60].text == "is not a setting"
    assert len(str(caught.value)) < 20_000
