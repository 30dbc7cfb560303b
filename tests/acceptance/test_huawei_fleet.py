"""Huawei's fleet by the vendor's own SDK: spaces, products, devices, groups, tags, modules (huawei 2.5, 4)."""

import json
import re
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as am
from huaweicloudsdkiotda.v5 import model as m

from acceptance.client import Key, Server, new_sdk, unique
from acceptance.huawei_client import new_device, new_product, refusal, sdk, walked

MANY = 125  # more than two pages of the greatest size
STAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")


@pytest.fixture(scope="module")
def key(server: Server) -> Key:
    """An admin of an account of its own."""
    return server.new_key("huawei", "admin", "huawei")


@pytest.fixture(scope="module")
def client(server: Server, key: Key) -> Any:
    return sdk(server.http, key)


@pytest.fixture(scope="module")
def space(client: Any) -> str:
    """A space beside the default one; its app_id."""
    return str(client.add_application(m.AddApplicationRequest(body=m.AddApplication(app_name="beside"))).app_id)


@pytest.fixture(scope="module")
def product(client: Any) -> str:
    return new_product(client)


def show(client: Any, device_id: str) -> Any:
    return client.show_device(m.ShowDeviceRequest(device_id=device_id))


# --- spaces -----------------------------------------------------------------------------------------------------------


def test_spaces_live_from_their_making_to_their_end(client: Any) -> None:
    made = client.add_application(m.AddApplicationRequest(body=m.AddApplication(app_name="one")))
    assert made.default_app is False and STAMP.fullmatch(made.create_time)
    assert re.fullmatch("[A-Za-z0-9_-]{1,36}", made.app_id)
    named = client.update_application(
        m.UpdateApplicationRequest(app_id=made.app_id, body=m.UpdateApplicationDTO(app_name="two"))
    )
    shown = client.show_application(m.ShowApplicationRequest(app_id=made.app_id))
    assert (named.app_name, shown.app_name, shown.create_time) == ("two", "two", made.create_time)
    every = client.show_applications(m.ShowApplicationsRequest()).applications
    [default] = client.show_applications(m.ShowApplicationsRequest(default_app=True)).applications
    others = client.show_applications(m.ShowApplicationsRequest(default_app=False)).applications
    assert default.default_app is True and len(every) == len(others) + 1
    assert made.app_id in {item.app_id for item in others}
    client.delete_application(m.DeleteApplicationRequest(app_id=made.app_id))
    told = refusal(lambda: client.show_application(m.ShowApplicationRequest(app_id=made.app_id)))
    assert told[:2] == (403, "IOTDA.001000")
    told = refusal(lambda: client.delete_application(m.DeleteApplicationRequest(app_id=default.app_id)))
    assert told[:2] == (403, "IOTDA.014812")


def test_a_space_goes_with_everything_in_it(client: Any, server: Server) -> None:
    app_id = client.add_application(m.AddApplicationRequest(body=m.AddApplication(app_name="going"))).app_id
    product_id = new_product(client, app_id=app_id, product_id=unique("gone"))
    device = new_device(client, product_id, app_id=app_id)
    group = client.add_device_group(m.AddDeviceGroupRequest(body=m.AddDeviceGroupDTO(name="going", app_id=app_id)))
    client.delete_application(m.DeleteApplicationRequest(app_id=app_id))
    assert refusal(lambda: show(client, device.device_id))[:2] == (404, "IOTDA.014000")
    told = refusal(lambda: client.show_product(m.ShowProductRequest(product_id=product_id)))
    assert told[:2] == (404, "IOTDA.014804")
    told = refusal(lambda: client.show_device_group(m.ShowDeviceGroupRequest(group_id=group.group_id)))
    assert told[:2] == (404, "IOTDA.014805")
    # Its owner may use the ids again, and finds nothing of before.
    again = new_product(client, product_id=product_id)
    reborn = new_device(client, again, node_id=device.node_id)
    assert reborn.device_id == device.device_id and reborn.auth_info.secret != device.auth_info.secret


def test_an_account_has_at_most_ten_spaces(server: Server) -> None:
    client = sdk(server.http, server.new_key(unique("many"), "admin", "huawei"))
    make = m.AddApplicationRequest(body=m.AddApplication(app_name="more"))
    for _ in range(9):
        client.add_application(make)
    status, code, message = refusal(lambda: client.add_application(make))
    assert (status, code) == (403, "IOTDA.014814") and "10" in message


