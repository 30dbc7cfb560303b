"""What Huawei calls each refusal of the core (huawei 7): HTTP status, code and message, and the codes inside answers.

Every code of the dialect stands in this one table. Those from 0148xx on are our own, for what no source names; a number
keeps its meaning for ever. A missing object is 404, bad input 400, a refused operation 403; 409 and 429 are never used,
because the real service has no 409 and the SDK loses the body of a 429.
"""

from dataclasses import dataclass
from typing import Final

from upwell.dialects.huawei.names import Unread, public
from upwell.dialects.huawei.signing import SigningError
from upwell.dialects.json_members import TIME
from upwell.domain.errors import Busy, CallerError, Conflict, Denied, Invalid, Missing, NotFound, TooMany, UnknownKey

STATUSES: Final = frozenset({400, 401, 403, 404, 500})  # huawei 1.9: what operations answer when they refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error as Huawei says it."""

    status: int
    code: str
    message: str


# code -> HTTP status, message
TABLE: dict[str, tuple[int, str]] = {
    "APIGW.0101": (404, "The API does not exist or has not been published in the environment."),
    "IOTDA.000001": (500, "Internal server error."),
    "IOTDA.000002": (401, "Authentication failed."),
    "IOTDA.000004": (403, "Invalid access token."),
    "IOTDA.000006": (400, "Invalid input data."),
    "IOTDA.000008": (400, "Invalid input. Bad request."),
    "IOTDA.000009": (400, "Invalid input. Invalid time format."),
    "IOTDA.000010": (400, "Invalid input. The start time must be earlier than the end time."),
    "IOTDA.000017": (400, "Invalid input. The specified parameter 'limit' is out of range."),
    "IOTDA.000018": (400, "Invalid input. The specified parameter 'marker' is out of range."),
    "IOTDA.000022": (403, "The user does not have permission for this operation."),
    "IOTDA.001000": (403, "The application does not exist."),
    "IOTDA.001005": (403, "app_id is mandatory when there are several resource spaces."),
    "IOTDA.010002": (404, "The rule does not exist."),
    "IOTDA.014000": (404, "The device does not exist."),
    "IOTDA.014016": (403, "Operation not allowed. The device is not online."),
    "IOTDA.014031": (400, "The device already exists."),
    "IOTDA.014219": (403, "Operation not allowed. The target can't be stopped, retried or confirmed."),
    "IOTDA.014600": (404, "The batch task file does not exist."),
    "IOTDA.014602": (400, "The batch task file name already exists."),
    "IOTDA.014603": (400, "The batch task file is too large."),
    "IOTDA.021102": (403, "The request rate has reached the upper limit of the tenant."),
    # Ours, for what huawei 7 lists as not found in any source.
    "IOTDA.014801": (404, "The OTA package does not exist."),
    "IOTDA.014802": (404, "The OTA module does not exist."),
    "IOTDA.014803": (404, "The batch task does not exist."),
    "IOTDA.014804": (404, "The product does not exist."),
    "IOTDA.014805": (404, "The device group does not exist."),
    "IOTDA.014806": (404, "The tag does not exist."),
    "IOTDA.014807": (404, "The object does not exist in object storage."),
    "IOTDA.014808": (404, "The action of the rule does not exist."),
    "IOTDA.014811": (403, "Operation not allowed. The name or id is in use."),
    "IOTDA.014812": (403, "Operation not allowed in the present state."),
    "IOTDA.014813": (403, "Operation not allowed. It is in use, or not empty."),
    "IOTDA.014814": (403, "Operation not allowed. The upper limit of the quantity is reached."),
    # Ours, inside `error` of a subtask: huawei 3.8 knows the texts (6.4) and no numbers.
    "IOTDA.014850": (200, "Firmware update failed"),
    "IOTDA.014851": (200, "Device Abnormal is not online"),
    "IOTDA.014852": (200, "Task Conflict"),
    "IOTDA.014853": (200, "Waiting for the device online timeout"),
    "IOTDA.014854": (200, "Wait for the device to report upgrade result timeout"),
    "IOTDA.014855": (200, "Waiting for report device firmware version timeout"),
    "IOTDA.014856": (200, "Integrity check failure for new downloaded package"),
    "IOTDA.014857": (200, "Unsupported package type"),
    "IOTDA.014858": (200, "Not enough storage for the new firmware package"),
    "IOTDA.014859": (200, "Out of memory during downloading process"),
    "IOTDA.014860": (200, "Connection lost during downloading process"),
    "IOTDA.014861": (200, "The device is in use"),
    "IOTDA.014862": (200, "The battery of the device is low"),
    "IOTDA.014863": (200, "The device reports that its version is the newest"),
    "IOTDA.014864": (200, "The device reports an internal error"),
    "IOTDA.014865": (200, "The version of the device is not supported by the package"),
    "IOTDA.014866": (200, "The device does not exist"),
    "IOTDA.014867": (200, "The object of the upgrade package does not exist"),
    "IOTDA.014868": (200, "Integrity check failure for the object of the upgrade package"),
}

NOT_FOUND = {
    "action": "APIGW.0101",
    "space": "IOTDA.001000",
    "device": "IOTDA.014000",
    "target file": "IOTDA.014600",
    "package": "IOTDA.014801",
    "module": "IOTDA.014802",
    "job": "IOTDA.014803",
    "product": "IOTDA.014804",
    "group": "IOTDA.014805",
    "tag": "IOTDA.014806",
    "file": "IOTDA.014807",
    "hook": "IOTDA.010002",
    "action of a hook": "IOTDA.014808",
}

