"""How clients get in: `server` puts both APIs and all streams on one loopback port, `loopback` serves any application so.

`tls` and `impersonation` are further doors for clients that insist on the broker's own hosts.
"""
