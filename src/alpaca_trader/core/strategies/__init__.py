"""The built-in strategies, written as incremental rules, and the protocol a plug-in implements.

Knows bars and signals only: no quantity, no order, no account.
"""
