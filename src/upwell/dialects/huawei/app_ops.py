"""Huawei's resource spaces (huawei 4.1): their members, their commands, their answers."""

from typing import Any

from upwell.dialects.checks import Text
from upwell.dialects.huawei import render
from upwell.dialects.huawei.params import CHINESE, ID_36
from upwell.dialects.operations import Operation, Param, at
from upwell.domain import commands as c

SPACES_MAX = 10  # of an instance (huawei 4.1)
# huawei 4.1 and the SDK: "Chinese, letters, digits, _ and - and some special characters": those of the name set
_NAME = Param(
    "app_name",
    required=True,
    check=Text(64, CHINESE + r"A-Za-z0-9_?'#().,&%@! \-", "Chinese, letters, digits, blanks or _?'#().,&%@!-"),
)
_ID = Param("app_id", required=True, check=ID_36)


def _space(r: c.Space) -> dict[str, Any]:
    return {
        "app_id": r.key,
        "app_name": r.name,
        "create_time": render.time(r.created_at),
        "default_app": r.is_default,
    }


OPERATIONS: dict[str, Operation] = {
    "AddApplication": at(
        "POST", "/apps", "admin",
        lambda v: c.CreateSpace(name=v["app_name"], most=SPACES_MAX), _space, status=201, body=(_NAME,),
    ),
    "ShowApplications": at(
        "GET", "/apps", "viewer",
        lambda v: c.ListSpaces(is_default=v["default_app"]),
        lambda r: {"applications": [_space(item) for item in r]},  # huawei 4.1: no page
        query=(Param("default_app", "bool"),),
    ),
    "ShowApplication": at(
        "GET", "/apps/{app_id}", "viewer", lambda v: c.ShowSpace(space=v["app_id"]), _space, ids=(_ID,),
    ),
    "UpdateApplication": at(
        "PUT", "/apps/{app_id}", "admin",
        lambda v: c.RenameSpace(space=v["app_id"], name=v["app_name"]), _space, ids=(_ID,), body=(_NAME,),
    ),
    "DeleteApplication": at(
        "DELETE", "/apps/{app_id}", "admin", lambda v: c.DeleteSpace(space=v["app_id"]), status=204, ids=(_ID,),
    ),
}  # fmt: skip