CONFLICTS = {
    "package_object_lost": "IOTDA.014812",
    "device_name_taken": "IOTDA.014031",
    "public_id_taken": "IOTDA.014031",
    "target_file_name_taken": "IOTDA.014602",
    "space_ambiguous": "IOTDA.001005",
    "task_not_in_state": "IOTDA.014219",
    "device_offline": "IOTDA.014016",
}
_CONFLICT_KINDS = (  # how a reason ends or begins -> code, for those that the table above lacks
    ("_taken", "IOTDA.014811"),
    ("_has_devices", "IOTDA.014813"),
    ("_has_sub_groups", "IOTDA.014813"),
    ("_not_empty", "IOTDA.014813"),
    ("_in_use", "IOTDA.014813"),
    ("_running_job", "IOTDA.014813"),
)

_WORDS = {"hook": "rule", "action of a hook": "action of a rule", "hooks": "rules", "target file": "batch file",
          "target files": "batch files"}  # fmt: skip
"""The core's words for what it counts or looks for, where Huawei has another."""

# The core's own words for members of a request, where they differ -> the member.
_MEMBERS = {
    "bucket": "file_location.obs_location.bucket_name",
    "object_key": "file_location.obs_location.object_key",
    "url": "channel_detail.http_forwarding.url",
    "space": "app_id",
}
_INVALID = {"limit": "IOTDA.000017", "marker": "IOTDA.000018", "body": "IOTDA.000008", "file_size": "IOTDA.014603"}

# Why a task failed -> the code in its `error` (huawei 6.4). The words are those of flow.RESULT_CODES and of the core.
FAILURES = {
    "upgrade_failed": "IOTDA.014850",
    "device_offline": "IOTDA.014851",
    "device_busy": "IOTDA.014852",
    "online_timeout": "IOTDA.014853",
    "timeout": "IOTDA.014854",
    "version_timeout": "IOTDA.014855",
    "verification_failed": "IOTDA.014856",
    "package_type_unknown": "IOTDA.014857",
    "no_space": "IOTDA.014858",
    "no_memory": "IOTDA.014859",
    "download_failed": "IOTDA.014860",
    "in_use": "IOTDA.014861",
    "low_battery": "IOTDA.014862",
    "not_needed": "IOTDA.014863",
    "device_internal": "IOTDA.014864",
    "version_not_supported": "IOTDA.014865",
    "device_unknown": "IOTDA.014866",
    "object_missing": "IOTDA.014867",
    "sign_mismatch": "IOTDA.014868",
    "object_changed": "IOTDA.014868",
    "object_too_large": "IOTDA.014868",
    "object_empty": "IOTDA.014868",
}


def refusal(error: Exception, statuses: frozenset[int] | None = None) -> Refusal:
    """How Huawei says this error to an operation that answers these statuses, or all: one without 404 says 400 instead.
    What is no CallerError is our own fault and shows nothing of itself, but that there is too much to do (503)."""
    if isinstance(error, Busy):
        return Refusal(status=503, code="IOTDA.000001", message=error.problem)
    code, detail = _worded(error)
    status, text = TABLE[code]
    message = f"{text} {detail}" if detail else text
    return Refusal(status=status if status in (statuses or STATUSES) else 400, code=code, message=message)


def target_failure(reason: str) -> dict[str, str]:
    """The code and text of a target that a stop, retry or confirm did not reach (huawei 3.9)."""
    code = "IOTDA.014000" if reason == "device_unknown" else "IOTDA.014219"
    return {"error_code": code, "error_msg": TABLE[code][1]}


def task_failure(reason: str, output: str, result_code: int | None = None) -> dict[str, str]:
    """The `error` of a failed subtask: the text of huawei 6.4, the device's own number, and what it said of it."""
    code = FAILURES.get(reason, "IOTDA.014850")
    text = TABLE[code][1] if result_code is None else f"{TABLE[code][1]} (result_code {result_code})"
    return {"error_code": code, "error_msg": f"{text}: {output}" if output else text}


def _worded(error: Exception) -> tuple[str, str]:
    match error:
        case SigningError():
            return ("IOTDA.000004" if error.fault == "token" else "IOTDA.000002"), str(error)
        case UnknownKey():
            return "IOTDA.000002", str(error)
        case Invalid():
            return _invalid(error), _MEMBERS.get(error.field, error.field) + str(error)[len(error.field) :]
        case Missing():
            return "IOTDA.000006", str(error)
        case NotFound(kind="action"):
            return "APIGW.0101", ""
        case NotFound():
            given = error.name if isinstance(error, Unread) else public(error.kind, error.name)
            return NOT_FOUND.get(error.kind, "IOTDA.000006"), _in_its_words(NotFound(error.kind, given), error.kind)
        case Conflict():
            return _conflict(error.reason), str(error)
        case TooMany():
            return ("IOTDA.021102" if error.what == "requests" else "IOTDA.014814"), _in_its_words(error, error.what)
        case Denied():
            return "IOTDA.000022", str(error)
        case CallerError():
            return "IOTDA.000006", str(error)
    return "IOTDA.000001", ""


def _in_its_words(error: CallerError, word: str) -> str:
    return str(error).replace(word, _WORDS.get(word, word), 1)


def _invalid(error: Invalid) -> str:
    if error.check == TIME:
        return "IOTDA.000009"
    if error.field == "start_time":
        return "IOTDA.000010"
    return _INVALID.get(error.field, "IOTDA.000006")


def _conflict(reason: str) -> str:
    ours = (code for ending, code in _CONFLICT_KINDS if reason.endswith(ending))
    return CONFLICTS.get(reason) or next(ours, "IOTDA.014812")
