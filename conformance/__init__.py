"""Is the simulator the Alpaca its documents describe? Judged by the broker's own OpenAPI files, which are not ours.

`specs` fetches the two files and checks their hashes; `amendments` lists where they contradict what the service does, with
the reason; `judge` holds an answer to them; `session` plays days on the real server, over a socket, and asks every
route; `hostile` lets schemathesis ask whatever it can think of. `python -m conformance` does all of it.
"""
