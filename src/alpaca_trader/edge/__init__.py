"""Acts: each file owns one piece of the world (clock, scheduler, broker, credentials, files, notices).

Imports the core, never the simulator; only the Alpaca files here import alpaca-py.
"""
