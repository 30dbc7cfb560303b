"""Routing rules and their actions by the vendor's own SDK (huawei 6.5), and what of them is refused."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from huaweicloudsdkiotda.v5 import model as m

from acceptance.client import Key, Server, serve, unique
from acceptance.huawei_client import refusal, sdk, send, signed

URL = "https://push.example:8443/news?from=upwell"


@pytest.fixture(scope="module")
def key(server: Server) -> Key:
    return server.new_key("rules", "admin", "huawei")


@pytest.fixture(scope="module")
def client(server: Server, key: Key) -> Any:
    return sdk(server.http, key)


@pytest.fixture
def space(client: Any) -> Iterator[str]:
    made = client.add_application(m.AddApplicationRequest(body=m.AddApplication(app_name=unique("space"))))
    yield str(made.app_id)
    client.delete_application(m.DeleteApplicationRequest(app_id=made.app_id))


def create_rule(client: Any, **more: Any) -> Any:
    subject = m.RoutingRuleSubject(resource="batchtask", event="update")
    return client.create_routing_rule(m.CreateRoutingRuleRequest(body=m.AddRuleReq(subject=subject, **more)))


def create_action(client: Any, rule_id: str, **more: Any) -> Any:
    detail = m.ChannelDetail(http_forwarding=m.HttpForwarding(**{"url": URL} | more))
    body = m.AddActionReq(rule_id=rule_id, channel="HTTP_FORWARDING", channel_detail=detail)
    return client.create_rule_action(m.CreateRuleActionRequest(body=body))


def test_the_life_of_a_rule(client: Any, space: str) -> None:
    made = create_rule(client, rule_name="规则-1", description="d", app_type="APP", app_id=space)
    facts = {
        "rule_id": made.rule_id, "rule_name": "规则-1", "description": "d", "app_type": "APP", "app_id": space,
        "subject": {"resource": "batchtask", "event": "update"}, "active": False,
    }  # fmt: skip
    assert _present(made) == facts
    shown = client.show_routing_rule(m.ShowRoutingRuleRequest(rule_id=made.rule_id))
    assert _present(shown) == facts
    body = m.UpdateRuleReq(active=True, rule_name="other", select="", where="")
    changed = client.update_routing_rule(m.UpdateRoutingRuleRequest(rule_id=made.rule_id, body=body))
    assert _present(changed) == facts | {"active": True, "rule_name": "other"}
    client.delete_routing_rule(m.DeleteRoutingRuleRequest(rule_id=made.rule_id))
    gone = m.ShowRoutingRuleRequest(rule_id=made.rule_id)
    assert refusal(lambda: client.show_routing_rule(gone))[:2] == (404, "IOTDA.010002")


def test_lists_of_rules(client: Any, space: str) -> None:
    every = create_rule(client, rule_name=unique("all"))
    one = create_rule(client, rule_name=unique("one"), app_type="APP", app_id=space)

    def ids(**more: Any) -> list[str]:
        listed = client.list_routing_rules(m.ListRoutingRulesRequest(**more))
        return [each.rule_id for each in listed.rules]

    assert ids()[:2] == [one.rule_id, every.rule_id]
    assert ids(app_type="APP", app_id=space) == ids(app_id=space) == ids(rule_name=one.rule_name) == [one.rule_id]
    assert ids(app_type="GLOBAL")[0] == every.rule_id and one.rule_id not in ids(app_type="GLOBAL")
    assert ids(active=True) == [] and ids(active=False, resource="batchtask", event="update") == ids()
    first = client.list_routing_rules(m.ListRoutingRulesRequest(limit=1))
    assert first.count == len(ids())
    assert ids(limit=1, marker=first.marker) == ids(limit=1, offset=1) == [every.rule_id]


def test_the_life_of_an_action(client: Any) -> None:
    rule_id = create_rule(client).rule_id
    made = create_action(client, rule_id, signature_enable=True, token="Secret99", sni_enable=True, cn_name="a.b:8443")
    detail = {"url": URL, "cn_name": "a.b", "sni_enable": True, "signature_enable": True}
    facts = {
        "action_id": made.action_id, "rule_id": rule_id, "channel": "HTTP_FORWARDING",
        "channel_detail": {"http_forwarding": detail},
    }  # fmt: skip
    assert _present(made) == facts
    shown = client.show_rule_action(m.ShowRuleActionRequest(action_id=made.action_id))
    assert _present(shown) == facts
    other = m.ChannelDetail(http_forwarding=m.HttpForwarding(url="https://other.example/"))
    body = m.UpdateActionReq(channel="HTTP_FORWARDING", channel_detail=other)
    changed = client.update_rule_action(m.UpdateRuleActionRequest(action_id=made.action_id, body=body))
    plain = {"url": "https://other.example/", "sni_enable": False, "signature_enable": False}
    assert _present(changed) == facts | {"channel_detail": {"http_forwarding": plain}}
    second = create_action(client, rule_id)
    listed = client.list_rule_actions(m.ListRuleActionsRequest(rule_id=rule_id, channel="HTTP_FORWARDING", limit=1))
    assert ([each.action_id for each in listed.actions], listed.count) == ([second.action_id], 2)
    rest = client.list_rule_actions(m.ListRuleActionsRequest(rule_id=rule_id, marker=listed.marker))
    assert [each.action_id for each in rest.actions] == [made.action_id]
    client.delete_rule_action(m.DeleteRuleActionRequest(action_id=made.action_id))
    gone = m.ShowRuleActionRequest(action_id=made.action_id)
    assert refusal(lambda: client.show_rule_action(gone))[:2] == (404, "IOTDA.014808")
    client.delete_routing_rule(m.DeleteRoutingRuleRequest(rule_id=rule_id))
    gone = m.ShowRuleActionRequest(action_id=second.action_id)
    assert refusal(lambda: client.show_rule_action(gone))[:2] == (404, "IOTDA.014808")


def _present(answer: Any) -> dict[str, Any]:
    """The members that an answer has."""
    found = answer.to_json_object()

    def without_none(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: without_none(member) for name, member in value.items() if member is not None}
        return value

    return dict(without_none(found))


def test_strangers_and_viewers(server: Server, client: Any) -> None:
    rule_id = create_rule(client).rule_id
    other = sdk(server.http, server.new_key("rules-other", "admin", "huawei"))
    assert refusal(lambda: other.show_routing_rule(m.ShowRoutingRuleRequest(rule_id=rule_id)))[0] == 404
    assert refusal(lambda: create_action(other, rule_id))[:2] == (404, "IOTDA.010002")
    viewer = sdk(server.http, server.new_key("rules", "viewer", "huawei"))
    assert viewer.show_routing_rule(m.ShowRoutingRuleRequest(rule_id=rule_id)).rule_id == rule_id
    assert refusal(lambda: create_action(viewer, rule_id))[:2] == (403, "IOTDA.000022")


SUBJECT = {"resource": "batchtask", "event": "update"}
RULES: list[tuple[str, dict[str, Any]]] = [
    ("rule_name", {"rule_name": "n" * 257}),
    ("rule_name", {"rule_name": "a/b"}),
    ("description", {"description": "d" * 257}),
    ("subject", {"subject": None}),
    ("subject.resource", {"subject": {"resource": "device", "event": "update"}}),
    ("subject.event", {"subject": {"resource": "batchtask", "event": "create"}}),
    ("app_type", {"app_type": "ALL"}),
    ("app_id", {"app_type": "APP", "app_id": "a" * 37}),
    ("select", {"select": "*"}),
    ("where", {"where": "1 = 1"}),
]
HTTP = "channel_detail.http_forwarding"
PRIVATE = ["127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "127.1"]
ACTIONS: list[tuple[str, dict[str, Any]]] = [
    ("rule_id", {"rule_id": None}),
    ("channel", {"channel": "AMQP_FORWARDING"}),
    ("channel_detail", {"channel_detail": None}),
    (HTTP, {"channel_detail": {"amqp_forwarding": {"queue_name": "q"}}}),
    (f"{HTTP}.url", {"http": {"url": None}}),
    (f"{HTTP}.url", {"http": {"url": "ftp://push.example/"}}),
    (f"{HTTP}.url", {"http": {"url": "https://push.example/" + "x" * 1004}}),
    (f"{HTTP}.url", {"http": {"url": "https://user:word@push.example/"}}),
    *((f"{HTTP}.url", {"http": {"url": f"http://{host}/"}}) for host in PRIVATE),
    (f"{HTTP}.cert_id", {"http": {"cert_id": "c1"}}),
    (f"{HTTP}.cn_name", {"http": {"sni_enable": True}}),
    (f"{HTTP}.token", {"http": {"signature_enable": True}}),
    (f"{HTTP}.token", {"http": {"signature_enable": True, "token": "ab"}}),
    (f"{HTTP}.token", {"http": {"signature_enable": True, "token": "a" * 33}}),
    (f"{HTTP}.token", {"http": {"signature_enable": True, "token": "a-b"}}),
    (f"{HTTP}.signature_enable", {"http": {"signature_enable": "true"}}),
]  # fmt: skip


@pytest.fixture
def post(server: Server, key: Key) -> Callable[..., tuple[int, Any]]:
    def post(what: str, members: dict[str, Any]) -> tuple[int, Any]:
        body = json.dumps({name: value for name, value in members.items() if value is not None}).encode()
        path = f"/v5/iot/{key.project_id}/routing-rule/{what}"
        got = send(server.http, "POST", path, signed(server.http, key, "POST", path, body=body), body)
        return got.status, got.json()

    return post


@pytest.mark.parametrize(("member", "more"), RULES)
def test_refused_rules(post: Callable[..., Any], member: str, more: dict[str, Any]) -> None:
    status, told = post("rules", {"subject": SUBJECT} | more)
    assert (status, told["error_code"]) == (400, "IOTDA.000006")
    assert f" {member}" in told["error_msg"]


@pytest.mark.parametrize(("member", "more"), ACTIONS)
def test_refused_actions(client: Any, post: Callable[..., Any], member: str, more: dict[str, Any]) -> None:
    http = {name: value for name, value in ({"url": URL} | more.get("http", {})).items() if value is not None}
    rest = {name: value for name, value in more.items() if name != "http"}
    rule = create_rule(client).rule_id
    whole = {"rule_id": rule, "channel": "HTTP_FORWARDING", "channel_detail": {"http_forwarding": http}} | rest
    status, told = post("actions", whole)
    client.delete_routing_rule(m.DeleteRoutingRuleRequest(rule_id=rule))
    assert (status, told["error_code"]) == (400, "IOTDA.000006")
    assert f" {member}" in told["error_msg"]


def test_private_addresses_where_the_operator_allows_them() -> None:
    with serve("--no-request-limits", "--allow-private-push") as server:
        client = sdk(server.http, server.new_key("default", "admin", "huawei"))
        made = create_action(client, create_rule(client).rule_id, url="http://127.0.0.1:8080/x")
        assert made.channel_detail.http_forwarding.url == "http://127.0.0.1:8080/x"
        assert refusal(lambda: create_action(client, made.rule_id, url="http://2130706433/"))[0] == 400
