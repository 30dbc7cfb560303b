"""Requests of groups and tags: request, command, result of the core, answer."""

from datetime import UTC, datetime

import huaweicloudsdkiotda.v5 as sdk
from tests.unit import huawei_samples as s
from tests.unit.huawei_samples import (
    APP,
    GROUP_ID,
    KEY,
    PAGE,
    PAGING,
    SLICE,
    TIME,
    Case,
)

from upwell.domain import commands as c
from upwell.domain.search import Both, Compare, Either

GROUP = {
    "group_id": GROUP_ID,
    "name": "north",
    "description": "all of it",
    "super_group_id": "0" * 23 + "a",
    "group_type": "DYNAMIC",
}
FULL_GROUP = GROUP | {"dynamic_group_rule": "device_name like 'abcd%'"}

GROUPS: list[Case] = [
    (
        "add_device_group",
        sdk.AddDeviceGroupRequest(
            body=sdk.AddDeviceGroupDTO(
                name="north",
                app_id=APP,
                group_type="DYNAMIC",
                dynamic_group_rule="device_name like 'abcd%'",
            )
        ),
        c.CreateGroup(
            name="north",
            condition=Compare("nickname", "prefix", ("abcd",)),
            condition_text="device_name like 'abcd%'",
            space=APP,
        ),
        s.GROUP,
        FULL_GROUP,
    ),
    (
        "add_device_group",
        sdk.AddDeviceGroupRequest(
            body=sdk.AddDeviceGroupDTO(name="a b", description="d", super_group_id="0" * 23 + "a")
        ),
        c.CreateGroup(name="a b", description="d", super_group_id=10),
        s.GROUP,
        FULL_GROUP,
    ),
    (
        "list_device_groups",
        sdk.ListDeviceGroupsRequest(last_modified_time=TIME, app_id=APP, group_type="Static", name="north", **PAGING),
        c.ListGroups(
            asked=SLICE,
            space=APP,
            name="north",
            kinds=frozenset({"static"}),
            changed_after=datetime(2023, 2, 11, 12, 12, 12, tzinfo=UTC),
        ),
        s.told(s.GROUP),
        {"device_groups": [GROUP], "page": PAGE},
    ),
    (
        "show_device_group",
        sdk.ShowDeviceGroupRequest(group_id=GROUP_ID),
        c.ShowGroup(group_id=11, counted=False),
        s.GROUP,
        FULL_GROUP,
    ),
    (
        "update_device_group",
        sdk.UpdateDeviceGroupRequest(group_id=GROUP_ID, body=sdk.UpdateDeviceGroupDTO(name="south")),
        c.UpdateGroup(group_id=11, name="south"),
        s.GROUP,
        FULL_GROUP,
    ),
    (
        "delete_device_group",
        sdk.DeleteDeviceGroupRequest(group_id=GROUP_ID),
        c.DeleteGroup(group_id=11, only_empty=True),
        c.Done(),
        None,
    ),
    (
        "create_or_delete_device_in_group",
        sdk.CreateOrDeleteDeviceInGroupRequest(group_id=GROUP_ID, action_id="addDevice", device_id="p1_node1"),
        c.AddToGroup(group_id=11, devices=(KEY,), need_all=True, most=20_000),
        c.Enrolled(valid=1, done=1, already=0),
        None,
    ),
    (
        "create_or_delete_device_in_group",
        sdk.CreateOrDeleteDeviceInGroupRequest(group_id=GROUP_ID, action_id="removeDevice", device_id="p1_node1"),
        c.RemoveFromGroup(group_id=11, devices=(KEY,), need_all=True),
        c.Enrolled(valid=1, done=1, already=0),
        None,
    ),
    (
        "show_devices_in_group",
        sdk.ShowDevicesInGroupRequest(group_id=GROUP_ID, **PAGING),
        c.ListDevices(asked=SLICE, group_id=11, order="record"),
        s.told(s.DEVICE),
        {
            "devices": [
                {
                    "device_id": "p1_node1",
                    "node_id": "node1",
                    "device_name": "Cellar",
                    "product_id": s.PRODUCT_KEY,
                }
            ],
            "page": PAGE,
        },
    ),
    (
        "list_device_groups_by_device",
        sdk.ListDeviceGroupsByDeviceRequest(device_id="p1_node1"),
        c.ListGroups(asked=None, device=KEY),
        s.told(s.GROUP),
        {"device_groups": [GROUP]},
    ),
    (
        "tag_device",
        sdk.TagDeviceRequest(
            body=sdk.BindTagsDTO(
                resource_type="device",
                resource_id="p1_node1",
                tags=[sdk.TagV5DTO(tag_key="房间", tag_value="cellar")],
            )
        ),
        c.SetTags(device=KEY, tags={"房间": "cellar"}, most=10),
        c.Done(),
        None,
    ),
    (
        "untag_device",
        sdk.UntagDeviceRequest(
            body=sdk.UnbindTagsDTO(resource_type="device", resource_id="p1_node1", tag_keys=["a", "b"])
        ),
        c.DeleteTags(device=KEY, keys=("a", "b"), need_all=True),
        c.Done(),
        None,
    ),
    (
        "list_resources_by_tags",
        sdk.ListResourcesByTagsRequest(
            body=sdk.QueryResourceByTagsDTO(resource_type="device", tags=[sdk.TagV5DTO(tag_key="a", tag_value="1")]),
            **PAGING,
        ),
        c.ListDevices(
            asked=SLICE,
            which=Either((Both((Compare("tag_key", "=", ("a",)), Compare("tag_value", "=", ("1",)))),)),
            order="record",
        ),
        s.told(s.DEVICE),
        {"resources": [{"resource_id": "p1_node1"}], "page": PAGE},
    ),
]
