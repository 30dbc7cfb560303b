"""Our own operations on modules, which are named in their product: their members, their commands, their answers."""

from upwell.dialects.operations import Param, Values
from upwell.dialects.upwell.params import DESCRIPTION, KEY, word
from upwell.dialects.upwell.product_ops import PRODUCT_PATH
from upwell.dialects.upwell.rows import Row, all_of, row
from upwell.dialects.upwell.shapes import Shape, at, text
from upwell.domain import commands as c

MODULE_NAME = word(64)
MODULE = Shape("Module", "A part of a product that is updated by itself.", (
    text("name", lambda r: r.name, "the same in any case of letters; `default` is the whole device"),
    text("product_id", lambda r: r.product_key),
    text("alias", lambda r: r.alias, always=False),
    text("description", lambda r: r.description, always=False),
    at("created_at", lambda r: r.created_at),
    at("modified_at", lambda r: r.modified_at),
))  # fmt: skip
_ALIAS = Param("alias", check=word(64))
_DESCRIPTION = Param("description", check=DESCRIPTION)
_ALL, _ONE = "/products/{product_id}/modules", "/products/{product_id}/modules/{module}"
_IDS = (Param("product_id", required=True, check=KEY), Param("module", required=True, check=MODULE_NAME))


def _key(v: Values) -> c.ModuleKey:
    return c.ModuleKey(product_key=v["product_id"], name=v["module"])


def _create(v: Values) -> c.CreateModule:
    return c.CreateModule(product_key=v["product_id"], name=v["name"], alias=v["alias"], description=v["description"])


OPERATIONS: dict[str, Row] = {
    "create_module": row(
        "POST", _ALL, "operator", "Make a module of a product.", _create, MODULE, status=201, ids=PRODUCT_PATH,
        body=(Param("name", required=True, check=MODULE_NAME), _ALIAS, _DESCRIPTION),
    ),
    "list_modules": all_of(
        _ALL, "viewer", "The modules of a product, `default` first.",
        lambda v: c.ListModules(asked=None, product_key=v["product_id"]), MODULE, ids=PRODUCT_PATH,
    ),
    "show_module": row(
        "GET", _ONE, "viewer", "A module.", lambda v: c.ShowModule(module=_key(v)), MODULE, ids=_IDS,
        notes="`default` is listed alone.", tagged=True,
    ),
    "update_module": row(
        "PATCH", _ONE, "operator", "Change what is said of a module.",
        lambda v: c.UpdateModule(module=_key(v), alias=v["alias"], description=v["description"]), MODULE, ids=_IDS,
        body=(_ALIAS, _DESCRIPTION),
    ),
    "delete_module": row(
        "DELETE", _ONE, "operator", "Delete a module that no package installs.",
        lambda v: c.DeleteModule(module=_key(v)), ids=_IDS,
    ),
}  # fmt: skip
