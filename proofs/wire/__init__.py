"""Whole trading days of the live wiring through a proxy that breaks the network on purpose."""
