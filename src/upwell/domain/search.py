"""Which devices a condition means: a small tree of comparisons, in no vendor's words.

Dialects read their query languages into it; storage turns it into one SQL condition with parameters. It holds no text
of any query language and knows no table. Depth and size are bounded by whoever reads the text.
"""

from dataclasses import dataclass
from typing import Literal

Field = Literal[
    "product_key", "name", "nickname", "status", "node_type", "tag_key", "tag_value", "module", "version",
    "created_at", "activated_at", "group_id", "space", "public_id", "gateway", "behind", "record", "product_facts",
    "set_aside",
]  # fmt: skip
Operator = Literal["=", "!=", ">", ">=", "<", "<=", "like", "prefix", "in", "not in"]


@dataclass(frozen=True, slots=True)
class Compare:
    """`field operator values`. One value, unless the operator is in or not in. Times are ISO 8601 text in UTC, a status
    is UNACTIVE, ONLINE, OFFLINE or DISABLED, a node type GATEWAY or, behind a gateway, ENDPOINT. A gateway is the
    public id of the device right before it, empty for none; it is `behind` that one and whatever that one is behind. A
    record is the number of `domain.records` in decimal digits; a group id is a static group's. In a `like`, % is any
    text and _ any character; a `prefix` is how the value begins, literally. Modules are the same in any case of
    letters. The facts of a product equal a JSON object that they contain. A device is set aside
    at a time, which the value is."""

    field: Field
    operator: Operator
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Both:
    """Every one of these holds; with no parts it is always so. Comparisons of tag_key and tag_value, or of module and
    version, that stand beside each other here speak of the same tag or module; a second `tag_key =` or `module =`
    begins the next one."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of these holds; with no parts it is never so."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """It does not hold."""

    part: "Condition"


Condition = Compare | Both | Either | Not
EVERYONE = Both(())
