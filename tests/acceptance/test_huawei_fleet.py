"""Huawei's fleet by the vendor's own SDK: spaces, products, devices (huawei 4)."""

from typing import Any

import pytest
from huaweicloudsdkiotda.v5 import model as m

from acceptance.client import Key, Server, unique
from acceptance.huawei_client import new_device, new_product, refusal, sdk


@pytest.fixture(scope="module")
def key(server: Server) -> Key:
    """An admin of an account of its own."""
    return server.new_key("huawei", "admin", "huawei")


@pytest.fixture(scope="module")
def client(server: Server, key: Key) -> Any:
    return sdk(server.http, key)


def test_a_space_a_product_and_a_device(client: Any) -> None:
    space = client.add_application(m.AddApplicationRequest(body=m.AddApplication(app_name=unique("space"))))
    assert space.default_app is False
    product_id = new_product(client, app_id=space.app_id, product_id=unique("p"))
    made = new_device(client, product_id, app_id=space.app_id, device_name="Lamp-1")
    shown = client.show_device(m.ShowDeviceRequest(device_id=made.device_id))
    assert (shown.device_id, shown.product_id) == (f"{product_id}_{made.node_id}", product_id)
    assert (shown.app_id, shown.device_name, shown.status) == (space.app_id, "Lamp-1", "INACTIVE")
    assert (shown.gateway_id, shown.node_type) == (shown.device_id, "GATEWAY")
    assert 8 <= len(shown.auth_info.secret) <= 32
    assert refusal(lambda: client.show_device(m.ShowDeviceRequest(device_id="none")))[:2] == (404, "IOTDA.014000")
