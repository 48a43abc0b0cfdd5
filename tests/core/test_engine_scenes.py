"""Scenes of a whole engine: halts, the close, the night, a dying process, a full disk, strangers in the account."""

from collections import deque
from datetime import timedelta
from typing import Any

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core.errors import AuthRefused, Retryable
from alpaca_trader.core.models import Order
from tests.core.desk import HALF_DAY, D, Desk, Scene, hours, ny, settings
from tests.core.test_protection_scenes import BUY, HELD, PROTECTED, QTY

ENTRY = f"entry {QTY} limit 185.60"
STOP = f"stop1 {QTY} stop 182.72"

HALTS: dict[str, tuple[dict[str, Any], Scene]] = {
    "half of the day's limit warns, once": (
        {},
        [
            ("equity 462.33", ""),
            ("minute", ""),
            ("alarm daily_loss_near equity_differs", ""),
            ("minute", ""),
            ("alarm", ""),
        ],
    ),
    "half of the limit still lets entries in": ({}, [("equity 462.33", ""), ("buy", "entry 0.249218328 limit 185.60")]),
    "a cent before the limit is no halt": (
        {},
        [("equity 457.67", ""), ("minute", ""), ("alarm daily_loss_near equity_differs", "")],
    ),
    "at the limit open buys are cancelled and no more are sent": (
        {},
        [
            *BUY,
            ("part entry 0.1 185.50", ""),
            ("equity 457.66", ""),
            ("read", "cancel entry"),
            ("to entry canceled", "stop1 0.1 stop 182.72"),
            ("to stop1 new", ""),
            ("buy MSFT", ""),
            ("verdict halted", ""),
            ("is protected", ""),
            ("alarm halt_daily_loss daily_loss_near equity_differs", ""),
        ],
    ),
    "a halt holds back no exit": (
        {},
        [
            *PROTECTED,
            ("equity 457.66", ""),
            ("sell vwap_fail", "cancel stop1"),
            ("to stop1 canceled", f"exit1 {QTY} limit 185.38"),
        ],
    ),
    "one and a half times the limit closes everything at market": (
        {},
        [
            *PROTECTED,
            ("equity 452.99", ""),
            ("read", "cancel stop1"),
            ("to stop1 canceled", f"exit1 {QTY} market"),
            ("fill exit1 185.40", ""),
            ("ends closed daily_loss_flatten", ""),
            ("alarm halt_daily_loss halt_daily_loss_flatten daily_loss_near equity_differs", ""),
        ],
    ),
    "unless that is switched off": ({"flatten_multiple": None}, [*PROTECTED, ("equity 440.00", ""), ("minute", "")]),
    "the halt latches although equity recovers, and through a restart": (
        {},
        [
            ("equity 457.00", ""),
            ("minute", ""),
            ("equity 470.00", ""),
            ("buy", ""),
            ("restart", ""),
            ("buy", ""),
            ("verdict halted", ""),
        ],
    ),
    "it ends with the next session": (
        {},
        [
            ("equity 457.00", ""),
            ("minute", ""),
            ("night", ""),
            ("equity 467.00", ""),
            ("at 09:31:30", ""),
            ("buy", ENTRY),
        ],
    ),
    "a human's halt cancels open buys; resume lets the next ones in": (
        {},
        [
            *BUY,
            ("command halt", "cancel entry"),
            ("to entry canceled", ""),
            ("buy MSFT", ""),
            ("command resume", ""),
            ("buy MSFT", "entry 0.1085996 limit 430.24"),
        ],
    ),
    "a human's halt survives the night": ({}, [("command halt", ""), ("night", ""), ("at 09:40:30", ""), ("buy", "")]),
    "what the shell knows against entries halts them like a human, said twice too, and protects what is held": (
        {},
        [
            *BUY,
            ("part entry 0.1 185.50", ""),
            ("barred crash_loop", "cancel entry"),
            ("barred crash_loop", ""),
            ("to entry canceled", "stop1 0.1 stop 182.72"),
            ("to stop1 new", ""),
            ("buy MSFT", ""),
            ("verdict halted", ""),
            ("alarm halt_crash_loop", ""),
            ("restart", ""),
            ("buy MSFT", ""),
            ("verdict halted", ""),
            ("command resume", ""),
            ("buy MSFT", "entry 0.108576345 limit 430.24"),
        ],
    ),
    "a bar that is lifted ends without a human; one that was not put up is no news": (
        {},
        [
            ("lifted not_armed", ""),
            ("barred not_armed", ""),
            ("buy", ""),
            ("verdict halted", ""),
            ("lifted not_armed", ""),
            ("buy", ENTRY),
        ],
    ),
    "flatten closes everything at market": (
        {},
        [
            *PROTECTED,
            ("command flatten", "cancel stop1"),
            ("to stop1 canceled", f"exit1 {QTY} market"),
            ("fill exit1 185.40", ""),
            ("ends closed operator_flatten", ""),
            ("buy", ""),
        ],
    ),
    "flatten cuts off an entry that still works": (
        {},
        [
            *BUY,
            ("part entry 0.1 185.50", ""),
            ("command flatten", "cancel entry"),
            ("to entry canceled", "exit1 0.1 market"),
        ],
    ),
    "an account nobody could read for two minutes lets no entry in": (
        {},
        [*[("next account failed", "")] * 3, ("minute", ""), ("minute", ""), ("buy", ""), ("verdict halted", "")],
    ),
}

