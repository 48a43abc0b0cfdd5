"""Trials: whole days of the shipped engine on the simulated exchange, on which everything fails on purpose.

``plan`` says what goes wrong, ``strikes`` draws when, ``line`` is the bad line to the broker and ``disk`` the bad disk,
``acts`` are what others do meanwhile, ``world`` plays it, ``judge`` looks at the exchange and knows the rules,
``trial`` is one seed, ``batch`` many, ``shrink`` the shortest run that still fails.
"""
