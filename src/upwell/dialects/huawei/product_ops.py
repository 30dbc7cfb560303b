"""Huawei's product operations (huawei 4.2): their members, their commands, their answers.

What Huawei keeps of a product and the core never reads, the product model included, lives in the product's facts under
its wire names.
"""

from collections.abc import Sequence
from typing import Any

from upwell.dialects.checks import OneOf, Serialised, Text
from upwell.dialects.huawei import render
from upwell.dialects.huawei.params import APP_ID, CHINESE, ID_36, WINDOW, asked, name_of
from upwell.dialects.operations import Operation, Param, Table, Values, at, checked
from upwell.domain import commands as c
from upwell.domain.errors import Invalid

ENTRIES_MAX = 500  # of each array of a product model
MODEL_BYTES_MAX = 500 * 1024
ITEMS_MAX = 500  # huawei 4.2 names no limit for enum_list

_PROTOCOLS = ("MQTT", "CoAP", "HTTP", "HTTPS", "Modbus", "ONVIF", "OPC-UA", "OPC-DA", "Other", "TCP", "UDP")
_TYPES = ("int", "long", "decimal", "string", "DateTime", "jsonObject", "enum", "boolean", "string list")
_PROSE = Text(
    128,
    CHINESE + r"A-Za-z0-9\s_?'#().,;&%@!\-，、：；。/",
    "Chinese, letters, digits, blanks or _?'#().,;&%@!-，、：；。/",
    low=0,
)
_SERVICE_NAME = Text(64, CHINESE + r"A-Za-z0-9_?'#().,&%@!\-$", "Chinese, letters, digits or _?'#().,&%@!-$")
_BOUND = Text(16)

_VALUE: Table = (
    Param("data_type", required=True, check=OneOf(_TYPES)),
    Param("required", "bool"),
    Param("enum_list", "list", most=ITEMS_MAX, unique=False),
    Param("min", check=_BOUND),
    Param("max", check=_BOUND),
    Param("max_length", "int"),
    Param("step", "number"),
    Param("unit", check=Text(16, low=0)),
    Param("description", check=_PROSE),
)
_PROPERTY: Table = (
    Param("property_name", required=True, check=name_of(64)),
    *_VALUE,
    Param("method", required=True, check=OneOf(("RWE", "RW", "RE", "WE", "E", "W", "R"))),
    Param("default_value", "any"),
)
_PARAS = Param(
    "paras",
    "list",
    most=ENTRIES_MAX,
    members=(Param("para_name", required=True, check=name_of(32)), *_VALUE),
)
_COMMAND: Table = (
    Param("command_name", required=True, check=name_of(64)),
    _PARAS,
    Param(
        "responses",
        "list",
        most=ENTRIES_MAX,
        members=(Param("response_name", required=True, check=name_of(128)), _PARAS),
    ),
)
_SERVICE: Table = (
    Param("service_id", required=True, check=_SERVICE_NAME),
    Param("service_type", required=True, check=_SERVICE_NAME),
    Param("properties", "list", most=ENTRIES_MAX, members=_PROPERTY),
    Param("commands", "list", most=ENTRIES_MAX, members=_COMMAND),
    Param(
        "events",
        "list",
        most=ENTRIES_MAX,
        members=(Param("event_type", required=True, check=name_of(32)), _PARAS),
    ),
    Param("description", check=_PROSE),
    Param("option", check=OneOf(("Master", "Mandatory", "Optional"))),
)


def _model(*, required: bool) -> Table:
    """The members that make and change a product; a change may leave any of them out."""
    return (
        Param("name", required=required, check=name_of(64)),
        Param("device_type", required=required, check=name_of(32)),
        Param("protocol_type", required=required, check=OneOf(_PROTOCOLS)),
        Param("data_format", required=required, check=OneOf(("json", "binary"))),
        Param("service_capabilities", "list", required=required, most=ENTRIES_MAX, members=_SERVICE),
        Param("manufacturer_name", check=name_of(32)),
        Param("industry", check=name_of(64)),
        Param("description", check=_PROSE),
        APP_ID,
    )


