"""``python -m proofs.document``: the tables of ``docs/safety.md`` from the list of failures and the figures of the last runs.

The figures are kept in ``docs/safety/daily.json`` (``make simulate``) and ``docs/safety/nightly.json``; each names its commit.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from proofs.failures import FAILURES, Failure
from proofs.planted import document

REPO: Final = Path(__file__).resolve().parent.parent
DOCUMENT: Final = REPO / "docs" / "safety.md"
RECORDS: Final = REPO / "docs" / "safety"
PLANTED: Final = RECORDS / "planted-bugs.md"
_FAILURES = ("<!-- failures -->", "<!-- end of failures -->")
_PLANTED = """Each is a small change of the engine as shipped, planted while it runs (`proofs/bugs/`). Days are those whose faults could show
it. *The judge* reads the exchange and shares no code with the engine; *the engine itself* are its own assertions, which stay on
in production. A bug that is not found in 2,000 days fails `make simulate`, and so does a day that breaks a rule without one."""
_RUNS = ("<!-- runs -->", "<!-- end of runs -->")


def record(name: str) -> Mapping[str, Any]:
    """The figures of the last ``daily`` or ``nightly`` run that was kept; empty where there is none."""
    path = RECORDS / f"{name}.json"
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def struck(run: Mapping[str, Any]) -> Mapping[str, int]:
    """How often each fault struck in a run's days."""
    days: Mapping[str, Any] = run.get("programmes", {}).get("days", {})
    found: Mapping[str, int] = days.get("facts", {}).get("faults", {})
    return found


def failures() -> str:
    """The table of failures."""
    counts = struck(record("daily"))
    lines = [
        "| | failure | what the engine does | brought about by (times in the last run) | shown by |",
        "|---|---|---|---|---|",
    ]
    lines += [_row(failure, counts) for failure in FAILURES]
    return "\n".join(lines)


def _row(failure: Failure, counts: Mapping[str, int]) -> str:
    causes = [f"`{name}` ({counts[name]:,})" if name in counts else f"`{name}`" for name in failure.faults]
    tests = " ".join(f"`{test}`" for test in failure.tests)
    brought = ", ".join(causes) or "the test"
    return f"| F{failure.number} | {failure.what} | {failure.behaviour} | {brought} | {tests} |"


def runs() -> str:
    """What the last runs printed."""
    return "\n\n".join(_run(name) for name in ("daily", "nightly") if record(name)) or "No run is kept."


def _run(name: str) -> str:
    run = record(name)
    head = f"`make simulate{'' if name == 'daily' else '-nightly'}`, {run['date']}, commit `{run['commit']}`: {run['note']}"
    return "\n".join([head, "", "```text", *_texts(run), "```"])


def _texts(run: Mapping[str, Any]) -> Iterator[str]:
    for found in run["programmes"].values():
        yield from found["text"].splitlines()
        yield from (f"  PROBLEM {problem}" for problem in found["problems"])


def written(text: str) -> str:
    """The document with its tables renewed."""
    for marks, made in ((_FAILURES, failures()), (_RUNS, runs())):
        before, begin, rest = text.partition(marks[0])
        _, end, after = rest.partition(marks[1])
        assert begin, f"docs/safety.md has no {marks[0]}"
        assert end, f"docs/safety.md has no {marks[1]}"
        text = f"{before}{begin}\n{made}\n{end}{after}"
    return text


def planted_bugs(run: Mapping[str, Any]) -> str:
    """The page of planted bugs, from the figures of a run."""
    found = run["programmes"]["planted"]["facts"]
    head = f"{found['found']} of {found['planted']} found, {run['date']}, commit `{run['commit']}`"
    return f"# Planted bugs\n\n{_PLANTED}\n\n{head}:\n\n{document(found)}\n"


def main() -> int:
    """Renew the documents."""
    daily = record("daily")
    if "planted" in daily.get("programmes", {}):
        PLANTED.write_text(planted_bugs(daily), encoding="utf-8")
    DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
