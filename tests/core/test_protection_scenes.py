"""Scenes of protection, event by event: what the engine says to the broker, and when (domain 5, safety F10-F16)."""

from typing import Any

import pytest

from tests.core.desk import Desk, Scene, settings

QTY = "0.251752021"
BUY: Scene = [("buy", f"entry {QTY} limit 185.60"), ("to entry new", "")]
HELD: Scene = [*BUY, ("fill entry 185.50", f"stop1 {QTY} stop 182.72")]
PROTECTED: Scene = [*HELD, ("to stop1 new", ""), ("is protected", "")]
CLOSE_AT_TARGET: dict[str, Any] = {"params": {"on_target": "close"}}

ENTERING: dict[str, Scene] = {
    "entry, fill, stop, protected": [
        *BUY,
        ("is entering", ""),
        ("fill entry 185.50", f"stop1 {QTY} stop 182.72"),
        ("is arming", ""),
        ("to stop1 new", ""),
        ("is protected", ""),
        ("alarm", ""),
        ("wait 30", ""),
    ],
    "the stop is anchored to the fill, not to the signal": [
        *BUY,
        ("fill entry 184.00", f"stop1 {QTY} stop 181.24"),
    ],
    "a partial fill waits for the rest, is cut off after 20 s, and what is held is protected": [
        *BUY,
        ("part entry 0.1 185.50", ""),
        ("wait 19.9", ""),
        ("wait 0.2", "cancel entry"),
        ("is entering", ""),
        ("to entry canceled", "stop1 0.1 stop 182.72"),
        ("to stop1 new", ""),
        ("is protected", ""),
    ],
    "the rest fills while the cancel is on its way: the stop covers everything": [
        *BUY,
        ("part entry 0.1 185.50", ""),
        ("wait 20", "cancel entry"),
        ("fill entry 185.60", f"stop1 {QTY} stop 182.78"),
    ],
    "an entry that never fills is cancelled and nothing is left": [
        *BUY,
        ("wait 20", "cancel entry"),
        ("to entry canceled", ""),
        ("ends canceled", ""),
        ("alarm", ""),
    ],
    "the cancel of an entry that came to nothing is said again after 10 s": [
        *BUY,
        ("wait 19", ""),
        ("next cancel ignored", ""),
        ("wait 1", "cancel entry"),
        ("wait 9.9", ""),
        ("wait 0.2", "cancel entry"),
        ("to entry canceled", ""),
        ("ends canceled", ""),
    ],
    "the stop level is touched while a partly filled entry still works: the entry is cut off, then all is sold": [
        *BUY,
        ("part entry 0.1 185.50", ""),
        ("bid 182.72", ""),
        ("look", "cancel entry"),
        ("to entry canceled", "exit1 0.1 market"),
        ("fill exit1 182.70", ""),
        ("ends closed stop_breached", ""),
    ],
    "a rejected entry ends the episode": [*BUY, ("to entry rejected", ""), ("ends rejected", "")],
    "a refused entry ends the episode": [
        ("next submit refused insufficient_buying_power", ""),
        ("buy", f"entry {QTY} limit 185.60"),
        ("alarm broker_refused_insufficient_buying_power", ""),
        ("ends rejected", ""),
    ],
}

