"""Rules between parameters that both RPC vendors state: which of them come together, and how they name a device.

Each takes the read parameters of an operation by wire name, and raises Missing or Invalid.
"""

from collections.abc import Mapping
from typing import Any

from upwell.domain.commands import DeviceKey
from upwell.domain.errors import Invalid, Missing


def device_key(given: Mapping[str, Any]) -> DeviceKey:
    """IotId, or ProductKey and DeviceName; IotId wins (alibaba 3, tuya 2.7). Raises Missing for the first that lacks."""
    if given["IotId"]:
        return DeviceKey(iot_id=given["IotId"])
    if not given["ProductKey"] and not given["DeviceName"]:
        raise Missing("IotId")
    for name in ("ProductKey", "DeviceName"):
        if not given[name]:
            raise Missing(name)
    return DeviceKey(product_key=given["ProductKey"], name=given["DeviceName"])


def check_targets(given: Mapping[str, Any], wanted: Mapping[str, str]) -> None:
    """alibaba 2.4, tuya 2.2: each TargetSelection has its own parameter (`wanted`) and refuses those of the others."""
    selection = given["TargetSelection"]
    for wants, name in wanted.items():
        if selection == wants and not given[name]:
            raise Missing(name)
        if selection != wants and given[name]:
            raise Invalid(name, f"only with TargetSelection {wants}", f"TargetSelection is {selection}")


def check_retry(given: Mapping[str, Any]) -> None:
    """alibaba 2.4, tuya 2.2: RetryCount comes with RetryInterval."""
    interval, count = given["RetryInterval"], given["RetryCount"]
    if interval is not None and count is None:
        raise Missing("RetryCount")
    if interval is None and count is not None:
        raise Invalid("RetryCount", "only with RetryInterval", "RetryInterval is absent")
