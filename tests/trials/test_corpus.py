"""Runs that once broke a rule break it no more."""

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from alpaca_trader.cli.simulate import simulate

LINES = Path(__file__).with_name("corpus.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("words", [line for line in LINES if line and not line.startswith("#")])
def test_what_once_broke_holds(words: str) -> None:
    """The very command, as it was printed."""
    result = CliRunner().invoke(simulate, shlex.split(words))
    assert result.exit_code == 0, result.output