ARMING: dict[str, Scene] = {
    "arming waits for a reading of the position": [
        *BUY,
        ("next positions failed", ""),
        ("fill entry 185.50", ""),
        ("is arming", ""),
        ("wait 1.9", ""),
        ("wait 0.2", f"stop1 {QTY} stop 182.72"),
        ("to stop1 new", ""),
        ("alarm", ""),
    ],
    "a position the broker does not show yet is waited for": [
        *BUY,
        ("next positions nothing", ""),
        ("fill entry 185.50", ""),
        ("wait 2", f"stop1 {QTY} stop 182.72"),
    ],
    "where positions cannot be read at all, our own ledger must do": [
        *BUY,
        ("next positions failed", ""),
        ("next positions failed", ""),
        ("next positions failed", ""),
        ("fill entry 185.50", ""),
        ("wait 2", f"stop1 {QTY} stop 182.72"),
    ],
    "a position that reads as gone for five seconds after its fill is not given up": [
        *BUY,
        *[("next positions nothing", "")] * 3,
        ("fill entry 185.50", ""),
        ("wait 5", ""),
        ("wait 2", f"stop1 {QTY} stop 182.72"),
        ("to stop1 new", ""),
        ("is protected", ""),
        ("alarm unprotected", ""),
    ],
    "a stop through the market is a market sale at once": [
        *BUY,
        ("next submit refused stop_through_market", ""),
        ("fill entry 185.50", f"stop1 {QTY} stop 182.72; exit1 {QTY} market"),
        ("is exiting", ""),
        ("fill exit1 182.60", ""),
        ("ends closed stop_breached", ""),
    ],
    "a bid at the stop level when arming is a market sale at once": [
        *BUY,
        ("bid 182.72", ""),
        ("fill entry 185.50", f"stop1 {QTY} stop 182.72"),  # the last quote is the entry's own
        ("to stop1 rejected", ""),
        ("look", f"exit1 {QTY} market"),
    ],
    "a wash-trade refusal is tried again after a second": [
        *BUY,
        ("next submit refused wash_trade", ""),
        ("fill entry 185.50", f"stop1 {QTY} stop 182.72"),
        ("alarm broker_refused_wash_trade", ""),
        ("wait 0.9", ""),
        ("wait 0.2", f"stop2 {QTY} stop 182.72"),
        ("to stop2 new", ""),
        ("is protected", ""),
    ],
    "insufficient quantity: the position is read again before the next stop": [
        *BUY,
        ("next submit refused insufficient_qty", ""),
        ("fill entry 185.50", f"stop1 {QTY} stop 182.72"),
        ("took AAPL 0.05", ""),
        ("wait 1", "stop2 0.201752021 stop 182.72"),
    ],
    "three failures: alarm, unprotected, and tried less often": [
        *BUY,
        *[("next submit refused other", "")] * 9,
        ("fill entry 185.50", f"stop1 {QTY} stop 182.72"),
        ("alarm broker_refused_other", ""),
        ("wait 1", f"stop2 {QTY} stop 182.72"),
        ("alarm broker_refused_other", ""),
        ("is arming", ""),
        ("wait 1", f"stop3 {QTY} stop 182.72"),
        ("alarm broker_refused_other unprotected", ""),
        ("is unprotected", ""),
        ("wait 4.9", ""),
        ("wait 0.2", f"stop4 {QTY} stop 182.72"),
        ("alarm broker_refused_other", ""),
    ],
    "a stop that is accepted but never works is an alarm after 5 s": [
        *HELD,
        ("wait 4.9", ""),
        ("alarm", ""),
        ("is arming", ""),
        ("wait 0.2", ""),
        ("alarm unprotected", ""),
        ("is unprotected", ""),
        ("to stop1 new", ""),
        ("is protected", ""),
    ],
    "news of a working stop that was lost is asked for in time": [
        *HELD,
        ("to stop1 new silently", ""),
        ("wait 2.1", ""),
        ("is protected", ""),
        ("alarm", ""),
    ],
    "unprotected a second time is alarmed a second time": [
        *HELD,
        ("wait 5", ""),
        ("alarm unprotected", ""),
        ("to stop1 new", ""),
        ("to stop1 canceled", f"stop2 {QTY} stop 182.72"),
        ("wait 5", ""),
        ("alarm unprotected", ""),
    ],
    "a stop cancelled by somebody else is put back": [
        *PROTECTED,
        ("wait 600", ""),
        ("to stop1 canceled", f"stop2 {QTY} stop 182.72"),
        ("to stop2 new", ""),
        ("is protected", ""),
    ],
    "a rejected stop is followed by another": [
        *PROTECTED,
        ("to stop1 rejected", ""),
        ("wait 1", f"stop2 {QTY} stop 182.72"),
    ],
    "somebody sells a part by hand: first the stop shrinks": [
        *PROTECTED,
        ("took AAPL 0.1", ""),
        ("wait 31.9", ""),
        ("wait 0.2", "cancel stop1"),
        ("alarm position_sold_by_others", ""),
        ("to stop1 canceled", "stop2 0.151752021 stop 182.72"),
        ("to stop2 new", ""),
        ("is protected", ""),
    ],
}

