"""Whether a job brings devices to a version that they have left before, which its owner is to mean (ADR 0052).

It is looked for among LOOKED_AT such devices of the product, or those that are named; a plan counts all of them.
"""

from uuid import UUID

from upwell.domain import commands as c
from upwell.domain.errors import Conflict
from upwell.service.upgrade.members import members_among
from upwell.service.upgrade.spans import OfJob, fits
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

SQL = sheet("downgrades")
LOOKED_AT = 1000  # devices that have left the version


async def ran_before(conn: Connection, cmd: c.CreateJob, job: OfJob, targets: list[UUID]) -> int:
    """How many of the devices of a job that may be made ran its version before and run another now; of LOOKED_AT."""
    which = {"product_id": job["product_id"], "at_most": LOOKED_AT, "version": job["version"]} | fits(job)
    if cmd.selection == "SPECIFIC" and targets:
        rows = await conn.fetch(*SQL["of_devices"](device_ids=targets, **which))
    else:
        rows = await conn.fetch(*SQL["of_product"](**which))
    found = [row["device_id"] for row in rows]
    for group_id in cmd.group_ids:
        found = sorted(await members_among(conn, group_id, found))
    return len(found)


def require_meant(cmd: c.CreateJob, version: str, devices: int) -> None:
    """Raises Conflict downgrade, unless its owner means it, or can't say so."""
    if devices and cmd.downgrade is False:
        many = f"{devices} or more" if devices == LOOKED_AT else str(devices)
        raise Conflict("downgrade", f"{many} of the devices ran {version} before, and have left it.")
