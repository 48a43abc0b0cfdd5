"""The REST API: reads a request, asks the exchange or the market, writes the answer. Nothing is decided here.

`gate` is the door every request passes, `trading` and `data` the routes of the two hosts, `bodies` and `data_wire` the
JSON they answer with.
"""
