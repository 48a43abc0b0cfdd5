"""The daily log: the owner's line, one per event, private, bounded, without secrets, and never in the loop's way."""

import base64
import json
import math
import os
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpaca_trader.core.models import Gate, TradeSignal
from alpaca_trader.edge.clock import VirtualClock
from alpaca_trader.edge.logger import TradingLogger
from alpaca_trader.edge.plain import plain
from alpaca_trader.edge.redaction import Redactor
from alpaca_trader.edge.secret import Secret
from tests.edge.journal_entries import summary, trade

NOW = datetime(2026, 2, 2, 15, 30, tzinfo=UTC)
KEY = "PKCANARY7QX4WZ2M9TNB"
SECRET = "canaryV8b2kQ0xYd5Tn/uE3Rg+1hLz7WcPo9JsAf"


class Logs:
    """A logger on a folder with a clock that stands still until told."""

    def __init__(self, folder: Path, **limits: int) -> None:
        self.folder, self.clock, redactor = folder, VirtualClock(NOW), Redactor()
        for text in (KEY, SECRET):
            redactor.register(Secret(text))
        self.logger = TradingLogger(folder, self.clock, redactor, **limits)

    def lines(self, day: str = "2026-02-02") -> list[dict[str, Any]]:
        """Every line of a day, parsed."""
        return [json.loads(line) for line in (self.folder / f"{day}.jsonl").read_text().splitlines()]


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    """A logger on an empty folder."""
    return Logs(tmp_path)


def test_a_trade_is_the_owners_line(logs: Logs) -> None:
    """The format of the design document, field by field: numbers are numbers, the time ends in Z."""
    logs.logger.log_trade(trade(1, qty=Decimal("0.5"), entry_price=Decimal("185.50")))
    text = (logs.folder / "2026-02-02.jsonl").read_text()
    assert text.startswith(
        '{"timestamp":"2026-02-02T15:30:00Z","level":"INFO","event":"trade_executed",'
        '"data":{"symbol":"AAPL","side":"buy","qty":0.5,"price":185.5,"strategy":"momentum_breakout"'
    )
    assert text.endswith("}\n")


@pytest.mark.parametrize(
    ("status", "event", "side", "price"),
    [
        ("pending", "trade_pending", "buy", 185.5),
        ("open", "trade_executed", "buy", 185.5),
        ("closing", "trade_closing", "buy", 185.5),
        ("closed", "trade_executed", "sell", 188.1),
        ("rejected", "trade_rejected", "buy", 185.5),
    ],
)
def test_only_fills_are_executions(logs: Logs, status: str, event: str, side: str, price: float) -> None:
    """What was not bought or sold does not read as a trade that was executed."""
    logs.logger.log_trade(trade(1, status=status, entry_price=Decimal("185.50"), exit_price=Decimal("188.10")))
    (line,) = logs.lines()
    assert (line["event"], line["data"]["side"], line["data"]["price"]) == (event, side, price)


def test_signals_summaries_and_events(logs: Logs) -> None:
    """The owner's other methods, and the one for everything else."""
    logs.logger.log_signal(TradeSignal("SPY", "buy", "mine", 0.5, math.nan, numbers={"rvol": 1.2}), "daily_loss")
    logs.logger.log_daily_summary(summary(date(2026, 2, 2)))
    logs.logger.log_event("config_refused", "warning", {"gates": (Gate("a", True, 1, 2),), "day": date(2026, 2, 2)})
    signal, day, refused = logs.lines()
    assert (signal["event"], signal["data"]["action"], signal["data"]["entry_price"]) == ("signal", "daily_loss", None)
    assert (day["event"], day["data"]["day"], day["data"]["refusals"]) == (
        "daily_summary",
        "2026-02-02",
        {"no_cash": 2},
    )
    assert refused["level"] == "WARNING"
    assert refused["data"] == {"gates": [["a", True, 1, 2]], "day": "2026-02-02"}


