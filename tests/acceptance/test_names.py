"""What a request of the RPC dialects says and the server does not understand, with raw requests signed here: an update
goes to no device that nobody named, and a refusal names the parameter, the form that is right, and what caused it."""

import base64
import hashlib
import hmac
import json
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from acceptance.callers import NewSdk
from acceptance.client import Key, Server, ask, recording, signed
from acceptance.stories import setting
from acceptance.tuya_client import TuyaClient

IMAGE = b"a package that nobody may get by mistake"
PAGE = {"CurrentPage": "1", "PageSize": "10"}


@dataclass(frozen=True)
class Own:
    """A product with two devices and a package, and the ways to ask for jobs of it."""

    server: Server
    tuya: TuyaClient
    product: str
    names: tuple[str, ...]
    alibaba_package: str
    tuya_package: str

    def refuse(self, dialect: str, action: str, given: dict[str, str]) -> str:
        """The message of a refusal; and no job was made."""
        before = self.jobs()
        message = self._refused(dialect, action, given)
        assert self.jobs() == before
        return message

    def jobs(self) -> tuple[int, int]:
        """How many jobs there are of each package."""
        listed = self.tuya.do("ListOTAJobByFirmware", FirmwareId=self.tuya_package, **PAGE)
        asked = signed(self.server.admin, "ListOTAJobByFirmware", {"FirmwareId": self.alibaba_package} | PAGE)
        return listed["total"], ask(self.server.http, asked)[1]["Total"]

    def _refused(self, dialect: str, action: str, given: dict[str, str]) -> str:
        if dialect == "tuya":
            base = {"FirmwareId": self.tuya_package, "ProductKey": self.product}
            told = self.tuya.send(self.tuya.signed({"Action": action} | base | given))
            assert told.body["success"] is False, (given, told.body)
            return str(told.body["errorMessage"])
        base = {"FirmwareId": self.alibaba_package, "ProductKey": self.product}
        _, body = ask(self.server.http, signed(self.server.admin, action, base | given))
        assert body.get("Success") is not True, (given, body)
        return str(body.get("ErrorMessage") or body["Message"])


@pytest.fixture(scope="module")
def own(server: Server) -> Iterator[Own]:
    key = server.new_key("default", "admin", "tuya")
    tuya = TuyaClient(address=server.http, key=key)
    product = tuya.new_product()
    with recording(server.http) as wire:
        package = setting.package(NewSdk(wire, server.admin), product)
    names = tuple(tuya.new_device(product)[0] for _ in range(2))
    yield Own(server, tuya, product, names, package, tuya.new_package(product, IMAGE, NeedToVerify="false"))


FORMS = [
    "SrcVersion", "SrcVersion.N", "SrcVersion.0", "SrcVersion.01", "SrcVersion.a", "SrcVersion[1]", "SrcVersions.1",
    "SrcVersion.-1", "SrcVersion.\uff11", "SrcVersion.1.2", "SrcVersion.9999999999", "SrcVerison.1",
]  # fmt: skip


@pytest.mark.parametrize("dialect", ["alibaba", "tuya"])
@pytest.mark.parametrize("name", FORMS)
def test_a_list_in_a_form_that_is_not_understood(own: Own, dialect: str, name: str) -> None:
    """Issue 9, number 1: with `SrcVersion=9.9` every device of the product was updated."""
    message = own.refuse(dialect, "CreateOTAStaticUpgradeJob", {"TargetSelection": "ALL", name: "9.9"})
    assert "SrcVersion.1, SrcVersion.2" in message and repr(name) in message


@pytest.mark.parametrize("dialect", ["alibaba", "tuya"])
@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"TargetSelection": "ALL", "TargetDeviceName": "x"}, "TargetDeviceName.1"),
        ({"TargetSelection": "ALL", "TargetDeviceName.1": "x"}, "TargetDeviceName"),
        ({"TargetSelection": "ALL", "SrcVersion.1": ""}, "SrcVersion.1"),
        ({"TargetSelection": "ALL", "SrcVersion.2": " "}, "SrcVersion.2"),
        ({"TargetSelection": "ALL", "GrayPercent": "10"}, "GrayPercent"),
        ({"TargetSelection": "ALL", "GroupId": "1"}, "GroupId"),
        ({"TargetSelection": "ALL", "GroupId": ""}, "GroupId"),
        ({"TargetSelection": "ALL", "DeviceName.1": "x"}, "DeviceName"),
        ({"TargetSelection": "ALL", "TargetDeviceNames.1": "x"}, "TargetDeviceName.1"),
    ],
)
def test_what_narrows_a_job_counts_or_is_refused(own: Own, dialect: str, given: dict[str, str], named: str) -> None:
    """Issue 9, number 1."""
    assert named in own.refuse(dialect, "CreateOTAStaticUpgradeJob", given)


