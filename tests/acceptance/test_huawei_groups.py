"""Huawei's tags, device search, groups and modules by the vendor's own SDK (huawei 2.5, 4.4-4.6)."""

import re
from typing import Any

import pytest
from huaweicloudsdkiotda.v5 import model as m

from acceptance.client import Key, Server, unique
from acceptance.huawei_client import new_device, new_product, refusal, sdk, walked

STAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")


@pytest.fixture(scope="module")
def key(server: Server) -> Key:
    """An admin of an account of its own."""
    return server.new_key("groups", "admin", "huawei")


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


# --- tags and search --------------------------------------------------------------------------------------------------


def bind(client: Any, device_id: str, **tags: str) -> None:
    given = [m.TagV5DTO(tag_key=key, tag_value=value) for key, value in tags.items()]
    body = m.BindTagsDTO(resource_type="device", resource_id=device_id, tags=given)
    client.tag_device(m.TagDeviceRequest(body=body))


def unbind(client: Any, device_id: str, *keys: str) -> None:
    body = m.UnbindTagsDTO(resource_type="device", resource_id=device_id, tag_keys=list(keys))
    client.untag_device(m.UntagDeviceRequest(body=body))


def test_tags_are_bound_found_and_unbound(client: Any, product: str) -> None:
    one, other = (new_device(client, product).device_id for _ in range(2))
    mark = unique("t")
    bind(client, one, **{mark: "a", "楼": "二"})
    bind(client, other, **{mark: "b"})
    bind(client, one, **{mark: "c"})

    def tagged(*values: str, **more: Any) -> Any:
        tags = [m.TagV5DTO(tag_key=mark, tag_value=value) for value in values]
        body = m.QueryResourceByTagsDTO(resource_type="device", tags=tags)
        return client.list_resources_by_tags(m.ListResourcesByTagsRequest(body=body, **more))

    assert [item.resource_id for item in tagged("b", "c").resources] == [other, one]
    assert tagged("a").page.count == 0
    first = tagged("b", "c", limit=1)
    assert first.page.count == 2
    assert [i.resource_id for i in tagged("b", "c", limit=1, marker=first.page.marker).resources] == [one]
    assert {(tag.tag_key, tag.tag_value) for tag in show(client, one).tags} == {(mark, "c"), ("楼", "二")}
    assert refusal(lambda: unbind(client, one, "楼", "none"))[:2] == (404, "IOTDA.014806")
    unbind(client, one, "楼", mark)
    assert not show(client, one).tags
    bind(client, one, **{f"k{n}": "v" * 128 for n in range(10)})
    told = refusal(lambda: bind(client, one, k10="v"))
    assert told[:2] == (403, "IOTDA.014814") and len(show(client, one).tags) == 10


def search(client: Any, sql: str) -> Any:
    return client.search_devices(m.SearchDevicesRequest(body=m.SearchSql(sql=sql)))


def test_devices_are_searched(client: Any, space: str) -> None:
    product_id = new_product(client, app_id=space)
    made = [new_device(client, product_id, device_name=f"lamp{n:02}", node_id=unique("seek")) for n in range(12)]
    ids = [device.device_id for device in made]
    child = new_device(client, product_id, gateway_id=ids[0])
    bind(client, ids[3], place="hall")
    of = f"select * from device where product_id = '{product_id}'"

    def found(rest: str) -> list[str]:
        return [item.device_id for item in search(client, f"{of} {rest}").devices]

    assert found("order by marker desc limit 50") == [child.device_id, *ids[::-1]]
    assert found("order by marker limit 3") == ids[:3]
    assert found("order by marker asc limit 2, 3") == ids[2:5]
    assert len(found("")) == 10
    assert search(client, of.replace("*", "count(*)")).count == 13
    assert set(found("and device_name like 'lamp%' limit 50")) == set(ids)
    assert set(found(f"and device_id in ('{ids[1]}', '{ids[5]}')")) == {ids[1], ids[5]}
    assert ids[1] not in found(f"and device_id != '{ids[1]}' limit 50")
    assert set(found(f"and gateway_id = '{ids[0]}'")) == {ids[0], child.device_id}
    assert found("and node_type = 'ENDPOINT'") == [child.device_id]
    assert found("and tag_key = 'place' and tag_value = 'hall'") == [ids[3]]
    assert len(found("and status = 'INACTIVE' limit 50")) == 13 and not found("and status = 'ABNORMAL'")
    assert len(found(f"and app_id = '{space}' limit 50")) == 13 and not found("and app_id = 'default'")
    assert len(found("and create_time > '2020-01-01T00:00:00.000Z' limit 50")) == 13
    rows = search(client, f"select device_id, marker {of[8:]} order by marker desc").devices
    assert rows[0].node_id is None
    marker = search(client, f"{of} order by marker limit 5").devices[4].marker
    assert found(f"and marker > '{marker}' order by marker limit 50") == [*ids[5:], child.device_id]
    assert found(f"and marker < '{marker}' order by marker limit 50") == ids[:4]
    assert found(f"and marker = '{marker}'") == [ids[4]]
    status, code, message = refusal(lambda: search(client, "select * from device where secret = 'x'"))
    assert (status, code) == (400, "IOTDA.000006") and "sql" in message


