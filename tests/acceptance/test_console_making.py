"""A rollout is planned and made in the console, over plain HTTP: the form has what a script could say, once."""

import re
from typing import Any

import pytest

from acceptance.client import Server, unique, until
from acceptance.console import Browser, Page, browser
from acceptance.upwell_client import Api, api

ACCOUNT = "console-making"
SCRIPTED = {"hx-request": "true"}
EVIL = "\"'><script>alert(1)</script><img src=x>{{7*7}}"


@pytest.fixture(scope="module")
def v1(server: Server) -> Api:
    return api(server, ACCOUNT)


@pytest.fixture(scope="module")
def maker(v1: Api) -> Browser:
    return browser(v1, "maker", "operator", ACCOUNT)


def a_package(v1: Api, devices: int = 4, name: str = "", **more: Any) -> tuple[str, str]:
    product = v1.do("create_product", name=name or unique("p"))["id"]
    for number in range(devices):
        v1.do("create_device", product_id=product, name=f"d{number}")
    package = v1.do("create_package", name=name or unique("fw"), version="2.0", product_id=product, verify=False,
                    upload_url=v1.upload(b"firmware" * 1000), **more)["id"]  # fmt: skip
    return str(package), str(product)


def form_of(page: Page) -> dict[str, str]:
    """What the form has as it is opened, as a browser would send it."""
    kept = page.forms["/console/do/rollouts/plan"]
    return {name: kept[name] for name in ("csrf", "back", "once", "instead_of", "of_product")}


def opened(maker: Browser, package: str, product: str, /, **typed: str) -> dict[str, str]:
    fields = form_of(maker.get(f"/rollouts/new?package_id={package}&product_id={product}"))
    usual = {"package": f"{package} {product}", "kind": "static", "whom": "all", "care": "careful", "guarded": "true"}
    return fields | usual | typed


def chosen(page: Page, name: str) -> dict[str, str]:
    [found] = [given for _, given in page.elements if given.get("name") == name and "checked" in given]
    return found


def planned(maker: Browser, fields: dict[str, str]) -> Page:
    """The plan, when it is counted."""
    page = Page(maker.send("/do/rollouts/plan", fields, **SCRIPTED))
    assert page.status == 200, page.text
    plan = re.search(r'id="instead-of" value="([^"]+)"', page.html)
    assert plan is not None
    path = f"/plans/{plan[1]}"
    return until(lambda: maker.get(path, **{"x-upwell-part": "1"}), lambda shown: "hx-trigger" not in shown.html)


def test_the_plan_says_how_many_and_so_does_the_button(v1: Api, maker: Browser) -> None:
    package, product = a_package(v1)
    page = maker.get(f"/rollouts/new?package_id={package}&product_id={product}")
    assert page.status == 200 and "Make a rollout" in page.text
    shown = planned(maker, opened(maker, package, product))
    assert "Start with 1 device" in shown.text and "Never seen" in shown.text, shown.text
    every = planned(maker, opened(maker, package, product, care="all_at_once"))
    assert "Start with 4 devices" in every.text and "32.0 KB" in every.text
    two = {"whom": "device_names", "targets.device_names": "d0, d1\r\nd2", "approval": "true"}
    asks = planned(maker, opened(maker, package, product, **two))
    assert "Ask for approval of 3 devices" in asks.text, asks.text
    assert v1.do("list_rollouts")["items"] == [], "a plan makes nothing"
    assert not [each for each in v1.every("list_audit") if each["operation"] == "create_plan"]


def test_it_is_made_once_and_its_page_comes(v1: Api, maker: Browser) -> None:
    package, product = a_package(v1)
    fields = opened(maker, package, product, **{"tags.remark": "from the form", "maximum_per_min": "30"})
    first = maker.send("/do/rollouts", fields)
    again = maker.send("/do/rollouts", fields)
    assert (first.status_code, again.status_code) == (303, 303), first.text
    assert first.headers["location"] == again.headers["location"]
    [made] = [each for each in v1.do("list_rollouts")["items"] if each["product_id"] == product]
    assert first.headers["location"] == f"/console/rollouts/{made['id']}"
    assert (made["preset"], made["tags"], made["maximum_per_min"]) == ("careful", {"remark": "from the form"}, 30)
    assert made["guard"]["p1_percent"] == 10
    [entry] = [each for each in v1.every("list_audit") if each["operation"] == "create_rollout"]
    assert (entry["tongue"], entry["who"]) == ("console", "user maker")
    scripted = maker.send("/do/rollouts", opened(maker, *a_package(v1)), **SCRIPTED)
    assert scripted.headers["hx-redirect"].startswith("/console/rollouts/ro_")
    other = maker.send("/do/rollouts", fields | {"maximum_per_min": "31"}, **SCRIPTED)
    assert other.status_code == 422 and 'name="once"' in other.text, "another request is another one"


