"""How toy devices on MQTT speak: `{name}/state` is said, `{name}/install` is told, each name being the public id of a
device; the client id is `toy-{name}`, and the password a token made of the secret and the client id."""

import hmac
import json
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from toy.devices import offered, read_state
from upwell.domain.talk import BlockRequest, OfferRequest
from upwell.doors.devices.faces import Block, Claim, Down, Heard, Linked, Names, NoBlock, Reader, Said, nothing
from upwell.service.upgrade.dispatch import Addressed

HEAD = "toy-"


class PushedToyFace:
    """An `MqttFace`: no sub-devices, no questions."""

    name = "toy"
    asks = False
    subs_come_along = False
    payload_size_max = 4096

    def claim(self, client_id: str, username: str) -> Claim | None:
        """By the public id alone."""
        if not client_id.startswith(HEAD):
            return None

        def proves(secret: str, password: bytes, now: datetime) -> bool:
            return hmac.compare_digest(sha256(f"{secret}:{client_id}".encode()).hexdigest().encode(), password)

        return Claim(None, client_id.removeprefix(HEAD), proves)

    def may_publish(self, linked: Linked, topic: str) -> bool:
        """Its own topics."""
        return topic.startswith(f"{linked.names.public_id}/")

    def excuse(self, linked: Linked, topic: str) -> None:
        """There is none."""

    def may_subscribe(self, linked: Linked, topic_filter: str) -> bool:
        """Its own topics; it is told without asking for it."""
        return self.may_publish(linked, topic_filter)

    def reader(self, linked: Linked, topic: str) -> Reader:
        """A report."""
        if topic != f"{linked.names.public_id}/state":
            return nothing

        def read(payload: bytes) -> Sequence[Heard]:
            return [Said(linked.names, read_state(payload))]

        return read

    def push(self, linked: Linked, addressed: Addressed, now: datetime) -> Down:
        """What to install."""
        return Down(f"{linked.names.public_id}/install", json.dumps(offered(addressed)).encode())

    def answer(self, linked: Linked, names: Names, request: OfferRequest, addressed: Addressed | None) -> None:
        """It never asks."""

    def block(self, linked: Linked, names: Names, request: BlockRequest, found: Block | NoBlock) -> None:
        """Toys download whole files."""
