"""What pages of the console show and do, over plain HTTP: text is text, lists keep their state in the URL, forms act
once and say so, parts that change are sent again, and every page is there in every language.
"""

import json
import re
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from acceptance.client import Server, unique, until
from acceptance.console import Browser, Page, browser
from acceptance.device import Device
from acceptance.upwell_client import Api, api

ACCOUNT = "console-pages"
EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"
TAG_EVIL = "a<b>{{7*7}}</b>'\"&amp;"
IMAGE = b"firmware" * 1000


@pytest.fixture(scope="module")
def v1(server: Server) -> Api:
    return api(server, ACCOUNT)


@pytest.fixture(scope="module")
def admin(v1: Api) -> Browser:
    return browser(v1, "boss", "admin", ACCOUNT)


@pytest.fixture(scope="module")
def evil(server: Server, v1: Api) -> Iterator[dict[str, Any]]:
    """Whatever anybody can say, said so: names, tags, versions, reasons, remarks, a device's own words."""
    product = v1.do("create_product", name=EVIL[:60])["id"]
    made = v1.do("create_device", product_id=product, name=unique("d"), nickname=EVIL[:60], description=EVIL)
    v1.do("set_device_tags", device_id=made["id"], tags={"note": TAG_EVIL})
    group = v1.do("create_group", name=unique("g") + EVIL[:40], description=EVIL)
    v1.do("add_to_group", group_id=group["id"], device_ids=[made["id"]])
    said = {"description": f"# {EVIL}\n[{EVIL}](javascript:alert(1))", "note": EVIL}
    package = v1.do("create_package", name=EVIL[:60], version="2.0", product_id=product, verify=False,
                    upload_url=v1.upload(IMAGE), **said)["id"]  # fmt: skip
    rollout = v1.do("create_rollout", kind="static", package_id=package, product_id=product, targets={"all": True},
                    waves=[{"percent": 50}, {"percent": 100}])["id"]  # fmt: skip
    device = Device(server.mqtt, product, made["name"], made["secret"])
    device.inform("1.0<i>")
    device.offered()
    device.say(f"/ota/device/progress/{product}/{made['name']}", {"step": "-3", "desc": EVIL})
    until(lambda: v1.do("show_rollout", rollout_id=rollout), lambda shown: shown["tasks"]["failed"] == 1)
    imported = v1.send("create_import", f'name,nickname\n"{EVIL}","{EVIL[:20]}"\n'.encode(), product_id=product)["id"]
    asked = [{"field": "nickname", "values": [EVIL[:60]]}, {"field": "tag", "key": "note", "values": [TAG_EVIL]}]
    dynamic = v1.do("create_group", name=unique("g"), condition={"all_of": asked})["id"]
    second = v1.do("create_rollout", kind="static", package_id=package, product_id=product, targets={"all": True})["id"]
    v1.do("pause_rollout", rollout_id=second, reason=EVIL)
    hook = v1.do("create_hook", target_url="https://x.example/?" + quote(EVIL), name=EVIL[:60], product_id=product)[
        "id"
    ]
    v1.do("ping_hook", hook_id=hook)
    sent = until(lambda: v1.every("list_deliveries", hook_id=hook), bool)[-1]
    yield {
        "hook": hook,
        "event": sent["event_id"],
        "product": product,
        "device": made["id"],
        "group": group["id"],
        "rollout": rollout,
        "second": second,
        "package": package,
        "import": imported,
        "dynamic": dynamic,
    }
    device.close()


