"""The audit, what owners did and were refused: what may be asked of it, and what is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from upwell.domain.commands.lists import Slice

DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One call that changed something, or was refused. `who` is an access key's id, `user NAME`, `local NAME` for
    whoever ran a command on the server's machine, or `server`; `tongue` its dialect, or `cli`; `address` where it came
    from, or `local`. `account` is empty where the call was about none that there is. `result` is DONE, `begun`, or the
    code of a refusal in the caller's tongue; `times` how many such refusals of that minute it stands for, the first of
    which it tells. `ids` name what it was about and `changes` say what was asked; neither has a secret in it."""

    entry_id: int
    account: str
    at: datetime
    who: str
    tongue: str
    address: str
    operation: str
    result: str
    request_id: str
    times: int
    ids: Mapping[str, object]
    changes: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAudit:
    """→ Page[AuditEntry] of the caller's account, newest first, not counted; for admins. `since` is the first moment,
    `until` the first one after the last. `result` is DONE, a code, or `refused` for every code. `about` is a value
    among what entries were about: a number or a text, exactly."""

    asked: Slice
    who: str | None = None
    operation: str | None = None
    result: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    about: int | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportAudit:
    """→ Flow[AuditEntry] of all that the list has, oldest first, csv or ndjson by `form`; for admins."""

    which: ListAudit
    form: str