NIGHTS: dict[str, tuple[dict[str, Any], Scene]] = {
    "five minutes before the close everything is sold": (
        {},
        [*PROTECTED, ("at 15:55", "cancel stop1"), ("to stop1 canceled", f"exit1 {QTY} limit 185.38")],
    ),
    "not a second earlier": ({}, [*PROTECTED, ("at 15:54:59", "")]),
    "an overnight position keeps its stop to the close and gets it back in the first second": (
        {"params": {"hold_overnight": True}},
        [
            *PROTECTED,
            ("at 15:59:30", ""),
            ("night", ""),
            ("alarm", ""),
            ("at 09:29:59", ""),
            ("at 09:30", f"stop2 {QTY} stop 182.72"),
            ("to stop2 new", ""),
            ("is protected", ""),
            ("alarm", ""),
        ],
    ),
    "a gap through the stop is sold at market at the open": (
        {"params": {"hold_overnight": True}},
        [
            *PROTECTED,
            ("at 15:59:30", ""),
            ("night", ""),
            ("bid 178.00", ""),
            ("next submit refused stop_through_market", ""),
            ("at 09:30", f"stop2 {QTY} stop 182.72; exit1 {QTY} market"),
            ("fill exit1 178.00", ""),
            ("ends closed stop_breached", ""),
        ],
    ),
    "the last night allowed ends with a sale before the close": (
        {"params": {"hold_overnight": True}, "max_nights": 1},
        [
            *PROTECTED,
            ("at 15:59:30", ""),
            ("night", ""),
            ("at 09:30", f"stop2 {QTY} stop 182.72"),
            ("to stop2 new", ""),
            ("minute", ""),
            ("at 15:54:59", ""),
            ("wait 1", "cancel stop2"),
        ],
    ),
    "what could not be sold before the close is sold at the open": (
        {},
        [
            *PROTECTED,
            ("at 15:55", "cancel stop1"),
            ("down", ""),
            ("night_of_silence", "; ".join(["cancel stop1"] * 29)),
            ("up", ""),
            ("at 09:29:59", ""),
            ("at 09:30:10", f"exit1 {QTY} market"),
            ("fill exit1 186.00", ""),
            ("ends closed flatten_close", ""),
        ],
    ),
}

RESTARTS: dict[str, Scene] = {
    "while the entry works": [
        *BUY,
        ("part entry 0.1 185.50", ""),
        ("restart", ""),
        ("wait 20", "cancel entry"),
        ("to entry canceled", "stop1 0.1 stop 182.72"),
    ],
    "while the entry filled unseen": [
        *BUY,
        ("fill entry 185.50 silently", ""),
        ("restart", STOP),
        ("to stop1 new", ""),
        ("is protected", ""),
    ],
    "before the entry arrived: it is not sent again": [
        ("next submit dropped", ""),
        ("buy", ENTRY),
        ("restart", ""),
        ("wait 190", ""),
        ("ends canceled", ""),
    ],
    "before the stop arrived: it is said again": [
        *BUY,
        ("next submit dropped", ""),
        ("next look_up failed", ""),
        ("fill entry 185.50", STOP),
        ("restart", f"again {STOP}"),
        ("to stop1 new", ""),
        ("is protected", ""),
    ],
    "while the stop works": [*PROTECTED, ("restart", ""), ("is protected", ""), ("wait 5", "")],
    "while the stop works and is filled unseen": [
        *PROTECTED,
        ("fill stop1 182.70 silently", ""),
        ("restart", ""),
        ("ends closed stop", ""),
    ],
    "while the stop is being cancelled for an exit": [
        *PROTECTED,
        ("sell vwap_fail", "cancel stop1"),
        ("to stop1 canceled silently", ""),
        ("restart", f"exit1 {QTY} limit 185.38"),
        ("fill exit1 185.40", ""),
        ("ends closed vwap_fail", ""),
    ],
    "while the exit works": [
        *PROTECTED,
        ("sell vwap_fail", "cancel stop1"),
        ("to stop1 canceled", f"exit1 {QTY} limit 185.38"),
        ("to exit1 new", ""),
        ("restart", ""),
        ("wait 10", "cancel exit1"),
        ("to exit1 canceled", f"exit2 {QTY} market"),
    ],
    "a minute after the crash a position is armed, not sold as long unprotected": [
        *BUY,
        ("down", ""),
        ("fill entry 185.50", ""),
        ("asleep 120", ""),
        ("up", ""),
        ("restart", STOP),
        ("to stop1 new", ""),
        ("wait 5", ""),
        ("is protected", ""),
    ],
}

