"""A firmware that one vendor's devices fail halts in its first wave and names that vendor, whoever asked for it.

300 simulated devices of three vendors over real sockets. The same devices come first each time, for their names are
fixed, so that the test is the same in every run.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as m

from acceptance.client import Server, new_sdk, until
from acceptance.test_upwell_events import until_told
from acceptance.upwell_audited import audited
from acceptance.upwell_client import Api, api
from upwell.simulator.fleet import Fleet
from upwell.simulator.script import Rates
from upwell.simulator.wire import DeviceIdentity

PRODUCT, COUNT, KINDS = "halts-by-itself", 300, ("tuya", "huawei", "alibaba")
WAVES = [{"percent": 10}, {"percent": 30}, {"percent": 100}]
WITHIN_S = 90
RATES = {"tuya": Rates(fail_upgrade=0.8, delay_s=0.05)}


@pytest.fixture(scope="module")
def v1(server: Server) -> Iterator[Api]:
    asked = api(server, "halts")
    yield asked
    audited(server, asked)


@pytest.fixture(scope="module")
def devices(v1: Api) -> dict[str, list[DeviceIdentity]]:
    """By their vendor."""
    v1.do("create_product", name="lamps that halt", id=PRODUCT)
    names = [f"lamp-{number:03}" for number in range(COUNT)]
    registration = v1.do("register_devices", product_id=PRODUCT, names=names)["id"]
    v1.do("make_registered_devices", product_id=PRODUCT, registration_id=registration)
    until(lambda: v1.do("count_devices", product_id=PRODUCT)["devices"], COUNT.__eq__, WITHIN_S)
    found: dict[str, list[DeviceIdentity]] = {kind: [] for kind in KINDS}
    for place, name in enumerate(names):
        secret = v1.do("show_device_secret", device_id=f"{PRODUCT}_{name}")["secret"]
        kind = KINDS[place % len(KINDS)]
        found[kind].append(DeviceIdentity(PRODUCT, name, secret, "1.0", kind))
    return found


@contextmanager
def fleets(server: Server, v1: Api, devices: dict[str, list[DeviceIdentity]], version: str) -> Iterator[None]:
    """All of them online, with a firmware ahead that four of five of one vendor's devices fail."""
    host, _, port = server.mqtt.rpartition(":")
    made = [
        Fleet(host, int(port), identities, f"seed {kind}", RATES.get(kind, Rates(delay_s=0.05)), version)
        for kind, identities in devices.items()
    ]
    over, loop = asyncio.Event(), asyncio.new_event_loop()

    async def run() -> None:
        await asyncio.gather(*(fleet.run(over) for fleet in made))

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        until(lambda: v1.do("count_devices", product_id=PRODUCT)["online"], COUNT.__eq__, WITHIN_S)
        yield
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def halted(v1: Api, rollout: str) -> None:
    """It has halted in its first wave, and names the vendor."""
    told: dict[str, Any] = until(
        lambda: v1.do("show_rollout", rollout_id=rollout), lambda shown: "paused" in shown, WITHIN_S
    )  # fmt: skip
    assert told["paused"]["by"] == "guard" and "devices of tuya" in told["paused"]["reason"]
    assert [wave["status"] for wave in told["waves"]] == ["open", "waiting", "waiting"]
    assert told["waves"][0]["size"] == COUNT // 10
    decision = until(lambda: v1.every("list_rollout_decisions", rollout_id=rollout), lambda found: len(found) > 1)[0]
    assert (decision["what"], decision["by"], decision["result"]) == ("halted", "guard", "halt")
    numbers = decision["numbers"]
    assert numbers["strongest"]["vendor"] == "tuya" and numbers["reasons"]
    assert 2 <= numbers["failed"] <= numbers["offered"] <= COUNT // 10 and numbers["score"] >= numbers["bound"]
    [event] = until_told(v1, "upwell.rollout.halted", rollout_id=rollout)
    assert event["subject"] == f"rollouts/{rollout}" and event["data"]["numbers"] == numbers
    assert (event["data"]["reason"], event["data"]["wave"]) == (told["paused"]["reason"], 1)
    offered = [task for task in v1.every("list_rollout_tasks", rollout_id=rollout) if task["state"] != "queued"]
    assert offered and {task["wave"] for task in offered} == {1}
    assert "can't open while it is paused" in told["happens_next"]
    v1.do("cancel_rollout", rollout_id=rollout)


def a_package(v1: Api, version: str) -> str:
    image = f"firmware {version}".encode() * 100
    return str(
        v1.do("create_package", name=f"halts {version}", version=version, product_id=PRODUCT, verify=False,
              upload_url=v1.upload(image))["id"]
    )  # fmt: skip


