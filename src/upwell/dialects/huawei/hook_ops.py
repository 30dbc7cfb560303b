"""Huawei's routing rules and their actions, as far as they push the status of batch tasks (huawei 6.5): their members,
their commands, their answers, and the notification itself.

The one subject is `batchtask` and `update`, the one channel HTTP_FORWARDING; every other is refused by name. A token is
never told back.
"""

from collections.abc import Callable
from datetime import UTC
from typing import Any

from upwell.dialects.checks import OneOf, Pattern, Text
from upwell.dialects.huawei import names, render
from upwell.dialects.huawei.flow import TASK_STATUS
from upwell.dialects.huawei.job_ops import TYPES
from upwell.dialects.huawei.params import APP_ID, WINDOW, asked, name_of
from upwell.dialects.operations import Operation, Param, Table, Values, at
from upwell.domain import commands as c
from upwell.domain.addresses import URL_CHARS_MAX
from upwell.domain.commands.lists import Page
from upwell.domain.errors import Invalid, Missing

RULES_MAX = 100  # of an account; no source names a limit
ACTIONS_MAX = 10  # of a rule; no source names a limit for these, and one rule of the other kind has as many
RESOURCE, EVENT, CHANNEL = "batchtask", "update", "HTTP_FORWARDING"
_SQL_CHARS_MAX = 2500
_EVERYWHERE, _IN_SPACE = "GLOBAL", "APP"

