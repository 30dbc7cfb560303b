"""The Alibaba face: dialects/alibaba's login, device, offers, blocks, gateway and thing behind the frame."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from upwell.dialects.alibaba import blocks, device, gateway, login, offers, thing
from upwell.dialects.payloads import plain_topic
from upwell.domain.errors import DeviceError
from upwell.domain.talk import BlockRequest, Offer, OfferRequest, TaskRef
from upwell.doors.devices.faces import (
    Absent,
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

NODE_TYPE_GATEWAY = 1  # alibaba 3.1: the product fact NodeType
NO_BLOCK = {  # by NoBlock.reason; the vendor names no codes but 200
    "not-found": (404, "no such file for this device"),
    "range": (416, "size must be 1 to 131072 and offset within the file"),
    "busy": (429, "too many blocks at once; try again"),
}


class AlibabaFace:
    """Devices whose username is `{deviceName}&{productKey}` (alibaba 6.1)."""

    name = "alibaba"
    asks = False
    subs_come_along = False
    payload_size_max = device.PAYLOAD_MAX

    def __init__(self, tls_link: Callable[[TaskRef, int], str | None]) -> None:
        """`tls_link` gives the URL by TLS of one file of a task, if there is one."""
        self._tls_link = tls_link

    def claim(self, client_id: str, username: str) -> Claim | Enrolment | None:
        """Alibaba's when the username has an ampersand; no other vendor's has."""
        if "&" not in username:
            return None
        claim = login.parse(client_id, username)

        def proves(secret: str, password: bytes, now: datetime) -> bool:
            return login.verify(claim, secret, password)

        if claim.kind in ("register", "regnwl"):
            creates = claim.kind == "regnwl"
            return Enrolment(
                claim.product_key, claim.device_name, creates, proves, lambda secret: Down(*login.grant(claim, secret))
            )
        return Claim(claim.product_key, claim.device_name, proves, client=login.c_sdk(client_id))

    def may_publish(self, linked: Linked, topic: str) -> bool:
        """Topics that carry the names of a device of this connection, or of a sub-device that was one."""
        names = _names_in(topic)
        if names is None or (linked.whose(*names) is None and Names(*names) not in linked.parted):
            return False
        return device.own_topic(topic, *names)

    def excuse(self, linked: Linked, topic: str) -> Excuse | None:
        """A sub-device that has not logged in yet speaks too early: the vendor hears it only after its login. A topic
        with the device's own names is its own, whatever follows."""
        names = _names_in(topic)
        if names is None or not plain_topic(topic):
            return None
        if linked.whose(*names) is not None:
            return Harmless()
        return Absent(*names) if _is_gateway(linked) else None

    def may_subscribe(self, linked: Linked, topic_filter: str) -> bool:
        names = _names_in(topic_filter)
        return names is not None and linked.whose(*names) is not None and device.own_filter(topic_filter, *names)

    def reader(self, linked: Linked, topic: str) -> Reader:
        """One message says one thing."""
        names = _names_in(topic)
        owner = None if names is None else linked.whose(*names)
        if owner is None:
            return unheard
        key, name = owner.product_key, owner.device_name
        if topic == device.TOPICS["download"].format(pk=key, dn=name):
            return lambda payload: (_block_asked(owner, payload),)
        verb = gateway.verb_of(topic, key, name) if owner == linked.names else None
        if verb is not None:
            return lambda payload: (_gateway_asked(linked, verb, payload),)
        read = device.reader(topic, key, name)
        if read is not None:
            return lambda payload: (Said(owner, read(payload)),)
        answered = thing.reader(topic, key, name)
        return nothing if answered is None else lambda payload: _answered(answered(payload))

    def push(self, linked: Linked, addressed: Addressed, now: datetime) -> Down:
        """The upgrade push, on the addressed device's own topic."""
        now_ms = int(now.timestamp() * 1000)
        offer, caution = self._fetchable(linked, addressed.offered)
        told = offers.upgrade_push(offer, addressed.product_key, addressed.device_name, now_ms)
        return Down(*told, caution=caution)

    def answer(self, linked: Linked, names: Names, request: OfferRequest, addressed: Addressed | None) -> Down | None:
        """get_reply always; the legacy answer only with an offer."""
        framed = offers.get_reply if request.manner == "get" else offers.request_reply
        offer, caution = self._fetchable(linked, addressed.offered) if addressed else (None, "")
        reply = framed(offer, request, names.product_key, names.device_name)
        return None if reply is None else Down(*reply, caution=caution)

    def _fetchable(self, linked: Linked, offer: Offer) -> tuple[Offer, str]:
        """The offer with the URLs that the connection's client can use, and a caution where there are none such.
        alibaba 6.7: a C SDK that speaks TLS downloads by TLS whatever the scheme, and none finds a host with a port."""
        if not linked.client or offer.protocol == "MQTT":
            return offer, ""

        def best(url: str, place: int) -> str:
            by_tls = self._tls_link(offer.task, place) if linked.client == "c-tls" else None
            known = [url] if by_tls is None else [by_tls, url]
            return next((each for each in known if offers.c_finds_host(each)), known[0])

        files = tuple(replace(file, url=best(file.url, place)) for place, file in enumerate(offer.files))
        told = replace(offer, files=files, url=offer.url and best(offer.url, 0))
        misread = [url for url in (told.url, *(file.url for file in files)) if not offers.c_finds_host(url)]
        return told, _port_caution(misread[0]) if misread else ""

    def block(self, linked: Linked, names: Names, request: BlockRequest, found: Block | NoBlock) -> Down | None:
        """The binary reply (alibaba 6.8), at QoS 0: a lost block is asked for again."""
        if isinstance(found, NoBlock):
            told = blocks.refusal(request, *NO_BLOCK[found.reason], names.product_key, names.device_name)
        else:
            told = blocks.reply(request, found.data, found.file_size, names.product_key, names.device_name)
        return Down(*told, qos=0)


