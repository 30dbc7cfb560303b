"""The command line's `upwell user …`: people who sign in with a password, for what asks for a token."""

import sys
from typing import Annotated

import typer

from upwell.cli.acting import acting
from upwell.cli.apps import noun, verb
from upwell.cli.described import described
from upwell.cli.settings import Option, settings_of, with_database
from upwell.cli.telling import Column, table
from upwell.domain.errors import UpwellError
from upwell.service.manage import access, users

app = noun("Users who sign in with a password.", name="user")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
Account = Annotated[str, typer.Option(help="Whose user that is.")]
COLUMNS: tuple[Column, ...] = (
    ("name", lambda u: u.name), ("account", lambda u: u.account), ("role", lambda u: u.role),
    ("created", lambda u: f"{u.created_at:%Y-%m-%d %H:%M}"),
)  # fmt: skip


@verb(app, "create", "upwell user create ann --role operator")
@described
def create(
    name: Name,
    role: Annotated[str, typer.Option(help="admin, operator or viewer")],
    account: Account = access.DEFAULT_ACCOUNT,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="read it from standard input")] = False,
    data_dir: Option = None,
    database_url: Option = None,
) -> None:
    """Make a user; the password is asked for and never an argument."""
    password = _password(password_stdin)
    settings = settings_of(locals())
    what = {"account": account, "user": name, "role": role}
    use = acting("user create", what, lambda ctx: users.create_user(ctx, account, name, password, role))
    user = with_database(settings, use)
    print(f"name: {user.name}\naccount: {user.account}\nrole: {user.role}")
    print(f"project_id: {access.project_id(user.account_id)}")


@verb(app, "list", "upwell user list")
@described
def list_all(data_dir: Option = None, database_url: Option = None) -> None:
    """Show every user."""
    table(COLUMNS, with_database(settings_of(locals()), users.list_users))


@verb(app, "delete", "upwell user delete ann")
@described
def delete(
    name: Name, account: Account = access.DEFAULT_ACCOUNT, data_dir: Option = None, database_url: Option = None
) -> None:
    """Delete a user; their tokens are void at once."""
    settings, what = settings_of(locals()), {"account": account, "user": name}
    with_database(settings, acting("user delete", what, lambda ctx: users.delete_user(ctx, account, name)))
    print(f"deleted {name}")


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    if not sys.stdin.isatty():
        raise UpwellError("a password can be asked for at a terminal alone; give it with --password-stdin")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
