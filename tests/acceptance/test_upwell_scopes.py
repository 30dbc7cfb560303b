"""Keys of one space or one product: by every operation that there is they reach what lies in it, and nothing else."""

from typing import Any

import pytest

from acceptance.client import Server, unique, until
from acceptance.upwell_client import Api, Members, Refused, api
from upwell.domain import commands as c
from upwell.service.manage.scopes import RULES


@pytest.fixture(scope="module")
def v1(server: Server) -> Api:
    return api(server, "scopes")


HOURS = {"zone": "UTC", "open": [{"from": "22:00", "to": "04:00"}]}


def things(v1: Api, space: str) -> Members:
    """One thing of each kind in that space, by the names of parameters and members."""
    product = v1.do("create_product", name=unique("lamp"), space_id=space)["id"]
    device = v1.do("create_device", product_id=product, name=unique("lamp"))
    v1.do("set_device_tags", device_id=device["id"], tags={"room": "hall"})
    group = v1.do("create_group", name=unique("hall"), space_id=space)["id"]
    v1.do("add_to_group", group_id=group, device_ids=[device["id"]])
    v1.do("create_module", product_id=product, name="mcu")
    given = {"product_id": product, "version": "2.0", "verify": False, "upload_url": v1.upload(b"image")}
    package = v1.do("create_package", name=unique("lamp 2.0"), **given)["id"]
    given = {"kind": "static", "package_id": package, "product_id": product, "needs_confirmation": True}
    rollout = v1.do("create_rollout", **given, targets={"device_names": [device["name"]]})["id"]
    [task] = until(lambda: v1.every("list_rollout_tasks", rollout_id=rollout), bool)
    upload = v1.do("create_upload", size=5)["id"]
    v1.send("put_upload_part", b"bytes", upload_id=upload, number=1)
    imported = v1.send("create_import", f"name\n{unique('listed')}\n".encode(), product_id=product)["id"]
    until(lambda: v1.do("show_import", import_id=imported)["status"], lambda status: status == "done")
    hook = v1.do("create_hook", target_url="https://push.example/", types=["upwell.package.lost"])
    return {
        "upload_id": upload, "number": 1, "import_id": imported,
        "space_id": space, "product_id": product, "device_id": device["id"], "group_id": group, "module": "mcu",
        "package_id": package, "rollout_id": rollout, "key": "room",
        "registration_id": v1.do("register_devices", product_id=product, names=[unique("lamp")])["id"],
        "key_id": v1.do("create_key", role="viewer", product_id=product)["id"],
        "user_id": v1.do("create_user", name=unique("ann"), password="a-Password", role="viewer")["id"],
        "account_id": v1.do("show_me")["account_id"], "device_ids": [device["id"]], "task_ids": [task["id"]],
        "device_name": device["name"], "hook_id": hook["id"], "event_id": "evt_0000000000000001",
        "session_id": "ups_0000000000000000",
        "hours_id": v1.do("create_device_hours", tag={"key": "room", "value": unique("hall")}, hours=HOURS)["id"],
        "plan_id": planned(v1, package, product, device["name"]),
    }  # fmt: skip


def planned(v1: Api, package: str, product: str, device: str) -> str:
    """A plan that is done, and so changes no more."""
    given = {"kind": "static", "package_id": package, "product_id": product, "targets": {"device_names": [device]}}
    plan = str(v1.do("create_plan", **given)["id"])
    assert until(lambda: v1.do("show_plan", plan_id=plan)["status"], "done".__eq__) == "done"
    return plan


@pytest.fixture(scope="module")
def own(v1: Api) -> Members:
    return things(v1, v1.do("create_space", name="own")["id"])


@pytest.fixture(scope="module")
def other(v1: Api) -> Members:
    return things(v1, v1.do("create_space", name="other")["id"])


@pytest.fixture(scope="module", params=["product_id", "space_id"])
def part(request: pytest.FixtureRequest, v1: Api, own: Members) -> Api:
    made = v1.do("create_key", role="admin", **{request.param: own[request.param]})
    assert made[request.param] == own[request.param]
    return Api(address=v1.address, token=made["secret"])


