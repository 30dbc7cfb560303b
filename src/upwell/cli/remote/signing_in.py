"""`upwell login`, `upwell logout`, `upwell context …`.

Holds: no token and no password is ever an argument, for those are seen by every user of a machine. What `login` keeps
is a key of its own where the server makes one, so that `logout` revokes it and nothing else.
"""

import os
import sys
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlsplit

import typer

from upwell.cli import telling
from upwell.cli.apps import alone, noun
from upwell.cli.apps import verb as local_verb
from upwell.cli.exits import Ended, Exit
from upwell.cli.remote import contexts
from upwell.cli.remote.acting import AsJson, client_of, code_of, end, lines_of
from upwell.cli.remote.contexts import Kept, Signed
from upwell.cli.remote.users import asked_password
from upwell.client import Client, ClientError, NotAllowed, NotAuthenticated
from upwell.client.http import address

DAYS = 90  # that a key which `login` makes lasts
OWN = "own key"  # what `login` has made for a user
LOOPBACK = ("127.0.0.1", "localhost", "::1")
Name = Annotated[str, typer.Argument(metavar="NAME", help="A context's name.")]


@alone(
    "login", "upwell login http://127.0.0.1:8686", "upwell login https://ota.example.com --user ann",
    "upwell login https://ota.example.com --key < token.txt",
)  # fmt: skip
def login(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where the server's API is.")],
    key: Annotated[bool, typer.Option("--key", help="With a key: UPWELL_TOKEN, else from standard input.")] = False,
    user: Annotated[str | None, typer.Option(metavar="NAME", help="As this user.")] = None,
    account: Annotated[str | None, typer.Option(help="The user's account; else the default one.")] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from it.")] = False,
    name: Annotated[str | None, typer.Option("--name", help="What to call it; else the host and port.")] = None,
    days: Annotated[
        int, typer.Option(min=1, max=36500, help="How long the key that is made lasts; a user's 366 at most.")
    ] = DAYS,
    ca: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="PEM of a CA to trust there.")] = None,
) -> None:
    """Sign in to a server, with a key or as a user. A key of its own is made, kept in a file that is yours alone, and
    used by all commands until `upwell logout`."""
    try:
        where = address(url)
    except ValueError as exc:
        raise Ended(Exit.USAGE, f"upwell: {exc}", "  try: upwell login http://127.0.0.1:8686") from exc
    _warn_of_plain(where)
    called = name or urlsplit(where).netloc
    given = Signed(url=where, token="", ca=str(ca.resolve()) if ca else "")
    try:
        signed = _signed(given, key, user, account, password_stdin, days)
    except ClientError as exc:
        raise Ended(code_of(exc), *_refused(exc, where)) from exc
    before = contexts.kept(os.environ).contexts.get(called)
    contexts.change(os.environ, lambda kept: Kept({**kept.contexts, called: signed}, called))
    if before is not None:
        _end_quietly(before)
    _tell(called, signed)


def _refused(exc: ClientError, where: str) -> list[str]:
    if isinstance(exc, NotAuthenticated):
        return [
            f"upwell: {where} does not take it: {exc.detail}",
            "  try: look at the key, or at the name and password",
        ]
    return lines_of(exc, where)


def _tell(called: str, signed: Signed) -> None:
    made = "a key of its own" if signed.made else "the key that you gave"
    until = f", until {telling.minute(signed.expires_at)}" if signed.expires_at else ""
    print(f"signed in to {signed.url} as {signed.who}, with {made}{until}; it is the context {called}")
    print("\nNext: upwell product list")


def _warn_of_plain(where: str) -> None:
    parts = urlsplit(where)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        print(f"upwell: {where} has no TLS: whoever is in between reads your key", file=sys.stderr)


def _signed(given: Signed, key: bool, user: str | None, account: str | None, password_stdin: bool, days: int) -> Signed:
    """What is kept. Raises Ended, ClientError."""
    token = os.environ.get(contexts.TOKEN, "") if not user else ""
    if not user and not key and not token and sys.stdin.isatty():
        user = _asked("User name (nothing for a key)", default="", show_default=False) or None
    if user:
        return _by_password(given, user, account, asked_password(password_stdin), days)
    if not token:
        token = _pasted(key)
    return _by_key(replace(given, token=token), days)


def _asked(what: str, **how: Any) -> str:
    try:
        return str(typer.prompt(what, err=True, **how))
    except typer.Abort:
        raise Ended(Exit.INTERRUPTED, "", "upwell: nobody is signed in") from None


def _pasted(said: bool) -> str:
    if sys.stdin.isatty():
        return _asked("Key (upw_…)", hide_input=True).strip()
    if not said:
        raise Ended(
            Exit.USAGE, "upwell: nobody is here to be asked who you are",
            f"  try: {contexts.TOKEN}=upw_… upwell login URL, or upwell login URL --key < FILE, or --user NAME"
            " --password-stdin < FILE",
        )  # fmt: skip
    return sys.stdin.readline().strip()


def _by_key(given: Signed, days: int) -> Signed:
    """With a key of its own, of the same role and the same reach; or with the given one, which may make none."""
    with closing(client_of(given)) as client:
        me = client.show_me()
        kept = replace(given, who=_who(me))
        try:
            made = client.create_key(role=_role(me), days=days, **_reach(me))
        except NotAllowed:
            return kept
    own = {"who": f"key {made['id']} ({made['role']})", "expires_at": made.get("expires_at", "")}
    return replace(kept, token=made["secret"], made="key", key_id=made["id"], **own)


