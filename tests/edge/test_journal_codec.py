"""Every event and action survives the journal exactly, and what cannot is refused before it is written."""

import math
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpaca_trader.core import events as ev
from alpaca_trader.core.config import PluginParams
from alpaca_trader.core.models import Bar, Evaluation, Gate, TradeSignal
from alpaca_trader.edge.journal.codec import KINDS, decode, encode, utc_text
from alpaca_trader.edge.journal.errors import JournalUnreadable, JournalUnwritable
from alpaca_trader.edge.journal.memory import MemoryJournal
from tests.edge.journal_entries import CONFIG, SESSION, START, account, drawn, numbered

TICK = ev.Tick(START, SESSION)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_any_entry_comes_back_equal(kind: type) -> None:
    """For every class of the two unions: what is read is what was written, and is written alike again."""

    @settings(max_examples=30)
    @given(drawn(kind))
    def check(entry: Any) -> None:
        payload = encode(entry)
        again = decode(kind.__name__, payload)
        assert again == entry
        assert repr(again) == repr(decode(kind.__name__, encode(again)))
        assert encode(again) == payload

    check()


def test_the_payload_of_a_tick_stays_as_it_is() -> None:
    """Old journals must stay readable and verifiable: the canonical form is pinned."""
    assert encode(TICK) == (
        b'{"at":"2026-02-02T14:30:00Z","session":["2026-02-02","2026-02-02T14:30:00Z","2026-02-02T21:00:00Z"]}'
    )


def test_decimals_keep_every_digit_and_their_exponent() -> None:
    """Money is exact from the broker's string to the journal and back."""
    seen = ev.AccountSeen(START, replace(account(0), equity=Decimal("467.0000000001"), cash=Decimal("1E+3")))
    again = decode("AccountSeen", encode(seen))
    assert isinstance(again, ev.AccountSeen)
    assert [str(again.account.equity), str(again.account.cash)] == ["467.0000000001", "1E+3"]


def test_times_come_back_as_utc_itself() -> None:
    """pandas refuses to mix time zone objects, so a journalled bar carries the same one as a live bar."""
    again = decode("Tick", encode(TICK))
    assert isinstance(again, ev.Tick)
    assert again.at.tzinfo is UTC
    assert again.session.open.tzinfo is UTC


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_bad_bar_is_kept_as_it_was_seen(value: float) -> None:
    """A feed may send NaN; the journal records it, and None stays something else."""
    entry = ev.BarClosed(START, Bar("AAPL", START, value, 2.0, 1.0, 1.5, 10.0, vwap=value, trade_count=None))
    again = decode("BarClosed", encode(entry))
    assert isinstance(again, ev.BarClosed)
    assert repr(again) == repr(entry)


def test_an_undefined_number_among_the_gates_is_kept() -> None:
    """An indicator that is not warm yet says NaN, also in the mixed fields of a gate."""
    gates = (Gate("rsi", False, math.nan, 30), Gate("trend", True, None, "off"), Gate("n", True, 1, 1.0))
    entry = ev.Decided(START, Evaluation("SPY", "mean_reversion", START, "warmup", gates), "warmup", gates)
    assert repr(decode("Decided", encode(entry))) == repr(entry)


def test_equal_entries_have_equal_bytes() -> None:
    """An int where a float is meant is written as that float, so the digest does not tell equal entries apart."""
    whole = ev.BarClosed(START, Bar("AAPL", START, 185, 186, 184, 185, 10))
    assert encode(whole) == encode(ev.BarClosed(START, Bar("AAPL", START, 185.0, 186.0, 184.0, 185.0, 10.0)))


def test_a_read_only_mapping_is_written_like_a_dict() -> None:
    """Who hands out numbers may protect them from being changed."""
    signal = TradeSignal("SPY", "buy", "mine", 1, numbers=MappingProxyType({"a": 1.5, "b": None}))
    entry = ev.Decided(START, Evaluation("SPY", "mine", START, "signal", (), signal), "ok", ())
    again = decode("Decided", encode(entry))
    assert isinstance(again, ev.Decided)
    assert again.evaluation.signal == replace(signal, numbers={"a": 1.5, "b": None})


def test_text_that_utf8_cannot_hold_is_mended() -> None:
    """A broker's message with half a surrogate pair must not stop the journal."""
    entry = ev.Alarm(START, "x", "error", None, {"k": "a\udfff"}, "ab\ud800c")
    assert decode("Alarm", encode(entry)) == ev.Alarm(START, "x", "error", None, {"k": "a?"}, "ab?c")