UNPROTECTED_FOR_A_MINUTE: Scene = [
    ("fill entry 185.50", f"stop1 {QTY} stop 182.72"),
    *[("wait 1", f"stop{n} {QTY} stop 182.72") for n in (2, 3)],
    *[("wait 5", f"stop{n} {QTY} stop 182.72") for n in range(4, 14)],
    ("wait 5", f"stop14 {QTY} stop 182.72"),
]

HELD_A_MINUTE: Scene = [*PROTECTED, ("minute", "")]

TRAILING: dict[str, Scene] = {
    "one cent short of the activation nothing moves": [
        *HELD_A_MINUTE,
        ("bid 189.10", ""),
        ("minute 189.10 189.20", ""),
    ],
    "at the activation the stop is raised in place": [
        *HELD_A_MINUTE,
        ("bid 189.10", ""),
        ("minute 189.10 189.21", f"stop2 {QTY} stop 187.31 over stop1"),
        ("is replacing", ""),
        ("to stop1 replaced", ""),
        ("to stop2 new", ""),
        ("is protected", ""),
        ("fill stop2 187.25", ""),
        ("ends closed trail_stop", ""),
    ],
    "a raise below 0.1 % is not worth a message, and one a minute is enough": [
        *HELD_A_MINUTE,
        ("bid 189.10", ""),
        ("minute 189.10 189.21", f"stop2 {QTY} stop 187.31 over stop1"),
        ("to stop1 replaced", ""),
        ("to stop2 new", ""),
        ("minute 189.10 189.39", ""),  # 187.49: 0.0961 % more
        ("minute 189.10 189.40", f"stop3 {QTY} stop 187.50 over stop2"),
        ("to stop2 replaced", ""),
        ("to stop3 new", ""),
        ("minute 190.10 191.00", f"stop4 {QTY} stop 189.09 over stop3"),
    ],
    "a second raise within the same minute waits for the minute to end": [
        *HELD_A_MINUTE,
        ("bid 190.50", ""),
        ("wait 20", ""),
        ("bar 190.50 190.50", f"stop2 {QTY} stop 188.59 over stop1"),
        ("to stop1 replaced", ""),
        ("to stop2 new", ""),
        ("bar 192.00 192.00", ""),
        ("wait 59", ""),
        ("wait 1", f"stop3 {QTY} stop 190.08 over stop2"),
    ],
    "the stop never goes down": [
        *HELD_A_MINUTE,
        ("bid 189.10", ""),
        ("minute 189.10 190.00", f"stop2 {QTY} stop 188.10 over stop1"),
        ("to stop1 replaced", ""),
        ("to stop2 new", ""),
        *[("minute 188.50 188.60", "")] * 5,
        ("is protected", ""),
    ],
    "a refused raise is made by cancel, confirm, submit": [
        *HELD_A_MINUTE,
        ("bid 189.10", ""),
        ("next submit refused not_replaceable", ""),
        ("minute 189.10 189.21", f"stop2 {QTY} stop 187.31 over stop1; cancel stop1"),
        ("to stop1 canceled", f"stop3 {QTY} stop 187.31"),
        ("to stop3 new", ""),
        ("is protected", ""),
        ("alarm broker_refused_not_replaceable", ""),
    ],
    "the cancel of a raise that came to nothing is said again": [
        *HELD_A_MINUTE,
        ("bid 189.10", ""),
        ("next submit refused not_replaceable", ""),
        ("next cancel dropped", ""),
        ("minute 189.10 189.21", f"stop2 {QTY} stop 187.31 over stop1; cancel stop1"),
        ("is protected", ""),
        ("wait 10", "cancel stop1"),
        ("to stop1 canceled", f"stop3 {QTY} stop 187.31"),
    ],
    "a raise refused because the market fell through it is a sale": [
        *HELD_A_MINUTE,
        ("bid 189.10", ""),
        ("next submit refused stop_through_market", ""),
        ("minute 189.10 189.21", f"stop2 {QTY} stop 187.31 over stop1; cancel stop1"),
        ("to stop1 canceled", f"exit1 {QTY} market"),
        ("fill exit1 187.20", ""),
        ("ends closed trail_stop", ""),
    ],
    "a raise whose answer is lost is looked up": [
        *HELD_A_MINUTE,
        ("bid 189.10", ""),
        ("next submit lost", ""),
        ("minute 189.10 189.21", f"stop2 {QTY} stop 187.31 over stop1"),
        ("to stop1 replaced", ""),
        ("to stop2 new", ""),
        ("is protected", ""),
    ],
    "a raise that never arrived is said again under its id": [
        *HELD_A_MINUTE,
        ("bid 189.10", ""),
        ("next submit dropped", ""),
        ("minute 189.10 189.21", f"stop2 {QTY} stop 187.31 over stop1; again stop2 {QTY} stop 187.31 over stop1"),
        ("to stop1 replaced", ""),
        ("to stop2 new", ""),
        ("is protected", ""),
    ],
    "the old stop fills before it is replaced: nothing is added up": [
        *HELD_A_MINUTE,
        ("bid 189.10", ""),
        ("minute 189.10 189.21", f"stop2 {QTY} stop 187.31 over stop1"),
        ("fill stop1 182.70", "cancel stop2"),
        ("to stop2 rejected", ""),
        ("ends closed trail_stop", ""),
    ],
    "news that the old stop was replaced is found out by the next list of open orders": [
        *HELD_A_MINUTE,
        ("bid 189.10", ""),
        ("minute 189.10 189.21", f"stop2 {QTY} stop 187.31 over stop1"),
        ("to stop1 replaced silently", ""),
        ("to stop2 new", ""),
        ("minute 189.10 189.10", ""),
        ("is protected", ""),
    ],
}

