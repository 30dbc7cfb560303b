"""Our own operations on access keys of the caller's account: their members, their commands, their answers."""

from datetime import timedelta

from upwell.dialects.checks import OneOf, Range
from upwell.dialects.operations import Param, Values
from upwell.dialects.spoken import DIALECTS, OWN
from upwell.dialects.upwell import pages
from upwell.dialects.upwell.params import PRODUCT_ID, SPACE_ID, label, path_id, sort
from upwell.dialects.upwell.rows import Row, all_of, row
from upwell.dialects.upwell.shapes import Shape, at, switch, text
from upwell.domain import commands as c
from upwell.domain.errors import Invalid

ROLES = ("viewer", "operator", "approver", "admin")
DAYS_MAX = 36_500
OWN_DAYS, OWN_DAYS_MAX = 90, 366  # of a user's key
SCOPES = ("space_id", "product_id")

KEY = Shape("Key", "An access key, without what proves it.", (
    text("id", lambda r: r.key_id),
    text("dialect", lambda r: r.dialect, "which tongue it speaks"),
    text("role", lambda r: r.role, enum=list(ROLES)),
    text("space_id", lambda r: r.space, "the one space that it is of; empty: it is gone", always=False),
    text("product_id", lambda r: r.product_key, "the one product that it is of; empty: it is gone", always=False),
    text("user", lambda r: r.user, "whose it is: it has no more than their role, and ends with their right to sign in",
         always=False),
    switch("server_admin", lambda r: r.is_server_admin or None, "it may make accounts", always=False),
    at("created_at", lambda r: r.created_at),
    at("expires_at", lambda r: r.expires_at, "it is of no use from then on", always=False),
    at("last_used_at", lambda r: r.last_used_at, "noted once a minute, of keys of our own", always=False),
    at("revoked_at", lambda r: r.revoked_at, always=False),
))  # fmt: skip
MADE_KEY = KEY.with_(
    "MadeKey", "A key just made, with what is shown this once.",
    text("secret", lambda r: r.secret, "of our own dialect the token to send; of any other what signs"),
)  # fmt: skip


def _create(v: Values) -> c.CreateKey:
    days, is_own = v["days"], v["dialect"] == OWN
    for name in SCOPES:
        if v[name] is not None and not is_own:
            raise Invalid("dialect", f"{OWN}, with {name}", "keys of vendors' tongues are of the whole account")
    return c.CreateKey(
        role=v["role"], dialect=v["dialect"], is_token=is_own, space=v["space_id"], product_key=v["product_id"],
        lifetime=None if days is None else timedelta(days=days),
    )  # fmt: skip


def _create_own(v: Values) -> c.CreateOwnKey:
    return c.CreateOwnKey(lifetime=timedelta(days=v["days"]))


_KEY_PATH = path_id("key_id", label(256))

OPERATIONS: dict[str, Row] = {
    "create_key": row(
        "POST", "/keys", "admin", "Make an access key.", _create, MADE_KEY, status=201,
        body=(Param("role", required=True, check=OneOf(ROLES)), Param("dialect", check=OneOf(DIALECTS), default=OWN),
              Param("days", "int", check=Range(1, DAYS_MAX)), SPACE_ID, PRODUCT_ID),
        notes="It lasts for `days`, or until it is revoked. With `space_id` or `product_id` it reaches what lies in"
              " that alone.",
        gives="key_id", apart=(SCOPES,),
    ),
    "list_keys": all_of(
        "/keys", "admin", "All keys, newest first.", lambda v: c.ListKeys(order=pages.order(v)), KEY,
        query=(sort("created_at", "last_used_at", "expires_at"),),
        notes="One never used was used before all others, one without an end ends behind them.",
    ),
    "show_key": row(
        "GET", "/keys/{key_id}", "admin", "A key.", lambda v: c.ShowKey(key_id=v["key_id"]), KEY, ids=_KEY_PATH,
        tagged=True,
    ),
    "revoke_key": row(
        "DELETE", "/keys/{key_id}", "admin", "Make a key useless from now on.",
        lambda v: c.RevokeKey(key_id=v["key_id"]), ids=_KEY_PATH,
    ),
    "create_own_key": row(
        "POST", "/me/keys", "viewer", "Make a key of the user who is signed in.", _create_own, MADE_KEY, status=201,
        body=(Param("days", "int", check=Range(1, OWN_DAYS_MAX), default=OWN_DAYS),), gives="key_id",
        notes="For a program that asks in their name. It has no more than their role, and is of no use once they may"
              " not sign in any more or have another password. Made with a session, never with a key. A user has 20;"
              " the oldest ends.",
    ),
    "list_own_keys": all_of(
        "/me/keys", "viewer", "All keys of the user who asks, newest first.", lambda _: c.ListOwnKeys(), KEY
    ),
    "revoke_own_key": row(
        "DELETE", "/me/keys/{key_id}", "viewer", "Make a key of the user who asks useless, also the one they ask by.",
        lambda v: c.RevokeOwnKey(key_id=v["key_id"]), ids=_KEY_PATH,
    ),
}  # fmt: skip
