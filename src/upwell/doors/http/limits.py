"""The bounds of HTTP connections: how many, how large, how slow."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Each of one connection or of all of a process together; times are seconds on the loop's clock."""

    connections_max: int = 2000  # in all; a fleet that polls holds one each, for as long as a request takes
    connections_per_peer: int = 500  # a proxy before the server, or a network behind one address, is one peer
    head_bytes_max: int = 128 * 1024  # request line and header fields; a query alone may have 64 KB
    fields_max: int = 100  # header fields of a request
    head_within_s: float = 10.0  # from connect, or from its first byte, until a whole head is there
    idle_s: float = 15.0  # between two requests on one connection
    body_grace_s: float = 20.0  # before the rate of a body counts
    body_bytes_per_s: int = 4 * 1024  # on average, since its head; whoever is slower is cut
    body_within_s: float = 4 * 3600.0  # the largest upload over a thin line
    answer_stall_s: float = 20.0  # a peer that takes no byte of its answer for so long is cut
    ahead_max: int = 16  # requests that are read while one before them is answered
