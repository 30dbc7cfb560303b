"""Our own operations on products and spaces: their members, their commands, their answers."""

from upwell.dialects.operations import Param, Values
from upwell.dialects.upwell import care, pages
from upwell.dialects.upwell.params import KEY, NAME, SPACE_ID, YES, path_id, sort
from upwell.dialects.upwell.rows import Row, all_of, listed, row
from upwell.dialects.upwell.shapes import Shape, at, free, number, switch, text
from upwell.domain import commands as c
from upwell.domain.errors import Missing

SPACES_MAX = 100  # of an account
KEY_SIZE = 11  # characters of a made-up product id: Alibaba's C SDKs have room for 20

SPACE = Shape("Space", "A partition of the account's products.", (
    text("id", lambda r: r.key),
    text("name", lambda r: r.name),
    switch("is_default", lambda r: r.is_default, "products lie here unless another space is named"),
    at("created_at", lambda r: r.created_at),
))  # fmt: skip
PRODUCT = Shape("Product", "A kind of device.", (
    text("id", lambda r: r.product_key, "Alibaba's and Tuya's ProductKey, Huawei's product_id"),
    text("name", lambda r: r.name),
    text("space_id", lambda r: r.space.key),
    number("device_count", lambda r: r.device_count),
    free("rollout_defaults", {"type": "object"},
         lambda r: None if r.rollout_defaults is None else care.shown(r.rollout_defaults),
         "how carefully its rollouts go about their devices where they do not say, of whatever tongue", always=False),
    at("created_at", lambda r: r.created_at),
))  # fmt: skip
PRODUCT_SECRET = Shape("ProductSecret", "What registers devices of the product.", (
    text("id", lambda r: r.product_key),
    text("secret", lambda r: r.product_secret),
))  # fmt: skip

_SPACE = path_id("space_id", KEY)
PRODUCT_PATH = path_id("product_id", KEY)
_NAME = Param("name", required=True, check=NAME)


def _create(v: Values) -> c.CreateProduct:
    return c.CreateProduct(
        name=v["name"], space=v["space_id"], product_key=v["id"], key_size=KEY_SIZE, unique_name=True
    )


def _update(v: Values) -> c.UpdateProduct:
    if v["name"] is None and v["rollout_defaults"] is None:
        raise Missing("name", "rollout_defaults is absent too")
    said = v["rollout_defaults"]
    defaults = None if said is None else care.read(said, "rollout_defaults.") or c.Care()
    return c.UpdateProduct(
        product_key=v["product_id"], name=v["name"], unique_name=v["name"] is not None, rollout_defaults=defaults
    )  # fmt: skip


def _list(v: Values) -> c.ListProducts:
    return c.ListProducts(asked=pages.asked(v), space=v["space_id"], name=v["name"], counted=False)


OPERATIONS: dict[str, Row] = {
    "create_space": row(
        "POST", "/spaces", "admin", "Make a space.",
        lambda v: c.CreateSpace(name=v["name"], most=SPACES_MAX), SPACE, status=201, body=(_NAME,),
        gives="space_id",
    ),
    "list_spaces": all_of(
        "/spaces", "viewer", "All spaces, newest first.", lambda v: c.ListSpaces(order=pages.order(v)), SPACE,
        query=(sort("name", "created_at"),),
    ),
    "show_space": row(
        "GET", "/spaces/{space_id}", "viewer", "A space.",
        lambda v: c.ShowSpace(space=v["space_id"]), SPACE, ids=_SPACE, tagged=True,
    ),
    "update_space": row(
        "PATCH", "/spaces/{space_id}", "admin", "Rename a space.",
        lambda v: c.RenameSpace(space=v["space_id"], name=v["name"]), SPACE, ids=_SPACE, body=(_NAME,),
    ),
    "delete_space": row(
        "DELETE", "/spaces/{space_id}", "admin", "Delete a space and all that is in it.",
        lambda v: c.DeleteSpace(space=v["space_id"]), ids=_SPACE,
        query=(Param("with_everything", "bool", required=True, check=YES),),
        notes="Its products and their devices go too; `with_everything` must say so.",
    ),
    "create_product": row(
        "POST", "/products", "operator", "Make a product.", _create, PRODUCT, status=201,
        body=(_NAME, Param("id", check=KEY), SPACE_ID), gives="product_id",
        notes="Without an `id` one is made up; it stays, because the ids of devices are made from it.",
    ),
    "list_products": listed(
        "/products", "viewer", "Products, newest first.", _list, PRODUCT,
        query=(SPACE_ID, Param("name", check=NAME), sort("name", "created_at")),
    ),
    "show_product": row(
        "GET", "/products/{product_id}", "viewer", "A product.",
        lambda v: c.ShowProduct(product_key=v["product_id"]), PRODUCT, ids=PRODUCT_PATH, tagged=True,
    ),
    "show_product_secret": row(
        "GET", "/products/{product_id}/secret", "operator", "The secret of a product.",
        lambda v: c.ShowProduct(product_key=v["product_id"]), PRODUCT_SECRET, ids=PRODUCT_PATH,
    ),
    "update_product": row(
        "PATCH", "/products/{product_id}", "operator", "Rename a product, or say how carefully it is rolled out to.",
        _update, PRODUCT, ids=PRODUCT_PATH,
        notes="Which rollouts want approval is for admins to say.",
        body=(Param("name", check=NAME), Param("rollout_defaults", "members", members=care.DEFAULTS, closed=True)),
    ),
    "delete_product": row(
        "DELETE", "/products/{product_id}", "operator", "Delete a product that has no devices.",
        lambda v: c.DeleteProduct(product_key=v["product_id"]), ids=PRODUCT_PATH,
    ),
}  # fmt: skip
