"""Huawei's device operations (huawei 4.3): their members, their commands, their answers.

A device_id is the core's public id, a node_id its name within the product, a device_name its nickname. fw_version is
the version of the module `default`, sw_version that of `software`.
"""

from typing import Any

from upwell.dialects.checks import OneOf, Pattern, Range, Serialised, Text
from upwell.dialects.huawei import names, render, search
from upwell.dialects.huawei.params import APP_ID, ID_36, ID_128, PRODUCT_ID, WINDOW, asked, name_of
from upwell.dialects.operations import Operation, Param, Table, Values, at
from upwell.domain import commands as c
from upwell.domain.commands.lists import Page
from upwell.domain.errors import Invalid
from upwell.domain.modules import DEFAULT_MODULE, SOFTWARE_MODULE
from upwell.domain.search import Both, Compare

EXTENSION_BYTES_MAX = 1024  # huawei 4.3: 1 KB
SHADOW_MAX = 500  # services of a product model
TIMEOUT_MAX_S = 2**31 - 1  # huawei 4.3 names no limit

PRIMARY, SECONDARY = "PRIMARY", "SECONDARY"
STATUS = {"ONLINE": "ONLINE", "OFFLINE": "OFFLINE", "UNACTIVE": "INACTIVE", "DISABLED": "FROZEN"}
DEVICE_ID = Param("device_id", required=True, check=ID_128)
NODE_ID = Text(64, "A-Za-z0-9_-", "letters, digits, _ or -")
_SECRET = Param("secret", check=Text(32, "A-Za-z0-9_-", "letters, digits, _ or -", low=8))
_ACCESS: Table = (Param("secure_access", "bool"), Param("timeout", "int", check=Range(0, TIMEOUT_MAX_S)))
_AUTH: Table = (
    Param("auth_type", check=OneOf(("SECRET", "CERTIFICATES"))),
    _SECRET,
    Param("fingerprint", check=Pattern("[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}", "40 or 64 hexadecimal digits")),
    *_ACCESS,
)
_MORE: Table = (
    Param("device_name", check=name_of(256)),
    # huawei 4.3 [sdk]: the name set; real descriptions have blanks, and nothing is gained by refusing them
    Param("description", check=Text(2048, low=0)),
    Param("extension_info", "object", check=Serialised(EXTENSION_BYTES_MAX)),
)
_SHADOW = Param("shadow", "list", most=SHADOW_MAX, members=(
    Param("service_id", required=True, check=Text(64)), Param("desired", "object"),
))  # fmt: skip
_CREATE: Table = (
    Param("device_id", check=ID_128),
    Param("node_id", required=True, check=NODE_ID),
    Param("product_id", required=True, check=ID_36),
    Param("gateway_id", check=ID_128),
    APP_ID,
    Param("auth_info", "members", default={}, members=_AUTH),
    _SHADOW,
    *_MORE,
)
FILTERS: Table = (
    PRODUCT_ID,
    Param("gateway_id", check=ID_128),
    Param("is_cascade_query", "bool", default=False),
    Param("node_id", check=NODE_ID),
    Param("device_name", check=name_of(256)),
    Param("start_time", "time"),
    Param("end_time", "time"),
    APP_ID,
)


def key(v: Values) -> c.DeviceKey:
    """The device that device_id names."""
    return c.DeviceKey(public_id=v["device_id"])


def _create(v: Values) -> c.CreateDevice:
    if v["shadow"]:
        raise Invalid("shadow", "not supported by this server", "leave the parameter out")
    auth = v["auth_info"]
    if auth.get("auth_type") == "CERTIFICATES" or auth.get("fingerprint"):
        raise Invalid("auth_info.auth_type", "SECRET; certificates are not supported by this server")
    return c.CreateDevice(
        product_key=v["product_id"],
        name=v["node_id"],
        public_id=v["device_id"] or f"{v['product_id']}_{v['node_id']}",  # huawei 4.3
        space=v["app_id"],
        nickname=v["device_name"],
        secret=auth.get("secret"),
        gateway_id=v["gateway_id"],
        description=v["description"],
        facts=_facts(v["extension_info"], auth),
    )


def _facts(extension: Any, auth: Values) -> dict[str, object]:
    facts = {"extension_info": extension, "secure_access": auth.get("secure_access"), "timeout": auth.get("timeout")}
    return render.present(facts)


def _change(v: Values) -> c.UpdateDevices:
    facts = _facts(v["extension_info"], v["auth_info"])
    change = c.DeviceChange(device=key(v), nickname=v["device_name"], description=v["description"], facts=facts)
    return c.UpdateDevices(changes=(change,))


def _enable(v: Values, enabled: bool) -> c.UpdateDevices:
    return c.UpdateDevices(changes=(c.DeviceChange(device=key(v), enabled=enabled),))


def _list(v: Values) -> c.ListDevices:
    after, before = v["start_time"], v["end_time"]
    if after and before and after >= before:
        raise Invalid("start_time", "earlier than end_time")
    product, above, node, name = v["product_id"], v["gateway_id"], v["node_id"], v["device_name"]
    given = (
        product and Compare("product_key", "=", (product,)),
        above and Compare("behind" if v["is_cascade_query"] else "gateway", "=", (above,)),
        node and Compare("name", "=", (node,)),
        name and Compare("nickname", "=", (name,)),
        after and Compare("created_at", ">", (after.isoformat(),)),
        before and Compare("created_at", "<", (before.isoformat(),)),
    )
    which = Both(tuple(part for part in given if part))
    return c.ListDevices(asked=asked(v), which=which, space=v["app_id"], order="record")


