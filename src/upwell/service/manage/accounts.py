"""Accounts, as a server's admin makes, sees and renames them: whoever has a key that was made so on the server itself.

Nothing that comes over the network makes such a key. A server's admin reaches no account but the own: of another there
is its first key, told once by its making.
"""

from upwell.domain import commands as c
from upwell.domain.commands.lists import Page
from upwell.domain.errors import Conflict, Denied, NotFound
from upwell.service.context import Context
from upwell.service.manage import access
from upwell.service.manage.access import Caller
from upwell.service.manage.pages import page, sliced
from upwell.storage.database import Connection, filled
from upwell.storage.orders import ACCOUNTS
from upwell.storage.queries import sheet

SQL = sheet("people")


async def create_account(ctx: Context, caller: Caller, cmd: c.CreateAccount) -> c.Account:
    """A new account with its first key. Raises Denied, Invalid, Conflict account_name_taken."""
    require_server_admin(caller)
    access.check_account(cmd.name, "name")

    async def body(conn: Connection) -> c.Account:
        account_id, is_new = await access.made_account(ctx, conn, cmd.name)
        if not is_new:
            raise _name_taken(cmd.name)
        account = await one(conn, account_id)
        made = await access.make_key(ctx, conn, account_id, "admin", cmd.dialect, is_token=True)
        key = c.Key(
            key_id=made.key_id, role=made.role, dialect=made.dialect, created_at=made.created_at, secret=made.secret
        )
        return c.Account(account_id=account_id, name=account.name, created_at=account.created_at, key=key)

    return await ctx.database.transact(body)


async def list_accounts(ctx: Context, caller: Caller, cmd: c.ListAccounts) -> Page[c.Account]:
    """All accounts, newest first. Raises Denied."""
    require_server_admin(caller)
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(*sliced(SQL["list_accounts"], ACCOUNTS, cmd.asked))
    return page(rows, cmd.asked, lambda row: filled(c.Account, row), lambda row: int(row["account_id"]))


async def show_account(ctx: Context, caller: Caller, cmd: c.ShowAccount) -> c.Account:
    """An account. Raises Denied, NotFound."""
    require_server_admin(caller)
    async with ctx.database.connection() as conn:
        return await one(conn, cmd.account_id)


async def rename_account(ctx: Context, caller: Caller, cmd: c.RenameAccount) -> c.Account:
    """Give an account another name. Raises Denied, Invalid, NotFound, Conflict account_name_taken or
    account_is_default."""
    require_server_admin(caller)
    access.check_account(cmd.name, "name")

    async def body(conn: Connection) -> c.Account:
        if (await one(conn, cmd.account_id, "held_account")).name == access.DEFAULT_ACCOUNT != cmd.name:
            raise Conflict("account_is_default", "The first account keeps its name: commands that name none mean it.")
        if await conn.fetchval(*SQL["rename_account"](account_id=cmd.account_id, name=cmd.name)) is None:
            raise _name_taken(cmd.name)
        return await one(conn, cmd.account_id)

    return await ctx.database.transact(body)


def require_server_admin(caller: Caller) -> None:
    """Raises Denied."""
    if not caller.is_server_admin:
        raise Denied(
            "Accounts are for a server's admin: a key of `upwell key create --server-admin`, made on the server."
        )


async def one(conn: Connection, account_id: int, how: str = "show_account") -> c.Account:
    """The account; `how` held_account holds it. Raises NotFound."""
    row = await conn.fetchrow(*SQL[how](account_id=account_id))
    if row is None:
        raise NotFound("account", str(account_id))
    return filled(c.Account, row)


def _name_taken(name: str) -> Conflict:
    return Conflict("account_name_taken", f"There is an account named {name}.")
