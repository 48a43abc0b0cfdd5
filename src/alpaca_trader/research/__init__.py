"""Runs the same engine on the simulated exchange without sockets: stored bars, backtest, metrics.

May import edge, simulator and core; knows nothing of commands or pages.
"""
