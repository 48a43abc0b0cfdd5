// @alpacahq/alpaca-trade-api 3: REST by its base addresses; its data stream insists on wss, so that goes to the TLS port.
"use strict";

const Alpaca = require("@alpacahq/alpaca-trade-api");
const { small, large, check, step, until, Inbox, dropConnections } = require("../shared/steps.js");

const hosts = { baseUrl: process.env.SIM_URL, dataBaseUrl: process.env.SIM_URL, dataStreamUrl: process.env.TLS_URL };
const client = new Alpaca({ keyId: small.keyId, secretKey: small.secret, paper: false, ...hosts });
const paper = new Alpaca({ keyId: large.keyId, secretKey: large.secret, paper: true, ...hosts });

const updates = new Inbox(), paperUpdates = new Inbox();
const bars = new Inbox(), trades = new Inbox(), quotes = new Inbox();
const isAbout = (order, event) => (update) => update.order.id === order.id && update.event === event;

function listen(alpaca, inbox) {
  alpaca.trade_ws.onConnect(() => alpaca.trade_ws.subscribe(["trade_updates"]));
  alpaca.trade_ws.onOrderUpdate(inbox.put);
  alpaca.trade_ws.connect();
}

// Whether the stream tells of an order sent now: what happens while nobody listens is never told.
async function hears(alpaca, inbox) {
  const order = await alpaca.createOrder({
    symbol: "MSFT", qty: 1, side: "buy", type: "limit", time_in_force: "day", limit_price: 1,
  });
  const heard = await inbox.wait("the update", isAbout(order, "new"), 2).catch(() => undefined);
  await alpaca.cancelOrder(order.id);
  return heard;
}

async function main() {
  listen(client, updates);
  listen(paper, paperUpdates);
  let price;

  await step("account", async () => {
    const account = await client.getAccount();
    check(account.cash === "467" && account.multiplier === "1", "the account with $467");
    check((await paper.getAccount()).cash === "100000", "the account with $100,000");
    await until("the open", async () => (await client.getClock()).is_open);
    check((await client.getAsset("AAPL")).fractionable, "AAPL in fractions");
    await until("the live stream listening", () => hears(client, updates));
    await until("the paper stream listening", () => hears(paper, paperUpdates));
  });

  await step("fraction", async () => {
    const order = await client.createOrder({ symbol: "AAPL", qty: 0.5, side: "buy", type: "market", time_in_force: "day" });
    const fill = await updates.wait("the fill of 0.5 AAPL", isAbout(order, "fill"));
    check(fill.position_qty === "0.5" && fill.order.filled_qty === "0.5", `0.5 filled: ${JSON.stringify(fill)}`);
    price = Number(fill.price);
  });

  await step("stop", async () => {
    const stop = await client.createOrder({
      symbol: "AAPL", qty: 0.5, side: "sell", type: "stop", time_in_force: "day", stop_price: (price * 0.95).toFixed(2),
    });
    await updates.wait("the stop at work", isAbout(stop, "new"));
    const raised = await client.replaceOrder(stop.id, { stop_price: (price * 0.96).toFixed(2) });
    const told = await updates.wait("the replacement", isAbout(stop, "replaced"));
    check(told.order.replaced_by === raised.id, "the replacement's id");
    await client.cancelOrder(raised.id);
    await updates.wait("the cancel", isAbout(raised, "canceled"));
    check((await client.getOrders({ status: "open" })).length === 0, "no open order");
  });

  await step("close", async () => {
    const closing = await client.closePosition("AAPL");
    await updates.wait("the position sold", isAbout(closing, "fill"));
    check((await client.getPositions()).length === 0, "no position");
  });

  await step("bracket", async () => {
    const ask = (await client.getLatestQuote("AAPL")).AskPrice;
    const bracket = await paper.createOrder({
      symbol: "AAPL", qty: 5, side: "buy", type: "market", time_in_force: "gtc", order_class: "bracket",
      take_profit: { limit_price: (ask * 1.0015).toFixed(2) },
      stop_loss: { stop_price: (ask * 0.9985).toFixed(2) },
    });
    const ids = bracket.legs.map((leg) => leg.id);
    check(ids.length === 2, "two legs");
    const exit = await paperUpdates.wait("an exit", (u) => ids.includes(u.order.id) && u.event === "fill", 60);
    const other = ids.find((id) => id !== exit.order.id);
    await until("the other exit's cancel", async () => (await paper.getOrder(other)).status === "canceled");
    check((await paper.getPositions()).length === 0, "no position");
  });

  await step("history", async () => {
    const start = new Date(Date.parse((await client.getClock()).timestamp) - 3 * 86400e3).toISOString();
    let count = 0;
    for await (const bar of client.getBarsV2("AAPL", { start, timeframe: "1Min", limit: 300 })) {
      check(bar.ClosePrice > 0, "a price");
      count += 1;
    }
    check(count === 300, `300 bars, got ${count}`);
    const both = await client.getMultiBarsV2(["AAPL", "MSFT"], { start, timeframe: client.newTimeframe(1, "Hour") });
    check(both.get("AAPL").length > 5 && both.get("MSFT").length > 5, "bars of two symbols");
    check((await client.getSnapshot("AAPL")).LatestTrade.Price > 0, "a snapshot");
  });

  const stream = client.data_stream_v2;
  await step("live", async () => {
    stream.onConnect(() => {
      stream.subscribeForBars(["AAPL", "MSFT"]);
      stream.subscribeForTrades(["AAPL"]);
      stream.subscribeForQuotes(["AAPL"]);
    });
    stream.onStockBar(bars.put);
    stream.onStockTrade(trades.put);
    stream.onStockQuote(quotes.put);
    stream.connect();
    check((await bars.wait("a bar")).Volume > 0, "a volume");
    check((await trades.wait("a trade")).Price > 0, "a price");
    const quote = await quotes.wait("a quote");
    check(quote.BidPrice < quote.AskPrice, "bid below ask");
  });

  await step("reconnect", async () => {
    await dropConnections();
    bars.clear();
    await bars.wait("a bar after the line was dropped", () => true, 60);
    check(!(await hears(paper, paperUpdates)), "the line to be dropped");
    await until("an update after the line was dropped", () => hears(paper, paperUpdates));
  });

  await step("special", async () => {
    const history = await paper.getPortfolioHistory({ period: "1W", timeframe: "1D" });
    check(history.equity.length === history.timestamp.length, "columns of one length");
    const watched = await client.addWatchlist("matrix", ["AAPL"]);
    check((await client.addToWatchlist(watched.id, "MSFT")).assets.length === 2, "two symbols watched");
    await client.deleteWatchlist(watched.id);
    await paper.createOrder({ symbol: "MSFT", qty: 1, side: "buy", type: "market", time_in_force: "day" });
    await until("a share of MSFT", async () => (await paper.getPositions()).length === 1);
    await paper.closeAllPositions();
    await until("an empty account", async () => (await paper.getPositions()).length === 0);
    const refused = await client
      .createOrder({ symbol: "AAPL", qty: 100, side: "buy", type: "market", time_in_force: "day" })
      .then(() => undefined, (error) => error.response);
    check(refused && refused.status === 403 && refused.data.code === 40310000, "a refusal for want of buying power");
  });
  process.exit(0);
}

main();
