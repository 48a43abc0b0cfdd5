"""What the letters in quotes and trades stand for: exchanges, and conditions by tape (the consolidated tapes' own lists)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request

from alpaca_trader.simulator.rest.data_query import Refused
from alpaca_trader.simulator.simulator import Simulator

_EXCHANGES: Final[Mapping[str, str]] = {
    "A": "NYSE American (AMEX)",
    "B": "NASDAQ OMX BX",
    "C": "National Stock Exchange",
    "D": "FINRA ADF",
    "E": "Market Independent",
    "H": "MIAX",
    "I": "International Securities Exchange",
    "J": "Cboe EDGA",
    "K": "Cboe EDGX",
    "L": "Long Term Stock Exchange",
    "M": "Chicago Stock Exchange",
    "N": "New York Stock Exchange",
    "P": "NYSE Arca",
    "Q": "NASDAQ OMX",
    "S": "NASDAQ Small Cap",
    "T": "NASDAQ Int",
    "U": "Members Exchange",
    "V": "IEX",
    "W": "CBOE",
    "X": "NASDAQ OMX PSX",
    "Y": "Cboe BYX",
    "Z": "Cboe BZX",
}
_TRADE_BOTH: Final[Mapping[str, str]] = {
    "B": "Average Price Trade",
    "C": "Cash Trade (Same Day Clearing)",
    "H": "Price Variation Trade",
    "I": "Odd Lot Trade",
    "L": "Sold Last (Late Reporting)",
    "M": "Market Center Official Close",
    "N": "Next Day Trade (Next Day Clearing)",
    "O": "Market Center Opening Trade",
    "P": "Prior Reference Price",
    "Q": "Market Center Official Open",
    "R": "Seller",
    "T": "Extended Hours Trade",
    "U": "Extended Hours Sold (Out Of Sequence)",
    "V": "Contingent Trade",
    "X": "Cross Trade",
    "Z": "Sold (Out Of Sequence)",
    "4": "Derivatively Priced",
    "5": "Market Center Reopening Trade",
    "6": "Market Center Closing Trade",
    "7": "Qualified Contingent Trade",
    "9": "Corrected Consolidated Close",
}
_TRADE_AB: Final[Mapping[str, str]] = {
    " ": "Regular Sale",
    "@": "Regular Sale",
    "E": "Automatic Execution",
    "F": "Intermarket Sweep Order",
    "K": "Rule 127 (NYSE Only) Or Rule 155 (NYSE MKT Only)",
}
_TRADE_C: Final[Mapping[str, str]] = {
    "@": "Regular Sale",
    "A": "Acquisition",
    "B": "Bunched Trade",
    "D": "Distribution",
    "F": "Intermarket Sweep",
    "G": "Bunched Sold Trade",
    "K": "Rule 155 Trade (AMEX)",
    "S": "Split Trade",
    "W": "Average Price Trade",
    "Y": "Yellow Flag Regular Trade",
    "1": "Stopped Stock (Regular Trade)",
}
_QUOTE: Final[Mapping[str, str]] = {
    "A": "Slow Quote Offer Side",
    "B": "Slow Quote Bid Side",
    "C": "Closing Quote",
    "H": "Slow Quote On The Bid And Offer Side",
    "L": "Closed Market Maker",
    "N": "Non Firm Quote",
    "O": "Opening Quote",
    "R": "Regular Two Sided Open",
}
_TAPES: Final = ("A", "B", "C")


def exchanges(_sim: Simulator, _request: Request) -> Mapping[str, Any]:
    """Exchange names by their letters."""
    return _EXCHANGES


def conditions(_sim: Simulator, request: Request) -> Mapping[str, Any]:
    """Condition names by their codes, for one kind of tick on one tape."""
    kind, tape = request.path_params["ticktype"], request.query_params.get("tape", "")
    if kind not in ("trade", "quote"):
        raise Refused(400, f"invalid ticktype: {kind[:100]}")
    if tape not in _TAPES:
        raise Refused(400, f"invalid tape: {tape[:100]}")
    if kind == "quote":
        return _QUOTE
    return {**_TRADE_BOTH, **(_TRADE_C if tape == "C" else _TRADE_AB)}