EXITING: dict[str, Scene] = {
    "exit: cancel, confirm, read, sell at a limit, after 10 s at market": [
        *PROTECTED,
        ("sell vwap_fail", "cancel stop1"),
        ("is exiting", ""),
        ("to stop1 canceled", f"exit1 {QTY} limit 185.38"),
        ("to exit1 new", ""),
        ("wait 9.9", ""),
        ("wait 0.2", "cancel exit1"),
        ("to exit1 canceled", f"exit2 {QTY} market"),
        ("fill exit2 185.40", ""),
        ("ends closed vwap_fail", ""),
        ("alarm", ""),
    ],
    "only what is left is sold after a partial exit": [
        *PROTECTED,
        ("sell rsi_overbought", "cancel stop1"),
        ("to stop1 canceled", f"exit1 {QTY} limit 185.38"),
        ("to exit1 new", ""),
        ("part exit1 0.1 185.38", ""),
        ("wait 10", "cancel exit1"),
        ("to exit1 canceled", "exit2 0.151752021 market"),
        ("fill exit2 185.30", ""),
        ("ends closed rsi_overbought", ""),
    ],
    "the cancel loses the race: the stop sold everything, nothing is sold twice": [
        *PROTECTED,
        ("sell vwap_fail", "cancel stop1"),
        ("fill stop1 182.70", ""),
        ("ends closed stop", ""),
        ("wait 120", ""),
    ],
    "the cancel loses half the race: only the rest is sold": [
        *PROTECTED,
        ("sell vwap_fail", "cancel stop1"),
        ("part stop1 0.2 182.70", ""),
        ("to stop1 canceled", "exit1 0.051752021 limit 185.38"),
    ],
    "a cancel whose effect was not told is asked about": [
        *PROTECTED,
        ("sell vwap_fail", "cancel stop1"),
        ("to stop1 canceled silently", ""),
        ("wait 2.1", f"exit1 {QTY} limit 185.38"),
    ],
    "a refused cancel is asked about, and said again after 10 s, not at once": [
        *PROTECTED,
        ("next cancel refused other", ""),
        ("sell vwap_fail", "cancel stop1"),
        ("wait 9.9", ""),
        ("wait 0.2", "cancel stop1"),
        ("to stop1 canceled", f"exit1 {QTY} limit 185.38"),
        ("alarm broker_refused_other", ""),
    ],
    "the cancel is refused because the stop has filled: it is looked up and that is the end": [
        *PROTECTED,
        ("fill stop1 182.70 silently", ""),
        ("close", "cancel stop1"),
        ("ends closed stop", ""),
        ("alarm", ""),
    ],
    "an exit is read before it is sold: shares that are still held back are waited for": [
        *PROTECTED,
        ("sell vwap_fail", "cancel stop1"),
        ("next positions failed", ""),
        ("to stop1 canceled", ""),
        ("wait 2", f"exit1 {QTY} limit 185.38"),
    ],
    "an exit rejected three times gives way to a stop and is tried again after a minute": [
        *PROTECTED,
        ("sell vwap_fail", "cancel stop1"),
        ("to stop1 canceled", f"exit1 {QTY} limit 185.38"),
        ("to exit1 rejected", ""),
        ("wait 1", f"exit2 {QTY} market"),
        ("to exit2 rejected", ""),
        ("wait 1", f"exit3 {QTY} market"),
        ("to exit3 rejected", f"stop2 {QTY} stop 182.72"),
        ("to stop2 new", ""),
        ("is protected", ""),
        ("wait 59.9", ""),
        ("wait 0.2", "cancel stop2"),
        ("to stop2 canceled", f"exit4 {QTY} market"),
        ("fill exit4 185.00", ""),
        ("ends closed vwap_fail", ""),
    ],
    "a postponed exit waits no longer when the market is through the stop": [
        *PROTECTED,
        ("sell vwap_fail", "cancel stop1"),
        ("to stop1 canceled", f"exit1 {QTY} limit 185.38"),
        ("to exit1 rejected", ""),
        ("wait 1", f"exit2 {QTY} market"),
        ("to exit2 rejected", ""),
        ("wait 1", f"exit3 {QTY} market"),
        ("next submit refused stop_through_market", ""),
        ("to exit3 rejected", f"stop2 {QTY} stop 182.72; exit4 {QTY} market"),
        ("to exit4 new", ""),
        ("wait 8", ""),
        ("is exiting", ""),
        ("fill exit4 182.60", ""),
        ("ends closed vwap_fail", ""),
    ],
    "a strategy's exit is decided once": [
        *PROTECTED,
        ("sell vwap_fail", "cancel stop1"),
        ("close", ""),
        ("to stop1 canceled", f"exit1 {QTY} limit 185.38"),
        ("close", ""),
        ("fill exit1 185.40", ""),
        ("ends closed vwap_fail", ""),
    ],
    "an exit lost on the way is said again under its id": [
        *PROTECTED,
        ("sell vwap_fail", "cancel stop1"),
        ("next submit dropped", ""),
        ("to stop1 canceled", f"exit1 {QTY} limit 185.38; again exit1 {QTY} limit 185.38"),
        ("to exit1 new", ""),
        ("fill exit1 185.40", ""),
        ("ends closed vwap_fail", ""),
    ],
    "an exit whose answer was lost is looked up, not repeated": [
        *PROTECTED,
        ("sell vwap_fail", "cancel stop1"),
        ("next submit lost", ""),
        ("to stop1 canceled", f"exit1 {QTY} limit 185.38"),
        ("fill exit1 185.40", ""),
        ("ends closed vwap_fail", ""),
    ],
    "an exit that arrives late is refused its second copy and counts once": [
        *PROTECTED,
        ("sell vwap_fail", "cancel stop1"),
        ("next submit late", ""),
        ("next submit late", ""),
        ("to stop1 canceled", f"exit1 {QTY} limit 185.38; again exit1 {QTY} limit 185.38"),
        ("arrive", ""),
        ("wait 2", ""),
        ("is exiting", ""),
        ("fill exit1 185.40", ""),
        ("ends closed vwap_fail", ""),
    ],
    "sold by hand while our exit is unknown: it is given up when nobody knows it": [
        *PROTECTED,
        ("sell vwap_fail", "cancel stop1"),
        ("to stop1 canceled silently", ""),
        (f"took AAPL {QTY}", ""),
        ("next submit refused insufficient_qty", ""),
        ("wait 30", ""),
        ("alarm position_sold_by_others", ""),
        ("ends closed vwap_fail", ""),
    ],
}

