"""The Huawei face: dialects/huawei's login, device and gateway behind the frame.

A device is called by its device_id, the public id. Its down events come without a SUBSCRIBE, on one topic for itself
and for all devices behind it, and each is sent once in a connection's life: some SDKs install again what they get
again (huawei 5.7). Others acknowledge an upgrade only after they have installed it and say nothing until then, not even
a ping, so an upgrade comes with patience.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from upwell.dialects.huawei import device, gateway, login
from upwell.domain.errors import DeviceError
from upwell.domain.talk import BlockRequest, Inquiry, Offer, OfferRequest
from upwell.doors.faces import (
    Behind,
    Block,
    Claim,
    Down,
    Enrolment,
    Heard,
    Linked,
    Names,
    NoBlock,
    Reply,
    Said,
    SubStatus,
    TopoGet,
)
from upwell.service.dispatch import Addressed

PACKET_SIZE_MAX = 1024 * 1024 + 512  # huawei 5.1: 1 MB of payload, and its topic
PATIENCE_S = 86_400.0  # huawei 6.1: download and status reporting may take 24 h


class HuaweiFace:
    """Devices whose client id is `{device_id}_0_{sign_type}_{YYYYMMDDHH}` and whose username is the device_id.
    `clock_tolerance` is how far the hour of a sign_type 1 may be off."""

    name = "huawei"
    subs_come_along = True
    packet_size_max = PACKET_SIZE_MAX

    def __init__(self, clock_tolerance: timedelta) -> None:
        self._tolerance = clock_tolerance

    def claim(self, client_id: str, username: str) -> Claim | Enrolment | None:
        """By the id alone: the device of that public id, or of that name."""
        if not login.is_ours(client_id, username):
            return None
        claim = login.parse(client_id, username)

        def proves(secret: str, password: bytes, now: datetime) -> bool:
            proven = login.verify(claim, (secret,), password)
            return login.is_timely(claim, now, self._tolerance) and proven

        return Claim(None, claim.device_id, proves)

    def greet(self, linked: Linked, now: datetime) -> Sequence[Down]:
        """Nothing: a device is asked when it has something to install."""
        return ()

    def may_publish(self, linked: Linked, topic: str) -> bool:
        """Topics of the device that logged in; it speaks for those behind it on them."""
        return device.own_topic(topic, linked.names.public_id)

    def may_subscribe(self, linked: Linked, topic_filter: str) -> bool:
        """Filters that match only topics of the device that logged in."""
        return device.own_filter(topic_filter, linked.names.public_id)

    def read(self, linked: Linked, topic: str, payload: bytes) -> Sequence[Heard]:
        """What is said of firmware, of the devices behind, or what is answered at once; a message says several."""
        return [self._heard(linked, said) for said in device.read(topic, payload, linked.names.public_id)]

    def _heard(self, linked: Linked, said: device.Said) -> Heard:
        match said.heard:
            case device.ClockRequest() as asked:
                return _clock(linked, asked, said.event_id)
            case gateway.Statuses() | gateway.Refused() | gateway.Sync() as request:
                return _request(linked, request, said.event_id)
            case report:
                names = linked.called(said.device_id)
                return Behind(said.device_id, report) if names is None else Said(names, report)

    def push(self, linked: Linked, addressed: Addressed, now: datetime) -> Down:
        """version_query or an upgrade event, on the topic of the connection's device and for the addressed one."""
        topic = device.events_down(linked.names.public_id)
        device_id, told = _called(linked, addressed), addressed.offer
        extras = _extras(told)
        if isinstance(told, Inquiry):
            return Down(topic, device.version_query(device_id, now, extras))
        payload = device.upgrade(device_id, told, now, file_name=told.file_name or None, extras=extras)
        return Down(topic, payload, patience_s=PATIENCE_S)

    def answer(self, linked: Linked, names: Names, request: OfferRequest, addressed: Addressed | None) -> Down | None:
        """Nothing: a Huawei device never asks."""
        return None

    def block(self, linked: Linked, names: Names, request: BlockRequest, found: Block | NoBlock) -> Down | None:
        """Nothing: Huawei's devices download over HTTPS."""
        return None


def _called(linked: Linked, addressed: Addressed) -> str:
    if addressed.offer.task.device_id not in linked.subs.values():
        return linked.names.public_id
    return addressed.public_id


def _extras(told: Inquiry | Offer) -> device.Extras:
    """huawei 5.4: task_id and sub_device_count are of gateway mode."""
    task_id = None if told.sub_device_count is None else names_task_id(told.task.job_id)
    return device.Extras(ext_info=told.ext_info, task_id=task_id, sub_device_count=told.sub_device_count)
