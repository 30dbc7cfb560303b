"""Status push from end to end (huawei 6.5): a rule and its action by the vendor's SDK, tasks that run to their ends,
and what a server of the user's gets."""

import asyncio
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from huaweicloudsdkiotda.v5 import model as m

from acceptance.client import Server, serve, until
from acceptance.huawei_fleet import Fleet, new_fleet, soon, steer
from acceptance.test_huawei_rules import create_action, create_rule

TOKEN = "Secret99"


@dataclass
class Desk:
    """A user's server: what was posted, in order. `refuses` so many posts before it takes one."""

    url: str = ""
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    refuses: int = 0

    def told(self, task: str) -> list[str]:
        """The statuses of a task, in the order in which they came."""
        bodies = [json.loads(body)["notify_data"]["body"] for _, body in list(self.posts)]
        return [body["status"] for body in bodies if body["task_id"] == task]

    def ends(self, task: str, *statuses: str) -> list[str]:
        return until(lambda: self.told(task), lambda told: told == list(statuses))


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.refuses -= 1
            if made.refuses < 0:
                made.posts.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(200 if made.refuses < 0 else 503)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{listener.server_address[1]}/news"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield made
    listener.shutdown()
    thread.join()
    listener.server_close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serve("--allow-private-push") as running:
        yield running


@pytest.fixture(scope="module")
def fleet(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return new_fleet(server, "news", tmp_path_factory.mktemp("fleet"))


@pytest.fixture
def rule(fleet: Fleet, desk: Desk) -> Iterator[str]:
    """An active rule that posts to the desk, signed."""
    rule_id = create_rule(fleet.client).rule_id
    create_action(fleet.client, rule_id, url=desk.url, signature_enable=True, token=TOKEN)
    switch(fleet, rule_id, True)
    yield rule_id
    fleet.client.delete_routing_rule(m.DeleteRoutingRuleRequest(rule_id=rule_id))


def switch(fleet: Fleet, rule_id: str, active: bool) -> None:
    body = m.UpdateRuleReq(active=active)
    fleet.client.update_routing_rule(m.UpdateRoutingRuleRequest(rule_id=rule_id, body=body))


async def test_each_status_of_a_task_is_posted_in_its_order(fleet: Fleet, desk: Desk, rule: str) -> None:
    good, bad = fleet.device(), fleet.device()
    package = fleet.package()
    async with fleet.online(good, "go"), fleet.online(bad, "go", fails="install") as device:
        at = m.TaskPolicy(schedule_time=soon(3))
        task = fleet.task(package, good, bad, task_policy=at)
        await fleet.over(task)
        ways = ["Waitting", "Processing", "PartialSuccess"]
        assert await asyncio.to_thread(desk.ends, task, *ways) == ways
        device.fails = None
        steer(fleet, "retry", task)
        await fleet.until(task, lambda shown: shown.batchtask.status == "Success")
        ways += ["Processing", "Success"]
        assert await asyncio.to_thread(desk.ends, task, *ways) == ways


async def test_what_a_post_says(fleet: Fleet, desk: Desk, rule: str) -> None:
    device_id = fleet.device()
    async with fleet.online(device_id, "go"):
        task = fleet.task(fleet.package(), device_id)
        await fleet.over(task)
        assert await asyncio.to_thread(desk.ends, task, "Processing", "Success") == ["Processing", "Success"]
    space = fleet.client.show_applications(m.ShowApplicationsRequest(default_app=True)).applications[0].app_id
    requests = []
    for headers, body in desk.posts:
        told: dict[str, Any] = json.loads(body)
        assert (told["resource"], told["event"]) == ("batchtask", "update")
        assert len(told["event_time"]) == 16 and told["event_time_ms"].endswith("Z")
        about = told["notify_data"]["body"]
        assert (about["app_id"], about["task_id"], about["task_type"]) == (space, task, "firmwareUpgrade")
        assert "status_desc" in about and headers["content-type"].startswith("application/json")
        requests.append(told["request_id"])
        at, _, digest = headers["x-upwell-signature"].removeprefix("t=").partition(",v1=")
        assert digest == hmac.new(TOKEN.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        assert abs(int(at) - time.time()) < 60
    assert len(set(requests)) == len(requests) == 2


async def test_a_post_that_is_refused_is_tried_again_before_the_next(fleet: Fleet, desk: Desk, rule: str) -> None:
    desk.refuses = 1
    device_id = fleet.device()
    async with fleet.online(device_id, "go"):
        task = fleet.task(fleet.package(), device_id)
        await fleet.over(task)
        assert await asyncio.to_thread(desk.ends, task, "Processing", "Success") == ["Processing", "Success"]
    assert desk.refuses < 0


async def test_a_stop_is_news_and_an_inactive_rule_tells_none(fleet: Fleet, desk: Desk, rule: str) -> None:
    first = fleet.task(fleet.package(), fleet.device())
    assert await asyncio.to_thread(desk.ends, first, "Processing") == ["Processing"]
    steer(fleet, "stop", first)
    assert await asyncio.to_thread(desk.ends, first, "Processing", "Stopped") == ["Processing", "Stopped"]
    switch(fleet, rule, False)
    second = fleet.task(fleet.package(), fleet.device())
    await fleet.until(second, lambda shown: shown.batchtask.status == "Processing")
    switch(fleet, rule, True)
    steer(fleet, "stop", second)
    assert await asyncio.to_thread(desk.ends, second, "Stopped") == ["Stopped"]