# --- groups -----------------------------------------------------------------------------------------------------------


def test_groups_have_members(client: Any, product: str, space: str) -> None:
    name = unique("group")
    made = client.add_device_group(m.AddDeviceGroupRequest(body=m.AddDeviceGroupDTO(name=name, description="d")))
    under = client.add_device_group(
        m.AddDeviceGroupRequest(body=m.AddDeviceGroupDTO(name=f"{name}-2", super_group_id=made.group_id))
    )
    assert (under.super_group_id, under.group_type) == (made.group_id, "STATIC")
    devices = [new_device(client, product).device_id for _ in range(3)]

    def act(action: str, device_id: str) -> Any:
        return client.create_or_delete_device_in_group(
            m.CreateOrDeleteDeviceInGroupRequest(group_id=under.group_id, action_id=action, device_id=device_id)
        )

    for device_id in devices:
        act("addDevice", device_id)
    listed = client.show_devices_in_group(m.ShowDevicesInGroupRequest(group_id=under.group_id, limit=2))
    assert [item.device_id for item in listed.devices] == devices[:0:-1] and listed.page.count == 3
    rest = client.show_devices_in_group(
        m.ShowDevicesInGroupRequest(group_id=under.group_id, limit=2, marker=listed.page.marker)
    )
    assert [item.device_id for item in rest.devices] == devices[:1]
    assert refusal(lambda: act("addDevice", "none"))[:2] == (404, "IOTDA.014000")
    mine = client.list_device_groups_by_device(m.ListDeviceGroupsByDeviceRequest(device_id=devices[0]))
    assert [item.group_id for item in mine.device_groups] == [under.group_id]
    delete = m.DeleteDeviceGroupRequest
    for group_id in (made.group_id, under.group_id):
        told = refusal(lambda group_id=group_id: client.delete_device_group(delete(group_id=group_id)))
        assert told[:2] == (403, "IOTDA.014813")
    for device_id in devices:
        act("removeDevice", device_id)
    changed = client.update_device_group(
        m.UpdateDeviceGroupRequest(group_id=under.group_id, body=m.UpdateDeviceGroupDTO(name="a b"))
    )
    assert (changed.name, changed.group_id) == ("a b", under.group_id)
    assert client.show_device_group(m.ShowDeviceGroupRequest(group_id=under.group_id)).name == "a b"
    client.delete_device_group(delete(group_id=under.group_id))
    client.delete_device_group(delete(group_id=made.group_id))
    told = refusal(lambda: client.show_device_group(m.ShowDeviceGroupRequest(group_id=made.group_id)))
    assert told[:2] == (404, "IOTDA.014805")


def test_groups_are_listed_and_named_once_in_a_space(client: Any, space: str) -> None:
    name = unique("named")

    def make(**more: Any) -> Any:
        return client.add_device_group(m.AddDeviceGroupRequest(body=m.AddDeviceGroupDTO(name=name, **more)))

    here, there = make(), make(app_id=space)
    assert refusal(make)[:2] == (403, "IOTDA.014811")
    found = client.list_device_groups(m.ListDeviceGroupsRequest(name=name))
    assert [item.group_id for item in found.device_groups] == [there.group_id, here.group_id]
    [one] = client.list_device_groups(m.ListDeviceGroupsRequest(name=name, app_id=space)).device_groups
    assert one.group_id == there.group_id
    later = client.list_device_groups(m.ListDeviceGroupsRequest(name=name, last_modified_time="20990101T000000Z"))
    assert later.page.count == 0
    assert client.list_device_groups(m.ListDeviceGroupsRequest(name=name, group_type="dynamic")).page.count == 0