STRANGERS: dict[str, Scene] = {
    "a foreign position counts and is never touched": [
        ("owns MSFT 2", ""),
        ("minute", ""),
        ("buy MSFT", ""),
        ("verdict symbol_owned", ""),
        ("command flatten", ""),
        ("wait 60", ""),
    ],
    "a foreign order keeps us out of its symbol and is never cancelled": [
        ("stranger by-hand MSFT buy", ""),
        ("minute", ""),
        ("buy MSFT", ""),
        ("verdict pending_order", ""),
        ("command flatten", ""),
        ("wait 60", ""),
    ],
    "an order that looks like ours and is not stops entries": [
        *PROTECTED,
        ("stranger momentum_breakout-MSFT-20261120T1400-entry MSFT buy", ""),
        ("minute", ""),
        ("alarm unknown_own_order", ""),
        ("buy MSFT", ""),
        ("verdict halted", ""),
        ("alarm", ""),
        ("is protected", ""),
    ],
    "a foreign position is told of once two readings show it": [
        ("owns MSFT 2", ""),
        ("wait 31", ""),
        ("alarm", ""),
        ("wait 30", ""),
        ("alarm foreign_position", ""),
        ("wait 120", ""),
        ("alarm", ""),
    ],
    "shares beside ours are told of, counted, and never sold": [
        *PROTECTED,
        ("owns AAPL 1.251752021", ""),
        ("wait 31.9", ""),
        ("alarm", ""),
        ("wait 0.2", ""),
        ("alarm foreign_shares", ""),
        ("is protected", ""),
        ("minute", ""),
        ("sell vwap_fail", "cancel stop1"),
        ("to stop1 canceled", f"exit1 {QTY} limit 185.38"),
        ("fill exit1 185.40", ""),
        ("ends closed vwap_fail", ""),
        ("buy AAPL", ""),
        ("verdict symbol_owned", ""),
        ("alarm foreign_position", ""),
    ],
    "a surplus nobody explained yet holds entries back, and then no longer": [
        *PROTECTED,
        ("wait 40", ""),
        ("owns AAPL 1.251752021", ""),
        ("buy MSFT", ""),
        ("verdict halted", ""),
        ("wait 2", ""),
        ("alarm foreign_shares", ""),
        ("buy MSFT", "entry 0.108576345 limit 430.24"),
    ],
    "shares beside ours that are sold again are nothing to do with us": [
        *PROTECTED,
        ("owns AAPL 1.251752021", ""),
        ("wait 32", ""),
        ("alarm foreign_shares", ""),
        (f"owns AAPL {QTY}", ""),
        ("wait 60", ""),
        ("is protected", ""),
        ("alarm", ""),
    ],
    "a purchase whose news is late is no surplus of others": [
        *BUY,
        ("fill entry 185.50 silently", ""),
        ("read", f"stop1 {QTY} stop 182.72"),
        ("to stop1 new", ""),
        ("wait 60", ""),
        ("alarm", ""),
    ],
    "a resting foreign sale claims a part: the stop guards what is left, and all of it once it is free": [
        *PROTECTED,
        ("stranger by-AAPL-hand AAPL sell 0.1", ""),
        ("to stop1 canceled", "stop2 0.151752021 stop 182.72"),
        ("to stop2 new", ""),
        ("alarm partly_protected", ""),
        ("wait 60", ""),
        ("to hand canceled silently", ""),
        ("wait 30", "cancel stop2"),
        ("to stop2 canceled", f"stop3 {QTY} stop 182.72"),
        ("to stop3 new", ""),
        ("is protected", ""),
        ("alarm", ""),
    ],
    "a difference that cannot be read again is asked about every two seconds and concluded from later": [
        *PROTECTED,
        ("took AAPL 0.1", ""),
        ("wait 30", ""),
        ("down", ""),
        ("wait 300", ""),
        ("alarm broker_unreachable", ""),
        ("up", ""),
        ("wait 2", "cancel stop1"),
        ("alarm position_sold_by_others", ""),
    ],
    "all sold by others: the episode ends, our stop is taken back": [
        *PROTECTED,
        (f"took AAPL {QTY}", ""),
        ("wait 32", "cancel stop1"),
        ("to stop1 canceled", ""),
        ("ends closed sold_by_others", ""),
        ("alarm position_sold_by_others", ""),
    ],
    "one reading that misses shares is no evidence": [
        *PROTECTED,
        ("next positions nothing", ""),
        ("minute", ""),
        ("wait 5", ""),
        ("is protected", ""),
        ("alarm", ""),
    ],
    "books that disagree hold entries back meanwhile": [
        *PROTECTED,
        ("wait 40", ""),
        (f"took AAPL {QTY}", ""),
        ("buy MSFT", ""),
        ("verdict halted", ""),
    ],
    "a sale by hand that our own stop is found to have made is not booked twice": [
        *PROTECTED,
        ("fill stop1 182.70 silently", ""),
        *[("next look_up failed", "")] * 2,
        ("next orders failed", ""),
        ("minute", ""),
        ("wait 10", ""),
        ("ends closed stop", ""),
        ("alarm", ""),
    ],
}

