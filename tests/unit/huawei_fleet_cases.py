"""Requests of spaces, products and devices: request, command, result of the core, answer."""

import huaweicloudsdkiotda.v5 as sdk
from tests.unit import huawei_samples as s
from tests.unit.huawei_samples import (
    APP,
    KEY,
    PAGE,
    PAGING,
    SLICE,
    TIME,
    Case,
)

from upwell.dialects.huawei import search
from upwell.domain import commands as c
from upwell.domain.commands.lists import Page
from upwell.domain.search import Both, Compare

SPACE = {"app_id": APP, "app_name": "home", "create_time": TIME, "default_app": True}
PRODUCT = {
    "app_id": APP,
    "app_name": "home",
    "product_id": s.PRODUCT_KEY,
    "name": "Meter",
    "device_type": "meter",
    "protocol_type": "MQTT",
    "data_format": "binary",
    "industry": "water",
    "create_time": TIME,
}
FULL_PRODUCT = PRODUCT | {"service_capabilities": s.SERVICES}
DEVICE = {
    "app_id": APP,
    "app_name": "home",
    "device_id": "p1_node1",
    "node_id": "node1",
    "gateway_id": "p1_node1",
    "device_name": "Cellar",
    "node_type": "GATEWAY",
    "description": "by the door",
    "fw_version": "V1.0",
    "sw_version": "S1",
    "device_sdk_version": "Python_v1",
    "product_id": s.PRODUCT_KEY,
    "product_name": "Meter",
    "status": "INACTIVE",
    "tags": [{"tag_key": "room", "tag_value": "cellar"}],
}
FULL_DEVICE = DEVICE | {
    "auth_info": {
        "auth_type": "SECRET",
        "secret": "12345678",
        "secondary_secret": "87654321",
        "secure_access": True,
        "timeout": 0,
    },
    "create_time": TIME,
    "connection_status_update_time": "2023-02-11T12:12:12.345Z",
    "active_time": "2023-02-11T12:12:12.345Z",
    "modules": [{"module_name": "radio", "module_version": "R1"}],
    "extension_info": {"a": None},
}

SPACES: list[Case] = [
    (
        "add_application",
        sdk.AddApplicationRequest(body=sdk.AddApplication(app_name="home")),
        c.CreateSpace(name="home", most=10),
        s.SPACE,
        SPACE,
    ),
    (
        "show_applications",
        sdk.ShowApplicationsRequest(default_app=False),
        c.ListSpaces(is_default=False),
        (s.SPACE,),
        {"applications": [SPACE]},
    ),
    ("show_applications", sdk.ShowApplicationsRequest(), c.ListSpaces(), (), {"applications": []}),
    ("show_application", sdk.ShowApplicationRequest(app_id=APP), c.ShowSpace(space=APP), s.SPACE, SPACE),
    (
        "update_application",
        sdk.UpdateApplicationRequest(app_id=APP, body=sdk.UpdateApplicationDTO(app_name="house")),
        c.RenameSpace(space=APP, name="house"),
        s.SPACE,
        SPACE,
    ),
    ("delete_application", sdk.DeleteApplicationRequest(app_id=APP), c.DeleteSpace(space=APP), c.Done(), None),
    (
        "create_product",
        sdk.CreateProductRequest(
            body=sdk.AddProduct(
                product_id="p-1",
                name="Meter(1)",
                device_type="meter",
                protocol_type="MQTT",
                data_format="json",
                service_capabilities=[
                    sdk.ServiceCapability(
                        service_id="$meter",
                        service_type="meter",
                        properties=[
                            sdk.ServiceProperty(
                                property_name="load", data_type="int", method="RW", step=0.5, default_value={"a": 1}
                            )
                        ],
                        commands=[
                            sdk.ServiceCommand(
                                command_name="go",
                                paras=[sdk.ServiceCommandPara(para_name="x", data_type="string", max_length=4)],
                                responses=[sdk.ServiceCommandResponse(response_name="r", paras=[])],
                            )
                        ],
                        events=[sdk.ServiceEvent(event_type="e", paras=[])],
                    )
                ],
                app_id=APP,
            )
        ),
        c.CreateProduct(
            name="Meter(1)",
            space=APP,
            product_key="p-1",
            facts={
                "device_type": "meter",
                "protocol_type": "MQTT",
                "data_format": "json",
                "service_capabilities": [
                    {
                        "service_id": "$meter",
                        "service_type": "meter",
                        "properties": [
                            {
                                "property_name": "load",
                                "data_type": "int",
                                "method": "RW",
                                "step": 0.5,
                                "default_value": {"a": 1},
                            }
                        ],
                        "commands": [
                            {
                                "command_name": "go",
                                "paras": [{"para_name": "x", "data_type": "string", "max_length": 4}],
                                "responses": [{"response_name": "r", "paras": []}],
                            }
                        ],
                        "events": [{"event_type": "e", "paras": []}],
                    }
                ],
            },
        ),
        s.PRODUCT,
        FULL_PRODUCT,
    ),
    (
        "list_products",
        sdk.ListProductsRequest(app_id=APP, product_name="Meter", **PAGING),
        c.ListProducts(asked=SLICE, space=APP, name="Meter"),
        s.told(s.PRODUCT),
        {"products": [PRODUCT], "page": PAGE},
    ),
    (
        "show_product",
        sdk.ShowProductRequest(product_id="p-1", app_id=APP),
        c.ShowProduct(product_key="p-1", space=APP),
        s.PRODUCT,
        FULL_PRODUCT,
    ),
    (
        "update_product",
        sdk.UpdateProductRequest(
            product_id="p-1", body=sdk.UpdateProduct(app_id=APP, description="ok", service_capabilities=[])
        ),
        c.UpdateProduct(product_key="p-1", space=APP, facts={"description": "ok", "service_capabilities": []}),
        s.PRODUCT,
        FULL_PRODUCT,
    ),
    (
        "delete_product",
        sdk.DeleteProductRequest(product_id="p-1", app_id=APP),
        c.DeleteProduct(product_key="p-1", space=APP),
        c.Done(),
        None,
    ),
]