def test_an_error_tells_where_and_why_but_no_values(logs: Logs) -> None:
    """Type, text, causes and place; the values of local variables stay out, they may be credentials."""
    local = "a value of a local variable"
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError("outer") from inner
    except ValueError as error:
        logs.logger.log_error(error, {"order": 7})
    (line,) = logs.lines()
    assert (line["level"], line["event"]) == ("ERROR", "error")
    assert line["data"]["message"] == "outer"
    assert line["data"]["causes"] == ["KeyError: 'inner'"]
    assert line["data"]["where"][0].startswith("test_logger.py:")
    assert line["data"]["context"] == {"order": 7}
    assert local not in json.dumps(line)


def test_an_error_that_causes_itself_ends(logs: Logs) -> None:
    """A ring of causes is told once around."""
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    logs.logger.log_error(first, {})
    assert logs.lines()[0]["data"]["causes"] == ["ValueError: b", "ValueError: a"]


def test_a_day_is_new_yorks(logs: Logs) -> None:
    """Midnight is midnight on the exchange's clock; each day has its private file."""
    for at in ("2026-02-03T04:59:59.5+00:00", "2026-02-03T05:00:00+00:00"):
        logs.clock.advance_to(datetime.fromisoformat(at))
        logs.logger.log_event("tick", "info", {})
    assert logs.lines("2026-02-02")[0]["timestamp"] == "2026-02-03T04:59:59.500000Z"
    assert logs.lines("2026-02-03")[0]["timestamp"] == "2026-02-03T05:00:00Z"
    assert {file.stat().st_mode & 0o777 for file in logs.folder.iterdir()} == {0o600}


class Colour(Enum):
    """Some enum."""

    RED = "red"


def test_values_become_plain(logs: Logs) -> None:
    """Whatever is handed over becomes a line: nothing can make logging fail."""
    ring: list[Any] = []
    ring.append(ring)
    data = {
        "money": Decimal("1.10"),
        "nan": Decimal("NaN"),
        "inf": math.inf,
        "colour": Colour.RED,
        "huge": 2**60,
        "object": Logs,
        "half": "a\ud800",
        "long": "x" * 3_000,
        "ansi": "\x1b[31mred\n",
        3: None,
    }
    logs.logger.log_event("odd", "info", {**data, "ring": ring})  # type: ignore[dict-item]
    (line,) = logs.lines()
    got = line["data"]
    assert (got["money"], got["nan"], got["inf"], got["colour"], got["half"]) == (1.1, None, None, "red", "a?")
    assert (got["huge"], got["3"]) == (str(2**60), None)
    assert got["long"] == "x" * 2_000 + "... (3000 characters)"
    assert got["object"].startswith("<class")
    assert "nested too deeply" in json.dumps(got["ring"])
    assert b"\x1b" not in (logs.folder / "2026-02-02.jsonl").read_bytes()


def test_a_line_has_a_bound(logs: Logs) -> None:
    """A thousand long texts are told by their size."""
    logs.logger.log_event("flood", "info", {"texts": ["x" * 1_000] * 100})
    assert logs.lines()[0]["data"].keys() == {"too_long"}


@pytest.mark.parametrize(
    "name", ["secret", "API_SECRET_KEY", "APCA-API-KEY-ID", "Authorization", "access_token", "password", "Set-Cookie"]
)
def test_what_a_credential_is_called_is_hidden(logs: Logs, name: str) -> None:
    """Under such a key nothing is shown, however deep it stands and whatever it is."""
    logs.logger.log_event("request", "info", {"headers": [{name: ["anything"], "host": "here"}]})
    assert logs.lines()[0]["data"]["headers"] == [{name: "[hidden]", "host": "here"}]


