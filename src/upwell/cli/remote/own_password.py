"""`upwell password`: of the user who is signed in.

Holds: a password is asked for, or read from standard input, and never an argument. The user's sessions and keys end
with the old one, that of this context too, which has a new key from then on.
"""

import os
import sys
from contextlib import closing
from dataclasses import replace
from typing import Annotated, Any

import typer

from upwell.cli.apps import alone
from upwell.cli.exits import Ended, Exit
from upwell.cli.remote import contexts
from upwell.cli.remote.acting import Context, Url, client_of, end
from upwell.cli.remote.contexts import Kept, Signed
from upwell.cli.remote.signing_in import own_key
from upwell.cli.remote.users import asked_password
from upwell.client import ClientError, NotAuthenticated


@alone("password", "upwell password", "upwell password --password-stdin < both.txt")
def password(
    password_stdin: Annotated[
        bool,
        typer.Option(
            "--password-stdin", help="Read both from standard input: the old one, and on a line of its own the new one."
        ),
    ] = False,
    url: Url = None,
    context: Context = None,
) -> None:
    """Change your own password: all your sessions and keys end, and this machine has a new key. An admin gives others
    one by `upwell user change`."""
    called, signed = contexts.chosen(os.environ, url, context)
    try:
        with closing(client_of(signed)) as client:
            me = client.show_me()
        if me["kind"] != "user":
            raise Ended(
                Exit.USAGE, f"upwell: {called} knows you by a key, not as a user", "  try: upwell login URL --user NAME"
            )
        if called not in contexts.kept(os.environ).contexts:
            said = f"upwell: the key for {called} is the environment's, and would end with the old password"
            raise Ended(Exit.USAGE, said, "  try: upwell login URL --user NAME, and then without UPWELL_TOKEN")
        fresh = _changed(signed, me, password_stdin)
    except ClientError as exc:
        end(exc, called)
    contexts.change(os.environ, lambda kept: Kept({**kept.contexts, called: fresh}, kept.current))
    print(f"changed; your other sessions and keys have ended, and {called} has a new key")


def _changed(signed: Signed, me: Any, from_stdin: bool) -> Signed:
    print("The password that you have:", file=sys.stderr)
    old = asked_password(from_stdin)
    plain = replace(signed, token="")
    with closing(client_of(plain)) as client:
        try:
            session = client.create_session(name=me["name"], password=old, account=me["account"])
        except NotAuthenticated as exc:
            raise Ended(Exit.NO_RIGHT, f"upwell: that is not the password of {me['name']}", "  try: again") from exc
    print("The new one:", file=sys.stderr)
    new = asked_password(from_stdin, twice=True)
    with closing(client_of(replace(plain, token=session["token"]))) as client:
        client.change_password(current_password=old, new_password=new)
        return own_key(client, plain, me["name"])