DISK: Scene = [
    *BUY,
    ("disk_full", ""),
    ("fill entry 185.50", STOP),
    ("to stop1 new", ""),
    ("alarm journal_failed", ""),
    ("is protected", ""),
    ("buy MSFT", ""),
    ("verdict halted", ""),
    ("sell vwap_fail", "cancel stop1"),
    ("to stop1 canceled", f"exit1 {QTY} limit 185.38"),
    ("to exit1 new", ""),
    ("wait 10", "cancel exit1"),
    ("to exit1 canceled", f"exit2 {QTY} market"),
    ("fill exit2 185.30", ""),
    ("ends closed vwap_fail", ""),
    ("disk_freed", ""),
    ("buy MSFT", ""),
    ("alarm", ""),
    ("restart", ""),
    ("minute", ""),
    ("buy MSFT", "entry 0.108576345 limit 430.24"),
]


@pytest.mark.parametrize(("changes", "scene"), HALTS.values(), ids=HALTS.keys())
def test_halts(changes: dict[str, Any], scene: Scene) -> None:
    """A halt stops entries and nothing else, latches, and has one documented end."""
    Desk(settings(**changes)).play(scene)


@pytest.mark.parametrize(("changes", "scene"), NIGHTS.values(), ids=NIGHTS.keys())
def test_the_close_and_the_night(changes: dict[str, Any], scene: Scene) -> None:
    """Flat by the close, or protected again in the first second of the next session."""
    Desk(settings(**changes)).play(scene)


OVERNIGHT: dict[str, Scene] = {
    "a split two for one scales quantity, stop and marks": [
        ("split 2 1", ""),
        ("night", ""),
        ("at 09:29:59", ""),
        ("alarm split", ""),
        ("at 09:30", "stop2 0.503504042 stop 91.36"),
        ("to stop2 new", ""),
        ("is protected", ""),
        ("minute", ""),
        ("fill stop2 91.30", ""),
        ("ends closed stop", ""),
    ],
    "a reverse split leaves what the broker's nine decimals hold": [
        ("split 1 3", ""),
        ("night", ""),
        ("at 09:30", "stop2 0.08391734 stop 548.16"),
        ("alarm split", ""),
    ],
    "the same number of shares bought by hand is no split": [
        ("owns AAPL 0.503504042 185.50", ""),
        ("night", ""),
        ("at 09:29:59", ""),
        ("alarm foreign_shares", ""),
        ("at 09:30", f"stop2 {QTY} stop 182.72"),
    ],
    "a symbol that is gone and another that nobody knows are told of": [
        (f"took AAPL {QTY}", ""),
        (f"owns NEWS {QTY}", ""),
        ("night", ""),
        ("at 09:26", ""),
        ("ends closed sold_by_others", ""),
        ("alarm position_sold_by_others", ""),
        ("minute", ""),
        ("alarm foreign_position", ""),
    ],
    "nothing is sold by a level of before the split": [
        ("down", ""),
        ("split 2 1", ""),
        ("night", ""),
        ("at 09:30:20", ""),
        ("alarm broker_unreachable unprotected", ""),
        ("up", ""),
        ("wait 2", ""),
        ("wait 3", "stop2 0.503504042 stop 91.36"),
        ("alarm split", ""),
        ("to stop2 new", ""),
        ("minute", ""),
        ("is protected", ""),
    ],
}


@pytest.mark.parametrize("scene", OVERNIGHT.values(), ids=OVERNIGHT.keys())
def test_what_a_night_does_to_a_position_is_found_out_before_anything_is_sent(scene: Scene) -> None:
    """Splits, new names and strangers' hands (safety F29): two readings decide what happened, then the stop is armed."""
    Desk(settings(params={"hold_overnight": True})).play([*PROTECTED, ("at 15:59:59", ""), *scene])


