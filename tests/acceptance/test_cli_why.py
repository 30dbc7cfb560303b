"""Told beforehand and explained afterwards, from the command line."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from acceptance.cli import Person
from acceptance.client import Server, unique, until
from acceptance.device import Device

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def admin(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Person:
    token = server.new_key("cli why", "admin", "upwell").secret
    environ = {"UPWELL_URL": f"http://{server.http}", "UPWELL_TOKEN": token}
    return Person(home=tmp_path_factory.mktemp("home"), environ=environ)


@pytest.fixture
def product(admin: Person) -> str:
    return str(admin.do("product", "create", unique("lamp"), "--json").json["id"])


@pytest.fixture
def package(admin: Person, product: str) -> str:
    Path(admin.home / "lamp.bin").write_bytes(b"firmware" * 100)
    upload = ("package", "upload", "lamp.bin", "--product", product, "--version", "2.0", "--name", unique("fw"))
    return str(admin.do(*upload, "--json").json["id"])


@pytest.fixture
def lamps(server: Server, admin: Person, product: str) -> Iterator[list[Device]]:
    made = [admin.do("device", "add", f"lamp-{n}", "--product", product, "--json").json for n in range(3)]
    found = [Device(server.mqtt, product, each["name"], each["secret"]) for each in made]
    for lamp, version in zip(found, ("1.0", "1.0", "2.0"), strict=True):
        lamp.inform(version)
    yield found
    for lamp in found:
        lamp.close()


def test_a_rollout_is_planned_and_its_devices_are_explained(
    admin: Person, product: str, package: str, lamps: list[Device]
) -> None:
    wanted = (package, "--all", "--waves", "1,100%", "--guard")
    told = admin.do("rollout", "plan", *wanted)
    assert "2 devices" in told.out and "1 device left out: already there" in told.out, told.out
    assert f"such as {product}_lamp-2" in told.out and "upwell rollout start" in told.out
    plan = admin.do("rollout", "plan", *wanted, "--json").json
    assert [each["devices"] for each in plan["waves"]] == [1, 1]
    assert admin.do("rollout", "list", "--package", package, "--json").out == ""
    assert admin.run("rollout", "plan", package).code == 2
    rollout = admin.do("rollout", "start", *wanted, "--yes", "--json").json["id"]
    until(
        lambda: admin.do("rollout", "show", rollout, "--json").json["waves"],
        lambda waves: waves and waves[0]["status"] == "open",
    )
    told = admin.do("rollout", "reasons", rollout)
    assert "1 device not updated: wave waiting" in told.out and "upwell device why" in told.out, told.out
    waiting = next(
        each["examples"][0]
        for each in admin.do("rollout", "reasons", rollout, "--json").json["reasons"]
        if each["code"] == "wave_waiting"
    )
    told = admin.do("device", "why", waiting, "--rollout", rollout)
    assert "wave waiting" in told.out and "NO  Is its wave open? it is of wave 2" in told.out, told.out
    assert admin.do("device", "why", waiting, "--package", package, "--json").json["code"] == "wave_waiting"
    assert admin.run("device", "why", waiting).code != 0
