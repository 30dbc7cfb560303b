"""Where settings are read from, and how a refusal of one is worded.

An environment variable that begins with UPWELL_ and is none of ours is refused, for it is a slip. UPWELL_TEST_… is the
tests' own and is left alone, and so are the names that Kubernetes gives to the containers beside a service `upwell`.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from upwell.config.looking import is_there
from upwell.domain.errors import CallerError

BOOTSTRAP_VARIABLE = "UPWELL_BOOTSTRAP_KEY"
CONFIG_VARIABLE = "UPWELL_CONFIG"
CLIENT_VARIABLES = ("UPWELL_URL", "UPWELL_TOKEN", "UPWELL_CONTEXT")  # of commands over the API
SWITCHES = ("allow_private_push", "request_limits", "tuya_bare_secret", "tuya_wrapped_lists")
NUMBERS = (
    "huawei_clock_tolerance_h", "disk_floor_mb", "keep_days", "archive_days", "archive_timeout_s", "object_cache_mb",
)  # fmt: skip
SHARES = ("otlp_sample",)

_FOREIGN = re.compile(
    r"UPWELL_TEST_.*=.*|UPWELL_SERVICE_HOST=.*|UPWELL_SERVICE_PORT(_[A-Z0-9_]+)?=[0-9]+"
    r"|UPWELL_PORT(_[0-9]+_(TCP|UDP))?=(tcp|udp)://.*|UPWELL_PORT_[0-9]+_(TCP|UDP)_(PROTO|PORT|ADDR)=.*",
    re.DOTALL,
)


class SettingError(CallerError):
    """A setting breaks its rule. `source` is the option, variable or key that gave it, where one did."""

    def __init__(self, setting: str, value: str, rule: str, source: str | None = None) -> None:
        self.setting = setting
        self.value = _without_secrets(value)
        self.rule = rule
        by = f", given by {source}" if source else ""
        super().__init__(f"setting {setting} = {self.value!r}{by}: {rule}")


def _without_secrets(value: str) -> str:
    """What may be shown of a value that may be an address: nobody's name and password, and no secret in its query. A
    password may hold any sign, so all before the last @ is left out."""
    bare = re.sub(r"^([a-z0-9+]+://)?.*@", r"\1…@", value, flags=re.DOTALL)
    return re.sub(r"([?&][^=&]*(?:secret|pass|token|key|sign)[^=&]*=)[^&]*", r"\1…", bare, flags=re.IGNORECASE)


def toml_path(environ: Mapping[str, str]) -> Path | None:
    """The settings file: the one that UPWELL_CONFIG names, which must be there, or upwell.toml if it is here. Raises
    SettingError."""
    named = environ.get(CONFIG_VARIABLE, "")
    path = Path(named or "upwell.toml")
    try:
        there = is_there(path) and not path.is_dir()
    except (OSError, ValueError) as exc:
        raise SettingError(CONFIG_VARIABLE, named, f"can't be looked at: {exc}") from exc
    if named and not there:
        raise SettingError(CONFIG_VARIABLE, named, "must be a file that exists")
    return path if there else None


def refuse_unknown(environ: Mapping[str, str], settings: Sequence[str]) -> None:
    """Raises SettingError for the first variable that begins with UPWELL_ and is none of ours."""
    known = [CONFIG_VARIABLE, BOOTSTRAP_VARIABLE, *CLIENT_VARIABLES, *(f"UPWELL_{name.upper()}" for name in settings)]
    for name, value in environ.items():
        if value and name.startswith("UPWELL_") and name not in known and not _FOREIGN.fullmatch(f"{name}={value}"):
            raise SettingError(name, "(hidden)", f"no such setting{meant(name, known)}")


def meant(name: str, known: Iterable[str]) -> str:
    """A hint at the known name that is nearest, if one is near."""
    near = difflib.get_close_matches(name, known, 1)
    return f"; is {near[0]} meant?" if near else ""


def read_toml(path: Path, known: Sequence[str]) -> dict[str, str]:
    """The keys of upwell.toml; `data-dir` and `data_dir` are the same key."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise SettingError("config file", str(path), f"must be a readable TOML file: {exc}") from exc
    values: dict[str, str] = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in known:
            hint = meant(name, known) or f"; known are {', '.join(known)}"
            raise SettingError(key, "(hidden)", f"no such setting in {path}{hint}")
        if name in values:
            raise SettingError(key, str(value), f"is given twice in {path}")
        if isinstance(value, bool):
            value = str(value).lower()
        elif (isinstance(value, int) and name in NUMBERS) or (isinstance(value, int | float) and name in SHARES):
            value = str(value)
        if name == "buckets" and isinstance(value, dict):
            value = ",".join(f"{bucket}={url}" for bucket, url in value.items())
        if not isinstance(value, str):
            kind = "true or false" if name in SWITCHES else "a whole number" if name in NUMBERS else "a string"
            kind = "a number" if name in SHARES else kind
            kind += " or a table" if name == "buckets" else ""
            raise SettingError(key, str(value), f"must be {kind} in {path}")
        values[name] = value
    return values
