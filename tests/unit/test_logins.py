"""Who a CONNECT is: faces asked in order, logins by name alone, and nothing that time or a namesake gives away."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID

import pytest

from upwell.domain.connected import LoginFacts
from upwell.domain.errors import DeviceError
from upwell.domain.fleet import device_id
from upwell.doors.devices.faces import Claim, Down, Enrolment, Linked
from upwell.doors.devices.faces.alibaba import AlibabaFace
from upwell.doors.devices.identity import Identity
from upwell.doors.devices.logins import NOBODY, Enrolled, Logins, Refused

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def facts(key: str, secret: str, *, enabled: bool = True) -> LoginFacts:
    return LoginFacts(
        secret=secret, enabled=enabled, product_key=key, name="same", product_id=1, account_id=1, product_facts={},
        gateway_id=None,
    )  # fmt: skip


@dataclass
class ByName(AlibabaFace):
    """A vendor whose devices say no product; its password is the secret."""

    tried: list[str] = field(default_factory=list)

    def claim(self, client_id: str, username: str) -> Claim | Enrolment | None:
        if client_id == "malformed":
            raise DeviceError("malformed")
        if client_id == "enrol":
            return Enrolment("pk", "same", False, self._proves, lambda secret: Down("/told", secret.encode()))
        return Claim(None, username, self._proves) if client_id == "mine" else None

    def _proves(self, secret: str, password: bytes, now: datetime) -> bool:
        assert now == NOW
        self.tried.append(secret)
        return secret.encode() == password


def logins(face: ByName, found: list[LoginFacts], product_secret: str | None = "ps") -> Logins:
    async def one(ident: UUID) -> LoginFacts | None:
        return next((f for f in found if device_id(f.product_key, f.name) == ident), None)

    async def by_name(name: str) -> list[LoginFacts]:
        return [f for f in found if f.name == name]

    async def secret(key: str) -> str | None:
        return product_secret

    async def enrol(key: str, name: str, creates: bool) -> str | None:
        return "own" if found else None

    desk = SimpleNamespace(now=lambda: NOW, facts=one, facts_by_name=by_name, product_secret=secret, enrol=enrol)
    return Logins(desk, [face, AlibabaFace(lambda task, place: None)])


async def identity(of: Logins, client_id: str, username: str, password: bytes) -> Identity | None:
    found = await of.check(client_id, username, password)
    return None if isinstance(found, Refused) else found


async def test_every_namesake_is_tried_whichever_is_right() -> None:
    found = [facts("p1", "s1"), facts("p2", "s2"), facts("p3", "s3")]
    for key, secret in (("p1", b"s1"), ("p2", b"s2"), ("p3", b"s3")):
        face = ByName()
        who = await identity(logins(face, found), "mine", "same", secret)
        assert who is not None and who.device_id == device_id(key, "same")
        assert isinstance(who.facts, Linked) and who.facts.names.product_key == key
        assert face.tried == ["s1", "s2", "s3"]


async def test_either_of_two_secrets_opens_and_both_are_tried() -> None:
    found = [replace(facts("p1", "s1"), secondary_secret="t1")]
    for password in (b"s1", b"t1"):
        face = ByName()
        who = await identity(logins(face, found), "mine", "same", password)
        assert who is not None and isinstance(who.facts, Linked) and who.facts.names.public_id == "same"
        assert face.tried == ["s1", "t1"]
    assert await identity(logins(ByName(), found), "mine", "same", b"s1t1") is None


async def test_nobody_costs_a_proof_too() -> None:
    face = ByName()
    assert await identity(logins(face, []), "mine", "same", b"x") is None
    assert await identity(logins(face, []), "mine", "same", NOBODY.encode()) is None
    assert face.tried == [NOBODY, NOBODY]


@pytest.mark.parametrize("password", [b"", b"s2", b"s1 "])
async def test_wrong_and_disabled(password: bytes) -> None:
    found = [facts("p1", "s1"), facts("p2", "s2", enabled=False)]
    assert await identity(logins(ByName(), found), "mine", "same", password) is None


async def test_a_malformed_login_is_nobody_elses() -> None:
    assert await identity(logins(ByName(), [facts("p1", "s1")]), "malformed", "same&p1", b"s1") is None


async def test_a_login_of_no_vendors_kind() -> None:
    assert await identity(logins(ByName(), [facts("p1", "s1")]), "other", "no ampersand", b"s1") is None


async def test_an_enrolment_is_nobody() -> None:
    found = [facts("pk", "own")]
    one, two = [await identity(logins(ByName(), found), "enrol", "same", b"ps") for _ in range(2)]
    assert one is not None and two is not None
    assert device_id("pk", "same") not in (one.device_id, two.device_id) and one.device_id != two.device_id
    assert isinstance(one.facts, Enrolled) and one.facts.down == Down("/told", b"own")
    assert await identity(logins(ByName(), found), "enrol", "same", b"wrong") is None
    assert await identity(logins(ByName(), []), "enrol", "same", b"ps") is None
    face = ByName()
    assert await identity(logins(face, found, product_secret=None), "enrol", "same", NOBODY.encode()) is None
    assert face.tried == [NOBODY]
