"""Alibaba's module operations (alibaba 2.6): the parts of a product that are updated separately."""

from typing import Any

from upwell.dialects.alibaba.render import page
from upwell.dialects.checks import Length
from upwell.dialects.operations import Operation, Param, Values
from upwell.dialects.rpc_answers import gmt
from upwell.dialects.rpc_checks import ALIAS, DEVICE_KEY, PRODUCT_KEY, VERSION, asked, device_key, page_params
from upwell.domain import commands as c
from upwell.domain.errors import Invalid

MODULE_NAME = Param("ModuleName", required=True, check=VERSION)  # alibaba 2.2: the characters of a version
_ALIAS = Param("AliasName", check=ALIAS)


def _create(p: Values) -> c.CreateModule:
    return c.CreateModule(
        product_key=p["ProductKey"], name=p["ModuleName"], alias=p["AliasName"], description=p["Desc"]
    )


def _key(p: Values) -> c.ModuleKey:
    return c.ModuleKey(product_key=p["ProductKey"], name=p["ModuleName"])


def _update(p: Values) -> c.UpdateModule:
    if p["AliasName"] is None and p["Desc"] is None:
        raise Invalid("AliasName", "AliasName or Desc is given", "neither is")
    return c.UpdateModule(module=_key(p), alias=p["AliasName"], description=p["Desc"])


def _module(r: c.Module) -> dict[str, Any]:
    return {
        "ModuleName": r.name,
        "AliasName": r.alias,
        "Desc": r.description,
        "ProductKey": r.product_key,
        "GmtCreate": gmt(r.created_at),
        "GmtModified": gmt(r.modified_at),
    }


def _version(r: c.ModuleVersion) -> dict[str, Any]:
    return {
        "ModuleName": r.module,
        "ModuleVersion": r.version,
        "ProductKey": r.product_key,
        "DeviceName": r.device_name,
        "IotId": r.iot_id,
    }


OPERATIONS: dict[str, Operation] = {
    "CreateOTAModule": Operation(
        "operator", (PRODUCT_KEY, MODULE_NAME, _ALIAS, Param("Desc", check=Length(1, 100))), _create, limit_per_s=10
    ),
    "UpdateOTAModule": Operation(
        "operator",
        (PRODUCT_KEY, MODULE_NAME, _ALIAS, Param("Desc", check=Length(0, 100), keep_empty=True)),
        _update,
        limit_per_s=10,
    ),
    "DeleteOTAModule": Operation(
        "operator",
        (PRODUCT_KEY, MODULE_NAME),
        lambda p: c.DeleteModule(module=_key(p)),
        limit_per_s=10,
    ),
    "ListOTAModuleByProduct": Operation(
        "viewer",
        (PRODUCT_KEY,),
        lambda p: c.ListModules(product_key=p["ProductKey"]),
        lambda r: {"Data": [_module(item) for item in r.items]},  # alibaba 2.6: a flat array
        limit_per_s=10,
    ),
    "ListOTAModuleVersionsByDevice": Operation(
        "viewer",
        (*DEVICE_KEY, *page_params(200)),
        lambda p: c.ListModuleVersions(device=device_key(p), asked=asked(p)),
        page(_version, "SimpleOTAModuleInfo"),
        limit_per_s=10,
    ),
}
