"""What a person may do from a page: operations of `/v1` that change something, asked by a form.

Holds: a form has the members of the operation's body by their names, and is read by the table that a script's body is
read by, so that the same is refused with the same words. What is in no row here no form does.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from upwell.console.headers import CSRF_FIELD
from upwell.dialects.operations import Param
from upwell.dialects.rest import Route
from upwell.dialects.upwell import management
from upwell.dialects.upwell.codes import WrongMethod
from upwell.dialects.upwell.rows import Row
from upwell.domain.commands import Command
from upwell.domain.errors import Invalid, NotFound

FIELDS_MAX = 200
BACK_FIELD, METHOD_FIELD = "back", "do"
_OWN = (CSRF_FIELD, BACK_FIELD, METHOD_FIELD)
_EXACT = ("password", "current_password", "new_password")  # every letter counts, a blank at an end too
_YES = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Act:
    """An operation that pages ask for; `word` is the key of what is told when it was done. What it tells is shown
    `once`, where it has a secret; after one that `leaves` the page that asked is gone."""

    word: str
    method: str = "POST"
    once: bool = False
    leaves: bool = False


ACTS: dict[str, Act] = {
    "create_product": Act("product_made"),
    "update_device": Act("device_changed", "PATCH"),
    "release_device": Act("released"),
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
    "create_hook": Act("hook_made", once=True),
    "update_hook": Act("hook_changed", "PATCH"),
    "delete_hook": Act("hook_deleted", "DELETE", leaves=True),
    "ping_hook": Act("pinged"),
    "rotate_hook_secret": Act("secret_rotated", once=True),
    "redeliver_events": Act("sent_again"),
    "create_key": Act("key_made", once=True),
    "revoke_key": Act("key_revoked", "DELETE"),
    "create_own_key": Act("key_made", once=True),
    "revoke_own_key": Act("key_revoked", "DELETE"),
    "create_user": Act("user_made"),
    "update_user": Act("user_changed", "PATCH"),
    "delete_user": Act("user_deleted", "DELETE", leaves=True),
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


def command(found: Route[Row], fields: Mapping[str, str]) -> Command:
    """What the form asks for. Raises Invalid, Missing, NotFound."""
    known = {param.name: param for param in found.operation.params}
    given = {name: value for name, value in fields.items() if name not in _OWN and value.strip()}
    body = {name: value if name in _EXACT else _value(known.get(name), value.strip()) for name, value in given.items()}
    return management.command(found, "", json.dumps(body).encode() if known else b"", {})


def _value(param: Param | None, text: str) -> Any:
    """A field as the member that it is; what it can't be is refused where the body is read."""
    kind = "text" if param is None else param.kind
    if kind == "int" and text.removeprefix("-").isascii() and text.removeprefix("-").isdecimal():
        return int(text)
    if kind == "bool":
        return _YES.get(text, text)
    return text.split("\n") if kind == "list" else text
