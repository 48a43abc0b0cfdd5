"""Folding the journal again gives the belief that was lived: at any moment of a real day, and from its checkpoint."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.config import config_hash, parse_config
from alpaca_trader.core.engine import Engine, run
from alpaca_trader.core.policy import Policy
from alpaca_trader.core.recovery import rebuild
from alpaca_trader.core.strategy_manager import StrategyManager
from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.edge.clock import SystemClock
from alpaca_trader.edge.executor import OrderExecutor
from alpaca_trader.edge.journal.memory import MemoryJournal
from alpaca_trader.edge.session_trigger import SessionTrigger, watch_ends
from alpaca_trader.edge.simulated_feed import DriverClock, SimulatedFeed
from alpaca_trader.research.direct import DirectStreams
from alpaca_trader.research.sim_broker import SimBroker
from alpaca_trader.simulator.market.generator import GeneratedMarket
from alpaca_trader.simulator.simulator import Simulator
from tests.core.builders import NOW, approve, fold, hold, minutes_after, protect, ready, signal, traded

REPO = Path(__file__).resolve().parents[2]
DAY = date(2026, 11, 20)
SEED = 7
"""A day with stops, trails, replacements and exits by signal and by the close."""


class Moment(NamedTuple):
    """How long the journal was, and what was believed, between two events of the feed."""

    entries: int
    carried: str


class Lived(NamedTuple):
    """A whole simulated day: its journal and what was believed at many moments of it."""

    journal: MemoryJournal
    moments: list[Moment]
    belief: Belief


class Silent:
    """Nobody is told anything."""

    def tell(self, action: ev.Action) -> None:
        """Say nothing."""


def live_a_day() -> Lived:
    """The direct wiring over one generated day, looking at the belief every few hundred entries."""
    config = parse_config((REPO / "config" / "strategy.json").read_bytes(), "config/strategy.json")
    calendar = SessionCalendar()
    session = calendar.session_on(DAY)
    assert session is not None
    sim = Simulator(
        GeneratedMarket(SEED, config.watchlist(), DAY), seed=SEED, start=session.open - timedelta(minutes=6)
    )
    journal, moments = MemoryJournal(), [Moment(0, Belief().to_checkpoint())]
    engine = Engine(StrategyManager(lambda path: config, lambda name: type(None)), Belief())
    streams = DirectStreams(sim)
    feed = SimulatedFeed(
        sim,
        SessionTrigger(calendar),
        engine.next_wakeup,
        streams.received,
        until=watch_ends(session),
        real=SystemClock(),
    )
    streams.start(feed.put)

    def events() -> Iterator[ev.Event]:
        yield ev.ConfigAccepted(sim.now, config_hash(config), config, Policy())
        yield ev.Command(sim.now, "started", "engine", "")
        for event in feed:
            if len(journal.entries) - moments[-1].entries > 700:
                moments.append(Moment(len(journal.entries), engine.belief.to_checkpoint()))
            yield event

    run(engine, events(), OrderExecutor(engine, SimBroker(sim), journal, DriverClock(sim), Silent()), journal)
    moments.append(Moment(len(journal.entries), engine.belief.to_checkpoint()))
    return Lived(journal, moments, engine.belief)


@pytest.fixture(scope="module")
def lived() -> Lived:
    """One day, lived once for all tests of this file."""
    return live_a_day()


def test_the_day_was_worth_recovering(lived: Lived) -> None:
    """It has entries, raised stops, exits and finished trades, or the tests below would prove nothing."""
    kinds = {type(entry).__name__ for entry in lived.journal.entries}
    assert {"Approved", "ExecutionReport", "ExitDecided", "TradeChanged", "Checkpoint", "CancelOrder"} <= kinds
    replaced = [e for e in lived.journal.entries if isinstance(e, ev.Approved) and e.intent.replaces is not None]
    assert len(replaced) >= 2
    assert len(lived.belief.count.closed) >= 5


def test_any_prefix_of_the_journal_is_what_was_believed(lived: Lived) -> None:
    """A crash at any moment: folding what was committed gives exactly the belief of that moment."""
    for moment in lived.moments:
        assert rebuild(lived.journal.entries[: moment.entries]).to_checkpoint() == moment.carried, moment.entries


def test_the_whole_journal_rebuilds_the_days_counts_too(lived: Lived) -> None:
    """Not only what outlives the session: the day's counts, prices and readings are those of the belief that lived it."""
    again = rebuild(lived.journal.since_checkpoint())
    assert again.count == lived.belief.count
    assert again.positions == lived.belief.positions
    assert again.quotes == lived.belief.quotes
    assert again.account == lived.belief.account


def test_rebuilding_twice_is_rebuilding_once(lived: Lived) -> None:
    """Recovery is idempotent: a crash inside it changes nothing (INV-16)."""
    entries = list(lived.journal.since_checkpoint())
    first, second = rebuild(entries), rebuild(entries)
    assert first == second
    first.on_event(ev.Command(entries[-1].at, "started", "engine", ""))
    again = rebuild([*entries, ev.Command(entries[-1].at, "started", "engine", "")])
    assert again == first


def test_entries_begin_at_the_checkpoint(lived: Lived) -> None:
    """The journal hands over what follows the last checkpoint; folding it equals folding everything."""
    entries = list(lived.journal.since_checkpoint())
    assert isinstance(entries[0], ev.Checkpoint)
    assert len(entries) < len(lived.journal.entries)
    assert rebuild(entries).to_checkpoint() == rebuild(lived.journal.entries).to_checkpoint()


def test_a_checkpoint_reads_back_as_it_was_written() -> None:
    """Lots, orders, episodes, limits' memory and session survive the text to the last digit."""
    belief = ready()
    traded(belief, "SPY")
    hold(belief)
    protect(belief)
    approve(belief, signal("NVDA"))
    state = belief.to_checkpoint()
    again = Belief.from_checkpoint(state)
    assert again.carried == belief.carried
    assert again.to_checkpoint() == state


def test_a_clock_that_was_ahead_holds_nothing_up_after_the_start() -> None:
    """F32: what was said and refused in a future that is none any more is not waited for: the stop is looked after now."""
    belief, ahead = ready(), minutes_after(60)
    hold(belief, at=ahead)
    stop = protect(belief, at=ahead)
    key = stop.client_order_id
    fold(belief, ev.CancelOrder(ahead, key, belief.book.orders[key].broker_order_id or "", "raise the stop"))
    belief.episodes["AAPL"].last_failure_at = ahead
    belief.on_event(ev.Command(NOW, "started", "engine", ""))
    order = belief.book.orders[key]
    assert (order.spoken_at, order.heard_at, order.cancel_asked_at) == (NOW, NOW, NOW)
    assert belief.episodes["AAPL"].last_failure_at == NOW


def test_nothing_written_is_the_beginning_of_time() -> None:
    """An empty journal is an empty belief."""
    assert rebuild(()) == Belief()
