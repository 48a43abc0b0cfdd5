"""The SQLite journal: intents, events, trades and config history, written before anybody hears of them.

One writer; every other room reads it.
"""
