"""Rows become bars: put in order, judged as a whole, cut into one frame per symbol."""

from pathlib import Path

from alpaca_trader.core.errors import BadInput
from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.research.bar_checks import clock_findings, in_order, sound_rows
from alpaca_trader.research.bar_quality import quality_findings
from alpaca_trader.research.bar_sessions import SessionTable
from alpaca_trader.research.bars import BarFile, Finding, fingerprint
from alpaca_trader.research.bars_rows import Reading, Rows

SEVERITIES = ("error", "warning", "note")


def judged(rows: Rows, reading: Reading, calendar: SessionCalendar) -> tuple[Rows, SessionTable, list[Finding]]:
    """The rows that can be bars, by symbol and minute, their sessions, and every finding, the gravest first."""
    sound, impossible = sound_rows(rows)
    ordered, disorder = in_order(sound)
    findings = [*rows.findings, *impossible, *disorder]
    table = SessionTable.around(rows.start, calendar)
    if len(ordered.start):
        clock = clock_findings(ordered, table, reading)
        findings += clock
        # A wrong clock moves every minute: what it would say about gaps and sessions means nothing.
        if all(each.severity != "error" for each in clock):
            findings += quality_findings(ordered, table)
    return ordered, table, gravest_first(findings)


def gravest_first(findings: list[Finding]) -> list[Finding]:
    """Errors, then warnings, then notes, each in the order they were found."""
    return sorted(findings, key=lambda each: SEVERITIES.index(each.severity))


def refuse_errors(findings: list[Finding]) -> None:
    """Raises BadInput with the first error; the rest is counted, `data check` lists it."""
    errors = [each for each in findings if each.severity == "error"]
    if errors:
        more = f" ({len(errors) - 1} more kinds of error: data check lists them)" if len(errors) > 1 else ""
        raise BadInput(f"{errors[0].text}{more}")


def bar_file(source: Path, rows: Rows, table: SessionTable, findings: list[Finding]) -> BarFile:
    """Judged rows without errors as what others use."""
    frames = rows.frames()
    return BarFile(
        source, frames, table.days(rows.start), fingerprint(frames), rows.feed, rows.adjustment, tuple(findings)
    )