_RESOURCE_RULE = Pattern(RESOURCE, f"{RESOURCE}; no other resource is offered by this server")
_EVENT_RULE = Pattern(EVENT, f"{EVENT}, the one event of {RESOURCE}")
_CHANNEL = Param(
    "channel", required=True, check=Pattern(CHANNEL, f"{CHANNEL}; no other channel is offered by this server")
)
_APP_TYPE = Param("app_type", check=OneOf((_EVERYWHERE, _IN_SPACE)))
_NAME = Param("rule_name", check=name_of(256))
_DESCRIPTION = Param("description", check=Text(256, low=0))
_SQL: Table = (
    Param("select", check=Text(_SQL_CHARS_MAX, low=0)),
    Param("where", check=Text(_SQL_CHARS_MAX, low=0)),
)
_SUBJECT: Table = (
    Param("resource", required=True, check=_RESOURCE_RULE),
    Param("event", required=True, check=_EVENT_RULE),
)
_SUBJECT_FIELD = Param("subject", "members", required=True, members=_SUBJECT)
_HTTP: Table = (
    Param("url", required=True, check=Text(URL_CHARS_MAX)),
    Param("cert_id", check=Text(64, low=0)),
    Param("cn_name", check=Pattern(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?", "a host name, with a port or without")),
    Param("sni_enable", "bool"),
    Param("signature_enable", "bool"),
    Param("token", check=Text(32, "A-Za-z0-9", "letters and digits", low=3)),
)
_FORWARDING: Table = (Param("http_forwarding", "members", required=True, members=_HTTP),)
_DETAIL = Param("channel_detail", "members", required=True, members=_FORWARDING)
_ID_TEXT = Text(36, "A-Za-z0-9_-", "letters, digits, _ or -")
_RULE_ID = Param("rule_id", required=True, check=_ID_TEXT)
_ACTION_ID = Param("action_id", required=True, check=_ID_TEXT)


# --- rules --------------------------------------------------------------------------------------------------------


def _create(v: Values) -> c.CreateHook:
    _refuse_sql(v)
    in_space = v["app_type"] == _IN_SPACE
    return c.CreateHook(
        most=RULES_MAX,
        name=v["rule_name"],
        description=v["description"],
        in_space=in_space,
        space=v["app_id"] if in_space else None,
    )


def _scan(v: Values) -> c.ListHooks:
    in_space, space = _which(v)
    return c.ListHooks(asked=asked(v), in_space=in_space, space=space, name=v["rule_name"], active=v["active"])


def _which(v: Values) -> tuple[bool | None, str | None]:
    """Of which spaces: an app_id counts with APP, or alone; GLOBAL means the rules of the account."""
    if v["app_type"] == _EVERYWHERE:
        return False, None
    return (True if v["app_type"] or v["app_id"] else None), v["app_id"]


def _change(v: Values) -> c.UpdateHook:
    _refuse_sql(v)
    return c.UpdateHook(
        hook_id=names.read_rule_id(v["rule_id"]),
        name=v["rule_name"],
        description=v["description"],
        active=v["active"],
    )


def _refuse_sql(v: Values) -> None:
    for name in ("select", "where"):
        if v[name]:
            raise Invalid(name, "empty; this server pushes every change of status, and whole")


def _rule(r: c.Hook) -> dict[str, Any]:
    members = {
        "rule_id": names.rule_id(r.hook_id),
        "rule_name": r.name,
        "description": r.description,
        "subject": {"resource": RESOURCE, "event": EVENT},
        "app_type": _EVERYWHERE if r.space is None else _IN_SPACE,
        "app_id": r.space,
        "active": r.active,
    }
    return render.present(members)


# --- actions ------------------------------------------------------------------------------------------------------


def _add(v: Values) -> c.CreateAction:
    return c.CreateAction(hook_id=names.read_rule_id(v["rule_id"]), most=ACTIONS_MAX, **_destination(v))


def _destination(v: Values) -> dict[str, Any]:
    http = v["channel_detail"]["http_forwarding"]
    member = "channel_detail.http_forwarding."
    if http["cert_id"]:
        raise Invalid(f"{member}cert_id", "none; this server trusts the authorities of its own system")
    if http["signature_enable"] and http["token"] is None:
        raise Missing(f"{member}token", f"{member}signature_enable is true")
    if http["sni_enable"] and http["cn_name"] is None:
        raise Missing(f"{member}cn_name", f"{member}sni_enable is true")
    return {
        "url": http["url"],
        "token": http["token"] if http["signature_enable"] else None,  # [sdk: HttpForwarding]: without it, of no effect
        "server_name": http["cn_name"].partition(":")[0] if http["sni_enable"] else None,
    }


def _scan_actions(v: Values) -> c.ListActions:
    in_space, space = _which(v)
    hook_id = None if v["rule_id"] is None else names.read_rule_id(v["rule_id"])
    return c.ListActions(asked=asked(v), hook_id=hook_id, in_space=in_space, space=space)


def _action(r: c.HookAction) -> dict[str, Any]:
    http = {
        "url": r.url,
        "cn_name": r.server_name,
        "sni_enable": r.server_name is not None,
        "signature_enable": r.is_signed,
    }
    members = {
        "action_id": names.action_id(r.action_id),
        "rule_id": names.rule_id(r.hook_id),
        "app_id": r.space,
        "channel": CHANNEL,
        "channel_detail": {"http_forwarding": render.present(http)},
    }
    return render.present(members)


def _page(name: str, item: Callable[[Any], dict[str, Any]]) -> Callable[[Page[Any]], dict[str, Any]]:
    """These two lists have their count and marker beside the items [sdk: ListRoutingRulesResponse]."""
    return lambda page: {name: [item(each) for each in page.items], **render.page(page)}


# --- the notification ---------------------------------------------------------------------------------------------


def notification(news: c.News, request_id: str) -> bytes:
    """The body that a rule's URL is posted (huawei 6.5)."""
    at = news.at.astimezone(UTC)
    body = {
        "app_id": news.space,
        "task_id": names.task_id(news.job_id),
        "task_type": TYPES[news.part],
        "status": TASK_STATUS[news.progress],
        "status_desc": news.reason,
    }
    members = {
        "resource": RESOURCE,
        "event": EVENT,
        "event_time": render.time(at),
        "event_time_ms": render.device_time(at),
        "request_id": request_id,
        "notify_data": {"body": body},
    }
    return render.json_bytes(members)


_RULES, _ACTIONS = "/routing-rule/rules", "/routing-rule/actions"
_ONE_RULE, _ONE_ACTION = f"{_RULES}/{{rule_id}}", f"{_ACTIONS}/{{action_id}}"

OPERATIONS: dict[str, Operation] = {
    "CreateRoutingRule": at(
        "POST", _RULES, "operator", _create, _rule, status=201,
        body=(_NAME, _DESCRIPTION, _SUBJECT_FIELD, _APP_TYPE, APP_ID, *_SQL),
    ),
    "ListRoutingRules": at(
        "GET", _RULES, "viewer", _scan, _page("rules", _rule),
        query=(Param("resource", check=_RESOURCE_RULE), Param("event", check=_EVENT_RULE), _APP_TYPE, APP_ID, _NAME,
               Param("active", "bool"), *WINDOW),
    ),
    "ShowRoutingRule": at(
        "GET", _ONE_RULE, "viewer", lambda v: c.ShowHook(hook_id=names.read_rule_id(v["rule_id"])), _rule,
        ids=(_RULE_ID,),
    ),
    "UpdateRoutingRule": at(
        "PUT", _ONE_RULE, "operator", _change, _rule, ids=(_RULE_ID,),
        body=(_NAME, _DESCRIPTION, *_SQL, Param("active", "bool")),
    ),
    "DeleteRoutingRule": at(
        "DELETE", _ONE_RULE, "operator", lambda v: c.DeleteHook(hook_id=names.read_rule_id(v["rule_id"])), status=204,
        ids=(_RULE_ID,),
    ),
    "CreateRuleAction": at(
        "POST", _ACTIONS, "operator", _add, _action, status=201, body=(_RULE_ID, _CHANNEL, _DETAIL),
    ),
    "ListRuleActions": at(
        "GET", _ACTIONS, "viewer", _scan_actions, _page("actions", _action),
        query=(Param("rule_id", check=_ID_TEXT), Param("channel", check=_CHANNEL.check), _APP_TYPE, APP_ID, *WINDOW),
    ),
    "ShowRuleAction": at(
        "GET", _ONE_ACTION, "viewer", lambda v: c.ShowAction(action_id=names.read_action_id(v["action_id"])), _action,
        ids=(_ACTION_ID,),
    ),
    "UpdateRuleAction": at(
        "PUT", _ONE_ACTION, "operator",
        lambda v: c.UpdateAction(action_id=names.read_action_id(v["action_id"]), **_destination(v)), _action,
        ids=(_ACTION_ID,), body=(_CHANNEL, _DETAIL),
    ),
    "DeleteRuleAction": at(
        "DELETE", _ONE_ACTION, "operator", lambda v: c.DeleteAction(action_id=names.read_action_id(v["action_id"])),
        status=204, ids=(_ACTION_ID,),
    ),
}  # fmt: skip
