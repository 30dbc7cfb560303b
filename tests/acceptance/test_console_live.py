"""A rollout's page, over plain HTTP: how it goes, its failures with what may be done about them, who made it; and two
people who act at once."""

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import httpx
import pytest

from acceptance.client import Server, unique, until
from acceptance.console import Browser, Page, browser
from acceptance.device import Device
from acceptance.upwell_client import Api, api

ACCOUNT = "console-live"
SCRIPTED = {"hx-request": "true"}


@pytest.fixture(scope="module")
def v1(server: Server) -> Api:
    return api(server, ACCOUNT)


@pytest.fixture(scope="module")
def ann(v1: Api) -> Browser:
    return browser(v1, "ann", "operator", ACCOUNT)


@pytest.fixture(scope="module")
def bob(v1: Api) -> Browser:
    return browser(v1, "bob", "operator", ACCOUNT)


@pytest.fixture
def lamp(server: Server, v1: Api) -> Iterator[tuple[str, Device]]:
    """A rollout in two waves with a soak, and the device of its first one, which was offered it."""
    product = v1.do("create_product", name=unique("p"))["id"]
    package = v1.do("create_package", name=unique("fw"), version="2.0", product_id=product, verify=False,
                    upload_url=v1.upload(b"firmware"))["id"]  # fmt: skip
    made = v1.do("create_device", product_id=product, name=unique("d"))
    v1.do("create_device", product_id=product, name=unique("away"))
    device = Device(server.mqtt, product, made["name"], made["secret"])
    device.inform("1.0")
    rollout = v1.do("create_rollout", kind="static", package_id=package, product_id=product, targets={"all": True},
                    waves=[{"device_names": [made["name"]], "soak_min": 60}, {"percent": 100}], guard={},
                    tags={"remark": "for the fair"})["id"]  # fmt: skip
    device.offered()
    yield str(rollout), device
    device.close()


def form(page: Page, rollout: str, verb: str) -> dict[str, str]:
    action = f"/console/do/rollouts/{rollout}" + (f"/{verb}" if verb else "")
    return page.forms[action]


def send(who: Browser, rollout: str, verb: str, fields: dict[str, str]) -> httpx.Response:
    return who.send(f"/do/rollouts/{rollout}" + (f"/{verb}" if verb else ""), fields, **SCRIPTED)


def test_a_kind_of_failures_is_run_again_from_its_place(v1: Api, ann: Browser, lamp: tuple[str, Device]) -> None:
    rollout, device = lamp
    device.progress(-3)
    page = until(lambda: ann.get(f"/rollouts/{rollout}"), lambda shown: "Retry this one" in shown.text)
    [kind] = v1.do("list_rollout_failures", rollout_id=rollout)["items"]
    assert f'name="failure_id" value="{kind["id"]}"' in page.html
    done = send(ann, rollout, "retry", {"csrf": ann.csrf(), "failure_id": kind["id"]})
    assert done.status_code == 200 and "1 device" in Page(done).text
    device.offered()
    again = send(ann, rollout, "retry", {"csrf": ann.csrf(), "failure_id": kind["id"]})
    assert again.status_code == 200 and "There was nothing left to do." in Page(again).text


def test_those_that_wait_on_the_same_version_are_left_out(server: Server, v1: Api, ann: Browser) -> None:
    product = v1.do("create_product", name=unique("p"))["id"]
    package = v1.do("create_package", name=unique("fw"), version="2.0", product_id=product, verify=False,
                    upload_url=v1.upload(b"firmware"))["id"]  # fmt: skip
    made = [v1.do("create_device", product_id=product, name=unique("d")) for _ in range(3)]
    lamps = [Device(server.mqtt, product, each["name"], each["secret"]) for each in made]
    for each in lamps:
        each.inform("1.0")
    until(lambda: v1.do("list_devices", product_id=product)["items"], lambda those: all(d["versions"] for d in those))
    rollout = v1.do("create_rollout", kind="static", package_id=package, product_id=product, targets={"all": True},
                    waves=[{"device_names": [made[0]["name"]], "soak_min": 60}, {"percent": 100}],
                    guard={})["id"]  # fmt: skip
    lamps[0].offered()
    lamps[0].progress(-3)
    until(lambda: ann.get(f"/rollouts/{rollout}"), lambda shown: "Leave out what waits on 1.0" in shown.text)
    page = ann.get(f"/rollouts/{rollout}/leave-out?from_version=1.0")
    assert "2 devices of this rollout wait" in page.text and "Leave out 2 devices" in page.text
    fields = form(page, rollout, "cancel")
    v1.do("create_device", product_id=product, name=unique("later"))
    refused = send(ann, rollout, "cancel", fields | {"devices": "1"})
    assert refused.status_code == 409 and "2 devices wait, 1 are meant" in Page(refused).text
    done = send(ann, rollout, "cancel", fields)
    assert done.status_code == 200 and "2 devices" in Page(done).text
    again = until(lambda: ann.get(f"/rollouts/{rollout}/leave-out?from_version=1.0"), lambda p: "0 devices" in p.text)
    assert f"/console/do/rollouts/{rollout}/cancel" not in again.forms
    for each in lamps:
        each.close()


