"""Groups that a condition fills, at `/v1`: who is in them, that rollouts take them, and that all tongues are told."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as m

from acceptance.client import Server, new_sdk, unique, until
from acceptance.device import Device
from acceptance.test_upwell import a_device, a_package
from acceptance.upwell_client import Api, Members, api


@pytest.fixture(scope="module")
def v1(server: Server) -> Api:
    made = api(server, unique("conditions"))
    made.repeats = True
    return made


def comparison(field: str, *values: str, operator: str | None = None, **more: str) -> Members:
    given: Members = {"field": field, **more} | ({"values": list(values)} if values else {})
    return given | ({"operator": operator} if operator else {})


def group(v1: Api, *comparisons: Members) -> Members:
    return dict(v1.do("create_group", name=unique("fits"), condition={"all_of": list(comparisons)}))


def members(v1: Api, made: Members) -> set[str]:
    listed = {each["name"] for each in v1.every("list_group_members", group_id=made["id"], limit=2)}
    assert v1.do("show_group", group_id=made["id"])["devices"]["devices"] == len(listed)
    return listed


@pytest.fixture(scope="module")
def fleet(server: Server, v1: Api) -> Iterator[dict[str, Any]]:
    """Four devices: two in halls, of which one says what it runs, one in a kitchen, and one without a tag."""
    product = v1.do("create_product", name=unique("lamp"))["id"]
    other = v1.do("create_product", name=unique("plug"))["id"]
    rows = [("hall-1", "hall"), ("hall-2", "hall"), ("kitchen-1", "kitchen"), ("spare-1", None)]
    text = "name,tags,nickname\n" + "".join(
        f"{name},{f'room={room}' if room else ''},of {name}\n" for name, room in rows
    )
    made = v1.send("create_import", text.encode(), product_id=product)
    until(lambda: v1.do("show_import", import_id=made["id"]), lambda told: told["status"] == "done")
    v1.do("create_device", product_id=other, name="hall-9")
    secret = v1.do("show_device_secret", device_id=f"{product}_hall-1")
    device = Device(server.mqtt, product, "hall-1", secret["secret"])
    device.inform("1.0")
    yield {"product": product, "other": other}
    device.close()


def test_each_comparison_means_what_it_says(v1: Api, fleet: dict[str, Any]) -> None:
    of = comparison("product_id", fleet["product"])
    cases: list[tuple[Members, set[str]]] = [
        (comparison("tag", "hall", key="room"), {"hall-1", "hall-2"}),
        (comparison("tag", "hall", "kitchen", key="room"), {"hall-1", "hall-2", "kitchen-1"}),
        (comparison("tag", "hall", key="room", operator="is_not"), {"kitchen-1", "spare-1"}),
        (comparison("tag", "ki", key="room", operator="begins_with"), {"kitchen-1"}),
        (comparison("tag", key="room", operator="exists"), {"hall-1", "hall-2", "kitchen-1"}),
        (comparison("name", "hall", operator="begins_with"), {"hall-1", "hall-2"}),
        (comparison("nickname", "of spare-1", operator="is_not"), {"hall-1", "hall-2", "kitchen-1"}),
        (comparison("version", "1.0"), {"hall-1"}),
        (comparison("version", "1.0", module="Default"), {"hall-1"}),
        (comparison("version", "1.0", module="mcu"), set()),
        (comparison("version", "2.0", operator="is_not"), {"hall-1"}),
        (comparison("version", "1.0", operator="is_not"), set()),
        (comparison("status", "online"), {"hall-1"}),
        (comparison("status", "never_online", "disabled"), {"hall-2", "kitchen-1", "spare-1"}),
        (comparison("created_at", "2020-01-01T00:00:00Z", operator="before"), set()),
        (comparison("created_at", "2020-01-01T00:00:00+02:00", operator="after"), {
            "hall-1", "hall-2", "kitchen-1", "spare-1"
        }),
        (comparison("activated_at", "2020-01-01T00:00:00Z", operator="after"), {"hall-1"}),
        (comparison("id", f"{fleet['product']}_spare-1"), {"spare-1"}),
    ]  # fmt: skip
    for asked, expected in cases:
        assert members(v1, group(v1, of, asked)) == expected, asked
        told = v1.do("preview_group", condition={"all_of": [of, asked]})
        assert {each["name"] for each in told["examples"]} == expected, asked
        assert (told["fits"], told["whole"]) == (len(expected), True)


def test_what_a_condition_means_is_told_before_there_is_a_group(v1: Api, fleet: dict[str, Any]) -> None:
    of_none = v1.do("preview_group", condition={"all_of": [comparison("product_id", "nobody")]})
    assert (of_none["looked"], of_none["fits"], of_none["whole"]) == (0, 0, True)
    of_one = v1.do("preview_group", condition={"all_of": [comparison("product_id", fleet["other"])]})
    assert (of_one["looked"], of_one["fits"]) == (1, 1), "no other product is looked into"
    some = [comparison("product_id", fleet["other"]), comparison("name", "spare-1")]
    anywhere = v1.do("preview_group", condition={"any_of": [{"all_of": [each]} for each in some]})
    assert anywhere["fits"] == 2 and anywhere["looked"] >= 5
    wrong = v1.refused("preview_group", condition={"all_of": [comparison("status", "nobody")]})
    assert wrong.code == "invalid-value"
    made = group(v1, comparison("product_id", fleet["other"]))
    assert "devices" not in v1.do("show_group", group_id=made["id"], counted=False)


def test_any_of_some(v1: Api, fleet: dict[str, Any]) -> None:
    of, hall = comparison("product_id", fleet["product"]), comparison("tag", "hall", key="room")
    condition = {"any_of": [{"all_of": [of, hall, comparison("version", "1.0")]},
                            {"all_of": [of, comparison("name", "spare-1")]},
                            {"all_of": [comparison("product_id", fleet["other"])]}]}  # fmt: skip
    made = v1.do("create_group", name=unique("any"), condition=condition)
    assert (made["kind"], made["condition"]) == ("dynamic", condition_as_told(condition))
    assert v1.do("show_group", group_id=made["id"])["condition"] == made["condition"]
    assert members(v1, made) == {"hall-1", "spare-1", "hall-9"}
    assert made["id"] in [each["id"] for each in v1.every("list_groups", kind="dynamic")]
    groups = v1.do("list_device_groups", device_id=f"{fleet['product']}_spare-1")["items"]
    assert made["id"] in [each["id"] for each in groups]


def condition_as_told(condition: Members) -> Members:
    """With what is meant where nothing is said."""
    told = json.loads(json.dumps(condition))
    for way in told["any_of"]:
        for each in way["all_of"]:
            each.setdefault("operator", "is")
    return dict(told)


def test_who_is_in_it_is_asked_anew(v1: Api, fleet: dict[str, Any]) -> None:
    of = comparison("product_id", fleet["product"])
    made = group(v1, of, comparison("tag", "cellar", key="room"))
    assert members(v1, made) == set()
    device = a_device(v1, fleet["product"])
    v1.do("set_device_tags", device_id=device["id"], tags={"room": "cellar"})
    assert members(v1, made) == {device["name"]}
    assert v1.refused("add_to_group", group_id=made["id"], device_ids=[device["id"]]).code == "group-is-dynamic"
    v1.do("delete_device", device_id=device["id"])
    assert members(v1, made) == set()


@pytest.mark.parametrize("kind", ["static", "dynamic"])
def test_a_rollout_takes_whatever_fits(v1: Api, fleet: dict[str, Any], kind: str) -> None:
    """Of its product alone; a standing rule also whoever comes to fit."""
    made = group(v1, comparison("tag", "hall", key="room"))
    package = a_package(v1, fleet["product"])
    rollout = v1.do(
        "create_rollout", kind=kind, package_id=package, product_id=fleet["product"], needs_confirmation=True,
        targets={"group_id": made["id"]},
    )  # fmt: skip
    assert (rollout["selected_by"], rollout["group_ids"]) == ("group", [made["id"]])
    expected = {"hall-1", "hall-2"} if kind == "static" else {"hall-1"}  # of which it is known what it runs

    def seen() -> set[str]:
        return {each["device_name"] for each in v1.every("list_rollout_tasks", rollout_id=rollout["id"])}

    until(seen, lambda names: expected <= names <= {"hall-1", "hall-2"})
    if kind == "dynamic":
        v1.do("end_rollout", rollout_id=rollout["id"])
    v1.do("cancel_rollout", rollout_id=rollout["id"])


def test_other_tongues_are_told_of_it_and_the_reverse(server: Server, v1: Api, fleet: dict[str, Any]) -> None:
    sdk = new_sdk(server.http, server.new_key(account_of(v1), "admin"))
    made = group(v1, comparison("name", "kitchen", operator="begins_with"))
    listed = sdk.query_device_group_list(
        m.QueryDeviceGroupListRequest(current_page=1, page_size=200, group_types=["LINK_PLATFORM_DYNAMIC"])
    ).body.data.group_info
    assert made["name"] in [each.group_name for each in listed]
    theirs = sdk.create_device_dynamic_group(
        m.CreateDeviceDynamicGroupRequest(
            group_name=unique("theirs"),
            dynamic_group_expression=f"product_key = '{fleet['product']}' and name = 'spare-1'",
        )
    ).body.data
    found = next(each for each in v1.every("list_groups") if each["name"] == theirs.group_name)
    assert "condition" not in found and found["condition_text"].startswith("product_key")
    assert members(v1, found) == {"spare-1"}


def account_of(v1: Api) -> str:
    return str(v1.do("show_me")["account"])


@pytest.mark.parametrize(
    ("condition", "parameter"),
    [
        ({}, "condition"),
        ({"all_of": []}, "condition.all_of"),
        ({"all_of": [comparison("name", "a")], "any_of": [{"all_of": [comparison("name", "a")]}]}, "condition"),
        ({"any_of": [{}]}, "condition.any_of[0].all_of"),
        ({"all_of": [comparison("name")]}, "condition.all_of[0].values"),
        ({"all_of": [comparison("nam", "a")]}, "condition.all_of[0].field"),
        ({"all_of": [comparison("name", "a", operator="like")]}, "condition.all_of[0].operator"),
        ({"all_of": [comparison("name", "a", operator="before")]}, "condition.all_of[0].operator"),
        ({"all_of": [comparison("name", "a", "b", operator="begins_with")]}, "condition.all_of[0].values"),
        ({"all_of": [comparison("name", "a", module="mcu")]}, "condition.all_of[0].module"),
        ({"all_of": [comparison("tag", "a")]}, "condition.all_of[0].key"),
        ({"all_of": [comparison("tag", "a", key="k", operator="exists")]}, "condition.all_of[0].values"),
        ({"all_of": [comparison("status", "broken")]}, "condition.all_of[0].values"),
        ({"all_of": [comparison("created_at", "yesterday", operator="after")]}, "condition.all_of[0].values"),
        ({"any_of": [{"all_of": [comparison("name", str(n))]} for n in range(11)]}, "condition.any_of"),
        ({"any_of": [{"all_of": [comparison("name", str(n))] * 6} for n in range(2)]}, "condition"),
        ({"all_of": [comparison("name", "a", values2="b")]}, "condition.all_of[0].values2"),
    ],
)
def test_what_says_nothing_is_refused_by_its_place(v1: Api, condition: Members, parameter: str) -> None:
    refused = v1.refused("create_group", name="never", condition=condition)
    assert refused.status == 400 and refused.error["parameter"] == parameter and refused.error["try"]


def test_a_condition_names_groups_by_our_ids_and_has_none_above(v1: Api, fleet: dict[str, Any]) -> None:
    static = v1.do("create_group", name=unique("static"))
    v1.do("add_to_group", group_id=static["id"], device_ids=[f"{fleet['product']}_hall-2"])
    assert members(v1, group(v1, comparison("group_id", static["id"]))) == {"hall-2"}
    wrong = {"all_of": [comparison("group_id", "7")]}
    assert v1.refused("create_group", name="never", condition=wrong).code == "not-found"
    both = v1.refused("create_group", name="never", condition=wrong, super_group_id=static["id"])
    assert both.code == "invalid-value"
