"""Live trading needs two keys, and both are a human's."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alpaca_trader.core.events import BarLifted, EntriesBarred
from alpaca_trader.core.policy import Policy
from alpaca_trader.edge.arming import ARMED_FOR, Arming, NotArmed, check_account, check_mode

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
NUMBER = "467123456"
LIVE = Policy(mode="live", live_account=NUMBER)


def test_a_paper_policy_forbids_live() -> None:
    """The first key is the policy's mode."""
    with pytest.raises(NotArmed, match='mode is "paper"'):
        check_mode(Policy())
    check_mode(LIVE)


def test_the_policy_names_the_account() -> None:
    """Keys of another account than the policy's are refused without showing either number whole."""
    with pytest.raises(NotArmed, match=r"\.\.\.9999") as refused:
        check_account(LIVE, "467129999")
    assert NUMBER not in str(refused.value)
    check_account(LIVE, NUMBER)


def test_a_human_types_the_last_digits(tmp_path: Path) -> None:
    """The second key: typed right it holds, typed wrong nothing is written."""
    file = tmp_path / "armed.json"
    with pytest.raises(NotArmed, match="nothing was armed"):
        Arming(file, LIVE, NUMBER, "1").arm(NOW, lambda _: "0000")
    assert not file.exists()
    Arming(file, LIVE, NUMBER, "1").arm(NOW, lambda _: " 3456\n")
    assert Arming(file, LIVE, NUMBER, "1").holds(NOW)


@pytest.mark.parametrize(
    ("policy", "number", "code", "later"),
    [
        (Policy(mode="live", live_account=NUMBER, max_open_orders=3), NUMBER, "1", timedelta(0)),
        (LIVE, "467000000", "1", timedelta(0)),
        (LIVE, NUMBER, "2", timedelta(0)),
        (LIVE, NUMBER, "1", ARMED_FOR),
    ],
    ids=["policy", "account", "code", "time"],
)
def test_any_change_disarms(tmp_path: Path, policy: Policy, number: str, code: str, later: timedelta) -> None:
    """Another policy, account or version, or thirty days, and a human is asked again."""
    file = tmp_path / "armed.json"
    Arming(file, LIVE, NUMBER, "1").arm(NOW, lambda _: NUMBER[-4:])
    assert not Arming(file, policy, number, code).holds(NOW + later)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"until": 3}', '{"until": "2099-01-01"}', json.dumps({"until": "2099-01-01T00:00:00+00:00"})],
)
def test_a_broken_arming_is_none(tmp_path: Path, content: str) -> None:
    """What cannot be read does not arm."""
    file = tmp_path / "armed.json"
    file.write_text(content)
    assert not Arming(file, LIVE, NUMBER, "1").holds(NOW)


def test_the_engine_hears_of_it_once_in_each_direction(tmp_path: Path) -> None:
    """Run out or taken away it bars entries until it is there again; a human's resume meanwhile is answered by another bar."""
    file = tmp_path / "armed.json"
    arms = Arming(file, LIVE, NUMBER, "1")
    arms.arm(NOW, lambda _: NUMBER[-4:])
    late = NOW + ARMED_FOR

    def told(at: datetime, is_barred: bool) -> list[type]:
        return [type(each) for each in arms.news(at, is_barred)]

    assert told(NOW, False) == []
    assert told(late, False) == [EntriesBarred]
    assert told(late, True) == []
    assert told(NOW, True) == [BarLifted]
    file.unlink()
    assert told(NOW, False) == [EntriesBarred]
