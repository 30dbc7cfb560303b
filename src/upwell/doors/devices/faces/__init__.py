"""The frame that a vendor's device side plugs into: how its devices log in, speak and are told, over MQTT or HTTP.

A face translates and nothing else: it holds no connection, task, clock or secret beyond a call. An MQTT face is asked
in its order whose login a CONNECT is, and has everything of that connection from then on; an HTTP face has the requests
to its paths. A face writes only messages; who may do what, and what a report brings about, is decided elsewhere. What a
device sent and can't be understood is a DeviceError: it is told in the log and changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol
from uuid import UUID

from upwell.dialects.rest import RestRequest
from upwell.domain.errors import DeviceError
from upwell.domain.fleet import device_id
from upwell.domain.talk import BlockRequest, OfferRequest, Report
from upwell.service.upgrade.dispatch import Addressed


@dataclass(frozen=True, slots=True)
class Names:
    """The names a device is addressed by. `public_id` is what its vendor calls it, where that is neither of the two; it
    tells no devices apart."""

    product_key: str
    device_name: str
    public_id: str = field(default="", compare=False)

    @property
    def device_id(self) -> UUID:
        return device_id(self.product_key, self.device_name)

    @property
    def shown(self) -> str:
        """The device as the log names it."""
        return f"{self.product_key}/{self.device_name}"


@dataclass(frozen=True, slots=True)
class Down:
    """One message to send. It needs no SUBSCRIBE; a subscription can only lower its QoS. Until the device acknowledges
    it, it may be silent for `patience_s` seconds, whatever its keep alive says. `caution` is what an operator should
    know of it, for the log."""

    topic: str
    payload: bytes
    qos: int = 1
    patience_s: float = 0.0
    caution: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one HTTP request; `caution` as of Down."""

    payload: bytes
    status: int = 200
    content_type: str = "application/json"
    caution: str = ""


# --- logins -------------------------------------------------------------------------------------------------------

Proof = Callable[[str, bytes, datetime], bool]
"""(secret, password, now) -> whether the password proves the claim. Takes a time that tells nothing about where it
differs, and is also called with a secret that is nobody's, so that unknown devices take as long as known ones."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who a CONNECT or a request says it is. Without a product key the device is looked for by name over all products,
    and each of that name is tried with its own secret, at most 8 of an account. `client` is the face's own word for the
    kind of client it is, as it says itself; Linked carries it."""

    product_key: str | None
    device_name: str
    proves: Proof
    blames: Callable[[datetime], str] = lambda now: ""  # what else than the password may be wrong, for the log
    client: str = ""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A CONNECT that asks for a device's secret, proven with the product's. The connection is told `grant` and can do
    nothing else. `creates` says that the device may be unknown yet, where the platform's setting allows that too."""

    product_key: str
    device_name: str
    creates: bool
    proves: Proof
    grant: Callable[[str], Down]  # by the device's secret: what tells it


@dataclass(frozen=True, slots=True, eq=False)
class Linked:
    """What a seat is: whose devices speak on it, and through which face.

    `names`, `secret` and `product_facts` (what the vendor's dialect keeps of the product, under its own words) are of
    the device that logged in, and `client` is the Claim's; `subs` are the sub-devices that it logged in since, with
    their ids, and `parted` those that were. The door keeps them; a face only looks."""

    face: "Face"
    names: Names
    secret: str = field(repr=False)
    account_id: int = 0
    product_facts: Mapping[str, object] = field(default_factory=dict)
    client: str = ""
    readers: dict[str, "Reader"] = field(default_factory=dict)  # by topic: those that it used, as long as `subs` stay
    subs: dict[Names, UUID] = field(default_factory=dict)
    public: dict[str, Names] = field(default_factory=dict)  # of `subs`, those with a public id, by it
    parted: dict[Names, None] = field(default_factory=dict)

    def whose(self, product_key: str | None, device_name: str) -> Names | None:
        """The device of this connection that is meant: itself or a logged-in sub-device; None for any other (L8).
        Without a product key the name alone decides, and must be one device's only."""
        if product_key is not None:
            own = self.names
            if device_name == own.device_name and product_key == own.product_key:
                return own
            asked = Names(product_key, device_name)
            return asked if asked in self.subs else None
        if device_name == self.names.device_name:
            return self.names
        found = [each for each in self.subs if each.device_name == device_name]
        return found[0] if len(found) == 1 else None

    def called(self, public_id: str) -> Names | None:
        """The device of this connection that its vendor calls so; None for any other (L8)."""
        return self.names if public_id == self.names.public_id else self.public.get(public_id)


