"""Faults that somebody asked for: `catalogue` names them and their parameters, `board` says when one strikes.

Whoever can go wrong asks the board by name at the place where it would go wrong; a board without faults answers at once.
"""
