"""How carefully a new job goes about its devices, as it, its product's owner or its account says (ADR 0039, 0043)."""

from dataclasses import replace
from decimal import Decimal

from upwell.domain import commands as c
from upwell.domain.approval import strictest
from upwell.domain.job import gray_quota
from upwell.domain.rollout import FILLING, FILLING_WHOLE, is_whole
from upwell.service.upgrade import approvals
from upwell.storage.database import Connection
from upwell.storage.job_rows import care_of


async def care_for(conn: Connection, cmd: c.CreateJob, product_id: int) -> c.Care | None:
    """How carefully a job goes about: as it says, or else as its product's owner wants, or the account's. It may ask
    for a stricter approval than these, not for a milder one. A trial of a package has neither."""
    if cmd.kind == "verify":
        return None
    row = await conn.fetchrow(*approvals.SQL["defaults_of_product"](product_id=product_id))
    product, account = (care_of(row[whose]) if row else None for whose in ("of_product", "of_account"))
    usual = next((care for care in (product, account) if care is not None and care.has_waves), None)
    own = cmd.care if cmd.care is not None and cmd.care.has_waves else _usual(usual, cmd)
    rule = next((care.approval for care in (product, account) if care is not None and care.approval is not None), None)
    pace = next((care.pace for care in (cmd.care, product, account) if care is not None and care.pace), None)
    open_hours = next((care.hours for care in (cmd.care, product, account) if care is not None and care.hours), None)
    approval = strictest(None if cmd.care is None else cmd.care.approval, rule)
    return replace(own or c.Care(), approval=approval, hours=open_hours, pace=pace)


def _usual(care: c.Care | None, cmd: c.CreateJob) -> c.Care | None:
    """A standing rule for newcomers alone has no shares, but a guard."""
    if care is None or cmd.dynamic_mode != 2:
        return care
    return None if care.guard is None else c.Care(preset="all_at_once", guard=care.guard)


async def reach(conn: Connection, cmd: c.CreateJob, product_id: int) -> int | None:
    """How many devices a job can have at most; None where that is not known yet."""
    if cmd.asks_version:
        return None if cmd.group_ids else len(cmd.targets)
    if cmd.kind == "dynamic" or cmd.group_ids or cmd.device_list_url is not None:
        return None
    if cmd.selection == "SPECIFIC":
        return len(cmd.device_names)
    if cmd.manner.scheduled_at is not None:
        return None  # its devices are chosen then
    devices = int(await conn.fetchval(*approvals.SQL["count_devices"](product_id=product_id)))
    return gray_quota(devices, Decimal(cmd.gray_percent)) if cmd.gray_percent else devices


def begins(care: c.Care | None) -> int:
    """The open wave of a new job. One that has no guard and all devices at once is as any without care."""
    if care is None or not care.has_waves or (care.guard is None and is_whole(care.preset or care.waves)):
        return 0
    return FILLING_WHOLE if is_whole(care.preset or care.waves) else FILLING
