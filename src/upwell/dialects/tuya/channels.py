"""Which module of a product a TuyaLink channel is (tuya 4.5, 4.9).

Channel 0 is the whole device and 9 the MCU, unless the product's fact `TuyaChannels` says otherwise: text such as
`9:MCU,3:zigbee`. Channel 0 is always the module `default`. A channel that nothing names is the module `channel<n>`, so
no report is lost and a package can be made for it.
"""

import re
from collections.abc import Mapping

from upwell.dialects.checks import Pattern
from upwell.domain.modules import module_key
from upwell.domain.talk import DEFAULT_MODULE

FACT = "TuyaChannels"
CHANNEL_MAX = 255
DEFAULTS: Mapping[int, str] = {0: DEFAULT_MODULE, 9: "MCU"}

_ONE = r"[1-9][0-9]{0,2}:(?!(?i:default)(?:,|$))[A-Za-z0-9._-]{1,64}"
WRITTEN = Pattern(rf"{_ONE}(,{_ONE}){{0,19}}", "channel:module, as 9:MCU,3:zigbee, at most 20 of them")
_UNNAMED = re.compile(r"channel([1-9][0-9]{0,2})")


def channels_of(facts: Mapping[str, object]) -> dict[int, str]:
    """The channels of a product by its facts; a fact that is none of ours counts as absent."""
    written = facts.get(FACT)
    if not isinstance(written, str) or WRITTEN.problem(written):
        return dict(DEFAULTS)
    pairs = (each.partition(":") for each in written.split(","))
    return {0: DEFAULT_MODULE} | {int(channel): module for channel, _, module in pairs}


def module_of(channels: Mapping[int, str], channel: int) -> str:
    """The module that a channel is."""
    return channels.get(channel, f"channel{channel}")


def channel_of(channels: Mapping[int, str], module: str) -> int | None:
    """The channel that a module is; None when it has none and can't be offered."""
    for channel, name in channels.items():
        if module_key(name) == module_key(module):
            return channel
    found = _UNNAMED.fullmatch(module_key(module))
    return int(found[1]) if found and int(found[1]) not in channels and int(found[1]) <= CHANNEL_MAX else None