def bodies(of: Members) -> dict[str, Members]:
    """What each operation is asked about these things, beside its ids and its filters."""
    job = {name: of[name] for name in ("package_id", "product_id")}
    return {
        "create_space": {"name": "x"}, "update_space": {"name": "x"}, "delete_space": {"with_everything": True},
        "create_product": {"name": unique("x"), "space_id": of["space_id"]}, "update_product": {"name": unique("x")},
        "create_module": {"name": "x"}, "update_module": {"alias": "x"},
        "create_device": {"product_id": of["product_id"]}, "update_device": {"enabled": False},
        "set_device_tags": {"tags": {"a": "b"}}, "register_devices": {"count": 1},
        "create_group": {"name": unique("x"), "space_id": of["space_id"]}, "update_group": {"name": unique("x")},
        "add_to_group": {"device_ids": of["device_ids"]},
        "preview_group": {"condition": {"all_of": [{"field": "product_id", "values": [of["product_id"]]}]}},
        "create_device_hours": {"group_id": of["group_id"], "hours": HOURS}, "update_device_hours": {"hours": HOURS},
        "create_package": {"name": unique("x"), "version": "3.0", "product_id": of["product_id"], "upload_url": "x"},
        "update_package": {"note": "x"},
        "create_rollout": {"kind": "static", "targets": {"device_names": [of["device_name"]]}, **job},
        "create_plan": {"kind": "static", "targets": {"device_names": [of["device_name"]]}, **job},
        "update_rollout": {"maximum_per_min": 1}, "refuse_rollout": {"remark": "x"},
        "update_rollout_defaults": {"rollout_defaults": {"preset": "fast"}}, "start_rollback": {"devices": 1},
        "release_devices": {"devices": 1000, "product_id": of["product_id"]},
        "confirm_tasks": {"task_ids": of["task_ids"]}, "retry_tasks": {"task_ids": of["task_ids"]},
        "create_key": {"role": "viewer", "product_id": of["product_id"]},
        "create_user": {"name": unique("x"), "password": "a-Password", "role": "admin"},
        "update_user": {"enabled": False},
        "change_password": {"current_password": "a-Password", "new_password": "another-Password"},
        "create_hook": {"target_url": "https://push.example/"}, "update_hook": {"enabled": False},
        "redeliver_events": {"last": "evt_0000000000000001"},
        "create_account": {"name": unique("x")}, "update_account": {"name": unique("x")},
    }  # fmt: skip


FILTERS = ("product_id", "space_id", "group_id")  # of lists, by which another part can be asked for
LISTS = {"create_import": b"name\nlisted-too\n", "put_upload_part": b"other"}  # what is sent as it is
CHOSEN = {"explain_device": ("rollout_id",)}  # of parameters that one of is needed
MOVES = {"explain_device", "list_rollout_reasons", "list_rollout_course"}  # what is told anew, with its time
FREE = {"create_upload"}  # a file is nobody's until something is made of it, and nobody can guess its name


def asked(part: Api, name: str, of: Members, *filters: str) -> tuple[int, str]:
    """How the operation is answered about these things: its status, and all that it says."""
    method, path, row = part.operations[name]
    for each in of:
        path = path.replace("{" + each + "}", str(of[each]))
    assert "{" not in path, f"{name}: decide what it is asked about"
    body = bodies(of).get(name)
    kinds = list(row.get("requestBody", {}).get("content", ()))
    is_json = kinds == ["application/json"]
    assert body or not is_json or not row["requestBody"]["required"], f"{name}: decide what it is asked"
    needed = [each["name"] for each in row.get("parameters", ()) if each.get("in") == "query" and each["required"]]
    query = {each: of.get(each, "true") for each in (*filters, *needed, *CHOSEN.get(name, ()))}
    given = {"json": body or {}} if is_json else {"content": LISTS[name]} if kinds else {}
    headers = {"content-type": kinds[0]} if kinds else {}
    got = part.ask(method, f"/v1{path}", params=query, headers=headers, **given)
    return got.status_code, got.text


