"""Addresses as settings say them: where to listen, and what devices are told."""

import re
from typing import NamedTuple

from upwell.config.sources import SettingError

PORT_MAX = 65535
PUBLIC_PATH_MAX = 64  # characters; devices keep a whole URL in 255 (alibaba 6.6, tuya 4.7)
_NAME = r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?"  # of a host; what has other parts can't be looked up
LISTENER_RULE = "must be HOST:PORT, PORT from 0 to 65535, an IPv6 address in brackets"


class HostPort(NamedTuple):
    """Where a listener listens. Port 0 is any free port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def listener(setting: str, value: str) -> HostPort:
    """The place. Raises SettingError."""
    found = re.fullmatch(rf"(?:\[([0-9A-Fa-f:.%]+)\]|({_NAME})):([0-9]{{1,5}})", value, re.ASCII)
    if found is None or int(found[3]) > PORT_MAX:
        raise SettingError(setting, value, LISTENER_RULE)
    return HostPort(found[1] or found[2], int(found[3]))


def public_url(setting: str, value: str) -> str:
    """Without a trailing slash. A path is of characters that no device and no proxy writes otherwise. Raises
    SettingError."""
    scheme = "https?" if setting == "public_url" else "https"
    host = rf"{scheme}://(?:\[[0-9A-Fa-f:.]+\]|{_NAME})(?::([0-9]{{1,5}}))?"
    found = re.fullmatch(rf"({host}((?:/(?!\.{{1,2}}(?:/|$))[A-Za-z0-9._~-]+)*))/?", value, re.ASCII)
    if found is None or not 0 < int(found[2] or 1) <= PORT_MAX or len(found[3]) > PUBLIC_PATH_MAX:
        schemes = "http:// or https://" if setting == "public_url" else "https://"
        rule = (
            f"must be {schemes} and HOST[:PORT][/PATH], PATH of at most {PUBLIC_PATH_MAX} letters, digits, -._~ and /"
        )
        raise SettingError(setting, value, rule)
    return found[1]
