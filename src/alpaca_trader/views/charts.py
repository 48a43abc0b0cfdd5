"""The two pictures of a day as inline SVG: the account with its drawdown, and one symbol with what was done in it.

The same input gives the same bytes: no date, no random ids. Text stays text, so that the page's own font is used and the
picture can be searched. Each picture is drawn twice, for a wide page and for a phone, because text must not shrink.
"""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from alpaca_trader.core.indicators import NO_VWAP, add_to_vwap, typical_price
from alpaca_trader.core.models import Bar, Session
from alpaca_trader.views.words import local

Size = Literal["wide", "phone"]
Floats = npt.NDArray[np.float64]

INK, MUTED, GRID = "#17202a", "#5d6b7a", "#e3e8ee"
BLUE, AMBER, GREEN, RED = "#1f5fa8", "#b7791f", "#12754a", "#b3261e"
INCHES: dict[Size, tuple[float, float]] = {"wide": (9.8, 3.9), "phone": (4.3, 3.7)}
MOST_POINTS = 1_600
"""More points than a picture has columns only make the file larger."""

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 9.5,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": GRID,
    "xtick.major.size": 3.0,
    "ytick.major.size": 0.0,
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "lines.solid_capstyle": "round",
}


@contextmanager
def _drawing(salt: str) -> Iterator[None]:
    """Our style on matplotlib's defaults, whatever the user's own settings are; ``salt`` fixes the ids."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({**_STYLE, "svg.hashsalt": salt})
        yield


class Mark(NamedTuple):
    """A fill: when, at which price, and the id of its trade."""

    at: datetime
    price: float
    trade: int


class Level(NamedTuple):
    """A stop that worked at ``price`` from ``since`` to ``until``."""

    since: datetime
    until: datetime
    price: float


class Holding(NamedTuple):
    """A time in which the symbol was held; ``won`` is None while it is not over."""

    since: datetime
    until: datetime
    won: bool | None


@dataclass(frozen=True, slots=True)
class SymbolDay:
    """One symbol's session and what was done in it."""

    symbol: str
    session: Session
    bars: tuple[Bar, ...]
    entries: tuple[Mark, ...]
    exits: tuple[Mark, ...]
    stops: tuple[Level, ...]
    holdings: tuple[Holding, ...]


class Track:
    """Places instants on one axis of session minutes: nights and weekends take no room."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        self.sessions = sessions
        self.starts: list[float] = []
        end = 0.0
        for session in sessions:
            self.starts.append(end)
            end += _minutes(session.close - session.open)
        self.end = end

    def place(self, at: datetime) -> float:
        """Minutes of session before ``at``; what lies outside a session is put at its nearer end."""
        for session, start in zip(self.sessions, self.starts, strict=True):
            if local(at).date() == session.day:
                return start + _minutes(min(max(at, session.open), session.close) - session.open)
        return 0.0 if not self.sessions or at < self.sessions[0].open else self.end


def _minutes(span: timedelta) -> float:
    return span.total_seconds() / 60


def equity_chart(sessions: Sequence[Session], points: Sequence[tuple[datetime, float]], size: Size) -> str:
    """The account in USD over the sessions, and below it how far it lay under its highest reading, in percent.

    ``points`` are readings, oldest first, at least one.
    """
    track = Track(sessions)
    x = np.array([track.place(at) for at, _ in points])
    equity = np.array([value for _, value in points])
    drawdown = (equity / np.maximum.accumulate(equity) - 1) * 100
    kept = thin(equity)
    with _drawing(f"equity-{size}"):
        figure = Figure(figsize=INCHES[size], layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        upper.axhline(float(equity[0]), color=MUTED, linewidth=0.8, linestyle=(0, (2, 3)))
        upper.plot(x[kept], equity[kept], color=BLUE, linewidth=1.6)
        upper.fill_between(x[kept], equity[kept], float(equity[0]), color=BLUE, alpha=0.08, linewidth=0)
        upper.set_ylabel("equity, USD")
        upper.yaxis.set_major_formatter("{x:,.2f}")
        upper.tick_params(labelbottom=False, bottom=False)
        lower.fill_between(x[kept], drawdown[kept], 0, color=RED, alpha=0.22, linewidth=0)
        lower.plot(x[kept], drawdown[kept], color=RED, linewidth=1.0)
        lower.set_ylabel("drawdown, %")
        lower.set_ylim(min(float(drawdown.min()) * 1.15, -0.01), 0)
        lower.yaxis.set_major_locator(MaxNLocator(3))
        _time_axis(lower, track, size)
        return _svg(figure, f"Equity and drawdown from {equity[0]:,.2f} to {equity[-1]:,.2f} USD", f"equity-{size}")


def symbol_chart(day: SymbolDay, size: Size) -> str:
    """Closes and session VWAP of one symbol, where it was bought and sold, and where its stop lay. At least one bar."""
    track = Track([day.session])
    x = np.array([track.place(bar.closed_at) for bar in day.bars])
    with _drawing(f"symbol-{size}"):
        width, height = INCHES[size]
        figure = Figure(figsize=(width, height + 0.4), layout="constrained")
        axes = figure.subplots()
        for holding in day.holdings:
            tint = {True: GREEN, False: RED, None: MUTED}[holding.won]
            axes.axvspan(track.place(holding.since), track.place(holding.until), color=tint, alpha=0.07, linewidth=0)
        axes.plot(x, [bar.close for bar in day.bars], color=INK, linewidth=1.2, label="close")
        axes.plot(x, _vwap(day.bars), color=AMBER, linewidth=1.2, linestyle=(0, (5, 2)), label="VWAP")
        _draw_stops(axes, track, day.stops)
        for marks, shape, colour, name in ((day.entries, "^", GREEN, "entry"), (day.exits, "v", BLUE, "exit")):
            _draw_marks(axes, track, marks, shape, colour, name)
        axes.set_ylabel(f"{day.symbol}, USD")
        axes.yaxis.set_major_formatter("{x:,.2f}")
        axes.margins(y=0.08)
        _time_axis(axes, track, size)
        figure.legend(loc="outside upper left", ncols=5 if size == "wide" else 3, handlelength=1.6, columnspacing=1.4)
        return _svg(figure, f"{day.symbol} on {day.session.day}: price, entries, exits and stops", f"symbol-{size}")


def _vwap(bars: Iterable[Bar]) -> list[float]:
    """The session VWAP after each bar, by the engine's own rule."""
    state, values = NO_VWAP, []
    for bar in bars:
        state = add_to_vwap(state, typical_price(bar.high, bar.low, bar.close), bar.volume)
        values.append(state.value)
    return values


