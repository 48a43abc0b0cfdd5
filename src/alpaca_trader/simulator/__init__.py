"""An Alpaca of our own: exchange, account, market, and its REST and stream doors.

`Simulator` is the broker on virtual time (call `sim.exchange` directly, or serve it), `running_simulator` puts it behind
a loopback socket for any Alpaca client and hands out its clock and its faults. `GeneratedMarket`, `RecordedMarket` and
`scenario` are the markets it trades on. Shares no code with the engine: imports nothing from core, edge or research.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alpaca_trader.simulator.control.running import RunningSimulator, running_simulator
    from alpaca_trader.simulator.desk import AccountOrder
    from alpaca_trader.simulator.doors.server import SimulatorServer
    from alpaca_trader.simulator.exchange.errors import BrokerError
    from alpaca_trader.simulator.market.generator import GeneratedMarket
    from alpaca_trader.simulator.market.recorded import RecordedMarket
    from alpaca_trader.simulator.market.scenarios import SCENARIOS, scenario
    from alpaca_trader.simulator.profiles import PROFILES, Switches
    from alpaca_trader.simulator.simulator import Simulator

__all__ = [
    "PROFILES",
    "SCENARIOS",
    "AccountOrder",
    "BrokerError",
    "GeneratedMarket",
    "RecordedMarket",
    "RunningSimulator",
    "Simulator",
    "SimulatorServer",
    "Switches",
    "running_simulator",
    "scenario",
]

# Imported when they are asked for: pytest loads `testing` into every session, whether it simulates anything or not.
_HOMES = {
    "AccountOrder": "desk",
    "BrokerError": "exchange.errors",
    "GeneratedMarket": "market.generator",
    "PROFILES": "profiles",
    "RecordedMarket": "market.recorded",
    "RunningSimulator": "control.running",
    "SCENARIOS": "market.scenarios",
    "Simulator": "simulator",
    "SimulatorServer": "doors.server",
    "Switches": "profiles",
    "running_simulator": "control.running",
    "scenario": "market.scenarios",
}


def __getattr__(name: str) -> Any:
    """A name of this package, from the module it lives in."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
