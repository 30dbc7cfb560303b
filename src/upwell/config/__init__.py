"""The settings of a server: read once, checked whole, then frozen.

Each setting comes from the first of: command-line option, environment variable UPWELL_…, key of upwell.toml,
default. Every refusal names the setting, the value and the rule. A secret is never shown in a refusal. The bootstrap
key comes from the environment alone. An empty environment variable counts as absent.
"""

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from upwell.config.sources import BOOTSTRAP_VARIABLE, SettingError, meant, read_toml, refuse_unknown, toml_path

__all__ = ["SETTINGS", "BootstrapKey", "HostPort", "SettingError", "Settings", "load", "toml_path"]

DEFAULT_DATA_DIR = "./upwell-data"
DEFAULT_HTTP = "127.0.0.1:8686"
DEFAULT_MQTT = "127.0.0.1:1883"
SETTINGS = (
    "data_dir",
    "http",
    "mqtt",
    "mqtts",
    "https",
    "tls_cert",
    "tls_key",
    "download",
    "downloads",
    "public_url",
    "database_url",
    "objects_url",
    "buckets",
    "allow_private_push",
    "dynamic_registration",
    "request_limits",
    "tuya_bare_secret",
    "tuya_wrapped_lists",
    "huawei_clock_tolerance_h",
    "disk_floor_mb",
    "log",
    "log_format",
)
DynamicRegistration = Literal["off", "registered", "any"]
DYNAMIC_REGISTRATION: tuple[DynamicRegistration, ...] = ("off", "registered", "any")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LOG_FORMATS = ("text", "json")
PORT_MAX = 65535
TOLERANCE_MAX_H = 24
DISK_FLOOR_MAX_MB = 10_000_000
BOOTSTRAP_SECRET_MIN = 16  # characters; whoever guesses this secret owns every device of the fleet

_BUCKET = r"(?:[0-9a-f]{32}:)?(?:\*|[A-Za-z0-9-]{1,256})/[a-z0-9.-]{3,63}"
LISTENER_RULE = "must be HOST:PORT, PORT from 0 to 65535, an IPv6 address in brackets"


class HostPort(NamedTuple):
    """Where a listener listens. Port 0 is any free port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class BootstrapKey:
    """The first admin key of an empty database."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """What a server runs with. `public_url` is an origin without a trailing slash; it has port 0 when it was not
    given and the download port is any free one: see `public_url_at`."""

    data_dir: Path
    http: HostPort
    mqtt: HostPort
    mqtts: HostPort | None
    https: HostPort | None
    tls_cert: Path | None
    tls_key: Path | None
    download: HostPort
    downloads: HostPort | None
    public_url: str
    database_url: str | None = field(repr=False)
    objects_url: str | None
    buckets: Mapping[str, str]  # URL by `[project:]region/bucket`
    allow_private_push: bool
    dynamic_registration: DynamicRegistration
    request_limits: bool
    tuya_bare_secret: bool
    tuya_wrapped_lists: bool
    huawei_clock_tolerance_h: int
    disk_floor_mb: int
    log: str
    log_format: str
    bootstrap_key: BootstrapKey | None
    sources: Mapping[str, str] = field(repr=False)  # by setting: how it was given; absent where it was not

    def named(self, setting: str) -> str:
        """What whoever started the server calls the setting: the option, variable or key that gave it."""
        if setting == "download" and setting not in self.sources:
            return f"download, the port after that of {self.named('http')} (set --download),"
        return self.sources.get(setting, f"{setting}, by default,")

    @property
    def objects_at(self) -> str:
        """Where the platform's own objects are."""
        return self.objects_url or f"file://{self.data_dir.absolute() / 'objects'}"

    def public_url_at(self, download_port: int) -> str:
        """What devices are told, once the download listener has its port."""
        return re.sub(r":0$", f":{download_port}", self.public_url)

    def secure_url_at(self, downloads_port: int | None) -> str | None:
        """What devices are told that download by TLS alone: `public_url` when it is https, else its host with the TLS
        download listener's port; None without such a listener."""
        if self.public_url.startswith("https://"):
            return self.public_url
        if downloads_port is None:
            return None
        return re.sub(r"^http://(.*?)(:[0-9]+)?$", rf"https://\1:{downloads_port}", self.public_url)


