"""Who may be connected: so many in all, so many from one peer.

Holds: a connection that nothing is asked on keeps no newcomer out. When a peer has its share it is that peer's
own that makes room, the one that has been silent longest; when all places are taken, whoever has been silent longest
of all. Only requests under way hold a place for good, and then the newcomer is refused.
Silent is who has not sent a whole head since connecting or since the last answer.
"""

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address
from typing import Protocol

IPV6_NETWORK_BITS = 64  # whoever has one IPv6 address has as many as it likes of these


class Guest(Protocol):
    """A connection that has a place."""

    def make_room(self) -> None:
        """End at once; its place is given up already."""


class _Peer:
    __slots__ = ("count", "silent")

    def __init__(self) -> None:
        self.count = 0
        self.silent: dict[Guest, None] = {}  # longest first


class Places:
    """The places of a process, whichever of its listeners a guest came by."""

    def __init__(self, in_all: int, per_peer: int) -> None:
        self._in_all, self._per_peer = in_all, per_peer
        self._peers: dict[str, _Peer] = {}
        self._seated: dict[Guest, str] = {}
        self._silent: dict[Guest, None] = {}  # longest first

    def take(self, guest: Guest, host: str) -> bool:
        """Give `guest` a place, silent for now; False when there is none."""
        name = peer_name(host)
        peer = self._peers.get(name)
        if peer is not None and peer.count >= self._per_peer and not self._vacate(peer.silent):
            return False
        if len(self._seated) >= self._in_all and not self._vacate(self._silent):
            return False
        peer = self._peers.setdefault(name, _Peer())
        peer.count += 1
        self._seated[guest] = name
        self._silent[guest] = peer.silent[guest] = None
        return True

    def busy(self, guest: Guest) -> None:
        """Something is asked on it: it makes no room."""
        if guest in self._seated:
            self._silent.pop(guest, None)
            self._peers[self._seated[guest]].silent.pop(guest, None)

    def silent(self, guest: Guest) -> None:
        """From now on nothing is asked on it."""
        if guest in self._seated:
            self.busy(guest)
            self._silent[guest] = self._peers[self._seated[guest]].silent[guest] = None

    def leave(self, guest: Guest) -> None:
        """Its place is free; harmless when it has none."""
        name = self._seated.pop(guest, None)
        if name is None:
            return
        self._silent.pop(guest, None)
        peer = self._peers[name]
        peer.silent.pop(guest, None)
        peer.count -= 1
        if not peer.count:
            del self._peers[name]

    def __len__(self) -> int:
        return len(self._seated)

    def _vacate(self, silent: Iterable[Guest]) -> bool:
        guest = next(iter(silent), None)
        if guest is None:
            return False
        self.leave(guest)
        guest.make_room()
        return True


def peer_name(host: str) -> str:
    """The peer that an address belongs to: an IPv4 address, or the network of an IPv6 one."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return f"{int(address) >> (128 - IPV6_NETWORK_BITS):x}/{IPV6_NETWORK_BITS}"
    return str(address)