# --- products ---------------------------------------------------------------------------------------------------------

MODEL = [
    m.ServiceCapability(
        service_id="Battery",
        service_type="Battery",
        option="Optional",
        properties=[m.ServiceProperty(property_name="level", data_type="int", method="R", required=False, max="100")],
        commands=[m.ServiceCommand(command_name="set", paras=[])],
        events=[m.ServiceEvent(event_type="low", paras=[])],
    )
]


def test_a_product_keeps_its_model(client: Any) -> None:
    product_id = new_product(client, service_capabilities=MODEL, manufacturer_name="Acme", description="it shines")
    shown = client.show_product(m.ShowProductRequest(product_id=product_id))
    assert (shown.product_id, shown.device_type, shown.manufacturer_name) == (product_id, "Lamp", "Acme")
    assert shown.protocol_type == "MQTT" and shown.app_name == "default" and STAMP.fullmatch(shown.create_time)
    [service] = shown.service_capabilities
    assert service.properties[0].max == "100" and service.properties[0].required is False
    assert service.events[0].event_type == "low" and service.commands[0].command_name == "set"
    changed = client.update_product(
        m.UpdateProductRequest(product_id=product_id, body=m.UpdateProduct(name="other", industry="homes"))
    )
    assert (changed.name, changed.industry, changed.manufacturer_name) == ("other", "homes", "Acme")
    assert len(changed.service_capabilities) == 1


def test_products_may_share_a_name_but_no_id(client: Any, server: Server) -> None:
    name, product_id = unique("same"), unique("chosen")
    assert new_product(client, name=name, product_id=product_id) == product_id
    assert new_product(client, name=name) != product_id
    found = client.list_products(m.ListProductsRequest(product_name=name))
    assert found.page.count == 2 and "service_capabilities" not in found.raw_content.decode()
    stranger = sdk(server.http, server.new_key("strange", "admin", "huawei"))
    told = refusal(lambda: new_product(client, product_id=product_id))
    others = refusal(lambda: new_product(stranger, product_id=product_id))
    assert told == others and told[:2] == (403, "IOTDA.014811") and product_id in told[2]
    client.delete_product(m.DeleteProductRequest(product_id=product_id))
    assert refusal(lambda: new_product(stranger, product_id=product_id)) == others
    assert new_product(client, product_id=product_id) == product_id


def test_a_product_with_devices_stays(client: Any) -> None:
    product_id = new_product(client)
    device = new_device(client, product_id)
    told = refusal(lambda: client.delete_product(m.DeleteProductRequest(product_id=product_id)))
    assert told[:2] == (403, "IOTDA.014813")
    client.delete_device(m.DeleteDeviceRequest(device_id=device.device_id))
    client.delete_product(m.DeleteProductRequest(product_id=product_id))


def test_a_product_is_found_in_its_space_only(client: Any, space: str) -> None:
    product_id = new_product(client, app_id=space)
    assert client.show_product(m.ShowProductRequest(product_id=product_id, app_id=space)).app_id == space
    [default] = client.show_applications(m.ShowApplicationsRequest(default_app=True)).applications
    told = refusal(lambda: client.show_product(m.ShowProductRequest(product_id=product_id, app_id=default.app_id)))
    assert told[:2] == (404, "IOTDA.014804")
    told = refusal(lambda: new_device(client, product_id, app_id=default.app_id))
    assert told[:2] == (404, "IOTDA.014804")
    told = refusal(lambda: client.list_products(m.ListProductsRequest(app_id="nowhere")))
    assert told[:2] == (403, "IOTDA.001000")


def test_lists_reach_everything_by_marker_and_offset(client: Any, space: str) -> None:
    ids = [new_product(client, app_id=space) for _ in range(MANY)]

    def page(limit: int, marker: str | None, **more: Any) -> Any:
        return client.list_products(m.ListProductsRequest(app_id=space, limit=limit, marker=marker, **more))

    found, counts = walked(page, "products", 50)
    listed = [item.product_id for item in found]
    assert listed[:MANY] == ids[::-1] and len(set(listed)) == len(listed) and set(counts) == {len(listed)}
    assert [item.product_id for item in page(10, "f" * 24, offset=40).products] == listed[40:50]
    assert len(client.list_products(m.ListProductsRequest(app_id=space)).products) == 10
    middle = page(50, None).page.marker
    assert [item.product_id for item in page(3, middle, offset=2).products] == listed[52:55]