def test_own_waves_hours_and_pace_are_what_they_say(v1: Api, maker: Browser) -> None:
    package, product = a_package(v1)
    group = v1.do("create_group", name=unique("g"))["id"]
    fields = opened(maker, package, product, **{
        "care": "own", "waves[0].by": "group_id", "waves[0].of": group, "waves[0].soak_min": "30",
        "waves[1].by": "percent", "waves[1].of": "", "waves[2].by": "tag", "waves[2].of": "ring=1",
        "waves[3].by": "count", "waves[3].of": "2", "waves[4].by": "percent", "waves[4].of": "100",
        "guard.p1_percent": "20.5", "guard.action": "cancel", "pace.base_per_min": "5", "pace.factor": "1.5",
        "pace.each_succeeded": "3", "hours.open[0].from": "22:00", "hours.open[0].to": "04:00",
        "hours.zone": "Europe/Berlin", "hours.open[0].mon": "true", "hours.open[0].sat": "true", "retry.count": "2",
        "hours.open[4].from": "12:00", "hours.open[4].to": "13:00", "hours.open[4].sun": "true",
        "retry.interval_min": "10",
    })  # fmt: skip
    got = maker.send("/do/rollouts", fields)
    assert got.status_code == 303, Page(got).text
    made = v1.do("show_rollout", rollout_id=got.headers["location"].rpartition("/")[2])
    waves = [{k: w[k] for k in ("group_id", "tag", "count", "percent", "soak_min") if k in w} for w in made["waves"]]
    assert waves == [
        {"group_id": group, "soak_min": 30}, {"tag": {"key": "ring", "value": "1"}, "soak_min": 0},
        {"count": 2, "soak_min": 0}, {"percent": 100.0, "soak_min": 0},
    ]  # fmt: skip
    assert (made["guard"]["p1_percent"], made["guard"]["action"]) == (20.5, "cancel")
    assert (made["pace"]["base_per_min"], made["pace"]["factor"], made["retry"]["count"]) == (5, 1.5, 2)
    assert made["hours"]["open"] == [
        {"days": ["mon", "sat"], "from": "22:00", "to": "04:00"},
        {"days": ["sun"], "from": "12:00", "to": "13:00"},
    ]


def test_as_the_product_says_is_as_it_says(v1: Api, maker: Browser) -> None:
    package, product = a_package(v1)
    usual = {"preset": "fast", "guard": {"p1_percent": 30}, "approval": {"over": 2}}
    v1.do("update_product", product_id=product, rollout_defaults=usual)
    fields = opened(maker, package, product, care="usual")
    assert "Ask for approval of 4 devices" in planned(maker, fields).text
    made = maker.send("/do/rollouts", fields).headers["location"].rpartition("/")[2]
    shown = v1.do("show_rollout", rollout_id=made)
    assert (shown["preset"], shown["guard"]["p1_percent"], shown["status"]) == ("fast", 30, "awaiting_approval")
    page = maker.get(f"/rollouts/{made}")
    assert "Waits for approval" in page.text and f"/console/do/rollouts/{made}/approve" not in page.forms


@pytest.mark.parametrize(("typed", "at", "said"), [
    ({"package": ""}, "package", ""), ({"maximum_per_min": "many"}, "maximum_per_min", "an integer"),
    ({"whom": "device_names", "targets.device_names": ""}, "targets.device_names", ""),
    ({"care": "own", "waves[1].of": "10", "waves[3].of": "50"}, "waves[3].of", "100"),
    ({"care": "own", "waves[0].of": "100", "waves[0].soak_min": "x"}, "waves[0].soak_min", "an integer"),
    ({"guard.p1_percent": "1"}, "guarded", "p0 below p1"),
    ({"hours.open[1].from": "08:00", "hours.open[1].to": "09:00", "hours.open[3].from": "10:00",
      "hours.open[3].to": "10:00", "hours.zone": "UTC"}, "hours.open[3].from", "to another time"),
    ({"hours.open[0].from": "25:00", "hours.open[0].to": "04:00", "hours.zone": "UTC"}, "hours.open[0].from", "a time"),
    ({"scheduled_at": "tomorrow"}, "scheduled_at", "RFC 3339"),
])  # fmt: skip
def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(
    v1: Api, maker: Browser, typed: dict[str, str], at: str, said: str
) -> None:
    package, product = a_package(v1, devices=1)
    fields = opened(maker, package, product, **{"tags.remark": EVIL[:60], **typed})
    page = Page(maker.send("/do/rollouts", fields))
    assert page.status == 400, page.text
    name = "field-" + re.sub(r"[^A-Za-z0-9]+", "-", at).strip("-")
    wrong = re.search(f'<p class="wrong" id="{name}-wrong">(.*?)</p>', page.html)
    assert wrong is not None and said in wrong[1].replace("&#39;", "'"), wrong
    if said == "an integer":
        there = Page(maker.send("/do/rollouts", fields, **{"accept-language": "zh"}))
        assert "必须为：整数" in there.text and "must be" not in there.text
    kept = page.forms["/console/do/rollouts/plan"]
    assert kept["tags.remark"] == EVIL[:60] and kept["once"], "what was typed is there"
    assert all(kept[each] == value for each, value in typed.items() if value and each not in ("whom", "care"))
    for each in ("whom", "care"):
        assert {"type": "radio", "name": each, "value": fields[each], "checked": ""}.items() <= chosen(
            page, each
        ).items()
    assert not {tag for tag, _ in page.elements} & {"img"}
    scripted = Page(maker.send("/do/rollouts", fields, **SCRIPTED))
    assert scripted.status == 400 and f'data-wrong="{name}"' in scripted.html