def leaks(text: bytes) -> list[str]:
    """Pieces of the canaries in a text, plain or in base64 (INV-26), found by decoding rather than by our own list."""
    found = [c[i : i + 8] for c in (KEY, SECRET) for i in range(len(c) - 7) if c[i : i + 8].encode() in text]
    for alphabet in (b"+/", b"-_"):
        for start in range(4):
            for word in text.translate(bytes.maketrans(b'":{}[], ', b"\n" * 8)).split(b"\n"):
                word = word.rstrip(b"=")
                part = word[start : start + (len(word) - start) // 4 * 4]
                if part and all(chr(c).isalnum() or c in alphabet for c in part):
                    plain_text = base64.b64decode(part, altchars=alphabet)
                    found += [
                        c for c in (KEY, SECRET) for i in range(len(c) - 7) if c[i : i + 8].encode() in plain_text
                    ]
    return found


@given(
    before=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=5),
    shape=st.sampled_from(["plain", "piece", "base64", "urlsafe", "basic"]),
    text=st.sampled_from([KEY, SECRET]),
)
def test_no_piece_of_a_credential_passes(before: str, shape: str, text: str) -> None:
    """Plain, cut, in base64 at any offset or as a Basic header: the bytes that leave hold none of it (INV-26)."""
    redactor = Redactor()
    for each in (KEY, SECRET):
        redactor.register(Secret(each))
    coded = {
        "plain": text,
        "piece": text[3:-3],
        "base64": base64.b64encode((before + text + "tail").encode()).decode(),
        "urlsafe": base64.urlsafe_b64encode((before + text + "?>").encode()).decode(),
        "basic": base64.b64encode(f"{KEY}:{SECRET}".encode()).decode(),
    }[shape]
    line = json.dumps({"data": f"{before} {coded} after"}).encode()
    cleaned = redactor.clean(line)
    assert leaks(line) != []
    assert leaks(cleaned) == []
    assert len(cleaned) == len(line)
    assert json.loads(cleaned)["data"].endswith(" after")


def test_other_text_passes_unchanged() -> None:
    """Redaction touches nothing but credentials; without any registered it does nothing; a short one goes whole."""
    redactor = Redactor()
    assert redactor.clean(SECRET.encode()) == SECRET.encode()
    redactor.register(Secret(""))
    redactor.register(Secret("abc12"))
    assert redactor.clean(b"xabc12abc1y") == b"x*****abc1y"


def test_credentials_stay_out_of_every_line(logs: Logs) -> None:
    """The canary: in a message, a cause, a context, a Secret object, an event's name."""
    try:
        raise ValueError(f"GET /v2/orders {KEY}:{SECRET}")
    except ValueError as error:
        logs.logger.log_error(error, {"url": f"https://x/?a={SECRET}", "it": Secret(SECRET)})
    logs.logger.log_event(f"odd {KEY}", "info", {SECRET: 1})
    assert leaks((logs.folder / "2026-02-02.jsonl").read_bytes()) == []
    assert len(logs.lines()) == 2


def test_a_message_is_told_so_often_a_minute(tmp_path: Path) -> None:
    """F49: a storm of one event is counted, told in the next minute, and holds back no other event."""
    logs = Logs(tmp_path, lines_per_minute=3)
    for _ in range(10):
        logs.logger.log_event("storm", "warning", {})
    logs.logger.log_event("calm", "info", {})
    logs.clock.advance_to(NOW + timedelta(minutes=1))
    for _ in range(4):
        logs.logger.log_event("storm", "warning", {})
    logs.logger.close()
    told = [(line["event"], line["data"]) for line in logs.lines()]
    assert [name for name, _ in told] == ["storm"] * 3 + ["calm", "log_suppressed"] + ["storm"] * 3 + ["log_suppressed"]
    assert told[4][1] == {"event": "storm", "lines": 7}
    assert told[8][1] == {"event": "storm", "lines": 1}