@pytest.mark.parametrize("word", ["STATIC", "static", "Static"])
def test_a_group_type_is_told_as_the_page_has_it_and_read_in_any_case(client: Any, word: str) -> None:
    """Issue 9, number 13: STATIC and DYNAMIC, in the request, in the filter and in every answer."""
    product_id, name = new_product(client), unique("kind")
    rule = f"product_id = '{product_id}'"
    other = {"STATIC": "DYNAMIC", "static": "dynamic", "Static": "dYNAMIC"}[word]

    def make(kind: str, **more: Any) -> Any:
        body = m.AddDeviceGroupDTO(name=f"{name}-{kind}", group_type=kind, **more)
        return client.add_device_group(m.AddDeviceGroupRequest(body=body))

    def listed(kind: str) -> dict[str, str]:
        made = [client.list_device_groups(m.ListDeviceGroupsRequest(name=f"{name}-{each}", group_type=kind))
                for each in (word, other)]  # fmt: skip
        return {group.group_id: group.group_type for page in made for group in page.device_groups}

    static, dynamic = make(word), make(other, dynamic_group_rule=rule)
    assert (static.group_type, dynamic.group_type) == ("STATIC", "DYNAMIC")
    for group in (static, dynamic):
        shown = client.show_device_group(m.ShowDeviceGroupRequest(group_id=group.group_id))
        assert shown.group_type == group.group_type
    assert listed(word) == {static.group_id: "STATIC"}
    assert listed(other) == {dynamic.group_id: "DYNAMIC"}
    device = new_device(client, product_id).device_id
    of_device = client.list_device_groups_by_device(m.ListDeviceGroupsByDeviceRequest(device_id=device))
    assert {group.group_type for group in of_device.device_groups} <= {"STATIC", "DYNAMIC"}


def test_a_dynamic_group_follows_its_rule(client: Any) -> None:
    product_id = new_product(client)
    rule = f"product_id = '{product_id}' and device_name like 'lamp%'"
    group = client.add_device_group(
        m.AddDeviceGroupRequest(
            body=m.AddDeviceGroupDTO(name=unique("dyn"), group_type="dynamic", dynamic_group_rule=rule)
        )
    )
    assert group.dynamic_group_rule == rule
    lamp = new_device(client, product_id, device_name="lamp-1").device_id
    new_device(client, product_id, device_name="door-1")
    found = client.show_devices_in_group(m.ShowDevicesInGroupRequest(group_id=group.group_id))
    assert [item.device_id for item in found.devices] == [lamp]
    told = refusal(
        lambda: client.create_or_delete_device_in_group(
            m.CreateOrDeleteDeviceInGroupRequest(group_id=group.group_id, action_id="addDevice", device_id=lamp)
        )
    )
    assert told[:2] == (403, "IOTDA.014812")
    client.delete_device_group(m.DeleteDeviceGroupRequest(group_id=group.group_id))


# --- modules ----------------------------------------------------------------------------------------------------------


def test_modules_of_a_product(client: Any, space: str) -> None:
    product_id = new_product(client, app_id=space)

    def make(name: str, **more: Any) -> Any:
        body = m.CreateOtaModule(app_id=space, product_id=product_id, module_name=name, **more)
        return client.create_ota_module(m.CreateOtaModuleRequest(body=body))

    made = make("mcu", alias_name="主控", description="the small one")
    shown = client.show_ota_module(m.ShowOtaModuleRequest(module_id=made.module_id))
    assert (shown.module_name, shown.alias_name, shown.app_id) == ("mcu", "主控", space)
    assert shown.product_name and STAMP.fullmatch(shown.create_time)
    changed = client.update_ota_module(
        m.UpdateOtaModuleRequest(module_id=made.module_id, body=m.UpdateOtaModule(alias_name="other"))
    )
    assert (changed.alias_name, changed.description) == ("other", "the small one")
    assert refusal(lambda: make("mcu"))[:2] == (403, "IOTDA.014811")
    others = [make(f"m{n}").module_id for n in range(9)]
    assert refusal(lambda: make("m10"))[:2] == (403, "IOTDA.014814")

    def page(limit: int, marker: str | None) -> Any:
        asked = m.ListOtaModulesRequest(app_id=space, product_id=product_id, limit=limit, marker=marker)
        return client.list_ota_modules(asked)

    found, _ = walked(page, "modules", 3)
    assert [item.module_id for item in found] == [*others[::-1], made.module_id]
    client.delete_ota_module(m.DeleteOtaModuleRequest(module_id=made.module_id))
    told = refusal(lambda: client.show_ota_module(m.ShowOtaModuleRequest(module_id=made.module_id)))
    assert told[:2] == (404, "IOTDA.014802")
    for name in ("default", "software"):
        assert refusal(lambda name=name: make(name))[:2] == (400, "IOTDA.000006")
