"""F37 on whole mornings: the journal damaged, gone, newer or old while positions are held and their stops rest."""

from pathlib import Path

import pytest

from alpaca_trader.core import belief
from alpaca_trader.core import events as ev
from alpaca_trader.core.engine import Engine
from alpaca_trader.edge.journal.verify import verify
from proofs import lost_journal
from proofs.lost_journal import DAMAGE, WAL, edited
from proofs.scene import Scene

BEFORE, BOTH_HELD, SPY_SOLD, BOUGHT_AGAIN = "09:31", "09:36", "09:39", "09:42"


@pytest.mark.parametrize("name", DAMAGE)
def test_positions_are_guarded_and_nothing_is_bought_until_a_human_resumes(tmp_path: Path, name: str) -> None:
    """Belief comes from the broker, the bad file stays, exits and stops go on, an entry is refused, `resume` ends it."""
    scene = Scene(tmp_path)
    scene.begin()
    scene.play_until(scene.at(BEFORE))
    scene.backup(tmp_path / "backup")
    scene.play_until(scene.at(BOTH_HELD))
    scene.kill()
    resting = scene.open_orders()
    assert [kind for _, kind, _ in resting] == ["stop", "stop"]
    DAMAGE[name](scene.path)
    evidence = [file.read_bytes() for file in tmp_path.glob("trades.db*") if not file.name.endswith("-shm")]

    lost = scene.begin()
    assert lost is not None
    kept = {file.name: file.read_bytes() for file in tmp_path.glob("trades.db.bad-*")}
    if "lacks" in lost.detail:
        assert not kept, "what could be read stays in use"
    else:
        assert all(name in lost.detail for name in kept)
        if not name.startswith(("entry", "index")):  # these were opened before their content told
            assert [content in kept.values() for content in evidence] == [True] * len(evidence)
    scene.play_until(scene.at(BOTH_HELD).replace(second=30))
    assert scene.engine.position_states() == {"NVDA": "protected", "SPY": "protected"}
    assert scene.open_orders() == resting, "nothing that guards was touched"

    scene.play_until(scene.at(SPY_SOLD))
    assert list(scene.held()) == ["NVDA"], "the exit that the strategy asked for went through"
    scene.play_until(scene.at(BOUGHT_AGAIN))
    assert list(scene.held()) == ["NVDA"]
    refused = [told for told in scene.told if isinstance(told, ev.Decided) and told.verdict == "halted"]
    assert [told.evaluation.symbol for told in refused] == ["SPY"]
    assert refused[0].gates[-1].value == "journal_lost"
    assert scene.engine.status(scene.sim.now)["halt"] == {"code": "journal_lost", "latched": ["journal_lost"]}

    scene.commands.append(ev.Command(scene.sim.now, "resume", "a human", "compared"))
    scene.play_until(scene.at("09:43"))
    assert scene.engine.belief.risk.latched == {}
    ids = [order.client_order_id for order in scene.broker.get_orders_since(scene.session.open)]
    assert len(ids) == len(set(ids))
    scene.stop()
    assert verify(scene.path) == []
    assert scene.begin() is None, "once compared it is not said again"


def test_a_crash_while_the_loss_is_noted_is_a_loss_again(tmp_path: Path) -> None:
    """The process dies after the bad file was set aside and before the new journal says so: the next start says so."""
    scene = Scene(tmp_path)
    scene.begin()
    scene.play_until(scene.at(BOTH_HELD))
    scene.kill()
    edited(scene.path, "PRAGMA user_version = 99")
    assert scene.begin() is not None
    scene.kill()
    lost = scene.begin()
    assert lost is not None
    assert "was set aside as trades.db.bad-20261127T143600Z" in lost.detail
    scene.play_until(scene.at(SPY_SOLD))
    assert scene.engine.position_states() == {"NVDA": "protected"}
    scene.play()
    assert (scene.held(), scene.open_orders()) == ({}, []), "flat by the close"


def test_a_new_home_on_an_account_with_our_orders_is_a_second_engine(tmp_path: Path) -> None:
    """F40: nothing was lost where nothing ran; what looks like ours is another's, halts the new engine and is not touched."""
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    scene, other = Scene(tmp_path / "first"), Scene(tmp_path / "second")
    scene.begin()
    scene.play_until(scene.at(BOTH_HELD))
    scene.stop()
    resting = scene.open_orders()
    other.sim, other.broker = scene.sim, scene.broker
    assert other.begin() is None
    other.play_until(scene.at(BOUGHT_AGAIN))
    assert other.engine.belief.episodes == {}
    assert list(other.engine.belief.risk.latched) == ["unknown_own_order"]
    assert scene.open_orders() == resting


@pytest.mark.parametrize("name", ["trades.db", WAL])
def test_a_file_that_goes_while_the_engine_runs_stops_entries(tmp_path: Path, name: str) -> None:
    """SQLite would write on into a file without a name; the next word shows it, exits go on, and a restart starts anew."""
    scene = Scene(tmp_path)
    scene.begin()
    scene.play_until(scene.at(BOTH_HELD))
    (tmp_path / name).rename(tmp_path / "elsewhere")
    scene.play_until(scene.at(BOUGHT_AGAIN))
    assert scene.engine.belief.journal_failed
    assert list(scene.held()) == ["NVDA"]
    scene.stop()
    lost = scene.begin()
    assert lost is not None
    scene.play_until(scene.at("09:43"))
    assert scene.engine.position_states() == {"NVDA": "protected"}


def test_a_crash_alone_is_no_loss(tmp_path: Path) -> None:
    """Killed with positions held and nothing done to its files, the engine goes on and buys again."""
    scene = Scene(tmp_path)
    scene.begin()
    scene.play_until(scene.at(BOTH_HELD))
    scene.kill()
    assert scene.begin() is None
    scene.play_until(scene.at(BOUGHT_AGAIN))
    assert sorted(scene.held()) == ["NVDA", "SPY"]


def test_nothing_of_ours_at_the_broker_and_no_journal_is_a_first_start(tmp_path: Path) -> None:
    """A new home on an account with somebody else's orders and positions begins without a halt."""
    scene = Scene(tmp_path)
    scene.sim.advance(scene.session.open)
    scene.sim.exchange.submit({"symbol": "SPY", "side": "buy", "qty": "0.1", "type": "market", "time_in_force": "day"})
    assert scene.begin() is None


WORDS = {1: "the first buy", 2: "its stop", 5: "the cancel of the other stop", 6: "the sale"}


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", ["file deleted", "newer schema", "backup restored"])
def test_a_journal_lost_at_a_word_with_the_broker(name: str, word: int, is_after: bool) -> None:
    """Killed before or after a word and its journal gone: what came of the word is found, guarded or made good."""
    assert lost_journal.morning(name, word=word, is_after=is_after) == []


def test_a_start_that_forgets_or_does_not_halt_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: without what the broker knows belief and exchange differ; without the halt it buys."""
    with monkeypatch.context() as forgetful:
        forgetful.setattr(belief, "salvage", lambda *known: [])
        (problem,) = lost_journal.morning("newer schema", word=2, is_after=True) or []
        assert problem.startswith("believed {}, held {'NVDA': ")
    with monkeypatch.context() as careless:
        careless.setattr(Engine, "_report_loss", lambda self, lost: None)
        (problem, *_) = lost_journal.morning("newer schema", word=2, is_after=True) or []
        assert "before a human resumed" in problem
