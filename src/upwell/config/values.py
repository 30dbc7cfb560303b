"""How the word of a setting is read, a function a kind. Each raises SettingError, which tells the rule."""

import contextlib
import os
import pwd
import re
import shlex
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlsplit

from upwell.config import BootstrapKey
from upwell.config.looking import is_there
from upwell.config.sources import BOOTSTRAP_VARIABLE, SettingError
from upwell.domain.database_urls import parted, places
from upwell.domain.flow import read_rate

BOOTSTRAP_SECRET_MIN = 16  # characters; whoever guesses this secret owns every device of the fleet

_BUCKET = r"(?:[0-9a-f]{32}:)?(?:\*|[A-Za-z0-9-]{1,256})/[a-z0-9.-]{3,63}"
W = TypeVar("W", bound=str)


def readable(setting: str, value: str) -> Path:
    """The path of a file that we may read."""
    try:
        with Path(value).open("rb"):
            return Path(value)
    except (OSError, ValueError) as exc:
        raise SettingError(setting, value, f"must be a readable file: {exc}") from exc


def networks(setting: str, value: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Addresses and networks behind commas; none of an empty text."""
    try:
        return tuple(ip_network(each.strip()) for each in value.split(",") if each.strip())
    except ValueError as exc:
        raise SettingError(
            setting, value, f"must be addresses or networks behind commas, such as 10.0.0.0/8: {exc}"
        ) from exc


def data_dir(setting: str, value: str) -> Path:
    if not value or "\0" in value:
        raise SettingError(setting, value, "must be a folder's path")
    path = Path(value)
    try:
        if is_there(path) and not path.is_dir():
            raise SettingError(setting, value, "must be a folder, and is a file")
    except OSError as exc:  # a folder above it may not be entered, or its name is too long
        raise SettingError(setting, value, f"can't be looked at: {exc.strerror}") from exc
    return path


def require_entry(setting: str, path: Path) -> None:
    """Where there is a folder this user may enter it: a server's is its user's alone."""
    if not is_there(path) or os.access(path, os.R_OK | os.X_OK):
        return
    owner = str(uid := path.stat().st_uid)
    with contextlib.suppress(KeyError):  # a user without a name
        owner = pwd.getpwuid(uid).pw_name
    raise SettingError(setting, str(path), f"can't be entered by this user: it is {owner}'s, call this as that user")


def log_file(setting: str, value: str) -> Path:
    path = Path(value)
    try:
        fits = "\0" not in value and is_there(path.parent) and path.parent.is_dir()
        fits = fits and not (is_there(path) and path.is_dir())
    except OSError as exc:
        raise SettingError(setting, value, f"can't be looked at: {exc.strerror}") from exc
    if not fits:
        raise SettingError(setting, value, "must be a file's path, in a folder that exists")
    return path


def database_url(setting: str, value: str) -> str:
    rule = "must be postgresql://USER:PASSWORD@HOST[:PORT][,HOST[:PORT]]/DATABASE"
    try:
        scheme = parted(value).scheme
        places(value)  # a port that is no number, or out of range, raises here
    except ValueError as exc:
        raise SettingError(setting, value, rule) from exc
    if scheme not in ("postgresql", "postgres"):
        raise SettingError(setting, value, rule)
    return value


def objects_url(setting: str, value: str) -> str:
    is_file = re.fullmatch(r"file:(?:///|(?!//)).+", value) is not None
    is_s3 = re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:[/?]\S*)?", value) is not None
    if not is_file and not is_s3:
        raise SettingError(setting, value, "must be file:FOLDER or s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME]")
    return value


def collector(setting: str, value: str) -> str:
    """The URL of a collector. Who may send to it is told by variables of OpenTelemetry's, for this one is shown."""
    try:
        parts = urlsplit(value)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or parts.query or parts.fragment or "@" in parts.netloc or re.search(r"\s|[^!-~]", value):
        rule = "must be http://HOST[:PORT] or https://…, with a path or without; a name, password or token goes into "
        raise SettingError(setting, value, rule + "OTEL_EXPORTER_OTLP_HEADERS")
    return value


def share(setting: str, value: str) -> float:
    """A part of all."""
    if not re.fullmatch(r"(0|1|0?\.[0-9]{1,9}|[01]\.0)", value, re.ASCII):
        raise SettingError(setting, value, "must be a share from 0 to 1, such as 0.1")
    return float(value)


def archive_place(setting: str, value: str) -> str:
    """A folder's path, or what `objects_url` may be."""
    if value.startswith(("s3:", "file:")):
        return objects_url(setting, value)
    return f"file://{quote(str(data_dir(setting, value).absolute()))}"


def recipients(setting: str, value: str) -> tuple[str, ...]:
    """Public keys of age behind commas."""
    found = tuple(each.strip() for each in value.split(",") if each.strip())
    for each in found:
        if not re.fullmatch(r"age1[02-9ac-hj-np-z]{58}", each):
            raise SettingError(setting, each, "must be public keys of age, age1…, behind commas")
    return found


def buckets(value: str) -> dict[str, str]:
    """The map of `[PROJECT:]REGION/BUCKET=URL,…`; a comma inside of a URL is one that no such name follows."""
    rule = "must be [PROJECT:]REGION/BUCKET=URL, separated by commas; PROJECT of 32 hex digits, REGION or * for any"
    found: dict[str, str] = {}
    for entry in re.split(rf",(?={_BUCKET}=)", value) if value else []:
        parts = re.fullmatch(rf"({_BUCKET})=(.+)", entry)
        if parts is None:
            raise SettingError("buckets", entry, rule)
        if parts[1] in found:
            raise SettingError("buckets", parts[1], "is given twice")
        found[parts[1]] = objects_url("buckets", parts[2])
    return found


def command(setting: str, value: str) -> str:
    """A program and its arguments, as a shell splits them; it is not shown in a refusal, for it may name a secret."""
    try:
        is_one = bool(shlex.split(value)) and "\0" not in value
    except ValueError:
        is_one = False
    if not is_one:
        raise SettingError(setting, "(hidden)", "must be a program and its arguments, quoted as for a shell")
    return value


def one_of(setting: str, value: str, words: tuple[W, ...], *, any_case: bool = False) -> W:
    for word in words:
        if word == (value.upper() if any_case else value):
            return word
    raise SettingError(setting, value, f"must be one of {', '.join(words)}")


def words(setting: str, value: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Some of these names behind commas, written with - or _; none of an empty text."""
    found = [each.strip().replace("-", "_") for each in value.split(",") if each.strip()]
    if set(found) - set(known):
        shown = ", ".join(each.replace("_", "-") for each in known)
        raise SettingError(setting, value, f"must be some of {shown}, behind commas")
    return tuple(dict.fromkeys(found))


def switch(setting: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise SettingError(setting, value, "must be true or false")
    return value == "true"


def number(setting: str, value: str, most: int, unit: str, *, least: int = 0) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value, re.ASCII) or not least <= int(value) <= most:
        raise SettingError(setting, value, f"must be a number of {unit} from {least} to {most}")
    return int(value)


def rate(setting: str, value: str) -> int:
    found = read_rate(value)
    if found is None:
        raise SettingError(setting, value, "must be bytes a second from 1000 to 1000G, such as 500k or 20M")
    return found


def bootstrap_key_of(value: str) -> BootstrapKey:
    found = re.fullmatch(r"([A-Za-z0-9._-]{1,128}):([!-~]{1,256})", value)
    if found is None:
        rule = "must be ID:SECRET, ID of letters, digits, '.', '_' and '-', SECRET printable without spaces"
        raise SettingError(BOOTSTRAP_VARIABLE, "(hidden)", rule)
    if len(found[2]) < BOOTSTRAP_SECRET_MIN:
        rule = f"its SECRET must have {BOOTSTRAP_SECRET_MIN} characters at least: who guesses it owns the whole fleet"
        raise SettingError(BOOTSTRAP_VARIABLE, "(hidden)", rule)
    return BootstrapKey(found[1], found[2])