# --- devices ----------------------------------------------------------------------------------------------------------


def test_a_device_is_what_was_said_of_it(client: Any, product: str) -> None:
    device_id = unique("chosen")
    made = new_device(
        client, product, device_id=device_id, node_id="node-1", device_name="灯1", description="in the hall",
        auth_info=m.AuthInfo(auth_type="SECRET", secret="0123456789abcdef", timeout=300, secure_access=True),
        extension_info={"room": {"floor": 2}},
    )  # fmt: skip
    shown = show(client, device_id)
    assert json.loads(made.raw_content) == json.loads(shown.raw_content)
    assert (shown.device_id, shown.node_id, shown.device_name) == (device_id, "node-1", "灯1")
    assert (shown.description, shown.extension_info) == ("in the hall", {"room": {"floor": 2}})
    assert (shown.auth_info.secret, shown.auth_info.auth_type) == ("0123456789abcdef", "SECRET")
    assert (shown.auth_info.timeout, shown.auth_info.secure_access) == (300, True)
    assert (shown.gateway_id, shown.node_type, shown.status) == (device_id, "GATEWAY", "INACTIVE")
    assert shown.fw_version is None and shown.active_time is None and STAMP.fullmatch(shown.create_time)
    changed = client.update_device(
        m.UpdateDeviceRequest(
            device_id=device_id, body=m.UpdateDevice(device_name="lamp", extension_info={"a": 1}),
        )
    )  # fmt: skip
    assert (changed.device_name, changed.description, changed.extension_info) == ("lamp", "in the hall", {"a": 1})
    client.delete_device(m.DeleteDeviceRequest(device_id=device_id))
    assert refusal(lambda: show(client, device_id))[:2] == (404, "IOTDA.014000")


def test_ids_and_nodes_are_one_devices(client: Any, product: str, server: Server) -> None:
    made = new_device(client, product, device_id=unique("own"))
    assert refusal(lambda: new_device(client, product, node_id=made.node_id))[:2] == (400, "IOTDA.014031")
    told = refusal(lambda: new_device(client, product, device_id=made.device_id))
    assert told[:2] == (400, "IOTDA.014031")
    stranger = sdk(server.http, server.new_key("strange", "admin", "huawei"))
    foreign = new_product(stranger)
    assert refusal(lambda: show(stranger, made.device_id))[:2] == (404, "IOTDA.014000")
    theirs = new_device(stranger, foreign, device_id=made.device_id)  # nobody takes another account's ids
    assert show(stranger, made.device_id).node_id == theirs.node_id
    assert show(client, made.device_id).node_id == made.node_id
    assert refusal(lambda: new_device(stranger, product))[:2] == (404, "IOTDA.014804")


def test_devices_behind_a_gateway(client: Any, product: str) -> None:
    gateway = new_device(client, product)
    child = new_device(client, product, gateway_id=gateway.device_id)
    grandchild = new_device(client, product, gateway_id=child.device_id)
    assert (child.gateway_id, child.node_type) == (gateway.device_id, "ENDPOINT")
    told = refusal(lambda: new_device(client, product, gateway_id=grandchild.device_id))
    assert told[:2] == (403, "IOTDA.014814")
    assert refusal(lambda: new_device(client, product, gateway_id="none"))[:2] == (404, "IOTDA.014000")

    def behind(**more: Any) -> set[str]:
        got = client.list_devices(m.ListDevicesRequest(gateway_id=gateway.device_id, **more))
        assert got.page.count == len(got.devices)
        return {item.device_id for item in got.devices}

    assert behind() == {child.device_id}
    assert behind(is_cascade_query=True) == {child.device_id, grandchild.device_id}
    told = refusal(lambda: client.delete_device(m.DeleteDeviceRequest(device_id=gateway.device_id)))
    assert told[:2] == (403, "IOTDA.014813")
    for device in (grandchild, child, gateway):
        client.delete_device(m.DeleteDeviceRequest(device_id=device.device_id))


