"""The picture of a run: complete in itself, the same every time, true to the journal."""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpaca_trader.core import events as ev
from alpaca_trader.core.indicators import NO_VWAP, add_to_vwap, typical_price
from alpaca_trader.core.models import Evaluation, Mode
from alpaca_trader.edge.home import Home
from alpaca_trader.edge.journal.reader import JournalReader
from alpaca_trader.views import charts
from alpaca_trader.views.day import role_words, run_account
from alpaca_trader.views.fold import spans
from alpaca_trader.views.report import render_report, write_report
from alpaca_trader.views.words import day_of, day_words
from tests.views.play import HALF_DAY, SEED
from tests.views.scripted import entries

NIGHT = datetime(2026, 11, 30, 15, 46, tzinfo=UTC)


@pytest.fixture(scope="module")
def page(reader: JournalReader, home: Home) -> str:
    """The report of the whole run."""
    return render_report(reader, run_account(reader, home, seed=SEED))


class Reading(HTMLParser):
    """What a browser would see: tags in balance, ids, links, and the text."""

    VOID = frozenset({"meta", "link", "br", "path", "use"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.targets += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += f" {data.strip()}" if data.strip() else ""


def test_the_page_needs_nothing_else(page: str) -> None:
    """No script, no link to anywhere, no address but the names of SVG's own vocabularies."""
    seen = Reading(page)
    assert seen.open == []
    assert not seen.tags & {"script", "iframe", "img", "object", "embed"}
    assert all(target.startswith(("#", "data:")) for target in seen.targets)
    addresses = set(re.findall(r"[a-z]+://[^\s\"'<>)]+", page))
    assert {address for address in addresses if "://www.w3.org/" not in address} == set()
    assert "@import" not in page
    assert set(re.findall(r"url\(([^)]*)\)", page)) == {
        f"#{target}" for target in set(re.findall(r"url\(#([^)]*)\)", page))
    }


def test_ids_are_unique_and_point_home(page: str) -> None:
    """Four pictures stand in one page; each refers to its own parts."""
    seen = Reading(page)
    assert len(seen.ids) == len(set(seen.ids))
    used = {target[1:] for target in seen.targets if target.startswith("#")} | set(re.findall(r"url\(#([^)]*)\)", page))
    assert used <= set(seen.ids)


def test_the_page_tells_the_journals_numbers(page: str, reader: JournalReader, home: Home) -> None:
    """Header, tiles, trades, funnel and footer say what the account says."""
    text = Reading(page).text
    for fragment in (
        "SIM Fri 2026-11-27 to Mon 2026-11-30",
        "simulated market and fills, no real money; seed 13",
        "from 467.00 USD",
        "1 won, 3 lost, 2 not over",
        role_words(run_account(reader, home)),
        "2026-11-30: the engine has not seen the close",
        "symbol owned the symbol was held already",
        "a stop worked at the broker",
        "Fills pay the far side of the quote; where they are kinder or harsher than the market stands in",
        reader.head(),
        "New York time",
    ):
        assert fragment in text, fragment
    for row in reader.trades():
        assert f" {row.id} {row.trade.symbol} " in text
    decided = sum(1 for _ in reader.entries(("Decided",)))
    assert f"{decided:,} decisions on closed bars" in text


def test_the_same_journal_gives_the_same_page(page: str, home: Home, tmp_path: Path) -> None:
    """Another process with another hash seed, another time and other drawing settings writes the same bytes."""
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 9\naxes.facecolor: eeeeee\n")
    code = f"""
from pathlib import Path
from alpaca_trader.core.models import Evaluation, Mode
from alpaca_trader.edge.home import Home
from alpaca_trader.edge.journal.reader import JournalReader
from alpaca_trader.views.day import run_account
from alpaca_trader.views.report import write_report
home = Home(Path({str(home.path)!r}))
reader = JournalReader(home.database(Mode.SIM))
write_report(Path("report.html"), reader, run_account(reader, home, seed={SEED}))
"""
    environment = {"PYTHONHASHSEED": "77", "MPLCONFIGDIR": str(tmp_path), "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page


def test_one_day_is_drawn_by_the_hour_and_several_by_the_day(page: str, reader: JournalReader, home: Home) -> None:
    """The time axis is New York's: hours of one session, dates of several."""
    assert ">11-27</text>" in page
    single = render_report(reader, run_account(reader, home, last=HALF_DAY))
    assert ">11-27</text>" not in single
    assert ">13:00</text>" in single
    assert ">14:00</text>" not in single
    assert "<h2>Days</h2>" not in single
    assert "Not finished" not in single


def test_an_empty_journal_gives_an_honest_page(written: Callable[..., JournalReader], tmp_path: Path) -> None:
    """Nothing happened, and nothing is drawn."""
    journal = written([])
    seen = Reading(render_report(journal, run_account(journal, Home(tmp_path))))
    assert seen.open == []
    assert "svg" not in seen.tags
    for fragment in (
        "no session yet",
        "Nothing was traded.",
        "Nothing was held.",
        "No bar was judged.",
        "Halts and alarms None.",
    ):
        assert fragment in seen.text


def test_strangers_text_stays_text(written: Callable[..., JournalReader], home: Home) -> None:
    """What a broker or a file says cannot become markup, nor reorder the page."""
    nasty = "<img src=x onerror=alert(1)>\u202e\x1b[2J&"
    news = [
        ev.HaltLatched(NIGHT, "operator", f"human: {nasty}", "human"),
        ev.Alarm(NIGHT, "broker_refused_other", "warning", "<b>", {}, nasty),
        ev.Alarm(NIGHT, "halt_operator", "error", untrusted_text=nasty),
    ]
    journal = written(news, after=home)
    page = render_report(journal, run_account(journal, home))
    seen = Reading(page)
    assert "img" not in seen.tags
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert seen.text.count("<img src=x onerror=alert(1)>??[2J&") == 2
    assert "not released" in seen.text


def test_the_page_is_written_whole_or_not_at_all(reader: JournalReader, home: Home, page: str, tmp_path: Path) -> None:
    """A folder that is not there leaves nothing behind; an existing page is replaced."""
    account = run_account(reader, home, seed=SEED)
    target = tmp_path / "report.html"
    target.write_text("old")
    write_report(target, reader, account)
    assert target.read_text(encoding="utf-8") == page
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(OSError, match="No such file"):
        write_report(tmp_path / "missing" / "report.html", reader, account)


def test_modes_are_named_and_explained(reader: JournalReader, home: Home) -> None:
    """Paper and live pages say whose fills they show."""
    account = run_account(reader, home, last=HALF_DAY)
    paper = Reading(render_report(reader, replace(account, mode=Mode.PAPER, trades=(), days=()))).text
    live = Reading(render_report(reader, replace(account, mode=Mode.LIVE, trades=(), days=()))).text
    assert "PAPER" in paper
    assert "Alpaca's paper trading: no order moves" in paper
    assert "LIVE" in live
    assert "the statement counts" in live


def test_a_day_of_a_symbol_without_bars_is_left_out(written: Callable[..., JournalReader], tmp_path: Path) -> None:
    """A journal whose bars are missing still gives its page, without that picture."""
    journal = written(list(entries()))
    page = render_report(journal, run_account(journal, Home(tmp_path)))
    assert "The symbol with the most order events" not in page
    assert "vwap fail" in page


def test_the_picture_is_of_the_symbol_with_most_order_events(page: str, reader: JournalReader) -> None:
    """Orders sent and cancels asked count, raised stops among them."""
    events: Counter[tuple[date, str]] = Counter()
    symbols: dict[str, str] = {}
    for _, entry in reader.entries(("Approved", "CancelOrder")):
        if isinstance(entry, ev.Approved):
            symbols[entry.intent.client_order_id] = entry.intent.symbol
        assert isinstance(entry, ev.Approved | ev.CancelOrder)
        key = entry.intent.client_order_id if isinstance(entry, ev.Approved) else entry.client_order_id
        events[day_of(entry.at), symbols[key]] += 1
    titles = {
        f"{symbol} on {day_words(day)}" for (day, symbol), times in events.items() if times == max(events.values())
    }
    assert [title for title in titles if f"<h2>{title}</h2>" in page]


def test_an_axis_skips_the_nights(reader: JournalReader) -> None:
    """Sessions follow each other without a gap; what lies outside is put at the nearer end."""
    first, second = (span.session for span in spans(reader))
    track = charts.Track([first, second])
    assert track.place(first.open) == track.place(first.open - timedelta(hours=1)) == 0
    assert track.place(first.close) == track.place(first.close + timedelta(hours=1)) == 210
    assert track.place(second.open) == 210
    assert track.place(second.close) == track.place(second.close + timedelta(days=9)) == track.end == 600
    assert track.place(first.open - timedelta(days=1)) == 0


@given(size=st.integers(1, 9_000), seed=st.integers(0, 2**32), spike=st.integers(0, 8_999))
def test_thinning_loses_no_extreme(size: int, seed: int, spike: int) -> None:
    """However many readings, the drawn ones hold the first, the last, the highest and the lowest, in order."""
    values = np.random.default_rng(seed).normal(500, 1, size)
    values[spike % size] = 400
    kept = charts.thin(values)
    assert len(kept) <= charts.MOST_POINTS
    assert list(kept) == sorted(set(kept))
    assert {0, size - 1, int(values.argmin()), int(values.argmax())} <= set(kept)


def test_many_reasons_are_added_up(written: Callable[..., JournalReader], tmp_path: Path) -> None:
    """The funnel lists the commonest reasons and says how often the rest were given."""
    session, *_ = entries()
    assert isinstance(session, ev.SessionOpened)
    start = session.session.open
    judged = [
        ev.Decided(start, Evaluation("SPY", "plugin", start, f"reason_{n}", ()), f"reason_{n}", ())
        for n in range(11)
        for _ in range(n + 1)
    ]
    journal = written([session, *judged])
    text = Reading(render_report(journal, run_account(journal, Home(tmp_path)))).text
    assert " 11 reason 10 " in text
    assert " 4 reason 3 " in text
    assert "reason 2 " not in text
    assert " 6 other 3 more reasons" in text


def test_the_drawn_vwap_is_the_engines(reader: JournalReader) -> None:
    """The line in the picture ends where the strategy's own number stood."""
    decision = next(each for each in reversed(reader.decisions("AAPL")) if each.evaluation.signal is not None)
    assert decision.evaluation.signal is not None
    day = spans(reader)[-1].session
    state = NO_VWAP
    for _, entry in reader.entries(("BarClosed",), since=day.open):
        assert isinstance(entry, ev.BarClosed)
        bar = entry.bar
        if bar.symbol == "AAPL" and bar.start <= decision.evaluation.bar_start:
            state = add_to_vwap(state, typical_price(bar.high, bar.low, bar.close), bar.volume)
    assert state.value == pytest.approx(decision.evaluation.signal.numbers["vwap"], rel=1e-12)
