"""What the MQTT door lets TuyaLink devices do and hear (tuya 4.1, 4.2, 4.10): subscriptions, names, sub-devices."""

import hashlib
import hmac
import json
import random

import pytest
from tests.imitations.tuyalink_c import TuyaLinkC

from acceptance.client import Server, unique
from acceptance.tuya_client import TuyaClient
from acceptance.tuyalink import (
    connected,
    ended,
    job_for,
    login_of,
    message,
    new_device,
    online,
    runs,
    settled,
    told_on,
    where,
)
from mqttwire import WireClient, puback, publish, subscribe, unsubscribe

IMAGE = random.Random(5).randbytes(1001)


@pytest.fixture(scope="module")
def tuya(server: Server) -> TuyaClient:
    return TuyaClient(address=server.http, key=server.new_key("default", "admin", "tuya"))


# --- the door -------------------------------------------------------------------------------------------------------


async def test_a_subscriber_of_everything_hears_once_and_an_unsubscribe_is_answered(
    server: Server, tuya: TuyaClient
) -> None:
    key = tuya.new_product()
    firmware = tuya.new_package(key, IMAGE)
    device = await new_device(server, tuya, key)
    root = f"tylink/{device.device_id}"
    async with connected(device) as wire:
        wanted = [f"{root}/channel/downlink/auto_subscribe", f"{root}/ota/issue", f"{root}/#", f"{root}/ota/+"]
        await wire.send(subscribe(7, *((each, 1) for each in wanted), ("tylink/someone/ota/issue", 1), ("tylink/#", 1)))
        assert (await wire.receive()).body == b"\x00\x07" + b"\x01" * 4 + b"\x80\x80"
        await wire.send(unsubscribe(8, f"{root}/never/subscribed"))
        answer = await wire.receive()
        assert (answer.kind, answer.body) == (11, b"\x00\x08")
        await wire.send(
            publish(f"{root}/ota/firmware/report", message({"otaChannel": [{"channel": 0, "version": "1"}]}), 3)
        )
        assert (await wire.receive()).kind == 4
        job = await job_for(tuya, key, firmware, device)
        offered = await wire.receive()
        assert offered.topic == f"{root}/ota/issue"
        await wire.send(puback(offered.packet_id))
        assert await wire.alive()
        await settled(lambda: tuya.tasks(job), lambda rows: rows[0]["taskStatus"] == "NOTIFIED")
        assert await wire.alive()
        for suffix, data, expected in [
            ("ext/time/request", {"bizType": "NTP", "dst": 5}, "ext/time/response"),
            ("ext/config/get", {}, "ext/config/get_response"),
        ]:
            await wire.send(publish(f"{root}/{suffix}", message(data, "9")))
            told = await wire.receive()
            assert told.topic == f"{root}/{expected}" and json.loads(told.payload)["msgId"] == "9"
            await wire.send(puback(told.packet_id))
        await wire.send(publish(f"{root}/thing/property/report", message({}, "4", sys={"ack": 1})))
        told = await wire.receive()
        assert told.topic == f"{root}/thing/property/report_response" and json.loads(told.payload)["code"] == 0
        await wire.send(puback(told.packet_id))
        for ignored in ("thing/property/report", "channel/raw/up", "channel/rpc/request", "what/ever"):
            await wire.send(publish(f"{root}/{ignored}", b"\x00\xff"))
        assert await wire.alive()
        await wire.send(publish("tylink/someone/ota/get", message({})))
        assert await wire.closed() == b""


async def test_wrong_logins_are_refused(server: Server, tuya: TuyaClient) -> None:
    device = await new_device(server, tuya, tuya.new_product())
    client_id, username, password = login_of(device)
    for wrong in [
        (client_id, username, password[:-1] + b"x"),
        (client_id, username.replace("HMACSHA256", "HMACSHA1"), password),
        (client_id, username.replace(device.device_id, "nobody"), password),
        ("tuyalink_nobody", username.replace(device.device_id, "nobody"), password),
        (device.device_id, device.device_id, password),
        (device.device_id, device.device_id, hashlib.md5(b"x").hexdigest()[8:24].encode()),
    ]:
        wire = await WireClient.open(device.host, device.port)
        assert await wire.login(*wrong) == 4
        await wire.close()


async def test_devices_of_one_name_are_told_apart_by_their_secrets(server: Server, tuya: TuyaClient) -> None:
    one, other = tuya.new_product(), tuya.new_product()
    first = await new_device(server, tuya, one)
    twin = tuya.do("RegisterDevice", ProductKey=other, DeviceName=first.device_id)["data"]
    second = TuyaLinkC(**where(server), device_id=first.device_id, secret=twin["deviceSecret"], version="3.3")
    async with online(first, second):
        await runs(tuya, one, first, "1.0.0")
        await runs(tuya, other, second, "3.3")