def _draw_stops(axes: Axes, track: Track, stops: Sequence[Level]) -> None:
    for number, (since, until, level) in enumerate(stops):
        ends = track.place(since), track.place(until)
        axes.plot(ends, (level, level), color=RED, linewidth=1.5, label="" if number else "stop")
        after = stops[number + 1] if number + 1 < len(stops) else None
        if after is not None and abs(after.since - until) < timedelta(seconds=30):
            axes.plot((ends[1], ends[1]), (level, after.price), color=RED, linewidth=0.9)


def _draw_marks(axes: Axes, track: Track, marks: Sequence[Mark], shape: str, colour: str, name: str) -> None:
    if not marks:
        return
    x, y = [track.place(mark.at) for mark in marks], [mark.price for mark in marks]
    axes.scatter(x, y, marker=shape, s=64, color=colour, edgecolors="white", linewidths=0.9, zorder=5, label=name)
    below = shape == "^"
    for place, mark in zip(x, marks, strict=True):
        axes.annotate(
            str(mark.trade),
            (place, mark.price),
            xytext=(0, -15 if below else 8),
            textcoords="offset points",
            ha="center",
            fontsize=8.5,
            color=colour,
            zorder=6,
            bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.8},
        )


def _time_axis(axes: Axes, track: Track, size: Size) -> None:
    axes.set_xlim(0, track.end)
    if len(track.sessions) == 1:
        opens, closes = local(track.sessions[0].open), local(track.sessions[0].close)
        every = 1 if size == "wide" else 2
        hours = [opens.replace(hour=hour, minute=0) for hour in range(opens.hour + 1, closes.hour + 1)]
        shown = [hour for hour in hours if hour.hour % every == 0 and hour <= closes]
        axes.set_xticks([track.place(hour) for hour in shown], [f"{hour:%H:%M}" for hour in shown])
        axes.set_xlabel("New York time")
        return
    for start in track.starts[1:]:
        axes.axvline(start, color=GRID, linewidth=0.8, zorder=0)
    step = -(-len(track.sessions) // (10 if size == "wide" else 5))
    shown_days = list(zip(track.starts, track.sessions, strict=True))[::step]
    axes.set_xticks(
        [start for start, _ in shown_days], [f"{session.day:%m-%d}" for _, session in shown_days], ha="left"
    )


def thin(values: Floats) -> npt.NDArray[np.intp]:
    """Indices that keep first, last, lowest and highest of each stretch, so that no peak is lost."""
    if len(values) <= MOST_POINTS:
        return np.arange(len(values))
    kept: set[int] = set()
    for stretch in np.array_split(np.arange(len(values)), MOST_POINTS // 4):
        part = values[stretch]
        kept |= {int(stretch[at]) for at in (0, len(part) - 1, int(part.argmin()), int(part.argmax()))}
    return np.array(sorted(kept))


def _svg(figure: Figure, title: str, prefix: str) -> str:
    """The figure as an ``<svg>`` element that can stand beside others in one page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", text)
    text = re.sub(r"<svg ([^>]*?)width=\"[\d.]+pt\" ", r"<svg \1", text, count=1)
    text = re.sub(r"<svg ([^>]*?)height=\"[\d.]+pt\" ", r"<svg \1", text, count=1)
    return text.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1).rstrip()
