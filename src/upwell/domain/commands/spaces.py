"""Spaces, which partition an account's products.

A space is named by a key that is a text. Without a space a command means the account's default one when it makes
something, and every one when it lists.
"""

from dataclasses import dataclass
from datetime import datetime

from upwell.domain.commands.lists import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """A partition of an account's products. Each account has one that is the default."""

    key: str
    name: str
    is_default: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSpace:
    """→ Space. Refused with TooMany when the account has `most`."""

    name: str
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSpaces:
    """→ tuple[Space, ...], newest first, or by name or created_at. `is_default` None means all; with `space`
    that one alone."""

    is_default: bool | None = None
    space: str | None = None
    order: Order | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowSpace:
    """→ Space."""

    space: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameSpace:
    """→ Space."""

    space: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteSpace:
    """→ Done. Everything in it goes too; the default space stays."""

    space: str