def test_a_half_day_is_flat_before_its_own_close() -> None:
    """The flatten time comes from the session, not from a habit."""
    desk = Desk(day=HALF_DAY)
    desk.play(
        [
            *PROTECTED,
            ("at 12:54:59", ""),
            ("wait 1", "cancel stop1"),
            ("to stop1 canceled", f"exit1 {QTY} limit 185.38"),
        ]
    )


@pytest.mark.parametrize("scene", RESTARTS.values(), ids=RESTARTS.keys())
def test_a_restart_goes_on_where_the_crash_was(scene: Scene) -> None:
    """Fold the journal, ask the broker, take the next step that is missing."""
    Desk().play(scene)


def test_a_start_protects_before_it_warms_up() -> None:
    """F34: what was bought while nobody was there has its stop before any history is read, however long that takes."""
    desk = Desk()
    desk.play([*BUY, ("fill entry 185.50 unheard", "")])
    desk.broker.asked = []
    desk.play([("restart", STOP)])
    assert desk.broker.asked.index("submit") < desk.broker.asked.index("bars")


def test_no_crash_parts_an_intent_from_its_reason() -> None:
    """INV-21: when an entry is committed, what was decided about its signal is committed with it."""
    desk = Desk()
    desk.play([("buy", ENTRY)])
    entries = desk.journal.entries
    (sent,) = [number for number, entry in enumerate(entries) if isinstance(entry, ev.Approved)]
    assert [entry.client_order_id for entry in entries[:sent] if isinstance(entry, ev.Decided)][-1] == desk.key("entry")


@pytest.mark.parametrize("scene", STRANGERS.values(), ids=STRANGERS.keys())
def test_strangers_in_the_account(scene: Scene) -> None:
    """What others do is counted and respected, and what is ours is kept right."""
    Desk().play(scene)


def test_a_full_disk_stops_entries_and_nothing_else() -> None:
    """Without a journal stops, cancels and exits still go out, a human is told once, and a restart proves it writable."""
    Desk().play(DISK)


def test_the_disk_fills_with_an_entry_in_hand() -> None:
    """The entry whose intent cannot be committed never reaches the broker."""
    desk = Desk()
    desk.play([("disk_full", ""), ("buy", ""), ("alarm journal_failed", ""), ("verdict halted", "")])
    assert desk.broker.orders == {}


@pytest.mark.parametrize(
    ("failure", "said_by_then"), [(AuthRefused("keys"), 1), (Retryable("no request left"), 2)], ids=["keys", "budget"]
)
def test_the_engine_outlives_what_the_broker_says_to_a_write(failure: Exception, said_by_then: int) -> None:
    """Refused keys (tried once a minute) and a closed door are answers: the position is protected all the same."""
    desk = Desk(settings(on_unprotected="alarm"))
    desk.play(BUY)
    desk.broker.script["submit"] = deque([failure])
    desk.do("fill entry 185.50")
    desk.do("wait 58")
    assert len(desk.broker.said) == said_by_then
    desk.do("wait 2")
    assert len(desk.broker.said) == 2
    desk.do(f"to {desk.broker.said[-1].removeprefix('again ').split()[0]} new")
    assert desk.engine.position_states() == {"AAPL": "protected"}


@pytest.mark.parametrize("failure", [AuthRefused("keys"), Retryable("later")], ids=["keys", "later"])
def test_the_engine_outlives_what_the_broker_says_to_a_cancel(failure: Exception) -> None:
    """A cancel nobody took is said again ten seconds later."""
    desk = Desk()
    desk.play(PROTECTED)
    desk.broker.script["cancel"] = deque([failure])
    desk.play([("close", "cancel stop1"), ("wait 9.9", ""), ("wait 0.2", "cancel stop1")])


def test_the_second_signal_of_one_minute_is_not_sent() -> None:
    """An id is a strategy, a symbol and a minute: what was refused is not tried again under the same id."""
    desk = Desk()
    desk.play([("next submit refused insufficient_buying_power", ""), ("buy", ENTRY)])
    signal = desk.last_buy.evaluation.signal
    assert signal is not None
    desk.feed(ev.EntryAsked(desk.clock.now(), signal, D(1)))
    assert desk.last_buy.verdict == "same_minute"
    desk.play([("wait 1", ""), ("buy", ENTRY)])


