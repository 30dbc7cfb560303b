"""The TuyaLink face: dialects/tuya/login.py, device.py, offers.py and gateway.py behind the frame.

The C SDK makes one SUBSCRIBE and waits for its SUBACK; every downlink comes without another (tuya 4.2), because a push
of this door needs no subscription and none makes a second copy of it. Devices of the older protocol are let in and
kept; what they say is acknowledged and not read (tuya 5).
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from upwell.dialects.tuya import channels, device, gateway, login, offers
from upwell.domain.errors import DeviceError
from upwell.domain.talk import BlockRequest, OfferRequest, TaskRef
from upwell.doors.devices.faces import (
    Block,
    Claim,
    Down,
    Enrolment,
    Excuse,
    Harmless,
    Heard,
    Linked,
    Names,
    NoBlock,
    Outcome,
    Outcomes,
    Reader,
    Reply,
    Said,
    SubClaim,
    SubLogin,
    SubLogout,
    TopoAdd,
    TopoDelete,
    TopoGet,
    nothing,
    unheard,
)
from upwell.service.upgrade.dispatch import Addressed

NODE_TYPE_GATEWAY = 1  # of a product whose devices may have sub-devices (tuya 2.8)


class TuyaLinkFace:
    """Devices whose client id is `tuyalink_{deviceId}`, or `{deviceId}` like their username; a deviceId is the name of
    a device. `now` is the clock, for the answers that the frame asks for without one; `tls_link` gives the URL by TLS
    of one file of a task, if there is one."""

    name = "tuya"
    asks = False
    subs_come_along = False
    payload_size_max = device.PAYLOAD_MAX

    def __init__(self, now: Callable[[], datetime], tls_link: Callable[[TaskRef, int], str | None]) -> None:
        self._now = now
        self._tls_link = tls_link

    def claim(self, client_id: str, username: str) -> Claim | Enrolment | None:
        """By name alone: the device whose secret made the password."""
        claim = login.parse(client_id, username)
        if claim is None:
            return None
        return Claim(None, claim.device_id, lambda secret, password, now: login.verify(claim, secret, password))

    def may_publish(self, linked: Linked, topic: str) -> bool:
        """Topics of the device itself. A gateway is let be with those of any device, for its sub-devices speak right
        behind a login that has no answer to wait for (tuya 4.10); `reader` hears those that are its own then."""
        name = device.device_of(topic)
        if name is None or not device.own_topic(topic, name):
            return False
        return name == linked.names.device_name or _is_gateway(linked)

    def excuse(self, linked: Linked, topic: str) -> Excuse | None:
        """Its own topics in forms that no page names, and those of its older protocol's calls (tuya 5.1)."""
        name = device.mentioned(topic)
        return None if name is None or linked.whose(None, name) is None else Harmless()

    def may_subscribe(self, linked: Linked, topic_filter: str) -> bool:
        name = device.device_of(topic_filter)
        return name is not None and linked.whose(None, name) is not None and device.own_filter(topic_filter, name)

    def reader(self, linked: Linked, topic: str) -> Reader:
        """What is said of firmware, a request about sub-devices, or what is answered at once."""
        name = device.device_of(topic)
        owner = None if name is None else linked.whose(None, name)
        if owner is None:
            return unheard
        suffix = device.suffix_of(topic, owner.device_name)
        return nothing if suffix is None else lambda payload: self._read(linked, owner, suffix, payload)

    def _read(self, linked: Linked, owner: Names, suffix: str, payload: bytes) -> Sequence[Heard]:
        asked = gateway.request(suffix, payload) if owner == linked.names else None
        if asked is not None:
            return (_heard(linked, asked, self._seconds),)
        answered = gateway.reply(suffix, payload, owner.device_name)
        if answered is not None:
            return (Reply(lambda now: Down(*answered(int(now.timestamp() * 1000)))),)
        # A sub-device's channels are those of the gateway's product, if it says any.
        read = device.read(suffix, payload, channels.channels_of(linked.product_facts))
        return [each if isinstance(each, DeviceError) else Said(owner, each) for each in read]

    def push(self, linked: Linked, addressed: Addressed, now: datetime) -> Down:
        """ota/issue, on the addressed device's own topic and with its own hmac."""
        known, now_s = channels.channels_of(linked.product_facts), int(now.timestamp())
        name, tls_url = addressed.device_name, self._tls_link(addressed.offered.task, 0)
        return Down(*offers.issue(addressed.offered, name, addressed.secret, known, now_s, tls_url))

    def answer(self, linked: Linked, names: Names, request: OfferRequest, addressed: Addressed | None) -> Down | None:
        """ota/get_response always, with or without an offer."""
        offer = addressed.offered if addressed else None
        secret = addressed.secret if addressed else ""
        known, now_s = channels.channels_of(linked.product_facts), self._seconds()
        tls_url = self._tls_link(offer.task, 0) if offer else None
        return Down(*offers.get_response(offer, request, names.device_name, secret, known, now_s, tls_url))

    def block(self, linked: Linked, names: Names, request: BlockRequest, found: Block | NoBlock) -> Down | None:
        """Nothing: TuyaLink devices download over HTTP."""
        return None

    def _seconds(self) -> int:
        return int(self._now().timestamp())