def _port_caution(url: str) -> str:
    origin = "/".join(url.split("/")[:3])  # never the token behind it
    return (
        f"its C SDK takes the host and port of {origin} for a host's name and can't download (alibaba 6.7); "
        "give --public-url, and --public-tls-url for TLS, without a port"
    )


def _names_in(topic: str) -> tuple[str, str] | None:
    """Product key and device name where a topic's or filter's shape has them; whether it is lawful is asked after."""
    levels = topic.split("/")
    at = {"sys": 2, "ota": 4, "shadow": 3, "ext": 3}.get(levels[1] if len(levels) > 1 else "", 1)
    return (levels[at], levels[at + 1]) if len(levels) > at + 1 else None


def _answered(answer: thing.Answered | None) -> Sequence[Heard]:
    """At QoS 0: whoever misses it asks again."""
    return () if answer is None else (Reply(lambda now: Down(*answer(int(now.timestamp() * 1000)), qos=0)),)


def _gateway_asked(linked: Linked, verb: gateway.Verb, payload: bytes) -> Heard:
    try:
        return _heard(linked, gateway.read(verb, payload))
    except DeviceError as exc:
        code, text = gateway.CODES["bad-request"]
        key, name = linked.names.product_key, linked.names.device_name
        told = gateway.reply(gateway.unread(verb, payload), code, f"{text}: {exc}", [], key, name)
        return Reply(Down(*told, qos=0))


def _heard(linked: Linked, request: gateway.Request) -> Heard:
    names = linked.names

    def framed(code: int, text: str, data: object) -> Down:
        return Down(*gateway.reply(request, code, text, data, names.product_key, names.device_name), qos=0)

    def told(outcomes: Outcomes) -> Down:
        failed = [(sub, outcome) for sub, outcome in outcomes if outcome is not Outcome.DONE]
        code, text = gateway.CODES[failed[0][1].value] if failed else (gateway.OK, "success")
        return framed(code, text, [gateway.named(s.product_key, s.device_name) for s, _ in failed or outcomes])

    def listed(bound: Sequence[Names]) -> Down:
        return framed(gateway.OK, "success", [gateway.named(n.product_key, n.device_name) for n in bound])

    if not _is_gateway(linked):
        return Reply(framed(*gateway.CODES["not-a-gateway"], []))
    named = [(sub.product_key, sub.device_name) for sub in request.subs]
    match request.verb:
        case "add":
            return TopoAdd([_claim(sub) for sub in request.subs], told)
        case "delete":
            return TopoDelete(named, told)
        case "get":
            return TopoGet(listed)
        case "login" | "batch_login":
            return SubLogin([_claim(sub) for sub in request.subs], told)
        case "logout" | "batch_logout":
            return SubLogout(named, told)


def _block_asked(owner: Names, payload: bytes) -> Heard:
    try:
        return Said(owner, blocks.read(payload))
    except blocks.Refused as refused:
        told = blocks.refusal(refused, refused.code, refused.problem, owner.product_key, owner.device_name)
        return Reply(Down(*told, qos=0))


def _is_gateway(linked: Linked) -> bool:
    return linked.product_facts.get("NodeType") == NODE_TYPE_GATEWAY


def _claim(sub: gateway.SubDevice) -> SubClaim:
    return SubClaim(sub.product_key, sub.device_name, lambda secret, password, now: sub.proven_by(secret))
