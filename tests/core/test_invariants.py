"""Every production assertion is shown to fire by a belief that is broken on purpose, and to stop entries and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast, get_args

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.invariants import Broken, Invariants
from alpaca_trader.core.models import OrderIntent, OrderRole
from alpaca_trader.core.risk_manager import Entry, RiskManager
from tests.core import builders as b
from tests.core.desk import Desk
from tests.core.test_protection_scenes import PROTECTED, QTY

D = b.D
NOW = b.NOW
Plant = Callable[[Belief], ev.Event | ev.Action]


def entry(belief: Belief, symbol: str = "AAPL", **changes: Any) -> ev.Approved:
    """An approved entry, folded; ``changes`` are what somebody did to it."""
    answer = b.decide(belief, b.signal(symbol))
    assert isinstance(answer, Entry), answer
    approved = replace(answer.approved, intent=replace(answer.approved.intent, **changes))
    b.fold(belief, answer.opened, approved)
    return approved


def sale(belief: Belief, role: OrderRole, **changes: Any) -> ev.Approved:
    """Another sale of all that is held of AAPL, folded, whatever rests already."""
    episode, risk = belief.episodes["AAPL"], RiskManager(belief)
    made = risk.approve_stop if role is OrderRole.STOP else risk.approve_exit
    approved = made(episode, episode.qty, NOW, *([None] if role is OrderRole.STOP else []))
    approved = replace(approved, intent=replace(approved.intent, **changes))
    b.fold(belief, approved)
    return approved


def held(belief: Belief) -> OrderIntent:
    """A protected position in AAPL; the id of its entry."""
    intent = b.hold(belief, at=b.minutes_after(1))
    b.protect(belief)
    return intent


def halted(belief: Belief) -> ev.Action:
    """The entry was decided, then everything was halted, and it goes out all the same."""
    b.fold(belief, ev.HaltLatched(NOW, "operator", "", "human"))
    return late(belief)


def late(belief: Belief) -> ev.Approved:
    """An entry of which no gate was asked."""
    clean = b.ready()
    approved = entry(clean)
    b.fold(belief, next(iter(clean.episodes.values())).plan, approved)
    return approved


def unwritten(belief: Belief) -> ev.Action:
    """The journal cannot be written and an entry goes out."""
    b.fold(belief, ev.JournalFailed(NOW, "full"))
    return late(belief)


def twice(belief: Belief) -> ev.Action:
    """A second id for the same intent."""
    first = entry(belief).intent
    again = ev.Approved(NOW, replace(first, client_order_id=f"{first.client_order_id}2", qty=D("0.0001")))
    b.fold(belief, b.said(first, "canceled"), again)
    return again


def over_a_resting_sell(belief: Belief) -> ev.Action:
    """A buy while the stop of what is held rests."""
    held(belief)
    episode = belief.episodes["AAPL"]
    intent = replace(belief.book.orders[cast("str", episode.entry_id)].intent, qty=D("0.0001"))
    more = ev.Approved(NOW, replace(intent, client_order_id=f"{intent.client_order_id}9", episode_id="other"))
    b.fold(belief, more)
    return more


def over_a_foreign_sell(belief: Belief) -> ev.Action:
    """A buy while somebody else's sale rests."""
    approved = late(belief)
    b.fold(belief, ev.OpenOrdersSeen(NOW, (b.foreign("AAPL", "sell"),)))
    return approved


def one_position_too_many(belief: Belief) -> ev.Action:
    """The sixth symbol of five."""
    approved = late(belief)
    others = [b.position(name, "1") for name in ("MSFT", "NVDA", "QQQ", "SPY")]
    b.fold(belief, ev.PositionsSeen(NOW, tuple(others)), ev.OpenOrdersSeen(NOW, (b.foreign("TSLA", "buy"),)))
    return approved


def beside_a_foreign_buy(belief: Belief) -> ev.Action:
    """The cap is used up by somebody else's order."""
    approved = late(belief)
    b.fold(belief, ev.OpenOrdersSeen(NOW, (b.foreign("AAPL", "buy", "0.01", None, "0.005"),)))
    return approved


