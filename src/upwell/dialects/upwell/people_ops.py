"""Our own operations on sessions, users and accounts: their members, their commands, their answers."""

from upwell.dialects.checks import OneOf, Text
from upwell.dialects.operations import Param, Values
from upwell.dialects.spoken import OWN
from upwell.dialects.upwell import names, pages
from upwell.dialects.upwell.key_ops import ROLES
from upwell.dialects.upwell.params import label, path_id, sort
from upwell.dialects.upwell.rows import Row, all_of, listed, row
from upwell.dialects.upwell.shapes import Shape, at, free, members, switch, text
from upwell.domain import commands as c
from upwell.domain.errors import Missing

ACCOUNT = "default"  # where none is named

_USER_FIELDS = (
    text("id", lambda r: names.user_id(r.user_id)),
    text("name", lambda r: r.name),
)
USER = Shape("User", "Somebody of the account who may sign in.", (
    *_USER_FIELDS,
    text("role", lambda r: r.role, enum=list(ROLES)),
    switch("enabled", lambda r: r.enabled, "one who is not may not sign in"),
    at("created_at", lambda r: r.created_at),
    at("modified_at", lambda r: r.modified_at, always=False),
))  # fmt: skip
SESSION = Shape("Session", "Somebody who signed in.", (
    text("id", lambda r: r.session_id),
    text("token", lambda r: r.token, "to send as a key's, shown this once"),
    text("role", lambda r: r.user.role, enum=list(ROLES)),
    free("user", members(*_USER_FIELDS), lambda r: {field.name: field.get(r.user) for field in _USER_FIELDS}),
    at("expires_at", lambda r: r.expires_at, "it ends then"),
))  # fmt: skip
OPEN_SESSION = Shape("OpenSession", "A session that is not over.", (
    text("id", lambda r: r.session_id),
    free("user", members(*_USER_FIELDS), lambda r: {field.name: field.get(r) for field in _USER_FIELDS}),
    text("role", lambda r: r.role, enum=list(ROLES)),
    text("tongue", lambda r: r.tongue or None, "by which they signed in; more may come", always=False),
    text("address", lambda r: r.address or None, "where they signed in from", always=False),
    switch("current", lambda r: r.is_current, "whether it is the one that asks"),
    at("created_at", lambda r: r.created_at),
    at("last_used_at", lambda r: r.last_used_at, "noted once a minute", always=False),
    at("expires_at", lambda r: r.expires_at),
))  # fmt: skip
ME = Shape("Me", "Who asks.", (
    text("kind", lambda r: r.kind, "more may come", enum=["key", "user"]),
    text("id", lambda r: names.user_id(r.id) if r.kind == "user" else r.id, "of the key or the user"),
    text("name", lambda r: r.name),
    text("role", lambda r: r.role, enum=list(ROLES)),
    text("account_id", lambda r: names.account_id(r.account.account_id)),
    text("account", lambda r: r.account.name),
    text("space_id", lambda r: r.space, "the one space that the key is of", always=False),
    text("product_id", lambda r: r.product_key, "the one product that the key is of", always=False),
    switch("server_admin", lambda r: r.is_server_admin or None, always=False),
    at("expires_at", lambda r: r.expires_at, "the key or the session ends then", always=False),
))  # fmt: skip
ACCOUNT_SHAPE = Shape("Account", "Owner of everything below.", (
    text("id", lambda r: names.account_id(r.account_id)),
    text("name", lambda r: r.name),
    at("created_at", lambda r: r.created_at),
))  # fmt: skip
_KEY_FIELDS = (text("id", lambda r: r.key_id), text("secret", lambda r: r.secret))
MADE_ACCOUNT = ACCOUNT_SHAPE.with_(
    "MadeAccount", "An account just made, with a token of its first admin, shown this once.",
    free("key", members(*_KEY_FIELDS), lambda r: {field.name: field.get(r.key) for field in _KEY_FIELDS}),
)  # fmt: skip

_USER_NAME = Param("name", required=True, check=label(64))
_SESSION_PATH = path_id("session_id", label(64))
_WORD = Text(64, "A-Za-z0-9_.@-", "letters, digits, _ . @ or -")
_PASSWORD = label(128, 8)
_ROLE = OneOf(ROLES)
_USER_PATH, _ACCOUNT_PATH = path_id("user_id", label(64)), path_id("account_id", label(64))
_NAME = Param("name", required=True, check=label(64))


def _user(v: Values) -> int:
    return names.read_user_id(v["user_id"])


def _account(v: Values) -> int:
    return names.read_account_id(v["account_id"])


def _sessions(v: Values) -> c.ListSessions:
    user = v["user_id"]
    return c.ListSessions(user_id=None if user is None else names.read_user_id(user))


def _update(v: Values) -> c.UpdateUser:
    if v["role"] is None and v["password"] is None and v["enabled"] is None:
        raise Missing("role", "password and enabled are absent")
    return c.UpdateUser(user_id=_user(v), role=v["role"], password=v["password"], enabled=v["enabled"])