def paths(evil: dict[str, Any]) -> list[str]:
    device, product = quote(evil["device"], safe=""), evil["product"]
    return [
        "/", f"/?product_id={product}", "/devices", f"/devices?product_id={product}&sort=name",
        f"/devices?group_id={evil['group']}", f"/devices?q={quote(EVIL)}", f"/devices?version={quote('1.0<i>')}",
        f"/devices/{device}", f"/devices/{device}?kind=task", f"/devices/{device}?rollout_id={evil['rollout']}",
        "/products", f"/products/{product}", "/rollouts", f"/rollouts/{evil['rollout']}",
        "/groups", f"/groups/{evil['group']}", f"/groups/{evil['dynamic']}", "/groups/new", "/imports",
        f"/imports/{evil['import']}", "/packages", "/packages?view=all",
        f"/packages?product_id={product}", f"/packages/{evil['package']}",
        f"/packages/new?product_id={product}", f"/packages/new?module={quote(EVIL)}",
        f"/rollouts/{evil['rollout']}?reasons=1", "/rollouts/new",
        f"/rollouts/new?product_id={product}&group_id={evil['group']}", f"/rollouts/new?package_id={quote(EVIL)}",
        f"/rollouts/{evil['second']}", "/audit",
        f"/audit?who={quote(EVIL[:40])}", "/account", "/hooks", f"/hooks/{evil['hook']}",
        f"/hooks/{evil['hook']}?open=x", f"/hooks/{evil['hook']}/deliveries/{evil['event']}", "/people",
        f"/people?q={quote(EVIL)}", "/keys", f"/keys?q={quote(EVIL)}&all=1", "/sessions", f"/sessions?q={quote(EVIL)}",
        f"/audit?about={quote(EVIL)}", "/sign-in", f"/sign-in?to={quote(EVIL)}",
    ]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_is_there_in_every_language_and_what_anybody_said_is_text(
    admin: Browser, evil: dict[str, Any], language: str
) -> None:
    seen = 0
    for path in paths(evil):
        page = admin.get(path, **{"accept-language": language})
        assert page.status == 200, (path, page.text[:300])
        assert page.elements[0][1]["lang"] == language
        assert not {tag for tag, _ in page.elements} & {"img", "i"}, path
        assert all("src" in given for tag, given in page.elements if tag == "script"), path
        assert "49" not in re.findall(r"\b49\b", page.text) or "{{7*7}}" in page.html, path
        seen += page.html.count("&lt;script&gt;")
        if language == "zh":
            assert re.search("[\u4e00-\u9fff]", page.text), path
    assert seen > 20, "what was said is shown"


def test_what_is_wrong_with_a_url_is_told_in_it(admin: Browser) -> None:
    for path, name in (
        ("/devices?status=nobody", "status"), ("/devices?cursor=x", "cursor"), ("/devices?sort=heard", "sort"),
        ("/devices?version=a%20b&q=", "version"), ("/audit?since=x", "since"),
    ):  # fmt: skip
        page = admin.get(path)
        assert page.status == 200 and f"{name}: " in page.text, path
    assert 'value="a b"' in admin.get("/devices?version=a%20b").html, "nothing that was typed is lost"
    for path, status in (
        ("/rollouts/x", 404), (f"/devices/{quote(EVIL, safe='')}", 404), ("/nothing", 404), ("/devices/a/b", 404),
        ("/devices?" + "a=" + "x" * 5000, 400),
    ):  # fmt: skip
        page = admin.get(path)
        assert page.status == status, (path, page.text[:200])
        assert not [tag for tag, _ in page.elements if tag == "img"]


def test_a_group_of_whoever_has_a_tag_is_told_in_words(v1: Api, admin: Browser) -> None:
    condition = {"all_of": [{"field": "tag", "key": "site", "operator": "exists"}]}
    group = v1.do("create_group", name=unique("tagged"), condition=condition)["id"]
    for path in ("/groups", f"/groups/{group}"):
        page = admin.get(path)
        assert page.status == 200 and "Tag site exists" in page.text, (path, page.status)


# --- lists ----------------------------------------------------------------------------------------------------------


