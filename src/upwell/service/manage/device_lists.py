"""Lists of device names that a job takes its devices from: an uploaded file, one name a line (alibaba 5.2).

The file is read in parts and never held whole. A name that the product does not have refuses the job, as one given in
the request would. A name given twice is one device.
"""

from collections.abc import AsyncIterator, Iterable

from upwell.domain import commands as c
from upwell.domain.errors import Invalid, NotFound
from upwell.domain.fleet import device_id
from upwell.service.context import Context, objects_of
from upwell.service.manage import uploads
from upwell.service.manage.access import Caller
from upwell.service.upgrade.spans import add_targets
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

SQL = sheet("jobs")
NAMES_MAX = 1_000_000  # of one list (alibaba 2.2: the larger of the two numbers that are documented)
NAME_SIZE_MAX = 64  # characters; no device of any vendor here has a longer name
PART = 20_000  # names looked up at once
HEADER = "DeviceName"  # a first line of this word is a column's title
FIELD = "device_list_url"


async def add_listed(
    ctx: Context, conn: Connection, caller: Caller, cmd: c.CreateJob, job_id: int, product_id: int
) -> str:
    """Make the listed devices the job's targets; returns the list's object key. Raises NotFound (file, device),
    Conflict file_used, Invalid."""
    key = await uploads.take_device_list(ctx, conn, caller, cmd.device_list_url or "")
    total = 0
    async for names in _parts(_names(ctx, key)):
        total += len(names)
        if total > NAMES_MAX:
            raise Invalid(FIELD, f"at most {NAMES_MAX} names", "the list has more")
        await _add_part(conn, job_id, product_id, cmd.product_key, names)
    if total == 0:
        raise Invalid(FIELD, "one device name a line", "the list is empty")
    return key


async def _add_part(conn: Connection, job_id: int, product_id: int, product_key: str, names: list[str]) -> None:
    ids = {device_id(product_key, name): name for name in names}
    rows = await conn.fetch(*SQL["unknown_devices"](product_id=product_id, device_ids=list(ids)))
    if rows:
        raise NotFound("device", ", ".join(ids[row["device_id"]] for row in rows))
    await add_targets(conn, job_id, sorted(ids))  # in the order of the index


async def _parts(names: AsyncIterator[str]) -> AsyncIterator[list[str]]:
    part: list[str] = []
    async for name in names:
        part.append(name)
        if len(part) == PART:
            yield part
            part = []
    if part:
        yield part


async def _names(ctx: Context, key: str) -> AsyncIterator[str]:
    objects, number, rest = objects_of(ctx), 0, b""
    async for block in objects.read(key, 0, (await objects.look(key)).size):
        *lines, rest = (rest + block).split(b"\n")
        if len(rest) > 4 * NAME_SIZE_MAX:
            raise Invalid(FIELD, "one device name a line", f"line {number + len(lines) + 1} is too long")
        for name in _clean(lines, number):
            yield name
        number += len(lines)
    for name in _clean([rest], number):
        yield name


def _clean(lines: Iterable[bytes], number: int) -> Iterable[str]:
    for place, line in enumerate(lines, number + 1):
        try:
            name = line.decode("utf-8-sig").strip(" \t\r,;\"'")
        except UnicodeDecodeError as exc:
            raise Invalid(FIELD, "a text file in UTF-8", f"line {place} is not") from exc
        if len(name) > NAME_SIZE_MAX or "\0" in name or "," in name:
            raise Invalid(FIELD, "one device name a line", f"line {place} is not a name")
        if name and not (place == 1 and name == HEADER):
            yield name