def test_its_course_its_pace_and_who_made_it_are_shown(v1: Api, ann: Browser, lamp: tuple[str, Device]) -> None:
    rollout, device = lamp
    device.inform("2.0")
    page = until(lambda: ann.get(f"/rollouts/{rollout}"), lambda shown: '"succeeded": [' in unescape(shown.html))
    told = re.search(r'data-curve="([^"]*)"', page.html)
    assert told is not None
    curve: dict[str, Any] = json.loads(unescape(told[1]))
    assert len({len(each) for each in curve.values()}) == 1 and set(curve) == {"at", "succeeded", "failed", "at_work"}
    assert "Offers in the last minute" in page.text and "1 of 1,000" in page.text
    assert f"made by {v1.do('show_me')['id']}" in page.text and "for the fair" in page.text


def test_the_soak_is_no_longer_to_be_skipped_when_it_was(v1: Api, ann: Browser, lamp: tuple[str, Device]) -> None:
    rollout, _ = lamp
    page = ann.get(f"/rollouts/{rollout}")
    assert "Skip the soak" in page.text
    assert send(ann, rollout, "promote", {"csrf": ann.csrf(), "wave": "2", "skip_soak": "true"}).status_code == 200
    assert "Skip the soak" not in ann.get(f"/rollouts/{rollout}").text


def test_the_waves_of_one_that_is_over_say_so(v1: Api, ann: Browser, lamp: tuple[str, Device]) -> None:
    rollout, _ = lamp
    v1.do("cancel_rollout", rollout_id=rollout)
    until(lambda: v1.do("show_rollout", rollout_id=rollout), lambda told: told["status"] == "canceled")
    page = ann.get(f"/rollouts/{rollout}")
    pills = re.findall(r'<span class="pill wave-(\w+)">', page.html)
    assert pills == ["ended", "unopened"] and "Change the pace" not in page.text


# --- two at once ----------------------------------------------------------------------------------------------------


def test_the_second_of_two_is_told_what_the_first_did(
    v1: Api, ann: Browser, bob: Browser, lamp: tuple[str, Device]
) -> None:
    rollout, _ = lamp
    seen = form(bob.get(f"/rollouts/{rollout}"), rollout, "promote")
    first = send(ann, rollout, "promote", {"csrf": ann.csrf(), "wave": "2", "reason": "seen on the bench"})
    assert first.status_code == 200, first.text
    second = send(bob, rollout, "promote", seen | {"wave": "2"})
    assert second.status_code == 200 and "Meanwhile: Promoted by user ann" in Page(second).text
    promoted = [each for each in v1.every("list_rollout_decisions", rollout_id=rollout) if each["what"] == "promoted"]
    assert [each["by"] for each in promoted] == ["user ann"], "it is done once"


def test_of_two_who_change_the_pace_the_second_is_refused(
    v1: Api, ann: Browser, bob: Browser, lamp: tuple[str, Device]
) -> None:
    rollout, _ = lamp
    of_ann, of_bob = (form(each.get(f"/rollouts/{rollout}"), rollout, "") for each in (ann, bob))
    assert of_ann["edition"] == of_bob["edition"]
    assert send(ann, rollout, "", of_ann | {"maximum_per_min": "30"}).status_code == 200
    late = send(bob, rollout, "", of_bob | {"maximum_per_min": "600"})
    assert late.status_code == 412 and "changed" in Page(late).text
    assert v1.do("show_rollout", rollout_id=rollout)["maximum_per_min"] == 30
    anew = form(bob.get(f"/rollouts/{rollout}"), rollout, "")
    assert anew["maximum_per_min"] == "30"
    assert send(bob, rollout, "", anew | {"maximum_per_min": "600"}).status_code == 200