@pytest.mark.parametrize("dialect", ["alibaba", "tuya"])
def test_a_verification_is_never_of_nobody_by_mistake(own: Own, dialect: str) -> None:
    """Issue 9, number 1: `TargetDeviceName=x` made a verify job of nobody, and left the package verifying."""
    for name in ("TargetDeviceName", "TargetDeviceName.N", "TargetDeviceName.0"):
        assert "TargetDeviceName.1" in own.refuse(dialect, "CreateOTAVerifyJob", {name: own.names[0]})


def test_a_dynamic_job_takes_no_targets(own: Own) -> None:
    """Issue 9, number 1: what a static job is narrowed by would be ignored by a dynamic one."""
    for name in ("TargetDeviceName.1", "GrayPercent", "ScheduleTime", "SrcVersionList.1"):
        assert name.partition(".")[0].removesuffix("List") in own.refuse(
            "alibaba", "CreateOTADynamicUpgradeJob", {name: "1"}
        )
    tags = own.refuse("alibaba", "CreateOTADynamicUpgradeJob", {"Tag.1.Key": "a", "Tag.1.Kay": "b"})
    assert "Tag.1.Key and Tag.1.Value" in tags


def test_two_values_of_one_parameter(own: Own) -> None:
    """Issue 9, number 1: the signature covers both, and says of neither that it counts."""
    given = {"FirmwareId": own.alibaba_package, "ProductKey": own.product, "TargetSelection": "ALL"}
    asked = [*given.items(), ("TargetSelection", "SPECIFIC")]
    told = sent(own.server, own.server.admin, "CreateOTAStaticUpgradeJob", asked)
    assert told["Code"] == "iot.ota.InvalidTargetSelection" and "ALL" in told["ErrorMessage"]


def sent(server: Server, key: Key, action: str, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """The answer to a GET with repeated names, signed over all of them."""
    common = [pair for pair in signed(key, action).items() if pair[0] != "Signature"]
    ordered = sorted([*common, *pairs], key=lambda pair: pair[0])
    canonical = urlencode(ordered, safe="-_.~", quote_via=quote)
    text = f"GET&%2F&{quote(canonical, safe='-_.~')}"
    digest = hmac.new(f"{key.secret}&".encode(), text.encode(), hashlib.sha1).digest()
    query = urlencode([*ordered, ("Signature", base64.b64encode(digest).decode())])
    with urllib.request.urlopen(f"http://{server.http}/?{query}", timeout=20) as answer:
        return dict(json.loads(answer.read()))


def test_lists_close_their_gaps_and_members_without_effect_stay_ignored(own: Own) -> None:
    """Issue 9, numbers 1 and 29: what was accepted is accepted."""
    package = own.tuya.new_package(own.product, IMAGE, NeedToVerify="false")
    given = {"FirmwareId": package, "ProductKey": own.product, "TargetSelection": "SPECIFIC", "Foo": "bar"}
    given |= {
        "targetdevicename.7": own.names[1],
        "TargetDeviceName.2": own.names[0],
        "IotInstanceId": "i",
        "RegionId": "r",
    }
    job = own.tuya.do("CreateOTAStaticUpgradeJob", given)["data"]["jobId"]
    assert sorted(task["deviceName"] for task in own.tuya.tasks(job)) == sorted(own.names)
    own.tuya.do("CancelOTATaskByJob", JobId=job, CancelQueuedTask="true")


# --- 28: a package that is verifying --------------------------------------------------------------------------------


def test_a_package_that_is_verifying_says_what_to_do(server: Server) -> None:
    """Issue 9, number 28: the page's own call names no device; what follows said "verify it first" and no more."""
    tuya = TuyaClient(address=server.http, key=server.new_key("verifying", "admin", "tuya"))
    product = tuya.new_product()
    firmware = tuya.new_package(product, IMAGE, NeedToVerify="true")
    given = {"FirmwareId": firmware, "ProductKey": product}
    job = tuya.do("CreateOTAVerifyJob", given, TimeoutInMinutes=1440)["data"]["jobId"]
    told = tuya.ask("CreateOTAStaticUpgradeJob", given, TargetSelection="ALL")
    assert told.code == "iot.ota.FirmwareNotVerified"
    for word in ("is verifying", "verify it with a device", "cancel"):
        assert word in told.body["errorMessage"]
    gone = tuya.ask("DeleteOTAFirmware", FirmwareId=firmware)
    assert "cancel it first" in gone.body["errorMessage"]
    tuya.do("CancelOTATaskByJob", JobId=job, CancelQueuedTask="true")
    assert (
        "verify it with a device"
        in tuya.ask("CreateOTAStaticUpgradeJob", given, TargetSelection="ALL").body["errorMessage"]
    )
    device, _ = tuya.new_device(product)
    tuya.do("CreateOTAVerifyJob", given, TargetDeviceName=[device])
    again = tuya.ask("CreateOTAVerifyJob", given, TargetDeviceName=[device])
    assert again.code == "iot.ota.FirmwareIsVerifying"
    assert "wait" in again.body["errorMessage"] and "cancel" in again.body["errorMessage"]


# --- 29: refusals that name their cause -----------------------------------------------------------------------------

CAUSES = [
    ({"TargetSelection": "GRAY"}, "GrayPercent is mandatory because TargetSelection is GRAY"),
    ({"TargetSelection": "GROUP"}, "GroupId is mandatory because TargetSelection is GROUP"),
    ({"TargetSelection": "SPECIFIC"}, "TargetDeviceName is mandatory because TargetSelection is SPECIFIC"),
    ({"TargetSelection": "ALL", "RetryInterval": "60"}, "RetryCount is mandatory because RetryInterval is given"),
]


@pytest.mark.parametrize("dialect", ["alibaba", "tuya"])
@pytest.mark.parametrize(("given", "message"), CAUSES)
def test_a_refusal_names_the_parameter_that_causes_it(
    own: Own, server: Server, dialect: str, given: dict[str, str], message: str
) -> None:
    """Issue 9, number 29."""
    action = "CreateOTAStaticUpgradeJob"
    if dialect == "tuya":
        told = own.tuya.ask(action, given, FirmwareId=own.tuya_package, ProductKey=own.product).body["errorMessage"]
    else:
        base = {"FirmwareId": own.alibaba_package, "ProductKey": own.product}
        told = ask(server.http, signed(server.admin, action, base | given))[1]["Message"]
    assert message in told


@pytest.mark.parametrize("name", ["ScheduleTime", "OverwriteMode", "MaximumPerMinute", "Tag.1.Key", "DnListFileUrl"])
def test_what_only_alibaba_has_is_refused_in_a_tuya_call(own: Own, name: str) -> None:
    """Issue 9, number 29."""
    given = {"FirmwareId": own.tuya_package, "ProductKey": own.product, "TargetSelection": "ALL", name: "1"}
    told = own.tuya.ask("CreateOTAStaticUpgradeJob", given).body
    assert (
        told["success"] is False and f"{name.partition('.')[0]}: not a parameter of this action" in told["errorMessage"]
    )


def raw(server: Server, method: str, query: str, headers: dict[str, str], body: bytes | None) -> tuple[int, str, bytes]:
    request = urllib.request.Request(f"http://{server.http}/?{query}", data=body, headers=headers, method=method)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=20)
    with caught.value as answer:
        return answer.status, str(answer.headers["content-type"]), answer.read()


