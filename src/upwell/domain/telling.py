"""What the vendors' protocols have no words for: offers that devices of a vendor can't be told, whatever the device.

What lies in the texts of one offer (a name, an address) is its dialect's to refuse, when it is written.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """What of a package and of its job decides it: several files, a difference, how it is downloaded."""

    is_several: bool = False
    is_delta: bool = False
    protocol: str = "HTTPS"


@dataclass(frozen=True, slots=True)
class Limit:
    """A member that a vendor's offers have not, and what is taken instead."""

    field: str
    check: str
    breaks: Callable[[Manner], bool]


_ONE_FILE = Limit("files", "one file, for devices of this vendor take no more", lambda manner: manner.is_several)
LIMITS: dict[str, tuple[Limit, ...]] = {
    "huawei": (_ONE_FILE,),
    "tuya": (  # tuya 4.7
        _ONE_FILE,
        Limit("is_delta", "a whole package; TuyaLink knows no differences", lambda manner: manner.is_delta),
        Limit("protocol", "HTTPS", lambda manner: manner.protocol != "HTTPS"),
    ),
    "alibaba": (
        Limit("protocol", "a download over MQTT is of one file", lambda m: m.protocol == "MQTT" and m.is_several),
    ),
}


def limit(vendor: str, manner: Manner) -> Limit | None:
    """What devices of the vendor can't be told of such an offer; None: they can, or nobody knows the vendor."""
    return next((each for each in LIMITS.get(vendor, ()) if each.breaks(manner)), None)
