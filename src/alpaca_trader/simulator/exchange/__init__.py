"""The broker and the venue behind it: what an order may ask for, how it lives, what it fills at, what it costs.

`exchange` takes commands and answers questions, `venue` makes time pass, `checks` refuses, `book` keeps the orders,
`account` the money. Every number is Decimal dollars or shares, every time aware UTC.
"""
