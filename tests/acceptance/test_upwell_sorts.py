"""Lists go by the fields that they show: every list that says so, by every field, both ways, page by page."""

from collections.abc import Callable
from typing import Any

import pytest

from acceptance.client import Server, unique, until
from acceptance.test_upwell import a_device, a_package
from acceptance.upwell_client import Api, Members, api
from upwell.dialects.upwell.management import OPERATIONS

SORTED = {name: row for name, row in OPERATIONS.items() if any(param.name == "sort" for param in row.query)}
STATES = ["confirm", "queued", "notified", "in_progress", "succeeded", "failed", "canceled"]
NAMES = ["b", "B", "a10", "a2", "a 2", "é", "z"]  # by their characters: B, a 2, a10, a2, b, z, é


@pytest.fixture(scope="module")
def v1(server: Server) -> Api:
    """An account in which each list has some items, named so that no language's order is that of characters."""
    made = api(server, unique("sorts"))
    product = made.do("create_product", name="b")["id"]
    for name in NAMES[1:]:
        made.do("create_product", name=name)
        made.do("create_group", name=name)
        made.do("create_space", name=name)
    for word in ("b", "B", "a10", "a2", "z"):
        made.do("create_device", product_id=product, name=f"d{word}")
        made.do("create_user", name=word, password="a-Password-of-theirs", role="viewer")
        made.do("create_key", role="viewer", days=len(word))
    packages = [a_package(made, product, str(place), name=name) for place, name in enumerate(NAMES)]
    for place in (2, 0, 3):
        made.do("update_package", package_id=packages[place], note="later")
    for _ in range(5):
        rollout(made, product, packages[0])
        made.send("create_import", b"name\nda2\n", product_id=product)
    return made


def rollout(v1: Api, product: str, package: str, **more: Any) -> str:
    given = {"kind": "static", "package_id": package, "product_id": product, "targets": {"all": True}}
    made = v1.do("create_rollout", **given, needs_confirmation=True, **more)["id"]
    return str(made)


def of(v1: Api, name: str) -> Members:
    """What must be said to have that list."""
    product = next(each["id"] for each in v1.every("list_products", name="b"))
    match name:
        case "list_devices":
            return {"product_id": product}
        case "list_package_rollouts":
            return {"package_id": next(each["id"] for each in v1.every("list_packages") if each["name"] == NAMES[0])}
        case "list_device_rollouts":
            return {"device_id": f"{product}_da2"}
        case "list_rollout_tasks":
            return {"rollout_id": v1.every("list_rollouts")[0]["id"]}
    return {}


def place_of(field: str) -> Callable[[Members], Any]:
    if field == "state":
        return lambda item: STATES.index(item["state"])
    absent = {"last_used_at": "", "expires_at": "~"}
    return lambda item: item.get(field, absent.get(field))


@pytest.mark.parametrize("name", sorted(SORTED.keys() - {"list_accounts"}))
def test_a_list_goes_by_each_field_that_it_says(v1: Api, name: str) -> None:
    given = of(v1, name)
    [values] = [param.check.values for param in SORTED[name].query if param.name == "sort"]  # type: ignore[union-attr]
    assert {value.removeprefix("-") for value in values} <= {field.name for field in SORTED[name].shape.fields}  # type: ignore[union-attr]
    whole = {each["id"]: each for each in v1.every(name, **given, limit=200)} if SORTED[name].paged else {}
    assert len(whole) > 4 or not SORTED[name].paged
    for value in values:
        more = {"limit": 2} if SORTED[name].paged else {}
        items = v1.every(name, **given, sort=value, **more)
        place = place_of(value.removeprefix("-"))
        found = [place(item) for item in items]
        assert found == sorted(found, reverse=value.startswith("-")), value
        assert len(items) == len({item["id"] for item in items}) and len(items) > 4
        if name != "list_audit":  # which grows
            assert not whole or {item["id"] for item in items} == whole.keys(), value


