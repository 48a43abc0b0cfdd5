"""An Alpaca of our own: exchange, account, market, faults, and its REST and stream doors.

Shares no code with the engine: imports nothing from core, edge or research.
"""
