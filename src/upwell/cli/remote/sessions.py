"""`upwell session …`: who is signed in, and ending that."""

from typing import Annotated, Any

import typer

from upwell.cli.apps import noun
from upwell.cli.exits import Ended, Exit
from upwell.cli.remote.acting import At, Yes, verb
from upwell.cli.remote.users import found
from upwell.cli.telling import Column, member, minute

app = noun("Sessions: who is signed in.", name="session")
Mine = Annotated[bool, typer.Option("--mine", help="Of the user that you are signed in as alone.")]
SessionId = Annotated[
    str, typer.Argument(metavar="SESSION", help="The session's id, the part of a token before its secret.")
]


def _used(session: Any) -> str:
    return minute(session.get("last_used_at")) or ""


COLUMNS: tuple[Column, ...] = (
    ("id", member("id")), ("user", lambda s: str(s["user"]["name"])), ("role", member("role")),
    ("from", member("address")), ("by", member("tongue")), ("since", lambda s: minute(s["created_at"])),
    ("last used", _used), ("ends", lambda s: minute(s["expires_at"])),
)  # fmt: skip


@verb(app, "list", "upwell session list", "upwell session list --user ann", "upwell session list --mine")
def list_(
    at: At, mine: Mine = False, user: Annotated[str | None, typer.Option(help="Of this user alone.")] = None
) -> None:
    """Show who is signed in to the account, newest first; an admin may."""
    if mine and user:
        raise Ended(Exit.USAGE, "upwell: --user is not met with --mine", "  try: leave one out")
    whose = found(at, user)["id"] if user else None
    at.many(COLUMNS, at.client.list_own_sessions() if mine else at.client.list_sessions(user_id=whose), "nobody is")


@verb(
    app, "end", "upwell session end ups_4f1c9a2b7d3e0a5b --yes", "upwell session end ups_4f1c9a2b7d3e0a5b --mine --yes"
)
def end(at: At, session: SessionId, mine: Mine = False, yes: Yes = False) -> None:
    """End a session: any of the account's, which an admin may, or one of your own. Keys stay."""
    at.sure(f"This signs out the session {session}; no device is touched.", yes)
    if mine:
        at.client.close_own_session(session)
    else:
        at.client.close_session(session)
    at.say(f"ended {session}")