# --- a gateway ------------------------------------------------------------------------------------------------------


async def test_a_gateways_sub_device_is_offered_on_its_connection(server: Server, tuya: TuyaClient) -> None:
    gateways = tuya.do("CreateProduct", ProductName=unique("g"), NodeType=1)["productKey"]
    subs = tuya.new_product()
    firmware = tuya.new_package(subs, IMAGE)
    gateway, sub = await new_device(server, tuya, gateways), await new_device(server, tuya, subs)
    root, under = f"tylink/{gateway.device_id}", f"tylink/{sub.device_id}"
    async with connected(gateway) as wire:
        await wire.send(subscribe(1, (f"{root}/channel/downlink/auto_subscribe", 1)))
        assert (await wire.receive()).body[2] == 1

        entry = {"productId": subs, "deviceId": sub.device_id, "signMethod": "hmacSha1", "timestamp": "1700000000"}
        content = f"deviceId{sub.device_id}productId{subs}timestamp1700000000".encode()
        good = hmac.new(sub.secret.encode(), content, "sha1").hexdigest()
        await wire.send(publish(f"{root}/device/sub/bind", message([{"productId": subs, "nodeId": sub.device_id}])))
        assert (await told_on(wire, f"{root}/device/sub/bind_response"))["code"] != 0
        await wire.send(publish(f"{root}/device/topo/add", message([entry | {"sign": good[::-1]}])))
        assert (await told_on(wire, f"{root}/device/topo/add_response"))["code"] == 1004
        await wire.send(publish(f"{root}/device/topo/add", message([entry | {"sign": good}], "6")))
        added = await told_on(wire, f"{root}/device/topo/add_response")
        assert (added["code"], added["msgId"]) == (0, "6")
        assert added["data"] == [{"productId": subs, "deviceId": sub.device_id}]
        await wire.send(publish(f"{root}/device/topo/get", b'{"msgId":"7","time":1}'))
        assert (await told_on(wire, f"{root}/device/topo/get_response"))["data"] == added["data"]

        report = message({"bizType": "INIT", "otaChannel": [{"channel": 0, "version": "1.0.0"}]})
        login = publish(f"{root}/device/sub/login", message([sub.device_id]))
        await wire.send(login + publish(f"{under}/ota/firmware/report", report))  # one segment: no answer to wait for
        await runs(tuya, subs, sub, "1.0.0")
        job = await job_for(tuya, subs, firmware, sub)
        offered = await told_on(wire, f"{under}/ota/issue")
        digest = hashlib.sha256(IMAGE).hexdigest().upper().encode()
        assert offered["data"]["hmac"] == hmac.new(sub.secret.encode(), digest, "sha256").hexdigest().upper()
        await wire.send(publish(f"{under}/ota/progress/report", message({"channel": 0, "progress": 50})))
        done = message({"bizType": "UPDATE", "otaChannel": [{"channel": 0, "version": "2.0.0"}]})
        await wire.send(publish(f"{under}/ota/firmware/report", done))
        assert (await ended(tuya, job))["taskStatus"] == "SUCCEEDED"

        await wire.send(publish(f"{root}/device/sub/logout", message([sub.device_id])))
        shown = await settled(
            lambda: tuya.do("QueryDeviceDetail", ProductKey=subs, DeviceName=sub.device_id)["data"],
            lambda data: data["status"] == "OFFLINE",
        )
        assert shown["status"] == "OFFLINE"
        await wire.send(publish(f"{root}/device/topo/delete", message([sub.device_id])))
        assert (await told_on(wire, f"{root}/device/topo/delete_response"))["code"] == 0
        await wire.send(publish(f"{under}/ota/firmware/report", report))  # heard no more, and the gateway stays
        assert await wire.alive()
        assert (
            tuya.do("QueryDeviceDetail", ProductKey=subs, DeviceName=sub.device_id)["data"]["firmwareVersion"]
            == "2.0.0"
        )


async def test_a_plain_device_has_no_sub_devices(server: Server, tuya: TuyaClient) -> None:
    key = tuya.new_product()
    one, other = await new_device(server, tuya, key), await new_device(server, tuya, key)
    root = f"tylink/{one.device_id}"
    async with connected(one) as wire:
        await wire.send(publish(f"{root}/device/topo/get", b'{"msgId":"7","time":1}'))
        assert (await told_on(wire, f"{root}/device/topo/get_response"))["code"] != 0
        await wire.send(publish(f"tylink/{other.device_id}/ota/firmware/report", message({})))
        assert await wire.closed() == b""
