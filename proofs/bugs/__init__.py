"""Bugs to plant in the engine as shipped, each a small change that the trials must find within 2,000 days."""

from proofs.bugs import entries, orders, protection, speaking
from proofs.bugs.planting import Bug, Swap, planted

BUGS = (*speaking.BUGS, *orders.BUGS, *entries.BUGS, *protection.BUGS)
"""By subject."""

__all__ = ["BUGS", "Bug", "Swap", "planted"]
