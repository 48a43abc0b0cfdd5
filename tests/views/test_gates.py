"""Margins say by how much a gate was passed or missed, in the direction in which it was asked."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from alpaca_trader.core import events as ev
from alpaca_trader.core.models import Gate
from alpaca_trader.edge.journal.reader import JournalReader
from alpaca_trader.views.gates import RULES, gate_json, gates_table, in_new_york, margin, refused

AT = datetime(2026, 11, 27, 14, 41, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        (Gate("volume", False, 0.92, 1.5), -0.58),
        (Gate("no_cross", True, 178.35, 178.10), 0.25),
        (Gate("already_above", False, 405.39, 405.10), -0.29),
        (Gate("max_positions", True, 3, 5), 2),
        (Gate("max_positions", False, 5, 5), 0),
        (Gate("stale_data", True, 2.0, 60.0), 58),
        (Gate("cooldown", False, 3.5, 15), -11.5),
        (Gate("cooldown", True, None, None), None),
        (Gate("price_band", False, 684.84, "10 to 500"), -184.84),
        (Gate("price_band", True, 12.0, "10 to 500"), 2),
        (Gate("price_band", False, 12.0, "none"), None),
        (Gate("entry_window", True, "15:44Z", "14:35Z-20:45Z"), 69),
        (Gate("entry_window", False, "14:33Z", "14:35Z-20:45Z"), -2),
        (Gate("entry_window", False, None, None), None),
        (Gate("entry_window", False, "noon", "14:35Z-20:45Z"), None),
        (Gate("price_exceeds_budget", True, 46.7, "position"), None),
        (Gate("not_armed", False, False, True), None),
        (Gate("symbol_owned", False, "mean_reversion", None), None),
        (Gate("a_plugins_own", False, 1.0, 2.0), None),
        (Gate("volume", False, None, 1.5), None),
        (Gate("trend_filter", False, 100.0, None), None),
    ],
)
def test_margin(gate: Gate, expected: float | None) -> None:
    """Positive on the passing side, negative by what was missing, none where more or less is not the question."""
    assert margin(gate) == (None if expected is None else pytest.approx(expected))


def test_margins_agree_with_every_decision_of_the_run(reader: JournalReader) -> None:
    """Where a gate has a margin, its sign tells whether the engine passed it: the table's directions are the rules'."""
    seen: dict[str, set[bool]] = {}
    for decision in reader.decisions():
        for gate in decision.gates:
            assert gate.name in RULES, gate.name
            found = margin(gate)
            if found is None:
                continue
            strict = RULES[gate.name].direction in ("above", "below")
            assert gate.passed == (found > 0 if strict else found >= 0), gate
            seen.setdefault(gate.name, set()).add(gate.passed)
    both = {name for name, outcomes in seen.items() if len(outcomes) == 2}
    assert both >= {"no_cross", "already_above", "volume", "no_rsi_cross", "still_oversold"}


def test_times_of_gates_become_new_yorks() -> None:
    """A window journalled in UTC is read on the clock that the question was asked on."""
    assert in_new_york("14:35Z-20:45Z", AT) == "09:35-15:45"
    assert in_new_york("10 to 500", AT) == "10 to 500"


def test_a_code_nobody_described_is_shown_as_words() -> None:
    """Plug-ins and later versions may refuse with codes of their own."""
    assert refused("moon_phase") == "moon phase"
    assert refused("volume") == "too little volume for this minute of the day"


def test_gate_json_keeps_the_journals_values() -> None:
    """JSON carries value and limit as journalled, the margin beside them."""
    assert gate_json(Gate("max_positions", True, 3, 5)) == {
        "name": "max_positions",
        "passed": True,
        "value": 3,
        "limit": 5,
        "margin": 2,
        "asks": "positions below the cap",
    }
    assert gate_json(Gate("moon", False, None, None))["asks"] is None


def test_the_cap_that_bound_the_size_is_no_bare_word() -> None:
    """The size gates' limit is a cap's name; the table says what it is."""
    console = Console(file=io.StringIO(), width=120, color_system=None)
    gates = (Gate("price_exceeds_budget", True, 46.7, "position"), Gate("buying_power", True, 46.7, "buying_power"))
    console.print(gates_table(gates, AT, 120))
    assert isinstance(console.file, io.StringIO)
    _, budget, power = (" ".join(line.split()) for line in console.file.getvalue().splitlines())
    assert budget == "pass price_exceeds_budget order fits the budget (USD) 46.7 bound by position"
    assert power == "pass buying_power order inside buying power 46.7 bound by buying power"


@pytest.mark.parametrize(("width", "shows_code"), [(80, False), (120, True)])
def test_the_table_fits(reader: JournalReader, width: int, shows_code: bool) -> None:
    """The longest list of gates fits its terminal line by line; codes appear where there is room."""
    longest = max(reader.decisions(), key=lambda decision: len(decision.gates))
    assert isinstance(longest, ev.Decided)
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(gates_table(longest.gates, longest.at, width))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 1 + len(longest.gates)
    assert max(len(line) for line in lines) <= width
    assert any("max_positions" in line for line in lines) is shows_code
    assert any("positions below the cap" in line and "< 5" in line for line in lines)
