"""Receivers of an account's events: made, changed, listed; what became of what was sent, and sending it again.

A secret is shown when it is made and never again. Sending is upgrade/deliveries.py's.
"""

from datetime import datetime

from upwell.domain import commands as c
from upwell.domain.addresses import read_url
from upwell.domain.commands.lists import Page
from upwell.domain.errors import Conflict, NotFound, TooMany
from upwell.domain.events import OF_DEVICES, OF_PRESENCE, Kind
from upwell.service.context import Context
from upwell.service.dice import signing_secret
from upwell.service.manage.access import Caller, require
from upwell.service.manage.job_packages import product_of_account
from upwell.service.manage.pages import page, span
from upwell.service.upgrade import events
from upwell.storage.database import Connection, Row, filled, seals_of
from upwell.storage.queries import sheet
from upwell.storage.sealing import Kept

SQL = sheet("receivers")
_EVENTS = sheet("events")
RECEIVERS_MAX = 20  # of an account
SECRET_HEAD = "whsec_"  # noqa: S105  # as Standard Webhooks writes them, so that a search for lost ones finds them
SECRET_SIZE = 32  # bytes


async def create_receiver(ctx: Context, caller: Caller, cmd: c.CreateReceiver) -> c.Receiver:
    """A receiver that is sent what happens from now on. Raises Invalid (target_url), NotFound (product, job),
    TooMany."""
    require(caller, "operator")
    read_url(cmd.target_url, private=ctx.private_push, field="target_url")
    receiver_id, secret = ctx.new_id(), SECRET_HEAD + signing_secret(SECRET_SIZE)
    account = {"account_id": caller.account_id}

    async def body(conn: Connection) -> c.Receiver:
        await conn.execute(*SQL["lock_account"](**account))
        if await conn.fetchval(*SQL["count_receivers"](**account)) >= RECEIVERS_MAX:
            raise TooMany("hooks", RECEIVERS_MAX)
        given = {
            "name": cmd.name,
            "url": cmd.target_url,
            "kinds": list(cmd.kinds),
            "job_id": cmd.job_id,
            "secret": seals_of(conn).seal(Kept.RECEIVER, receiver_id, secret),
        }
        given["product_id"] = await _product(conn, caller, cmd)
        await _want(conn, caller.account_id, cmd.kinds)
        await conn.execute(*SQL["make_receiver"](receiver_id=receiver_id, **account, now=ctx.now(), **given))
        return await _shown(conn, caller, receiver_id, secret)

    return await ctx.database.transact(body)


async def _product(conn: Connection, caller: Caller, cmd: c.CreateReceiver) -> int | None:
    if cmd.job_id is not None:
        which = {"job_id": cmd.job_id, "account_id": caller.account_id}
        if not await conn.fetchval(*_EVENTS["has_job"](**which)):
            raise NotFound("job", str(cmd.job_id))
    return None if cmd.product_key is None else await product_of_account(conn, caller, cmd.product_key)


async def _want(conn: Connection, account_id: int, kinds: tuple[str, ...] | None) -> None:
    """Events that a receiver names are made from now on."""
    wanted = {"of_devices": bool(OF_DEVICES.intersection(kinds or ())),
              "of_presence": bool(OF_PRESENCE.intersection(kinds or ()))}  # fmt: skip
    if any(wanted.values()):
        await conn.execute(*_EVENTS["make_settings"](account_id=account_id))
        await conn.execute(*SQL["want"](account_id=account_id, **wanted))


async def show_receiver(ctx: Context, caller: Caller, cmd: c.ShowReceiver) -> c.Receiver:
    """The receiver, without its secret. Raises NotFound."""
    require(caller, "operator")  # the way in its URL may be secret
    async with ctx.database.connection() as conn:
        return await _shown(conn, caller, cmd.receiver_id)


async def list_receivers(ctx: Context, caller: Caller, cmd: c.ListReceivers) -> tuple[c.Receiver, ...]:
    """All of the account, newest first."""
    require(caller, "operator")
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(*SQL["show_receivers"](account_id=caller.account_id, receiver_id=None))
    return tuple(map(_receiver, rows))


async def update_receiver(ctx: Context, caller: Caller, cmd: c.UpdateReceiver) -> c.Receiver:
    """Change it. Enabled again, or sent elsewhere, what waits is tried at once. Raises Invalid (target_url),
    NotFound."""
    require(caller, "operator")
    if cmd.target_url is not None:
        read_url(cmd.target_url, private=ctx.private_push, field="target_url")

    async def body(conn: Connection) -> c.Receiver:
        await _lock(conn, caller, cmd.receiver_id)
        which, now = {"receiver_id": cmd.receiver_id}, ctx.now()
        given = {"url": cmd.target_url, "name": cmd.name, "enabled": cmd.enabled}
        kinds = None if cmd.kinds is None else list(cmd.kinds)
        await conn.execute(*SQL["update_receiver"](**which, **given, kinds=kinds, now=now))
        await _want(conn, caller.account_id, cmd.kinds)
        if cmd.enabled or cmd.target_url is not None:
            await conn.execute(*SQL["go_on"](**which, now=now))
        return await _shown(conn, caller, cmd.receiver_id)

    return await ctx.database.transact(body)


