"""Access keys: what may be asked of them, and what is told. Only those of the caller's account are seen."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from upwell.domain.commands.lists import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An access key. `secret` is told by its making alone; it is the whole token where the key is one. It may be of one
    `space` or one product alone, told empty when that is gone. A server's admin's may make accounts. One of a `user`
    has no more than their role, and ends with their right to sign in."""

    key_id: str
    role: str
    dialect: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    space: str | None = None
    product_key: str | None = None
    is_server_admin: bool = False
    user: str | None = None
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateKey:
    """→ Key with its secret. One that `is_token` is shown whole with each request and kept hashed; any other signs.
    Without `lifetime` it lasts until it is revoked. One that is of a `space` or a product reaches what lies in it
    alone, and must be a token."""

    role: str
    dialect: str
    is_token: bool
    lifetime: timedelta | None = None
    space: str | None = None
    product_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListKeys:
    """→ tuple[Key, ...], newest first, revoked ones too; or by created_at, last_used_at (never comes before all) or
    expires_at (never comes behind all)."""

    order: Order | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowKey:
    """→ Key, also a revoked one."""

    key_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeKey:
    """→ Done. The key is of no use from then on; again is harmless."""

    key_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateOwnKey:
    """→ Key with its secret: a token of the user who signed in."""

    lifetime: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOwnKeys:
    """→ tuple[Key, ...] of the user who asks, newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeOwnKey:
    """→ Done. A key of the user who asks is of no use from then on; again is harmless."""

    key_id: str
