"""Alibaba's SDKs of other languages as callers of the stories: by Action and parameters under their wire names, each
typed answer compared with what came over the wire.
"""

import json
import xml.etree.ElementTree as ET
from collections import Counter
from typing import Any

from acceptance.callers import xml_members
from acceptance.client import Key, Recorder
from clients.bridge import Bridge, Unreadable
from clients.comparing import NOTHING, differences, leaves, xml_leaves

# What the newest @alicloud/iot20180120 has not: an operation, or a parameter of one. pop-core is asked then.
NODE_LACKS: dict[str, tuple[str, ...]] = {
    "ModifyOTAFirmware": (),
    "UpdateOTAJob": (),
    "ListOTAUnfinishedTaskByDevice": ("TaskStatusList",),
}
# Members of its answers that it has no place for.
NODE_DROPS = {
    "BatchCheckDeviceNames": ("RepeatedDeviceNameList", "InvalidDetailList"),
    "QueryBatchRegisterDeviceStatus": ("InvalidDetailList",),
    "BatchGetDeviceState": ("Timestamp",),
}
# The Go SDK types Data.InvalidDetailList of this operation as a bare list; the others need what the API sends, a struct
# around one. With an invalid name in it no answer suits all.
GO_MISTYPES = {"BatchCheckDeviceNames": "InvalidDetailList"}
# Operations of whose answers the older Java SDK has no place for everything; in XML it reads no list without a struct
# around it, whose elements follow one another.
CORE_DROPS = ("BatchCheckDeviceNames", "BatchGetDeviceState", "QueryBatchRegisterDeviceStatus")
CORE_DROPS_XML = (*CORE_DROPS, "ListOTAModuleByProduct", "QueryOTAFirmware")


class Refused(Exception):
    """A gateway error as the SDK told it: status, code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, code, message)
        self.status, self.code, self.message = status, code, message


class Caller:
    """One SDK in one manner: `manner` is what the program takes beside the call. Raises Refused for a gateway error."""

    def __init__(self, bridge: Bridge, wire: Recorder, key: Key, **manner: str) -> None:
        self.bridge, self.wire = bridge, wire
        self.manner = {"endpoint": wire.address, "id": key.id, "secret": key.secret} | manner
        self.called: set[str] = set()

    def __call__(self, action: str, /, *, success: bool = True, **given: Any) -> dict[str, Any]:
        self.called.add(action)
        told = self.ask(action, given)
        if "refused" in told and self.wire.last.status != 200:
            raise self.refusal(told["refused"])
        # pop-core throws an answer without success, and the answer with it
        answer = self.checked(action, told["held"] if "held" in told else told["refused"]["data"])
        assert answer["Success"] is success, answer
        return answer

    def ask(self, action: str, given: dict[str, Any]) -> dict[str, Any]:
        return self.bridge.ask(action, given=given, **self.manner)

    def checked(self, action: str, held: dict[str, Any]) -> dict[str, Any]:
        """What was sent, which the SDK holds value by value, and nothing else."""
        sent: dict[str, Any] = self.wire.last.json()
        found = [each for each in differences(sent, held) if not self.drops(action, each)]
        assert not found, (action, found)
        return sent

    def drops(self, action: str, difference: str) -> bool:
        """Whether this SDK has no place for what is not held."""
        return False

    def refusal(self, told: dict[str, Any]) -> Refused:
        return Refused(told["status"], told["code"], told["message"])


class GoJson(Caller):
    """The Go SDK in its default format."""

    def ask(self, action: str, given: dict[str, Any]) -> dict[str, Any]:
        try:
            return super().ask(action, given)
        except Unreadable as exc:
            mistyped = GO_MISTYPES.get(action, "")
            sent = self.wire.last.json()
            if mistyped and f"Data.{mistyped}: " in str(exc) and sent["Data"][mistyped][mistyped]:
                return {"held": sent}
            raise


class GoXml(Caller):
    """The Go SDK in XML. It reads a refusal only as JSON, and tells the document as the message."""

    def checked(self, action: str, held: dict[str, Any]) -> dict[str, Any]:
        beside = f"/Data/{GO_MISTYPES.get(action)}/"
        typed = sorted(leaf for leaf in leaves(held) if not leaf[0].startswith(beside))
        sent = sorted(leaf for leaf in xml_leaves(ET.fromstring(self.wire.last.body)) if not leaf[0].startswith(beside))
        assert typed == sent, (action, set(typed) ^ set(sent))
        return xml_members(action, self.wire.last.body)

    def refusal(self, told: dict[str, Any]) -> Refused:
        document = ET.fromstring(told["message"])
        return Refused(told["status"], document.findtext("Code", ""), document.findtext("Message", ""))


class Node(Caller):
    """The typed Node SDK, and pop-core for what it has not."""

    def ask(self, action: str, given: dict[str, Any]) -> dict[str, Any]:
        lacks = NODE_LACKS.get(action)
        if lacks is None or (lacks and not set(lacks) & set(given)):
            return super().ask(action, given)
        return self.bridge.ask(action, given=given, **(self.manner | {"client": "pop"}))

    def drops(self, action: str, difference: str) -> bool:
        return any(f".{name} is not held: " in difference for name in NODE_DROPS.get(action, ()))


class Java(Caller):
    """The vendor's Java SDKs: the typed one of today, or the older one, in JSON or XML. Neither has what the typed one
    for Node has not, and `CommonRequest` is asked then. The older one names and nests the members of its answers
    otherwise, so the values alone are compared, and knows no status of a refusal."""

    def ask(self, action: str, given: dict[str, Any]) -> dict[str, Any]:
        lacks = NODE_LACKS.get(action)
        if lacks is None or (lacks and not set(lacks) & set(given)):
            return super().ask(action, given)
        return self.bridge.ask(action, given=given, **(self.manner | {"client": "common"}))

    def checked(self, action: str, held: Any) -> dict[str, Any]:
        if isinstance(held, dict):
            return super().checked(action, held)
        body = self.wire.last.body
        is_xml = body.startswith(b"<")
        sent = [value for _, value in (xml_leaves(ET.fromstring(body)) if is_xml else leaves(json.loads(body)))]
        lost = Counter(sent) - Counter(held)
        assert not Counter(value for value in held if value not in NOTHING) - Counter(sent), (action, held, sent)
        assert not lost or action in (CORE_DROPS_XML if is_xml else CORE_DROPS), (action, lost)
        return xml_members(action, body) if is_xml else dict(json.loads(body))

    def drops(self, action: str, difference: str) -> bool:
        return any(f".{name} is not held: " in difference for name in NODE_DROPS.get(action, ()))

    def refusal(self, told: dict[str, Any]) -> Refused:
        return Refused(told["status"] or self.wire.last.status, told["code"], told["message"])
