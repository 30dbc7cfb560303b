"""The Huawei face: dialects/huawei's login, device and gateway behind the frame.

A device is called by its device_id, the public id. Its down events come without a SUBSCRIBE, on one topic for itself
and for all devices behind it, and each is sent once in a connection's life: some SDKs install again what they get
again (huawei 5.7). Others acknowledge an upgrade only after they have installed it and say nothing until then, not even
a ping, so an upgrade comes with patience. A file that the platform holds is told with a link and a token apart, one in
its owner's bucket with a link alone (huawei 5.4); for both the bytes are ours to serve.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from upwell.dialects.huawei import device, envelope, gateway, login
from upwell.dialects.huawei.names import task_id as task_id_of
from upwell.domain import telling
from upwell.domain.errors import DeviceError, Invalid
from upwell.domain.links import plain_name, without_token
from upwell.domain.talk import BlockRequest, Inquiry, Offer, OfferRequest, TaskRef
from upwell.doors.devices.faces import (
    Absent,
    Behind,
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
    Reader,
    Reply,
    Said,
    SubStatus,
    TopoGet,
    nothing,
)
from upwell.service.upgrade.dispatch import Addressed

NamedLink = Callable[[TaskRef, int, str], str]  # by the place of a file in its package, and its name
PATIENCE_S = 86_400.0  # huawei 6.1: download and status reporting may take 24 h


class HuaweiFace:
    """Devices whose client id is `{device_id}_0_{sign_type}_{YYYYMMDDHH}` and whose username is the device_id.
    `clock_tolerance` is how far the hour of a sign_type 1 may be off; `now` is the clock, for the answers that the
    frame asks for without one; `link` makes the URL of a file of a task that tells the file's name."""

    name = "huawei"
    asks = True
    subs_come_along = True
    payload_size_max = envelope.PAYLOAD_MAX

    def __init__(self, now: Callable[[], datetime], link: NamedLink, clock_tolerance: timedelta) -> None:
        self._now = now
        self._link = link
        self._tolerance = clock_tolerance

    def claim(self, client_id: str, username: str) -> Claim | Enrolment | None:
        """By the id alone: the device of that public id, or of that name."""
        if not login.is_ours(client_id, username):
            return None
        claim = login.parse(client_id, username)

        def proves(secret: str, password: bytes, now: datetime) -> bool:
            proven = login.verify(claim, (secret,), password)
            return login.is_timely(claim, now, self._tolerance) and proven

        def blames(now: datetime) -> str:
            timely = login.is_timely(claim, now, self._tolerance)
            return "" if timely else f"its clock is off: it says {claim.timestamp}, and here it is {now:%Y%m%d%H}"

        return Claim(None, claim.device_id, proves, blames)

    def may_publish(self, linked: Linked, topic: str) -> bool:
        """Topics of the device that logged in; it speaks for those behind it on them."""
        return device.own_topic(topic, linked.names.public_id)

    def excuse(self, linked: Linked, topic: str) -> Excuse | None:
        """Custom topics go nowhere here. A device behind it speaks on the gateway's topic, and comes online by what it
        says there; on its own ones it is not heard."""
        owner = device.owner_of(topic)
        if owner is None:
            return Harmless() if device.is_custom(topic) else None
        return Absent(None, owner) if linked.called(owner) is None else Harmless()

    def may_subscribe(self, linked: Linked, topic_filter: str) -> bool:
        """Filters that match only topics of the device that logged in."""
        return device.own_filter(topic_filter, linked.names.public_id)

    def reader(self, linked: Linked, topic: str) -> Reader:
        """What is said of firmware, of the devices behind, or what is answered at once; a message says several."""
        own = linked.names.public_id
        if not device.is_read(topic, own):
            return nothing
        return lambda payload: [self._heard(linked, said) for said in device.read(topic, payload, own)]

    def _heard(self, linked: Linked, said: device.Said) -> Heard:
        match said.heard:
            case device.ClockRequest() as asked:
                return _clock(linked, asked, said.event_id)
            case gateway.Statuses() | gateway.Refused() | gateway.Sync() as request:
                return self._request(linked, request, said.event_id)
            case DeviceError() as problem:
                return problem
            case report:
                names = linked.called(said.device_id)
                return Behind(said.device_id, report) if names is None else Said(names, report)

    def _request(self, linked: Linked, request: gateway.Request, event_id: str) -> Heard:
        own = linked.names.public_id

        def framed(answer: gateway.Answer) -> Down:
            return Down(device.events_down(own), device.gateway_answer(own, answer, event_id, self._now()))

        match request:
            case gateway.Statuses() as said:
                return SubStatus(said.wanted, lambda done: framed(said.answer(done)))
            case gateway.Refused() as asked:
                return Reply(framed(asked.answer()))
            case gateway.Sync() as asked:
                return TopoGet(lambda bound: framed(asked.answer(own, [_described(each) for each in bound])))

    def push(self, linked: Linked, addressed: Addressed, now: datetime) -> Down:
        """version_query or an upgrade event, on the topic of the connection's device and for the addressed one."""
        topic = device.events_down(linked.names.public_id)
        device_id, told = _called(linked, addressed), addressed.offer
        extras = _extras(told)
        if isinstance(told, Inquiry):
            return Down(topic, device.version_query(device_id, now, extras))
        limit = telling.limit("huawei", telling.Manner(is_several=not told.url))
        if limit is not None:
            raise Invalid(limit.field, limit.check)
        name = plain_name(told.file_name)
        url, token = self._link(told.task, 0, name), None
        if told.is_held and device.part_of(told.module) != "module":
            url, token = without_token(url)
        offer = replace(told, url=url)
        payload = device.upgrade(device_id, offer, now, file_name=name, access_token=token, extras=extras)
        return Down(topic, payload, patience_s=PATIENCE_S)

    def answer(self, linked: Linked, names: Names, request: OfferRequest, addressed: Addressed | None) -> Down | None:
        """Nothing: a Huawei device never asks."""
        return None

    def block(self, linked: Linked, names: Names, request: BlockRequest, found: Block | NoBlock) -> Down | None:
        """Nothing: Huawei's devices download over HTTPS."""
        return None


def _called(linked: Linked, addressed: Addressed) -> str:
    is_own = Names(addressed.product_key, addressed.device_name) == linked.names
    return linked.names.public_id if is_own else addressed.public_id


def _extras(told: Inquiry | Offer) -> device.Extras:
    """huawei 5.4: task_id and sub_device_count are of gateway mode."""
    task_id = None if told.sub_device_count is None else task_id_of(told.task.job_id)
    return device.Extras(ext_info=told.ext_info, task_id=task_id, sub_device_count=told.sub_device_count)


def _clock(linked: Linked, asked: device.ClockRequest, event_id: str) -> Reply:
    own = linked.names.public_id

    def told(now: datetime) -> Down:
        received_ms = int(now.timestamp() * 1000)
        return Down(device.events_down(own), device.clock_answer(own, asked, event_id, received_ms, now))

    return Reply(told)


def _described(names: Names) -> tuple[str, str, str]:
    return names.public_id, names.device_name, names.product_key