JSON = {"Content-Type": "application/json"}
UNREAD = [
    *((method, {}, None) for method in ("PUT", "DELETE", "OPTIONS", "PROPFIND")),
    ("PATCH", {"Content-Type": "application/x-www-form-urlencoded"}, b"x=1"),
    ("POST", JSON, b'{"SrcVersion.1": "9.9"}'),
    ("GET", JSON, b"{}"),
    ("POST", {"Content-Type": "text/plain"}, b"SrcVersion.1=9.9"),
]


@pytest.mark.parametrize(("method", "headers", "body"), UNREAD)
def test_other_methods_and_bodies_are_refused_in_the_dialects_envelope(
    own: Own, server: Server, method: str, headers: dict[str, str], body: bytes | None
) -> None:
    """Issue 9, number 29: PUT was answered in plain text, and a JSON body was ignored, with all that it said."""
    code = "InvalidParameter" if method in ("GET", "POST") else "UnsupportedHTTPMethod"
    told = signed(server.admin, "QueryProduct", {"ProductKey": own.product})
    status, kind, answer = raw(server, method, urlencode(told), headers, body)
    assert (status, kind) == (400, "application/json;charset=utf-8")
    assert json.loads(answer)["Code"] == code and set(json.loads(answer)) == {"RequestId", "HostId", "Code", "Message"}
    told = signed(server.admin, "QueryProduct", {"ProductKey": own.product}, Format="XML")
    status, kind, answer = raw(server, method, urlencode(told), headers, body)
    assert (status, kind) == (400, "text/xml;charset=utf-8") and ET.fromstring(answer).findtext("Code") == code
    asked = own.tuya.signed({"Action": "QueryProduct", "ProductKey": own.product, "Version": "2018-01-20"})
    for query in (urlencode(asked), "Action=QueryProduct", "Action=QueryProduct&Version=2022-01-01"):
        status, kind, answer = raw(server, method, query, headers, body)
        assert status == 400 and json.loads(answer)["code"] == code and json.loads(answer)["success"] is False
