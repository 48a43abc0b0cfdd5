"""What a feed shows of the market: all of it, or the share that traded on IEX; when a print was late, wrong or withdrawn.

`view` is what REST and streams read, `iex` thins the tape, `incidents` holds the prints that were not told right at first,
`days` grows daily bars, `company` follows a company through names and splits, `publisher` tells the streams.
"""
