"""The audit as an account's admins read it by `/v1`: whatever tongue a call came by, of their own account alone."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from acceptance.client import Server, unique
from acceptance.tuya_client import TuyaClient
from acceptance.upwell_client import Api, api

ACCOUNT = "v1-audit"


@pytest.fixture(scope="module")
def v1(server: Server) -> Api:
    return api(server, ACCOUNT)


def newest(v1: Api, **which: Any) -> dict[str, Any]:
    return dict(v1.do("list_audit", limit=1, **which)["items"][0])


def test_what_was_done_is_told_by_its_requests_id_in_our_ids(v1: Api) -> None:
    product = v1.do("create_product", name=unique("lamp"))["id"]
    request_id = list(v1.done)[-1]
    entry = newest(v1)
    assert (entry["request_id"], entry["operation"], entry["result"]) == (request_id, "create_product", "done")
    assert (entry["tongue"], entry["who"]) == ("upwell", v1.token.rpartition("_")[0])
    assert (entry["address"], entry["times"], entry["ids"]) == ("127.0.0.1", 1, {"product_key": product})
    assert datetime.now(UTC) - datetime.fromisoformat(entry["at"]) < timedelta(minutes=1)
    name = v1.do("create_device", product_id=product, name=unique("d"), secret="a-secret-of-mine")["name"]
    package = v1.do("create_package", name=unique("fw"), version="2", product_id=product, verify=False,
                    upload_url=v1.upload(b"image"))["id"]  # fmt: skip
    assert newest(v1, operation="create_package")["ids"]["package_id"] == package
    rollout = v1.do("create_rollout", kind="static", package_id=package, product_id=product,
                    targets={"device_names": [name]}, needs_confirmation=True)["id"]  # fmt: skip
    told = newest(v1, operation="create_rollout")["ids"]
    assert (told["job_id"], told["package_ids"], told["device_names"]) == (rollout, [package], [name])
    [task] = v1.every("list_rollout_tasks", rollout_id=rollout)
    v1.do("confirm_tasks", rollout_id=rollout, task_ids=[task["id"]])
    assert newest(v1, operation="confirm_tasks")["ids"] == {"tasks": [task["id"]]}
    group = v1.do("create_group", name=unique("g"))["id"]
    assert newest(v1)["ids"] == {"group_id": group}
    made = v1.do("create_key", role="viewer", days=3)
    assert newest(v1)["ids"] == {"key_id": made["id"]} and newest(v1)["changes"]["lifetime"] == "3 days, 0:00:00"
    text = str(v1.every("list_audit"))
    assert not [each for each in (made["secret"], "a-secret-of-mine", v1.token) if each in text]


def test_every_tongue_of_the_account_and_no_other_account(server: Server, v1: Api) -> None:
    tuya = TuyaClient(address=server.http, key=server.new_key(ACCOUNT, "admin", "tuya"))
    product = tuya.new_product()
    entry = newest(v1, who=tuya.key.id)
    assert (entry["tongue"], entry["operation"], entry["ids"]) == ("tuya", "CreateProduct", {"product_key": product})
    beside = v1.every("list_audit", operation="key create")
    assert {each["tongue"] for each in beside} == {"cli"} and "request_id" not in beside[0]
    assert tuya.key.id in [each["ids"]["key_id"] for each in beside]
    other = api(server, "v1-audit-other")
    assert [each["operation"] for each in other.every("list_audit")] == ["key create"]


def test_admins_alone_and_reading_it_leaves_nothing(server: Server, v1: Api) -> None:
    before = newest(v1)
    for role in ("viewer", "operator"):
        assert api(server, ACCOUNT, role).refused("list_audit").code == "not-allowed"
    assert [each["operation"] for each in v1.every("list_audit", since=before["at"])][:2] == ["key create"] * 2
    assert v1.every("list_audit", operation="list_audit") == []


def test_filters_and_pages(v1: Api) -> None:
    begin = datetime.now(UTC).isoformat()
    for number in range(5):
        v1.do("create_product", name=unique(f"n{number}"))
    v1.refused("delete_product", product_id="nobody")
    made = {"operation": "create_product", "since": begin}
    whole = v1.every("list_audit", **made)
    assert len(whole) == 5 and whole == sorted(whole, key=lambda each: str(each["id"]), reverse=True)
    assert v1.every("list_audit", **made, limit=2) == whole
    assert v1.every("list_audit", **made, until=begin) == v1.every("list_audit", **made, who="nobody") == []
    assert v1.every("list_audit", **made, result="refused") == []
    [refused] = v1.every("list_audit", result="refused", since=begin)
    assert (refused["result"], refused["ids"]) == ("not-found", {"product_key": "nobody"})
    assert refused in v1.every("list_audit", result="not-found")
    for wrong in ("2026-01-31", "yesterday"):
        assert v1.refused("list_audit", since=wrong).error["parameter"] == "since"
    assert v1.every("list_audit", since="9999-12-31T23:59:59Z") == []
    assert v1.every("list_audit", until="0001-01-01T00:00:00Z") == []
    cursor = v1.do("list_audit", limit=1)["next_cursor"]
    assert v1.refused("list_audit", who="nobody", cursor=cursor).error["parameter"] == "cursor"


def test_entries_about_one_thing(v1: Api) -> None:
    product = v1.do("create_product", name=unique("lamp"))["id"]
    device = v1.do("create_device", product_id=product, name=unique("d"))["id"]
    v1.do("update_device", device_id=device, nickname="of the hall")
    hook = v1.do("create_hook", target_url="https://ci.example/x", product_id=product)["id"]
    v1.do("ping_hook", hook_id=hook)
    assert [each["operation"] for each in v1.every("list_audit", about=hook)] == ["ping_hook", "create_hook"]
    assert [each["operation"] for each in v1.every("list_audit", about=device)] == ["update_device", "create_device"]
    about = {each["operation"] for each in v1.every("list_audit", about=product)}
    assert {"create_product", "create_device", "create_hook"} <= about
    assert v1.every("list_audit", about="hook_0000000000000000") == []
    assert v1.every("list_audit", about="$.** ? (true)") == [], "it is a value, and no question"


def test_all_of_it_in_one_file(v1: Api) -> None:
    name = unique("=2+3")[:30]
    product = v1.do("create_product", name=name)["id"]
    lines = v1.lines("export_audit", about=product)
    assert [each["operation"] for each in lines] == ["create_product"] and lines == v1.every(
        "list_audit", about=product
    )
    every = v1.lines("export_audit")
    listed = v1.every("list_audit")
    assert [each["id"] for each in every] == [each["id"] for each in reversed(listed)]
    got = v1.ask("GET", f"/v1/audit/export?about={product}")
    assert (
        got.headers["content-type"] == "text/csv; charset=utf-8"
        and "export_audit.csv" in got.headers["content-disposition"]
    )
    [told] = csv.DictReader(io.StringIO(got.text))
    assert told["operation"] == "create_product" and told["ids"] == f"product_key={product}"
    assert v1.lines("export_audit", about=unique("nobody")) == [], "an empty file, and no failure"
    assert v1.refused("export_audit", result="x" * 300).status == 400
    viewer = Api(address=v1.address, token=v1.do("create_key", role="operator")["secret"])
    assert viewer.refused("export_audit").code == "not-allowed"
