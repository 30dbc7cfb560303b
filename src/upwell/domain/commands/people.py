"""Users who sign in with a password, their sessions, and accounts: what may be asked of them, and what is told."""

from dataclasses import dataclass, field
from datetime import datetime

from upwell.domain.commands.keys import Key
from upwell.domain.commands.lists import Order, Slice


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody of an account who may sign in, unless they are not `enabled`. `modified_at` None: as they were made."""

    user_id: int
    name: str
    role: str
    enabled: bool
    created_at: datetime
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A user who signed in. The token is told by the signing in alone."""

    session_id: str
    user: User
    expires_at: datetime
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Owner of everything. `key` is its first one, told by its making alone."""

    account_id: int
    name: str
    created_at: datetime
    key: Key | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """Who asks. `kind` is key or user, `id` of the key or the user; a key of a part of the account says which."""

    kind: str
    id: str | int
    name: str
    role: str
    account: Account
    expires_at: datetime | None
    space: str | None = None
    product_key: str | None = None
    is_server_admin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """→ Session. Of somebody whom nobody knows yet: the doors do it before there is a caller."""

    account: str
    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSession:
    """→ Done. The session that the caller asks by ends, or every session of that user. Refused to whoever asks by a
    key."""

    everywhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    """A session that is not over, as it is told: whose, since when, from which address, and when it was last used,
    which is noted once a minute. The one that the caller asks by `is_current`."""

    session_id: str
    user_id: int
    name: str
    role: str
    tongue: str
    address: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSessions:
    """→ tuple[OpenSession, ...] of the account, or of one user of it, the newest first, at most so many; for admins."""

    user_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOwnSessions:
    """→ tuple[OpenSession, ...] of the user who asks, newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseSession:
    """→ Done. Any session of the account is over; for admins."""

    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseOwnSession:
    """→ Done. A session of the user who asks is over."""

    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePassword:
    """→ Done. The password of the user who asks by a session, which goes on; their others end. Refused to whoever asks
    by a key."""

    current_password: str = field(repr=False)
    new_password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowMe:
    """→ Me."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateUser:
    """→ User of the caller's account."""

    user: str
    password: str = field(repr=False)
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListUsers:
    """→ tuple[User, ...], by name, or by created_at."""

    order: Order | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowUser:
    """→ User."""

    user_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateUser:
    """→ User. None leaves a value as it is. A new password, and not to be enabled any more, end their sessions. The
    last enabled admin stays one."""

    user_id: int
    role: str | None = None
    password: str | None = field(default=None, repr=False)
    enabled: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteUser:
    """→ Done. Their sessions end. The last enabled admin stays."""

    user_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateAccount:
    """→ Account with a key of its own for its first admin, a token. For a server's admin, as all of accounts is."""

    name: str
    dialect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAccounts:
    """→ Page[Account], newest first."""

    asked: Slice


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowAccount:
    """→ Account."""

    account_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameAccount:
    """→ Account. Not of the first one, which commands mean that name none."""

    account_id: int
    name: str