@pytest.mark.parametrize("at", [START.replace(tzinfo=None), datetime(2026, 2, 2, tzinfo=timezone(timedelta(hours=-5)))])
def test_a_time_that_is_not_utc_is_refused(at: datetime) -> None:
    """Times are aware UTC everywhere, so another zone is a bug and shows at once."""
    with pytest.raises(JournalUnwritable, match=r"Timer\.at is .* must be aware UTC"):
        encode(ev.Timer(at))


@pytest.mark.parametrize(
    "entry",
    [
        ev.Command(START, "halt", "me", object()),  # type: ignore[arg-type]
        ev.Fetch(START, b"\xff"),  # type: ignore[arg-type]
        ev.BarClosed(START, Bar("AAPL", START, "much", 2.0, 1.0, 1.5, 10.0)),  # type: ignore[arg-type]
    ],
    ids=lambda entry: type(entry).__name__,
)
def test_a_value_of_another_type_is_not_written(entry: ev.Event | ev.Action) -> None:
    """An entry that recovery cannot read is refused while the engine can still say so."""
    with pytest.raises(JournalUnwritable, match="cannot be encoded"):
        encode(entry)


@pytest.mark.parametrize(
    ("kind", "payload", "text"),
    [
        ("Teleported", b"{}", "Teleported, which this version does not know"),
        ("Timer", b"{}", "Timer cannot be read"),
        ("Timer", b'{"at":"2026-02-02T14:30:00Z","more":1}', "Timer cannot be read"),
        ("Timer", b'{"at":"soon"}', "Timer cannot be read"),
        ("Timer", b"[]", "Timer cannot be read"),
        ("Timer", b'{"at":', "Timer cannot be read"),
        ("Tick", b'{"at":"2026-02-02T14:30:00Z","session":["2026-02-02"]}', "Tick cannot be read"),
    ],
)
def test_an_entry_that_does_not_fit_is_unreadable(kind: str, payload: bytes, text: str) -> None:
    """A newer or damaged entry is one clear error, never a half-read one."""
    with pytest.raises(JournalUnreadable, match=text):
        decode(kind, payload)


def test_a_field_added_since_takes_its_default() -> None:
    """A journal of an older version lacks newer fields that have defaults."""
    payload = encode(ev.StreamChanged(START, "market_data", True))
    assert decode(
        "BarClosed",
        b'{"at":"2026-02-02T14:30:00Z","bar":{"symbol":"A","start":"2026-02-02T14:30:00Z",'
        b'"open":1,"high":1,"low":1,"close":1,"volume":1}}',
    ) == ev.BarClosed(START, Bar("A", START, 1.0, 1.0, 1.0, 1.0, 1.0))
    assert b"market_data" in payload


def test_a_plug_in_with_the_parameters_of_a_built_in_stays_a_plug_in() -> None:
    """JSON does not say which class a strategy's parameters have; its name does."""
    own = PluginParams.model_validate(CONFIG.strategies["momentum_breakout"].params.model_dump())
    settings = CONFIG.strategies["momentum_breakout"].model_copy(update={"params": own, "class_path": "a.b:C"})
    config = CONFIG.model_copy(update={"strategies": {"mine": settings}})
    accepted = numbered(7)
    assert isinstance(accepted, ev.ConfigAccepted)
    again = decode("ConfigAccepted", encode(replace(accepted, config=config)))
    assert isinstance(again, ev.ConfigAccepted)
    assert type(again.config.strategies["mine"].params) is PluginParams
    assert again.config == config


@given(st.lists(st.datetimes(timezones=st.just(UTC)), max_size=5))
def test_time_text_sorts_like_time(times: list[datetime]) -> None:
    """Ranges of time are compared as text in the database, with and without fractions of a second."""
    assert sorted(times) == [datetime.fromisoformat(text) for text in sorted(map(utc_text, times))]


def test_the_bytes_do_not_depend_on_the_process() -> None:
    """The digest of a run is the same in every process, whatever its hash seed."""
    program = (
        "from alpaca_trader.edge.journal.memory import MemoryJournal\n"
        "from tests.edge.journal_entries import numbered\n"
        "print(MemoryJournal([numbered(n) for n in range(100)]).head())"
    )
    heads = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert heads == {MemoryJournal([numbered(n) for n in range(100)]).head() + "\n"}
