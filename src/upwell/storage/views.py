"""Rows as values: each view of the core from the columns of its statement, in one function each."""

import json

from upwell.domain import commands as c
from upwell.storage.database import Row


def space_of(row: Row) -> c.Space:
    """The space in a row."""
    return c.Space(
        key=row["space_key"],
        name=row["space_name"],
        is_default=row["space_is_default"],
        created_at=row["space_created_at"],
    )


def product_of(row: Row) -> c.Product:
    """The product in a row, with its space."""
    return c.Product(
        product_key=row["product_key"],
        product_secret=row["product_secret"],
        name=row["name"],
        space=space_of(row),
        facts=json.loads(row["facts"]),
        device_count=row["device_count"],
        created_at=row["created_at"],
    )
