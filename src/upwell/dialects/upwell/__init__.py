"""Upwell's own tongue, `/v1`: the one that all the others can be said in."""