# --- what a message can be ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Said:
    """A device of this connection reports, asks for its offer or for a block. `names` is what `Linked.whose` gave:
    its own or a sub-device's."""

    names: Names
    report: Report


@dataclass(frozen=True, slots=True)
class Behind:
    """A device behind this connection reports that is not online on it yet: it comes online if the topology says that
    it is behind this connection's device, and else nothing is heard of it (L8)."""

    public_id: str
    report: Report


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that needs nothing but the message itself and the time, such as an empty configuration or a clock."""

    down: Down | Callable[[datetime], Down]


class Outcome(StrEnum):
    """What became of one sub-device in a gateway's request."""

    DONE = "done"
    UNKNOWN = "unknown"  # no such device
    DISABLED = "disabled"
    UNPROVEN = "unproven"  # its proof does not hold
    UNBOUND = "unbound"  # it is not in this gateway's topology
    ITSELF = "itself"  # a gateway is not its own sub-device
    TOO_MANY = "too-many"  # of those on this connection or in this topology


Outcomes = Sequence[tuple[Names, Outcome]]  # one for each asked, in their order
Told = Callable[[Outcomes], Down | None]  # frames the answer; None is silence


@dataclass(frozen=True, slots=True)
class SubClaim:
    """A sub-device that a gateway names. `proves` (secret, password b"", now) as for a login; a face whose vendor asks
    for no proof gives one that always holds, and the topology alone decides."""

    product_key: str | None
    device_name: str
    proves: Proof


@dataclass(frozen=True, slots=True)
class SubLogin:
    """Bring sub-devices of the gateway's topology online on this connection: all of them, or none when one can't be
    (then those that could are told as DONE all the same)."""

    subs: Sequence[SubClaim]
    answer: Told


@dataclass(frozen=True, slots=True)
class SubLogout:
    """Take sub-devices of this connection offline; one that is not online here is `UNBOUND`."""

    subs: Sequence[tuple[str | None, str]]  # product key, if the vendor says one, and device name
    answer: Told


@dataclass(frozen=True, slots=True)
class TopoAdd:
    """The gateway speaks for these from now on: all or none. A proven sub-device leaves the gateway it had."""

    subs: Sequence[SubClaim]
    answer: Told


@dataclass(frozen=True, slots=True)
class TopoDelete:
    """The gateway speaks for these no more; those online here go offline."""

    subs: Sequence[tuple[str | None, str]]
    answer: Told


@dataclass(frozen=True, slots=True)
class TopoGet:
    """Which sub-devices the gateway speaks for."""

    answer: Callable[[Sequence[Names]], Down | None]


@dataclass(frozen=True, slots=True)
class SubStatus:
    """The gateway says which of its sub-devices are there, and which are not, by their public ids. `answer` is told
    those of them that it speaks for."""

    wanted: Sequence[tuple[str, bool]]
    answer: Callable[[frozenset[str]], Down]


Reader = Callable[[bytes], "Sequence[Heard]"]
"""What a payload on its topic says, as `MqttFace.read`."""

Heard = Said | Behind | Reply | SubStatus | SubLogin | SubLogout | TopoAdd | TopoDelete | TopoGet | DeviceError
"""An error stands for a part of the message that can't be understood, among others that can."""


def nothing(payload: bytes) -> Sequence[Heard]:
    """The reader of a topic that OTA doesn't know."""
    return ()


def unheard(payload: bytes) -> Sequence[Heard]:
    """The reader of a topic of a device that is not on the connection. Raises DeviceError."""
    raise DeviceError("The topic is not of a device of this connection.")


# --- topics that are not the connection's ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Absent:
    """It is a topic of this device, which is not online on the connection, and may be behind it. If the topology says
    so nothing is heard of it; if not, it is a stranger's topic and the connection ends (L8)."""

    product_key: str | None
    device_name: str


@dataclass(frozen=True, slots=True)
class Harmless:
    """It is no device's topic, or the connection's own in a form that the vendor does not name: nothing is heard."""


Excuse = Absent | Harmless


