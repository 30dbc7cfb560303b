"""Rows as values: each view of the core from the columns of its statement, in one function each."""

import json
from typing import Any
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain.records import device_record
from upwell.storage.database import Row


def space_of(row: Row) -> c.Space:
    """The space in a row."""
    return c.Space(
        key=row["space_key"],
        name=row["space_name"],
        is_default=row["space_is_default"],
        created_at=row["space_created_at"],
    )


def product_of(row: Row) -> c.Product:
    """The product in a row, with its space."""
    return c.Product(
        product_key=row["product_key"],
        product_secret=row["product_secret"],
        name=row["name"],
        space=space_of(row),
        facts=json.loads(row["facts"]),
        device_count=row["device_count"],
        created_at=row["created_at"],
    )


def device_of(row: Row) -> c.Device:
    """The device in a row, with its space."""
    tags = json.loads(row["tags"] or "[]")
    return c.Device(
        device_id=row["device_id"],
        product_key=row["product_key"],
        product_name=row["product_name"],
        product_facts=json.loads(row["product_facts"]),
        space=space_of(row),
        name=row["name"],
        public_id=row["public_id"],
        iot_id=row["iot_id"],
        secret=row["secret"],
        secondary_secret=row["secondary_secret"],
        gateway_id=row["gateway_id"],
        nickname=row["nickname"],
        description=row["description"],
        facts=json.loads(row["facts"]),
        tags=tuple((key, value) for key, value in tags),
        status=row["status"],
        status_at=row["status_at"],
        address=row["address"],
        sdk_version=row["sdk_version"],
        firmware_version=row["firmware_version"],
        versions=json.loads(row["versions"] or "{}"),
        created_at=row["created_at"],
        modified_at=row["modified_at"],
        activated_at=row["activated_at"],
        online_at=row["online_at"],
        offline_at=row["offline_at"],
        record=record_of(row),
    )


def record_of(row: Row) -> int:
    """The record of the device in a row."""
    return device_record(row["created_at"], UUID(int=row["device_id"].int))


def registration_of(row: Row) -> c.Registration:
    """The registration in a row, with the names that it made, or may make while it is only checked."""
    checked = json.loads(row["checked"] or '{"good": [], "refused": []}')
    waits = row["status"] == "CHECK_SUCCESS"
    return c.Registration(
        apply_id=row["apply_id"],
        status=row["status"],
        asked=row["asked"],
        names=tuple(name for name, _ in checked["good"]) if waits else tuple(row["made"]),
        created_at=row["created_at"],
        refused=tuple(checked["refused"]),
    )


def module_of(row: Row) -> c.Module:
    """The module in a row, with its product and space."""
    return c.Module(
        module_id=row["module_id"],
        product_key=row["product_key"],
        product_name=row["product_name"],
        space=space_of(row),
        name=row["name"],
        alias=row["alias"],
        description=row["description"],
        created_at=row["created_at"],
        modified_at=row["modified_at"],
    )


def package_of(row: Row) -> c.Package:
    """The package in a row, with its product and space if it is of one."""
    place = None
    if row["region"] is not None:
        place = c.ObjectPlace(region=row["region"], bucket=row["bucket"], key=row["bucket_key"])
    return c.Package(
        package_id=row["package_id"],
        product_key=row["product_key"],
        product_name=row["product_name"],
        space=space_of(row) if row["space_key"] is not None else None,
        name=row["name"],
        description=row["description"],
        module=row["module"],
        version=row["version"],
        source_version=row["source_version"],
        source_versions=tuple(row["source_versions"]),
        is_delta=row["is_delta"],
        status=row["status"],
        verify_progress=row["verify_progress"],
        size=row["size"],
        md5=row["md5"],
        sha256=row["sha256"],
        url=row["url"],
        note=row["note"],
        created_at=row["created_at"],
        modified_at=row["modified_at"],
        files=tuple(map(_file, json.loads(row["files"]))),
        sign_method=row["sign_method"],
        place=place,
        sign=row["sign"],
        sign_word=row["sign_word"],
        object_state=row["object_state"],
    )


def _file(file: dict[str, Any]) -> c.PackageFile:
    return c.PackageFile(name=file["name"], url=file["url"], size=file["size"], md5=file["md5"], sha256=file["sha256"])
