"""What a person may do from a page: operations of `/v1` that change something, asked by a form.

Holds: a form has the members of the operation's body by their names, and is read by the table that a script's body is
read by, so that the same is refused with the same words. What is in no row here no form does.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from upwell.console import grouping, making
from upwell.console.fields import Fields, nested
from upwell.console.headers import CSRF_FIELD
from upwell.dialects.rest import Route
from upwell.dialects.upwell import management
from upwell.dialects.upwell.codes import WrongMethod
from upwell.dialects.upwell.rows import Row
from upwell.domain.commands import Command
from upwell.domain.errors import Invalid, NotFound

FIELDS_MAX = 250  # the rollout's form with all its rows filled has less
BACK_FIELD, METHOD_FIELD = "back", "do"
EDITION_FIELD = "edition"  # of the thing as it was shown
SEEN_FIELD = "seen"  # the number of the last decision that was shown
_OWN = (CSRF_FIELD, BACK_FIELD, METHOD_FIELD, EDITION_FIELD, SEEN_FIELD)
_EXACT = ("password", "current_password", "new_password")  # every letter counts, a blank at an end too


@dataclass(frozen=True, slots=True)
class Act:
    """An operation that pages ask for; `word` is the key of what is told when it was done. One that only `reads` leaves
    nothing in the audit. The form of a `page` of its own is drawn with it where no script is; what is told is drawn by
    `told`, and where it `goes_to` a page of what was made, that comes. `body` is of a form whose fields are not the
    body's own; one that holds a key is done `once`. A member of `emptied` counts also where its field is empty. What
    tells a `secret` is shown on the page until it is put away."""

    word: str
    method: str = "POST"
    reads: bool = False
    page: str = ""
    told: str = "told.html"
    goes_to: str = ""
    body: Callable[[Fields], dict[str, Any]] | None = None
    once: bool = False
    secret: bool = False
    emptied: tuple[str, ...] = ()


def _tag(fields: Fields) -> dict[str, Any]:
    return {"tags": {fields.get("key", "").strip(): fields.get("value", "").strip()}}


ACTS: dict[str, Act] = {
    "create_product": Act("product_made"),
    "update_device": Act("device_changed", "PATCH"),
    "release_device": Act("released"),
    "set_device_tags": Act("tagged", body=_tag),
    "delete_device_tag": Act("untagged", "DELETE"),
    "cancel_import": Act("import_canceled"),
    "preview_group": Act("previewed", reads=True, told="group_told.html", body=grouping.preview_body),
    "create_group": Act("group_made", goes_to="/groups/{id}", body=grouping.body),
    "update_group": Act("group_changed", "PATCH", emptied=("description",)),
    "delete_group": Act("group_deleted", "DELETE", goes_to="/groups"),
    "update_package": Act("package_changed", "PATCH", emptied=("description", "note")),
    "delete_package": Act("package_deleted", "DELETE", goes_to="/packages?view=all"),
    "create_plan": Act("planned", reads=True, page="rollout_new", told="plan_told.html", body=making.plan_body),
    "create_rollout": Act("rollout_made", page="rollout_new", goes_to="/rollouts/{id}", body=making.body, once=True),
    "update_rollout": Act("rollout_changed", "PATCH"),
    "pause_rollout": Act("paused"),
    "resume_rollout": Act("resumed"),
    "approve_rollout": Act("approved"),
    "refuse_rollout": Act("refused"),
    "promote_rollout": Act("promoted"),
    "cancel_rollout": Act("canceled"),
    "plan_rollback": Act("rollback_planned"),
    "start_rollback": Act("rollback_started"),
    "end_rollout": Act("ended"),
    "retry_tasks": Act("retried"),
    "create_hook": Act("hook_made", secret=True),
    "update_hook": Act("hook_changed", "PATCH"),
    "delete_hook": Act("hook_deleted", "DELETE", goes_to="/hooks"),
    "ping_hook": Act("pinged"),
    "rotate_hook_secret": Act("secret_rotated", secret=True),
    "redeliver_events": Act("sent_again"),
    "create_key": Act("key_made", secret=True),
    "revoke_key": Act("key_revoked", "DELETE"),
    "create_own_key": Act("key_made", secret=True),
    "revoke_own_key": Act("key_revoked", "DELETE"),
    "create_user": Act("user_made"),
    "update_user": Act("user_changed", "PATCH"),
    "delete_user": Act("user_deleted", "DELETE", goes_to="/people"),
    "close_session": Act("session_ended", "DELETE"),
    "close_own_session": Act("session_ended", "DELETE"),
    "change_password": Act("password_changed", "PUT"),
    "end_session": Act("signed_out", "DELETE"),
    "end_sessions": Act("signed_out", "DELETE"),
}
ENDS_SESSION = ("end_session", "end_sessions")


def act_at(path: str, asked: str = "") -> Route[Row]:
    """The operation that a form on this path of `/v1` asks for, by the method where several are there. Raises
    NotFound."""
    for method in dict.fromkeys(each.method for each in ACTS.values() if asked in ("", each.method)):
        try:
            found = management.route(method, management.ROOT + path)
        except (NotFound, WrongMethod):
            continue
        if found.name in ACTS:
            return found
    raise NotFound("action", path[:128])


def fields_of(body: bytes) -> dict[str, str]:
    """A form's fields; of those of one name all, a line each. Raises Invalid."""
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError as exc:
        raise Invalid("form", f"at most {FIELDS_MAX} fields in UTF-8") from exc
    found: dict[str, str] = {}
    for name, value in pairs:
        found[name] = f"{found[name]}\n{value}" if name in found else value
    return found


def command(found: Route[Row], fields: Fields) -> Command:
    """What the form asks for. Raises Invalid, Missing, NotFound."""
    return management.command(
        found, "", json.dumps(body_of(found, fields)).encode() if found.operation.params else b"", {}
    )


def body_of(found: Route[Row], fields: Fields) -> dict[str, Any]:
    """The body that the form is. Raises Invalid."""
    act = ACTS[found.name]
    if act.body is not None:
        return act.body(fields)
    said = {name: value if name in _EXACT else value.replace("\r\n", "\n").strip()
            for name, value in fields.items() if name not in _OWN}  # fmt: skip
    given = {name: value for name, value in said.items() if value.strip() or name in act.emptied}
    return nested(found.operation.params, given)
