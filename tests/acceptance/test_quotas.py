"""Quotas, set beside the running server, as the vendors' own SDKs are told of them (ADR 0067)."""

import pytest
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException

from acceptance.callers import NewSdk, OldSdk
from acceptance.client import Server, recording, unique
from acceptance.huawei_client import new_device, new_product, sdk


def test_alibaba(server: Server) -> None:
    account = unique("quota")
    key = server.new_key(account, "admin", "alibaba")
    with recording(server.http) as wire:
        for call in (NewSdk(wire, key), OldSdk(server.http, key, "XML")):
            product = call("CreateProduct", ProductName=unique("lamp"), NodeType=0)["Data"]["ProductKey"]
            server.run("quota", "set", account, "--devices", "1")
            name = unique("dev")
            call("RegisterDevice", ProductKey=product, DeviceName=name)
            told = call("RegisterDevice", success=False, ProductKey=product)
            assert told["Code"] == "iot.device.DeviceCountExceeded"
            assert "quota is 1 devices" in told["ErrorMessage"]
            assert f"{account}: devices 1 of 1, packages 0 of any" in server.run("quota", "list")
            call("DeleteDevice", ProductKey=product, DeviceName=name)


def test_huawei(server: Server) -> None:
    account = unique("quota")
    client = sdk(server.http, server.new_key(account, "admin", "huawei"))
    product = new_product(client)
    server.run("quota", "set", account, "--devices", "1")
    new_device(client, product)
    with pytest.raises(ClientRequestException) as refused:
        new_device(client, product)
    assert refused.value.error_code == "IOTDA.014814"
    assert "quota is 1 " in refused.value.error_msg
    server.run("quota", "set", account, "--devices", "none")
    new_device(client, product)
