"""From three sources to settings: the first source that has one gives it; each is checked, then all together."""

import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar, get_args

from upwell.config import SETTINGS, BootstrapKey, DeviceTls, DynamicRegistration, Settings
from upwell.config.addresses import PORT_MAX, HostPort, listener, public_url
from upwell.config.identity import groups, hosts, issuer, word_of
from upwell.config.sources import BOOTSTRAP_VARIABLE, SettingError, meant, read_toml, refuse_unknown
from upwell.config.values import (
    archive_place,
    bootstrap_key_of,
    buckets,
    collector,
    command,
    data_dir,
    database_url,
    log_file,
    networks,
    number,
    objects_url,
    one_of,
    rate,
    readable,
    recipients,
    require_entry,
    share,
    switch,
    words,
)

T = TypeVar("T")
DEFAULTS = {
    "data_dir": "./upwell-data",
    "http": "127.0.0.1:8686",
    "mqtt": "127.0.0.1:1883",
    "device_tls": "compatible",
    "otlp_sample": "0.1",
    "buckets": "",
    "archive_recipients": "",
    "archive_days": "7",
    "archive_timeout_s": "60",
    "allow_private_push": "false",
    "dynamic_registration": "registered",
    "request_limits": "true",
    "tuya_bare_secret": "false",
    "tuya_wrapped_lists": "false",
    "huawei_clock_tolerance_h": "1",
    "disk_floor_mb": "256",
    "object_cache_mb": "4096",
    "workers": "1",
    "keep_days": "365",
    "trusted_proxies": "127.0.0.1,::1",
    "proxy_protocol": "",
    "oidc_groups_claim": "groups",
    "oidc_name_claim": "preferred_username",
    "oidc_account": "default",
    "oidc_hosts": "",
    "log": "INFO",
    "log_format": "text",
}
LISTENERS = ("http", "mqtt", "https", "mqtts", "mqtt_ws", "mqtt_wss", "download", "downloads", "metrics")
NEEDED_LISTENERS = ("http", "download")  # any other may be OFF
PROXIED_LISTENERS = tuple(each for each in LISTENERS if each not in ("http", "metrics"))  # http has X-Forwarded-For
OFF = "off"
NEED_ARCHIVE = ("archive_recipients", "archive_days", "archive_timeout_s")
TLS_LISTENERS = ("mqtts", "mqtt_wss", "https", "downloads")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LOG_FORMATS = ("text", "json")
TOLERANCE_MAX_H = 24
DISK_FLOOR_MAX_MB = 10_000_000
OBJECT_CACHE_MAX_MB = 100_000_000
WORKERS_MAX = 64  # each has some two dozen connections to PostgreSQL
KEEP_MAX_DAYS = 36_500
ARCHIVE_MAX_DAYS, HOUR_S = 366, 3600


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
    bootstrap_key = bootstrap_key_of(key) if (key := environ.get(BOOTSTRAP_VARIABLE)) else None
    try:
        return _checked(given, sources, bootstrap_key)
    except SettingError as exc:
        raise SettingError(exc.setting, exc.value, exc.rule, sources.get(exc.setting)) from exc


