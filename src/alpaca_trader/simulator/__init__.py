"""An Alpaca of our own: exchange, account, market, and its REST and stream doors.

`Simulator` is the broker on virtual time (call `sim.exchange` directly, or serve it), `running_simulator` puts it behind
a loopback socket for any Alpaca client and hands out its clock and its faults. `GeneratedMarket`, `RecordedMarket` and
`scenario` are the markets it trades on. Shares no code with the engine: imports nothing from core, edge or research.
"""

from alpaca_trader.simulator.control.running import RunningSimulator, running_simulator
from alpaca_trader.simulator.desk import AccountOrder
from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.market.generator import GeneratedMarket
from alpaca_trader.simulator.market.recorded import RecordedMarket
from alpaca_trader.simulator.market.scenarios import SCENARIOS, scenario
from alpaca_trader.simulator.profiles import PROFILES, Switches
from alpaca_trader.simulator.server import SimulatorServer
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
