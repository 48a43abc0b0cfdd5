"""What a run of kills has seen."""

from dataclasses import dataclass, field, fields


@dataclass
class Result:
    """Counts, and what went wrong; no problems is what is wanted."""

    seed: int
    kills: int = 0
    starts: int = 0
    second_engines: int = 0
    """Started beside a living one, and refused."""
    sessions: int = 0
    nights: int = 0
    """Over which a position was held because nobody came back before the close."""
    kills_in_recovery: int = 0
    kills_holding: int = 0
    kills_at_a_word: int = 0
    orders: int = 0
    entries: int = 0
    fills: int = 0
    longest_naked_s: float = 0.0
    """The longest that any position was without a stop while an engine lived, virtual seconds."""
    real_s: float = 0.0
    problems: list[str] = field(default_factory=list)

    def facts(self) -> dict[str, float]:
        """Every count by its name."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name not in ("seed", "problems")}

    def __str__(self) -> str:
        """One line."""
        told = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in self.facts().items())
        return f"kill -9 (seed {self.seed}): {told}, {len(self.problems)} problems"

    def add(self, other: "Result") -> None:
        """Take another run's counts and problems in."""
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            if each.name == "longest_naked_s":
                self.longest_naked_s = max(mine, theirs)
            elif each.name != "seed":
                setattr(self, each.name, mine + theirs)
