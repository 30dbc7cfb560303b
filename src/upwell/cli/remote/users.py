"""`upwell user …` over the API: the users of the caller's own account."""

import sys
from typing import Annotated, Literal

import typer

from upwell.cli.apps import noun
from upwell.cli.exits import Ended, Exit
from upwell.cli.remote.acting import At, Named, Yes, verb
from upwell.cli.telling import Column, member, moment
from upwell.client.shapes import User

app = noun("Users of your account, who sign in with a password.", name="user")
Role = Literal["viewer", "operator", "approver", "admin"]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
COLUMNS: tuple[Column, ...] = (
    ("name", member("name")), ("role", member("role")), ("enabled", member("enabled")), ("made", moment("created_at")),
)  # fmt: skip


def asked_password(from_stdin: bool, *, twice: bool = False) -> str:
    """A password, from standard input or from whoever sits there. Raises Ended where nobody does."""
    if from_stdin:
        return sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    if not sys.stdin.isatty():
        said = "upwell: a password can be asked for at a terminal alone"
        raise Ended(Exit.USAGE, said, "  try: --password-stdin < FILE")
    try:
        return str(typer.prompt("Password", hide_input=True, err=True, confirmation_prompt=twice))
    except typer.Abort:
        raise Ended(Exit.INTERRUPTED, "", "upwell: nothing was done") from None


def found(at: At, name: str) -> User:
    """Users are known by their ids, and called by their names. Raises Ended."""
    for user in at.client.list_users():
        if name in (user["name"], user["id"]):
            return user
    raise Ended(Exit.MISSING, f"upwell: there is no user {name}", "  try: upwell user list")


def _tell(at: At, user: User) -> None:
    at.one(user, ("name", user["name"]), ("role", user["role"]), ("enabled", user["enabled"]))


@verb(app, "create", "upwell user create ann --role operator")
def create(
    at: At,
    name: Name,
    role: Annotated[Role, typer.Option(help="What they may do.")],
    password_stdin: PasswordStdin = False,
) -> None:
    """Make a user; the password is asked for and never an argument."""
    password = asked_password(password_stdin, twice=True)
    _tell(at, at.client.create_user(name=name, password=password, role=role))


@verb(app, "list", "upwell user list")
def list_(at: At, sort: Named = None) -> None:
    """Show users, by name."""
    at.many(COLUMNS, at.client.list_users(sort=sort), "no users; make one: upwell user create NAME --role operator")


@verb(app, "change", "upwell user change ann --role admin", "upwell user change ann --disable")
def change(
    at: At,
    name: Name,
    role: Annotated[Role | None, typer.Option(help="What they may do from now on.")] = None,
    password: Annotated[
        bool, typer.Option("--password", help="Ask for a new password; their sessions and keys end.")
    ] = False,
    enable: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether they may sign in.")] = None,
    password_stdin: PasswordStdin = False,
) -> None:
    """Give a user another role or password, or let them sign in or not."""
    new = asked_password(password_stdin, twice=True) if password or password_stdin else None
    if role is None and new is None and enable is None:
        raise Ended(Exit.USAGE, "upwell: nothing says what changes", "  try: --role, --password, --enable or --disable")
    user = found(at, name)
    _tell(at, at.client.update_user(user["id"], role=role, password=new, enabled=enable))


@verb(app, "delete", "upwell user delete ann --yes")
def delete(at: At, name: Name, yes: Yes = False) -> None:
    """Delete a user; their sessions and keys end at once."""
    user = found(at, name)
    at.sure(f"This deletes the user {user['name']} and ends their sessions and keys; no device is touched.", yes)
    at.client.delete_user(user["id"])
    at.say(f"deleted {user['name']}")
