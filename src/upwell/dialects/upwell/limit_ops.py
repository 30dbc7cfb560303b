"""Our own operations on the limits of an account or product over all its rollouts."""

from upwell.dialects.checks import Range
from upwell.dialects.operations import Param, Table, Values
from upwell.dialects.upwell.care import BYTES_PER_S, PER_MIN_MAX
from upwell.dialects.upwell.product_ops import PRODUCT_PATH
from upwell.dialects.upwell.rows import Row, row
from upwell.dialects.upwell.shapes import Shape, number, text
from upwell.domain import commands as c
from upwell.domain.pace import AT_ONCE_MAX

LIMITS = Shape("Limits", "How much all rollouts of an account or product may do together.", (
    text("product_id", lambda r: r.product_key, "absent: of the account", always=False),
    number("maximum_per_min", lambda r: r.maximum_per_min, "offers; absent: any number", always=False),
    number("at_once", lambda r: r.at_once, "devices at work; absent: any number", always=False),
    number("bytes_per_s", lambda r: r.bytes_per_s, "of downloads; absent: any number", always=False),
    number("spent", lambda r: r.spent, "offers of this minute"),
    number("at_work", lambda r: r.running if r.at_once is not None else None,
           "devices that were offered something and have not ended, or have just now", always=False),
))  # fmt: skip
_BODY: Table = (
    Param("maximum_per_min", "int", check=Range(0, PER_MIN_MAX)),
    Param("at_once", "int", check=Range(1, AT_ONCE_MAX)),
    BYTES_PER_S,
)


def _set(v: Values, product: str | None) -> c.SetLimits:
    said = {name: v[name] for name in ("maximum_per_min", "at_once", "bytes_per_s")}
    return c.SetLimits(product_key=product, **said)


_NOTES = "What is said is in place of all that was; `{}` has none. With `maximum_per_min` 0 nothing is offered."
OPERATIONS: dict[str, Row] = {
    "show_limits": row(
        "GET", "/limits", "viewer", "The limits of the account, and what is spent of them.",
        lambda _: c.ShowLimits(), LIMITS,
    ),
    "update_limits": row(
        "PATCH", "/limits", "admin", "Limit what all rollouts of the account do together.",
        lambda v: _set(v, None), LIMITS, body=_BODY, notes=_NOTES,
    ),
    "show_product_limits": row(
        "GET", "/products/{product_id}/limits", "viewer", "The limits of a product, and what is spent of them.",
        lambda v: c.ShowLimits(product_key=v["product_id"]), LIMITS, ids=PRODUCT_PATH,
    ),
    "update_product_limits": row(
        "PATCH", "/products/{product_id}/limits", "admin", "Limit what all rollouts of a product do together.",
        lambda v: _set(v, v["product_id"]), LIMITS, ids=PRODUCT_PATH, body=_BODY, notes=_NOTES,
    ),
}  # fmt: skip
