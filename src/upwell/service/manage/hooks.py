"""Rules that send an account the news of its jobs: made, changed and scanned; and the noting of news.

News is made in the transaction that made it true, so none is lost and none is told that was not so. Sending it is
service/news.py's. A token is never shown again.
"""

from collections.abc import Sequence

from upwell.domain import commands as c
from upwell.domain.addresses import read_url
from upwell.domain.errors import NotFound, TooMany
from upwell.service.context import Context
from upwell.service.manage.access import Caller, require
from upwell.service.manage.spaces import find_space, space_number
from upwell.service.manage.windows import scanned, span
from upwell.storage.database import Connection, values
from upwell.storage.queries import sheet

_Q = sheet("rules")


# --- rules ---


async def create_rule(ctx: Context, caller: Caller, cmd: c.CreateRule) -> c.Rule:
    """A rule that is not active yet. Raises NotFound (space), TooMany rules."""
    require(caller, "operator")
    rule_id = ctx.new_id()

    async def body(conn: Connection) -> c.Rule:
        await conn.execute(*sheet("packages")["lock_account"](account_id=caller.account_id))
        if await conn.fetchval(_Q["count_rules"], caller.account_id) >= cmd.most:
            raise TooMany("rules", cmd.most)
        space_id = await _space_id(conn, caller, cmd)
        given = (cmd.name, cmd.description, space_id, ctx.now())
        await conn.execute(_Q["make_rule"], rule_id, caller.account_id, *given)
        return await _rule(conn, caller, rule_id)

    return await ctx.database.transact(body)


async def show_rule(ctx: Context, caller: Caller, cmd: c.ShowRule) -> c.Rule:
    """The rule. Raises NotFound."""
    async with ctx.database.connection() as conn:
        return await _rule(conn, caller, cmd.rule_id)


async def scan_rules(ctx: Context, caller: Caller, cmd: c.ScanRules) -> c.Scanned[c.Rule]:
    """A window of the account's rules, newest first. Raises NotFound (space)."""
    async with ctx.database.connection() as conn:
        space_id = await space_number(conn, caller, cmd.space)
        which = (caller.account_id, cmd.in_space, space_id, cmd.name, cmd.active)
        total = await conn.fetchval(_Q["count_scanned_rules"], *which)
        rows = await conn.fetch(_Q["scan_rules"], *which, *span(cmd.window))
        items = await _rules(conn, caller, [row["rule_id"] for row in rows])
    return scanned(items, total, lambda item: item, lambda item: item.rule_id)


async def change_rule(ctx: Context, caller: Caller, cmd: c.ChangeRule) -> c.Rule:
    """Change the rule; made inactive, it sends nothing more, not even what waits. Raises NotFound."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Rule:
        given = (cmd.name, cmd.description, cmd.active)
        if await conn.fetchval(_Q["change_rule"], cmd.rule_id, caller.account_id, *given) is None:
            raise NotFound("rule", str(cmd.rule_id))
        if cmd.active is False:
            await conn.execute(_Q["drop_news_of_rule"], cmd.rule_id)
        return await _rule(conn, caller, cmd.rule_id)

    return await ctx.database.transact(body)


async def delete_rule(ctx: Context, caller: Caller, cmd: c.DeleteRule) -> c.Done:
    """Delete the rule with its actions and what waits. Raises NotFound."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Done:
        if await conn.fetchval(_Q["drop_rule"], cmd.rule_id, caller.account_id) is None:
            raise NotFound("rule", str(cmd.rule_id))
        await conn.execute(_Q["drop_news_of_rule"], cmd.rule_id)
        await conn.execute(_Q["drop_actions"], cmd.rule_id)
        return c.Done()

    return await ctx.database.transact(body)


# --- actions ---


