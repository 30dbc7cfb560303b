"""Which packages a job may bring devices to: of the account, for the devices' product or part, judged, and there (L6).

They are locked while the job is made, so that their status and their deletion wait for it.
"""

from collections.abc import Sequence

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, NotFound
from upwell.domain.modules import DEFAULT_MODULE, SOFTWARE_MODULE
from upwell.domain.verification import require_unverified, require_verified
from upwell.service.manage.access import Caller
from upwell.service.manage.spaces import space_number
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

SQL = sheet("jobs")
MQTT_SIZE_MAX = 16 * 1024 * 1024  # bytes of a file that is downloaded over MQTT (alibaba 2.1)
_MODULES = {"firmware": DEFAULT_MODULE, "software": SOFTWARE_MODULE}


async def package_of_product(conn: Connection, caller: Caller, cmd: c.CreateJob) -> tuple[Row, int]:
    """The one package, and the id of the product whose devices get it. Raises NotFound (package, product), Conflict."""
    [package] = await _packages(conn, caller, cmd)
    product_id = await product_of_account(conn, caller, cmd.product_key)
    if package["product_id"] not in (None, product_id):
        raise Conflict("package_of_other_product", f"The package does not belong to product {cmd.product_key}.")
    if cmd.manner.protocol == "MQTT":
        _require_small(package)
    return package, product_id


async def product_of_account(conn: Connection, caller: Caller, product_key: str) -> int:
    """The id of the caller's product. Raises NotFound."""
    which = {"product_key": product_key, "account_id": caller.account_id}
    product_id = await conn.fetchval(*SQL["product_of_account"](**which))
    if product_id is None:
        raise NotFound("product", product_key)
    return int(product_id)


async def require_package(conn: Connection, caller: Caller, package_id: int) -> None:
    """The caller has the package. Raises NotFound."""
    if not await conn.fetchval(*SQL["has_package"](package_id=package_id, account_id=caller.account_id)):
        raise NotFound("package", str(package_id))


async def packages_of_part(conn: Connection, caller: Caller, cmd: c.CreateJob) -> list[Row]:
    """The packages of a job that asks, in the order given. Raises NotFound (package, space), Conflict."""
    packages = await _packages(conn, caller, cmd)
    space = await space_number(conn, caller, cmd.space)
    for package in packages:
        _require_part(package, cmd.part)
        if space not in (None, package["space_id"]):
            raise Conflict("package_of_other_space", "A package belongs to another resource space.")
        require_verified(package["status"])
        refuse_lost_object(package)
    if len({package["module"] for package in packages}) > 1:
        raise Conflict("package_of_other_part", "The packages are for different modules.")
    return packages


async def refuse_verified(conn: Connection, package: Row) -> None:
    """A verify job is for a package that is not judged, nor being tried on devices (alibaba 7.1)."""
    on_devices = package["status"] == "verifying" and await conn.fetchval(
        *SQL["verified_by_tasks"](package_id=package["package_id"])
    )
    require_unverified(package["status"], on_devices=bool(on_devices))
    refuse_lost_object(package)


def require_offerable(package: Row, versions: Sequence[str]) -> None:
    """Any other job is for a package that is judged good, and whose delta fits these versions."""
    require_verified(package["status"])
    refuse_lost_object(package)
    require_deltas(package, versions, leads=package["leads"])


def refuse_lost_object(package: Row) -> None:
    """L6: a package whose object is gone, or is another than it should be, or has nothing in it, is offered to
    nobody."""
    if package["size"] == 0:
        raise Conflict("package_object_lost", "The package's file is empty; make a package of another file.")
    if package["object_state"] in ("missing", "differs"):
        raise Conflict("package_object_lost", f"The package can't be offered: {package['object_problem']}.")


def require_deltas(package: Row, versions: Sequence[str], *, leads: bool) -> None:
    """A differential package is for its own source version alone, unless others are led there."""
    if package["is_delta"] and not leads and tuple(versions) not in ((), (package["source_version"],)):
        raise Conflict("source_version_not_the_deltas", "SrcVersion must be the differential package's own.")


async def _packages(conn: Connection, caller: Caller, cmd: c.CreateJob) -> list[Row]:
    which = {"account_id": caller.account_id, "package_ids": cmd.package_ids}
    found = {row["package_id"]: row for row in await conn.fetch(*SQL["packages_for_job"](**which))}
    for package_id in cmd.package_ids:
        if package_id not in found:
            raise NotFound("package", str(package_id))
    return [found[package_id] for package_id in cmd.package_ids]


def _require_small(package: Row) -> None:
    if package["file_count"]:
        raise Conflict("package_of_several_files_for_mqtt", "A package of several files can't be downloaded over MQTT.")
    if package["size"] > MQTT_SIZE_MAX:
        problem = f"A file downloaded over MQTT has at most {MQTT_SIZE_MAX} bytes; this has {package['size']}."
        raise Conflict("package_too_large_for_mqtt", problem)


def _require_part(package: Row, part: str) -> None:
    is_part = package["module"] == _MODULES[part] if part in _MODULES else package["module"] not in _MODULES.values()
    if not is_part:
        raise Conflict("package_of_other_part", f"A package is for {package['module']}, not for {part}.")
    if package["product_id"] is None:
        raise Conflict("package_of_other_part", "A package belongs to no product.")
