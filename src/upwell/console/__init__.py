"""The console: what `/v1` tells and does, seen by a person (docs/adr/0049)."""
