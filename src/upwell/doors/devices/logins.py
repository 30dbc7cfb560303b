"""Who a CONNECT is: every face is asked whose login it is, and the password must prove it.

Holds: all candidates' proofs are computed, and one where there is none, so that time tells nothing. A connection that
enrols is nobody's: it can't take a device's place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID, uuid4

from upwell.domain.connected import LoginFacts
from upwell.domain.errors import DeviceError
from upwell.doors.devices.faces import Claim, Down, Enrolment, Face, Linked, MqttFace, Names
from upwell.doors.devices.identity import Identity


class LoginDesk(Protocol):
    """What checks logins."""

    def now(self) -> datetime: ...
    async def facts(self, device_id: UUID, /) -> LoginFacts | None: ...
    async def facts_by_name(self, name: str, /) -> Sequence[LoginFacts]: ...
    async def product_secret(self, product_key: str, /) -> str | None: ...

    async def enrol(self, product_key: str, name: str, creates: bool, /) -> str | None:
        """The device's secret; None refuses. `creates`: it may be unknown yet."""


NOBODY = "no such device"  # a secret to check against, so that unknown devices take as long as known ones


@dataclass(frozen=True, slots=True)
class Refused:
    """A login that is refused, and why: for the log and for those whom it concerns; the device is told nothing.
    `found` are the devices that it may have meant."""

    reason: str
    vendor: str = ""
    product_key: str | None = None
    name: str = ""
    found: Sequence[LoginFacts] = ()


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A connection that is told its device's secret and can do nothing else."""

    down: Down


class Logins:
    """Checks logins for every face."""

    def __init__(self, desk: LoginDesk, faces: Sequence[MqttFace] = ()) -> None:
        self._desk = desk
        self._faces = faces

    async def check(self, client_id: str, username: str, password: bytes) -> Identity | Refused:
        """Who the CONNECT is, proven, or why it is refused."""
        try:
            face, claim = self._claim(client_id, username)
        except DeviceError as exc:
            return Refused(f"malformed: {exc.problem}")
        if isinstance(claim, Enrolment):
            return await self._enrolled(face, claim, password)
        return await self.linked(face, claim, password)

    def _claim(self, client_id: str, username: str) -> tuple[MqttFace, Claim | Enrolment]:
        for face in self._faces:
            claim = face.claim(client_id, username)
            if claim is not None:
                return face, claim
        raise DeviceError("The login is of no known vendor's kind.")

    async def candidates(self, product_key: str | None, device_name: str) -> Sequence[LoginFacts]:
        """The devices that may be meant: one at most, or all of that name where no product is said."""
        if product_key is None:
            return await self._desk.facts_by_name(device_name)
        facts = await self._desk.facts(Names(product_key, device_name).device_id)
        return [] if facts is None else [facts]

    async def linked(self, face: Face, claim: Claim, password: bytes = b"") -> Identity | Refused:
        """Whom the claim names, proven, with Linked as its `facts`; or why it is refused."""
        found = await self.candidates(claim.product_key, claim.device_name)
        now = self._desk.now()
        proven = [facts for facts in found if _proven(facts, claim, password, now)]
        if not found:
            claim.proves(NOBODY, password, now)
            return Refused("unknown device", face.name, claim.product_key, claim.device_name)
        if not proven:
            why = claim.blames(now) or "wrong password"
            return Refused(why, face.name, claim.product_key, claim.device_name, found)
        facts = proven[0]
        if not facts.enabled:
            return Refused("the device is disabled", face.name, claim.product_key, claim.device_name, [facts])
        names = Names(facts.product_key, facts.name, "" if claim.product_key else claim.device_name)
        linked = Linked(face, names, facts.secret, facts.account_id, facts.product_facts, claim.client)
        return Identity(names.device_id, linked, face.payload_size_max, names.shown)

    async def _enrolled(self, face: Face, claim: Enrolment, password: bytes) -> Identity | Refused:
        secret = await self._desk.product_secret(claim.product_key)
        proven = claim.proves(NOBODY if secret is None else secret, password, self._desk.now())
        if secret is None or not proven:
            why = "unknown product" if secret is None else "wrong password for the product"
            return Refused(why, face.name, claim.product_key, claim.device_name)
        told = await self._desk.enrol(claim.product_key, claim.device_name, claim.creates)
        if told is None:
            why = "the device may not ask for its secret"
            return Refused(why, face.name, claim.product_key, claim.device_name)
        shown = Names(claim.product_key, claim.device_name).shown
        return Identity(uuid4(), Enrolled(claim.grant(told)), name=shown)


def _proven(facts: LoginFacts, claim: Claim, password: bytes, now: datetime) -> bool:
    """By the device's secret, or its secondary one if it has one (huawei 4.3); both are tried whichever is right."""
    secrets = [facts.secret, facts.secondary_secret] if facts.secondary_secret else [facts.secret]
    return any([claim.proves(each, password, now) for each in secrets])  # noqa: C419  # all of them
