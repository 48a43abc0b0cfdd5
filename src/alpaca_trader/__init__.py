"""A trading engine for Alpaca: a pure core decides, a thin edge acts, a simulator lets both be tried.

Who may import whom is one way: cli, main, views, research, edge | simulator, core (`.importlinter` holds it).
"""
