"""How numbers, times and codes read on every page: one place, so that terminal, file and picture say the same.

Times on pages are New York's, because that is what a trading day is told in. Text of strangers is made harmless here.
"""

from datetime import date, datetime
from decimal import ROUND_FLOOR, Decimal
from zoneinfo import ZoneInfo

from alpaca_trader.core.models import Mode

# Not from edge.calendar: that loads the exchange calendars, which a command that only looks must not wait for.
NEW_YORK = ZoneInfo("America/New_York")
NOTHING = "-"
MODE_STYLE = {Mode.SIM: "bold black on cyan", Mode.PAPER: "bold black on yellow", Mode.LIVE: "bold white on red"}
MODE_WORDS = {
    Mode.SIM: "simulated market and fills, no real money",
    Mode.PAPER: "Alpaca paper trading, no real money",
    Mode.LIVE: "real money",
}
MAX_TEXT = 200
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_BIDI = range(0x202A, 0x202F), range(0x2066, 0x206A), range(0x200E, 0x2010)
"""Marks that make a terminal or a browser show text in another order than it is written in."""

Number = Decimal | float


def local(at: datetime) -> datetime:
    """The instant on New York's clock."""
    return at.astimezone(NEW_YORK)


def day_of(at: datetime) -> date:
    """New York's date at the instant."""
    return local(at).date()


def clock(at: datetime | None) -> str:
    """``10:41`` in New York."""
    return NOTHING if at is None else f"{local(at):%H:%M}"


def clock_s(at: datetime | None) -> str:
    """``10:41:02`` in New York."""
    return NOTHING if at is None else f"{local(at):%H:%M:%S}"


def day_words(day: date) -> str:
    """``Fri 2026-11-20``, whatever the machine's language."""
    return f"{_WEEKDAYS[day.weekday()]} {day.isoformat()}"


def days_words(days: tuple[date, ...]) -> str:
    """One day, or from the first to the last."""
    if not days:
        return "no session yet"
    return day_words(days[0]) if len(days) == 1 else f"{day_words(days[0])} to {day_words(days[-1])}"


def fixed(value: Number | None, places: int = 2) -> str:
    """A number with a fixed count of decimals and thousands apart; never minus nothing."""
    if value is None:
        return NOTHING
    text = f"{value:,.{places}f}"
    return text.removeprefix("-") if not any(digit in text for digit in "123456789") else text


def signed(value: Number | None, places: int = 2) -> str:
    """As ``fixed``, with a plus where it is one."""
    text = fixed(value, places)
    return f"+{text}" if value is not None and value > 0 and any(digit in text for digit in "123456789") else text


def price(value: Number | None) -> str:
    """A price in USD: cents from a dollar on, hundredths of a cent below."""
    return fixed(value, 4 if value is not None and -1 < value < 1 else 2)


def shares(value: Number | None) -> str:
    """A quantity without idle zeros, to the broker's nine decimals."""
    if value is None:
        return NOTHING
    text = f"{value:.9f}"
    return text.rstrip("0").rstrip(".")


def plain_number(value: object) -> str:
    """A gate's number as it stands, cut to six significant digits where it has more."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float | Decimal):
        return f"{value:.6g}" if -1e6 < value < 1e6 else f"{value:.0f}"
    return printable(str(value))


def covered(share: float | None) -> str:
    """A share of time in percent, never rounded up: 100 % is said of nothing that had a gap."""
    if share is None:
        return NOTHING
    return "100 %" if share >= 1 else f"{(Decimal(share) * 100).quantize(Decimal('0.0001'), ROUND_FLOOR)} %"


def duration(seconds: float) -> str:
    """Hours and minutes, minutes and seconds, or seconds with what matters below one."""
    if seconds < 60:
        return f"{seconds:.3f} s" if 0 < seconds < 1 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def label(code: str | None) -> str:
    """A code as words."""
    return NOTHING if not code else printable(code).replace("_", " ")


def printable(text: str, at_most: int = MAX_TEXT) -> str:
    """Text of unknown origin that can be shown: one line, no control or reordering characters, not too long."""
    mended = "".join(_shown(character) for character in text[:at_most])
    return mended if len(text) <= at_most else f"{mended}..."


def _shown(character: str) -> str:
    if character in "\t\r\n":
        return " "
    hidden = not character.isprintable() or any(ord(character) in block for block in _BIDI)
    return "?" if hidden else character


def colour(value: Number | None) -> str:
    """Green for a gain, red for a loss; the sign says the same without colour."""
    return "" if not value else ("green" if value > 0 else "red")
