"""`upwell account …`: for a server's admin, and the defaults of the caller's own."""

from typing import Annotated, cast

import typer

from upwell.cli.apps import noun
from upwell.cli.exits import Ended, Exit
from upwell.cli.remote.acting import LIST_MAX, At, Every, Limit, Yes, verb
from upwell.cli.remote.careful import Careful
from upwell.cli.remote.limits import Limited
from upwell.cli.remote.usual import Usual, wanted, words
from upwell.cli.telling import Column, member, minute, moment
from upwell.client.shapes import Account
from upwell.client.shapes import UpdateRolloutDefaultsRolloutDefaults as Defaults

app = noun(
    "Accounts of the server, for its admin (`upwell key create --server-admin` beside it); your own one's defaults.",
    name="account",
)
AccountId = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id, acc_…, or its name.")]
COLUMNS: tuple[Column, ...] = (("id", member("id")), ("name", member("name")), ("made", moment("created_at")))


def _found(at: At, account: str) -> Account:
    """Accounts are known by their ids, and called by their names. Raises Ended."""
    if account.startswith("acc_"):
        return at.client.show_account(account)
    for each in at.client.list_accounts():
        if each["name"] == account:
            return each
    raise Ended(Exit.MISSING, f"upwell: there is no account {account}", "  try: upwell account list")


@verb(app, "create", "upwell account create acme", "upwell account create acme --json | jq -r .key.secret")
def create(at: At, name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")]) -> None:
    """Make an account, with a key of its first admin, which is shown this once."""
    made = at.client.create_account(name=name)
    at.one(
        made, ("id", made["id"]), ("name", made["name"]), ("key", made["key"]["id"]), ("secret", made["key"]["secret"])
    )
    at.say("\nNext: its admin signs in with that secret: upwell login URL --key")


@verb(app, "list", "upwell account list")
def list_(at: At, limit: Limit = LIST_MAX, every: Every = False) -> None:
    """Show accounts, newest first."""
    at.pages(COLUMNS, at.client.list_accounts(), "no accounts", limit, every)


@verb(app, "show", "upwell account show acme")
def show(at: At, account: AccountId) -> None:
    """Show an account."""
    found = _found(at, account)
    at.one(found, ("id", found["id"]), ("name", found["name"]), ("made", minute(found["created_at"])))


@verb(
    app, "defaults", "upwell account defaults", "upwell account defaults --preset careful --guard --approval-over 100",
    "upwell account defaults --set-aside 3", "upwell account defaults --none --yes",
)  # fmt: skip
def defaults(
    at: At,
    *,
    careful: Careful,
    usual: Usual,
    none: Annotated[bool, typer.Option("--none", help="None, for products that have none either.")] = False,
    yes: Yes = False,
) -> None:
    """Show how carefully your account's rollouts go about their devices, or say it: where neither they nor their
    products do. What an admin says is in the place of all that was."""
    if none or usual.said(careful):
        said = wanted(usual, careful, none)
        if none:
            at.sure("From now on rollouts of products without defaults offer all at once, and none halts.", yes)
        found = at.client.update_rollout_defaults(rollout_defaults=cast(Defaults, said))
    else:
        found = at.client.show_rollout_defaults()
    at.one(found, ("rollouts", words(found["rollout_defaults"]) or "all at once, without a guard"))


@verb(app, "limits", "upwell account limits", "upwell account limits --per-minute 500")
def limits(at: At, *, limited: Limited) -> None:
    """Show or set how much all rollouts of your account may do together: what is said is in the place of what was, as
    an admin may."""
    limited.applied(at, at.client.show_limits, at.client.update_limits)


@verb(app, "rename", "upwell account rename acme acme-labs")
def rename(
    at: At, account: AccountId, name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")]
) -> None:
    """Give an account another name; its id, and all that is in it, stays."""
    found = at.client.update_account(_found(at, account)["id"], name=name)
    at.one(found, ("id", found["id"]), ("name", found["name"]))
