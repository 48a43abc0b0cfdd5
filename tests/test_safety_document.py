"""docs/safety.md names modules and tests that exist: a claim without a test that could fail is no claim."""

import ast
import re
from pathlib import Path

import pytest

from alpaca_trader.trials.plan import NAMES
from proofs.__main__ import PROGRAMMES
from proofs.document import DOCUMENT, written
from proofs.failures import FAILURES, Failure

REPO = Path(__file__).resolve().parent.parent
TEXT = (REPO / "docs" / "safety.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in TEXT.splitlines()
    if line.startswith(("| INV-", "| 1", "| 2", "| 3", "| 4", "| 5", "| 6", "| 7", "| 8", "| 9"))
]


def names(cell: str) -> list[str]:
    """What a cell holds in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def functions_in(path: Path) -> set[str]:
    """The test functions of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=[row[0].split()[0] for row in ROWS])
def test_every_claim_names_its_keeper_and_its_test(row: list[str]) -> None:
    """Each row has modules that exist and tests that exist."""
    _, keepers, witnesses = row
    modules, tests = names(keepers), names(witnesses)
    assert modules
    assert [name for name in modules if not (REPO / "src" / "alpaca_trader" / name).is_file()] == []
    assert tests
    for test in tests:
        path, _, name = test.partition("::")
        assert name in functions_in(REPO / "tests" / path), test


def test_every_rule_and_invariant_has_its_row() -> None:
    """Ten rules and all invariants; the one without a row is told of as not shown."""
    listed = {row[0].split()[0].rstrip(".") for row in ROWS}
    expected = {str(number) for number in range(1, 11)} | {f"INV-{number}" for number in range(1, 32)}
    missing = expected - listed
    assert missing == {"INV-29"}
    assert all(name in TEXT.partition("## Not shown yet")[2] for name in missing)


@pytest.mark.parametrize("path", sorted({name for name in names(TEXT) if re.fullmatch(r"(edge|trials)/\w+\.py", name)}))
def test_files_named_in_passing_exist(path: str) -> None:
    """The prose names files too."""
    assert (REPO / "src" / "alpaca_trader" / path).is_file() or (REPO / "tests" / path).is_file()


def test_the_tables_are_those_of_the_code() -> None:
    """`python -m proofs.document` would change nothing."""
    assert written(TEXT) == TEXT, f"{DOCUMENT.name} is stale: run python -m proofs.document"


def test_every_failure_has_its_row() -> None:
    """F1 to F54, each once."""
    assert [failure.number for failure in FAILURES] == list(range(1, 55))


@pytest.mark.parametrize("failure", FAILURES, ids=[f"F{failure.number}" for failure in FAILURES])
def test_every_failure_is_brought_about_and_shown(failure: Failure) -> None:
    """Its faults can be ordered, its tests exist."""
    assert [name for name in failure.faults if name not in NAMES and name not in PROGRAMMES] == []
    assert failure.tests
    for test in failure.tests:
        path, _, name = test.partition("::")
        assert (REPO / "tests" / path).is_file(), test
        assert not name or name in functions_in(REPO / "tests" / path), test
