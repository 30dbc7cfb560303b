"""Huawei's module operations (huawei 2.5): their members, their commands, their answers."""

from typing import Any

from upwell.dialects.checks import Text
from upwell.dialects.huawei import names, render
from upwell.dialects.huawei.package_ops import MODULE_NAME
from upwell.dialects.huawei.params import CHINESE, ID_36, PRODUCT_ID, WINDOW, asked
from upwell.dialects.operations import Operation, Param, Values, at
from upwell.domain import commands as c
from upwell.domain.errors import Invalid
from upwell.domain.modules import STANDING, module_key

MODULES_MAX = 10  # custom modules of a product (huawei 2.1)

_ALIAS = Param("alias_name", check=Text(64, CHINESE + r"A-Za-z0-9_.\-", "Chinese, letters, digits or _ - .", low=0))
_DESCRIPTION = Param("description", check=Text(1024, low=0))
MODULE_ID = Param("module_id", required=True, check=Text(36, "A-Za-z0-9-", "letters, digits or -"))


def _create(v: Values) -> c.CreateModule:
    if module_key(v["module_name"]) in STANDING:
        raise Invalid("module_name", f"none of {', '.join(STANDING)}", "these are the firmware and the software")
    return c.CreateModule(
        space=v["app_id"],
        product_key=v["product_id"],
        name=v["module_name"],
        alias=v["alias_name"],
        description=v["description"],
        most=MODULES_MAX,
        standing=STANDING,
    )


def _key(v: Values) -> c.ModuleKey:
    return c.ModuleKey(module_id=names.read_module_id(v["module_id"]))


def _update(v: Values) -> c.UpdateModule:
    return c.UpdateModule(module=_key(v), alias=v["alias_name"], description=v["description"])


def _module(r: c.Module) -> dict[str, Any]:
    members = {
        "module_id": names.module_id(r.module_id or 0),
        "app_id": r.space.key,
        "product_id": r.product_key,
        "product_name": r.product_name,
        "module_name": r.name,
        "alias_name": r.alias,
        "description": r.description,
        "create_time": render.time(r.created_at),
    }
    return render.present(members)


_ALL, _ONE = "/ota-upgrades/modules", "/ota-upgrades/modules/{module_id}"

OPERATIONS: dict[str, Operation] = {
    "CreateOtaModule": at(
        "POST", _ALL, "operator", _create, _module, status=201,
        body=(Param("app_id", required=True, check=ID_36), Param("product_id", required=True, check=ID_36),
              Param("module_name", required=True, check=MODULE_NAME), _ALIAS, _DESCRIPTION),
    ),
    "ListOtaModules": at(
        "GET", _ALL, "viewer",
        lambda v: c.ListModules(asked=asked(v), space=v["app_id"], product_key=v["product_id"]),
        render.paged("modules", _module), query=(Param("app_id", required=True, check=ID_36), PRODUCT_ID, *WINDOW),
    ),
    "ShowOtaModule": at(
        "GET", _ONE, "viewer", lambda v: c.ShowModule(module=_key(v)), _module, ids=(MODULE_ID,),
    ),
    "UpdateOtaModule": at(
        "PUT", _ONE, "operator", _update, _module, ids=(MODULE_ID,), body=(_ALIAS, _DESCRIPTION),
    ),
    "DeleteOtaModule": at(
        "DELETE", _ONE, "operator", lambda v: c.DeleteModule(module=_key(v)), status=204, ids=(MODULE_ID,),
    ),
}  # fmt: skip