def test_devices_are_listed_by_every_filter(client: Any) -> None:
    product_id = new_product(client)
    made = [new_device(client, product_id, device_name=f"name{n % 2}") for n in range(MANY)]
    ids = [device.device_id for device in made]

    def page(limit: int, marker: str | None, **more: Any) -> Any:
        return client.list_devices(m.ListDevicesRequest(product_id=product_id, limit=limit, marker=marker, **more))

    found, counts = walked(page, "devices", 50)
    assert [item.device_id for item in found] == ids[::-1] and set(counts) == {MANY}
    assert not hasattr(found[0], "auth_info") and found[0].product_name
    assert [item.device_id for item in page(5, None, offset=100).devices] == ids[::-1][100:105]
    assert page(50, None, device_name="name1").page.count == MANY // 2
    [one] = page(10, None, node_id=made[7].node_id).devices
    assert one.device_id == ids[7]
    assert page(1, None, start_time="20200101T000000Z", end_time="20210101T000000Z").page.count == 0
    assert page(1, None, start_time="20200101T000000Z").page.count == MANY
    assert page(1, None, app_id=made[0].app_id).page.count == MANY
    told = refusal(lambda: page(1, None, start_time="20210101T000000Z", end_time="20200101T000000Z"))
    assert told[:2] == (400, "IOTDA.000010")
    assert client.list_devices(m.ListDevicesRequest(product_id="unknown")).page.count == 0


def test_secrets_are_reset_and_devices_frozen(client: Any, product: str) -> None:
    device_id = new_device(client, product).device_id

    def reset(**body: Any) -> Any:
        return client.reset_device_secret(
            m.ResetDeviceSecretRequest(
                device_id=device_id, action_id="resetSecret", body=m.ResetDeviceSecret(**body)
            )
        )  # fmt: skip

    before = show(client, device_id).auth_info.secret
    made_up = reset()
    assert made_up.device_id == device_id and made_up.secret_type == "PRIMARY" and made_up.secret != before
    chosen = reset(secret="second-secret", secret_type="SECONDARY", force_disconnect=True)
    assert (chosen.secret, chosen.secret_type) == ("second-secret", "SECONDARY")
    shown = show(client, device_id).auth_info
    assert (shown.secret, shown.secondary_secret) == (made_up.secret, "second-secret")
    client.freeze_device(m.FreezeDeviceRequest(device_id=device_id))
    assert show(client, device_id).status == "FROZEN"
    client.unfreeze_device(m.UnfreezeDeviceRequest(device_id=device_id))
    assert show(client, device_id).status == "INACTIVE"


# --- two dialects, one fleet ------------------------------------------------------------------------------------------


def test_one_fleet_in_two_tongues(server: Server, client: Any) -> None:
    """A key of each dialect in one account: what one makes, the other sees."""
    alibaba = new_sdk(server.http, server.new_key("huawei", "admin"))
    made = alibaba.create_product(am.CreateProductRequest(product_name=unique("ali"), node_type=0)).body
    name = unique("dev")
    alibaba.register_device(am.RegisterDeviceRequest(product_key=made.product_key, device_name=name))
    shown = show(client, f"{made.product_key}_{name}")
    assert (shown.node_id, shown.product_id, shown.app_name) == (name, made.product_key, "default")
    assert client.show_product(m.ShowProductRequest(product_id=made.product_key)).protocol_type == "MQTT"
    told = refusal(lambda: new_device(client, new_product(client), device_id=shown.device_id))
    assert told[:2] == (400, "IOTDA.014031")
    ours = new_device(client, new_product(client), device_name="Lamp")
    seen = alibaba.query_device_detail(
        am.QueryDeviceDetailRequest(product_key=ours.product_id, device_name=ours.node_id)
    ).body.data
    assert (seen.nickname, seen.status) == ("Lamp", "UNACTIVE")
    assert ours.product_id in {
        item.product_key
        for item in alibaba.query_product_list(
            am.QueryProductListRequest(current_page=1, page_size=200)
        ).body.data.list.product_info
    }
    client.freeze_device(m.FreezeDeviceRequest(device_id=shown.device_id))
    seen = alibaba.query_device_detail(am.QueryDeviceDetailRequest(product_key=made.product_key, device_name=name))
    assert seen.body.data.status == "DISABLE"
    client.delete_device(m.DeleteDeviceRequest(device_id=shown.device_id))
    assert refusal(lambda: show(client, shown.device_id))[:2] == (404, "IOTDA.014000")
