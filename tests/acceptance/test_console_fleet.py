"""The console's pages of lists that make devices, of groups and of devices that are selected, over plain HTTP."""

import csv
import io
import json
from typing import Any
from urllib.parse import quote

import pytest

from acceptance.client import Server, unique, until
from acceptance.console import Browser, Page, browser
from acceptance.device import Device
from acceptance.test_console_packages import scripted
from acceptance.upwell_client import Api, api

ACCOUNT = "console-fleet"
EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def v1(server: Server) -> Api:
    return api(server, ACCOUNT)


@pytest.fixture(scope="module")
def boss(v1: Api) -> Browser:
    return browser(v1, "herder", "operator", ACCOUNT)


@pytest.fixture(scope="module")
def viewer(v1: Api) -> Browser:
    return browser(v1, "looker", "viewer", ACCOUNT)


@pytest.fixture(scope="module")
def product(v1: Api) -> str:
    return str(v1.do("create_product", name=unique("Lamps"))["id"])


# --- imports ----------------------------------------------------------------------------------------------------------


def test_a_list_makes_devices_and_says_of_each_line_what_was_wrong(
    v1: Api, boss: Browser, viewer: Browser, product: str
) -> None:
    text = f"name,nickname\nin-1,first\nin-2,second\nbad name,{EVIL}\nin-1,again\n"
    sent = scripted(boss, "POST", f"/imports?product_id={product}", text.encode(), headers={"content-type": "text/csv"})
    assert sent.status_code == 202, sent.text
    number = sent.json()["id"]
    until(lambda: v1.do("show_import", import_id=number)["status"], lambda status: status == "done")
    page = boss.get(f"/imports/{number}")
    assert "Download 2 secrets" in page.text and "4 name It must be" in page.text
    assert "bad name" in page.text and not [tag for tag, _ in page.elements if tag == "script" and not _.get("src")]
    got = boss.ask("GET", f"/v1/imports/{number}/devices?format=csv")
    rows = list(csv.DictReader(io.StringIO(got.text, newline="")))
    assert [row["name"] for row in rows] == ["in-1", "in-2"] and all(row["secret"] for row in rows)
    assert got.headers["cache-control"] == "no-store" and "attachment" in got.headers["content-disposition"]
    seen = viewer.get(f"/imports/{number}")
    assert "Download" not in seen.text and not [action for action in seen.forms if "/do/" in action]
    assert viewer.ask("GET", f"/v1/imports/{number}/devices?format=csv").status_code == 403
    assert "new-import" not in viewer.get("/imports").html and number in boss.get("/imports").text


def test_a_list_that_can_not_be_read_is_refused_whole(boss: Browser, product: str) -> None:
    for text, parameter in ((b"nam,nickname\nx,y\n", "nam"), (b"", "body"), (b"nickname\nx\n", "name")):
        got = scripted(boss, "POST", f"/imports?product_id={product}", text, headers={"content-type": "text/csv"})
        assert got.status_code == 400 and got.json()["errors"][0]["parameter"] == parameter
    got = scripted(boss, "POST", "/imports?product_id=nobody", b"name\nx\n", headers={"content-type": "text/csv"})
    assert got.status_code == 404


def test_one_that_is_over_is_not_stopped_from_its_page(v1: Api, boss: Browser, viewer: Browser, product: str) -> None:
    made = v1.send("create_import", b"name\nstop-1\n", product_id=product)["id"]
    until(lambda: v1.do("show_import", import_id=made)["status"], lambda status: status == "done")
    assert f"/console/do/imports/{made}/cancel" not in boss.get(f"/imports/{made}").forms
    assert viewer.do(f"/imports/{made}/cancel").status_code == 403
    assert boss.do(f"/imports/{made}/cancel").status_code in (303, 409)