def _reset(v: Values) -> c.ResetSecret:
    return c.ResetSecret(
        device=key(v),
        secret=v["secret"],
        secondary=v["secret_type"] == SECONDARY,
        disconnect=v["force_disconnect"],
    )


# --- answers ------------------------------------------------------------------------------------------------------


def _who(r: c.Device) -> dict[str, Any]:
    return {
        "app_id": r.space.key,
        "app_name": r.space.name,
        "device_id": r.public_id,
        "node_id": r.name,
        "gateway_id": r.gateway_id or r.public_id,  # huawei 4.3: a direct device's is its own
        "device_name": r.nickname,
        "node_type": "ENDPOINT" if r.gateway_id else "GATEWAY",
    }


def _what(r: c.Device) -> dict[str, Any]:
    return {
        "fw_version": r.versions.get(DEFAULT_MODULE),
        "sw_version": r.versions.get(SOFTWARE_MODULE),
        "device_sdk_version": r.sdk_version,
        "product_id": r.product_key,
        "product_name": r.product_name,
        "status": STATUS[r.status],
        "tags": [{"tag_key": tag, "tag_value": value} for tag, value in r.tags],
    }


def _modules(r: c.Device) -> list[dict[str, str]]:
    own = (DEFAULT_MODULE, SOFTWARE_MODULE)
    return [
        {"module_name": module, "module_version": version}
        for module, version in sorted(r.versions.items())
        if module not in own
    ]


def _listed(r: c.Device) -> dict[str, Any]:
    return render.present(_who(r) | {"description": r.description} | _what(r))


def _device(r: c.Device) -> dict[str, Any]:
    auth = {
        "auth_type": "SECRET",
        "secret": r.secret,
        "secondary_secret": r.secondary_secret,
        "secure_access": r.facts.get("secure_access"),
        "timeout": r.facts.get("timeout", 0),  # huawei 4.3: 0 is never
    }
    more = {
        "auth_info": render.present(auth),
        "create_time": render.time(r.created_at),
        "connection_status_update_time": render.device_time(r.status_at),
        "active_time": render.device_time(r.activated_at),
        "modules": _modules(r),
        "extension_info": r.facts.get("extension_info"),
    }
    return _listed(r) | render.present(more)


def _found_device(r: c.Device) -> dict[str, Any]:
    members = _who(r) | _what(r) | {"modules": _modules(r), "marker": names.record_id(r.record)}
    return render.present(members)


def _found(r: Page[c.Device]) -> dict[str, Any]:
    if r.total is not None:  # a search counts, or it shows
        return {"count": r.total}
    shown = search.shown_of(r.asked)
    rows = [_found_device(item) for item in r.items]
    return {"devices": [{name: row[name] for name in shown if name in row} for row in rows]}


def _secret(r: c.SecretReset) -> dict[str, Any]:
    return {"device_id": r.public_id, "secret": r.secret, "secret_type": SECONDARY if r.secondary else PRIMARY}


_ONE = "/devices/{device_id}"
_IDS = (DEVICE_ID,)

OPERATIONS: dict[str, Operation] = {
    "AddDevice": at("POST", "/devices", "operator", _create, _device, status=201, body=_CREATE),
    "ListDevices": at("GET", "/devices", "viewer", _list, render.paged("devices", _listed), query=(*FILTERS, *WINDOW)),
    "ShowDevice": at(
        "GET", _ONE, "viewer", lambda v: c.ShowDevice(device=key(v)), _device, ids=_IDS,
    ),
    "UpdateDevice": at(
        "PUT", _ONE, "operator", _change, lambda r: _device(r[0]), ids=_IDS,
        body=(*_MORE, Param("auth_info", "members", default={}, members=_ACCESS)),
    ),
    "DeleteDevice": at(
        "DELETE", _ONE, "operator",
        lambda v: c.DeleteDevice(device=key(v), keep_gateway=True), status=204, ids=_IDS,
    ),
    "ResetDeviceSecret": at(
        "POST", _ONE + "/action", "operator", _reset, _secret, ids=_IDS,
        query=(Param("action_id", required=True, check=OneOf(("resetSecret",))),),
        body=(_SECRET, Param("force_disconnect", "bool", default=False),
              Param("secret_type", check=OneOf((PRIMARY, SECONDARY)), default=PRIMARY)),
    ),
    # huawei 4.3: 204 [inferred]
    "FreezeDevice": at(
        "POST", _ONE + "/freeze", "operator",
        lambda v: _enable(v, False), status=204, ids=_IDS,
    ),
    "UnfreezeDevice": at(
        "POST", _ONE + "/unfreeze", "operator",
        lambda v: _enable(v, True), status=204, ids=_IDS,
    ),
    "SearchDevices": at(
        "POST", "/search/query-devices", "viewer", lambda v: search.read(v["sql"]), _found,
        body=(Param("sql", required=True, check=Text(search.SQL_CHARS_MAX)),), limit_per_s=1,  # huawei 4.6
    ),
}  # fmt: skip