async def delete_receiver(ctx: Context, caller: Caller, cmd: c.DeleteReceiver) -> c.Done:
    """Delete it with what waits for it. Raises NotFound."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Done:
        which = {"receiver_id": cmd.receiver_id}
        if await conn.fetchval(*SQL["drop_receiver"](**which, account_id=caller.account_id)) is None:
            raise NotFound("receiver", str(cmd.receiver_id))
        await conn.execute(*SQL["drop_deliveries"](**which))
        return c.Done()

    return await ctx.database.transact(body)


async def ping_receiver(ctx: Context, caller: Caller, cmd: c.PingReceiver) -> c.Receiver:
    """Make an event that this receiver is sent and no other. Raises NotFound."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Receiver:
        await _lock(conn, caller, cmd.receiver_id)
        name = str(cmd.receiver_id)
        await events.tell(conn, caller.account_id, Kind.HOOK_PING, ctx.now(), name=name, by=caller.key_id)
        return await _shown(conn, caller, cmd.receiver_id)

    return await ctx.database.transact(body)


async def rotate_secret(ctx: Context, caller: Caller, cmd: c.RotateSecret) -> c.Receiver:
    """A new secret; the old one signs beside it for a while. Raises NotFound."""
    require(caller, "operator")
    secret = SECRET_HEAD + signing_secret(SECRET_SIZE)

    async def body(conn: Connection) -> c.Receiver:
        await _lock(conn, caller, cmd.receiver_id)
        now = ctx.now()
        sealed = seals_of(conn).seal(Kept.RECEIVER, cmd.receiver_id, secret)
        given = {"secret": sealed, "former_until": now + cmd.overlap, "now": now}
        await conn.execute(*SQL["set_secret"](receiver_id=cmd.receiver_id, **given))
        return await _shown(conn, caller, cmd.receiver_id, secret)

    return await ctx.database.transact(body)


# --- deliveries ---


async def list_deliveries(ctx: Context, caller: Caller, cmd: c.ListDeliveries) -> Page[c.Delivery]:
    """A slice of what was and is to be sent, newest event first. Raises NotFound."""
    require(caller, "operator")
    async with ctx.database.connection() as conn:
        await _shown(conn, caller, cmd.receiver_id)
        which = {"receiver_id": cmd.receiver_id, "is_open": cmd.is_open}
        rows = await conn.fetch(*SQL["list_deliveries"](**which, **span(cmd.asked)))
    return page(rows, cmd.asked, lambda row: filled(c.Delivery, row), lambda row: int(row["position"]))


async def show_delivery(ctx: Context, caller: Caller, cmd: c.ShowDelivery) -> c.Delivery:
    """One of them, with what is sent where. Raises NotFound (receiver, event)."""
    require(caller, "operator")
    async with ctx.database.connection() as conn:
        await _shown(conn, caller, cmd.receiver_id)
        row = await conn.fetchrow(*SQL["show_delivery"](receiver_id=cmd.receiver_id, position=cmd.position))
    if row is None:
        raise NotFound("event", str(cmd.position))
    return filled(c.Delivery, row)


async def redeliver(ctx: Context, caller: Caller, cmd: c.Redeliver) -> c.Receiver:
    """Send events again, with their ids: those whose deliveries are named at once, those of a range, which are looked
    up by the receiver's filters, by and by. Raises NotFound, Conflict redelivery_runs."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Receiver:
        receiver = await _lock(conn, caller, cmd.receiver_id)
        if cmd.positions:
            await _again(conn, cmd, ctx.now())
        elif receiver["again_to"] is not None:
            raise Conflict("redelivery_runs", "A range of events is being sent again already.")
        else:
            span = {"after": (cmd.first or 1) - 1, "to": min(cmd.last or 0, receiver["position"])}
            await conn.execute(*SQL["send_range"](receiver_id=cmd.receiver_id, **span))
        return await _shown(conn, caller, cmd.receiver_id)

    return await ctx.database.transact(body)


async def _again(conn: Connection, cmd: c.Redeliver, now: datetime) -> None:
    which = {"receiver_id": cmd.receiver_id, "positions": list(cmd.positions)}
    rows = await conn.fetch(*SQL["send_again"](**which, now=now))
    missing = set(cmd.positions) - {row["position"] for row in rows}
    if missing:
        raise NotFound("event", str(min(missing)))


async def _lock(conn: Connection, caller: Caller, receiver_id: int) -> Row:
    row = await conn.fetchrow(*SQL["lock_receiver"](receiver_id=receiver_id, account_id=caller.account_id))
    if row is None:
        raise NotFound("receiver", str(receiver_id))
    return row


async def _shown(conn: Connection, caller: Caller, receiver_id: int, secret: str | None = None) -> c.Receiver:
    rows = await conn.fetch(*SQL["show_receivers"](account_id=caller.account_id, receiver_id=receiver_id))
    if not rows:
        raise NotFound("receiver", str(receiver_id))
    return _receiver(rows[0], secret)


def _receiver(row: Row, secret: str | None = None) -> c.Receiver:
    return filled(c.Receiver, row, target_url=row["url"], kinds=tuple(row["kinds"]), secret=secret)