def seen(v1: Api, of: Members) -> list[Any]:
    """Everything of these things that their owner is shown."""
    paths = [row for row in v1.operations.items() if row[1][0] == "GET" and "{" in row[1][1]]
    told = [asked(v1, name, of) for name, _ in paths if name not in MOVES]
    assert len([status for status, _ in told if status == 200]) > 15
    return [(status, text) for status, text in told if status == 200]


def ids(of: Members) -> set[str]:
    """What nothing else has in its answer."""
    return {str(of[name]) for name in ("product_id", "device_id", "group_id", "package_id", "rollout_id", "space_id",
                                       "key_id", "device_name")}  # fmt: skip


def test_every_command_has_a_rule_or_is_the_accounts() -> None:
    """Those that no such key may ask; a new one is among them until it is decided otherwise."""
    assert set(RULES) <= {*c.Changing.__args__, *c.Reading.__args__}  # type: ignore[attr-defined]


def test_by_no_operation_anything_else_is_reached(v1: Api, part: Api, other: Members) -> None:
    before = seen(v1, other)
    reached = {}
    for name, (method, path, row) in part.operations.items():
        if row.get("security") == []:
            continue  # it is for whom nobody knows
        status, text = asked(part, name, other)
        names = {param.get("name") for param in row.get("parameters", ())} & set(FILTERS) if method == "GET" else ()
        filtered = [asked(part, name, other, each) for each in names if "{" not in path]
        is_about = "{" in path or name in bodies(other) or name in LISTS
        if (is_about and status not in (403, 404)) or any(each[0] not in (403, 404) for each in filtered):
            reached[name] = status, text, filtered
        if any(each in text for each in ids(other)) and status < 400:
            reached[name] = status, text
        if not is_about and method != "GET" and name not in FREE:
            assert status == 403, name
    assert not reached
    assert seen(v1, other) == before, "nothing of it was changed"


def test_the_account_is_told_so_by_name(part: Api) -> None:
    for name, given in (("list_audit", {}), ("create_space", {"name": "x"})):
        refused = part.refused(name, **given)
        assert refused.code == "not-allowed" and "account" in refused.told["detail"]
    assert "so must be each" in part.refused("create_key", role="viewer").told["detail"]


def test_what_lies_in_it_is_theirs(v1: Api, part: Api, own: Members, other: Members) -> None:
    """The same operations, about things of their own."""
    mine = {name: value for name, value in own.items() if name not in ("group_id", "space_id")}
    given = {"product_id": mine["product_id"], "version": "4.0", "verify": False, "upload_url": part.upload(b"more")}
    package = part.do("create_package", name=unique("mine"), **given)["id"]
    device = part.do("create_device", product_id=mine["product_id"], name=unique("lamp"))
    rollout = part.do(
        "create_rollout", kind="static", package_id=package, product_id=mine["product_id"],
        targets={"device_names": [device["name"]]},
    )["id"]  # fmt: skip
    assert part.do("show_rollout", rollout_id=rollout)["tasks"]["total"] == 1
    assert [each["device_id"] for each in part.every("list_rollout_tasks", rollout_id=rollout)] == [device["id"]]
    assert part.do("cancel_rollout", rollout_id=rollout)["changed"] == 1
    part.do("update_device", device_id=device["id"], nickname="mine")
    part.do("reset_device", device_id=device["id"])
    for name in ("list_devices", "list_packages", "list_rollouts", "list_products"):
        listed = part.every(name)
        assert listed and {each.get("product_id", each["id"]) for each in listed} == {mine["product_id"]}, name
        assert len(v1.every(name)) > len(listed)
    every = part.do("count_devices")
    assert every["devices"] == len(part.every("list_devices")) < v1.do("count_devices")["devices"]
    part.do("delete_device", device_id=device["id"])
    made = part.do("create_key", role="operator", product_id=mine["product_id"], days=1)
    assert made["id"] in {each["id"] for each in part.do("list_keys")["items"]}
    child = Api(address=v1.address, token=made["secret"])
    assert child.do("show_product", product_id=mine["product_id"]) and child.refused("list_keys").status == 403
    assert child.refused("show_product", product_id=other["product_id"]).status == 404
    part.do("revoke_key", key_id=made["id"])
    assert child.refused("list_devices").code == "not-authenticated"


