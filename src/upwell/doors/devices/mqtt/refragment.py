"""A client's WebSocket stream with its large frames cut into small fragments, without IO: bytes in, bytes out.

A parser of whole frames keeps each until it is whole. RFC 6455 5.4 lets whoever stands between the two ends cut frames
into fragments where no extension is agreed on; so this does, and the parser behind it never holds more than one.
Holds: payload, masks, order and the end of each message stay; what is no frame is passed on as it is, for the parser to
refuse. Bounded: it keeps one frame's head.
"""

FRAGMENT_BYTES_MAX = 4 * 1024
"""Little, so that a slow client's bytes count for its keep alive as they come; a multiple of 4, so that each fragment's
mask begins where the frame's does."""

_FIN, _MASKED, _CONT, _DATA = 0x80, 0x80, 0, (0, 1, 2)


class Refragmenter:
    """One stream, from its first frame on."""

    __slots__ = ("_fragment_left", "_head", "_last", "_left", "_mask")

    def __init__(self) -> None:
        self._head = bytearray()  # of the next frame, as far as it came
        self._left = 0  # bytes of the frame's payload that are still to come
        self._fragment_left = 0  # as many of them as belong to the fragment that was begun
        self._last = 0  # the bits that the first byte of its last fragment has besides its opcode
        self._mask = b""

    @property
    def left(self) -> int:
        """Bytes of the frame under way that are still to come."""
        return self._left

    def feed(self, data: bytes) -> bytes:
        """What the parser is to read of it."""
        told = bytearray()
        rest = memoryview(data)
        while rest:
            if self._left:
                if not self._fragment_left:
                    told += self._begun(_CONT)
                taken = rest[: self._fragment_left]
                told += taken
                self._left -= len(taken)
                self._fragment_left -= len(taken)
            else:
                taken = rest[:1]
                self._head += taken
                told += self._headed()
            rest = rest[len(taken) :]
        return bytes(told)

    def _headed(self) -> bytes:
        """The head that is whole now, as the parser is to read it; b"" while it is not."""
        head = self._head
        if len(head) < 2:
            return b""
        size, extended = head[1] & 0x7F, {126: 2, 127: 8}.get(head[1] & 0x7F, 0)
        mask_at = 2 + extended
        end = mask_at + (4 if head[1] & _MASKED else 0)
        if len(head) < end:
            return b""
        self._left = int.from_bytes(head[2:mask_at], "big") if extended else size
        self._mask = bytes(head[mask_at:end])
        first, whole = head[0], bytes(head)
        head.clear()
        if self._left <= FRAGMENT_BYTES_MAX or first & 0x0F not in _DATA or not self._mask:
            self._fragment_left = self._left
            return whole
        self._last = first & 0xF0
        return self._begun(first & 0x0F)

    def _begun(self, opcode: int) -> bytes:
        """The head of the frame's next fragment; the first has the frame's opcode."""
        self._fragment_left = min(self._left, FRAGMENT_BYTES_MAX)
        first = opcode | (self._last if self._left <= FRAGMENT_BYTES_MAX else self._last & ~_FIN)
        return bytes((first, _MASKED | 126)) + self._fragment_left.to_bytes(2, "big") + self._mask