def test_a_list_goes_from_page_to_page_and_keeps_its_filters_in_the_url(v1: Api, admin: Browser) -> None:
    product = v1.do("create_product", name=unique("many"))["id"]
    names = [f"n-{number:03}" for number in range(60)]
    checked = v1.do("register_devices", product_id=product, names=names)
    v1.do("make_registered_devices", product_id=product, registration_id=checked["id"])
    until(lambda: v1.do("count_devices", product_id=product), lambda counts: counts["devices"] == 60)
    first = admin.get(f"/devices?product_id={product}&sort=name&status=never_online&q=")
    assert re.findall(r"n-\d{3}(?=</a>)", first.html) == names[:50]
    [following] = [link for link in first.links() if "cursor=" in link]
    assert {"sort=name", "status=never_online", f"product_id={product}"} <= set(following[1:].split("&"))
    second = admin.get(f"/devices{following}")
    assert re.findall(r"n-\d{3}(?=</a>)", second.html) == names[50:]
    assert not [link for link in second.links() if "cursor=" in link]
    assert "60 devices" in first.text or "60," in first.text


def test_a_device_is_found_by_its_id_its_name_or_its_nickname(v1: Api, admin: Browser) -> None:
    product = v1.do("create_product", name=unique("found"))["id"]
    name, nickname = unique("name"), unique("nick 灯")
    device = v1.do("create_device", product_id=product, name=name, nickname=nickname)["id"]
    for text in (device, name, nickname):
        assert f"/console/devices/{device}" in admin.get(f"/devices?q={quote(text)}").links(), text
    page = admin.get("/devices?q=nobody%20at%20all")
    assert "No device fits." in page.text


# --- acts -----------------------------------------------------------------------------------------------------------


def a_rollout(v1: Api, **careful: Any) -> str:
    product = v1.do("create_product", name=unique("p"))["id"]
    for number in range(4):
        v1.do("create_device", product_id=product, name=f"d{number}")
    package = v1.do("create_package", name=unique("fw"), version="2.0", product_id=product, verify=False,
                    upload_url=v1.upload(IMAGE))["id"]  # fmt: skip
    made = v1.do("create_rollout", kind="static", package_id=package, product_id=product, targets={"all": True},
                 **careful)["id"]  # fmt: skip
    until(lambda: v1.do("show_rollout", rollout_id=made), lambda shown: shown["tasks"]["total"] == 4 or careful)
    return str(made)


def told(got: httpx.Response) -> str:
    return Page(got).text


def test_a_rollout_is_steered_and_each_act_says_its_number(v1: Api, admin: Browser) -> None:
    rollout = a_rollout(v1)
    page = admin.get(f"/rollouts/{rollout}")
    assert "Cancel 4 open" in page.text and f"/console/do/rollouts/{rollout}/resume" not in page.forms
    scripted = {"hx-request": "true"}
    fields = {"csrf": admin.csrf(), "reason": "for a look"}
    first = admin.send(f"/do/rollouts/{rollout}/pause", fields, **scripted)
    assert first.status_code == 200 and "The rollout is paused." in told(first) and first.headers["hx-trigger"]
    assert v1.do("show_rollout", rollout_id=rollout)["paused"]["by"] == "user boss"
    other = browser(v1, "second", "operator", ACCOUNT)
    again = other.send(f"/do/rollouts/{rollout}/pause", {"csrf": other.csrf(), "reason": "mine"}, **scripted)
    assert "Paused by user boss." in told(again) and "for a look" in told(again), "the second is told what happened"
    assert "for a look" in admin.get(f"/rollouts/{rollout}").text
    assert admin.send(f"/do/rollouts/{rollout}/resume", fields | {"reason": ""}, **scripted).status_code == 200
    late = other.send(f"/do/rollouts/{rollout}/resume", {"csrf": other.csrf()}, **scripted)
    assert "<html" not in late.text and late.status_code in (200, 409)
    done = admin.send(f"/do/rollouts/{rollout}/cancel", {"csrf": admin.csrf()}, **scripted)
    assert "4 devices" in told(done)
    entries = v1.do("list_audit", who="user boss", operation="cancel_rollout")["items"]
    assert [each["tongue"] for each in entries] == ["console"]


