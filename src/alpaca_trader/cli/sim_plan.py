"""What ``sim serve`` plays: the plan that was asked for, the folder that remembers it, the simulator made of it."""

import fcntl
import json
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from alpaca_trader.cli.sim_control import account_words
from alpaca_trader.core.errors import BadInput
from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.main.simulated import SimOptions, simulated_market
from alpaca_trader.simulator import AccountOrder, Simulator, scenario
from alpaca_trader.simulator.control.running import simulator_on
from alpaca_trader.simulator.control.tables import switches_from
from alpaca_trader.simulator.market.model import Market
from alpaca_trader.simulator.market.scenarios import find_scenario

_FILE = "serve.json"


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold a folder of state, so that no second simulator writes there. Raises BadInput where one does already."""
    with (folder / _FILE).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(
                f"--data {folder} is in use by another `sim serve`; end that one, or give another folder"
            ) from None
        yield


@dataclass(frozen=True, slots=True)
class SimPlan:
    """A market and the accounts on it, as plain values. `day` None: the first there is; `at` None: a minute before the open."""

    profile: str = "live467"
    seed: int = 7
    bars: str | None = None
    scenario: str | None = None
    day: str | None = None
    days: int = 1
    at: str | None = None
    accounts: tuple[str, ...] = ()
    switches: tuple[str, ...] = ()

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> "SimPlan":
        """The plan that the options of the command describe."""
        day, bars = described["day"], described["bars"]
        plain = {"day": day and day.isoformat(), "bars": bars and str(bars)}
        return cls(**{**described, **plain})

    def kept_in(self, folder: Path, given: Set[str]) -> "SimPlan":
        """The plan the folder remembers, which is this one for a new folder.

        Raises BadInput when an option that was given is another than the folder's, or the folder cannot be read.
        """
        file = folder / _FILE
        try:
            kept = json.loads(file.read_bytes())
        except FileNotFoundError:
            folder.mkdir(parents=True, exist_ok=True)
            plan = replace(self, bars=self.bars and str(Path(self.bars).absolute()))
            fresh = file.with_suffix(".new")
            fresh.write_text(json.dumps(asdict(plan), indent=2) + "\n", encoding="utf-8")
            fresh.replace(file)
            return plan
        except ValueError:
            kept = None
        if not isinstance(kept, dict) or kept.keys() != asdict(self).keys():
            raise BadInput(f"{file} does not say what this folder plays; give --data another folder")
        known = SimPlan(**kept)
        known = replace(known, accounts=tuple(known.accounts), switches=tuple(known.switches))
        asked = replace(self, bars=self.bars and str(Path(self.bars).absolute()))
        for name in sorted(given):
            if getattr(known, name) != getattr(asked, name):
                raise BadInput(
                    f"--data {folder} belongs to another market: {name} is {getattr(known, name)!r} there and "
                    f"{getattr(asked, name)!r} here; leave the option out, or give --data another folder"
                )
        return known

    def loaded(self, wanted: Mapping[str, Any]) -> "SimPlan":
        """The same accounts on another market: bars, scenario, date, days, time of day and seed of a request. Raises BadInput."""
        kinds: Mapping[str, type] = {"bars": str, "scenario": str, "date": str, "days": int, "at": str, "seed": int}
        for name, value in wanted.items():
            if name not in kinds or isinstance(value, bool) or not isinstance(value, kinds[name]):
                raise BadInput(
                    f"{name}: give {', '.join(f'{known} ({kind.__name__})' for known, kind in kinds.items())}"
                )
        if not 1 <= wanted.get("days", 1) <= 250 or wanted.get("seed", 0) < 0:
            raise BadInput("days are 1 to 250, a seed is 0 or more")
        return replace(
            self,
            bars=wanted.get("bars"),
            scenario=wanted.get("scenario"),
            day=wanted.get("date"),
            days=wanted.get("days", 1),
            at=wanted.get("at"),
            seed=wanted.get("seed", self.seed),
        )

    def simulator(self, data: Path | None = None) -> tuple[Simulator, datetime]:
        """The simulator, gone on with where `data` has been before, and the end of its market. Raises BadInput."""
        try:
            day = date.fromisoformat(self.day) if self.day else None
        except ValueError:
            raise BadInput(f"date {self.day!r} is no date; write it as 2026-11-20") from None
        if self.scenario and (self.bars or day or self.days != 1):
            raise BadInput(
                f"scenario {self.scenario!r} has a market and a date of its own; leave out bars, date and days"
            )
        try:
            market, first, days = self._scenario() if self.scenario else self._market(day)
            return simulator_on(
                market,
                first,
                days,
                at=self.at,
                seed=self.seed,
                profile=self.profile,
                switches=switches_from(self.switches),
                accounts=[
                    AccountOrder((key, secret), profile) for key, secret, profile in map(account_words, self.accounts)
                ],
                state_dir=data,
            )
        except ValueError as error:
            raise BadInput(str(error)) from error

    def _scenario(self) -> tuple[Market, date, int]:
        known = find_scenario(str(self.scenario))
        return scenario(known.name, self.seed, extended=True), known.day, known.days

    def _market(self, day: date | None) -> tuple[Market, date, int]:
        bars = Path(self.bars) if self.bars else None
        options = SimOptions(Path(), self.seed, bars, day, self.days, extended=True)
        market, identity = simulated_market(options, (), SessionCalendar())
        return market, date.fromisoformat(identity.date), self.days

    def build(self, wanted: Mapping[str, Any]) -> tuple[Simulator, datetime]:
        """The simulator of `loaded`, for the control API, which expects a ValueError."""
        try:
            return self.loaded(wanted).simulator()
        except BadInput as error:
            raise ValueError(str(error)) from error

    def what(self) -> str:
        """The plan in a few words."""
        market = Path(self.bars).name if self.bars else f"{self.scenario or 'seed'} {self.seed}"
        days = f", {self.days} sessions" if self.days > 1 else ""
        return f"{market}{days}, {self.profile}"
