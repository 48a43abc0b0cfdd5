"""At a start, keys or a broker that are not there are asked for again, slowly, and a human hears of it at once."""

import os
from pathlib import Path

import pytest

from alpaca_trader.core.errors import AuthRefused, BadInput
from alpaca_trader.edge.credentials import load_credentials
from alpaca_trader.edge.patience import AGAIN_S, patiently
from tests.edge.canned import KEY, SECRET, Trick, canned_server, client_of, error, reply
from tests.edge.real_time import StandInRealTime
from tests.edge.test_credentials import fake_op

LOCKED = f"""
echo try >> "$(dirname "$0")/tries"
[ $(wc -l < "$(dirname "$0")/tries") -le 3 ] && FAIL
case "$3" in *Key) printf %s {KEY};; *) printf %s {SECRET};; esac"""


CLOCK = {
    "timestamp": "2026-02-02T09:31:00-05:00",
    "is_open": True,
    "next_open": "2026-02-03T09:30:00-05:00",
    "next_close": "2026-02-02T16:00:00-05:00",
}


class Heard:
    """What was told, and when an alarm was raised."""

    def __init__(self, real: StandInRealTime) -> None:
        self.real = real
        self.notes: list[str] = []
        self.alarms: list[tuple[float, str]] = []

    def alarm(self, note: str) -> None:
        """An alarm, with its time."""
        self.alarms.append((self.real.monotonic(), note))


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for `op` is a shell script")
@pytest.mark.parametrize(("fails", "why"), [("exit 1", "unlock 1Password or run"), ("exec sleep 60", "no answer")])
def test_a_locked_store_is_asked_once_a_minute(tmp_path: Path, fails: str, why: str) -> None:
    """F48: `op` that fails or hangs three times costs three minutes and one alarm, at once, without a key in it."""
    environ = fake_op(tmp_path, LOCKED.replace("FAIL", fails))
    real = StandInRealTime()
    heard = Heard(real)
    found = patiently(lambda: load_credentials(environ, op_timeout_s=0.5), real, heard.notes.append, heard.alarm)
    assert found.secret.reveal() == SECRET
    assert real.monotonic() == 3 * AGAIN_S
    assert len(heard.notes) == 3
    ((at_s, note),) = heard.alarms
    assert (at_s, note) == (0, heard.notes[0])
    assert why in note
    assert note.endswith("asking again every 60 s")
    assert not any(SECRET[n : n + 8] in text for text in heard.notes for n in range(len(SECRET) - 7))


def test_what_waiting_cannot_mend_ends_it() -> None:
    """Nothing configured is no locked store."""
    heard = Heard(StandInRealTime())
    with pytest.raises(BadInput):
        patiently(lambda: load_credentials({}), heard.real, heard.notes.append, heard.alarm)
    assert heard.alarms == []


def test_refused_keys_are_tried_once_a_minute() -> None:
    """F9: 401 three times is three requests in three minutes; where somebody sits at a terminal it ends at once."""
    real = StandInRealTime()
    heard = Heard(real)
    refusal = error(401, 40110000, "request is not authorized")
    with canned_server(refusal, refusal, refusal, reply(200, CLOCK)) as server, client_of(server, clock=real) as client:
        with pytest.raises(AuthRefused):
            patiently(client.get_clock, real, heard.notes.append, heard.alarm)
        real.elapse(AGAIN_S)
        patiently(client.get_clock, real, heard.notes.append, heard.alarm, (AuthRefused,))
    assert [asked.target for asked in server.asked].count("/v2/clock") == 4
    assert real.monotonic() == 3 * AGAIN_S
    assert len(heard.alarms) == 1


def test_a_broker_that_is_away_is_waited_for() -> None:
    """F8: no answer, a broken connection, a server in trouble: each is asked again a minute later."""
    real = StandInRealTime()
    heard = Heard(real)
    with (
        canned_server(Trick.RESET, reply(503, ""), reply(200, CLOCK)) as server,
        client_of(server, clock=real) as client,
    ):
        patiently(client.get_clock, real, heard.notes.append, heard.alarm)
    assert real.monotonic() == 2 * AGAIN_S
    assert len(heard.alarms) == 1
