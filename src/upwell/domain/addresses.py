"""Where the platform may send what its users ask it to send: only to addresses that are public, however written.

A user names a URL; the machine that calls it stands in the operator's own network. So no address of that network, of
this machine, of a group or of no one is called, and no spelling of one passes: an IPv4 address inside an IPv6 one
counts as itself, and a host that only some resolvers take for a number is no host. What IANA's registries of special
addresses list is not public, even what may be reached from everywhere: it is nobody's server.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from upwell.domain.errors import Invalid

URL_CHARS_MAX = 1024
_TRANSLATED = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_UNICAST = IPv6Network("2000::/3")  # all of IPv6 that is given out to the public internet
_SPECIAL_V4 = tuple(map(IPv4Network, (
    "0.0.0.0/8",  # this network (RFC 791)
    "10.0.0.0/8",  # private (RFC 1918)
    "100.64.0.0/10",  # shared behind carriers' translators (RFC 6598)
    "127.0.0.0/8",  # loopback (RFC 1122)
    "169.254.0.0/16",  # link-local (RFC 3927), where clouds tell machines their secrets
    "172.16.0.0/12",  # private (RFC 1918)
    "192.0.0.0/24",  # IETF protocol assignments (RFC 6890), anycast ones too
    "192.0.2.0/24",  # documentation (RFC 5737)
    "192.31.196.0/24",  # AS112 (RFC 7535)
    "192.52.193.0/24",  # AMT (RFC 7450)
    "192.88.99.0/24",  # 6to4 relays (RFC 7526)
    "192.168.0.0/16",  # private (RFC 1918)
    "192.175.48.0/24",  # AS112 (RFC 7534)
    "198.18.0.0/15",  # benchmarks (RFC 2544)
    "198.51.100.0/24",  # documentation (RFC 5737)
    "203.0.113.0/24",  # documentation (RFC 5737)
    "224.0.0.0/4",  # groups (RFC 5771)
    "240.0.0.0/4",  # reserved (RFC 1112), and broadcast
)))  # fmt: skip
_SPECIAL_V6 = tuple(map(IPv6Network, (  # within _UNICAST, outside of which nothing is public anyway
    "2001::/23",  # IETF protocol assignments (RFC 2928): Teredo, benchmarks, ORCHID, AMT, drones, anycast
    "2001:db8::/32",  # documentation (RFC 3849)
    "2620:4f:8000::/48",  # AS112 (RFC 7534)
    "3fff::/20",  # documentation (RFC 9637)
)))  # fmt: skip
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_PATH = re.compile(r"[!-~]*")


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in the parts that a request needs. `host` is a name, or an address without brackets; `path` has the query
    with it."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the Host header says: the port only when it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Whether a host as an URL has it is this machine, by its address or as `localhost`."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def is_public(address: str) -> bool:
    """Whether a numeric address is one of the public internet; False for what is no address."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv4Address):
        return _is_public_v4(found)
    inner = _inside(found)
    if inner is not None:
        return _is_public_v4(inner) and found.scope_id is None
    return found in _UNICAST and found.scope_id is None and not any(found in block for block in _SPECIAL_V6)


def _is_public_v4(address: IPv4Address) -> bool:
    return not any(address in block for block in _SPECIAL_V4)


def _inside(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that packets to this one end up at, if it carries one."""
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def read_url(url: str, *, private: bool = False, field: str = "url") -> Target:
    """The target that a URL names, which callers know as `field`; with `private` also one that is no public address.
    Whether a name leads to public addresses only shows when it is looked up. Raises Invalid (field)."""
    rule = "http://HOST[:PORT][/PATH] or https://HOST[:PORT][/PATH], without a user and a fragment"
    if len(url) > URL_CHARS_MAX:
        raise Invalid(field, f"at most {URL_CHARS_MAX} characters", f"the value has {len(url)}")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as exc:
        raise Invalid(field, rule) from exc
    plain = not parts.fragment and "@" not in parts.netloc and _PATH.fullmatch(url)
    if parts.scheme not in ("http", "https") or not host or not plain or port == 0:
        raise Invalid(field, rule)
    _check_host(host, private, field)
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(secure, host, port or (443 if secure else 80), path)


def _check_host(host: str, private: bool, field: str) -> None:
    numeric = _is_address(host)
    labels = host.removesuffix(".").split(".")
    if not numeric and (not all(_LABEL.fullmatch(label) for label in labels) or len(host) > 253):
        raise Invalid(field, "a host name, an IPv4 address of four decimal numbers or an IPv6 address in brackets")
    if not numeric and _NUMBER.fullmatch(labels[-1]):
        # 2130706433, 0x7f.1 and 0177.0.0.1 are 127.0.0.1 to some resolvers and nothing to others.
        raise Invalid(field, "a host name, or an address in its usual form", f"the host is {host}")
    if numeric and not private and not is_public(host):
        raise Invalid(field, "an address of the public internet", f"{host} is none")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
