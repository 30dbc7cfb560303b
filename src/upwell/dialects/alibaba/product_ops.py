"""Alibaba's product operations (alibaba 3.1): their parameters, their commands, their answers.

What Alibaba keeps of a product and the core never reads lives in the product's facts under its wire names.
"""

from typing import Any

from upwell.dialects.alibaba.limits import UNNAMED
from upwell.dialects.checks import Length, OneOf
from upwell.dialects.operations import Operation, Param, Values
from upwell.dialects.rpc_answers import millis, paging
from upwell.dialects.rpc_checks import KEY_HEAD, KEY_SIZE, PRODUCT_KEY, PRODUCT_NAME, asked, page_params
from upwell.domain import commands as c
from upwell.domain.commands.lists import Page
from upwell.domain.errors import Invalid

_NET_TYPES = {"WIFI": 3, "CELLULAR": 6, "ETHERNET": 7, "OTHER": 8}  # alibaba 3.1: words in, numbers out
_PROTOCOLS = ("modbus", "opc-ua", "customize", "ble", "zigbee")
_PRODUCT = (
    Param("ProductName", required=True, check=PRODUCT_NAME),
    Param("NodeType", "int", required=True, check=OneOf((0, 1))),
    Param("ProtocolType", check=OneOf(_PROTOCOLS)),
    Param("AliyunCommodityCode", check=OneOf(("iothub_senior", "iothub"))),
    Param("DataFormat", "int", check=OneOf((0, 1))),
    Param("NetType", check=OneOf(tuple(_NET_TYPES))),
    Param("AuthType", check=OneOf(("secret", "id2", "x509")), default="secret"),
    Param("CategoryKey", check=Length(1, 64)),
    Param("Description", check=Length(0, 100)),
    Param("ValidateType", "int", default=1),
    Param("PublishAuto", "bool", default=True),
    Param("ResourceGroupId", check=Length(1, 64)),
    Param("Id2", "bool"),
    Param("JoinPermissionId", check=Length(1, 128)),
)


# --- commands -----------------------------------------------------------------------------------------------------


def _create_product(p: Values) -> c.CreateProduct:
    if p["ProtocolType"] and p["NodeType"] != 0:
        raise Invalid("ProtocolType", "only for devices behind a gateway (NodeType 0)", "NodeType is 1")
    facts = {name: value for name, value in p.items() if name != "ProductName" and value is not None}
    facts.setdefault("DataFormat", 1 if p["AliyunCommodityCode"] == "iothub_senior" else 0)
    return c.CreateProduct(name=p["ProductName"], unique_name=True, key_head=KEY_HEAD, key_size=KEY_SIZE, facts=facts)


def _list_products(p: Values) -> c.ListProducts:
    filters = ("AliyunCommodityCode", "ResourceGroupId")
    facts = {name: p[name] for name in filters if p[name]}
    return c.ListProducts(asked=asked(p), facts=facts)


def _update_product(p: Values) -> c.UpdateProduct:
    facts = {} if p["Description"] is None else {"Description": p["Description"]}
    return c.UpdateProduct(product_key=p["ProductKey"], name=p["ProductName"], unique_name=True, facts=facts)


# --- answers ------------------------------------------------------------------------------------------------------


def _created_product(r: c.Product) -> dict[str, Any]:
    facts = r.facts
    data = {
        "AliyunCommodityCode": facts.get("AliyunCommodityCode"),
        "AuthType": facts.get("AuthType", "secret"),
        "DataFormat": facts.get("DataFormat", 0),
        "Description": facts.get("Description"),
        "Id2": facts.get("Id2", False),
        "NodeType": facts.get("NodeType", 0),
        "ProductKey": r.product_key,
        "ProductName": r.name,
        "ProductSecret": r.product_secret,
        "ProtocolType": facts.get("ProtocolType"),
    }
    return {"ProductKey": r.product_key, "Data": data}


def _product(r: c.Product) -> dict[str, Any]:
    facts = r.facts
    more = {
        "CategoryKey": facts.get("CategoryKey"),
        "DeviceCount": r.device_count,
        "GmtCreate": millis(r.created_at),
        "NetType": _NET_TYPES.get(str(facts.get("NetType", "WIFI")), _NET_TYPES["OTHER"]),
        "Owner": True,
        "ProductStatus": facts.get("ProductStatus", "DEVELOPMENT_STATUS"),
        "ValidateType": facts.get("ValidateType", 1),
    }
    return {"Data": _created_product(r)["Data"] | more}


def _products(r: Page[c.Product]) -> dict[str, Any]:
    shown = ("AuthType", "DataFormat", "Description", "DeviceCount", "GmtCreate", "NodeType", "ProductKey")
    rows = [_product(item)["Data"] for item in r.items]
    infos = [{name: row[name] for name in (*shown, "ProductName")} for row in rows]
    return {"Data": paging(r, "CurrentPage") | {"List": {"ProductInfo": infos}}}


# --- the table ----------------------------------------------------------------------------------------------------

OPERATIONS: dict[str, Operation] = {
    "CreateProduct": Operation("operator", _PRODUCT, _create_product, _created_product, limit_per_s=50),
    "QueryProduct": Operation(
        "viewer", (PRODUCT_KEY,), lambda p: c.ShowProduct(product_key=p["ProductKey"]), _product, limit_per_s=50
    ),
    "QueryProductList": Operation(
        "viewer",
        (*page_params(200), Param("AliyunCommodityCode"), Param("ResourceGroupId")),
        _list_products,
        _products,
        limit_per_s=50,
    ),
    "UpdateProduct": Operation(
        "operator",
        (
            PRODUCT_KEY,
            Param("ProductName", required=True, check=PRODUCT_NAME),
            Param("Description", check=Length(0, 100), keep_empty=True),
        ),
        _update_product,
        limit_per_s=UNNAMED,
    ),
    "DeleteProduct": Operation(
        "operator", (PRODUCT_KEY,), lambda p: c.DeleteProduct(product_key=p["ProductKey"]), limit_per_s=500
    ),
}
