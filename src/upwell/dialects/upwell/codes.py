"""What we say of each refusal of the core: a problem as RFC 9457 has it, with a code, a sentence, and what to try.

Every problem that there is stands in TABLE; its code is the anchor of its place in the docs, and keeps its meaning for
ever. Members of a request are named as they are written, by their path; ids as they were given.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from upwell.dialects.sizes import bounded
from upwell.dialects.upwell import names
from upwell.dialects.upwell.reading import Unknown
from upwell.domain.errors import (
    Busy,
    CallerError,
    Conflict,
    Denied,
    Invalid,
    Missing,
    NotFound,
    Reused,
    Running,
    ServerError,
    Stale,
    Throttled,
    TooMany,
    UnknownKey,
)

DOCS: Final = "/v1/docs/problems"


class WrongMethod(CallerError):
    """The path is one of ours, and is not asked so."""

    def __init__(self, method: str, allowed: tuple[str, ...]) -> None:
        self.allowed = allowed
        super().__init__(f"{method[:16]} is not for this path, which takes {', '.join(allowed)}.")


class WrongPassword(CallerError):
    """The account, the name or the password is wrong, or the user may not sign in."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of refusal."""

    status: int
    title: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A refusal as it is sent."""

    status: int
    code: str
    members: Mapping[str, Any]
    headers: Mapping[str, str]


_LATER = {"Retry-After": "1"}
_SHOW = {"WWW-Authenticate": 'Bearer realm="upwell"'}
_OTHER_NAME = "Choose another name, or change the thing that has this one."

TABLE: Final[dict[str, Problem]] = {
    "invalid-value": Problem(400, "A value is not what it must be.", "Change what `errors` names, and ask again."),
    "missing-value": Problem(400, "A value is missing.", "Add what `errors` names, and ask again."),
    "unknown-name": Problem(
        400, "A name is unknown.", "Write it as this operation does; nothing is done with what is not understood."
    ),
    "not-authenticated": Problem(
        401, "No live key was shown.",
        "Send `Authorization: Bearer upw_…` with a key of `upwell key create --dialect upwell` that is neither revoked"
        " nor over, or the token of a session (POST /v1/sessions).",
    ),
    "sign-in-failed": Problem(401, "The account, the name or the password is wrong.", "Ask an admin of the account."),
    "too-many-tries": Problem(
        429, "Too many wrong passwords came from this address.", "Wait as long as `detail` says, then sign in again."
    ),
    "not-allowed": Problem(403, "The key's role does not allow this.", "Use a key of the role that `detail` names."),
    "no-such-operation": Problem(404, "There is no such path.", "Look it up in /v1/openapi.json."),
    "not-found": Problem(404, "It does not exist.", "Check the id; what another account has is not seen either."),
    "wrong-method": Problem(405, "The path is not asked so.", "Use a method that the header Allow names."),
    "idempotency-key-in-use": Problem(
        409, "The first request with this Idempotency-Key is still being done.", "Ask again as Retry-After says."
    ),
    "idempotency-key-reused": Problem(
        422, "The Idempotency-Key is another request's.",
        "Repeat a request as it was, by the key or session that asked it first; give another request another key.",
    ),
    "precondition-failed": Problem(
        412, "It was changed since you saw it.", "Show it again, and change what is there now, with its new ETag."
    ),
    "limit-reached": Problem(409, "A limit on how many is reached.", "Delete what is not needed any more."),
    "too-many-requests": Problem(429, "The key or user asks too often.", "Wait as long as Retry-After says."),
    "busy": Problem(503, "There is too much to do at the moment.", "Ask again in some seconds."),
    "unavailable": Problem(503, "A part that this needs does not answer.", "Ask again; if it stays so, see /readyz."),
    "internal": Problem(500, "Something went wrong here.", "Look for the request_id in the server's log."),
    "conflict": Problem(409, "The present state forbids it.", "Look at the thing's state first."),
    # By the reason of a conflict.
    "account-is-default": Problem(409, "The first account keeps its name.", "Make another account."),
    "account-name-taken": Problem(409, "There is an account of that name.", _OTHER_NAME),
    "last-admin": Problem(
        409, "Nobody else of the account is an admin who may sign in.", "Make another user an admin first."
    ),
    "no-session": Problem(409, "The request came by a key, which is no session.", "Sign in, or revoke the key."),
    "first-user-made": Problem(409, "There is a user already.", "Sign in, or ask an admin to make a user for you."),
    "user-name-taken": Problem(409, "The account has a user of that name.", _OTHER_NAME),
    "device-busy": Problem(409, "A device has an unfinished task.", "Wait for its end, or cancel it."),
    "device-name-taken": Problem(409, "The product has a device of that name.", _OTHER_NAME),
    "dynamic-job-is-running": Problem(
        409, "A dynamic rollout of the package runs already.", "End it first (POST /v1/rollouts/{rollout_id}/end)."
    ),
    "events-forgotten": Problem(
        410, "Events after that one are not here any more.", "Leave `after` out: the list begins with the oldest."
    ),
    "file-used": Problem(409, "The uploaded file is used already.", "Upload it again under a new ticket."),
    "gateway-has-devices": Problem(409, "Devices are behind this one.", "Delete those first."),
    "group-has-sub-groups": Problem(409, "Groups are under this one.", "Delete those first."),
    "group-is-dynamic": Problem(409, "A condition says who is in the group.", "Use a static group."),
    "group-kind-mismatch": Problem(
        409, "The group is of the other kind.", "A static rollout takes a static group, a dynamic one a dynamic group."
    ),
    "group-modes-differ": Problem(
        409, "A dynamic rollout of the group treats its devices otherwise.",
        "Give the same overwrite and multi_module as the running one has, or end that.",
    ),
    "group-name-taken": Problem(409, "There is a group of that name.", _OTHER_NAME),
    "job-awaits-approval": Problem(409, "The rollout waits for approval.", "Have somebody else approve it first."),
    "job-awaits-no-approval": Problem(409, "The rollout waits for no approval.", "Look at its `approval`."),
    "job-was-changed": Problem(409, "The rollout was changed meanwhile.", "Show it again, and name its `revision`."),
    "own-approval": Problem(409, "Whoever made or changed it does not decide.", "Ask another approver."),
    "job-has-no-waves": Problem(409, "The rollout has no waves.", "It is offered to all its devices already."),
    "job-is-paused": Problem(409, "The rollout is paused.", "Resume it first."),
    "last-wave-is-open": Problem(409, "The last wave is open.", "Nothing is left to open."),
    "wave-is-not-next": Problem(409, "Another wave is the next one.", "Waves open one after the other."),
    "waves-not-dealt": Problem(
        409, "Its devices are not dealt to waves yet.", "Ask again when its tasks are made; wave 1 opens by itself."
    ),
    "devices-differ": Problem(
        409, "Another number of devices would be brought back.",
        "Look at the rollback, and say the number that it tells.",
    ),
    "more-than-meant": Problem(
        409, "More devices would be touched than are meant.", "Count them again, and say that number."
    ),
    "job-is-running": Problem(
        409, "The rollout still brings devices to its package.",
        "Cancel or pause it first; a dynamic one is ended for you.",
    ),
    "nothing-to-roll-back": Problem(
        409, "No device can be brought back.", "The rollback's parts say why; make the packages that are missing."
    ),
    "rollback-is-started": Problem(
        409, "The rollout is rolled back already.", "Look at the rollouts that its rollback names; retry their tasks."
    ),
    "rollback-not-counted": Problem(409, "Its devices are still counted.", "Ask for the rollback until it is ready."),
    "too-many-versions": Problem(
        409, "Devices came from too many versions.", "Start a rollout of each earlier package, with source_versions."
    ),
    "tasks-forgotten": Problem(
        409, "Tasks of the rollout are no longer kept.", "Start a rollout of the earlier version's package."
    ),
    "downgrade": Problem(
        409, "Devices ran the version before and have left it.",
        "Look at the plan; if you mean it, say downgrade true."
    ),
    "stepping-circle": Problem(
        409, "The packages would lead in a circle.", "Name other versions in after: some that come before all of them."
    ),
    "too-many-at-work": Problem(
        409, "More devices are at work than can be counted one by one.", "Pause the rollout until some have ended."
    ),
    "job-ended": Problem(409, "The rollout has ended.", "Start another one."),
    "job-kind-mismatch": Problem(409, "The rollout is of another kind.", "Look at its kind first."),
    "job-not-dynamic": Problem(409, "The rollout is not dynamic.", "Cancel it instead."),
    "module-in-use": Problem(409, "Packages install the module.", "Delete those first."),
    "module-is-default": Problem(409, "The module default is the whole device.", "It stays as it is."),
    "module-is-standing": Problem(409, "Every product has that module.", "It needs no making."),
    "module-name-taken": Problem(409, "The product has a module of that name.", _OTHER_NAME),
    "package-has-running-job": Problem(409, "A rollout of the package runs.", "Cancel or end it first."),
    "package-is-deleted": Problem(409, "The package is deleted.", "Make another one."),
    "package-is-verified": Problem(409, "The package is verified already.", "Start a static or dynamic rollout."),
    "package-is-verifying": Problem(409, "The package is being verified.", "Wait for the end of that rollout."),
    "package-name-taken": Problem(409, "The account has a package of that name.", _OTHER_NAME),
    "package-not-verified": Problem(
        409, "The package is not verified.", "Start a rollout of the kind verify, or make it with verify false."
    ),
    "package-object-lost": Problem(409, "The package's file is gone, empty or another.", "Make another package."),
    "package-of-other-product": Problem(409, "The package is another product's.", "Name its own product."),
    "package-of-several-files-for-mqtt": Problem(
        409, "Several files can't be downloaded over MQTT.", "Leave download_protocol out."
    ),
    "package-too-large-for-mqtt": Problem(409, "The file is too large for MQTT.", "Leave download_protocol out."),
    "product-has-devices": Problem(409, "The product has devices.", "Delete those first."),
    "product-key-taken": Problem(409, "The product id is in use.", "Choose another one, or leave it out."),
    "product-name-taken": Problem(409, "The account has a product of that name.", _OTHER_NAME),
    "public-id-taken": Problem(409, "The device id is in use.", "Choose another one, or leave it out."),
    "source-version-not-the-deltas": Problem(
        409, "A differential package is for its own source version alone.", "Leave source_versions out."
    ),
    "redelivery-runs": Problem(409, "A range of events is being sent again.", "Wait until it is."),
    "space-has-running-job": Problem(409, "A rollout of the space's devices runs.", "Cancel or end it first."),
    "space-in-use": Problem(409, "A group of another space is under one of this.", "Delete that group first."),
    "space-is-default": Problem(409, "The default space stays.", "Delete what is in it instead."),
    "has-hours": Problem(409, "The group or tag has hours already.", "Change those, or delete them first."),
    "import-is-over": Problem(409, "The import is over.", "What it made stays; delete what is not wanted."),
    "upload-is-complete": Problem(409, "The upload is complete.", "Use it, or leave it: it goes within an hour."),
    "upload-lacks-parts": Problem(409, "Parts of the upload are not there.", "Send those, then complete it."),
    "upload-not-complete": Problem(409, "The upload is not complete.", "Complete it, and ask until its status is so."),
    "upload-not-open": Problem(409, "The upload takes no parts any more.", "Begin another one."),
    "task-not-repeatable": Problem(409, "A task has not ended so.", "Name tasks that are failed or canceled."),
    "task-not-waiting": Problem(409, "A task does not wait for confirmation.", "Name tasks in the state confirm."),
}  # fmt: skip

_OURS = {  # where the core's text names a vendor's members, or a rollout by another word
    "group_modes_differ", "source_version_not_the_deltas", "job_ended", "job_kind_mismatch", "job_not_dynamic",
    "job_awaits_approval", "job_awaits_no_approval", "job_was_changed", "own_approval", "job_has_no_waves",
    "job_is_paused", "last_wave_is_open", "wave_is_not_next", "waves_not_dealt",
    "job_is_running", "tasks_forgotten", "rollback_is_started", "rollback_not_counted", "nothing_to_roll_back",
}  # fmt: skip

# The core's words for members of a request and for things, where they differ -> ours.
_MEMBERS = {
    "product_key": "product_id", "space": "space_id", "url": "upload_url", "source_version": "delta_from",
    "bucket": "object.bucket", "object_key": "object.key", "device_list_url": "targets.list_url",
    "group_ids": "targets.group_id", "device_names": "targets.device_names",
}  # fmt: skip
_KINDS = {"job": "rollout", "batch": "registration", "receiver": "hook", "device_hours": "hours"}


def refusal(error: Exception, request_id: str) -> Refusal:
    """The problem that an error is. What is no CallerError is our own fault and shows nothing of itself, but that there
    is too much to do."""
    code = _code(error)
    problem = TABLE[code]
    detail = _detail(error, problem)
    errors = _errors(error)
    members = {
        "type": f"{DOCS}#{code}",
        "title": problem.title,
        "status": problem.status,
        "detail": bounded(detail),
        "try": problem.advice,
        **({"errors": errors} if errors else {}),
        "request_id": request_id,
    }
    return Refusal(status=problem.status, code=code, members=members, headers=_headers(error))


def in_words(error: CallerError) -> tuple[str, str, str]:
    """Which parameter is at fault, empty where none is, what is wrong, and what to do."""
    for told in _errors(error):
        return told["parameter"], f"It must be {told['check']}; {told['problem']}.", told["try"]
    problem = TABLE[_code(error)]
    return "", _detail(error, problem), problem.advice


def _code(error: Exception) -> str:
    match error:
        case Conflict():
            code = error.reason.replace("_", "-")
            return code if code in TABLE else "conflict"
        case TooMany():
            return "too-many-requests" if error.what == "requests" else "limit-reached"
        case NotFound():
            return "no-such-operation" if error.kind == "action" else "not-found"
        case ServerError():
            return "busy" if isinstance(error, Busy) else "unavailable"
    kinds = {Unknown: "unknown-name", Invalid: "invalid-value", Missing: "missing-value",
             UnknownKey: "not-authenticated", Denied: "not-allowed", WrongMethod: "wrong-method",
             Running: "idempotency-key-in-use", Reused: "idempotency-key-reused",
             Stale: "precondition-failed", Throttled: "too-many-tries", WrongPassword: "sign-in-failed"}  # fmt: skip
    of = next((code for kind, code in kinds.items() if isinstance(error, kind)), None)
    return of or ("conflict" if isinstance(error, CallerError) else "internal")


def _detail(error: Exception, problem: Problem) -> str:
    match error:
        case Conflict() if error.reason in _OURS:
            return problem.title
        case NotFound(kind="action"):
            return "There is no operation of this method and path."
        case NotFound():
            name = error.name if isinstance(error, names.Unread) else names.public(error.kind, error.name)
            return f"There is no {_KINDS.get(error.kind, error.kind)} {name}."
        case Invalid() | Missing() if not isinstance(error, Unknown):
            return _name(error.field) + str(error)[len(error.field) :]
        case CallerError() | Busy():
            return str(error)
    return problem.title


def _errors(error: Exception) -> list[dict[str, str]]:
    """Which parameter is meant, what it must satisfy, what is wrong with it, and what to do."""
    match error:
        case Unknown():
            meant = error.meant
            advice = f"Write {meant}." if meant else "Leave it out."
            return [_error(error.field, error.check, "it is unknown", advice)]  # as it was given
        case Invalid():
            said = str(error)[len(f"{error.field}: {error.check}") :].removeprefix("; ")
            return [_error(_name(error.field), error.check, said or "it is not so", f"It must be {error.check}.")]
        case Missing():
            return [_error(_name(error.field), "given", str(error)[len(error.field) :].strip(), "Add it.")]
    return []


def _error(field: str, check: str, problem: str, advice: str) -> dict[str, str]:
    said = {"parameter": field, "check": check, "problem": problem, "try": advice}
    return {name: bounded(text, 400) for name, text in said.items()}


def _name(field: str) -> str:
    return _MEMBERS.get(field, field)


def _headers(error: Exception) -> Mapping[str, str]:
    match error:
        case UnknownKey() | WrongPassword():
            return _SHOW
        case Throttled():
            return {"Retry-After": str(error.wait_s or 1)}
        case WrongMethod():
            return {"Allow": ", ".join(error.allowed)}
        case TooMany(what="requests") | ServerError() | Running():
            return _LATER
    return {}
