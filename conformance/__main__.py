"""``python -m conformance``: fetch the files, play the session for both profiles, let schemathesis try; 1 when anything deviates."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Final

from conformance import hostile, session, specs
from conformance.amendments import PATCHES, REFUSALS, amended
from conformance.judge import Judge

PROFILES: Final = ("live467", "paper100k")
ATTACKS: Final = (("trading", "live467"), ("trading", "paper100k"), ("data", "live467"))


def main() -> int:
    """Print what was found as it is found."""
    try:
        specs.fetch()
        described = amended(specs.load())
        _say(f"{specs.PACKAGE}: 2 files, {len(PATCHES)} corrections, statuses added by {len(REFUSALS)} rules")
        # Everything runs, whatever failed before.
        results = [*_sessions(described), *_attacks(described)]
    except specs.SpecError as error:
        _say(f"conformance: {error}")
        return 2
    return 0 if all(results) else 1


def _sessions(described: Mapping[str, specs.Spec]) -> Iterator[bool]:
    for profile in PROFILES:
        outcome = session.play(Judge(described), profile)
        _say(outcome.text())
        yield not outcome.wrong


def _attacks(described: Mapping[str, specs.Spec]) -> Iterator[bool]:
    for host, profile in ATTACKS:
        code, printed = hostile.attack(host, described[host], profile)
        _say(f"\nschemathesis, {host}, {profile}:\n{hostile.summary(printed) if code == 0 else printed}")
        yield code == 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
