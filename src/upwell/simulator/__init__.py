"""A fleet of simulated devices, seeded and replayable.

It imports nothing of the rest of upwell: it writes and parses its own bytes, so that an error in the server's codecs
is never hidden by the same error at the other end.
"""