def beside_foreign_shares(belief: Belief) -> ev.Action:
    """The cap is used up by somebody else's shares."""
    approved = late(belief)
    b.fold(belief, ev.PositionsSeen(NOW, (b.position("AAPL", "0.01"),)))
    return approved


def without_a_price(belief: Belief) -> ev.Action:
    """At market although nobody knows the price."""
    intent = replace(late(belief).intent, limit_price=None)
    belief.quotes.clear()
    return ev.Approved(NOW, intent)


def given_up_early(belief: Belief, misses: int = 2, seconds: int = 200) -> ev.Action:
    """An unknown entry let go after two misses."""
    intent = entry(belief).intent
    key = intent.client_order_id
    b.fold(belief, ev.OutcomeNotKnown(NOW, key, "submit", "timeout"))
    for number in range(misses):
        later = NOW + timedelta(seconds=number * seconds / (misses - 1))
        b.fold(belief, ev.LookUpMissed(later, key))
    abandoned = ev.Abandoned(NOW + timedelta(seconds=seconds), key)
    b.fold(belief, abandoned)
    return abandoned


def never_asked(belief: Belief) -> ev.Action:
    """An unknown entry let go without a question."""
    abandoned = ev.Abandoned(NOW, entry(belief).intent.client_order_id)
    b.fold(belief, abandoned)
    return abandoned


def sent_again(belief: Belief) -> ev.Action:
    """An entry is said a second time."""
    return ev.Resend(NOW, entry(belief).intent)


def sold_twice(belief: Belief) -> ev.Action:
    """An exit for everything while the stop still holds everything."""
    held(belief)
    return sale(belief, OrderRole.EXIT)


def two_exits(belief: Belief) -> ev.Action:
    """Two exits of half the position each."""
    b.hold(belief)
    sale(belief, OrderRole.EXIT, qty=D("0.1"))
    return sale(belief, OrderRole.EXIT, qty=D("0.1"))


def lost_money(belief: Belief) -> ev.Action:
    """A price that is no number."""
    b.hold(belief)
    return replace(sale(belief, OrderRole.STOP), intent=replace(sale_intent(belief), stop_price=D("NaN")))


def sale_intent(belief: Belief) -> OrderIntent:
    """The newest sale."""
    return [order.intent for order in belief.book.orders.values()][-1]


ACTIONS: dict[str, tuple[Plant, str]] = {
    "an entry sent after a halt": (halted, "INV-12"),
    "an entry sent without a journal": (unwritten, "INV-12"),
    "a second id for one intent": (twice, "INV-2"),
    "a buy while our own stop rests": (over_a_resting_sell, "INV-8"),
    "a buy while a foreign sale rests": (over_a_foreign_sell, "INV-8"),
    "a position too many": (one_position_too_many, "INV-10"),
    "a foreign buy uses the cap": (beside_a_foreign_buy, "INV-10"),
    "foreign shares use the cap": (beside_foreign_shares, "INV-10"),
    "an order larger than the cap": (lambda belief: entry(belief, qty=D("0.26")), "INV-10"),
    "an order at market without a quote": (without_a_price, "INV-13"),
    "an entry given up after two misses": (given_up_early, "INV-3"),
    "an entry given up after three misses in two minutes": (lambda belief: given_up_early(belief, 3, 120), "INV-3"),
    "an entry given up unasked": (never_asked, "INV-3"),
    "an entry sent again": (sent_again, "INV-3"),
    "the same shares sold twice": (sold_twice, "INV-6"),
    "two exits at once": (two_exits, "INV-8"),
    "a price that is no number": (lost_money, "INV-24"),
    "a quantity as a float": (lambda belief: entry(belief, qty=0.1), "INV-24"),
}


def rules(found: Any) -> set[str]:
    """The rules that were broken."""
    return {broken.rule for broken in cast("list[Broken]", list(found))}


