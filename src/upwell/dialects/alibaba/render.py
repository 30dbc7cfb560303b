"""Answers as bytes, in JSON and XML, and the forms of pages and percentages inside them (alibaba 1.6, 1.7, 2.4).

JSON is compact and keeps the order of the members. In XML a list becomes its element repeated, a wrapper of an empty
list an empty element. None is left out of both. No function here fails on any text.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

from upwell.dialects.rpc_answers import JSON_TYPE, json_bytes, paging, without_none
from upwell.domain.commands.lists import Page

XML_TYPE = "text/xml;charset=utf-8"  # alibaba 1.7: the SDK compares it exactly, blank-free

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


# --- bytes --------------------------------------------------------------------------------------------------------


def to_bytes(members: Mapping[str, Any], root: str, *, xml: bool) -> tuple[str, bytes]:
    """Content type and body of an answer. `root` is the XML root: `{Action}Response`, or `Error`."""
    return (XML_TYPE, xml_bytes(members, root)) if xml else (JSON_TYPE, json_bytes(members))


def xml_bytes(members: Mapping[str, Any], root: str) -> bytes:
    """The members as an XML document, in their order."""
    body = _element(root, without_none(members))
    return f'<?xml version="1.0" encoding="UTF-8"?>{body}'.encode()


def gateway_error(request_id: str, host_id: str, code: str, message: str) -> dict[str, Any]:
    """The gateway's envelope (1.6); its XML root is `Error`."""
    return {"RequestId": request_id, "HostId": host_id, "Code": code, "Message": message}


def business_error(request_id: str, code: str, message: str) -> dict[str, Any]:
    """The business envelope of a refusal (1.6); its XML root is the action's own."""
    return {"RequestId": request_id, "Success": False, "Code": code, "ErrorMessage": message}


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, item) for item in value)
    if isinstance(value, Mapping):
        inner = "".join(_element(member, item) for member, item in value.items())
    elif isinstance(value, bool):
        inner = "true" if value else "false"
    else:
        inner = escape(_NOT_XML.sub("\ufffd", str(value)), {"\r": "&#13;"})
    return f"<{name}>{inner}</{name}>" if inner else f"<{name}/>"


# --- members ------------------------------------------------------------------------------------------------------


def page(
    item: Callable[[Any], dict[str, Any]], wrapper: str, member: str = "Data", number: str = "CurrentPage"
) -> Callable[[Page[Any]], dict[str, Any]]:
    """How a page is shown: the paging members, and its items in a struct of one member, `wrapper` (alibaba 2.2)."""
    return lambda view: paging(view, number) | {member: {wrapper: [item(each) for each in view.items]}}


def percent(value: Decimal | int) -> str:
    """A percentage with at least two decimals: `50.00`, `33.333` (2.4, 2.5)."""
    number = Decimal(value).normalize()
    exponent = number.as_tuple().exponent
    decimals = max(2, -exponent) if isinstance(exponent, int) else 2
    return f"{number:.{decimals}f}"
