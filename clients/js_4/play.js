// @alpacahq/alpaca-trade-api 4: its `Alpaca` client knows only the broker's hosts, so they are mapped to the simulator.
"use strict";

const { Alpaca, PermissionError, TimeFrame } = require("@alpacahq/alpaca-trade-api");
const { small, large, check, step, until, Inbox, dropConnections } = require("../shared/steps.js");

const client = new Alpaca({ ...small, paper: false });
const paper = new Alpaca(large);

const updates = new Inbox(), paperUpdates = new Inbox();
const bars = new Inbox(), trades = new Inbox(), quotes = new Inbox();
const isAbout = (order, event) => (update) => update.order.id === order.id && update.event === event;

async function listen(alpaca, inbox) {
  const stream = alpaca.trading.stream();
  stream.onTradeUpdate(inbox.put);
  stream.onConnect(() => stream.subscribeTradeUpdates());
  stream.connect();
  check((await stream.whenAuthenticated()).authenticated, "the stream authenticated");
}

// Whether the stream tells of an order sent now: what happens while nobody listens is never told.
async function hears(alpaca, inbox) {
  const order = await alpaca.trading.orders.limit({ symbol: "MSFT", qty: 1, side: "buy", limitPrice: 1 });
  const heard = await inbox.wait("the update", isAbout(order, "new"), 2).catch(() => undefined);
  await alpaca.trading.orders.deleteOrderByOrderID({ orderId: order.id });
  return heard;
}

async function main() {
  let price;

  await step("account", async () => {
    await listen(client, updates);
    await listen(paper, paperUpdates);
    const account = await client.trading.account.getAccount();
    check(account.cash === "467" && account.multiplier === "1", `the account with $467, got ${account.cash}`);
    check((await paper.trading.account.getAccount()).cash === "100000", "the account with $100,000");
    await until("the open", async () => (await client.trading.clock.legacyClock()).isOpen);
    check((await client.trading.assets.getV2AssetsSymbolOrAssetId({ symbolOrAssetId: "AAPL" })).fractionable, "fractions");
    await until("the live stream listening", () => hears(client, updates));
    await until("the paper stream listening", () => hears(paper, paperUpdates));
  });

  await step("fraction", async () => {
    const order = await client.trading.orders.market({ symbol: "AAPL", qty: 0.5, side: "buy" });
    const fill = await updates.wait("the fill of 0.5 AAPL", isAbout(order, "fill"));
    check(fill.positionQty === "0.5" && fill.order.filledQty === "0.5", `0.5 filled: ${JSON.stringify(fill)}`);
    price = Number(fill.price);
  });

  await step("stop", async () => {
    const orders = client.trading.orders;
    const stop = await orders.stop({ symbol: "AAPL", qty: 0.5, side: "sell", stopPrice: (price * 0.95).toFixed(2) });
    await updates.wait("the stop at work", isAbout(stop, "new"));
    const patch = { stopPrice: (price * 0.96).toFixed(2) };
    const raised = await orders.patchOrderByOrderId({ orderId: stop.id, patchOrderRequest: patch });
    const told = await updates.wait("the replacement", isAbout(stop, "replaced"));
    check(told.order.replacedBy === raised.id, "the replacement's id");
    await orders.deleteOrderByOrderID({ orderId: raised.id });
    await updates.wait("the cancel", isAbout(raised, "canceled"));
    check((await orders.getAllOrders()).length === 0, "no open order");
  });

  await step("close", async () => {
    const closing = await client.trading.positions.deleteOpenPosition({ symbolOrAssetId: "AAPL" });
    await updates.wait("the position sold", isAbout(closing, "fill"));
    check((await client.trading.positions.getAllOpenPositions()).length === 0, "no position");
  });

  await step("bracket", async () => {
    const last = await client.marketData.getLatestPrice("AAPL");
    const bracket = await paper.trading.orders.bracket({
      symbol: "AAPL", qty: 5, side: "buy", timeInForce: "gtc", type: "market",
      takeProfit: { limitPrice: (last * 1.0015).toFixed(2) },
      stopLoss: { stopPrice: (last * 0.9985).toFixed(2) },
    });
    const ids = bracket.legs.map((leg) => leg.id);
    check(ids.length === 2, "two legs");
    const exit = await paperUpdates.wait("an exit", (u) => ids.includes(u.order.id) && u.event === "fill", 60);
    const orderId = ids.find((id) => id !== exit.order.id);
    await until("the other exit's cancel", async () =>
      (await paper.trading.orders.getOrderByOrderID({ orderId })).status === "canceled");
    check((await paper.trading.positions.getAllOpenPositions()).length === 0, "no position");
  });

  await step("history", async () => {
    const now = (await client.trading.clock.legacyClock()).timestamp;
    const start = new Date(now.getTime() - 3 * 86400e3);
    const both = await client.marketData.getStockBars({ symbols: ["AAPL", "MSFT"], timeframe: TimeFrame.Minute, start });
    check(both.AAPL.length > 200 && both.MSFT.length > 200, "bars of two symbols");
    check(both.AAPL[0].timestamp instanceof Date && both.AAPL[0].close > 0, "a bar");
    const snapshots = await client.marketData.stocks.stockSnapshots({ symbols: "AAPL" });
    check(snapshots.AAPL.latestTrade.p > 0, "a snapshot");
  });

  await step("live", async () => {
    const stream = client.marketData.stockStream({ feed: "iex" });
    stream.onBar(bars.put);
    stream.onTrade(trades.put);
    stream.onQuote(quotes.put);
    stream.onConnect(() => {
      stream.subscribeForBars(["AAPL", "MSFT"]);
      stream.subscribeForTrades(["AAPL"]);
      stream.subscribeForQuotes(["AAPL"]);
    });
    stream.connect();
    check((await bars.wait("a bar")).volume > 0, "a volume");
    check((await trades.wait("a trade")).price > 0, "a price");
    const quote = await quotes.wait("a quote");
    check(quote.bidPrice < quote.askPrice, "bid below ask");
  });

  await step("reconnect", async () => {
    await dropConnections();
    bars.clear();
    await bars.wait("a bar after the line was dropped", () => true, 60);
    check(!(await hears(paper, paperUpdates)), "the line to be dropped");
    await until("an update after the line was dropped", () => hears(paper, paperUpdates));
  });

  await step("special", async () => {
    const filled = await paper.trading.submitAndWait({ type: "market", symbol: "MSFT", qty: 1, side: "buy" });
    check(filled.status === "filled" && Number(filled.filledAvgPrice) > 0, "a filled order");
    await paper.trading.closeAllPositions({ cancelOrders: true });
    await until("an empty account", async () => (await paper.trading.positions.getAllOpenPositions()).length === 0);
    const fills = [];
    for await (const activity of paper.trading.iterateActivities({ activityTypes: ["FILL"] })) fills.push(activity);
    check(fills.length > 2, "fills among the activities");
    const refusal = await client.trading.orders
      .market({ symbol: "AAPL", qty: 100, side: "buy" })
      .then(() => undefined, (error) => error);
    check(refusal instanceof PermissionError && refusal.code === 40310000, "a refusal for want of buying power");
    check(refusal.rateLimit && refusal.requestId, "the headers of the refusal");
  });
  process.exit(0);
}

main();