DEVICES: list[Case] = [
    (
        "add_device",
        sdk.AddDeviceRequest(
            body=sdk.AddDevice(
                node_id="node1",
                product_id="p1",
                device_name="Cellar",
                auth_info=sdk.AuthInfo(auth_type="SECRET", secret="12345678", secure_access=False, timeout=0),
                description="by the door",
                gateway_id="gw",
                app_id=APP,
                extension_info={"a": 1},
            )
        ),
        c.CreateDevice(
            product_key="p1",
            name="node1",
            public_id="p1_node1",
            space=APP,
            nickname="Cellar",
            secret="12345678",
            gateway_id="gw",
            description="by the door",
            facts={"extension_info": {"a": 1}, "secure_access": False, "timeout": 0},
        ),
        s.DEVICE,
        FULL_DEVICE,
    ),
    (
        "add_device",
        sdk.AddDeviceRequest(body=sdk.AddDevice(device_id="mine", node_id="n", product_id="p1")),
        c.CreateDevice(product_key="p1", name="n", public_id="mine"),
        s.DEVICE,
        FULL_DEVICE,
    ),
    (
        "list_devices",
        sdk.ListDevicesRequest(
            product_id="p1",
            gateway_id="gw",
            is_cascade_query=True,
            node_id="n",
            device_name="中",
            start_time="20230101T000000Z",
            end_time="20230101T000001Z",
            app_id=APP,
            **PAGING,
        ),
        c.ListDevices(
            asked=SLICE,
            space=APP,
            which=Both(
                (
                    Compare("product_key", "=", ("p1",)),
                    Compare("behind", "=", ("gw",)),
                    Compare("name", "=", ("n",)),
                    Compare("nickname", "=", ("中",)),
                    Compare("created_at", ">", ("2023-01-01T00:00:00+00:00",)),
                    Compare("created_at", "<", ("2023-01-01T00:00:01+00:00",)),
                )
            ),
            order="record",
        ),
        s.told(s.DEVICE),
        {"devices": [DEVICE], "page": PAGE},
    ),
    (
        "show_device",
        sdk.ShowDeviceRequest(device_id="p1_node1"),
        c.ShowDevice(device=KEY),
        s.DEVICE,
        FULL_DEVICE,
    ),
    (
        "update_device",
        sdk.UpdateDeviceRequest(
            device_id="p1_node1",
            body=sdk.UpdateDevice(device_name="x", auth_info=sdk.AuthInfoWithoutSecret(timeout=9)),
        ),
        c.UpdateDevices(changes=(c.DeviceChange(device=KEY, nickname="x", facts={"timeout": 9}),)),
        (s.DEVICE,),
        FULL_DEVICE,
    ),
    (
        "delete_device",
        sdk.DeleteDeviceRequest(device_id="p1_node1"),
        c.DeleteDevice(device=KEY, keep_gateway=True),
        c.Done(),
        None,
    ),
    (
        "reset_device_secret",
        sdk.ResetDeviceSecretRequest(
            device_id="p1_node1",
            action_id="resetSecret",
            body=sdk.ResetDeviceSecret(secret="12345678", force_disconnect=True, secret_type="SECONDARY"),
        ),
        c.ResetSecret(device=KEY, secret="12345678", secondary=True, disconnect=True),
        c.SecretReset(public_id="p1_node1", secret="12345678", secondary=True),
        {"device_id": "p1_node1", "secret": "12345678", "secret_type": "SECONDARY"},
    ),
    (
        "reset_device_secret",
        sdk.ResetDeviceSecretRequest(device_id="p1_node1", action_id="resetSecret", body=sdk.ResetDeviceSecret()),
        c.ResetSecret(device=KEY),
        c.SecretReset(public_id="p1_node1", secret="abcdefgh", secondary=False),
        {"device_id": "p1_node1", "secret": "abcdefgh", "secret_type": "PRIMARY"},
    ),
    (
        "freeze_device",
        sdk.FreezeDeviceRequest(device_id="p1_node1"),
        c.UpdateDevices(changes=(c.DeviceChange(device=KEY, enabled=False),)),
        (s.DEVICE,),
        None,
    ),
    (
        "unfreeze_device",
        sdk.UnfreezeDeviceRequest(device_id="p1_node1"),
        c.UpdateDevices(changes=(c.DeviceChange(device=KEY, enabled=True),)),
        (s.DEVICE,),
        None,
    ),
    (
        "search_devices",
        sdk.SearchDevicesRequest(body=sdk.SearchSql(sql="select device_id, marker from device where app_id = 'a'")),
        c.ListDevices(
            asked=search.Shown(take=10, members=("device_id", "marker")),
            which=Compare("space", "=", ("a",)),
            order="record",
            counted=False,
        ),
        Page(items=(s.DEVICE,), asked=search.Shown(take=10, members=("device_id", "marker"))),
        {"devices": [{"device_id": "p1_node1", "marker": "0" * 22 + "ff"}]},
    ),
    (
        "search_devices",
        sdk.SearchDevicesRequest(body=sdk.SearchSql(sql="select count(*) from device")),
        c.ListDevices(asked=search.Shown(take=0), order="record"),
        Page(items=(), asked=search.Shown(take=0), total=3),
        {"count": 3},
    ),
]
