"""Hooks, which send an account the news of its jobs: made, changed and listed.

News is made in the transaction that made it true, so none is lost and none is told that was not so. Noting and sending
it is upgrade/news.py's. A token is never shown again.
"""

from collections.abc import Sequence

from upwell.domain import commands as c
from upwell.domain.addresses import read_url
from upwell.domain.commands.lists import Page
from upwell.domain.errors import NotFound, TooMany
from upwell.service.context import Context
from upwell.service.manage.access import Caller, require
from upwell.service.manage.pages import page, span
from upwell.service.manage.spaces import find_space, space_number
from upwell.storage.database import Connection, filled, seals_of
from upwell.storage.queries import sheet
from upwell.storage.sealing import Kept

SQL = sheet("hooks")


# --- hooks ---


async def create_hook(ctx: Context, caller: Caller, cmd: c.CreateHook) -> c.Hook:
    """A hook that is not active yet. Raises NotFound (space), TooMany hooks."""
    require(caller, "operator")
    hook_id, account = ctx.new_id(), caller.account_id

    async def body(conn: Connection) -> c.Hook:
        await conn.execute(*SQL["lock_account"](account_id=account))
        if await conn.fetchval(*SQL["count_hooks"](account_id=account)) >= cmd.most:
            raise TooMany("hooks", cmd.most)
        given = {"name": cmd.name, "description": cmd.description, "space_id": await _space_id(conn, caller, cmd)}
        await conn.execute(*SQL["make_hook"](hook_id=hook_id, account_id=account, now=ctx.now(), **given))
        return await _hook(conn, caller, hook_id)

    return await ctx.database.transact(body)


async def show_hook(ctx: Context, caller: Caller, cmd: c.ShowHook) -> c.Hook:
    """The hook. Raises NotFound."""
    async with ctx.database.connection() as conn:
        return await _hook(conn, caller, cmd.hook_id)


async def list_hooks(ctx: Context, caller: Caller, cmd: c.ListHooks) -> Page[c.Hook]:
    """A slice of the account's hooks, newest first. Raises NotFound (space)."""
    async with ctx.database.connection() as conn:
        which = {
            "account_id": caller.account_id,
            "in_space": cmd.in_space,
            "space_id": await space_number(conn, caller, cmd.space),
            "name": cmd.name,
            "active": cmd.active,
        }
        total = await conn.fetchval(*SQL["count_listed_hooks"](**which))
        rows = await conn.fetch(*SQL["list_hooks"](**which, **span(cmd.asked)))
        items = await _hooks(conn, caller, [row["hook_id"] for row in rows])
    return page(items, cmd.asked, lambda item: item, lambda item: item.hook_id, total)


async def update_hook(ctx: Context, caller: Caller, cmd: c.UpdateHook) -> c.Hook:
    """Change the hook; made inactive, it sends nothing more, not even what waits. Raises NotFound."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Hook:
        given = {"name": cmd.name, "description": cmd.description, "active": cmd.active}
        which = {"hook_id": cmd.hook_id, "account_id": caller.account_id}
        if await conn.fetchval(*SQL["update_hook"](**which, **given)) is None:
            raise NotFound("hook", str(cmd.hook_id))
        if cmd.active is False:
            await conn.execute(*SQL["drop_news_of_hook"](hook_id=cmd.hook_id))
        return await _hook(conn, caller, cmd.hook_id)

    return await ctx.database.transact(body)


async def delete_hook(ctx: Context, caller: Caller, cmd: c.DeleteHook) -> c.Done:
    """Delete the hook with its actions and what waits. Raises NotFound."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Done:
        if await conn.fetchval(*SQL["drop_hook"](hook_id=cmd.hook_id, account_id=caller.account_id)) is None:
            raise NotFound("hook", str(cmd.hook_id))
        await conn.execute(*SQL["drop_news_of_hook"](hook_id=cmd.hook_id))
        await conn.execute(*SQL["drop_actions"](hook_id=cmd.hook_id))
        return c.Done()

    return await ctx.database.transact(body)


# --- actions ---


