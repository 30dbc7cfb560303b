"""`upwell key …` beside a running server: access keys of every account and dialect."""

import json
from datetime import timedelta
from typing import Annotated, Any

import typer

from upwell.cli.acting import acting
from upwell.cli.apps import noun, verb
from upwell.cli.described import described
from upwell.cli.settings import Option, settings_of, with_database
from upwell.cli.telling import Column, table
from upwell.dialects.spoken import DIALECTS
from upwell.domain.errors import Invalid
from upwell.service.manage import access

app = noun("Access keys, of every account.", name="key")

Account = Annotated[str, typer.Option(help="whose it is; made where there is none")]
KeyId = Annotated[str, typer.Argument(metavar="KEY", help="The key's id, the part of a token before its secret.")]


def _state(key: access.AccessKey) -> str:
    if key.revoked_at:
        return f"revoked {key.revoked_at:%Y-%m-%d %H:%M}"
    return f"ends {key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else "live"


COLUMNS: tuple[Column, ...] = (
    ("id", lambda k: k.key_id), ("account", lambda k: k.account), ("role", lambda k: k.role),
    ("dialect", lambda k: k.dialect), ("of user", lambda k: k.user_name), ("state", _state),
    ("used", lambda k: k.last_used_at and f"{k.last_used_at:%Y-%m-%d %H:%M}"),
)  # fmt: skip


def _registered(dialect: str) -> str:
    known = _tongues()
    if dialect not in known:
        raise Invalid("dialect", "one of " + ", ".join(known))
    return dialect


def _tongues() -> dict[str, bool]:
    """The dialects that keys may be of, and whether such a key is a token."""
    from upwell.doors.management.tongues import TONGUES  # here, for every other command begins without them

    return {tongue.dialect: tongue.by_token for tongue in TONGUES}


@verb(
    app,
    "create",
    "upwell key create --dialect upwell --role admin",
    "upwell key create --dialect alibaba --role operator --account acme --days 30 --json",
)
@described
def key_create(
    dialect: Annotated[str, typer.Option(help="one of " + ", ".join(DIALECTS), callback=_registered)],
    role: Annotated[str, typer.Option(help="admin, approver, operator or viewer")],
    account: Account = access.DEFAULT_ACCOUNT,
    days: Annotated[int | None, typer.Option(min=1, max=36500, help="how long it lasts; for ever if not given")] = None,
    product: Annotated[str | None, typer.Option(help="id of the one product that it is for; of upwell's alone")] = None,
    space: Annotated[str | None, typer.Option(help="id of the one space that it is for; of upwell's alone")] = None,
    server_admin: Annotated[bool, typer.Option("--server-admin", help="it may make accounts, by /v1/accounts")] = False,
    data_dir: Option = None,
    database_url: Option = None,
    secret_key_file: Option = None,
    secret_key_command: Option = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Make an access key; its secret is shown this once. That of the dialect upwell is the token to send."""
    is_token, lifetime = _tongues()[dialect], None if days is None else timedelta(days=days)
    settings, what = settings_of(locals()), {"account": account, "role": role, "dialect": dialect, "lifetime": lifetime}
    of: dict[str, Any] = {"space": space, "product": product, "is_server_admin": server_admin}
    key = with_database(
        settings,
        acting(
            "key create", {**what, "space": space, "product_key": product, "is_server_admin": server_admin or None},
            lambda ctx: access.create_key(ctx, account, role, dialect, is_token=is_token, lifetime=lifetime, **of),
        ),
        with_secrets=not is_token,
    )  # fmt: skip
    facts = {
        "id": key.key_id, "secret": key.secret, "dialect": key.dialect, "role": key.role, "account": account,
        "project_id": access.project_id(key.account_id),
    }  # fmt: skip
    facts |= {name: str(value) for name, value in of.items() if value}
    if key.expires_at is not None:
        facts["expires"] = f"{key.expires_at:%Y-%m-%dT%H:%M:%SZ}"
    print(json.dumps(facts) if as_json else "\n".join(f"{name}: {value}" for name, value in facts.items()))


@verb(app, "list", "upwell key list --data-dir ./upwell-data")
@described
def key_list(data_dir: Option = None, database_url: Option = None) -> None:
    """Show every key, without secrets."""
    table(COLUMNS, with_database(settings_of(locals()), access.list_keys))


@verb(app, "revoke", "upwell key revoke upw_4f1c9a2b7d3e")
@described
def key_revoke(key_id: KeyId, data_dir: Option = None, database_url: Option = None) -> None:
    """Make a key useless from now on."""
    settings = settings_of(locals())
    with_database(settings, acting("key revoke", {"key_id": key_id}, lambda ctx: access.revoke_key(ctx, key_id)))
    print(f"revoked {key_id}")
