"""The console's hooks, over plain HTTP, at a receiver that takes, fails, lies about its end and stalls."""

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from standardwebhooks import Webhook
from tests.webhook_receiver import OK, Receiver, answer

from acceptance.client import Server, serve, unique, until
from acceptance.console import Browser, Page, browser
from acceptance.upwell_client import Api, api

ACCOUNT = "console-hooks"
SCRIPTED = {"hx-request": "true"}
EVIL = "<script>alert(1)</script>{{7*7}}"


@pytest.fixture(scope="module")
def here() -> Iterator[Server]:
    """A server that sends to private addresses."""
    with serve("--allow-private-push") as running:
        yield running


@pytest.fixture(scope="module")
def v1(here: Server) -> Api:
    return api(here, ACCOUNT)


@pytest.fixture(scope="module")
def operator(v1: Api) -> Browser:
    return browser(v1, "steers", "operator", ACCOUNT)


@contextmanager
def receiving(receiver: Receiver) -> Iterator[str]:
    """The URL that it hears, in a loop of its own."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(receiver.serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/in"
    finally:
        loop.call_soon_threadsafe(receiver.released.set)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


def made(operator: Browser, **fields: str) -> Page:
    return Page(operator.send("/do/hooks", {"csrf": operator.csrf()} | fields, **SCRIPTED))


def secret_of(page: Page) -> str:
    found = re.search(r'id="made-secret">(whsec_[^<]+)<', page.html)
    assert found, page.text
    return found[1]


def newest(v1: Api, hook: str, status: str) -> dict[str, Any]:
    def found() -> list[dict[str, Any]]:
        return [each for each in v1.every("list_deliveries", hook_id=hook) if each["status"] == status]

    return dict(until(found, bool)[0])


def test_a_hook_from_its_making_to_its_end(v1: Api, operator: Browser) -> None:
    status = [200]
    receiver = Receiver(answers=lambda heard: OK if status[0] == 200 else answer(status[0], body=EVIL.encode()))
    with receiving(receiver) as url:
        assert "There are no hooks yet." in operator.get("/hooks").text
        page = made(operator, target_url=url, name="ci", types="upwell.key.made\nupwell.package.lost")
        assert page.status == 200 and page.headers["hx-retarget"] == "#made"
        secret = secret_of(page)
        [hook] = [each["id"] for each in v1.do("list_hooks")["items"]]
        assert v1.do("show_hook", hook_id=hook)["types"] == ["upwell.key.made", "upwell.package.lost"]
        for path in ("/hooks", f"/hooks/{hook}"):
            assert secret not in operator.get(path).html and "key.made" in operator.get(path).text
        assert operator.do(f"/hooks/{hook}/ping").status_code == 303
        taken = newest(v1, hook, "delivered")
        Webhook(secret).verify(receiver.taken[0].body, receiver.taken[0].headers)
        whole = operator.get(f"/hooks/{hook}/deliveries/{taken['event_id']}")
        assert "upwell.hook.ping" in whole.text and "200" in whole.text and f"POST {url}" in whole.text
        status[0] = 503
        assert operator.do(f"/hooks/{hook}/ping").status_code == 303
        waits = newest(v1, hook, "waiting")
        shown = operator.get(f"/hooks/{hook}?open=true")
        assert (
            "Its receiver takes nothing." in shown.text and "503" in shown.text and taken["event_id"] not in shown.html
        )
        failed = operator.get(f"/hooks/{hook}/deliveries/{waits['event_id']}")
        assert "&lt;script&gt;" in failed.html and "{{7*7}}" in failed.html and "Next try" in failed.text
        status[0] = 200
        operator.do(f"/hooks/{hook}", do="PATCH", enabled="false")
        assert "It is paused." in operator.get(f"/hooks/{hook}").text
        operator.do(f"/hooks/{hook}", do="PATCH", enabled="true")
        newest(v1, hook, "delivered")
        assert operator.do(f"/hooks/{hook}/redeliver", event_ids=taken["event_id"]).status_code == 303
        until(lambda: [each.event_id for each in receiver.taken].count(taken["event_id"]), (2).__eq__)
        span = {"first": taken["event_id"], "last": waits["event_id"]}
        assert operator.do(f"/hooks/{hook}/redeliver", **span).status_code == 303
        until(lambda: [each.event_id for each in receiver.taken].count(taken["event_id"]), (3).__eq__)
        turned = operator.send(
            f"/do/hooks/{hook}/rotate_secret", {"csrf": operator.csrf(), "overlap_hours": "0"}, **SCRIPTED
        )
        new = secret_of(Page(turned))
        assert new != secret
        changed = operator.do(f"/hooks/{hook}", do="PATCH", all_types="true", name="all of it", target_url=url)
        assert changed.status_code == 303 and v1.do("show_hook", hook_id=hook)["types"] == []
        gone = operator.send(
            f"/do/hooks/{hook}", {"csrf": operator.csrf(), "do": "DELETE", "back": "/console/hooks"}, **SCRIPTED
        )
        assert gone.headers["hx-redirect"] == "/console/hooks"
        assert operator.get(f"/hooks/{hook}").status == 404


def test_one_that_says_it_is_gone_is_told_as_that_and_one_that_stalls_as_being_sent(v1: Api, operator: Browser) -> None:
    receiver = Receiver(answers=lambda heard: None)
    with receiving(receiver) as url:
        made(operator, target_url=url, name="stalls", types="upwell.package.lost")
        hook = v1.do("list_hooks")["items"][0]["id"]
        operator.do(f"/hooks/{hook}/ping")
        sending = newest(v1, hook, "sending")
        assert "Being sent" in operator.get(f"/hooks/{hook}").text
        assert "It was not tried yet." in operator.get(f"/hooks/{hook}/deliveries/{sending['event_id']}").text
    with receiving(Receiver(answers=lambda heard: answer(410))) as url:
        made(operator, target_url=url, name="gone", types="upwell.package.lost")
        hook = v1.do("list_hooks")["items"][0]["id"]
        operator.do(f"/hooks/{hook}/ping")
        until(lambda: v1.do("show_hook", hook_id=hook), lambda shown: not shown["enabled"])
        assert "said that it is gone (410)" in operator.get(f"/hooks/{hook}").text


def test_what_is_wrong_is_told_by_its_field_and_nothing_is_made(v1: Api, operator: Browser) -> None:
    before = len(v1.do("list_hooks")["items"])
    for fields, wrong in (
        ({"target_url": "ftp://x.example/"}, "target_url"),
        ({"target_url": "https://x.example/", "types": "no"}, "types[0]"),
        ({"target_url": "https://x.example/", "product_id": "a b"}, "product_id"), ({}, "target_url"),
    ):  # fmt: skip
        page = made(operator, **fields)
        assert page.status == 400 and f'data-wrong="{wrong}"' in page.html, page.html
    assert made(operator, target_url="https://x.example/", rollout_id="ro_0000000000000000").status == 404
    assert len(v1.do("list_hooks")["items"]) == before


def test_a_receiver_at_a_private_address_is_refused_unless_the_server_allows_it(server: Server) -> None:
    v1 = api(server, ACCOUNT)
    page = made(browser(v1, unique("o"), "operator", ACCOUNT), target_url="http://169.254.169.254/latest")
    assert page.status == 400 and "whsec_" not in page.html


def test_a_viewer_sees_no_hook_and_no_other_account_does(here: Server, v1: Api, operator: Browser) -> None:
    made(operator, target_url="https://x.example/in?token=t", types="upwell.package.lost")
    hook = v1.do("list_hooks")["items"][0]["id"]
    viewer, other = browser(v1, unique("v"), "viewer", ACCOUNT), api(here, "console-hooks-other")
    stranger = browser(other, "stranger", "operator", "console-hooks-other")
    assert "/console/hooks" not in viewer.get("/").links()
    for path in ("/hooks", f"/hooks/{hook}", f"/hooks/{hook}/deliveries/evt_0000000000000001"):
        assert viewer.get(path).status == 403
    for verb, more in (("ping", {}), ("rotate_secret", {}), ("redeliver", {"last": "evt_0000000000000001"})):
        assert viewer.do(f"/hooks/{hook}/{verb}", **more).status_code == 403
        assert stranger.do(f"/hooks/{hook}/{verb}", **more).status_code == 404
    for method in ("PATCH", "DELETE"):
        assert viewer.do(f"/hooks/{hook}", do=method, enabled="false").status_code == 403
        assert stranger.do(f"/hooks/{hook}", do=method, enabled="false").status_code == 404
    assert stranger.get(f"/hooks/{hook}").status == 404 and "x.example" not in stranger.get("/hooks").html
    assert v1.do("show_hook", hook_id=hook)["enabled"]
    for form in ({"csrf": "x"}, {}):
        assert operator.send(f"/do/hooks/{hook}/ping", form).status_code == 403