async def add_action(ctx: Context, caller: Caller, cmd: c.AddAction) -> c.RuleAction:
    """Somewhere for a rule's news to go. Raises Invalid (url), NotFound (rule), TooMany actions."""
    require(caller, "operator")
    read_url(cmd.url, private=ctx.private_push)
    action_id = ctx.new_id()

    async def body(conn: Connection) -> c.RuleAction:
        await conn.execute(*sheet("packages")["lock_account"](account_id=caller.account_id))
        if await conn.fetchval(_Q["rule_for_action"], cmd.rule_id, caller.account_id) is None:
            raise NotFound("rule", str(cmd.rule_id))
        if await conn.fetchval(_Q["count_actions"], cmd.rule_id) >= cmd.most:
            raise TooMany("actions", cmd.most)
        given = (cmd.url, cmd.token, cmd.server_name, ctx.now())
        await conn.execute(_Q["make_action"], action_id, cmd.rule_id, caller.account_id, *given)
        return await _action(conn, caller, action_id)

    return await ctx.database.transact(body)


async def show_action(ctx: Context, caller: Caller, cmd: c.ShowAction) -> c.RuleAction:
    """The action. Raises NotFound."""
    async with ctx.database.connection() as conn:
        return await _action(conn, caller, cmd.action_id)


async def scan_actions(ctx: Context, caller: Caller, cmd: c.ScanActions) -> c.Scanned[c.RuleAction]:
    """A window of the account's actions, newest first. Raises NotFound (space)."""
    async with ctx.database.connection() as conn:
        space_id = await space_number(conn, caller, cmd.space)
        which = (caller.account_id, cmd.rule_id, cmd.in_space, space_id)
        total = await conn.fetchval(_Q["count_scanned_actions"], *which)
        rows = await conn.fetch(_Q["scan_actions"], *which, *span(cmd.window))
        items = await _actions(conn, caller, [row["action_id"] for row in rows])
    return scanned(items, total, lambda item: item, lambda item: item.action_id)


async def change_action(ctx: Context, caller: Caller, cmd: c.ChangeAction) -> c.RuleAction:
    """Send elsewhere from now on, what waits too. Raises Invalid (url), NotFound."""
    require(caller, "operator")
    read_url(cmd.url, private=ctx.private_push)

    async def body(conn: Connection) -> c.RuleAction:
        given = (cmd.url, cmd.token, cmd.server_name)
        if await conn.fetchval(_Q["change_action"], cmd.action_id, caller.account_id, *given) is None:
            raise NotFound("action of a rule", str(cmd.action_id))
        await conn.execute(_Q["redirect_news"], cmd.action_id, cmd.url, ctx.now())
        return await _action(conn, caller, cmd.action_id)

    return await ctx.database.transact(body)


async def delete_action(ctx: Context, caller: Caller, cmd: c.DeleteAction) -> c.Done:
    """Delete the action with what waits for it. Raises NotFound."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Done:
        if await conn.fetchval(_Q["drop_action"], cmd.action_id, caller.account_id) is None:
            raise NotFound("action of a rule", str(cmd.action_id))
        await conn.execute(_Q["drop_news_of_action"], cmd.action_id)
        return c.Done()

    return await ctx.database.transact(body)


async def _space_id(conn: Connection, caller: Caller, cmd: c.CreateRule) -> int | None:
    return int((await find_space(conn, caller, cmd.space, "share_space"))["space_id"]) if cmd.in_space else None


async def _rule(conn: Connection, caller: Caller, rule_id: int) -> c.Rule:
    found = await _rules(conn, caller, [rule_id])
    if not found:
        raise NotFound("rule", str(rule_id))
    return found[0]


async def _rules(conn: Connection, caller: Caller, rule_ids: Sequence[int]) -> list[c.Rule]:
    return [c.Rule(**values(row)) for row in await conn.fetch(_Q["show_rules"], caller.account_id, list(rule_ids))]


async def _action(conn: Connection, caller: Caller, action_id: int) -> c.RuleAction:
    found = await _actions(conn, caller, [action_id])
    if not found:
        raise NotFound("action of a rule", str(action_id))
    return found[0]


async def _actions(conn: Connection, caller: Caller, action_ids: Sequence[int]) -> list[c.RuleAction]:
    rows = await conn.fetch(_Q["show_actions"], caller.account_id, list(action_ids))
    return [c.RuleAction(**values(row)) for row in rows]