@pytest.mark.parametrize(("plant", "rule"), ACTIONS.values(), ids=ACTIONS.keys())
def test_an_action_that_breaks_a_rule_is_seen(plant: Plant, rule: str) -> None:
    """Whatever let it through, an order against the rules is noticed before anything is sent."""
    belief = b.ready()
    assert rule in rules(Invariants(belief).of_action(cast("ev.Action", plant(belief))))


def test_what_keeps_the_rules_is_not_said() -> None:
    """An entry by limit and at market, its stop, a higher stop over it, an exit, an entry given up in time: nothing."""
    belief = b.ready()
    eyes = Invariants(belief)
    bought = entry(belief)
    assert not list(eyes.of_action(bought))
    b.filled(belief, bought.intent, "185.50")
    stop = sale(belief, OrderRole.STOP)
    assert not list(eyes.of_action(stop))
    b.fold(belief, b.said(stop.intent, "new"))
    raised = sale(belief, OrderRole.STOP, replaces=stop.intent.client_order_id, stop_price=D("183.00"))
    assert not list(eyes.of_action(raised))
    assert not list(eyes.of_action(ev.Resend(NOW, raised.intent)))
    for order in belief.book.open("AAPL"):
        b.fold(belief, b.said(order.intent, "canceled"))
    assert not list(eyes.of_action(sale(belief, OrderRole.EXIT)))
    other = b.ready(b.config(order_style="market"))
    assert not list(Invariants(other).of_action(entry(other)))
    patient = b.ready()
    assert not list(Invariants(patient).of_action(given_up_early(patient, 3, 180)))


# ---------------------------------------------------------------- after an event


def overfilled(belief: Belief) -> ev.Event:
    """More filled than was asked for."""
    intent = entry(belief).intent
    return b.said(intent, "filled", intent.qty + 1, "185.50")


def shrunk(belief: Belief) -> ev.Event:
    """A cumulative quantity that was larger before."""
    intent = entry(belief).intent
    eyes_saw = b.said(intent, "partially_filled", "0.2", "185.50")
    b.fold(belief, eyes_saw)
    return eyes_saw


def another_order(belief: Belief) -> ev.Event:
    """The exchange has two orders for one id."""
    intent = entry(belief).intent
    b.fold(belief, b.said(intent, "new"))
    return replace(b.said(intent, "new"), order=replace(b.order_said(intent, "new"), broker_order_id="another"))


def shares_from_nowhere(belief: Belief) -> ev.Event:
    """The lots hold more than the episode."""
    intent = held(belief)
    belief.portfolio.lots["AAPL"][0].qty += 1
    return b.said(intent, "filled", intent.qty, "185.50")


def cash_is_nothing(belief: Belief) -> ev.Event:
    """Arithmetic that went wrong."""
    intent = held(belief)
    belief.portfolio.cash_moved = D("Infinity")
    return b.said(intent, "filled", intent.qty, "185.50")


def account_is_nothing(belief: Belief) -> ev.Event:
    """An account whose cash is a float."""
    return ev.AccountSeen(NOW, replace(b.account(), cash=467.0))  # type: ignore[arg-type]


EVENTS: dict[str, tuple[Callable[[Belief], ev.Event], str]] = {
    "filled more than asked": (overfilled, "INV-4"),
    "two orders with one id": (another_order, "INV-2"),
    "lots and position differ": (shares_from_nowhere, "INV-6"),
    "cash is infinite": (cash_is_nothing, "INV-24"),
}


@pytest.mark.parametrize(("plant", "rule"), EVENTS.values(), ids=EVENTS.keys())
def test_an_event_that_breaks_a_rule_is_seen(plant: Callable[[Belief], ev.Event], rule: str) -> None:
    """News that cannot be, and books that do not add up, are noticed when they are touched; in a list of orders too."""
    belief = b.ready()
    event = plant(belief)
    b.fold(belief, event)
    assert rules(Invariants(belief).of_event(event)) == {rule}
    assert isinstance(event, ev.ExecutionReport)
    assert rules(Invariants(belief).of_event(ev.OpenOrdersSeen(NOW, (event.order,)))) == {rule}