# --- a download in blocks -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes of a task's file from the asked offset: as many as asked, fewer only at the file's end."""

    data: bytes = field(repr=False)
    file_size: int


@dataclass(frozen=True, slots=True)
class NoBlock:
    """Why there are no bytes: `reason` is not-found (no such open task of this device), range (beyond the file or not
    a legal size) or busy (too much is asked at once, or the store does not answer; worth another try)."""

    reason: str


# --- the face -------------------------------------------------------------------------------------------------------


class Face(Protocol):
    """One vendor's device side. Every method is pure: no IO, clock or dice; `now` is an argument."""

    name: str
    """Its row's dialect: the vendor that logs and metrics name, that is kept with each device that speaks through it,
    and by which `domain/telling.py` says what can't be told."""

    asks: bool
    """Whether an Inquiry can be said. Where it can't, what a device said last is its answer."""

    payload_size_max: int
    """Bytes that a device may say at once: what its vendor's page names, or else PAYLOAD_MAX of dialects/payloads.py. A
    larger publish is skipped, a larger request refused."""

    def answer(
        self, linked: Linked, names: Names, request: OfferRequest, addressed: Addressed | None
    ) -> Down | Answer | None:
        """The answer to an OfferRequest of `names`: its offer, or None for nothing to do. None is silence, and then
        an offer does not count as made. Raises CallerError like `push`."""

    def block(
        self, linked: Linked, names: Names, request: BlockRequest, found: Block | NoBlock
    ) -> Down | Answer | None:
        """The answer to a BlockRequest. Faces whose `reader` reads none return None."""


class MqttFace(Face, Protocol):
    """A device side over MQTT."""

    subs_come_along: bool
    """Whether the sub-devices of a gateway's topology are online with it, without a login of their own."""

    def claim(self, client_id: str, username: str) -> Claim | Enrolment | None:
        """Who the CONNECT says it is; None when it is not of this vendor's kind, and the next face is asked. Raises
        DeviceError for one of its own kind that is malformed: nobody else is asked and the login is refused."""

    def may_publish(self, linked: Linked, topic: str) -> bool:
        """Whether the topic is one that a device of this connection may publish to (L8: see `Linked.whose`).
        False ends the connection where there is no `excuse`, so be lenient with its own topics that OTA doesn't know,
        and with those of `parted` sub-devices, of which `reader` must hear nothing: one that was taken away must not
        end its gateway."""

    def excuse(self, linked: Linked, topic: str) -> Excuse | None:
        """Why it is no offence to publish to a topic that `may_publish` refuses; None if it is one."""

    def may_subscribe(self, linked: Linked, topic_filter: str) -> bool:
        """Whether everything that the filter matches is of devices of this connection (L8)."""

    def reader(self, linked: Linked, topic: str) -> Reader:
        """How what is said on a topic that `may_publish` allows is read. It holds as long as the connection has the
        same sub-devices, and says what a message says, in its order; nothing for a topic of its own that OTA doesn't
        know. All of it is applied before the message is acknowledged. It raises DeviceError for what can't be
        understood: then none is."""

    def push(self, linked: Linked, addressed: Addressed, now: datetime) -> Down:
        """The message of an offer, or where the face asks, of an inquiry, to the device of this connection that
        `addressed` names. Raises CallerError (such as Invalid) for an offer that its devices would misread; it is
        logged and its task fails."""


Why = Literal["malformed", "refused", "unavailable"]


class HttpFace(Face, Protocol):
    """A device side over HTTP, whose devices ask again and are told in their answers alone. Each request is a login,
    and is answered once: by the offer or block that it asked for, or else by `done`."""

    asks: Literal[False]

    paths: Sequence[str]
    """Whose requests these are, as Starlette writes routes."""

    def claim(self, request: RestRequest) -> Claim:
        """Who the request says it is; the password is in the request, and `proves` is given none. Raises
        DeviceError."""

    def read(self, linked: Linked, request: RestRequest) -> Sequence[Said]:
        """What it says, in its order; all of it is committed before it is answered. Raises DeviceError for what can't
        be understood: then none is."""

    def done(self, linked: Linked, request: RestRequest) -> Answer:
        """What was said is taken, and nothing was asked for, or there is nothing to tell."""

    def refuse(self, why: Why, problem: str) -> Answer:
        """The request was not understood, its login was refused, or nobody can tell now: it is worth another try."""
