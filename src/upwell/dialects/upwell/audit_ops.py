"""Our own list of the audit: its members, its command, its answer. An entry is told in the words of the tongue that it
came by; the ids of things in it are ours.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from upwell.dialects.checks import OneOf
from upwell.dialects.operations import Param, Table, Values
from upwell.dialects.upwell import names, pages
from upwell.dialects.upwell.flows import FORMS
from upwell.dialects.upwell.params import CURSOR, Moment, label, moment, sort
from upwell.dialects.upwell.rows import Row, flowing, listed
from upwell.dialects.upwell.shapes import Shape, at, free, number, text
from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import NotFound
from upwell.domain.talk import TaskRef

WORD = label(256)
_SPELT = {
    "account_id": names.account_id,
    "apply_id": names.registration_id,
    "group_id": names.group_id,
    "group_ids": names.group_id,
    "import_id": names.import_id,
    "job_id": names.rollout_id,
    "package_id": names.package_id,
    "package_ids": names.package_id,
    "positions": names.event_id,
    "receiver_id": names.hook_id,
    "super_group_id": names.group_id,
    "upload_id": names.upload_id,
    "user_id": names.user_id,
}


def _spelt(name: str, value: Any) -> Any:
    """The value of that member, its numbers as we name things; they are longer than a JSON number may be."""
    match value:
        case bool():
            return value
        case int():
            return _SPELT.get(name, str)(value)
        case list():
            return [_spelt(name, each) for each in value]
        case {"device_id": str(device), "job_id": int(job)}:
            return names.task_id(TaskRef(device_id=UUID(device), job_id=job, nth=value.get("nth", 0)))
        case Mapping():
            return {inner: _spelt(inner, each) for inner, each in value.items()}
    return value


ENTRY = Shape("AuditEntry", "One call that changed something, or refusals of a minute that are alike.", (
    text("id", lambda r: names.entry_id(r.entry_id)),
    at("at", lambda r: r.at),
    text("who", lambda r: r.who,
         "a key's id, `user NAME`, `user NAME, key ID`, `local NAME` on the server's machine, or `server`"),
    text("tongue", lambda r: r.tongue, "by which it came; more may come"),
    text("address", lambda r: r.address, "where it came from, or `local`"),
    text("operation", lambda r: r.operation, "as the tongue calls it"),
    text("result", lambda r: r.result, "`done`, `begun`, or the code of a refusal"),
    text("request_id", lambda r: r.request_id or None, "as in the answer and the log", always=False),
    number("times", lambda r: r.times, "how many refusals it stands for; it tells of the first"),
    free("ids", {"type": "object"}, lambda r: {name: _spelt(name, value) for name, value in r.ids.items()},
         "what it was about"),
    free("changes", {"type": "object"}, lambda r: dict(r.changes), "what was asked"),
))  # fmt: skip

_FILTERS: Table = (
    Param("who", check=WORD),
    Param("operation", check=WORD),
    Param("result", check=WORD),
    Param("about", check=WORD),
    Param("since", check=Moment()),
    Param("until", check=Moment()),
)


def _list(v: Values) -> c.ListAudit:
    asked = pages.asked(v) if CURSOR in v else Slice(take=1)  # an export takes all
    return c.ListAudit(
        asked=asked, who=v["who"], operation=v["operation"], result=v["result"],
        since=moment(v["since"]), until=moment(v["until"]), about=_about(v["about"]),
    )  # fmt: skip


def _about(text: str | None) -> int | str | None:
    """A thing as entries name it: one of ours that is a number by its number."""
    if text is None:
        return None
    for read in _READ:
        try:
            return read(text)
        except NotFound:
            continue
    return text


_NOTES = (
    "`result` may be `refused`, for every refusal. `about` is the id of a device, a rollout or anything else that an"
    " entry names. From `since` on, and before `until`."
)
_READ = (
    names.read_rollout_id, names.read_package_id, names.read_group_id, names.read_hook_id, names.read_user_id,
    names.read_import_id, names.read_upload_id, names.read_registration_id, names.read_event_id, names.read_account_id,
)  # fmt: skip

OPERATIONS: dict[str, Row] = {
    "list_audit": listed(
        "/audit", "admin", "Who changed what and who was refused, newest first.", _list, ENTRY,
        query=(*_FILTERS, sort("at", default="-at")),
        notes=_NOTES,
    ),
    "export_audit": flowing(
        "/audit/export", "admin", "All that the audit's list has, oldest first, in one file.",
        lambda v: c.ExportAudit(which=_list(v), form=v["format"] or "csv"), ENTRY,
        query=(Param("format", check=OneOf(tuple(FORMS))), *_FILTERS),
        notes=f"{_NOTES} In CSV, texts that a spreadsheet would take for a formula have an apostrophe before them.",
    ),
}  # fmt: skip
