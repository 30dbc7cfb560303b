"""How the settings of a provider of sign-in are read. Each raises SettingError, which tells the rule."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from upwell.config.sources import SettingError
from upwell.domain.addresses import is_loopback

ROLES = ("viewer", "operator", "approver", "admin")
URL_CHARS_MAX, WORD_CHARS_MAX = 1024, 256


def issuer(setting: str, value: str) -> str:
    """The URL as the provider calls itself, letter for letter."""
    rule = "must be https://HOST[:PORT][/PATH], as the provider calls itself; http on loopback alone"
    try:
        parts = urlsplit(value)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
        _ = parts.port  # a port that is no number, or out of range, raises here
    except ValueError as exc:
        raise SettingError(setting, value, rule) from exc
    is_plain = not (parts.query or parts.fragment or parts.username) and value.isascii() and value.isprintable()
    if not (is_safe and is_plain and parts.hostname and len(value) <= URL_CHARS_MAX):
        raise SettingError(setting, value, rule)
    return value


def word_of(setting: str, value: str) -> str:
    if not 0 < len(value) <= WORD_CHARS_MAX or not value.isprintable():
        raise SettingError(setting, value, f"must be 1 to {WORD_CHARS_MAX} printable characters")
    return value


def groups(setting: str, value: str) -> Mapping[str, str]:
    """The role of each group."""
    found: dict[str, str] = {}
    for entry in filter(None, (each.strip() for each in value.split(","))):
        group, _, role = entry.rpartition("=")
        if not group.strip() or role.strip() not in ROLES:
            rule = f"must be GROUP=ROLE, separated by commas; ROLE is one of {', '.join(ROLES)}"
            raise SettingError(setting, entry, rule)
        if group.strip() in found:
            raise SettingError(setting, group, "is given twice")
        found[group.strip()] = role.strip()
    return found


def hosts(setting: str, value: str) -> tuple[str, ...]:
    """Names of hosts behind commas."""
    found = tuple(each.strip().lower() for each in value.split(",") if each.strip())
    for each in found:
        if not re.fullmatch(r"[a-z0-9.-]{1,253}", each):
            raise SettingError(setting, each, "must be names of hosts behind commas, such as oauth2.googleapis.com")
    return found
