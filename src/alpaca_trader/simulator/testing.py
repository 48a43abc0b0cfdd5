"""A pytest plugin: the fixture `alpaca_simulator` serves a broker to one test, the marker of that name says which.

Loaded by pytest wherever this project is installed, so it imports the simulator only when a test asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from alpaca_trader.simulator import RunningSimulator

_NAME = "alpaca_simulator"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    what = "the broker that the fixture serves: profile, seed, symbols or scenario, date, days, speed, switches ..."
    config.addinivalue_line("markers", f"{_NAME}(**arguments of running_simulator): {what}")


@pytest.fixture
def alpaca_simulator(request: pytest.FixtureRequest) -> Iterator[RunningSimulator]:
    """A simulated Alpaca on a port of this machine, fresh for every test; time stands unless the marker has a speed."""
    from alpaca_trader.simulator import running_simulator  # noqa: PLC0415 - see the head of this file

    marker = request.node.get_closest_marker(_NAME)
    if marker is not None and marker.args:
        raise pytest.UsageError(f"{_NAME} takes arguments by name, as running_simulator does: seed=7, scenario='crash'")
    with running_simulator(**(marker.kwargs if marker else {})) as broker:
        yield broker
