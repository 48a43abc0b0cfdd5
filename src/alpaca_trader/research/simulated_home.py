"""A simulated run and its home: what fixes the run, and whether to begin it, to go on with it, or to refuse.

``data/simulator/run.json`` names what fixes a run. A run that was interrupted, however harshly, is gone on with where its
exchange stood; one that is over is set aside under ``archive/`` before the next begins.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from alpaca_trader.core.errors import BadInput
from alpaca_trader.edge.home import Home
from alpaca_trader.edge.whole_file import write_whole

RUN_FILE = "run.json"
KEPT = ("data", "logs")


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """What a simulated run is a function of, beside the settings: dates are ISO, ``bars`` a fingerprint or None."""

    seed: int
    date: str
    days: int
    profile: str
    symbols: tuple[str, ...]
    bars: str | None


class SimulatedHome:
    """The simulated side of a home folder."""

    def __init__(self, home: Home) -> None:
        """Touches nothing."""
        self._home = home

    @property
    def state_dir(self) -> Path:
        """Where the simulated exchange keeps its command log."""
        return self._home.data / "simulator"

    def prepare(self, identity: RunIdentity, fresh: bool) -> bool:
        """Make the home ready for the run; True when an interrupted run is gone on with.

        ``fresh`` sets an interrupted run aside. Raises BadInput where another run was interrupted here, or where the
        home holds a journal that no simulated run made.
        """
        run_file = self.state_dir / RUN_FILE
        if not run_file.exists():
            if any(self._home.data.glob("*.db")):
                raise BadInput(f"--home {self._home.path}: holds the journal of another mode; name another home")
            self._begin(run_file, identity)
            return False
        known = json.loads(run_file.read_text())
        if known.pop("finished") or fresh:
            self._set_aside()
            self._begin(run_file, identity)
            return False
        if known != json.loads(json.dumps(asdict(identity))):
            raise BadInput(
                f"--home {self._home.path}: another simulated run was interrupted here (seed {known['seed']}, "
                f"date {known['date']}, {known['days']} day(s)); give the same options to go on with it, or --fresh"
            )
        return True

    def finish(self) -> None:
        """Note that the run is over."""
        run_file = self.state_dir / RUN_FILE
        self._write(run_file, {**json.loads(run_file.read_text()), "finished": True})

    def _begin(self, run_file: Path, identity: RunIdentity) -> None:
        run_file.parent.mkdir(parents=True, exist_ok=True)
        self._write(run_file, {**asdict(identity), "finished": False})

    @staticmethod
    def _write(run_file: Path, content: dict[str, object]) -> None:
        write_whole(run_file, (json.dumps(content, indent=2) + "\n").encode())

    def _set_aside(self) -> None:
        """Move journal and logs of the run that lies here into the next free ``archive/NNN``."""
        archive = self._home.path / "archive"
        archive.mkdir(exist_ok=True)
        number = 1 + max((int(entry.name) for entry in archive.iterdir() if entry.name.isdigit()), default=0)
        target = archive / f"{number:03d}"
        target.mkdir()
        for name in KEPT:
            source = self._home.path / name
            (target / name).mkdir()
            for entry in sorted(source.iterdir()):
                if entry.name != "engine.lock":
                    entry.rename(target / name / entry.name)