UNKNOWN: dict[str, Scene] = {
    "an entry's lost answer is looked up at once": [
        ("next submit lost", ""),
        ("buy", f"entry {QTY} limit 185.60"),
        ("fill entry 185.50", f"stop1 {QTY} stop 182.72"),
    ],
    "an entry that filled while nobody listened is found by asking": [
        ("next submit lost", ""),
        ("next look_up failed", ""),
        ("buy", f"entry {QTY} limit 185.60"),
        ("fill entry 185.50 silently", ""),
        ("wait 2", f"stop1 {QTY} stop 182.72"),
    ],
    "an entry nobody knows is never sent again, and let go after three minutes": [
        ("next submit dropped", ""),
        ("buy", f"entry {QTY} limit 185.60"),
        ("wait 179", ""),
        ("is entering", ""),
        ("wait 3", ""),
        ("ends canceled", ""),
    ],
    "reads that fail are no evidence: the three minutes need three answers": [
        ("next submit dropped", ""),
        *[("next look_up failed", "")] * 100,
        ("buy", f"entry {QTY} limit 185.60"),
        ("wait 190", ""),
        ("is entering", ""),
        ("wait 170", ""),
        ("is entering", ""),
        ("wait 20", ""),
        ("ends canceled", ""),
    ],
    "an entry that arrives late, after its time, is cancelled": [
        ("next submit late", ""),
        ("buy", f"entry {QTY} limit 185.60"),
        ("wait 60", ""),
        ("arrive", ""),
        ("wait 2", "cancel entry"),
        ("to entry canceled", ""),
        ("ends canceled", ""),
    ],
    "an entry that arrives and fills after it was given up is adopted and protected": [
        ("next submit late", ""),
        ("buy", f"entry {QTY} limit 185.60"),
        ("wait 190", ""),
        ("ends canceled", ""),
        ("arrive", ""),
        ("fill entry 185.50", f"stop1 {QTY} stop 182.72"),
        ("to stop1 new", ""),
        ("is protected", ""),
    ],
    "an entry that turns up working after it was given up is adopted and cancelled": [
        ("next submit late", ""),
        ("buy", f"entry {QTY} limit 185.60"),
        ("wait 190", ""),
        ("arrive", ""),
        ("minute", "cancel entry"),
        ("to entry canceled", ""),
        ("ends canceled", ""),
    ],
    "a cancelled entry that filled after all is protected": [
        *BUY,
        ("wait 20", "cancel entry"),
        ("to entry canceled", ""),
        ("ends canceled", ""),
        ("part entry 0.1 185.50 silently", ""),
        ("to entry canceled", "stop1 0.1 stop 182.72"),
        ("to stop1 new", ""),
        ("is protected", ""),
    ],
    "a stop's lost answer is looked up": [
        *BUY,
        ("next submit lost", ""),
        ("fill entry 185.50", f"stop1 {QTY} stop 182.72"),
        ("to stop1 new", ""),
        ("is protected", ""),
    ],
    "a stop that never arrived is said again under its id": [
        *BUY,
        ("next submit dropped", ""),
        ("fill entry 185.50", f"stop1 {QTY} stop 182.72; again stop1 {QTY} stop 182.72"),
        ("to stop1 new", ""),
        ("is protected", ""),
    ],
    "a stop that arrived late meets its own copy: the duplicate is looked up, not believed": [
        *BUY,
        ("next submit late", ""),
        ("next look_up failed", ""),
        ("fill entry 185.50", f"stop1 {QTY} stop 182.72"),
        ("arrive", ""),
        ("wait 2", ""),
        ("to stop1 new", ""),
        ("is protected", ""),
    ],
    "a duplicate id is a question, not a rejection; said once, somebody else has used it": [
        ("next submit refused duplicate_id", ""),
        ("buy", f"entry {QTY} limit 185.60"),
        ("is entering", ""),
        ("ends_not", ""),
        ("alarm unknown_own_order", ""),
        ("buy MSFT", ""),
        ("verdict halted", ""),
    ],
    "an outage of the broker: nothing is concluded, and all is caught up with afterwards": [
        *BUY,
        ("down", ""),
        ("fill entry 185.50", ""),
        ("wait 4", f"stop1 {QTY} stop 182.72"),
        ("wait 36", ""),
        ("alarm unprotected", ""),
        ("up", ""),
        ("wait 2", f"again stop1 {QTY} stop 182.72"),
        ("to stop1 new", ""),
    ],
}


