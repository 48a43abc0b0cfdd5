"""What a person or a test turns: `pace` moves time, `running` serves a simulator and hands out its controls, `api` offers
them over HTTP on a loopback port of their own, `client` speaks to that.
"""
