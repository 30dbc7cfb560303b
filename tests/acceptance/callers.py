"""The vendor's two management SDKs, unmodified, called alike: by Action and parameters under their wire names, and each
answer checked against the bytes that came.

A story that is told through one of these callers is told through all of them.
"""

import importlib
import json
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any, Protocol, get_args, get_origin, get_type_hints

from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client
from aliyunsdkcore.client import AcsClient

from acceptance.client import Key, Recorder, new_sdk
from acceptance.operations import READS

JSON_TYPE, XML_TYPE = "application/json;charset=utf-8", "text/xml;charset=utf-8"
UNCHANGED_TRIES = 5
METHODS = {  # the new SDK writes Action in snake case with words of its own: generate_otaupload_url
    name.replace("_", ""): name
    for name in dir(Client)
    if not name.startswith("_") and not name.endswith(("_async", "_with_options"))
}


class Call(Protocol):
    """An operation by its Action; what is given are its parameters. The answer's members, which the SDK held
    unchanged. `success` is what the answer must say of itself."""

    def __call__(self, action: str, /, *, success: bool = True, **given: Any) -> dict[str, Any]: ...


# --- alibabacloud_iot20180120 -----------------------------------------------------------------------------------------


class NewSdk:
    """A wrong nesting leaves `response.body` None without any error (alibaba 1.7), so each answer is compared with the
    JSON that the recorder saw."""

    def __init__(self, wire: Recorder, key: Key, mode: str = "acs3") -> None:
        self.sdk = new_sdk(wire.address, key, mode)
        self.wire = wire
        self.called: set[str] = set()

    def __call__(self, action: str, /, *, success: bool = True, **given: Any) -> dict[str, Any]:
        self.called.add(action)
        response = getattr(self.sdk, METHODS[action.lower()])(new_request(action, given))
        return self.checked(response, success)

    def checked(self, response: Any, success: bool = True) -> dict[str, Any]:
        """The members of a response, equal to what was sent."""
        sent = self.wire.last.json()
        assert self.wire.last.headers["content-type"] == JSON_TYPE
        assert response.status_code == 200
        assert response.body is not None, f"nested otherwise than the SDK's model: {sent}"
        held: dict[str, Any] = response.body.to_map()
        if not success:  # the model writes a flat list that it has not even into a refusal
            held = {name: value for name, value in held.items() if name in sent or value != []}
        assert held == sent
        assert held["Success"] is success, sent
        return held


def new_request(action: str, given: Mapping[str, Any]) -> Any:
    """The new SDK's request for an operation, holding all that is given."""
    request = getattr(m, f"{action}Request")().from_map(dict(given))
    held = {name: value for name, value in request.to_map().items() if value != []}
    assert held == given, f"{action} of the SDK has other parameters"
    return request


# --- aliyun-python-sdk-iot --------------------------------------------------------------------------------------------


class OldSdk:
    """Asks in one format. In XML a reading request is asked in JSON too, and both answers hold the same; the XML is
    typed by the models of the vendor's new SDK."""

    def __init__(self, address: str, key: Key, format_: str = "JSON") -> None:
        self.address = address
        self.format = format_
        self.acs = AcsClient(key.id, key.secret, "cn-shanghai")
        self.called: set[str] = set()
        self.written: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, action: str, /, *, success: bool = True, **given: Any) -> dict[str, Any]:
        self.called.add(action)
        if action in READS and self.format == "XML":
            answer = self._both(action, given)
        else:
            answer = self.xml(action, given) if self.format == "XML" else self.json(action, given)
        assert answer["Success"] is success, answer
        if action not in READS:
            self.written.append((action, answer))
        return answer

    def _both(self, action: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The answer in XML between two equal ones in JSON, since devices go on meanwhile."""
        for _ in range(UNCHANGED_TRIES):
            before, answer, after = self.json(action, given), self.xml(action, given), self.json(action, given)
            if _told(before) == _told(after):
                assert _told(answer) == _told(before)
                return answer
        raise AssertionError(f"{action} never answered the same twice: {before}, {after}")

    def json(self, action: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The answer in JSON. Raises the SDK's ServerException for a gateway error."""
        request = old_request(action, given, self.address)
        request.set_accept_format("JSON")
        answer: dict[str, Any] = json.loads(self.acs.do_action_with_exception(request))
        return answer

    def xml(self, action: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The answer in XML, as the members that the JSON has."""
        request = old_request(action, given, self.address)
        request.set_accept_format("XML")
        with warnings.catch_warnings():  # the SDK calls its own way to XML deprecated
            warnings.simplefilter("ignore", DeprecationWarning)
            status, headers, body = self.acs.get_response(request)
        assert (status, headers["content-type"]) == (200, XML_TYPE)
        return xml_members(action, body)


def old_request(action: str, given: Mapping[str, Any], address: str) -> Any:
    """The old SDK's request for an operation, holding all that is given."""
    module = importlib.import_module(f"aliyunsdkiot.request.v20180120.{action}Request")
    request = getattr(module, f"{action}Request")()
    request.set_endpoint(address)
    for name, value in given.items():
        plural = "s" if isinstance(value, list) else ""  # set_SrcVersions, set_MultiFiless
        getattr(request, f"set_{name}{plural}")(value)
    return request


def _told(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "RequestId"}


def xml_members(action: str, body: bytes) -> dict[str, Any]:
    """An answer in XML as the members that the JSON has."""
    assert body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')
    root = ET.fromstring(body)
    assert root.tag == f"{action}Response"
    return _members(root, getattr(m, f"{action}ResponseBody"))


def _members(element: ET.Element, model: type) -> dict[str, Any]:
    """The children of an element as the model has them. What it does not have at all is an error."""
    assert not (element.text or "").strip() or not len(element), f"text beside elements in {element.tag}"
    types = get_type_hints(model.__init__)
    hints = {name.replace("_", ""): hint for name, hint in types.items()}
    members: dict[str, Any] = {}
    for child in element:
        hint = hints[child.tag.lower()]
        if get_origin(hint) is list:
            members.setdefault(child.tag, []).append(_value(child, get_args(hint)[0]))
            continue
        assert child.tag not in members, f"{child.tag} twice in {element.tag}"
        members[child.tag] = _value(child, hint)
    lists = model(**{name: [] for name, hint in types.items() if get_origin(hint) is list}).to_map()
    return lists | members  # a list with nothing in it is no element


def _value(element: ET.Element, hint: Any) -> Any:
    if hint not in (str, int, bool, float):
        return _members(element, hint)
    assert not len(element), f"elements in {element.tag}, which the SDK knows as a plain value"
    text = element.text or ""
    if hint is bool:
        return {"true": True, "false": False}[text]
    return hint(text)
