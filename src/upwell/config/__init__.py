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
from typing import Literal
from urllib.parse import urlsplit

from upwell.config.addresses import PORT_MAX, HostPort, listener, public_url
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
    "mqtt_ws",
    "mqtt_wss",
    "https",
    "tls_cert",
    "tls_key",
    "device_tls",
    "device_tls_cert",
    "device_tls_key",
    "download",
    "downloads",
    "public_url",
    "public_tls_url",
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
    "log_file",
)
DynamicRegistration = Literal["off", "registered", "any"]
DYNAMIC_REGISTRATION: tuple[DynamicRegistration, ...] = ("off", "registered", "any")
DeviceTls = Literal["compatible", "modern"]
DEVICE_TLS: tuple[DeviceTls, ...] = ("compatible", "modern")
LISTENERS = ("http", "mqtt", "https", "mqtts", "mqtt_ws", "mqtt_wss", "download", "downloads")
NEEDED_LISTENERS = ("http", "download")  # any other may be OFF
OFF = "off"
TLS_LISTENERS = ("mqtts", "mqtt_wss", "https", "downloads")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LOG_FORMATS = ("text", "json")
TOLERANCE_MAX_H = 24
DISK_FLOOR_MAX_MB = 10_000_000
BOOTSTRAP_SECRET_MIN = 16  # characters; whoever guesses this secret owns every device of the fleet

_BUCKET = r"(?:[0-9a-f]{32}:)?(?:\*|[A-Za-z0-9-]{1,256})/[a-z0-9.-]{3,63}"


@dataclass(frozen=True)
class BootstrapKey:
    """The first admin key of an empty database."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """What a server runs with. `public_url` has no trailing slash; it has port 0 when it was not given and the
    download port is any free one: see `public_url_at`."""

    data_dir: Path
    http: HostPort
    mqtt: HostPort | None
    mqtts: HostPort | None
    mqtt_ws: HostPort | None
    mqtt_wss: HostPort | None
    https: HostPort | None
    tls_cert: Path | None
    tls_key: Path | None
    device_tls: DeviceTls
    device_tls_cert: Path | None
    device_tls_key: Path | None
    download: HostPort
    downloads: HostPort | None
    public_url: str
    public_tls_url: str | None
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
    log_file: Path | None
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
        """What devices are told that download by TLS: `public_tls_url`; without it `public_url` when it is https, else
        its host and path with the TLS download listener's port; None without such a listener."""
        if self.public_tls_url is not None:
            return self.public_tls_url
        if self.public_url.startswith("https://"):
            return self.public_url
        if downloads_port is None:
            return None
        return re.sub(r"^http://([^/]*?)(:[0-9]+)?(/.*)?$", rf"https://\1:{downloads_port}\3", self.public_url)

    @property
    def public_paths(self) -> tuple[str, ...]:
        """The paths of the public URLs, under which a proxy may hand downloads on as well as without."""
        given = (self.public_url, self.public_tls_url or "")
        return tuple(dict.fromkeys(path for url in given if (path := urlsplit(url).path)))


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
    bootstrap_key = _bootstrap_key(environ.get(BOOTSTRAP_VARIABLE) or None)
    try:
        return _checked(given, sources, bootstrap_key)
    except SettingError as exc:
        raise SettingError(exc.setting, exc.value, exc.rule, sources.get(exc.setting)) from exc


def _checked(given: Mapping[str, str], sources: Mapping[str, str], bootstrap_key: BootstrapKey | None) -> Settings:
    given = {"http": DEFAULT_HTTP, "mqtt": DEFAULT_MQTT} | dict(given)
    given = {
        name: value
        for name, value in given.items()
        if value != OFF or name not in LISTENERS or name in NEEDED_LISTENERS
    }
    http = listener("http", given["http"])
    download = listener("download", given["download"]) if "download" in given else _port_next_to(http)
    listeners: dict[str, HostPort | None] = {"http": http, "download": download}
    listeners = {n: listeners.get(n) or (listener(n, given[n]) if n in given else None) for n in LISTENERS}
    _refuse_same(listeners)
    _refuse_half_pairs(given)
    url = public_url("public_url", given["public_url"]) if "public_url" in given else _default_public_url(download)
    tls_url = public_url("public_tls_url", given["public_tls_url"]) if "public_tls_url" in given else None
    return Settings(
        data_dir=_data_dir(given.get("data_dir", DEFAULT_DATA_DIR)),
        http=http,
        mqtt=listeners["mqtt"],
        mqtts=listeners["mqtts"],
        mqtt_ws=listeners["mqtt_ws"],
        mqtt_wss=listeners["mqtt_wss"],
        https=listeners["https"],
        tls_cert=_file("tls_cert", given.get("tls_cert")),
        tls_key=_file("tls_key", given.get("tls_key")),
        device_tls=_device_tls(given.get("device_tls", "compatible")),
        device_tls_cert=_file("device_tls_cert", given.get("device_tls_cert")),
        device_tls_key=_file("device_tls_key", given.get("device_tls_key")),
        download=download,
        downloads=listeners["downloads"],
        public_url=url,
        public_tls_url=tls_url,
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
        log=_one_of("log", given.get("log", "INFO"), LOG_LEVELS, any_case=True),
        log_format=_one_of("log_format", given.get("log_format", "text"), LOG_FORMATS),
        log_file=_log_file(given["log_file"]) if "log_file" in given else None,
        bootstrap_key=bootstrap_key,
        sources=sources,
    )


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


def _refuse_half_pairs(given: Mapping[str, str]) -> None:
    """A certificate needs its key, a listener with TLS needs both, and a second pair needs a first."""
    for name in TLS_LISTENERS:
        for needed in ("tls_cert", "tls_key"):
            if name in given and needed not in given:
                raise SettingError(name, given[name], f"needs tls_cert and tls_key; {needed} is not set")
    for one, other in (
        ("tls_cert", "tls_key"),
        ("tls_key", "tls_cert"),
        ("device_tls_cert", "device_tls_key"),
        ("device_tls_key", "device_tls_cert"),
        ("device_tls_cert", "tls_cert"),
    ):
        if one in given and other not in given:
            raise SettingError(one, given[one], f"needs {other} beside it")


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


def _device_tls(value: str) -> DeviceTls:
    for manner in DEVICE_TLS:
        if value == manner:
            return manner
    raise SettingError("device_tls", value, f"must be one of {', '.join(DEVICE_TLS)}")


def _log_file(value: str) -> Path:
    path = Path(value)
    if "\0" in value or path.is_dir() or not path.parent.is_dir():
        raise SettingError("log_file", value, "must be a file's path, in a folder that exists")
    return path


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


def _one_of(setting: str, value: str, words: tuple[str, ...], *, any_case: bool = False) -> str:
    word = value.upper() if any_case else value
    if word not in words:
        raise SettingError(setting, value, f"must be one of {', '.join(words)}")
    return word


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
