"""What the RPC vendors call each refusal of the core (alibaba 4, which tuya 1.5 falls back on): code, HTTP status,
message and envelope.

Form goes to the gateway's envelope with its HTTP status, facts and rules to the business envelope with HTTP 200 (1.6).
iot.ota.* codes beyond FirmwareNotFound are coined, as 4.2 suggests; a name keeps its meaning for ever. A core error
names core fields; the caller reads wire names. Ids of the core are never shown.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from upwell.dialects.flat import FORMS
from upwell.dialects.operations import UNIQUE
from upwell.dialects.rpc_signing import REFUSALS, SigningError
from upwell.domain.errors import (
    CallerError,
    Conflict,
    Denied,
    Invalid,
    Missing,
    NotFound,
    Replayed,
    Throttled,
    TooMany,
    Unavailable,
    UnknownKey,
)
from upwell.domain.quotas import OverRequests


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error as a vendor says it. `envelope` chooses its form, where the vendor has two."""

    code: str
    status: int
    message: str
    envelope: Literal["gateway", "business"]


class FieldCodes(Protocol):
    """What a vendor calls a bad value of each parameter, and which parameter a field of the core is."""

    def wire_name(self, field: str, action: str) -> str: ...

    def repeated(self, name: str) -> str: ...

    def too_many_values(self, name: str) -> str: ...

    def invalid(self, name: str, check: str, action: str) -> str: ...


GENERAL = "iot.common.InvalidFormattedParameter"
OVER_MAXIMUM = "iot.check.ParameterIsNotLessThanMax"

_ACTION_UNKNOWN = "Specified api is not found, please check your url and method."
_DENIED = "User not authorized to operate on the specified resource, or this API doesn't support RAM."
_THROTTLED = "Request was denied due to user flow control."
_UNAVAILABLE = "The request has failed due to a temporary failure of the server."
_INTERNAL = "The request processing has failed due to some unknown error, exception or failure."

# kind -> (code, message; None: the core's own)
NOT_FOUND: dict[str, tuple[str, str | None]] = {
    "product": ("iot.prod.NotExistedProduct", None),
    "device": ("iot.device.NotExistedDevice", None),
    "batch": ("iot.device.DeviceApplyIsNotFound", "The specified device registration does not exist."),
    "package": ("iot.ota.FirmwareNotFound", "The specified firmware does not exist."),
    "file": ("iot.ota.FirmwareFileNotFound", "FirmwareUrl names no uploaded file of this account."),
    "job": ("iot.ota.JobNotFound", "The specified job does not exist."),
    "task": ("iot.ota.TaskNotFound", "The specified task does not exist."),
    "module": ("iot.ota.ModuleNotFound", None),
    "group": ("iot.group.NotExistedGroup", "The specified group does not exist."),
}
_NO_LIST = ("iot.ota.DnListFileNotFound", "DnListFileUrl names no uploaded list of device names of this account.")
NOT_FOUND_OF = {("CreateOTAStaticUpgradeJob", "file"): _NO_LIST}  # where the kind means something else

CONFLICTS = {
    "product_name_taken": "iot.prod.AlreadyExistedProductName",
    "product_has_devices": "iot.prod.ProductHasDevices",
    "device_name_taken": "iot.device.AlreadyExistedDeviceName",
    "group_name_taken": "iot.group.AlreadyExistedGroupName",
    "group_kind_mismatch": "iot.group.GroupTypeMismatch",
    "group_is_dynamic": "iot.group.GroupIsDynamic",
    "group_has_sub_groups": "iot.group.GroupHasSubGroups",
    "package_name_taken": "iot.ota.FirmwareNameExisted",
    "package_not_verified": "iot.ota.FirmwareNotVerified",
    "package_is_verifying": "iot.ota.FirmwareIsVerifying",
    "package_is_verified": "iot.ota.FirmwareHasVerified",
    "package_is_deleted": "iot.ota.FirmwareIsDeleted",
    "package_object_lost": "iot.ota.FirmwareFileLost",
    "package_has_running_job": "iot.ota.FirmwareHasRunningJob",
    "package_of_other_product": "iot.ota.FirmwareProductMismatch",
    "package_too_large_for_mqtt": "iot.ota.FirmwareTooLargeForMqtt",
    "package_of_several_files_for_mqtt": "iot.ota.MultiFilesNotSupportedByMqtt",
    "source_version_not_the_deltas": "iot.ota.InvalidSrcVersion",
    "file_used": "iot.ota.FirmwareFileUsed",
    "ticket_used": "iot.ota.UploadTicketUsed",
    "module_name_taken": "iot.ota.ModuleExisted",
    "module_in_use": "iot.ota.ModuleInUse",
    "module_is_default": "iot.ota.ModuleIsDefault",
    "dynamic_job_is_running": "iot.ota.DynamicJobIsRunning",
    "job_not_dynamic": "iot.ota.JobNotDynamic",
    "job_kind_mismatch": "iot.ota.UpgradeTypeMismatch",
    "job_selection_mismatch": "iot.ota.TargetSelectionMismatch",
    "job_ended": "iot.ota.JobEnded",
    "group_modes_differ": "iot.ota.GroupJobModesDiffer",
    "task_not_waiting": "iot.ota.TaskStatusNotAllowed",
    "task_not_repeatable": "iot.ota.TaskStatusNotAllowed",
    "device_busy": "iot.ota.DeviceHasOpenTask",
}