OPERATIONS: dict[str, Row] = {
    "create_session": row(
        "POST", "/sessions", "viewer", "Sign in with a user's name and password.",
        lambda v: c.SignIn(account=v["account"], name=v["name"], password=v["password"]), SESSION, status=201,
        body=(Param("account", check=label(64), default=ACCOUNT), _USER_NAME,
              Param("password", required=True, check=label(128))),
        is_open=True,
        notes="Needs no key. After ten wrong passwords of a user from one address the next ones wait, longer each"
              " time.",
    ),
    "end_session": row(
        "DELETE", "/sessions/current", "viewer", "Sign out: the session that asks ends.", lambda _: c.EndSession(),
    ),
    "end_sessions": row(
        "DELETE", "/sessions", "viewer", "Sign out everywhere: every session of the user who asks ends.",
        lambda _: c.EndSession(everywhere=True), notes="By a session. Keys of the user stay.",
    ),
    "list_sessions": all_of(
        "/sessions", "admin", "Who is signed in to the account, newest first.", _sessions, OPEN_SESSION,
        query=(Param("user_id", check=label(64)),),
        notes="1,000 at the most; of one user all, with `user_id`. Those of Huawei's tongue are tokens, and not here.",
    ),
    "close_session": row(
        "DELETE", "/sessions/{session_id}", "admin", "End a session of anybody of the account.",
        lambda v: c.CloseSession(session_id=v["session_id"]), ids=_SESSION_PATH,
    ),
    "list_own_sessions": all_of(
        "/me/sessions", "viewer", "Sessions of the user who asks, newest first.", lambda _: c.ListOwnSessions(),
        OPEN_SESSION,
    ),
    "close_own_session": row(
        "DELETE", "/me/sessions/{session_id}", "viewer", "End a session of the user who asks.",
        lambda v: c.CloseOwnSession(session_id=v["session_id"]), ids=_SESSION_PATH,
    ),
    "show_me": row("GET", "/me", "viewer", "Who asks.", lambda _: c.ShowMe(), ME),
    "change_password": row(
        "PUT", "/me/password", "viewer", "Change one's own password.",
        lambda v: c.ChangePassword(current_password=v["current_password"], new_password=v["new_password"]),
        body=(Param("current_password", required=True, check=label(128)),
              Param("new_password", required=True, check=_PASSWORD)),
        notes="By a session, which goes on; the user's others and their keys end. A wrong present password counts as"
              " one at signing in does.",
    ),
    "create_user": row(
        "POST", "/users", "admin", "Make a user.",
        lambda v: c.CreateUser(user=v["name"], password=v["password"], role=v["role"]), USER, status=201,
        body=(Param("name", required=True, check=_WORD), Param("password", required=True, check=_PASSWORD),
              Param("role", required=True, check=_ROLE)), gives="user_id",
    ),
    "list_users": all_of(
        "/users", "admin", "All users, by name.", lambda v: c.ListUsers(order=pages.order(v)), USER,
        query=(sort("name", "created_at", default="name"),),
    ),
    "show_user": row(
        "GET", "/users/{user_id}", "admin", "A user.", lambda v: c.ShowUser(user_id=_user(v)), USER, ids=_USER_PATH,
        tagged=True,
    ),
    "update_user": row(
        "PATCH", "/users/{user_id}", "admin", "Give a user another role or password, or let them sign in or not.",
        _update, USER, ids=_USER_PATH,
        body=(Param("role", check=_ROLE), Param("password", check=_PASSWORD), Param("enabled", "bool")),
        notes="A new password, and `enabled` false, end their sessions and keys. The last enabled admin stays one.",
    ),
    "delete_user": row(
        "DELETE", "/users/{user_id}", "admin", "Delete a user; their sessions and keys end.",
        lambda v: c.DeleteUser(user_id=_user(v)), ids=_USER_PATH,
    ),
    "create_account": row(
        "POST", "/accounts", "admin", "Make an account with its first key.",
        lambda v: c.CreateAccount(name=v["name"], dialect=OWN), MADE_ACCOUNT, status=201, body=(_NAME,),
        gives="account_id", notes="For a server's admin, as all of accounts is.",
    ),
    "list_accounts": listed(
        "/accounts", "admin", "All accounts, newest first.", lambda v: c.ListAccounts(asked=pages.asked(v)),
        ACCOUNT_SHAPE, query=(sort("name", "created_at"),),
    ),
    "show_account": row(
        "GET", "/accounts/{account_id}", "admin", "An account.",
        lambda v: c.ShowAccount(account_id=_account(v)), ACCOUNT_SHAPE, ids=_ACCOUNT_PATH, tagged=True,
    ),
    "update_account": row(
        "PATCH", "/accounts/{account_id}", "admin", "Rename an account.",
        lambda v: c.RenameAccount(account_id=_account(v), name=v["name"]), ACCOUNT_SHAPE, ids=_ACCOUNT_PATH,
        body=(_NAME,),
    ),
}  # fmt: skip