def test_those_that_were_heard_or_not_are_found_a_bounded_look_at_a_time(
    server: Server, v1: Api, boss: Browser
) -> None:
    product = v1.do("create_product", name=unique("heard"))["id"]
    one = v1.do("create_device", product_id=product, name="h-1")
    v1.do("register_devices", product_id=product, count=1249)
    lamp = Device(server.mqtt, product, "h-1", one["secret"])
    lamp.inform("1.0")
    until(lambda: v1.do("show_device", device_id=one["id"]), lambda told: "last_heard_at" in told)
    path = f"/devices?product_id={product}&heard="
    first = boss.get(path + "in-1h")
    assert "1,000 devices of the list were looked at" in first.text and "h-1" not in first.text
    [more] = {link for link in first.links() if "cursor=" in link}
    last = boss.get(f"/devices{more}" if more.startswith("?") else more.removeprefix("/console"))
    assert one["id"] in last.text and "were looked at" not in last.text
    assert one["id"] not in boss.get(path + "not-1h&sort=created_at").text
    assert one["id"] in boss.get(path + "in-1d&q=h-1").text and one["id"] not in boss.get(path + "not-1d&q=h-1").text
    assert one["id"] in boss.get(path + "whenever&sort=created_at").text, "what says nothing filters nothing"
    lamp.close()


# --- groups -----------------------------------------------------------------------------------------------------------


def rows(*given: tuple[str, str, str, str]) -> dict[str, str]:
    fields: dict[str, str] = {"kind": "dynamic", "match": "all"}
    for place, row in enumerate(given):
        fields |= {f"rows[{place}].{name}": value
                   for name, value in zip(("field", "operator", "key", "values"), row, strict=True)}  # fmt: skip
    return fields


def test_what_a_condition_means_is_seen_before_the_group_is_made(v1: Api, boss: Browser, product: str) -> None:
    for number in range(12):
        v1.do("create_device", product_id=product, name=f"g-{number}")
    v1.do("set_device_tags", device_id=f"{product}_g-3", tags={"room": "hall, left"})
    of = ("product_id", "is", "", product)
    scripted_form = {"hx-request": "true"}
    csrf = {"csrf": boss.csrf()}
    seen = boss.send("/do/groups/preview", csrf | rows(of, ("name", "begins_with", "", "g-")), **scripted_form)
    page = Page(seen)
    assert seen.status_code == 200 and "12 devices fit." in page.text and "and 2 more" in page.text
    assert len([link for link in page.links() if "/devices/" in link]) == 10
    tagged = rows(of, ("tag", "is", "room", '"hall, left", other'))
    tags = boss.get("/tags")
    [link] = [each for each in tags.links() if "tag_key" in each]
    assert "hall, left" in tags.text and link == "/console/devices?tag_key=room&tag_value=hall%2C+left"
    assert f"{product}_g-3" in boss.get(link.removeprefix("/console")).text
    assert "1 device fits." in Page(boss.send("/do/groups/preview", csrf | tagged, **scripted_form)).text
    wrong = boss.send("/do/groups/preview", csrf | rows(("status", "is", "", "nobody")), **scripted_form)
    assert wrong.status_code == 400 and "never_online" in Page(wrong).text
    assert v1.do("list_audit", operation="preview_group")["items"] == [], "looking is no deed"
    said = {"name": unique("halls") + EVIL, "description": EVIL}
    made = boss.send("/do/groups", csrf | tagged | said | {"match": "any"}, **scripted_form)
    where = made.headers["hx-redirect"].removeprefix("/console")
    shown = v1.do("show_group", group_id=where.rpartition("/")[2])
    assert [len(way["all_of"]) for way in shown["condition"]["any_of"]] == [1, 1]
    page = boss.get(where)
    assert EVIL in page.text and "hall, left" in page.text and "/v1/groups/" in page.text
    assert "counted=false" in page.html, "a page counts no group by itself"
    assert f"{shown['devices']['devices']}" in boss.get(f"{where}?count=1").text


