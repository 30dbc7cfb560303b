"""The settings of a server: read once, checked whole, then frozen.

Each setting comes from the first of: command-line option, environment variable UPWELL_…, key of upwell.toml,
default. Every refusal names the setting, the value and the rule. A secret is never shown in a refusal. The bootstrap
key comes from the environment alone. An empty environment variable counts as absent.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from upwell.config.addresses import HostPort

DynamicRegistration = Literal["off", "registered", "any"]
DeviceTls = Literal["compatible", "modern"]


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
    metrics: HostPort | None
    otlp: str | None  # the URL of a collector
    otlp_sample: float
    public_url: str
    public_tls_url: str | None
    database_url: str | None = field(repr=False)
    secret_key_file: Path | None
    secret_key_command: str | None = field(repr=False)
    objects_url: str | None
    buckets: Mapping[str, str]  # URL by `[project:]region/bucket`
    archive: str | None = field(repr=False)  # the URL of its place
    archive_recipients: tuple[str, ...]
    archive_days: int
    archive_timeout_s: int
    allow_private_push: bool
    dynamic_registration: DynamicRegistration
    request_limits: bool
    tuya_bare_secret: bool
    tuya_wrapped_lists: bool
    huawei_clock_tolerance_h: int
    disk_floor_mb: int
    download_bytes_per_s: int | None  # of this process
    object_cache_mb: int  # of all processes of this data dir; 0: none
    workers: int
    keep_days: int  # 0: for ever
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    proxy_protocol: tuple[str, ...]  # listeners to which such a proxy says who is behind it before anything else
    oidc_issuer: str | None
    oidc_client_id: str | None
    oidc_client_secret_file: Path | None
    oidc_groups: Mapping[str, str]  # role by group
    oidc_groups_claim: str
    oidc_name_claim: str
    oidc_account: str
    oidc_hosts: tuple[str, ...]
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
    def kept(self) -> timedelta | None:
        """How long what is over is kept; None for ever."""
        return timedelta(days=self.keep_days) if self.keep_days else None

    @property
    def objects_at(self) -> str:
        """Where the platform's own objects are."""
        return self.objects_url or f"file://{self.data_dir.absolute() / 'objects'}"

    @property
    def object_cache(self) -> Path:
        """Where objects of stores that are elsewhere are kept meanwhile, if they are."""
        return self.data_dir.absolute() / "object-cache"

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


SETTINGS = tuple(each.name for each in fields(Settings) if each.name not in ("bootstrap_key", "sources"))
