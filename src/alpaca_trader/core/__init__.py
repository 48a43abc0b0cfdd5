"""Decides: models, events, ports, config, indicators, orders, portfolio, risk, strategies, engine, recovery.

Touches nothing: no I/O, no clock, no randomness, no import from another room.
"""
