"""Rows as values: each view of the core from the columns of its statement, in one function each."""

import json
from typing import Any
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain.records import device_record
from upwell.domain.setbacks import HELD
from upwell.storage.database import Row, filled
from upwell.storage.job_rows import care_of
from upwell.storage.sealing import Kept, Seals


def space_of(row: Row) -> c.Space:
    """The space in a row."""
    return c.Space(
        key=row["space_key"],
        name=row["space_name"],
        is_default=row["space_is_default"],
        created_at=row["space_created_at"],
    )


def product_of(row: Row, seals: Seals) -> c.Product:
    """The product in a row, with its space. Raises Unsealable."""
    secret = seals.open(Kept.PRODUCT, row["product_id"], row["product_secret"])
    defaults = care_of(row["rollout_defaults"])
    return filled(
        c.Product, row, space=space_of(row), facts=json.loads(row["facts"]), rollout_defaults=defaults,
        product_secret=secret,
    )  # fmt: skip


def device_of(row: Row, seals: Seals) -> c.Device:
    """The device in a row, with its space. Raises Unsealable."""
    secondary = row["secondary_secret"]
    return filled(
        c.Device,
        row,
        product_facts=json.loads(row["product_facts"]),
        space=space_of(row),
        facts=json.loads(row["facts"]),
        tags=tuple((key, value) for key, value in json.loads(row["tags"] or "[]")),
        versions=json.loads(row["versions"] or "{}"),
        record=record_of(row),
        set_aside=_set_aside(row),
        secret=seals.open(Kept.DEVICE, row["device_id"], row["secret"]),
        secondary_secret=None if secondary is None else seals.open(Kept.SECONDARY, row["device_id"], secondary),
    )


def _set_aside(row: Row) -> c.SetAside | None:
    if row["aside_until"] is None:
        return None
    return c.SetAside(
        since=row["aside_since"], until=None if row["aside_until"] == HELD else row["aside_until"],
        failures=row["aside_failures"], job_id=row["aside_job"], reason=row["aside_reason"],
    )  # fmt: skip


def record_of(row: Row) -> int:
    """The record of the device in a row."""
    return device_record(row["created_at"], UUID(int=row["device_id"].int))


def registration_of(row: Row) -> c.Registration:
    """The registration in a row, with the names that it made, or may make while it is only checked."""
    checked = json.loads(row["checked"] or '{"good": [], "refused": []}')
    waits = row["status"] == "CHECK_SUCCESS"
    names = tuple(name for name, _ in checked["good"]) if waits else tuple(row["made"])
    return filled(c.Registration, row, names=names, refused=tuple(checked["refused"]))


def module_of(row: Row) -> c.Module:
    """The module in a row, with its product and space."""
    return filled(c.Module, row, space=space_of(row))


def package_of(row: Row) -> c.Package:
    """The package in a row, with its product and space if it is of one."""
    place = None
    if row["region"] is not None:
        place = c.ObjectPlace(region=row["region"], bucket=row["bucket"], key=row["bucket_key"])
    return filled(
        c.Package,
        row,
        space=space_of(row) if row["space_key"] is not None else None,
        source_versions=tuple(row["source_versions"]),
        files=tuple(map(_file, json.loads(row["files"]))),
        place=place,
    )


def _file(stored: dict[str, Any]) -> c.PackageFile:
    return c.PackageFile(**{name: stored[name] for name in ("name", "url", "size", "md5", "sha256")})


def group_of(row: Row, above: c.Group | None = None, counts: c.DeviceCounts | None = None) -> c.Group:
    """The group in a row, with its space."""
    return filled(c.Group, row, space=space_of(row), above=above, counts=counts)