def test_a_cumulative_quantity_that_falls_is_seen() -> None:
    """The belief alone cannot show it: what was counted before is remembered (INV-4)."""
    belief = b.ready()
    eyes, event = Invariants(belief), shrunk(belief)
    assert not list(eyes.of_event(event))
    belief.book.orders[cast("ev.ExecutionReport", event).order.client_order_id].cum_qty = D("0.1")
    belief.portfolio.lots["AAPL"][0].qty = belief.episodes["AAPL"].entry_qty = D("0.1")
    assert rules(eyes.of_event(event)) == {"INV-4"}


def test_an_account_that_is_no_money_is_seen() -> None:
    """Equity, cash and buying power are finite decimals (INV-24)."""
    belief = b.ready()
    assert rules(Invariants(belief).of_event(account_is_nothing(belief))) == {"INV-24"}
    assert not list(Invariants(belief).of_event(ev.AccountSeen(NOW, b.account())))


def test_news_of_an_order_that_is_not_ours_breaks_nothing() -> None:
    """Foreign orders are counted elsewhere."""
    belief = b.ready()
    assert not list(Invariants(belief).of_event(ev.OpenOrdersSeen(NOW, (b.foreign("AAPL", "buy"),))))


@pytest.mark.parametrize("event", [ev.ConfigAccepted, ev.BarClosed, ev.Approved], ids=lambda kind: kind.__name__)
def test_a_stop_that_falls_is_seen(event: type) -> None:
    """After a config edit, a bar, or on its way to the broker: the stop of an open position only rises (INV-20)."""
    belief = b.ready()
    eyes = Invariants(belief)
    bar = ev.BarClosed(NOW, b.bar("AAPL", NOW, 185.0))
    entry(belief)
    assert not list(eyes.of_event(bar))
    b.fold(belief, b.said(belief.book.open("AAPL")[0].intent, "canceled"))
    b.end(belief, status="canceled")
    held(belief)
    episode = belief.episodes["AAPL"]
    assert not list(eyes.of_event(bar))
    assert not list(eyes.of_event(ev.BarClosed(NOW, b.bar("MSFT", NOW, 430.0))))
    assert episode.stop_price is not None
    episode.stop_price -= D("0.01")
    if event is ev.Approved:
        b.fold(belief, b.said(belief.book.open("AAPL")[0].intent, "canceled"))
        found = eyes.of_action(sale(belief, OrderRole.STOP))
    else:
        assert belief.policy is not None
        found = eyes.of_event(
            ev.ConfigAccepted(NOW, "r", b.config(), belief.policy) if event is ev.ConfigAccepted else bar
        )
    assert rules(found) == {"INV-20"}


def test_a_split_is_no_lowered_stop() -> None:
    """After a rescaling the stop's past counts no more."""
    belief = b.ready()
    eyes = Invariants(belief)
    held(belief)
    bar, episode = ev.BarClosed(NOW, b.bar("AAPL", NOW, 185.0)), belief.episodes["AAPL"]
    assert not list(eyes.of_event(bar))
    assert not list(eyes.of_action(ev.Rescaled(NOW, episode.plan.episode_id, 2, 1, episode.qty * 2)))
    episode.stop_price = D("91.36")
    assert not list(eyes.of_event(bar))