def test_a_day_has_so_many_bytes(tmp_path: Path) -> None:
    """INV-25: at the day's cap ordinary lines end, once with a word; errors have a little more room; then a new day."""
    logs = Logs(tmp_path, day_bytes=4_000)
    for n in range(100):
        logs.logger.log_event("chatter", "info", {"n": n})
    logs.logger.log_event("late", "error", {})
    assert [line["event"] for line in logs.lines()][-2:] == ["log_capped", "late"]
    for _ in range(100):
        logs.logger.log_event("late", "error", {})
    assert (tmp_path / "2026-02-02.jsonl").stat().st_size <= 4_500
    assert logs.logger.healthy
    logs.clock.advance_to(NOW + timedelta(days=1))
    logs.logger.log_event("fresh", "info", {})
    assert [line["event"] for line in logs.lines("2026-02-03")][-1] == "fresh"


def test_a_restart_goes_on_in_the_same_file(tmp_path: Path) -> None:
    """Lines are appended, the day's bytes counted on, and what a power cut left of a line is cut off."""
    Logs(tmp_path).logger.log_event("first", "info", {})
    with (tmp_path / "2026-02-02.jsonl").open("ab") as file:
        file.write(b'{"timestamp":"2026-02-02T15')
    second = Logs(tmp_path)
    second.logger.log_event("second", "info", {})
    assert [line["event"] for line in second.lines()] == ["first", "second"]
    (tmp_path / "2026-02-02.jsonl").write_bytes(b"x" * 200_000)
    third = Logs(tmp_path)
    third.logger.log_event("third", "info", {})
    assert [line["event"] for line in third.lines()] == ["third"]


def test_a_disk_that_fails_is_counted_and_told_of(tmp_path: Path) -> None:
    """F35: the loop never hears of it; ``healthy`` says so, and the first line that passes tells how many did not."""
    logs = Logs(tmp_path)
    logs.logger.log_event("one", "info", {})
    (tmp_path / "2026-02-03.jsonl").mkdir()
    logs.clock.advance_to(NOW + timedelta(days=1))
    for _ in range(2):
        logs.logger.log_event("lost", "info", {})
    assert (logs.logger.healthy, logs.logger.lost) == (False, 2)
    (tmp_path / "2026-02-03.jsonl").rmdir()
    logs.logger.log_event("back", "info", {})
    assert logs.logger.healthy
    assert [(line["event"], line["data"]) for line in logs.lines("2026-02-03")] == [
        ("back", {}),
        ("log_lines_lost", {"lines": 2}),
    ]


def test_a_disk_that_fills_inside_a_line_leaves_whole_lines(tmp_path: Path) -> None:
    """Half a line is taken back, so the file parses to its end."""
    program = (
        "import resource, sys; from pathlib import Path; from tests.edge.test_logger import Logs;"
        " logs = Logs(Path(sys.argv[1])); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
        " [logs.logger.log_event('fill', 'info', {'n': n}) for n in range(30)];"
        " print(logs.logger.healthy, logs.logger.lost)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], env=environment, capture_output=True, text=True, check=True
    )
    lines = Logs(tmp_path).lines()
    assert done.stdout.split() == ["False", str(30 - len(lines))]
    assert 0 < len(lines) < 30


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts descriptors where Linux lists them")
def test_a_day_file_that_cannot_be_repaired_is_closed(tmp_path: Path) -> None:
    """A file that opens but fails at once costs its line and no descriptor."""
    (tmp_path / "2026-02-02.jsonl").symlink_to("/dev/full")
    logs = Logs(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        logs.logger.log_event("lost", "info", {})
    assert (logs.logger.healthy, logs.logger.lost) == (False, 20)
    assert len(os.listdir("/proc/self/fd")) <= before


def test_threads_do_not_mix_their_lines(logs: Logs) -> None:
    """Streams and pages log while the engine does; each line stays whole and none is lost."""

    def talk() -> None:
        for _ in range(50):
            logs.logger.log_event("t", "info", {"x": "y" * 50})

    threads = [threading.Thread(target=talk) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(logs.lines()) == 200


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_plain_values_are_json(value: object) -> None:
    """What ``plain`` gives is strict JSON: no NaN, no number that a browser rounds."""
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == plain(value)
