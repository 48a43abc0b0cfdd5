"""alpaca-mcp-server over stdio, driven by the official MCP client; the server reaches the broker's hosts by HTTPS_PROXY."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from steps import LARGE, SMALL, report

COMMAND = str(Path(sys.executable).with_name("alpaca-mcp-server"))
DATA_TOOLS = {
    "get_stock_latest_bar": {"symbols": "AAPL"},
    "get_stock_latest_quote": {"symbols": "AAPL"},
    "get_stock_latest_trade": {"symbols": "AAPL"},
    "get_stock_snapshot": {"symbols": "AAPL"},
    "get_news": {"symbols": "AAPL"},
    "get_corporate_actions": {"symbols": "AAPL"},
    "get_most_active_stocks": {},
}


class Tools:
    """The tools of one server process, called by name."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session

    async def __call__(self, tool: str, /, **arguments: object) -> Any:
        """What the tool answers, out of the envelope the server wraps around it; fails with the tool's error."""
        result = await self._session.call_tool(tool, arguments)
        text = result.content[0].text
        if result.isError:
            raise AssertionError(f"{tool}: {text}")
        answer = json.loads(text)["data"]
        return answer.get("result", answer) if isinstance(answer, dict) else answer

    async def until(self, is_it: Callable[[Any], bool], tool: str, seconds: float = 20, **arguments: object) -> Any:
        """Ask again every tenth of a second until the answer is the one."""
        for _ in range(int(seconds * 10)):
            answer = await self(tool, **arguments)
            if is_it(answer):
                return answer
            await asyncio.sleep(0.1)
        raise AssertionError(f"{tool} did not answer what it should within {seconds} s: {answer}")


def server(keys: tuple[str, str], is_paper: bool) -> StdioServerParameters:
    """The server as an assistant's configuration would start it."""
    told = {"ALPACA_API_KEY": keys[0], "ALPACA_SECRET_KEY": keys[1], "ALPACA_PAPER_TRADE": str(is_paper).lower()}
    return StdioServerParameters(command=COMMAND, args=[], env=dict(os.environ) | told)


async def account(small: Tools, large: Tools) -> None:
    """Both accounts, the clock, an asset."""
    found = await small("get_account_info")
    assert (found["cash"], found["multiplier"]) == ("467", "1"), found
    assert (await large("get_account_info"))["cash"] == "100000"
    await small.until(lambda clock: clock["is_open"], "get_clock")
    assert (await small("get_asset", symbol_or_asset_id="AAPL"))["fractionable"]


async def fraction(small: Tools, large: Tools) -> None:
    """Half a share; the server has no streams, so the order is asked for."""
    order = await small("place_stock_order", symbol="AAPL", side="buy", qty="0.5")
    filled = await small.until(lambda o: o["status"] == "filled", "get_order_by_id", order_id=order["id"])
    assert filled["filled_qty"] == "0.5"


async def stop(small: Tools, large: Tools) -> None:
    """A protective stop: placed, raised, cancelled."""
    price = float((await small("get_open_position", symbol_or_asset_id="AAPL"))["avg_entry_price"])
    placed = await small(
        "place_stock_order", symbol="AAPL", side="sell", qty="0.5", type="stop", stop_price=f"{price * 0.95:.2f}"
    )
    await small.until(lambda o: o["status"] == "new", "get_order_by_id", order_id=placed["id"])
    raised = await small("replace_order_by_id", order_id=placed["id"], stop_price=f"{price * 0.96:.2f}")
    assert raised["replaces"] == placed["id"]
    await small.until(lambda o: o["status"] == "new", "get_order_by_id", order_id=raised["id"])
    await small("cancel_order_by_id", order_id=raised["id"])
    await small.until(lambda o: o["status"] == "canceled", "get_order_by_id", order_id=raised["id"])


async def close(small: Tools, large: Tools) -> None:
    """The position sold."""
    await small("close_position", symbol_or_asset_id="AAPL")
    await small.until(lambda positions: positions == [], "get_all_positions")


async def bracket(small: Tools, large: Tools) -> None:
    """Whole shares with two exits: one fills, the other is cancelled."""
    quote = (await large("get_stock_latest_quote", symbols="AAPL"))["quotes"]["AAPL"]
    order = await large(
        "place_stock_order",
        symbol="AAPL",
        side="buy",
        qty="5",
        time_in_force="gtc",
        order_class="bracket",
        take_profit_limit_price=f"{quote['ap'] * 1.0015:.2f}",
        stop_loss_stop_price=f"{quote['ap'] * 0.9985:.2f}",
    )
    assert len(order["legs"]) == 2

    def has_ended(found: Any) -> bool:
        return sorted(leg["status"] for leg in found["legs"]) == ["canceled", "filled"]

    await large.until(has_ended, "get_order_by_id", seconds=60, order_id=order["id"], nested=True)
    assert await large("get_all_positions") == []


async def history(small: Tools, large: Tools) -> None:
    """Bars of three days, and the other data tools."""
    now = datetime.fromisoformat((await small("get_clock"))["timestamp"][:26] + "-05:00")
    start = (now - timedelta(days=3)).isoformat()
    found = await small("get_stock_bars", symbols="AAPL,MSFT", timeframe="1Min", start=start, limit=600)
    assert sum(map(len, found["bars"].values())) == 600
    for name, arguments in DATA_TOOLS.items():
        await small(name, **arguments)


async def special(small: Tools, large: Tools) -> None:
    """The rest of what an assistant would do: watchlist, history, configuration, calendar, a refusal in words."""
    watched = await large("create_watchlist", name="matrix", symbols=["AAPL"])
    added = await large("add_asset_to_watchlist_by_id", watchlist_id=watched["id"], symbol="MSFT")
    assert len(added["assets"]) == 2
    await large("delete_watchlist_by_id", watchlist_id=watched["id"])
    await large("get_portfolio_history", period="1W", timeframe="1D")
    await large("get_account_config")
    await large("get_calendar", start="2026-11-16", end="2026-11-20")
    assert await large("get_account_activities_by_type", activity_type="FILL")
    assert (await large("get_orders", status="closed", nested=True))[0]["legs"]
    refusal = await small("place_stock_order", symbol="AAPL", side="buy", qty="100")
    assert "insufficient buying power" in json.dumps(refusal), refusal


async def main() -> None:
    """Start the server once for each account and play all steps."""
    async with (
        stdio_client(server(SMALL, is_paper=False)) as small_pipe,
        ClientSession(*small_pipe) as small,
        stdio_client(server(LARGE, is_paper=True)) as large_pipe,
        ClientSession(*large_pipe) as large,
    ):
        await small.initialize()
        await large.initialize()
        names = {tool.name for tool in (await small.list_tools()).tools}
        for play in (account, fraction, stop, close, bracket, history, special):
            try:
                assert len(names) > 60, f"{len(names)} tools"
                await play(Tools(small), Tools(large))
            except Exception as error:  # noqa: BLE001 -- it is reported, and fails the run
                report(play.__name__, f"{type(error).__name__} {error}".partition("\n")[0][:300])
            else:
                report(play.__name__, "")


asyncio.run(main())