def _checked(given: Mapping[str, str], sources: Mapping[str, str], bootstrap_key: BootstrapKey | None) -> Settings:
    optional = [name for name in LISTENERS if name not in NEEDED_LISTENERS]
    word = {
        name: value
        for name, value in {**DEFAULTS, **given}.items()
        if value != OFF or name not in (*optional, "archive", "otlp")
    }
    http = listener("http", word["http"])
    download = listener("download", given["download"]) if "download" in given else _port_next_to(http)
    maybe = {name: _maybe(listener, name, word) for name in optional}
    places = {"http": http, "download": download, **maybe}
    _refuse_same({name: places[name] for name in LISTENERS})
    _refuse_half_pairs(word)
    folder = data_dir("data_dir", word["data_dir"])
    if "database_url" not in given:
        require_entry("data_dir", folder)
    return Settings(
        http=http,
        download=download,
        **maybe,
        public_url=_maybe(public_url, "public_url", given) or _default_public_url(download),
        public_tls_url=_maybe(public_url, "public_tls_url", given),
        data_dir=folder,
        tls_cert=_maybe(readable, "tls_cert", given),
        tls_key=_maybe(readable, "tls_key", given),
        device_tls=one_of("device_tls", word["device_tls"], get_args(DeviceTls)),
        device_tls_cert=_maybe(readable, "device_tls_cert", given),
        device_tls_key=_maybe(readable, "device_tls_key", given),
        otlp=_maybe(collector, "otlp", word),
        otlp_sample=share("otlp_sample", word["otlp_sample"]),
        database_url=_maybe(database_url, "database_url", given),
        secret_key_file=_maybe(readable, "secret_key_file", given),
        secret_key_command=_maybe(command, "secret_key_command", given),
        objects_url=_maybe(objects_url, "objects_url", given),
        buckets=buckets(word["buckets"]),
        archive=_maybe(archive_place, "archive", word),
        archive_recipients=recipients("archive_recipients", word["archive_recipients"]),
        archive_days=number("archive_days", word["archive_days"], ARCHIVE_MAX_DAYS, "days", least=1),
        archive_timeout_s=number("archive_timeout_s", word["archive_timeout_s"], HOUR_S, "seconds", least=1),
        allow_private_push=switch("allow_private_push", word["allow_private_push"]),
        dynamic_registration=one_of(
            "dynamic_registration", word["dynamic_registration"], get_args(DynamicRegistration)
        ),
        request_limits=switch("request_limits", word["request_limits"]),
        tuya_bare_secret=switch("tuya_bare_secret", word["tuya_bare_secret"]),
        tuya_wrapped_lists=switch("tuya_wrapped_lists", word["tuya_wrapped_lists"]),
        huawei_clock_tolerance_h=number(
            "huawei_clock_tolerance_h", word["huawei_clock_tolerance_h"], TOLERANCE_MAX_H, "hours"
        ),
        disk_floor_mb=number("disk_floor_mb", word["disk_floor_mb"], DISK_FLOOR_MAX_MB, "megabytes"),
        download_bytes_per_s=_maybe(rate, "download_bytes_per_s", given),
        object_cache_mb=number("object_cache_mb", word["object_cache_mb"], OBJECT_CACHE_MAX_MB, "megabytes"),
        workers=number("workers", word["workers"], WORKERS_MAX, "processes", least=1),
        trusted_proxies=networks("trusted_proxies", word["trusted_proxies"]),
        proxy_protocol=_proxied(word, places),
        keep_days=number("keep_days", word["keep_days"], KEEP_MAX_DAYS, "days"),
        oidc_issuer=_maybe(issuer, "oidc_issuer", given),
        oidc_client_id=_maybe(word_of, "oidc_client_id", given),
        oidc_client_secret_file=_maybe(readable, "oidc_client_secret_file", given),
        oidc_groups=groups("oidc_groups", word.get("oidc_groups", "")),
        oidc_groups_claim=word_of("oidc_groups_claim", word["oidc_groups_claim"]),
        oidc_name_claim=word_of("oidc_name_claim", word["oidc_name_claim"]),
        oidc_account=word_of("oidc_account", word["oidc_account"]),
        oidc_hosts=hosts("oidc_hosts", word["oidc_hosts"]),
        log=one_of("log", word["log"], LOG_LEVELS, any_case=True),
        log_format=one_of("log_format", word["log_format"], LOG_FORMATS),
        log_file=_maybe(log_file, "log_file", given),
        bootstrap_key=bootstrap_key,
        sources=sources,
    )


def _maybe(read: Callable[[str, str], T], setting: str, given: Mapping[str, str]) -> T | None:
    """What the setting says; None when it is not given."""
    return read(setting, given[setting]) if setting in given else None


def _proxied(word: Mapping[str, str], places: Mapping[str, HostPort | None]) -> tuple[str, ...]:
    """The listeners that are named, each of which is on and has a proxy that may be believed."""
    given = word["proxy_protocol"]
    named = words("proxy_protocol", given, PROXIED_LISTENERS)
    for name in named:
        if places[name] is None:
            raise SettingError("proxy_protocol", given, f"names {name.replace('_', '-')}, which is off")
    if named and not word["trusted_proxies"].strip(" ,"):
        raise SettingError("proxy_protocol", given, "needs trusted_proxies: nobody else's word is taken")
    return named


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
    """A certificate needs its key, a listener with TLS needs both, and a second pair needs a first; a provider of
    sign-in needs what we are to it, and whom it lets in."""
    if "secret_key_file" in given and "secret_key_command" in given:
        raise SettingError("secret_key_command", "(hidden)", "not beside secret_key_file: give one of them")
    for name in TLS_LISTENERS:
        for needed in ("tls_cert", "tls_key"):
            if name in given and needed not in given:
                raise SettingError(name, given[name], f"needs tls_cert and tls_key; {needed} is not set")
    if "archive" in given and "database_url" in given:
        rule = "is for the embedded PostgreSQL alone; archive the log of your own by its tools"
        raise SettingError("archive", given["archive"], rule)
    for one, other in (
        ("tls_cert", "tls_key"),
        ("tls_key", "tls_cert"),
        ("device_tls_cert", "device_tls_key"),
        ("device_tls_key", "device_tls_cert"),
        ("device_tls_cert", "tls_cert"),
        *((one, "archive") for one in NEED_ARCHIVE if given.get(one, "") != DEFAULTS[one]),
        *((one, "otlp") for one in ("otlp_sample",) if given[one] != DEFAULTS[one]),
        ("oidc_issuer", "oidc_client_id"),
        ("oidc_issuer", "oidc_groups"),
        ("oidc_client_id", "oidc_issuer"),
        ("oidc_client_secret_file", "oidc_issuer"),
        ("oidc_groups", "oidc_issuer"),
    ):
        if one in given and other not in given:
            raise SettingError(one, given[one], f"needs {other} beside it")


def _default_public_url(download: HostPort) -> str:
    """The download listener's own address; for a wildcard, which no device can dial, this machine's name."""
    if download.host in ("0.0.0.0", "::"):  # noqa: S104  # compared, not bound
        return f"http://{HostPort(socket.gethostname(), download.port)}"
    return f"http://{download}"