def test_files_in_parts_and_lists_are_theirs(v1: Api, part: Api, own: Members, other: Members) -> None:
    upload = part.do("create_upload", size=5)["id"]
    part.send("put_upload_part", b"bytes", upload_id=upload, number=1)
    part.do("complete_upload", upload_id=upload)
    assert until(lambda: part.do("show_upload", upload_id=upload)["status"], lambda status: status == "complete")
    given = {"name": unique("mine"), "version": "5.0", "product_id": own["product_id"]}
    assert part.refused("create_package", **given, upload_id=other["upload_id"]).status == 404
    assert part.do("create_package", **given, upload_id=upload)["size"] == 5
    rows = f"name,gateway_id\n{unique('in')},{own['device_id']}\n{unique('out')},{other['device_id']}\n"
    begun = part.send("create_import", rows.encode(), product_id=own["product_id"])["id"]
    done = until(lambda: part.do("show_import", import_id=begun), lambda told: told["status"] == "done")
    assert (done["made"], [each["row"] for each in done["first_problems"]]) == (1, [3])
    listed = part.every("list_imports")
    assert begun in {each["id"] for each in listed} and {each["product_id"] for each in listed} == {own["product_id"]}
    assert {each["product_id"] for each in part.lines("export_devices")} == {own["product_id"]}
    for each in part.lines("list_import_devices", import_id=begun):
        v1.do("delete_device", device_id=each["id"])


def test_what_it_is_of_is_seen_and_not_changed(part: Api, own: Members) -> None:
    try:
        part.do("show_product", product_id=own["product_id"])
        is_of_space = bool(part.do("list_spaces")["items"])
    except Refused as refusal:
        assert refusal.status == 403
        is_of_space = False
    if is_of_space:
        assert [each["id"] for each in part.do("list_spaces")["items"]] == [own["space_id"]]
        assert part.refused("update_space", space_id=own["space_id"], name="x").status == 403
        assert part.refused("delete_space", space_id=own["space_id"], with_everything=True).status == 403
        made = part.do("create_product", name=unique("lamp"))
        assert made["space_id"] == own["space_id"], "what is made without saying where is made here"
        part.do("delete_product", product_id=made["id"])
        assert part.do("show_group", group_id=own["group_id"])["devices"]["devices"] == 1
    else:
        assert part.refused("update_product", product_id=own["product_id"], name="x").status == 403
        assert part.refused("delete_product", product_id=own["product_id"]).status == 403
        assert part.refused("list_groups").status == 403


def test_a_key_of_what_is_gone_opens_nothing(v1: Api, server: Server) -> None:
    product = v1.do("create_product", name=unique("lamp"))["id"]
    made = v1.do("create_key", role="admin", product_id=product, days=2)
    gone = Api(address=v1.address, token=made["secret"])
    assert gone.refused("create_key", role="viewer", product_id=product).status == 403, "it would outlive its maker"
    gone.do("create_key", role="viewer", product_id=product, days=1)
    v1.do("delete_product", product_id=product)
    assert gone.refused("list_devices").status == 403 and gone.refused("list_keys").status == 403
    assert v1.do("show_key", key_id=made["id"])["product_id"] == ""
    refused = v1.refused("create_key", role="viewer", product_id=product)
    assert refused.status == 404
    product = v1.do("create_product", name=unique("lamp"))["id"]
    assert v1.refused("create_key", role="viewer", product_id=product, dialect="huawei").error["parameter"] == "dialect"
    space = v1.do("show_product", product_id=product)["space_id"]
    assert v1.refused("create_key", role="viewer", product_id=product, space_id=space).code == "invalid-value"
    told = server.run("key", "create", "--json", "--account", "scopes", "--dialect", "upwell", "--role", "viewer",
                      "--product", product)  # fmt: skip
    assert product in told
