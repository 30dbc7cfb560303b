"""The Alibaba face: dialects/alibaba/login.py and device.py behind the frame."""

from collections.abc import Sequence
from datetime import datetime

from upwell.dialects.alibaba import device, login, offers
from upwell.domain.talk import BlockRequest, OfferRequest
from upwell.doors.faces import Block, Claim, Down, Enrolment, Heard, Linked, Names, NoBlock, Said
from upwell.service.dispatch import Addressed


class AlibabaFace:
    """Devices whose username is `{deviceName}&{productKey}` (alibaba 6.1)."""

    name = "alibaba"

    def claim(self, client_id: str, username: str) -> Claim | Enrolment | None:
        """Alibaba's when the username has its one ampersand; no other vendor's has."""
        if "&" not in username:
            return None
        claim = login.parse(client_id, username)
        return Claim(
            claim.product_key, claim.device_name, lambda secret, password, now: login.verify(claim, secret, password)
        )

    def greet(self, linked: Linked, now: datetime) -> Sequence[Down]:
        """Nothing: Alibaba's devices speak first."""
        return ()

    def may_publish(self, linked: Linked, topic: str) -> bool:
        """Topics that carry the device's own names."""
        return device.own_topic(topic, linked.names.product_key, linked.names.device_name)

    def may_subscribe(self, linked: Linked, topic_filter: str) -> bool:
        """Filters that match only topics with the device's own names."""
        return device.own_filter(topic_filter, linked.names.product_key, linked.names.device_name)

    def read(self, linked: Linked, topic: str, payload: bytes) -> Sequence[Heard]:
        """One message says one thing."""
        names = linked.names
        report = device.read(topic, payload, names.product_key, names.device_name)
        return () if report is None else (Said(names, report),)

    def push(self, linked: Linked, addressed: Addressed, now: datetime) -> Down:
        """The upgrade push, on the addressed device's own topic."""
        now_ms = int(now.timestamp() * 1000)
        return Down(*offers.upgrade_push(addressed.offer, addressed.product_key, addressed.device_name, now_ms))

    def answer(self, linked: Linked, names: Names, request: OfferRequest, addressed: Addressed | None) -> Down | None:
        """get_reply always; the legacy answer only with an offer."""
        framed = offers.get_reply if request.manner == "get" else offers.request_reply
        reply = framed(addressed.offer if addressed else None, request, names.product_key, names.device_name)
        return None if reply is None else Down(*reply)

    def block(self, linked: Linked, names: Names, request: BlockRequest, found: Block | NoBlock) -> Down | None:
        """Nothing: `read` gives no block requests yet."""
        return None