@pytest.mark.parametrize(
    ("seconds", "alarmed", "selling", "on_unprotected", "is_broken"),
    [
        (5, False, False, "flatten", False),
        (7, False, False, "flatten", True),
        (7, True, False, "flatten", False),
        (59, True, False, "flatten", False),
        (63, True, False, "flatten", True),
        (63, True, False, "alarm", False),
        (63, True, True, "flatten", False),
    ],
)
def test_a_position_without_a_stop_is_alarmed_and_then_sold(
    seconds: int, alarmed: bool, selling: bool, on_unprotected: str, is_broken: bool
) -> None:
    """Five seconds without a stop are an alarm, a minute is a sale (INV-7), whoever should have seen to it."""
    belief = b.ready(b.config(on_unprotected=on_unprotected))
    b.hold(belief)
    eyes, episode = Invariants(belief), belief.episodes["AAPL"]
    assert not list(eyes.of_event(ev.Timer(NOW)))
    episode.alarmed, episode.exit_reason = alarmed, "unprotected" if selling else None
    found = rules(eyes.of_event(ev.Timer(NOW + timedelta(seconds=seconds))))
    assert found == ({"INV-7"} if is_broken else set())
    b.protect(belief)
    assert not list(eyes.of_event(ev.Timer(NOW + timedelta(seconds=200))))


# ---------------------------------------------------------------- what the engine does about it


def test_a_broken_rule_stops_entries_until_a_human_has_looked_and_nothing_else() -> None:
    """Halt and alarm with rule and values, once; the stop is put back and the exit goes out; only ``resume`` ends it."""
    desk = Desk()
    desk.play([*PROTECTED, ("alarm", "")])
    desk.belief.portfolio.lots["AAPL"][0].qty += 1
    for step, said in [
        ("to stop1 canceled", f"stop2 {QTY} stop 182.72"),
        ("to stop2 new", ""),
        ("alarm invariant_broken", ""),
        ("buy MSFT", ""),
        ("verdict halted", ""),
        ("sell vwap_fail", "cancel stop2"),
        ("to stop2 canceled", f"exit1 {QTY} limit 185.38"),
    ]:
        desk.do(step)
        assert "; ".join(desk.broker.said) == said, step
        desk.broker.said = []
    alarm = next(alarm for alarm in desk.lines(ev.Alarm) if alarm.code == "invariant_broken")
    assert (alarm.level, alarm.symbol) == ("error", "AAPL")
    assert alarm.numbers == {"rule": "INV-6", "held": 1 + float(QTY), "believed": float(QTY)}
    assert desk.belief.risk.latched["invariant"].release == "human"
    desk.belief.portfolio.lots["AAPL"][0].qty -= 1
    desk.do("fill exit1 185.40")
    desk.do("command resume")
    assert "invariant" not in desk.belief.risk.latched
    assert not [said for said in desk.belief.risk.warned if said.startswith("invariant_broken")]


def test_an_entry_that_breaks_a_rule_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The halt is latched before the order reaches the last gate: what nobody should have approved stays here."""
    desk = Desk()
    approve = desk.engine.risk.approve_entry

    def too_much(*given: Any) -> Any:
        answer = approve(*given)
        assert isinstance(answer, Entry)
        more = replace(answer.approved.intent, qty=answer.approved.intent.qty * 2)
        return answer._replace(approved=replace(answer.approved, intent=more))

    monkeypatch.setattr(desk.engine.risk, "approve_entry", too_much)
    desk.do("buy")
    assert desk.broker.orders == {}
    assert "invariant" in desk.belief.risk.latched


def test_a_day_of_scenes_breaks_no_rule() -> None:
    """Entry, stop, trail, exit: the assertions are silent where everything is as it should be."""
    desk = Desk()
    desk.play([*PROTECTED, ("sell vwap_fail", "cancel stop1"), ("to stop1 canceled", f"exit1 {QTY} limit 185.38")])
    desk.play([("fill exit1 185.40", ""), ("buy MSFT", "entry 0.108576345 limit 430.24")])
    assert not [alarm for alarm in desk.alarms if alarm == "invariant_broken"]


def test_every_event_and_action_can_be_looked_at() -> None:
    """A kind nobody thought of is looked at without complaint."""
    eyes = Invariants(b.ready())
    assert not list(eyes.of_event(ev.StageDue(NOW, "decide")))
    assert not list(eyes.of_action(ev.PublishStatus(NOW)))
    assert len(get_args(ev.Event)) > 20
