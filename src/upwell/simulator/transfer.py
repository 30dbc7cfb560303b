"""One image on its way into a simulated device: counted and digested, never kept."""

from __future__ import annotations

import hashlib

from upwell.simulator.speech import seal_of
from upwell.simulator.wire import Offer


class StepError(Exception):
    """The upgrade ends here with a negative step."""

    def __init__(self, step: int, desc: str) -> None:
        super().__init__(desc)
        self.step = step


class Transfer:
    """One image on its way in: how far, and its digests so far. Constant memory."""

    def __init__(self, offer: Offer, secret: str) -> None:
        self.offer = offer
        self._secret = secret
        self.restart()

    def restart(self) -> None:
        self.received = 0
        self._hashers = [(hashlib.new(algorithm), digest) for algorithm, digest in self.offer.digests]
        self._sealed = hashlib.sha256() if self.offer.seal else None

    def take(self, chunk: bytes) -> None:
        self.received += len(chunk)
        for hasher, _ in self._hashers:
            hasher.update(chunk)
        if self._sealed:
            self._sealed.update(chunk)

    def verify(self) -> None:
        for hasher, digest in self._hashers:
            if hasher.hexdigest() != digest:
                raise StepError(-3, f"{hasher.name} is {hasher.hexdigest()}, the push said {digest}")
        if self._sealed and (seal := seal_of(self._secret, self._sealed.hexdigest())) != self.offer.seal:
            raise StepError(-3, f"hmac is {seal}, the push said {self.offer.seal}")
