"""From the command line: what waits for you, devices set aside and released, defaults, limits, and a changed pace."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from acceptance.cli import Person
from acceptance.client import Server, unique, until
from acceptance.device import Device

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def admin(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Person:
    token = server.new_key("cli limits", "admin", "upwell").secret
    environ = {"UPWELL_URL": f"http://{server.http}", "UPWELL_TOKEN": token}
    return Person(home=tmp_path_factory.mktemp("home"), environ=environ)


@pytest.fixture
def product(admin: Person) -> str:
    return str(admin.do("product", "create", unique("lamp"), "--json").json["id"])


@pytest.fixture
def lamp(server: Server, admin: Person, product: str) -> Iterator[Device]:
    made = admin.do("device", "add", "lamp-1", "--product", product, "--json").json
    found = Device(server.mqtt, product, made["name"], made["secret"])
    found.inform("1.0")
    yield found
    found.close()


def a_package(admin: Person, product: str) -> str:
    (admin.home / "lamp.bin").write_bytes(b"firmware" * 100)
    upload = ("package", "upload", "lamp.bin", "--product", product, "--version", unique("2"), "--name", unique("fw"))
    return str(admin.do(*upload, "--json").json["id"])


def fail(admin: Person, product: str, lamp: Device) -> None:
    rollout = admin.do("rollout", "start", a_package(admin, product), "--all", "--yes", "--json").json["id"]
    until(lamp.ask, bool)
    lamp.progress(-4)
    until(lambda: shown(admin, rollout)["tasks"]["failed"], (1).__eq__)


def shown(admin: Person, rollout: str) -> dict[str, Any]:
    return dict(admin.do("rollout", "show", rollout, "--json").json)


def test_devices_are_set_aside_listed_and_released(admin: Person, product: str, lamp: Device) -> None:
    told = admin.do("product", "defaults", product, "--set-aside", "1", "--aside-first", "30", "--aside-hold", "9").out
    assert "set aside after 1 failure" in told and "30 to 1440 min" in told
    fail(admin, product, lamp)
    device = f"{product}_lamp-1"
    assert [each["id"] for each in lines(admin, "device", "list", "--set-aside", "--product", product)] == [device]
    assert "1 failure, the last burning_failed" in admin.do("device", "show", device).out
    told = admin.do("attention", "--product", product).out
    assert "1 device is set aside" in told
    refused = admin.run("device", "release", "--all", "--product", product)
    assert refused.code == 2 and "This releases 1 device" in refused.err
    assert admin.run("device", "release", device, "--all").code == 2
    assert admin.do("device", "release", "--all", "--product", product, "--yes", "--json").json == {"released": 1}
    assert admin.do("attention", "--product", product, "--json").json["total"] == 0
    fail(admin, product, lamp)
    assert "released" in admin.do("device", "release", device).out


def lines(admin: Person, *words: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in admin.do(*words, "--json").out.splitlines()]


def test_limits_and_defaults_are_shown_and_set(admin: Person, product: str) -> None:
    assert admin.do("product", "limits", product, "--json").json == {"product_id": product, "spent": 0}
    told = admin.do("product", "limits", product, "--per-minute", "100", "--at-once", "5", "--json").json
    assert (told["maximum_per_min"], told["at_once"], told["at_work"]) == (100, 5, 0)
    assert "100, 0 spent" in admin.do("product", "limits", product).out
    assert admin.do("product", "limits", product, "--bytes-per-s", "2M", "--json").json["bytes_per_s"] == 2_000_000
    assert "2.0 MB" in admin.do("product", "limits", product).out
    assert "--bytes-per-s 2M" in admin.run("product", "limits", product, "--bytes-per-s", "2MB").err
    assert admin.run("product", "limits", product, "--none", "--at-once", "5").code == 2
    assert admin.do("product", "limits", product, "--none", "--json").json == {"product_id": product, "spent": 0}
    assert admin.do("account", "limits", "--per-minute", "900", "--json").json["maximum_per_min"] == 900
    assert "any" in admin.do("account", "limits", "--none").out
    told = admin.do("account", "defaults", "--guard-percent", "5", "--guard-from", "30", "--approval-over", "100").out
    assert "above 5 % failing from 30 offers on" in told and "approval of more than 100 devices" in told
    assert admin.do("account", "defaults", "--json").json["rollout_defaults"]["guard"]["from_offer"] == 30
    assert admin.run("account", "defaults", "--none").code == 2
    assert "all at once" in admin.do("account", "defaults", "--none", "--yes").out


def test_a_pace_is_changed(admin: Person, product: str, lamp: Device) -> None:
    rollout = admin.do("rollout", "start", a_package(admin, product), "--all", "--yes", "--json").json["id"]
    words = ("rollout", "change", rollout, "--per-minute", "50", "--pace-base", "5", "--pace-factor", "2",
             "--pace-each", "10", "--at-once", "3")  # fmt: skip
    assert "from 5 a minute, times 2 each 10 succeeded" in admin.do(*words).out
    assert shown(admin, rollout)["maximum_per_min"] == 50
    assert "constant" in admin.do("rollout", "change", rollout, "--constant").out
    assert admin.run("rollout", "change", rollout).code == 2
