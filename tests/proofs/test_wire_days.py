"""Short days of the live wiring through the proxy, and what its witness hears."""

from datetime import timedelta
from random import Random

import pytest

from alpaca_trader.simulator.faults.catalogue import CATALOGUE
from proofs.wire.bounds import check_pauses
from proofs.wire.day import Spell
from proofs.wire.days import FAULTS, Result, play, run_faults
from proofs.wire.trouble import MIXES, STREAMS, Mix, Port
from proofs.wire.witness import Requests

EVERYTHING = Mix(
    {
        port: tuple(chance for mix in MIXES.values() for chance in mix.chances.get(port, ()))
        for port in ("trading", "data", *STREAMS)
    },
    refused_share=0.2,
)
ONE_OF_EACH = tuple({name: (name, given) for name, given in reversed(FAULTS)}.values())


def test_a_day_on_which_the_network_fails_in_every_way() -> None:
    """F17 to F20, F1 to F8 at the socket: nothing twice, nothing uncovered for long, all settled and flat in the end."""
    result = Result(3)
    play(result, "everything", EVERYTHING, 3, [Spell(timedelta(minutes=20))], 45)
    assert result.problems == []
    assert len(result.struck) >= 6
    assert result.orders >= 10


def test_every_fault_of_the_simulators_wire_is_survived() -> None:
    """Each strikes the real client at least once; after each, all is known, protected and connected within two minutes."""
    result = run_faults(3, ONE_OF_EACH)
    assert result.problems == []
    assert {name for name, _ in ONE_OF_EACH} <= set(result.struck)


def test_every_fault_of_the_wire_is_in_the_table() -> None:
    """A fault that the catalogue learns is a row of the table that is missing."""
    wire = {name for name in CATALOGUE if name.startswith(("http.", "ws.", "tcp."))}
    assert {name for name, _ in FAULTS} == wire


@pytest.mark.parametrize("most", [1, 3, 40, 1000])
def test_requests_are_put_together_from_any_pieces(most: int) -> None:
    """However a client's words are cut, each request is told once and whole, and connections are not confused."""
    words = (
        b"GET /v2/account HTTP/1.1\r\nHost: x\r\n\r\n"
        b'POST /v2/orders HTTP/1.1\r\nContent-Length: 7\r\nX: y\r\n\r\n{"a":1}'
        b"DELETE /v2/orders/7 HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
    )
    told: list[tuple[str, str, bytes]] = []
    requests, rng = Requests(lambda *request: told.append(request)), Random(most)
    left = {1: words, 2: words}
    while any(left.values()):
        connection = rng.choice([each for each, rest in left.items() if rest])
        size = rng.randint(1, most)
        requests.hear(connection, left[connection][:size])
        left[connection] = left[connection][size:]
    asked = [("GET", "/v2/account", b""), ("POST", "/v2/orders", b'{"a":1}'), ("DELETE", "/v2/orders/7", b"")]
    assert sorted(told) == sorted(asked * 2)


def test_a_tight_loop_of_connections_is_noticed() -> None:
    """F19: one short gap is a busy machine, several are no pauses."""
    check_pauses([0.0, 0.5, 0.6, 1.2], 0.5)
    with pytest.raises(AssertionError, match=r"2 of 3 .* 0\.1"):
        check_pauses([0.0, 0.5, 0.6, 0.7], 0.5)


@pytest.mark.parametrize("kind", sorted(MIXES))
def test_a_kind_of_day_is_drawn_by_its_seed(kind: str) -> None:
    """The same seed, port and number have the same troubles; other seeds have others."""
    ports: tuple[Port, ...] = ("trading", "data", *STREAMS)
    mix = MIXES[kind]
    drawn = [[mix.draw(port, seed, number) for port in ports for number in range(20)] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
