"""The command line's `upwell user …`: people who sign in with a password, for what asks for a token."""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from upwell.cli.described import described
from upwell.cli.settings import Option, settings_of, with_database
from upwell.domain.errors import UpwellError
from upwell.service.manage import access, users

user_app = typer.Typer(no_args_is_help=True, help="Users who sign in with a password.")


@user_app.command("create")
@described
def create(
    name: str,
    role: Annotated[str, typer.Option(help="admin, operator or viewer")],
    account: str = access.DEFAULT_ACCOUNT,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="read it from standard input")] = False,
    data_dir: Option = None,
    database_url: Option = None,
) -> None:
    """Make a user; the password is asked for and never an argument."""
    password = _password(password_stdin)
    settings = settings_of(locals())
    user = with_database(settings, lambda ctx: users.create_user(ctx, account, name, password, role))
    print(f"name: {user.name}\naccount: {user.account}\nrole: {user.role}")
    print(f"project_id: {access.project_id(user.account_id)}")


@user_app.command("list")
@described
def list_all(data_dir: Option = None, database_url: Option = None) -> None:
    """Show every user."""
    table = Table("name", "account", "role", "created")
    for user in with_database(settings_of(locals()), users.list_users):
        table.add_row(user.name, user.account, user.role, f"{user.created_at:%Y-%m-%d %H:%M}")
    Console().print(table)


@user_app.command("delete")
@described
def delete(
    name: str, account: str = access.DEFAULT_ACCOUNT, data_dir: Option = None, database_url: Option = None
) -> None:
    """Delete a user; their tokens are void at once."""
    with_database(settings_of(locals()), lambda ctx: users.delete_user(ctx, account, name))
    print(f"deleted {name}")


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    if not sys.stdin.isatty():
        raise UpwellError("a password can be asked for at a terminal alone; give it with --password-stdin")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