def _by_password(given: Signed, user: str, account: str | None, password: str, days: int) -> Signed:
    """With a key of the user's, which ends with their right to sign in and with their password."""
    with closing(client_of(given)) as client:
        session = client.create_session(name=user, password=password, account=account)
    with closing(client_of(replace(given, token=session["token"]))) as client:
        return own_key(client, given, user, days)


def own_key(client: Client, given: Signed, user: str, days: int = DAYS) -> Signed:
    """A key of the user whose session the client has; the session ends."""
    made = client.create_own_key(days=days)
    client.end_session()
    kept = replace(given, token=made["secret"], made=OWN, key_id=made["id"], expires_at=made.get("expires_at", ""))
    return replace(kept, who=f"user {user} ({made['role']})")


def _who(me: Any) -> str:
    return f"{me['kind']} {me.get('name') or me['id']} ({me['role']})"


def _role(me: Any) -> Literal["viewer", "operator", "admin"]:
    return cast(Literal["viewer", "operator", "admin"], me["role"])


def _reach(me: Any) -> dict[str, Any]:
    return {name: me[name] for name in ("space_id", "product_id") if me.get(name)}


@alone("logout", "upwell logout", "upwell logout staging")
def logout(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A context; else the one in use.")] = None,
) -> None:
    """Sign out: revoke the key that `login` made, and forget it."""
    called, signed = contexts.chosen(_own(os.environ), None, name)
    problem = _ended(signed)
    contexts.change(os.environ, lambda kept: _without(kept, called))
    if problem:
        print(f"upwell: {called} is forgotten, but its key is not revoked: {problem}", file=sys.stderr)
        mine = " --mine" if signed.made == OWN else ""
        print(
            f"  try: upwell key revoke {signed.key_id or 'KEY'}{mine}, once you have signed in again", file=sys.stderr
        )
        raise typer.Exit(int(Exit.NO_SERVER))
    print(f"signed out of {called}" + ("" if signed.made else "; the key that you gave lives on"))


def _own(environ: Any) -> dict[str, str]:
    """Without what the environment says of where to act: `logout` is of contexts alone."""
    return {name: value for name, value in environ.items() if name not in (contexts.URL, contexts.TOKEN)}


def _without(kept: Kept, called: str) -> Kept:
    left = {name: each for name, each in kept.contexts.items() if name != called}
    return Kept(left, kept.current if kept.current in left else next(iter(left), ""))


def _ended(signed: Signed) -> str:
    """Make what `login` made useless; why that can't be, or nothing."""
    try:
        with closing(client_of(signed)) as client:
            _revoke(client, signed)
    except NotAuthenticated:
        return ""  # it is of no use already
    except (ClientError, Ended) as exc:
        return str(exc)
    return ""


def _end_quietly(before: Signed) -> None:
    """What an earlier `login` to the same context made is of no more use."""
    with suppress(ClientError, Ended):
        problem = _ended(before)
        if problem:
            print(f"upwell: the key before it is not revoked: {problem}", file=sys.stderr)


def _revoke(client: Client, signed: Signed) -> None:
    if signed.made == "key":
        client.revoke_key(signed.key_id)
    elif signed.made == OWN:
        client.revoke_own_key(signed.key_id)
    elif signed.made == "session":  # of a program before this one
        client.end_session()


context = noun("The servers that you are signed in to.", name="context")


@local_verb(context, "list", "upwell context list")
def context_list(as_json: AsJson = False) -> None:
    """Show the contexts; the one in use has a star."""
    kept = contexts.kept(os.environ)
    told = [
        {"name": name, "in_use": name == kept.current, "url": each.url, "who": each.who, "expires_at": each.expires_at}
        for name, each in kept.contexts.items()
    ]
    if as_json:
        for row in told:
            telling.as_json({key: value for key, value in row.items() if value != ""})
        return
    columns: tuple[telling.Column, ...] = (
        ("", lambda c: "*" if c["in_use"] else " "), ("name", telling.member("name")), ("url", telling.member("url")),
        ("who", telling.member("who")), ("ends", telling.moment("expires_at")),
    )  # fmt: skip
    if not telling.table(columns, told):
        print("no contexts; make one: upwell login URL", file=sys.stderr)


@local_verb(context, "use", "upwell context use staging")
def context_use(name: Name) -> None:
    """From now on commands act there."""
    contexts.chosen(_own(os.environ), None, name)
    contexts.change(os.environ, lambda kept: Kept(kept.contexts, name))
    print(f"commands act on {name} now")


@local_verb(context, "show", "upwell context show")
def context_show(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A context; else the one in use.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show where commands act, and whether the server knows you there."""
    called, signed = contexts.chosen(os.environ, None, name)
    told: dict[str, Any] = {"name": called, "url": signed.url, "who": signed.who, "expires_at": signed.expires_at}
    try:
        with closing(client_of(signed)) as client:
            told["who"] = _who(client.show_me())
    except ClientError as exc:
        end(exc, called, as_json)
    if as_json:
        telling.as_json({key: value for key, value in told.items() if value})
    else:
        telling.details([(key.replace("_", " "), value) for key, value in told.items()])