def test_a_group_is_changed_and_deleted_by_who_may(v1: Api, boss: Browser, viewer: Browser) -> None:
    made = v1.do("create_group", name=unique("chosen"), description="before")["id"]
    for fields in ({"do": "DELETE"}, {"do": "PATCH", "name": "mine"}):
        assert viewer.do(f"/groups/{made}", **fields).status_code == 403
    assert viewer.do("/groups", name="mine", kind="static").status_code == 403
    assert viewer.do("/groups/preview", **rows(("name", "is", "", "x"))).status_code == 403
    assert viewer.get("/groups/new").status == 403 and not [
        a for a in viewer.get(f"/groups/{made}").forms if "/do/" in a
    ]
    name = unique("renamed")
    assert boss.do(f"/groups/{made}", do="PATCH", name=name, description="").status_code == 303
    shown = v1.do("show_group", group_id=made)
    assert (shown["name"], shown["description"]) == (name, "")
    assert name in boss.get("/groups?sort=name").text and "sort: " in boss.get("/groups?sort=heard").text
    gone = boss.send(f"/do/groups/{made}", {"csrf": boss.csrf(), "do": "DELETE"})
    assert gone.status_code == 303 and gone.headers["location"] == "/console/groups"
    assert boss.get(f"/groups/{made}").status == 404


# --- devices that are selected ----------------------------------------------------------------------------------------


def test_what_is_done_to_selected_devices_is_what_v1_has(v1: Api, boss: Browser, viewer: Browser, product: str) -> None:
    made = v1.do("create_device", product_id=product, name="bulk-1", nickname=EVIL)["id"]
    group = v1.do("create_group", name=unique("hand"))["id"]
    one = f"/devices/{quote(made, safe='')}"
    acts: list[tuple[str, str, Any, int]] = [
        ("POST", f"{one}/tags", {"tags": {"room": "hall"}}, 204), ("PATCH", one, {"enabled": False}, 200),
        ("POST", f"/groups/{group}/members", {"device_ids": [made]}, 200), ("POST", f"{one}/release", None, 200),
        ("PATCH", one, {"enabled": True}, 200), ("DELETE", f"{one}/tags/room", None, 204), ("DELETE", one, None, 204),
    ]  # fmt: skip
    for method, path, body, _ in acts:
        content = b"" if body is None else json.dumps(body).encode()
        assert scripted(viewer, method, path, content).status_code == 403, path
        assert scripted(boss, method, path, content, headers={"x-upwell-csrf": "x"}).status_code == 403, path
    page = boss.get(f"/devices?q={made}")
    assert f'value="{made}"' in page.html and EVIL in page.text
    assert 'name="chosen"' not in viewer.get(f"/devices?q={made}").html
    for method, path, body, status in acts:
        got = scripted(boss, method, path, b"" if body is None else json.dumps(body).encode())
        assert got.status_code == status, (path, got.text)
    entries = v1.do("list_audit", who="user herder", operation="delete_device", result="done")["items"]
    assert [each["tongue"] for each in entries] == ["console"]


def test_a_device_is_tagged_on_its_page(v1: Api, boss: Browser, viewer: Browser, product: str) -> None:
    made = v1.do("create_device", product_id=product, name="tagged-1")["id"]
    for who, status in ((viewer, 403), (boss, 303)):
        assert who.do(f"/devices/{made}/tags", key="room", value="hall, left").status_code == status
    page = boss.get(f"/devices/{made}")
    assert v1.do("show_device", device_id=made)["tags"] == {"room": "hall, left"}
    assert "/console/devices?tag_key=room&tag_value=hall%2C%20left" in page.links()
    assert f"/console/do/devices/{made}/tags/room" in page.forms
    assert "Take the tag" not in viewer.get(f"/devices/{made}").html
    assert boss.do(f"/devices/{made}/tags", key="", value="x").status_code == 400
    assert viewer.do(f"/devices/{made}/tags/room", do="DELETE").status_code == 403
    assert boss.do(f"/devices/{made}/tags/room", do="DELETE").status_code == 303
    assert v1.do("show_device", device_id=made)["tags"] == {}
