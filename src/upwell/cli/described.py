"""What each setting is and what it is without being given, as `--help` says it. One row for each of config.SETTINGS."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import typer

from upwell.config import SETTINGS

Command = TypeVar("Command", bound=Callable[..., Any])

DESCRIBED: dict[str, tuple[str, str]] = {
    "data_dir": ("Folder of the embedded PostgreSQL and the firmware files", "./upwell-data"),
    "http": ("HOST:PORT of the management API and uploads; port 0 is any free one", "127.0.0.1:8686"),
    "https": ("HOST:PORT of the same with TLS; needs --tls-cert and --tls-key", "off"),
    "mqtt": ("HOST:PORT for devices that speak MQTT, or off", "127.0.0.1:1883"),
    "mqtts": ("HOST:PORT for devices with TLS; needs --tls-cert and --tls-key", "off"),
    "mqtt_ws": ("HOST:PORT for devices that speak MQTT over WebSocket, at /mqtt and /", "off"),
    "mqtt_wss": ("HOST:PORT of the same with TLS; needs --tls-cert and --tls-key", "off"),
    "tls_cert": ("PEM file of the certificate and its chain", "none"),
    "tls_key": ("PEM file of the certificate's private key, without a passphrase", "none"),
    "device_tls": (
        "TLS that devices are spoken to: compatible with the vendors' C SDKs (no forward secrecy for those), or modern",
        "compatible",
    ),
    "device_tls_cert": ("PEM file of a second certificate for devices, such as an RSA beside an ECDSA one", "none"),
    "device_tls_key": ("PEM file of its private key", "none"),
    "download": ("HOST:PORT where devices download firmware", "the port after http's"),
    "downloads": ("HOST:PORT of the same with TLS; needs --tls-cert and --tls-key", "off"),
    "metrics": ("HOST:PORT where Prometheus reads metrics, for whoever reaches it; keep it from the public", "off"),
    "otlp": ("URL of a collector that traces are sent to by OTLP over HTTP; needs upwell[otel]", "off"),
    "otlp_sample": ("Share of what is done that is traced, from 0 to 1", "0.1"),
    "public_url": ("Where devices reach the downloads, as they are told; may have a path", "the download address"),
    "public_tls_url": ("The same for devices that download by TLS", "the public URL's host and downloads' port"),
    "database_url": (
        "postgresql://USER:PASSWORD@HOST/DATABASE of your own, 15 or newer; of HOST,HOST the one that takes writes",
        "the embedded one",
    ),
    "secret_key_file": (
        "File with the keys that secrets in the database are encrypted with; nobody else may read it",
        "none",
    ),
    "secret_key_command": ("Command that prints these keys instead, run once at the start", "none"),
    "objects_url": ("Where firmware files are: file:///FOLDER or s3://BUCKET/PREFIX", "in the data dir"),
    "buckets": ("Where owners' buckets are: REGION/BUCKET=URL, separated by commas", "in the firmware files' store"),
    "archive": ("Folder or s3://BUCKET/PREFIX for point-in-time restores of the embedded database", "off"),
    "archive_recipients": ("Public keys of age that the archive is encrypted to, separated by commas", "none"),
    "archive_days": ("Days whose moments the archive can be restored to, 1 to 366", "7"),
    "archive_timeout_s": ("Seconds after which the log is archived though its file is not full, 1 to 3600", "60"),
    "allow_private_push": ("Whether status pushes and hooks may go to addresses that are not public", "off"),
    "dynamic_registration": (
        "Which devices may ask for their own secret with their product's: off, registered or any",
        "registered",
    ),
    "request_limits": ("Whether the vendor's limits on management requests a second hold", "on"),
    "tuya_bare_secret": ("Whether the secret alone may sign Tuya's requests too", "off"),
    "tuya_wrapped_lists": ("Whether Tuya's lists are answered wrapped as Alibaba's are", "off"),
    "huawei_clock_tolerance_h": ("How many hours a Huawei device's clock may be off, 0 to 24", "1"),
    "disk_floor_mb": ("Megabytes that must be free, or /readyz says that the server is not ready; 0 for any", "256"),
    "download_bytes_per_s": ("Bytes a second of all downloads of a process, such as 500k or 20M", "any number"),
    "object_cache_mb": ("Megabytes of S3 objects that are kept in the data folder for downloads; 0 for none", "4096"),
    "workers": ("How many processes serve on the same addresses and database", "1"),
    "keep_days": (
        "Days that history, tasks of ended jobs, registrations, deleted devices and the audit are kept; 0 for ever",
        "365",
    ),
    "trusted_proxies": (
        "Addresses or networks of proxies whose X-Forwarded-For and -Proto are believed",
        "127.0.0.1,::1",
    ),
    "proxy_protocol": (
        "Listeners to which trusted proxies say by the PROXY protocol, 1 or 2, who is behind them, separated by commas",
        "none",
    ),
    "oidc_issuer": ("URL of a provider of OpenID Connect, as it calls itself, where people sign in too", "none"),
    "oidc_client_id": ("What this server is called there", "none"),
    "oidc_client_secret_file": ("File with the secret that it has there", "none: PKCE alone"),
    "oidc_groups": ("GROUP=ROLE,…: whom the provider lets in, and as what; of several the highest", "none"),
    "oidc_groups_claim": ("The claim that has somebody's groups", "groups"),
    "oidc_name_claim": ("The claim that a new user is called by", "preferred_username"),
    "oidc_account": ("The account whose users they are", "default"),
    "oidc_hosts": (
        "Hosts beside the issuer's own that may be asked, as its description names them",
        "only the issuer's",
    ),
    "log": ("The least level that is logged: DEBUG, INFO, WARNING or ERROR", "INFO"),
    "log_file": ("File that the log is appended to; SIGHUP opens it anew", "standard error"),
    "log_format": ("How a line of the log is written: text, or json for one object a line", "text"),
}


def described(command: Command) -> Command:
    """The command, with each option that is a setting described from the table."""
    for name, hint in get_type_hints(command, include_extras=True).items():
        if name in SETTINGS:
            text, default = DESCRIBED[name]
            more = typer.Option(help=f"{text}. Default: {default}.")
            command.__annotations__[name] = Annotated[get_args(hint)[0], more]
    return command
