"""What a batch of trials must have seen sometimes: a fault that never strikes and a gate that never refuses prove nothing."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from alpaca_trader.trials.plan import NAMES

FEWEST_PCT: Final = 1.0
"""Of a batch's days on which each mark must have been seen."""
FEWEST_DAYS: Final = 500
"""Smaller batches promise nothing."""

SEEN: Final[Sequence[str]] = (
    *("order entry", "order stop", "order stop replacing", "order exit", "CancelOrder", "Resend", "abandoned"),
    *("EpisodeOpened", "cap was near", "crash", "crash while a position is held", "Adopted", "ExitPostponed"),
    *("exit stop", "exit trail_stop", "exit stop_breached", "exit rsi_overbought", "exit flatten_close", "exit target"),
    *("exit unprotected", "exit operator_flatten"),
    *("halt operator", "halt operator_flatten", "halt loss_streak", "halt daily_loss", "halt unknown_own_order"),
    *("alarm unprotected", "alarm broker_unreachable", "alarm position_sold_by_others"),
    *("verdict halted", "verdict entry_window", "verdict stale_data", "verdict symbol_owned", "verdict pending_order"),
    *("verdict unprotected_position", "verdict max_positions", "verdict cooldown", "verdict max_entries"),
)
"""What the engine does, decides and says, each with a fault or a limit that should bring it about."""


def missing(days: int, struck: Counter[str], seen: Counter[str]) -> list[str]:
    """Faults and marks of the batch that were seen on too few of its ``days``: both counters count days."""
    least = max(1.0, days * FEWEST_PCT / 100)
    return [name for name in NAMES if struck[name] < least] + [mark for mark in SEEN if seen[mark] < least]