def _ids(table: dict[str, Scene]) -> list[Any]:
    return [pytest.param(scene, id=name) for name, scene in table.items()]


@pytest.mark.parametrize("scene", _ids(ENTERING))
def test_an_entry_ends_protected_or_flat(scene: Scene) -> None:
    """Whatever an entry comes to, what is held of it gets its stop."""
    Desk().play(scene)


@pytest.mark.parametrize("scene", _ids(ARMING))
def test_a_position_gets_and_keeps_its_stop(scene: Scene) -> None:
    """Refusals, lost news and strangers delay a stop, and never end the trying."""
    Desk().play(scene)


@pytest.mark.parametrize("scene", _ids(TRAILING))
def test_the_stop_trails(scene: Scene) -> None:
    """The stop follows the high-water mark by replacing, upwards only, sparingly."""
    Desk().play(scene)


@pytest.mark.parametrize("scene", _ids(EXITING))
def test_an_exit_sells_once(scene: Scene) -> None:
    """Cancel, confirm, read, sell: each step only when the one before is known to be done."""
    Desk().play(scene)


@pytest.mark.parametrize("scene", _ids(UNKNOWN))
def test_unknown_is_a_state(scene: Scene) -> None:
    """Only the broker's evidence ends a doubt; entries are never said twice, protection is, under the same id."""
    Desk().play(scene)