# --- sub-devices -----------------------------------------------------------------------------------------------------


def _heard(linked: Linked, asked: gateway.Request, seconds: Callable[[], int]) -> Heard:
    subs = asked.subs
    named = [(sub.product_key, sub.names[0]) for sub in subs]

    def framed(code: int, data: object = None) -> Down | None:
        told = asked.answer(linked.names.device_name, seconds(), code, data)
        return None if told is None else Down(*told)

    def told(outcomes: Outcomes) -> Down | None:
        failed = next((outcome for _, outcome in outcomes if outcome is not Outcome.DONE), None)
        if failed is not None:
            return framed(gateway.CODES[failed.value])
        return framed(gateway.OK, [gateway.named(n.product_key, n.device_name) for n, _ in outcomes])

    def listed(bound: Sequence[Names]) -> Down | None:
        return framed(gateway.OK, [gateway.named(n.product_key, n.device_name) for n in bound])

    def joined(bound: Sequence[Names]) -> Down | None:
        """tuya 4.10's bind has no proof, and without one nobody joins a topology (L8): it tells the ids of those that
        are in it, by device/topo/add or an earlier time."""
        found = [(sub, names) for sub in subs for names in bound if _means(sub, names)]
        code = gateway.OK if len(found) == len(subs) else gateway.CODES["unbound"]
        return framed(code, [gateway.named(n.product_key, n.device_name, sub.client_id) for sub, n in found])

    if not _is_gateway(linked):
        refused = framed(gateway.CODES["not-a-gateway"])
        if refused is None:
            raise DeviceError("The device is not a gateway.")
        return Reply(refused)
    match asked.verb:
        case "sub/bind":
            return TopoGet(joined)
        case "topo/get":
            return TopoGet(listed)
        case "topo/add":
            return TopoAdd([_claim(sub) for sub in subs], told)
        case "topo/delete":
            return TopoDelete(named, told)
        case "sub/login":
            return SubLogin([SubClaim(key, name, _topology_decides) for key, name in named], told)
        case "sub/logout":
            return SubLogout(named, told)


def _is_gateway(linked: Linked) -> bool:
    return linked.product_facts.get("NodeType") == NODE_TYPE_GATEWAY


def _claim(sub: gateway.Sub) -> SubClaim:
    return SubClaim(sub.product_key, sub.names[0], lambda secret, password, now: sub.proven_by(secret))


def _topology_decides(secret: str, password: bytes, now: datetime) -> bool:
    """tuya 4.10: a login of sub-devices carries ids alone."""
    return True


def _means(sub: gateway.Sub, names: Names) -> bool:
    return names.device_name in sub.names and sub.product_key in (None, names.product_key)