@pytest.mark.timeout(300)
def test_it_halts_in_the_first_wave(server: Server, v1: Api, devices: dict[str, list[DeviceIdentity]]) -> None:
    package = a_package(v1, "2.0")
    with fleets(server, v1, devices, "2.0"):
        made = v1.do(
            "create_rollout", kind="static", product_id=PRODUCT, package_id=package, targets={"all": True}, waves=WAVES,
            same_devices_first=True, guard={},
        )  # fmt: skip
        assert made["guard"] == {
            "p0_percent": 2, "p1_percent": 10, "alpha_percent": 5, "beta_percent": 10, "at_least": 2, "action": "pause",
            "verdict_min": 1440, "rejected_p0_percent": 5, "rejected_p1_percent": 20,
        }  # fmt: skip
        halted(v1, made["id"])


@pytest.mark.timeout(300)
def test_so_does_a_vendors_one_call_by_the_products_default(
    server: Server, v1: Api, devices: dict[str, list[DeviceIdentity]]
) -> None:
    """Alibaba's SDK as it is: the job is a careful one because the product's owner says so."""
    package = a_package(v1, "3.0")
    defaults = {"waves": WAVES, "same_devices_first": True, "guard": {"p0_percent": 2}}
    told = v1.do("update_product", product_id=PRODUCT, rollout_defaults=defaults)["rollout_defaults"]
    assert told["guard"]["p0_percent"] == 2 and [wave["percent"] for wave in told["waves"]] == [10, 30, 100]
    sdk = new_sdk(server.http, server.new_key("halts", "admin"))
    listed = sdk.list_otafirmware(m.ListOTAFirmwareRequest(product_key=PRODUCT, current_page=1, page_size=10)).body
    [firmware] = [each.firmware_id for each in listed.firmware_info.simple_firmware_info if each.dest_version == "3.0"]
    with fleets(server, v1, devices, "3.0"):
        request = m.CreateOTAStaticUpgradeJobRequest(
            firmware_id=firmware, product_key=PRODUCT, target_selection="ALL"
        )  # fmt: skip
        assert sdk.create_otastatic_upgrade_job(request).body.success
        [rollout] = v1.every("list_package_rollouts", package_id=package)
        halted(v1, rollout["id"])
    assert "rollout_defaults" not in v1.do("update_product", product_id=PRODUCT, rollout_defaults={})
    plain = v1.do("create_rollout", kind="static", product_id=PRODUCT, package_id=package, targets={"all": True})
    assert "waves" not in plain
    v1.do("cancel_rollout", rollout_id=plain["id"])


def test_what_makes_no_guard_is_refused(v1: Api, devices: dict[str, list[DeviceIdentity]]) -> None:
    package = a_package(v1, "4.0")
    given = {"kind": "static", "product_id": PRODUCT, "package_id": package, "targets": {"all": True}}
    for guard, parameter in (
        ({"p0_percent": 20}, "guard"), ({"p1_percent": 1}, "guard"), ({"alpha_percent": 95}, "guard"),
        ({"rejected_p0_percent": 30}, "guard"), ({"percent": 5, "alpha_percent": 1}, "guard.alpha_percent"),
        ({"from_offer": 20}, "guard.from_offer"), ({"percent": 100}, "guard.percent"),
        ({"percent": 5, "from_offer": 2000}, "guard.from_offer"), ({"at_least": 0}, "guard.at_least"),
        ({"action": "warn"}, "guard.action"), ({"rate": 1}, "guard.rate"),
    ):  # fmt: skip
        assert v1.refused("create_rollout", **given, guard=guard).error["parameter"] == parameter
        refused = v1.refused("update_product", product_id=PRODUCT, rollout_defaults={"guard": guard})
        assert refused.error["parameter"] == f"rollout_defaults.{parameter}"
    assert v1.refused("update_product", product_id=PRODUCT).error["parameter"] == "name"
    wrong = {"preset": "fast", "waves": WAVES}
    assert v1.refused("update_product", product_id=PRODUCT, rollout_defaults=wrong).error["parameter"] == (
        "rollout_defaults.preset"
    )
    assert "rollout_defaults" not in v1.do("show_product", product_id=PRODUCT)
    asked = {"percent": 7.5, "from_offer": 30, "rejected_p1_percent": 50, "at_least": 3}
    made = v1.do("create_rollout", **given, guard=asked)
    assert asked.items() <= made["guard"].items()
    v1.do("cancel_rollout", rollout_id=made["id"])
