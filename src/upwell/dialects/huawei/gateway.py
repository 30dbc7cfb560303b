"""What a Huawei gateway says of the devices behind it, and how it is answered.

Sub-devices have no login: all of them speak through their gateway as soon as it is online (huawei 5.3), and a gateway
may say of each that it is away. Devices are made and deleted through the management API alone, so a gateway's own
request to do so is answered with a refusal for each. Source: the vendor's pages on gateways and sub-devices; the
reference names the topic and the envelope only.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from upwell.dialects.huawei.codes import TABLE
from upwell.dialects.huawei.envelope import read_device_id
from upwell.domain.errors import DeviceError

SERVICE = "$sub_device_manager"
ASKED_BY = (SERVICE, "sub_device_manager")  # gateways of the Java, Android and C# SDKs synchronise without the `$`
SUBS_MAX = 100  # devices of one request
UNKNOWN = ("IOTDA.014000", TABLE["IOTDA.014000"][1])
REFUSED = ("IOTDA.014812", "Sub-devices are added and deleted through the management API of this server.")
ONLINE, OFFLINE = "ONLINE", "OFFLINE"

Answer = tuple[str, dict[str, Any]]  # event_type and paras


@dataclass(frozen=True, slots=True, kw_only=True)
class Statuses:
    """sub_device_update_status: which devices behind the gateway are there, and which are away; in their order."""

    wanted: Sequence[tuple[str, bool]]

    def answer(self, done: Collection[str]) -> Answer:
        """`done` are those that are as the gateway said."""
        well = [{"device_id": each, "status": ONLINE if on else OFFLINE} for each, on in self.wanted if each in done]
        code, text = UNKNOWN
        ill = [
            {"device_id": each, "error_code": code, "error_msg": text} for each, _ in self.wanted if each not in done
        ]
        return "sub_device_update_status_response", {"successful_devices": well, "failed_devices": ill}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """add_sub_device_request or delete_sub_device_request: `named` are its devices, as their answer names them."""

    verb: Literal["add", "delete"]
    named: Sequence[dict[str, Any]]

    def answer(self) -> Answer:
        """None of them was done."""
        code, text = REFUSED
        ill = [each | {"error_code": code, "error_msg": text} for each in self.named]
        return f"{self.verb}_sub_device_response", {"successful_devices": [], "failed_devices": ill}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """sub_device_sync_request: which devices are behind the gateway?"""

    def answer(self, gateway_id: str, found: Sequence[tuple[str, str, str]]) -> Answer:
        """`found` are device id, node id and product id of each. It is told as an addition, which is what SDKs take."""
        devices = [
            {"parent_device_id": gateway_id, "device_id": each, "node_id": node_id, "product_id": product_id}
            for each, node_id, product_id in found
        ]
        return "add_sub_device_notify", {"devices": devices, "version": 0}


Request = Statuses | Refused | Sync


def read(kind: str, paras: Any) -> Request | None:
    """What the gateway asks; None for an event that needs no answer. Raises DeviceError."""
    match kind:
        case "sub_device_update_status":
            return Statuses(wanted=[_status(one) for one in _entries(paras, "device_statuses")])
        case "add_sub_device_request":
            return Refused(verb="add", named=[_described(one) for one in _entries(paras, "devices")])
        case "delete_sub_device_request":
            ids = [read_device_id(one, "devices") for one in _entries(paras, "devices")]
            return Refused(verb="delete", named=[{"device_id": each} for each in ids])
        case "sub_device_sync_request":
            return Sync()
    return None


def _entries(paras: Any, name: str) -> list[Any]:
    entries = paras.get(name) if isinstance(paras, dict) else None
    if not isinstance(entries, list) or len(entries) > SUBS_MAX:
        raise DeviceError(f"{name} must be an array of at most {SUBS_MAX} entries.")
    return entries


def _status(entry: Any) -> tuple[str, bool]:
    status = entry.get("status") if isinstance(entry, dict) else None
    if status not in (ONLINE, OFFLINE):
        raise DeviceError("device_statuses must have a device_id and a status of ONLINE or OFFLINE.")
    return read_device_id(entry.get("device_id"), "device_id"), status == ONLINE


def _described(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise DeviceError("devices must be an array of objects.")
    told = {name: entry.get(name) for name in ("node_id", "product_id")}
    return {name: value[:128] for name, value in told.items() if isinstance(value, str)}
