"""Requests of routing rules and their actions: request, command, result of the core, answer."""

import huaweicloudsdkiotda.v5 as sdk
from tests.unit.huawei_samples import APP, PAGING, SLICE, SPACE, Case

from upwell.dialects.huawei import names
from upwell.domain import commands as c
from upwell.domain.commands.lists import Page

RULE_ID, ACTION_ID = names.rule_id(12), names.action_id(13)
URL = "https://example.test/news"
SUBJECT = sdk.RoutingRuleSubject(resource="batchtask", event="update")
DETAIL = sdk.ChannelDetail(
    http_forwarding=sdk.HttpForwarding(
        url=URL, cn_name="news.test", sni_enable=True, signature_enable=True, token="abc123"
    )
)
RULE = c.Hook(hook_id=12, name="news", description="d", space=APP, active=True, created_at=SPACE.created_at)
RULE_TOLD = {
    "rule_id": RULE_ID,
    "rule_name": "news",
    "description": "d",
    "subject": {"resource": "batchtask", "event": "update"},
    "app_type": "APP",
    "app_id": APP,
    "active": True,
}
ACTION = c.HookAction(
    action_id=13, hook_id=12, space=APP, url=URL, is_signed=True, server_name="news.test", created_at=SPACE.created_at
)
ACTION_TOLD = {
    "action_id": ACTION_ID,
    "rule_id": RULE_ID,
    "app_id": APP,
    "channel": "HTTP_FORWARDING",
    "channel_detail": {
        "http_forwarding": {"url": URL, "cn_name": "news.test", "sni_enable": True, "signature_enable": True}
    },
}
PLACE = {"url": URL, "token": "abc123", "server_name": "news.test"}
MARKER = {"count": 1, "marker": "0" * 23 + "c"}

RULES: list[Case] = [
    (
        "create_routing_rule",
        sdk.CreateRoutingRuleRequest(
            body=sdk.AddRuleReq(rule_name="news", description="d", subject=SUBJECT, app_type="APP", app_id=APP)
        ),
        c.CreateHook(most=100, name="news", description="d", in_space=True, space=APP),
        RULE,
        RULE_TOLD,
    ),
    (
        "list_routing_rules",
        sdk.ListRoutingRulesRequest(
            resource="batchtask", event="update", app_type="GLOBAL", rule_name="news", active=True, **PAGING
        ),
        c.ListHooks(asked=SLICE, in_space=False, name="news", active=True),
        Page(items=(RULE,), asked=SLICE, total=1, last=12),
        {"rules": [RULE_TOLD], **MARKER},
    ),
    (
        "show_routing_rule",
        sdk.ShowRoutingRuleRequest(rule_id=RULE_ID),
        c.ShowHook(hook_id=12),
        RULE,
        RULE_TOLD,
    ),
    (
        "update_routing_rule",
        sdk.UpdateRoutingRuleRequest(
            rule_id=RULE_ID, body=sdk.UpdateRuleReq(rule_name="new", description="e", active=False)
        ),
        c.UpdateHook(hook_id=12, name="new", description="e", active=False),
        RULE,
        RULE_TOLD,
    ),
    (
        "delete_routing_rule",
        sdk.DeleteRoutingRuleRequest(rule_id=RULE_ID),
        c.DeleteHook(hook_id=12),
        c.Done(),
        None,
    ),
    (
        "create_rule_action",
        sdk.CreateRuleActionRequest(
            body=sdk.AddActionReq(rule_id=RULE_ID, channel="HTTP_FORWARDING", channel_detail=DETAIL)
        ),
        c.CreateAction(hook_id=12, most=10, **PLACE),
        ACTION,
        ACTION_TOLD,
    ),
    (
        "list_rule_actions",
        sdk.ListRuleActionsRequest(rule_id=RULE_ID, channel="HTTP_FORWARDING", **PAGING),
        c.ListActions(asked=SLICE, hook_id=12),
        Page(items=(ACTION,), asked=SLICE, total=1, last=12),
        {"actions": [ACTION_TOLD], **MARKER},
    ),
    (
        "show_rule_action",
        sdk.ShowRuleActionRequest(action_id=ACTION_ID),
        c.ShowAction(action_id=13),
        ACTION,
        ACTION_TOLD,
    ),
    (
        "update_rule_action",
        sdk.UpdateRuleActionRequest(
            action_id=ACTION_ID, body=sdk.UpdateActionReq(channel="HTTP_FORWARDING", channel_detail=DETAIL)
        ),
        c.UpdateAction(action_id=13, **PLACE),
        ACTION,
        ACTION_TOLD,
    ),
    (
        "delete_rule_action",
        sdk.DeleteRuleActionRequest(action_id=ACTION_ID),
        c.DeleteAction(action_id=13),
        c.Done(),
        None,
    ),
]
