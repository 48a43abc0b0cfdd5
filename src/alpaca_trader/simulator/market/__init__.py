"""The markets the simulated exchange trades on: a tape that has already happened, read at or before `now`.

`model` names the values and the Market Protocol, `calendar` the session hours, `path` what happens inside a minute,
`tape` one symbol's minutes and `tape_market` a market of them. `generator` (with `draws`, `series`, `extended`) makes a
market from a seed, `scenarios` one by name, `universe` a long list of assets; `recorded` replays bars, `recorded_ticks`
(with `tick_columns`) trades and quotes. `luld` holds the price bands, `actions` the corporate actions. Imports nothing
of the engine.
"""
