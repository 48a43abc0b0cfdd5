"""The settings a new home begins with: the owner's strategy.json and the safe policy, as the package ships them."""

from importlib.resources import files

from alpaca_trader.core.errors import BadInput
from alpaca_trader.edge.config_store import POLICY_FILE, STRATEGY_FILE
from alpaca_trader.edge.home import Home


def write_defaults(home: Home) -> list[str]:
    """Write the settings files that are missing; what lies there is never touched. Returns the names written."""
    written = []
    for name in (STRATEGY_FILE, POLICY_FILE):
        target = home.config / name
        try:
            with target.open("xb") as file:
                file.write(files(__name__).joinpath(name).read_bytes())
        except FileExistsError:
            continue
        except OSError as error:
            raise BadInput(f"{target} cannot be written ({error.strerror})") from error
        written.append(name)
    return written
