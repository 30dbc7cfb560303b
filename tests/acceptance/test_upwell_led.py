"""A real device of each vendor is led 1.0 → 1.5 → 2.0 as one task, and the server is killed on the way (ADR 0048)."""

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import pytest
from tests.imitations.huawei_go import HuaweiGo
from tests.imitations.tuyalink_c import TuyaLinkC
from tests.prove.rollout import Process

from acceptance.client import unique, until
from acceptance.device import Device
from acceptance.test_upwell_events import new_token
from acceptance.upwell_client import Api, Refused

pytestmark = pytest.mark.asyncio
IMAGES = {version: random.Random(version).randbytes(20_000) for version in ("1.5", "2.0")}


@pytest.fixture(scope="module")
def server() -> Iterator[Process]:
    process = Process()
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def v1(server: Process) -> Api:
    return Api(address=f"127.0.0.1:{server.http}", token=new_token(server))


@pytest.fixture
def stones(v1: Api) -> dict[str, str]:
    """A product with its two packages, the ids of all three."""
    product = v1.do("create_product", name=unique("lamp"))["id"]
    found = {"product": product}
    for version, after in (("1.5", "1.0"), ("2.0", "1.5")):
        made = v1.do("create_package", name=unique("fw"), version=version, product_id=product, verify=False,
                     upload_url=v1.upload(IMAGES[version]), after=[after])  # fmt: skip
        assert made["after"] == [after] == made["source_versions"]
        found[version] = made["id"]
    return found


def start(v1: Api, stones: dict[str, str]) -> str:
    made = v1.do("create_rollout", kind="static", package_id=stones["2.0"], product_id=stones["product"],
                 targets={"all": True})  # fmt: skip
    return str(made["id"])


def count(v1: Api, rollout: str) -> dict[str, int]:
    return {
        state: n for state, n in v1.do("show_rollout", rollout_id=rollout)["tasks"].items() if n and state != "total"
    }


def shown(v1: Api, rollout: str) -> Any:
    [task] = v1.every("list_rollout_tasks", rollout_id=rollout)
    return task


def killed(server: Process) -> None:
    server.kill()
    server.start()


async def test_an_alibaba_device_is_led(server: Process, v1: Api, stones: dict[str, str]) -> None:
    made = v1.do("create_device", product_id=stones["product"], name=unique("d"))

    def play() -> None:
        device = Device(f"127.0.0.1:{server.mqtt}", stones["product"], made["name"], made["secret"])
        device.inform("1.0")
        rollout = start(v1, stones)
        assert device.offered()["version"] == "1.5"
        device.progress(100)
        why = v1.do("explain_device", device_id=made["id"], rollout_id=rollout)
        assert why["steps"] == ["1.5", "2.0"]
        device.close()
        killed(server)
        device = Device(f"127.0.0.1:{server.mqtt}", stones["product"], made["name"], made["secret"])
        device.inform("1.5")
        assert device.offered()["version"] == "2.0"
        assert shown(v1, rollout)["version"] == "2.0"
        assert v1.do("explain_device", device_id=made["id"], rollout_id=rollout)["steps"] == ["2.0"]
        device.close()
        killed(server)
        device = Device(f"127.0.0.1:{server.mqtt}", stones["product"], made["name"], made["secret"])
        device.inform("2.0")
        assert count(v1, rollout) == {"succeeded": 1}
        device.close()

    await asyncio.to_thread(play)


async def test_a_tuyalink_device_is_led(server: Process, v1: Api, stones: dict[str, str]) -> None:
    made = v1.do("create_device", product_id=stones["product"], name=unique("d"))
    device = TuyaLinkC(host="127.0.0.1", port=server.mqtt, device_id=made["name"], secret=made["secret"], version="1.0")
    await device.start()
    which = {"device_id": made["id"]}
    await asyncio.to_thread(until, lambda: v1.do("show_device", **which), lambda d: d.get("versions"))
    rollout = await asyncio.to_thread(start, v1, stones)
    await device.install()
    assert device.image == IMAGES["1.5"]
    await asyncio.to_thread(until, lambda: shown(v1, rollout), lambda task: task["state"] == "queued")
    await device.stop()
    await asyncio.to_thread(killed, server)
    await device.start()
    await device.run(lambda: len({each["version"] for each in device.offers}) == 2)
    assert device.image == IMAGES["2.0"]
    await asyncio.to_thread(until, lambda: count(v1, rollout), lambda found: found == {"succeeded": 1})
    await device.stop()


async def test_a_huawei_device_is_led(server: Process, v1: Api, stones: dict[str, str]) -> None:
    made = v1.do("create_device", product_id=stones["product"], name=unique("d"))
    given = {"host": "127.0.0.1", "port": server.mqtt, "device_id": made["id"], "secret": made["secret"]}
    device = HuaweiGo(**given, version="1.0")
    await device.start()
    await device.say("version_report", device.versions())
    which = {"device_id": made["id"]}
    await asyncio.to_thread(until, lambda: v1.do("show_device", **which), lambda d: d.get("versions"))
    rollout = await asyncio.to_thread(start, v1, stones)
    await device.until(lambda: device.version == "1.5")
    await device.stop()
    await asyncio.to_thread(killed, server)
    device = HuaweiGo(**given, version=device.version)
    await device.start()
    await device.say("version_report", device.versions())
    await device.until(lambda: device.version == "2.0")
    assert device.image == IMAGES["2.0"]
    await asyncio.to_thread(until, lambda: count(v1, rollout), lambda found: found == {"succeeded": 1})
    await device.stop()


async def test_what_after_may_not_say_is_refused(v1: Api, stones: dict[str, str]) -> None:
    facts = {"product_id": stones["product"], "verify": False}
    for wrong, told in (
        ({"version": "1.0", "after": ["2.0"]}, "stepping-circle"),
        ({"version": "3.0", "after": []}, "invalid-value"),
        ({"version": "3.0", "after": ["2.0"], "source_versions": ["1.0"]}, "invalid-value"),
        ({"version": "3.0", "after": ["2.0"], "delta_from": "1.0"}, "invalid-value"),
        ({"version": "3.0", "after": [str(n) for n in range(21)]}, "invalid-value"),
    ):
        with pytest.raises(Refused) as refused:
            v1.do("create_package", name=unique("fw"), upload_url=v1.upload(b"x"), **facts, **wrong)
        assert refused.value.code == told, (wrong, refused.value)
    plan = v1.do("create_plan", kind="static", package_id=stones["2.0"], product_id=stones["product"],
                 targets={"all": True})  # fmt: skip
    assert plan["status"] in ("running", "done")


async def test_a_version_that_a_device_has_left_wants_a_yes(server: Process, v1: Api, stones: dict[str, str]) -> None:
    made = v1.do("create_device", product_id=stones["product"], name=unique("d"))

    def play() -> None:
        device = Device(f"127.0.0.1:{server.mqtt}", stones["product"], made["name"], made["secret"])
        for version in ("1.5", "1.0"):
            device.inform(version)
        device.close()
        which = {"kind": "static", "package_id": stones["1.5"], "product_id": stones["product"]}
        with pytest.raises(Refused) as refused:
            v1.do("create_rollout", **which, targets={"all": True})
        assert refused.value.code == "downgrade" and "1 of the devices" in str(refused.value)
        plan = v1.do("create_plan", **which, targets={"all": True})
        plan = until(lambda: v1.do("show_plan", plan_id=plan["id"]), lambda found: found["status"] == "done")
        assert plan["ran_before"] == 1
        assert v1.do("create_rollout", **which, targets={"all": True}, downgrade=True)["id"]

    await asyncio.to_thread(play)
