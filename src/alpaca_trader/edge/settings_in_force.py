"""Which settings a start begins with: those that lie there, or, while something is held, the last ones that were good.

A broken file must not keep the engine from a position that only it can protect (safety F38).
"""

from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from alpaca_trader.core.config import StrategyConfig
from alpaca_trader.core.errors import TraderError
from alpaca_trader.core.events import ConfigAccepted
from alpaca_trader.core.policy import Policy
from alpaca_trader.core.strict_json import BadSettings
from alpaca_trader.edge.config_store import ConfigStore
from alpaca_trader.edge.journal.reader import JournalReader

ALIVE = frozenset({"pending", "open", "closing"})


class Settings(NamedTuple):
    """What is in force, and why that is not what lies there, else None."""

    config: StrategyConfig
    policy: Policy
    rev: str
    broken: str | None = None


def load_settings(store: ConfigStore, database: Path) -> Settings:
    """The settings files; where they are broken and the journal tells of a position, what it accepted last.

    Raises BadSettings as ``ConfigStore.load`` where nothing is held, or the journal cannot say.
    """
    try:
        config, policy, revision = store.load()
    except BadSettings as broken:
        last = _last_accepted(database)
        if last is None:
            raise
        store.go_on_with(last.config, last.policy)
        return Settings(last.config, last.policy, last.rev, str(broken))
    return Settings(config, policy, revision.config_rev)


def _last_accepted(database: Path) -> ConfigAccepted | None:
    """What was in force when something of ours was still held; None where nothing is."""
    try:
        with closing(JournalReader(database)) as reader:
            if not any(row.trade.status in ALIVE for row in reader.trades()):
                return None
            accepted = [found.entry for found in reader.entries(["ConfigAccepted"])]
    except TraderError:
        return None
    return next((entry for entry in reversed(accepted) if isinstance(entry, ConfigAccepted)), None)