def load(options: Mapping[str, str | None], environ: Mapping[str, str], path: Path | None) -> Settings:
    """The settings of these three sources; `path` is the settings file. Option names are those of SETTINGS; None is an
    option not given. Raises SettingError at the first that breaks its rule."""
    for name in options:
        if name not in SETTINGS:
            raise SettingError(name, str(options[name]), f"no such setting{meant(name, SETTINGS)}")
    refuse_unknown(environ, SETTINGS)
    from_file = read_toml(path, SETTINGS) if path is not None else {}
    given: dict[str, str] = {}
    sources: dict[str, str] = {}
    for name in SETTINGS:
        variable, option = f"UPWELL_{name.upper()}", f"--{name.replace('_', '-')}"
        for value, source in (
            (options.get(name), option),
            (environ.get(variable) or None, variable),
            (from_file.get(name), f"{name} in {path}"),
        ):
            if value is not None:
                given[name], sources[name] = value, source
                break
    return _checked(given, sources, _bootstrap_key(environ.get(BOOTSTRAP_VARIABLE) or None))


def _checked(given: Mapping[str, str], sources: Mapping[str, str], bootstrap_key: BootstrapKey | None) -> Settings:
    http = _listener("http", given.get("http", DEFAULT_HTTP))
    mqtt = _listener("mqtt", given.get("mqtt", DEFAULT_MQTT))
    download = _listener("download", given["download"]) if "download" in given else _port_next_to(http)
    listeners = {
        "http": http,
        "mqtt": mqtt,
        "https": _listener("https", given["https"]) if "https" in given else None,
        "mqtts": _listener("mqtts", given["mqtts"]) if "mqtts" in given else None,
        "download": download,
        "downloads": _listener("downloads", given["downloads"]) if "downloads" in given else None,
    }
    _refuse_same(listeners)
    tls_cert, tls_key = _tls_pair(given)
    public_url = _origin(given["public_url"]) if "public_url" in given else _default_public_url(download)
    return Settings(
        data_dir=_data_dir(given.get("data_dir", DEFAULT_DATA_DIR)),
        http=http,
        mqtt=mqtt,
        mqtts=listeners["mqtts"],
        https=listeners["https"],
        tls_cert=tls_cert,
        tls_key=tls_key,
        download=download,
        downloads=listeners["downloads"],
        public_url=public_url,
        database_url=_database_url(given["database_url"]) if "database_url" in given else None,
        objects_url=_objects_url(given["objects_url"]) if "objects_url" in given else None,
        buckets=_buckets(given.get("buckets", "")),
        allow_private_push=_switch("allow_private_push", given),
        dynamic_registration=_dynamic_registration(given.get("dynamic_registration", "registered")),
        request_limits=_switch("request_limits", given, default=True),
        tuya_bare_secret=_switch("tuya_bare_secret", given),
        tuya_wrapped_lists=_switch("tuya_wrapped_lists", given),
        huawei_clock_tolerance_h=_number("huawei_clock_tolerance_h", given, 1, TOLERANCE_MAX_H, "hours"),
        disk_floor_mb=_number("disk_floor_mb", given, 256, DISK_FLOOR_MAX_MB, "megabytes"),
        log=_one_of("log", given.get("log", "INFO").upper(), LOG_LEVELS),
        log_format=_one_of("log_format", given.get("log_format", "text"), LOG_FORMATS),
        bootstrap_key=bootstrap_key,
        sources=sources,
    )


def _listener(setting: str, value: str) -> HostPort:
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})", value, re.ASCII)
    if found is None or int(found[3]) > PORT_MAX:
        raise SettingError(setting, value, LISTENER_RULE)
    return HostPort(found[1] or found[2], int(found[3]))


def _port_next_to(http: HostPort) -> HostPort:
    if http.port == PORT_MAX:
        raise SettingError("http", str(http), "leaves no next port for download; set download too")
    return HostPort(http.host, http.port + 1 if http.port else 0)


def _refuse_same(listeners: Mapping[str, HostPort | None]) -> None:
    seen: dict[HostPort, str] = {}
    for name, place in listeners.items():
        if place is None or place.port == 0:
            continue
        if place in seen:
            raise SettingError(name, str(place), f"must differ from {seen[place]}")
        seen[place] = name


def _tls_pair(given: Mapping[str, str]) -> tuple[Path | None, Path | None]:
    for listener in ("mqtts", "https", "downloads"):
        for needed in ("tls_cert", "tls_key"):
            if listener in given and needed not in given:
                raise SettingError(listener, given[listener], f"needs tls_cert and tls_key; {needed} is not set")
    for one, other in (("tls_cert", "tls_key"), ("tls_key", "tls_cert")):
        if one in given and other not in given:
            raise SettingError(one, given[one], f"needs {other} beside it")
    return _file("tls_cert", given.get("tls_cert")), _file("tls_key", given.get("tls_key"))


def _file(setting: str, value: str | None) -> Path | None:
    if value is None:
        return None
    try:
        with Path(value).open("rb"):
            return Path(value)
    except (OSError, ValueError) as exc:
        raise SettingError(setting, value, f"must be a readable file: {exc}") from exc