def test_what_the_state_of_things_forbids_is_told_and_the_form_stays(v1: Api, maker: Browser) -> None:
    product = v1.do("create_product", name=unique("p"))["id"]
    package = v1.do("create_package", name=unique("fw"), version="2.0", product_id=product, verify=True,
                    upload_url=v1.upload(b"firmware"))["id"]  # fmt: skip
    page = Page(maker.send("/do/rollouts", opened(maker, package, product, **{"tags.remark": "stays"})))
    assert page.status == 409 and "verified" in page.text
    assert page.forms["/console/do/rollouts/plan"]["tags.remark"] == "stays"


def test_a_thousand_long_names_are_taken_and_one_more_is_refused_with_all_of_them_kept(v1: Api, maker: Browser) -> None:
    package, product = a_package(v1, devices=1)
    names = [f"{number:064}" for number in range(1000)]
    fields = opened(maker, package, product, whom="device_names", **{"targets.device_names": "\r\n".join(names)})
    got = Page(maker.send("/do/rollouts", fields, **SCRIPTED))
    assert got.status == 404 and "device" in got.text, "none of them is there, which is known of them all"
    fields = fields | {"once": opened(maker, package, product)["once"]}
    page = Page(maker.send("/do/rollouts", fields | {"targets.device_names": "\r\n".join([*names, "more"])}))
    assert page.status == 400 and "1000" in page.text and names[999] in page.text
    assert maker.send("/do/rollouts", fields | {f"waves[{n}].of": "1" for n in range(250)}).status_code == 400
    assert maker.send("/do/rollouts", fields | {"waves[0].of": "1" * 200_000}).status_code in (400, 413)


def test_without_scripts_a_button_shows_the_plan_beside_the_form(v1: Api, maker: Browser) -> None:
    package, product = a_package(v1)
    page = Page(maker.send("/do/rollouts/plan", opened(maker, package, product, **{"tags.remark": "stays"})))
    assert page.status == 200 and page.forms["/console/do/rollouts/plan"]["tags.remark"] == "stays"
    plan = page.forms["/console/do/rollouts/plan"]["instead_of"]
    assert plan.startswith("plan_")
    whole = until(lambda: maker.get(f"/plans/{plan}"), lambda shown: "Look again" not in shown.text)
    assert "Never seen" in whole.text


def test_an_older_plan_is_counted_no_further(v1: Api) -> None:
    package, product = a_package(v1)
    body = {"kind": "static", "package_id": package, "product_id": product, "targets": {"all": True}}
    for _ in range(25):
        plan = v1.do("create_plan", **body)["id"]
        newer = v1.do("create_plan", **body, instead_of=plan)
        assert newer["wants_approval"] is False
        older = v1.do("show_plan", plan_id=plan)
        assert older["status"] in ("done", "failed"), "it is over, one way or the other"
        v1.do("create_plan", **body, instead_of=newer["id"])


def test_who_may_not_sees_no_button_and_is_refused(server: Server, v1: Api, maker: Browser) -> None:
    package, product = a_package(v1)
    viewer = browser(v1, unique("looks"), "viewer", ACCOUNT)
    assert "/console/rollouts/new" not in viewer.get("/rollouts").links()
    assert "/console/rollouts/new" in maker.get("/rollouts").links()
    assert viewer.get("/rollouts/new").status == 403
    fields = opened(maker, package, product) | {"csrf": viewer.csrf()}
    for path in ("/do/rollouts", "/do/rollouts/plan"):
        assert viewer.send(path, fields).status_code == 403
    assert maker.send("/do/rollouts", opened(maker, package, product) | {"csrf": "x"}).status_code == 403
    assert maker.send("/do/rollouts", opened(maker, package, product), origin="http://evil").status_code == 403
    stranger = browser(api(server, "console-making-2"), "other", "admin", "console-making-2")
    got = stranger.send("/do/rollouts", opened(maker, package, product) | {"csrf": stranger.csrf()})
    assert got.status_code == 404, "another account's package is none"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_anybody_said_is_text(v1: Api, maker: Browser, language: str) -> None:
    package, product = a_package(v1, name=language + EVIL[:60])
    v1.do("create_group", name=unique("g") + EVIL[:40])
    for path in ("/rollouts/new", f"/rollouts/new?package_id={package}&product_id={product}"):
        page = maker.get(path, **{"accept-language": language})
        assert page.status == 200 and page.elements[0][1]["lang"] == language
        assert not {tag for tag, _ in page.elements} & {"img"} and "&lt;script&gt;" in page.html
        assert ("新建升级任务" if language == "zh" else "Make a rollout") in page.text
