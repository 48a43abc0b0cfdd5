"""The two streams: `trade_updates` is the trading host's `/stream`, `market_data` the data host's `/v2/{feed}`.

Each socket authenticates by message; what the hub offers it leaves through one queue, in order.
"""
