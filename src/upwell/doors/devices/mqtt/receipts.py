"""Publishes that were handed in, oldest first, until they are acknowledged.

Holds: they are acknowledged in the order in which they came, and none behind one that could not be taken.
"""

from typing import Protocol

from upwell.doors.devices.mqtt import codec


class Waiting(Protocol):
    """The connection that waits for receipts."""

    def settled(self) -> None:
        """One of its publishes is settled."""


class Receipt:
    """Of one publish: it is called once, when the publish was taken, or with the reason why it could not be."""

    __slots__ = ("_link", "error", "is_settled", "packet_id", "size")

    def __init__(self, link: Waiting, packet_id: int, size: int) -> None:
        self._link = link
        self.packet_id = packet_id
        self.size = size
        self.is_settled = False
        self.error: BaseException | None = None

    def __call__(self, answer: object = None, error: BaseException | None = None) -> None:
        """It is settled; a second call says nothing, and the answer is nobody's."""
        if not self.is_settled:
            self.is_settled, self.error = True, error
            self._link.settled()


class Pending:
    """The receipts that one connection waits for."""

    __slots__ = ("_receipts", "size")

    def __init__(self) -> None:
        self._receipts: list[Receipt] = []
        self.size = 0  # bytes of their payloads

    def __len__(self) -> int:
        return len(self._receipts)

    def add(self, link: Waiting, packet_id: int, size: int) -> Receipt:
        """A publish that is handed in now; `size` is its payload's."""
        receipt = Receipt(link, packet_id, size)
        self._receipts.append(receipt)
        self.size += size
        return receipt

    def settled(self, answers: list[bytes]) -> list[BaseException]:
        """Those that are settled, as far as none before them is still under way, are in it no more: what acknowledges
        those that were taken before any failed is added to `answers`, and the failures are returned."""
        receipts, count, failures = self._receipts, 0, []
        for receipt in receipts:
            if not receipt.is_settled:
                break
            count += 1
            self.size -= receipt.size
            if receipt.error is not None:
                failures.append(receipt.error)
            elif receipt.packet_id and not failures:
                answers.append(codec.puback(receipt.packet_id))
        del receipts[:count]
        return failures
