"""What every test may ask for, and the settings that make every run of the suite the same run."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Properties are drawn from a fixed seed, with no deadline (a busy machine is not a bug) and no memory of earlier runs.
settings.register_profile("suite", derandomize=True, deadline=None, database=None)
settings.load_profile("suite")

REPO = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data (bars, oracles): ALPACA_TRADER_SHARED, else `shared` beside the repository."""
    named = os.environ.get("ALPACA_TRADER_SHARED")
    folder = Path(named) if named else REPO.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip(f"no reference data in {folder}; set ALPACA_TRADER_SHARED to the folder that holds data/")
    return folder