_ID = Param("product_id", required=True, check=ID_36)
_FACTS = ("device_type", "protocol_type", "data_format", "manufacturer_name", "industry", "description")
_SERVICES = "service_capabilities"


def _facts(v: Values) -> dict[str, object]:
    facts = {name: v[name] for name in _FACTS if v[name] is not None}
    if v[_SERVICES] is not None:
        facts[_SERVICES] = _checked(_given(v[_SERVICES]))
    return facts


def _given(value: Any) -> Any:
    """The model as it was given: without the members that were not."""
    if isinstance(value, dict):
        return {name: _given(member) for name, member in value.items() if member is not None}
    return [_given(item) for item in value] if isinstance(value, tuple) else value


def _checked(services: list[dict[str, Any]]) -> list[dict[str, Any]]:
    checked(Param(_SERVICES, check=Serialised(MODEL_BYTES_MAX)), services, _SERVICES)
    _refuse_twice(services, "service_id", _SERVICES)
    for place, service in enumerate(services):
        for part, name in (("properties", "property_name"), ("commands", "command_name"), ("events", "event_type")):
            _refuse_twice(service.get(part, ()), name, f"{_SERVICES}[{place}].{part}")
    return services


def _refuse_twice(entries: Sequence[dict[str, Any]], name: str, path: str) -> None:
    """huawei 4.2: ids and names are unique where they stand."""
    seen = set()
    for place, entry in enumerate(entries):
        if entry[name] in seen:
            raise Invalid(f"{path}[{place}].{name}", "not given twice")
        seen.add(entry[name])


def _create(v: Values) -> c.CreateProduct:
    return c.CreateProduct(name=v["name"], space=v["app_id"], product_key=v["product_id"], facts=_facts(v))


def _change(v: Values) -> c.UpdateProduct:
    return c.UpdateProduct(product_key=v["product_id"], space=v["app_id"], name=v["name"], facts=_facts(v))


def _listed(r: c.Product) -> dict[str, Any]:
    members = {
        "app_id": r.space.key,
        "app_name": r.space.name,
        "product_id": r.product_key,
        "name": r.name,
        # A product that another dialect made has none of these facts; here every device speaks MQTT and JSON.
        "device_type": "",
        "protocol_type": "MQTT",
        "data_format": "json",
        "create_time": render.time(r.created_at),
    }
    return members | {name: r.facts[name] for name in _FACTS if name in r.facts}


def _product(r: c.Product) -> dict[str, Any]:
    return _listed(r) | {_SERVICES: r.facts.get(_SERVICES, [])}


_ONE = "/products/{product_id}"

OPERATIONS: dict[str, Operation] = {
    "CreateProduct": at(
        "POST", "/products", "operator", _create, _product, status=201,
        body=(Param("product_id", check=ID_36), *_model(required=True)),
    ),
    "ListProducts": at(
        "GET", "/products", "viewer",
        lambda v: c.ListProducts(asked=asked(v), space=v["app_id"], name=v["product_name"]),
        render.paged("products", _listed), query=(APP_ID, Param("product_name", check=name_of(64)), *WINDOW),
    ),
    "ShowProduct": at(
        "GET", _ONE, "viewer",
        lambda v: c.ShowProduct(product_key=v["product_id"], space=v["app_id"]), _product,
        ids=(_ID,), query=(APP_ID,),
    ),
    "UpdateProduct": at(
        "PUT", _ONE, "operator", _change, _product, ids=(_ID,), body=_model(required=False),
    ),
    "DeleteProduct": at(
        "DELETE", _ONE, "operator",
        lambda v: c.DeleteProduct(product_key=v["product_id"], space=v["app_id"]), status=204,
        ids=(_ID,), query=(APP_ID,),
    ),
}  # fmt: skip