def test_tasks_go_by_their_states(server: Server, v1: Api) -> None:
    product = v1.do("create_product", name=unique("states"))["id"]
    devices = [a_device(v1, product) for _ in range(9)]
    package = a_package(v1, product)
    made = rollout(v1, product, package)
    tasks = until(lambda: v1.every("list_rollout_tasks", rollout_id=made), lambda found: len(found) == len(devices))
    v1.do("confirm_tasks", rollout_id=made, task_ids=[each["id"] for each in tasks[:4]])
    which = {"rollout_id": made, "limit": 2}
    found = v1.every("list_rollout_tasks", **which, sort="state")
    assert [each["state"] for each in found] == ["confirm"] * 5 + ["queued"] * 4
    down = v1.every("list_rollout_tasks", **which, sort="-state")
    assert [each["state"] for each in down] == ["queued"] * 4 + ["confirm"] * 5
    assert {each["id"] for each in found} == {each["id"] for each in down} == {each["id"] for each in tasks}
    queued = v1.every("list_rollout_tasks", **which, sort="state", state="queued")
    assert [each["id"] for each in queued] == [each["id"] for each in tasks[:4]]
    one = v1.every("list_rollout_tasks", **which, sort="state", device_name=devices[0]["name"])
    assert [each["device_name"] for each in one] == [devices[0]["name"]]
    v1.do("cancel_rollout", rollout_id=made)
    over = v1.every("list_rollout_tasks", **which, sort="-state")
    assert [each["state"] for each in over] == ["canceled"] * 9, (
        "as they are seen, also those that a halt has not reached"
    )


def test_a_page_goes_on_where_it_ended_whatever_came_meanwhile(v1: Api) -> None:
    product = v1.do("create_product", name=unique("meanwhile"))["id"]
    for name in ("d10", "d20", "d30", "d40"):
        v1.do("create_device", product_id=product, name=name)
    page = v1.do("list_devices", product_id=product, sort="name", limit=2)
    for name in ("d00", "d15", "d25"):
        v1.do("create_device", product_id=product, name=name)
    v1.do("delete_device", device_id=page["items"][1]["id"])
    rest = v1.do("list_devices", product_id=product, sort="name", cursor=page["next_cursor"])["items"]
    assert [each["name"] for each in rest] == ["d25", "d30", "d40"]


def test_a_cursor_of_another_order_or_filter_is_refused_by_name(v1: Api) -> None:
    cursor = v1.do("list_packages", sort="name", limit=2)["next_cursor"]
    for other in ({}, {"sort": "-name"}, {"sort": "size"}, {"sort": "name", "version": "1"}):
        error = v1.refused("list_packages", cursor=cursor, **other).error
        assert error["parameter"] == "cursor" and "the same sort" in error["check"]
    tasks = {"rollout_id": v1.every("list_rollouts")[0]["id"], "limit": 2}
    cursor = v1.do("list_rollout_tasks", **tasks, sort="state")["next_cursor"]
    assert v1.refused("list_rollout_tasks", **tasks, cursor=cursor).error["parameter"] == "cursor"


def test_what_no_list_goes_by_is_refused_with_what_it_does(v1: Api) -> None:
    product = v1.every("list_products", name="b")[0]["id"]
    for value in ("status", "-last_heard_at", "name,created_at", "+name", "Name"):
        error = v1.refused("list_devices", product_id=product, sort=value).error
        assert error["parameter"] == "sort" and "-created_at" in error["check"]
    error = v1.refused("list_devices", sort="name").error
    assert error["parameter"] == "sort" and "product_id" in error["check"]
    found = v1.every("list_devices", sort="created_at", limit=3)
    assert [each["created_at"] for each in found] == sorted(each["created_at"] for each in found)
    assert {each["id"] for each in found} == {each["id"] for each in v1.every("list_devices")}