def test_bars_the_stream_missed_are_asked_for() -> None:
    """At the tick every watched symbol has its newest bar, or the gap is read over REST."""
    desk = Desk()
    desk.told.clear()
    desk.wait(60)
    desk.feed(ev.Tick(desk.clock.now(), desk.belief.session or pytest.fail("no session")))
    (wanted,) = desk.lines(ev.FetchBars)
    assert (wanted.symbols, wanted.start, wanted.end) == (("AAPL", "MSFT"), ny("10:30"), ny("10:31"))


@pytest.mark.parametrize(("read", "asked"), [("assets", ev.FetchAssets), ("bars", ev.FetchHistory)])
def test_what_could_not_be_read_before_the_open_is_read_at_the_next_tick(read: str, asked: type) -> None:
    """A failed reading of assets or history costs a minute, not the day."""
    desk = Desk()
    desk.broker.script[read] = deque([Retryable("later")])
    desk.feed(ev.SessionOpened(desk.clock.now(), hours()))
    desk.told.clear()
    desk.minute()
    assert [action.symbols for action in desk.lines(asked)] == [("AAPL", "MSFT")]
    desk.told.clear()
    desk.minute()
    assert desk.lines(asked) == []


def test_history_that_cannot_be_read_holds_no_position_up() -> None:
    """F34: the minute that asks for it again reads orders, positions and account first."""
    desk = Desk()
    desk.broker.script["bars"] = deque([Retryable("later")])
    desk.feed(ev.SessionOpened(desk.clock.now(), hours()))
    desk.told.clear()
    desk.feed(ev.Tick(desk.clock.now(), hours()))
    (history,) = desk.lines(ev.FetchHistory)
    before = desk.told[: desk.told.index(history)]
    read = [action.what for action in before if isinstance(action, ev.Fetch)]
    assert read == ["orders", "positions", "account", "clock"]


def test_a_stream_that_comes_back_is_followed_by_a_full_reading() -> None:
    """Nothing missed during a disconnect is replayed, so everything is read."""
    desk = Desk()
    desk.told.clear()
    desk.feed(ev.StreamChanged(desk.clock.now(), "trade_updates", False))
    assert desk.alarms == ["stream_lost"]
    assert desk.lines(ev.Fetch) == []
    desk.feed(ev.StreamChanged(desk.clock.now(), "trade_updates", True))
    assert [fetch.what for fetch in desk.lines(ev.Fetch)] == ["orders", "positions", "account"]


def test_a_tighter_stop_setting_reaches_an_open_position_and_a_looser_one_does_not() -> None:
    """A reload never loosens the stop of an open position (INV-20)."""
    desk = Desk()
    desk.play(PROTECTED)
    policy = desk.belief.policy
    assert policy is not None
    for rev, pct, said in (("rev2", 0.03, ""), ("rev3", 0.01, f"stop2 {QTY} stop 183.65 over stop1")):
        desk.feed(ev.ConfigAccepted(desk.clock.now(), rev, settings(stop_loss_pct=pct), policy))
        assert "; ".join(desk.broker.said) == said


def test_who_sleeps_over_the_close_tells_of_the_day_once() -> None:
    """F32: on waking the day is closed by what is read then; the session's end, heard after that, adds nothing."""
    desk = Desk()
    desk.clock.advance_to(hours().close + timedelta(minutes=20))
    desk.feed(ev.Command(desk.clock.now(), "started", "clock", "asleep"))
    desk.feed(ev.SessionClosed(desk.clock.now(), hours()))
    assert len(desk.lines(ev.DayDone)) == 1


def test_an_entry_that_waited_for_another_is_judged_when_it_leaves() -> None:
    """The second of two entries, whose quote was fresh when it was decided, is not sent on it half a minute later."""
    desk = Desk()
    submit = desk.broker.submit_order

    def slow(request: ev.Approved | ev.Resend) -> Order:
        desk.clock.advance_to(desk.clock.now() + timedelta(seconds=31))
        return submit(request)

    desk.broker.submit_order = slow  # type: ignore[method-assign]
    desk.wish("buy", "MSFT")
    desk.do("buy AAPL")
    assert [said for said in desk.broker.said if said.startswith("entry")] == [ENTRY]
    (refused,) = [entry for entry in desk.journal.entries if isinstance(entry, ev.BrokerRefused)]
    assert refused.text == "no_price"


def test_what_only_the_assertions_remember_ends_with_the_day() -> None:
    """INV-25: a process that lives for years keeps nothing of orders that ended."""
    desk = Desk()
    desk.play([*PROTECTED, ("fill stop1 182.70", "")])
    watch = desk.engine._invariants
    assert watch._cumulative
    assert watch._stops
    desk.do("night")
    assert (watch._cumulative, watch._stops) == ({}, {})


def test_an_alarm_said_often_is_remembered_once() -> None:
    """INV-25: what was told today is a list of kinds, however often each was told."""
    desk = Desk()
    for _ in range(3):
        desk.feed(ev.StreamChanged(desk.clock.now(), "trade_updates", False))
    assert desk.belief.risk.warned.count("stream_lost:") == 1


