"""`upwell key …` over the API: the access keys of the caller's own account."""

from typing import Annotated, Literal

import typer

from upwell.cli.apps import noun
from upwell.cli.exits import Ended, Exit
from upwell.cli.remote.acting import SORT, At, Yes, verb
from upwell.cli.telling import Column, day, member, minute

Sort = Literal["created_at", "-created_at", "last_used_at", "-last_used_at", "expires_at", "-expires_at"]
app = noun("Access keys of your account.", name="key")
Role = Literal["viewer", "operator", "approver", "admin"]
Dialect = Literal["upwell", "alibaba", "tuya", "huawei"]
Mine = Annotated[bool, typer.Option("--mine", help="Of the user that you are signed in as alone.")]
KeyId = Annotated[str, typer.Argument(metavar="KEY", help="The key's id, the part of a token before its secret.")]


def _ends(key: object) -> str:
    assert isinstance(key, dict)  # noqa: S101  # the API's
    if key.get("revoked_at"):
        return "revoked"
    return day(key.get("expires_at"))


COLUMNS: tuple[Column, ...] = (
    ("id", member("id")), ("dialect", member("dialect")), ("role", member("role")), ("of user", member("user")),
    ("ends", _ends), ("last used", lambda k: day(k.get("last_used_at"))),
)  # fmt: skip


@verb(app, "list", "upwell key list", "upwell key list --mine")
def list_(at: At, mine: Mine = False, sort: Annotated[Sort | None, typer.Option(help=SORT)] = None) -> None:
    """Show the account's keys, newest first, without secrets; an admin may. One that `upwell login` made for a user is
    theirs: it has no more than their role, and ends with their right to sign in."""
    if mine and sort:
        raise Ended(Exit.USAGE, "upwell: --sort is not met with --mine", "  try: leave one out")
    at.many(COLUMNS, at.client.list_own_keys() if mine else at.client.list_keys(sort=sort), "no keys")


@verb(
    app, "create", "upwell key create --role operator --days 90", "upwell key create --dialect tuya --role admin --json"
)
def create(
    at: At,
    role: Annotated[Role, typer.Option(help="What it may do.")],
    dialect: Annotated[Dialect, typer.Option(help="Which tongue it speaks.")] = "upwell",
    days: Annotated[int | None, typer.Option(min=1, max=36500, help="How long it lasts; for ever without.")] = None,
    product: Annotated[str | None, typer.Option(help="The one product that it reaches.")] = None,
    space: Annotated[str | None, typer.Option(help="The one space that it reaches.")] = None,
) -> None:
    """Make an access key; its secret is shown this once. That of the dialect upwell is a token."""
    made = at.client.create_key(role=role, dialect=dialect, days=days, product_id=product, space_id=space)
    at.one(
        made, ("id", made["id"]), ("secret", made["secret"]), ("dialect", made["dialect"]), ("role", made["role"]),
        ("reaches", made.get("product_id") or made.get("space_id")),
        ("ends", minute(made.get("expires_at"))),
    )  # fmt: skip


@verb(app, "revoke", "upwell key revoke upw_4f1c9a2b7d3e --yes", "upwell key revoke upw_4f1c9a2b7d3e --mine --yes")
def revoke(at: At, key: KeyId, mine: Mine = False, yes: Yes = False) -> None:
    """Make a key useless from now on: any of the account's, which an admin may, or one of your own."""
    at.sure(f"This revokes the key {key} for ever; no device is touched.", yes)
    if mine:
        at.client.revoke_own_key(key)
    else:
        at.client.revoke_key(key)
    at.say(f"revoked {key}")