async def create_action(ctx: Context, caller: Caller, cmd: c.CreateAction) -> c.HookAction:
    """Somewhere for a hook's news to go. Raises Invalid (url), NotFound (hook), TooMany actions."""
    require(caller, "operator")
    read_url(cmd.url, private=ctx.private_push)
    action_id = ctx.new_id()

    async def body(conn: Connection) -> c.HookAction:
        which = {"hook_id": cmd.hook_id, "account_id": caller.account_id}
        await conn.execute(*SQL["lock_account"](account_id=caller.account_id))
        if await conn.fetchval(*SQL["hook_for_action"](**which)) is None:
            raise NotFound("hook", str(cmd.hook_id))
        if await conn.fetchval(*SQL["count_actions"](hook_id=cmd.hook_id)) >= cmd.most:
            raise TooMany("actions", cmd.most)
        token = seals_of(conn).maybe(Kept.ACTION, action_id, cmd.token)
        given = {"url": cmd.url, "token": token, "server_name": cmd.server_name}
        await conn.execute(*SQL["make_action"](action_id=action_id, now=ctx.now(), **which, **given))
        return await _action(conn, caller, action_id)

    return await ctx.database.transact(body)


async def show_action(ctx: Context, caller: Caller, cmd: c.ShowAction) -> c.HookAction:
    """The action. Raises NotFound."""
    async with ctx.database.connection() as conn:
        return await _action(conn, caller, cmd.action_id)


async def list_actions(ctx: Context, caller: Caller, cmd: c.ListActions) -> Page[c.HookAction]:
    """A slice of the account's actions, newest first. Raises NotFound (space)."""
    async with ctx.database.connection() as conn:
        which = {
            "account_id": caller.account_id,
            "hook_id": cmd.hook_id,
            "in_space": cmd.in_space,
            "space_id": await space_number(conn, caller, cmd.space),
        }
        total = await conn.fetchval(*SQL["count_listed_actions"](**which))
        rows = await conn.fetch(*SQL["list_actions"](**which, **span(cmd.asked)))
        items = await _actions(conn, caller, [row["action_id"] for row in rows])
    return page(items, cmd.asked, lambda item: item, lambda item: item.action_id, total)


async def update_action(ctx: Context, caller: Caller, cmd: c.UpdateAction) -> c.HookAction:
    """Send elsewhere from now on, what waits too. Raises Invalid (url), NotFound."""
    require(caller, "operator")
    read_url(cmd.url, private=ctx.private_push)

    async def body(conn: Connection) -> c.HookAction:
        which = {"action_id": cmd.action_id, "account_id": caller.account_id}
        token = seals_of(conn).maybe(Kept.ACTION, cmd.action_id, cmd.token)
        given = {"url": cmd.url, "token": token, "server_name": cmd.server_name}
        if await conn.fetchval(*SQL["update_action"](**which, **given)) is None:
            raise NotFound("action of a hook", str(cmd.action_id))
        await conn.execute(*SQL["redirect_news"](action_id=cmd.action_id, url=cmd.url, now=ctx.now()))
        return await _action(conn, caller, cmd.action_id)

    return await ctx.database.transact(body)


async def delete_action(ctx: Context, caller: Caller, cmd: c.DeleteAction) -> c.Done:
    """Delete the action with what waits for it. Raises NotFound."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Done:
        if await conn.fetchval(*SQL["drop_action"](action_id=cmd.action_id, account_id=caller.account_id)) is None:
            raise NotFound("action of a hook", str(cmd.action_id))
        await conn.execute(*SQL["drop_news_of_action"](action_id=cmd.action_id))
        return c.Done()

    return await ctx.database.transact(body)


async def _space_id(conn: Connection, caller: Caller, cmd: c.CreateHook) -> int | None:
    return int((await find_space(conn, caller, cmd.space, "share_space"))["space_id"]) if cmd.in_space else None


async def _hook(conn: Connection, caller: Caller, hook_id: int) -> c.Hook:
    found = await _hooks(conn, caller, [hook_id])
    if not found:
        raise NotFound("hook", str(hook_id))
    return found[0]


async def _hooks(conn: Connection, caller: Caller, hook_ids: Sequence[int]) -> list[c.Hook]:
    rows = await conn.fetch(*SQL["show_hooks"](account_id=caller.account_id, hook_ids=hook_ids))
    return [filled(c.Hook, row) for row in rows]


async def _action(conn: Connection, caller: Caller, action_id: int) -> c.HookAction:
    found = await _actions(conn, caller, [action_id])
    if not found:
        raise NotFound("action of a hook", str(action_id))
    return found[0]


async def _actions(conn: Connection, caller: Caller, action_ids: Sequence[int]) -> list[c.HookAction]:
    rows = await conn.fetch(*SQL["show_actions"](account_id=caller.account_id, action_ids=action_ids))
    return [filled(c.HookAction, row) for row in rows]
