"""The markets the simulated exchange trades on: a tape that has already happened, read at or before `now`.

`model` names the values and the Market Protocol, `calendar` the session hours, `path` what happens inside a minute,
`generator` a seeded market, `recorded` a replay of validated bars. Imports nothing of the engine.
"""