def test_the_day_ends_with_its_summary() -> None:
    """Rows get the day's rounded fees, the summary counts what happened, status is published."""
    desk = Desk()
    desk.play([*HELD, ("to stop1 new", ""), ("fill stop1 182.70", ""), ("ends closed stop", "")])
    closed_at = desk.row.closed_at
    desk.do("night")
    (done,) = desk.lines(ev.DayDone)
    assert (done.summary.trades, done.summary.losses, done.summary.orders_sent) == (1, 1, 2)
    assert str(done.summary.fees) == "0.03"
    assert (desk.row.fees, desk.row.closed_at) == (done.summary.fees, closed_at)


def test_rows_after_a_restart_are_the_rows_of_before() -> None:
    """A closed trade keeps its closing time and result when the engine that saw it is gone."""
    desk = Desk()
    desk.play([*PROTECTED, ("fill stop1 182.70", ""), ("ends closed stop", "")])
    closed_at = desk.row.closed_at
    desk.play([("wait 60", ""), ("restart", ""), ("night", "")])
    assert closed_at is not None
    assert desk.row.closed_at == closed_at


# ---------------------------------------------------------------- what a broker, a market and a clock can do to us

DOUBTS: dict[str, Scene] = {
    "a reading that failed at the tick lets no entry in (F8)": [
        ("next orders failed", ""),
        ("buy", ""),
        ("verdict halted", ""),
        ("buy", ENTRY),
    ],
    "after a start nothing is bought before everything was read once (F34, F53)": [
        *[("next positions failed", "")] * 2,
        ("restart", ""),
        *[("next positions failed", "")] * 3,
        ("buy", ""),
        ("verdict halted", ""),
        ("buy", ENTRY),
    ],
    "who slept reads everything before he decides (F32)": [
        ("asleep 600", ""),
        ("minute", ""),
        ("alarm time_jumped", ""),
        ("buy", ENTRY),
    ],
    "and buys nothing while that fails": [
        ("asleep 600", ""),
        *[("next positions failed", "")] * 9,
        ("minute", ""),
        ("buy", ""),
        ("verdict halted", ""),
    ],
    "refused keys stop entries, are told once, and are no reason to try a stop more than once a minute (F9)": [
        *HELD,
        ("to stop1 canceled", f"stop2 {QTY} stop 182.72"),
        ("next submit keys", ""),
        ("to stop2 canceled", f"stop3 {QTY} stop 182.72"),
        ("alarm keys_refused", ""),
        ("wait 5", ""),
        ("alarm unprotected", ""),
        ("wait 54", ""),
        ("wait 1", f"stop4 {QTY} stop 182.72; cancel stop4"),
        ("to stop4 canceled", f"exit1 {QTY} market"),
    ],
    "while keys are refused nothing is bought; the first reading that works ends it": [
        *[("next positions keys", "")] * 1,
        *[("next account keys", "")] * 1,
        *[("next clock keys", "")] * 1,
        *[("next quotes keys", "")] * 1,
        ("buy", ""),
        ("verdict halted", ""),
        ("alarm keys_refused", ""),
        ("buy", ENTRY),
    ],
    "a blocked account is read at once, halts, and a sale is tried once a minute (F42)": [
        *PROTECTED,
        ("block", ""),
        ("next submit refused blocked", ""),
        ("to stop1 canceled", f"stop2 {QTY} stop 182.72"),
        ("alarm broker_refused_blocked halt_account_blocked", ""),
        ("wait 58", ""),
        ("alarm unprotected", ""),
        ("wait 2", f"stop3 {QTY} stop 182.72; cancel stop3"),
        ("to stop3 canceled", f"exit1 {QTY} market"),
    ],
    "a wash trade names a buy of ours that was given up: it is cancelled once, and the stop goes out (F11)": [
        ("next submit late", ""),
        ("buy", ENTRY),
        ("wait 190", ""),
        ("ends canceled", ""),
        ("buy", ENTRY),
        ("fill entry 185.50", STOP),
        ("to stop1 new", ""),
        ("arrive", ""),
        ("next submit refused wash_trade", ""),
        ("to stop1 canceled", f"stop2 {QTY} stop 182.72; cancel entry"),
        ("alarm order_stuck broker_refused_wash_trade", ""),
        ("wait 1", f"stop3 {QTY} stop 182.72"),
    ],
    "a replacement that was refused in words and stands is found by its predecessor's end (F5)": [
        *PROTECTED,
        ("minute", ""),
        ("bid 189.10", ""),
        ("wait 2", ""),
        ("next submit applied not_replaceable", ""),
        ("bar 189.10 189.21", f"stop2 {QTY} stop 187.31 over stop1; cancel stop1"),
        ("to stop2 new silently", ""),
        ("to stop1 replaced", ""),
        ("is protected", ""),
        ("wait 60", ""),
        ("alarm broker_refused_not_replaceable", ""),
    ],
    "three broken bars in a row are told (F24)": [
        ("broken", ""),
        ("broken", ""),
        ("alarm", ""),
        ("broken", ""),
        ("broken", ""),
        ("alarm bad_bars", ""),
        ("bar 185.50 185.60", ""),
        ("broken", ""),
        ("alarm", ""),
    ],
    "a broker's clock that says closed is believed (F30)": [
        ("clock 0 closed", ""),
        ("buy", ""),
        ("verdict halted", ""),
        ("alarm closed_at_broker", ""),
        ("clock 0 open", ""),
        ("buy", ENTRY),
    ],
    "a close earlier than ours is taken over: flat before it (F30)": [
        *PROTECTED,
        ("clock 0 11:00", ""),
        ("minute", ""),
        ("at 10:54:59", ""),
        ("wait 1", "cancel stop1"),
        ("to stop1 canceled", f"exit1 {QTY} limit 185.38"),
    ],
    "a clock 3 s off is told, 31 s off lets no entry in (F32)": [
        ("clock 3 open", ""),
        ("buy", ENTRY),
        ("alarm clock_skew", ""),
        ("to entry canceled", ""),
        ("clock -31 open", ""),
        ("buy MSFT", ""),
        ("verdict halted", ""),
    ],
    "an exit that never gets to work is told, taken back, and said again (F21)": [
        *PROTECTED,
        ("sell vwap_fail", "cancel stop1"),
        ("next cancel ignored", ""),
        ("to stop1 canceled", f"exit1 {QTY} limit 185.38"),
        ("wait 10", "cancel exit1"),
        ("wait 10", "cancel exit1"),
        ("to exit1 canceled", f"exit2 {QTY} market"),
        ("wait 59", ""),
        ("alarm", ""),
        ("wait 1", "cancel exit2"),
        ("alarm order_stuck", ""),
        ("to exit2 canceled", f"exit3 {QTY} market"),
    ],
    "an exit at work in a halted market is told, and left where it is (F27)": [
        *PROTECTED,
        ("at 15:55", "cancel stop1"),
        ("to stop1 canceled", f"exit1 {QTY} limit 185.38"),
        ("to exit1 new", ""),
        ("wait 10", "cancel exit1"),
        ("to exit1 canceled", f"exit2 {QTY} market"),
        ("to exit2 new", ""),
        ("wait 200", ""),
        ("alarm order_stuck", ""),
        ("fill exit2 150.00", ""),
        ("ends closed flatten_close", ""),
    ],
    "dust that nobody takes is written off and told (F45)": [
        *BUY,
        ("part entry 0.001 185.50", ""),
        *[("next submit refused other", "")] * 3,
        ("wait 20", "cancel entry"),
        ("to entry canceled", "stop1 0.001 stop 182.72"),
        ("wait 1", "stop2 0.001 stop 182.72"),
        ("wait 1", "stop3 0.001 stop 182.72"),
        ("ends closed dust", ""),
        ("wait 100", ""),
    ],
    "dust whose exit nobody takes is written off too": [
        *BUY,
        ("part entry 0.001 185.50", ""),
        ("wait 20", "cancel entry"),
        ("to entry canceled", "stop1 0.001 stop 182.72"),
        ("to stop1 new", ""),
        ("close", "cancel stop1"),
        *[("next submit refused other", "")] * 3,
        ("to stop1 canceled", "exit1 0.001 limit 185.38"),
        ("wait 1", "exit2 0.001 market"),
        ("wait 1", "exit3 0.001 market"),
        ("ends closed asked", ""),
    ],
    "stops that follow one another fast are told, and none is held back (INV-11)": [
        *HELD,
        *[(f"to stop{n} canceled", f"stop{n + 1} {QTY} stop 182.72") for n in range(1, 6)],
        ("alarm", ""),
        ("to stop6 canceled", f"stop7 {QTY} stop 182.72"),
        ("alarm protection_rate", ""),
        ("to stop7 canceled", f"stop8 {QTY} stop 182.72"),
        ("alarm", ""),
    ],
}


@pytest.mark.parametrize("scene", DOUBTS.values(), ids=DOUBTS.keys())
def test_what_the_broker_the_market_and_the_clock_can_do(scene: Scene) -> None:
    """Every doubt stops entries and is told once; protection goes on, at a pace that hammers nobody (safety 4)."""
    Desk().play(scene)
