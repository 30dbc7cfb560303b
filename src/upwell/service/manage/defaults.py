"""How carefully an account's jobs go about their devices where neither they nor their products say (ADR 0043)."""

from upwell.domain import commands as c
from upwell.service.context import Context
from upwell.service.manage.access import Caller, require
from upwell.service.upgrade import approvals, setbacks
from upwell.storage.database import Connection
from upwell.storage.job_rows import care_of, kept_care

SQL = approvals.SQL


async def show_rollout_defaults(ctx: Context, caller: Caller, cmd: c.ShowRolloutDefaults) -> c.RolloutDefaults:
    """What the account wants of its jobs."""
    async with ctx.database.connection() as conn:
        return await _shown(conn, caller)


async def set_rollout_defaults(ctx: Context, caller: Caller, cmd: c.SetRolloutDefaults) -> c.RolloutDefaults:
    """Want something else of jobs that are made from now on."""
    require(caller, "admin")
    kept = None if cmd.care in (None, c.Care()) else kept_care(cmd.care)

    async def body(conn: Connection) -> c.RolloutDefaults:
        await conn.execute(*SQL["set_defaults"](account_id=caller.account_id, defaults=kept))
        await setbacks.begin(conn, caller.account_id, cmd.care)
        return await _shown(conn, caller)

    return await ctx.database.transact(body)


async def _shown(conn: Connection, caller: Caller) -> c.RolloutDefaults:
    return c.RolloutDefaults(
        care=care_of(await conn.fetchval(*SQL["show_defaults"](account_id=caller.account_id)))
    )  # fmt: skip