def test_a_revision_that_was_changed_meanwhile_is_not_approved(v1: Api, admin: Browser) -> None:
    rollout = a_rollout(v1, approval={})
    approver = browser(v1, unique("approves"), "approver", ACCOUNT)
    form = approver.get(f"/rollouts/{rollout}").forms[f"/console/do/rollouts/{rollout}/approve"]
    v1.do("update_rollout", rollout_id=rollout, maximum_per_min=7)
    assert approver.send(f"/do/rollouts/{rollout}/approve", form).status_code == 409
    form = approver.get(f"/rollouts/{rollout}").forms[f"/console/do/rollouts/{rollout}/approve"]
    assert approver.send(f"/do/rollouts/{rollout}/approve", form).status_code == 303
    assert v1.do("show_rollout", rollout_id=rollout)["approval"]["status"] == "approved"


def test_a_viewer_sees_no_act_of_a_rollout(v1: Api, admin: Browser) -> None:
    rollout = a_rollout(v1)
    viewer = browser(v1, unique("looks"), "viewer", ACCOUNT)
    page = viewer.get(f"/rollouts/{rollout}")
    assert not [action for action in page.forms if "/do/" in action]
    for verb in ("pause", "resume", "cancel", "promote", "retry", "end", "approve", "refuse"):
        assert viewer.do(f"/rollouts/{rollout}/{verb}").status_code == 403, verb


def test_one_that_was_cancelled_says_how_many_it_reached_and_a_devices_lines_say_its_states(
    v1: Api, admin: Browser
) -> None:
    rollout = a_rollout(v1)
    v1.do("cancel_rollout", rollout_id=rollout)
    shown = until(lambda: v1.do("show_rollout", rollout_id=rollout), lambda shown: shown["status"] == "canceled")
    for path in ("/rollouts", f"/rollouts/{rollout}"):
        page = admin.get(path)
        assert "0 of 4 updated" in page.text, path
    device = v1.do("list_devices", product_id=shown["product_id"])["items"][0]["id"]
    lines = admin.get(f"/devices/{device}?kind=task").text
    assert "Task created · Queued" in lines and "Task canceled · Queued → Canceled" in lines


def test_a_rollout_that_a_person_paused_says_who_and_why_on_the_first_page(v1: Api, admin: Browser) -> None:
    rollout = a_rollout(v1)
    paused = admin.send(f"/do/rollouts/{rollout}/pause", {"csrf": admin.csrf(), "reason": "for the fair"})
    assert paused.status_code == 303
    page = admin.get("/")
    assert "Paused by user boss" in page.text and "for the fair" in page.text


def test_a_rollout_is_undone_from_its_page_in_two_steps(v1: Api, admin: Browser) -> None:
    rollout = a_rollout(v1)
    scripted = {"hx-request": "true"}
    planned = admin.send(f"/do/rollouts/{rollout}/rollback", {"csrf": admin.csrf()}, **scripted)
    assert planned.status_code == 200, planned.text
    assert v1.do("show_rollback", rollout_id=rollout)["status"] == "ready"
    assert "0 devices can be brought back." in admin.get(f"/rollouts/{rollout}").text
    started = admin.send(f"/do/rollouts/{rollout}/rollback/start", {"csrf": admin.csrf(), "devices": "4"}, **scripted)
    assert started.status_code == 409 and "Cancel or pause it first" in told(started)