def _data_dir(value: str) -> Path:
    if not value or "\0" in value:
        raise SettingError("data_dir", value, "must be a folder's path")
    path = Path(value)
    try:
        if path.exists() and not path.is_dir():
            raise SettingError("data_dir", value, "must be a folder, and is a file")
    except OSError as exc:  # a folder above it may not be entered, or its name is too long
        raise SettingError("data_dir", value, f"can't be looked at: {exc.strerror}") from exc
    return path


def _origin(value: str) -> str:
    rule = "must be http://HOST[:PORT] or https://HOST[:PORT], without a path"
    found = re.fullmatch(r"(https?://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?)/?", value, re.ASCII)
    if found is None or not 0 < int(found[2] or 1) <= PORT_MAX:
        raise SettingError("public_url", value, rule)
    return found[1]


def _default_public_url(download: HostPort) -> str:
    """The download listener's own address; for a wildcard, which no device can dial, this machine's name."""
    if download.host in ("0.0.0.0", "::"):  # noqa: S104  # compared, not bound
        return f"http://{HostPort(socket.gethostname(), download.port)}"
    return f"http://{download}"


def _database_url(value: str) -> str:
    rule = "must be postgresql://USER:PASSWORD@HOST[:PORT]/DATABASE"
    try:
        parts = urlsplit(value)
        _ = parts.port  # a port that is no number, or out of range, raises here
    except ValueError as exc:
        raise SettingError("database_url", value, rule) from exc
    if parts.scheme not in ("postgresql", "postgres") or not value.startswith(f"{parts.scheme}://"):
        raise SettingError("database_url", value, rule)
    return value


def _objects_url(value: str, setting: str = "objects_url") -> str:
    is_file = re.fullmatch(r"file:(?:///|(?!//)).+", value) is not None
    is_s3 = re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:[/?]\S*)?", value) is not None
    if not is_file and not is_s3:
        raise SettingError(setting, value, "must be file:FOLDER or s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME]")
    return value


def _buckets(value: str) -> dict[str, str]:
    """The map of `[PROJECT:]REGION/BUCKET=URL,…`; a comma inside of a URL is one that no such name follows."""
    rule = "must be [PROJECT:]REGION/BUCKET=URL, separated by commas; PROJECT of 32 hex digits, REGION or * for any"
    found: dict[str, str] = {}
    for entry in re.split(rf",(?={_BUCKET}=)", value) if value else []:
        parts = re.fullmatch(rf"({_BUCKET})=(.+)", entry)
        if parts is None:
            raise SettingError("buckets", entry, rule)
        if parts[1] in found:
            raise SettingError("buckets", parts[1], "is given twice")
        found[parts[1]] = _objects_url(parts[2], "buckets")
    return found


def _dynamic_registration(value: str) -> DynamicRegistration:
    for rule in DYNAMIC_REGISTRATION:
        if value == rule:
            return rule
    raise SettingError("dynamic_registration", value, f"must be one of {', '.join(DYNAMIC_REGISTRATION)}")


def _one_of(setting: str, value: str, words: tuple[str, ...]) -> str:
    if value not in words:
        raise SettingError(setting, value, f"must be one of {', '.join(words)}")
    return value


def _switch(setting: str, given: Mapping[str, str], *, default: bool = False) -> bool:
    """True or false; the default when it is not given."""
    value = given.get(setting, str(default).lower())
    if value not in ("true", "false"):
        raise SettingError(setting, value, "must be true or false")
    return value == "true"


def _number(setting: str, given: Mapping[str, str], default: int, most: int, unit: str) -> int:
    value = given.get(setting, str(default))
    if not re.fullmatch(r"[0-9]{1,9}", value, re.ASCII) or int(value) > most:
        raise SettingError(setting, value, f"must be a number of {unit} from 0 to {most}")
    return int(value)


def _bootstrap_key(value: str | None) -> BootstrapKey | None:
    if value is None:
        return None
    found = re.fullmatch(r"([A-Za-z0-9._-]{1,128}):([!-~]{1,256})", value)
    if found is None:
        rule = "must be ID:SECRET, ID of letters, digits, '.', '_' and '-', SECRET printable without spaces"
        raise SettingError(BOOTSTRAP_VARIABLE, "(hidden)", rule)
    if len(found[2]) < BOOTSTRAP_SECRET_MIN:
        rule = f"its SECRET must have {BOOTSTRAP_SECRET_MIN} characters at least: who guesses it owns the whole fleet"
        raise SettingError(BOOTSTRAP_VARIABLE, "(hidden)", rule)
    return BootstrapKey(found[1], found[2])