TOO_MANY = {
    "packages": "iot.ota.FirmwareCountExceedMax",
    "modules": "iot.ota.ModuleCountExceedMax",
    "products": "iot.prod.ProductCountExceedMax",
    "devices": "iot.device.DeviceCountExceeded",
    "groups": "iot.group.GroupCountExceedMax",
    "tags": "iot.device.TooManyDevicePropertiesPerTime",
}

MISMATCHES = {
    "size": "iot.ota.FirmwareSizeMismatch",
    "md5": "iot.ota.FirmwareSignMismatch",
    "sha256": "iot.ota.FirmwareSignMismatch",
}


def refusal(error: Exception, action: str, fields: FieldCodes) -> Refusal:
    """How this error is said to a caller of `action`. What is no CallerError is our own fault and shows nothing of
    itself."""
    match error:
        case SigningError():
            return _gateway(error.code, error.status, error.message)
        case UnknownKey():
            return _signing("InvalidAccessKeyId.NotFound")
        case Replayed():
            return _signing("SignatureNonceUsed")
        case Missing():
            return _gateway(f"Missing{error.field}", 400, str(error))
        case Invalid():
            return _invalid(error, action, fields)
        case NotFound():
            return _not_found(error, action)
        case Conflict():
            return _business(CONFLICTS.get(error.reason) or _coined(error.reason), str(error))
        case OverRequests():
            return _gateway("Throttling.User", 429, error.problem)
        case Throttled() | TooMany(what="requests"):
            return _gateway("Throttling.User", 429, _THROTTLED)  # alibaba 4.1, 8: 429 suits the new SDK
        case TooMany():
            return _business(TOO_MANY.get(error.what, OVER_MAXIMUM), str(error))
        case Denied():
            return _gateway("NoPermission", 403, _DENIED)
        case CallerError():
            return _business("iot.system.IllegalRequest", str(error))
        case Unavailable():
            return _gateway("ServiceUnavailable", 503, _UNAVAILABLE)
    return _gateway("InternalError", 500, _INTERNAL)


def _invalid(error: Invalid, action: str, fields: FieldCodes) -> Refusal:
    field = fields.wire_name(error.field, action)
    rest = str(error).removeprefix(error.field)
    message = f'The specified value of "{field}" is not valid. {field}{rest}'
    name = field.partition(".")[0]
    if error.check in FORMS:  # alibaba 1.6: unparseable input is the gateway's
        return _gateway(f"Invalid{name}", 400, message)
    if error.field in MISMATCHES:
        return _business(MISMATCHES[error.field], message)
    if error.check == UNIQUE:
        return _business(fields.repeated(name), message)
    if error.check.endswith(" values") and field == name:
        return _business(fields.too_many_values(name), message)
    return _business(fields.invalid(name, error.check, action), message)


def _not_found(error: NotFound, action: str) -> Refusal:
    if error.kind == "action":
        return _gateway("InvalidAction.NotFound", 404, _ACTION_UNKNOWN)
    said = NOT_FOUND_OF.get((action, error.kind)) or NOT_FOUND.get(error.kind, (GENERAL, None))
    return _business(said[0], said[1] or str(error))


def _coined(reason: str) -> str:
    """A reason that the table lacks still has one stable code: job_ended -> iot.ota.JobEnded."""
    return "iot.ota." + "".join(word.capitalize() for word in reason.split("_"))


def _signing(code: str) -> Refusal:
    return _gateway(code, *REFUSALS[code])


def _gateway(code: str, status: int, message: str) -> Refusal:
    return Refusal(code=code, status=status, message=message, envelope="gateway")


def _business(code: str, message: str) -> Refusal:
    return Refusal(code=code, status=200, message=message, envelope="business")
