"""The head that a proxy writes before a connection's own bytes to say whose it is: the PROXY protocol, its versions 1
(a line of text) and 2 (binary), as haproxy's doc/proxy-protocol.txt describes them.

Holds: a head has HEAD_BYTES_MAX bytes at most, and one that says a larger size is refused by its first 16; nothing
behind it is taken for it. What it says beside the addresses is skipped. Refuses: other transports than TCP, and to
guess what a head that is not exactly one means.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address

HEAD_BYTES_MAX = 2048  # addresses take 52; the rest is what proxies add, such as a certificate's name
LINE_BYTES_MAX = 107  # of version 1, its end included
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
FIXED = 16  # of version 2: the signature, what it is, and how much follows
WORD = b"PROXY "
_LOCAL, _PROXY = 0x20, 0x21
_OF_NOBODY, _TCP4, _TCP6 = 0x00, 0x11, 0x21
_PORT_MAX = 65535

Source = tuple[str, int]


class Unfit(Exception):
    """It is no such head, or says what can't be."""


def size(began: bytes) -> int:
    """How many bytes the head has that began so; where that is not seen yet, some that it has at least, and more than
    came. Raises Unfit."""
    if SIGNATURE.startswith(began[: len(SIGNATURE)]):
        if len(began) < FIXED:
            return len(SIGNATURE) if len(began) < len(SIGNATURE) else FIXED  # a line may be shorter than FIXED
        whole = FIXED + int.from_bytes(began[14:16], "big")
        if whole > HEAD_BYTES_MAX:
            raise Unfit(f"a head of {whole} bytes; {HEAD_BYTES_MAX} are allowed")
        return whole
    if not WORD.startswith(began[: len(WORD)]):
        raise Unfit("no PROXY protocol head")
    end = began.find(b"\r\n", 0, LINE_BYTES_MAX)
    if end >= 0:
        return end + 2
    if len(began) >= LINE_BYTES_MAX:
        raise Unfit(f"a line that does not end within {LINE_BYTES_MAX} bytes")
    return len(began) + (1 if began.endswith(b"\r") else 2)


def source(head: bytes) -> Source | None:
    """Who the connection is from by this whole head; None where it is the proxy's own (its health check), or the proxy
    does not know. Raises Unfit."""
    return _binary(head) if head.startswith(SIGNATURE) else _text(head)


def _binary(head: bytes) -> Source | None:
    command, family, addresses = head[12], head[13], head[FIXED:]
    if command == _LOCAL:
        return None
    if command != _PROXY:
        raise Unfit("an unknown version or command")
    if family == _OF_NOBODY:
        return None
    if family == _TCP4 and len(addresses) >= 12:
        return str(IPv4Address(addresses[:4])), int.from_bytes(addresses[8:10], "big")
    if family == _TCP6 and len(addresses) >= 36:
        return _plain(IPv6Address(addresses[:16])), int.from_bytes(addresses[32:34], "big")
    raise Unfit("no addresses of TCP")


def _text(head: bytes) -> Source | None:
    words = head[:-2].split(b" ")
    if words[1:2] == [b"UNKNOWN"]:
        return None
    if len(words) != 6 or words[1] not in (b"TCP4", b"TCP6"):
        raise Unfit("a line that is not PROXY TCP4|TCP6 FROM TO PORT PORT")
    kind = IPv4Address if words[1] == b"TCP4" else IPv6Address
    found = [_address(word, kind) for word in words[2:4]]
    ports = [_port(word) for word in words[4:]]
    return _plain(found[0]), ports[0]


def _address(word: bytes, kind: type[IPv4Address | IPv6Address]) -> IPv4Address | IPv6Address:
    try:
        address = ip_address(word.decode("ascii"))
    except ValueError:  # of bytes that are no text too
        address = None
    if not isinstance(address, kind) or b"%" in word:  # a zone is no part of an address elsewhere
        raise Unfit(f"no address of {'IPv4' if kind is IPv4Address else 'IPv6'}")
    return address


def _port(word: bytes) -> int:
    if not word.isdigit() or len(word) > 5 or int(word) > _PORT_MAX or (word[:1] == b"0" and word != b"0"):
        raise Unfit("no port")
    return int(word)


def _plain(address: IPv4Address | IPv6Address) -> str:
    """An IPv4 address that is written as an IPv6 one is itself, or one device would be two."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
