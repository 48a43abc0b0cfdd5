"""``python -m alpaca_trader``: the same command, where the scripts folder is not on PATH."""

from alpaca_trader.cli import main

main()