def test_a_minute_without_a_stop_sells_at_market() -> None:
    """By default a position that cannot be protected for 60 s is sold."""
    desk = Desk()
    desk.play([*BUY, *[("next submit refused other", "")] * 14, *UNPROTECTED_FOR_A_MINUTE, ("wait 2.9", "")])
    desk.play([("wait 0.1", f"exit1 {QTY} market"), ("fill exit1 185.40", ""), ("ends closed unprotected", "")])


def test_a_minute_without_a_stop_can_be_left_to_the_human() -> None:
    """With on_unprotected "alarm" the engine goes on trying and holds the stop itself."""
    desk = Desk(settings(on_unprotected="alarm"))
    refusals: Scene = [("next submit refused other", "")] * 15
    desk.play(
        [*BUY, *refusals, *UNPROTECTED_FOR_A_MINUTE, ("wait 4.9", ""), ("is unprotected", ""), ("bid 182.70", "")]
    )
    desk.play([("wait 0.1", f"stop15 {QTY} stop 182.72; exit1 {QTY} market"), ("fill exit1 182.65", "")])
    desk.play([("ends closed stop_breached", "")])


TARGETS: dict[str, tuple[dict[str, Any], Scene]] = {
    "a fresh bid at the target sells": (
        CLOSE_AT_TARGET,
        [
            *PROTECTED,
            ("bid 189.20", ""),
            ("minute", ""),
            ("bid 189.21", ""),
            ("minute", "cancel stop1"),
            ("to stop1 canceled", f"exit1 {QTY} limit 189.11"),
            ("fill exit1 189.21", ""),
            ("ends closed target", ""),
        ],
    ),
    "a bar that touched the target without a bid there does not": (
        CLOSE_AT_TARGET,
        [*PROTECTED, ("bid 189.10", ""), ("minute 189.10 190.00", "")],
    ),
    "no quote, no target": (
        CLOSE_AT_TARGET,
        [*PROTECTED, ("bid 189.21", ""), ("next quotes failed", ""), ("minute", "")],
    ),
    "trailing without an activation closes at the target": (
        {"trailing_stop_activation": None},
        [*PROTECTED, ("bid 189.21", ""), ("minute", "cancel stop1")],
    ),
    "trailing is no target": ({}, [*PROTECTED, ("bid 189.15", ""), ("minute 189.15 189.15", "")]),
}


@pytest.mark.parametrize(("changes", "scene"), TARGETS.values(), ids=TARGETS.keys())
def test_targets(changes: dict[str, Any], scene: Scene) -> None:
    """The target sells on a fresh bid, and only where the plan says close."""
    Desk(settings(**changes)).play(scene)
