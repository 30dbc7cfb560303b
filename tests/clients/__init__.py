"""Clients in other languages than Python: the vendors' SDKs in Go and Node, and mqtt.js, in small programs that are
driven from here. `make test-clients` builds and runs them; plain `make test` does not, for they need Go and Node.
"""
