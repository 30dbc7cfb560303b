"""The parameters that many of Huawei's operations share (huawei 1.10, 4): ids, names and parts of lists."""

from collections.abc import Mapping
from typing import Any

from upwell.dialects.checks import Pattern, Range, Text
from upwell.dialects.huawei import names
from upwell.dialects.operations import Param, Table
from upwell.domain.commands.lists import Slice

CHINESE = "\u4e00-\u9fa5"
ID_36 = Text(36, "A-Za-z0-9_-", "letters, digits, _ or -")  # app_id and product_id [seed]
ID_128 = Text(128, "A-Za-z0-9_-", "letters, digits, _ or -")  # device_id (huawei 4.3)
GROUP_ID = Text(36, "A-Fa-f0-9-", "hexadecimal digits or -")
APP_ID = Param("app_id", check=ID_36)
PRODUCT_ID = Param("product_id", check=ID_36)

# huawei 1.10
WINDOW: Table = (
    Param("limit", "int", check=Range(1, 50), default=10),
    Param("marker", check=Pattern("[0-9A-Fa-f]{24}", "24 hexadecimal digits")),
    Param("offset", "int", check=Range(0, 500), default=0),
)


def name_of(high: int) -> Text:
    """The check of a name of at most `high` characters (huawei 4.2: the name set)."""
    return Text(high, CHINESE + r"A-Za-z0-9_?'#().,&%@!\-", "Chinese, letters, digits or _?'#().,&%@!-")


def asked(given: Mapping[str, Any]) -> Slice:
    """The slice that limit, marker and offset ask for."""
    below = None if given["marker"] is None else names.read_marker(given["marker"])
    return Slice(take=given["limit"], skip=given["offset"], below=below)
