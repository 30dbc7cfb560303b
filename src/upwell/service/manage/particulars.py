"""What an entry of the audit says of a call: which things it was about, and what was asked of them.

Holds: a member is told because it is in a table here, and never because nobody thought of it, so that a new one is
silent until somebody decides; a test wants each to be in one table. Secrets, tokens, tickets and signatures are in
none that tells, of addresses only the host is, and an entry is bounded whatever a caller sent.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from upwell.service.journal import one_line

SIZE_MAX = 2048  # bytes of ids, and of changes, as JSON
TEXT_MAX = 160  # characters of one value
SHOWN_MAX = 8  # members of a list that are shown one by one
DEPTH_MAX = 5  # the guard of the care of the job of a plan; no value of ours is deeper
LEFT_OUT = "left_out"  # the names of members that there was no room for

IDS = frozenset({
    "account", "account_id", "action_id", "apply_id", "bucket", "device", "device_id", "device_names", "devices",
    "failure", "file_id", "gateway_id", "group_id", "group_ids", "hook_id", "hours_id", "import_id", "instead_of",
    "iot_id", "job_id", "key", "key_id", "module", "module_id", "names", "nth", "package_id", "package_ids", "plan_id",
    "positions", "product_key", "public_id", "receiver_id", "region", "session_id", "space", "super_group_id",
    "targets", "tasks", "upload_id", "user", "user_id",
})  # fmt: skip
"""Members that name what a call is about, and members of those."""

TOLD = frozenset({
    "action", "active", "alias", "alpha", "already", "approval", "asks_version", "at_least", "at_most", "at_once",
    "away_days", "base_per_min", "beta", "by_gateway", "bytes_per_s", "care", "changed", "changes", "closes_min",
    "condition_text", "pseudonym",
    "count", "days", "description", "dialect", "disconnect", "done", "downgrade", "dynamic_mode", "each_offered",
    "each_succeeded", "enabled", "everywhere", "expires_at", "factor", "failures", "files", "finish_at",
    "first", "first_min", "form", "from_offer", "gray_percent", "growth", "guard", "hold_failures", "hours", "in_space",
    "is_delta", "is_server_admin", "job", "keep_days", "keep_gateway", "keep_most", "keys", "kind", "kinds", "last",
    "leads", "lifetime", "manner", "maximum_per_min", "md5", "most_min", "multi_module", "name", "need_confirm",
    "need_push", "nickname", "number", "of_devices", "of_presence", "only_empty", "opens_min", "over", "overlap",
    "overwrite", "p0", "p1", "pace", "part", "part_size", "percent", "place", "preset", "protocol", "purpose",
    "rate", "reason", "rejected", "remark", "required", "retry_count", "retry_interval_min", "revision", "role",
    "rollout_defaults", "same_first", "scheduled", "scheduled_at", "scoped", "secondary", "selection",
    "server_name", "set_aside", "sha256", "share", "sign_method", "size", "skip_soak", "soak_min", "source_version",
    "source_versions", "spans", "states", "suffix", "tag", "tags", "test", "timeout_min", "verdict_min", "verify",
    "version", "wave", "waves", "whole", "zone",
})  # fmt: skip
"""Members that say what was asked."""

HOST_ONLY = frozenset({"url", "device_list_url", "target_url"})  # a ticket, or a way that is secret, may be in the rest
NAMES_ONLY = frozenset({"facts"})  # a dialect's own, which may have a secret among them

SILENT = frozenset({
    "current_password", "new_password", "password", "secret", "token",  # a device's, and what signs news
    "ext_info", "note",  # the owner's own, for devices: nobody knows what is in it
    "sign", "sign_word",  # the result has the digest
    "condition",  # its text is told
    # the tongue's own, not its caller's
    "any_group", "asking", "is_token", "key_head", "key_size", "lead_s", "most", "need_all", "size_max", "standing",
    "unique_name",
})  # fmt: skip
"""Members that are told of nowhere."""

_MADE = ("account", "action_id", "apply_id", "file_id", "group_id", "hook_id", "hours_id", "import_id", "iot_id",
         "job_id", "key", "key_id", "package_id", "plan_id", "product_key", "public_id", "receiver_id", "upload_id",
         "user_id")  # fmt: skip
_CAME = ("name", "role", "dialect", "changed", "released", "done", "already", "over", "sha256", "size", "expires_at")
"""Members of results that are told beside the command's."""


def particulars(command: object, result: object) -> tuple[str, str]:
    """The ids and the changes of a call, each a JSON object of at most SIZE_MAX bytes. `command` may be a mapping."""
    found = _members(command, DEPTH_MAX)
    ids = {name: value for name, value in found.items() if name in IDS}
    changes = {name: value for name, value in found.items() if name not in IDS}
    for told, names in ((ids, _MADE), (changes, _CAME)):
        for name in names:
            if name not in told and (value := _told(getattr(result, name, None), 1)) not in (None, ""):
                told[name] = value
    return _bounded(ids), _bounded(changes)


def _members(holder: object, depth: int) -> dict[str, Any]:
    """What may be told of a command or a value of ours. What a command leaves as it is by itself is not."""
    found: dict[str, Any] = {}
    for name, value in _given(holder):
        if name in HOST_ONLY:
            told: object = _host(value)
        elif name in NAMES_ONLY:
            told = _told(sorted(value), depth) if isinstance(value, Mapping) and value else None
        else:
            told = _told(value, depth) if name in IDS or name in TOLD else None
        if told is not None:
            found[name] = told
    return found


def _given(holder: object) -> Iterable[tuple[str, Any]]:
    if isinstance(holder, Mapping):
        yield from holder.items()
        return
    for field in fields(holder) if hasattr(holder, "__dataclass_fields__") else ():  # type: ignore[arg-type]
        value = getattr(holder, field.name)
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if value != default:
            yield field.name, value


def _told(value: object, depth: int) -> Any:
    match value:
        case None:
            return None
        case bool() | int() | float():
            return value
        case datetime():
            return value.isoformat()
        case timedelta():
            return str(value)
        case str() | UUID():
            return _text(str(value))
        case Mapping():
            return {_text(str(name)): _told(each, depth - 1) for name, each in list(value.items())[:SHOWN_MAX]} or None
        case Iterable() if depth:
            return _list(value, depth)
    return _members(value, depth - 1) or None if depth else None


def _list(values: Iterable[object], depth: int) -> list[Any] | None:
    every = sorted(values) if isinstance(values, frozenset | set) else list(values)
    told = [_told(each, depth - 1) for each in every[:SHOWN_MAX]]
    return told + ([f"and {len(every) - SHOWN_MAX} more"] if len(every) > SHOWN_MAX else []) or None


def _text(text: str) -> str:
    return one_line(text if len(text) <= TEXT_MAX else text[:TEXT_MAX] + "…")


def _host(url: object) -> str | None:
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        return None if parts is None else _text(f"{parts.scheme}://{parts.hostname or ''}")
    except ValueError:
        return None


def _bounded(members: Mapping[str, Any]) -> str:
    """As JSON. Members that there is no more room for are only named."""
    kept: dict[str, Any] = {}
    left_out: list[str] = []
    room = SIZE_MAX - len(_json({LEFT_OUT: list(members)}))
    for name, value in members.items():
        size = len(_json({name: value}))
        if size <= room:
            kept[name], room = value, room - size
        else:
            left_out.append(name)
    return _json(kept | ({LEFT_OUT: left_out} if left_out else {})).decode()


def _json(members: Mapping[str, Any]) -> bytes:
    return json.dumps(members, ensure_ascii=False).encode()
