"""Which edition of a thing a caller has seen: a word that is another one whenever what its owners may change of it is.

Counts, presence and progress are no part of it: they move by themselves, and nobody overwrites them. A thing that was
deleted and made again under its name is another one.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from upwell.domain import commands as c

CHARS = 16  # hexadecimal digits; two editions of one thing are alike by chance once in 2^64

EDITED: Mapping[type, Callable[[Any], tuple[object, ...]]] = {
    c.Space: lambda it: (it.key, it.name),
    c.Product: lambda it: (it.product_key, it.name, it.rollout_defaults),
    c.Module: lambda it: (it.product_key, it.name, it.alias, it.description),
    c.Device: lambda it: (
        it.iot_id, it.nickname, it.description, it.status == "DISABLED", sorted(dict(it.tags).items()), it.gateway_id
    ),
    c.DeviceHours: lambda it: (it.hours_id, it.hours),
    c.Group: lambda it: (it.group_id, it.name, it.description),
    c.Package: lambda it: (it.package_id, it.name, it.description, it.note),
    c.Job: lambda it: (
        it.job_id, it.manner.maximum_per_min, it.manner.timeout_min, it.source_versions, it.tags, it.dynamic_mode,
        it.hours and it.hours.hours, it.pace and it.pace.pace,
    ),
    c.Key: lambda it: (it.key_id, it.revoked_at),
    c.User: lambda it: (it.user_id, it.role, it.enabled, str(it.modified_at)),
    c.Account: lambda it: (it.account_id, it.name),
}  # fmt: skip
"""By the kind of a view what may be changed of it. Times are left out where an id is there that is never used again."""


def edition(view: object) -> str | None:
    """Which edition this is; None of what nobody edits."""
    edited = EDITED.get(type(view))
    if edited is None:
        return None
    made = getattr(view, "created_at", None)
    return sha256(repr((type(view).__name__, str(made), edited(view))).encode()).hexdigest()[:CHARS]