def test_a_soak_is_skipped_where_the_open_wave_has_one(v1: Api, admin: Browser) -> None:
    rollout = a_rollout(v1, waves=[{"percent": 50, "soak_min": 60}, {"percent": 100}])
    until(lambda: v1.do("show_rollout", rollout_id=rollout), lambda shown: shown["waves"][0]["status"] == "open")
    assert "Skip the soak" in admin.get(f"/rollouts/{rollout}").text
    done = admin.send(
        f"/do/rollouts/{rollout}/promote",
        {"csrf": admin.csrf(), "wave": "2", "skip_soak": "true"},
        **{"hx-request": "true"},
    )
    assert done.status_code == 200, done.text
    assert "soak_skipped" in {each["what"] for each in v1.every("list_rollout_decisions", rollout_id=rollout)}


def test_the_rollout_that_has_a_device_is_named_as_the_api_names_it(v1: Api, admin: Browser) -> None:
    first = a_rollout(v1)
    product = v1.do("show_rollout", rollout_id=first)["product_id"]
    package = v1.do("create_package", name=unique("fw"), version="3.0", product_id=product, verify=False,
                    upload_url=v1.upload(IMAGE))["id"]  # fmt: skip
    second = v1.do("create_rollout", kind="static", package_id=package, product_id=product, targets={"all": True})["id"]
    until(lambda: v1.do("show_rollout", rollout_id=second), lambda shown: shown["tasks"]["total"] == 4)
    device = v1.do("list_devices", product_id=product)["items"][0]["id"]
    why = v1.do("explain_device", device_id=device, rollout_id=second)
    assert why["code"] == "queued_behind"
    assert f"it has a task of rollout {first}" in [each["fact"] for each in why["checks"]]
    assert f"/console/rollouts/{first}" in admin.get(f"/devices/{device}?rollout_id={second}").links()


def test_the_audit_of_a_span(v1: Api, admin: Browser) -> None:
    page = admin.get("/audit?since=2100-01-01T00:00:00Z")
    assert "Nothing is written down that fits." in page.text and 'value="2100-01-01T00:00:00Z"' in page.html
    assert "create_user" in admin.get("/audit?until=2100-01-01T00:00:00Z&operation=create_user").text


# --- live parts -----------------------------------------------------------------------------------------------------


def test_a_part_is_sent_again_when_it_is_another_and_ends_with_the_session(v1: Api) -> None:
    watcher = browser(v1, unique("watches"), "operator", ACCOUNT)
    rollout = a_rollout(v1)
    parts: list[str] = []
    over = threading.Event()

    def watch() -> None:
        with (
            httpx.Client(timeout=30, cookies=watcher.cookies) as client,
            client.stream("GET", f"{watcher.root}/live/rollouts/{rollout}") as got,
        ):
            assert got.headers["content-type"] == "text/event-stream"
            for line in got.iter_lines():
                if line == "event: over":
                    break
                if line.startswith("event: "):
                    parts.append("")
                elif line.startswith("data: "):
                    parts[-1] += line[6:] + "\n"
        over.set()

    watching = threading.Thread(target=watch)
    watching.start()
    until(lambda: len(parts), lambda n: n == 1)
    v1.do("pause_rollout", rollout_id=rollout, reason="to be seen at once")
    until(lambda: parts[-1], lambda part: "to be seen at once" in part and "</section>" in part)
    assert "<html" not in parts[-1] and len(parts) == 2, "a part that is the same is not sent again"
    watcher.do("/sessions")
    assert over.wait(20)
    watching.join(10)


def test_a_stranger_is_told_to_stop(v1: Api) -> None:
    got = httpx.get(f"http://{v1.address}/console/live/")
    assert (got.status_code, got.content) == (204, b"")


def test_each_page_says_by_which_requests_a_script_has_the_same(v1: Api, admin: Browser, evil: dict[str, Any]) -> None:
    page = admin.get(f"/devices?product_id={evil['product']}")
    asked = re.findall(r"<li><code>(/v1/[^<]+)</code></li>", page.html)
    assert len(asked) >= 3
    for path in asked:
        got = v1.ask("GET", path.replace("&amp;", "&"))
        assert got.status_code == 200 and json.loads(got.text), path
