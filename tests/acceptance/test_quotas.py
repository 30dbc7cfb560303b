"""Quotas, set beside the running server, as the vendors' own SDKs are told of them (ADR 0067)."""

from collections.abc import Callable

import pytest
from alibabacloud_iot20180120 import models as m
from alibabacloud_tea_openapi.exceptions import ClientException
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkiot.request.v20180120.ListOTAFirmwareRequest import ListOTAFirmwareRequest
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkiotda.v5 import model as hw

from acceptance.callers import NewSdk, OldSdk
from acceptance.client import Server, new_sdk, recording, unique
from acceptance.huawei_client import new_device, new_product, sdk
from acceptance.tuya_client import TuyaClient
from acceptance.upwell_client import Api, Refused


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


def refused(tries: Callable[[], object], *kinds: type[Exception]) -> Exception:
    """What the vendor's client raises of a call that is one too many."""
    for _ in range(100):
        try:
            tries()
        except kinds as exc:
            return exc
    raise AssertionError("all were answered")


def test_requests_of_an_account(server: Server) -> None:
    """One a second, whichever of its keys asks for whatever; nobody else waits."""
    account, said = unique("quota"), "quota is 1 requests a second"
    alibaba, huawei, tuya, upwell = (
        server.new_key(account, "viewer", dialect) for dialect in ("alibaba", "huawei", "tuya", "upwell")
    )
    server.run("quota", "set", account, "--requests-per-s", "1")
    assert f"{account}: devices 0 of any" in server.run("quota", "list")
    client = new_sdk(server.http, alibaba)
    page = m.QueryProductListRequest(current_page=1, page_size=1)
    told = refused(lambda: client.query_product_list(page), ClientException)
    assert told.code == "Throttling.User" and said in str(told)  # type: ignore[attr-defined]
    told = refused(lambda: sdk(server.http, huawei).list_products(hw.ListProductsRequest()), ClientRequestException)
    assert (told.status_code, told.error_code) == (403, "IOTDA.021102")  # type: ignore[attr-defined]
    assert said in told.error_msg  # type: ignore[attr-defined]
    old = AcsClient(alibaba.id, alibaba.secret, "cn-shanghai", auto_retry=False)
    asked = ListOTAFirmwareRequest()
    asked.set_endpoint(server.http)
    told = refused(lambda: old.do_action_with_exception(asked), ServerException)
    assert told.error_code == "Throttling.User"  # type: ignore[attr-defined]
    answers = [TuyaClient(address=server.http, key=tuya).ask("ListProduct") for _ in range(20)]
    assert any(said in str(each.body) for each in answers)
    v1 = Api(address=server.http, token=upwell.secret)
    told = refused(lambda: v1.do("list_products"), Refused)
    assert (told.status, told.code) == (429, "too-many-requests") and said in str(told)  # type: ignore[attr-defined]
    other = Api(address=server.http, token=server.new_key(unique("free"), "viewer", "upwell").secret)
    for _ in range(20):
        other.do("list_products")
