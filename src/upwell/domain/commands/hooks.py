"""Hooks, which send an account the news of its jobs: what may be asked of them, and what is told.

A hook says whether and of which space the news goes out, its actions where to. One kind of news exists: how a job that
asks for versions stands, in the words of `domain.standings.Progress`.
"""

from dataclasses import dataclass, field
from datetime import datetime

from upwell.domain.commands.lists import Slice
from upwell.domain.standings import Progress

# --- views ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """`space` is the key of the one space that it is about, None for all. `active`: news goes out."""

    hook_id: int
    name: str | None
    description: str | None
    space: str | None
    active: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HookAction:
    """Where a hook's news goes: a POST to `url`. With a `token` each is signed; `server_name`, if given, is the name
    that the server's certificate must have in place of the URL's host."""

    action_id: int
    hook_id: int
    space: str | None
    url: str
    is_signed: bool
    server_name: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A job came to stand at `progress`. `reason` is a stable word for why it failed as a whole."""

    job_id: int
    part: str
    space: str
    progress: Progress
    reason: str
    at: datetime


# --- commands ---


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateHook:
    """→ Hook, not active yet. `in_space` limits it to `space`, the default one when that is None. Refused with TooMany
    when the account has `most`."""

    most: int
    name: str | None = None
    description: str | None = None
    in_space: bool = False
    space: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowHook:
    """→ Hook."""

    hook_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListHooks:
    """→ Page[Hook]. `in_space` True means those of `space` or, without one, of any; False those of all spaces."""

    asked: Slice
    in_space: bool | None = None
    space: str | None = None
    name: str | None = None
    active: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateHook:
    """→ Hook. None leaves a value as it is."""

    hook_id: int
    name: str | None = None
    description: str | None = None
    active: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteHook:
    """→ Done. Its actions go with it, and the news that still waits."""

    hook_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateAction:
    """→ HookAction. Refused with TooMany when the hook has `most`."""

    hook_id: int
    most: int
    url: str
    token: str | None = field(default=None, repr=False)
    server_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowAction:
    """→ HookAction."""

    action_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListActions:
    """→ Page[HookAction], of a hook or else of those that ListHooks would find."""

    asked: Slice
    hook_id: int | None = None
    in_space: bool | None = None
    space: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateAction:
    """→ HookAction. All of it anew."""

    action_id: int
    url: str
    token: str | None = field(default=None, repr=False)
    server_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteAction:
    """→ Done. The news that still waits for it goes too."""

    action_id: int
