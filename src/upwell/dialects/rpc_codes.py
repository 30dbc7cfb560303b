"""What the RPC vendors call each refusal of the core (alibaba 4, which tuya 1.5 falls back on): code, HTTP status,
message and envelope.

Form goes to the gateway's envelope with its HTTP status, facts and rules to the business envelope with HTTP 200 (1.6).
iot.ota.* codes beyond FirmwareNotFound are coined, as 4.2 suggests; a name keeps its meaning for ever. A core error
names core fields; the caller reads wire names. Ids of the core are never shown.
"""

from dataclasses import dataclass
from typing import Literal

from upwell.dialects.rpc_params import FORMS, UNIQUE
from upwell.dialects.rpc_signing import SigningError
from upwell.domain.errors import CallerError, Conflict, Denied, Invalid, Missing, NotFound, TooMany, Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error as a vendor says it. `envelope` chooses its form, where the vendor has two."""

    code: str
    status: int
    message: str
    envelope: Literal["gateway", "business"]


_ACTION_UNKNOWN = "Specified api is not found, please check your url and method."
_DENIED = "User not authorized to operate on the specified resource, or this API doesn't support RAM."
_UNAVAILABLE = "The request has failed due to a temporary failure of the server."
_INTERNAL = "The request processing has failed due to some unknown error, exception or failure."

# kind -> (code, message; None: the core's own)
_NOT_FOUND: dict[str, tuple[str, str | None]] = {
    "product": ("iot.prod.NotExistedProduct", None),
    "device": ("iot.device.NotExistedDevice", None),
    "batch": ("iot.device.DeviceApplyIsNotFound", "The specified device registration does not exist."),
    "package": ("iot.ota.FirmwareNotFound", "The specified firmware does not exist."),
    "file": ("iot.ota.FirmwareFileNotFound", "FirmwareUrl names no uploaded file of this account."),
    "job": ("iot.ota.JobNotFound", "The specified job does not exist."),
    "task": ("iot.ota.TaskNotFound", "The specified task does not exist."),
    "module": ("iot.ota.ModuleNotFound", None),
    "group": ("iot.group.NotExistedGroup", None),
}

_CONFLICTS = {
    "product_name_taken": "iot.prod.AlreadyExistedProductName",
    "product_has_devices": "iot.prod.ProductHasDevices",
    "device_name_taken": "iot.device.AlreadyExistedDeviceName",
    "package_name_taken": "iot.ota.FirmwareNameExisted",
    "package_not_verified": "iot.ota.FirmwareNotVerified",
    "package_is_verifying": "iot.ota.FirmwareIsVerifying",
    "package_is_verified": "iot.ota.FirmwareHasVerified",
    "package_has_running_job": "iot.ota.FirmwareHasRunningJob",
    "package_of_other_product": "iot.ota.FirmwareProductMismatch",
    "source_version_not_the_deltas": "iot.ota.InvalidSrcVersion",
    "file_used": "iot.ota.FirmwareFileUsed",
    "ticket_used": "iot.ota.UploadTicketUsed",
    "task_not_waiting": "iot.ota.TaskStatusNotAllowed",
}

_TOO_MANY = {
    "packages": "iot.ota.FirmwareCountExceedMax",
    "modules": "iot.ota.ModuleCountExceedMax",
    "products": "iot.prod.ProductCountExceedMax",
    "devices": "iot.device.DeviceCountExceeded",
}

_WIRE_NAMES = {  # fields of the core's commands -> parameters
    "suffix": "FileSuffix",
    "count": "Count",
    "size": "FirmwareSize",
    "md5": "FirmwareSign",
    "url": "FirmwareUrl",
    "version": "DestVersion",
    "source_version": "SrcVersion",
    "module": "ModuleName",
    "product_key": "ProductKey",
    "device_names": "TargetDeviceName",
    "nickname": "Nickname",
    "gray_percent": "GrayPercent",
}

_MISMATCHES = {"size": "iot.ota.FirmwareSizeMismatch", "md5": "iot.ota.FirmwareSignMismatch"}

_INVALID = {  # parameter -> code; the others are iot.common.InvalidFormattedParameter
    "ProductKey": "iot.prod.InvalidFormattedProductkey",
    "ProductName": "iot.prod.InvalidFormattedProductName",
    "CategoryKey": "iot.prod.InvalidFormattedCatId",
    "NodeType": "iot.prod.InvalidNodeType",
    "AliyunCommodityCode": "iot.prod.InvalidAliyunCommodityCode",
    "Description": "iot.prod.LongProductDesc",
    "DeviceName": "iot.device.InvalidFormattedDeviceName",
    "IotId": "iot.device.InvalidIoTId",
    "ApplyId": "iot.device.InvalidFormattedApplyId",
    "Count": "iot.check.ParameterIsNotLessThanMax",
    "CurrentPage": "iot.common.InvalidPageParams",
    "PageSize": "iot.common.InvalidPageParams",
    "FirmwareName": "iot.ota.InvalidFirmwareName",
    "FirmwareSign": "iot.ota.InvalidFirmwareSign",
    "FirmwareSize": "iot.ota.InvalidFirmwareSize",
    "FirmwareUrl": "iot.ota.InvalidFirmwareUrl",
    "FirmwareDesc": "iot.ota.InvalidFirmwareDesc",
    "Type": "iot.ota.InvalidFirmwareType",
    "SignMethod": "iot.ota.InvalidSignMethod",
    "ModuleName": "iot.ota.InvalidModuleName",
    "Udi": "iot.ota.InvalidUdi",
    "MultiFiles": "iot.ota.InvalidMultiFiles",
    "FileSuffix": "iot.ota.InvalidFileSuffix",
    "DestVersion": "iot.ota.InvalidDestVersion",
    "SrcVersion": "iot.ota.InvalidSrcVersion",
    "TargetSelection": "iot.ota.InvalidTargetSelection",
    "TargetDeviceName": "iot.ota.InvalidTargetDeviceName",
    "DnListFileUrl": "iot.ota.InvalidDnListFileUrl",
    "GrayPercent": "iot.ota.InvalidGrayPercent",
    "GroupId": "iot.ota.InvalidGroupId",
    "GroupType": "iot.ota.InvalidGroupType",
    "RetryInterval": "iot.ota.InvalidRetryInterval",
    "RetryCount": "iot.ota.InvalidRetryCount",
    "TimeoutInMinutes": "iot.ota.InvalidTimeoutInMinutes",
    "MaximumPerMinute": "iot.ota.InvalidMaximumPerMinute",
    "OverwriteMode": "iot.ota.InvalidOverwriteMode",
    "MultiModuleMode": "iot.ota.InvalidMultiModuleMode",
    "DownloadProtocol": "iot.ota.InvalidDownloadProtocol",
    "ScheduleTime": "iot.ota.InvalidScheduleTime",
    "ScheduleFinishTime": "iot.ota.InvalidScheduleTime",
    "Tag": "iot.ota.InvalidTag",
    "TaskStatus": "iot.ota.InvalidTaskStatus",
    "TaskStatusList": "iot.ota.InvalidTaskStatus",
    "CancelQueuedTask": "iot.ota.InvalidCancelScope",
}

_REPEATED = {
    "SrcVersion": "iot.ota.SrcVersionsRepeated",
    "TargetDeviceName": "iot.ota.DeviceNamesRepeated",
    "DeviceName": "iot.ota.DeviceNamesRepeated",
}
_TOO_LONG_A_LIST = {
    "SrcVersion": "iot.ota.SrcVersionsExceedMax",
    "TargetDeviceName": "iot.ota.DeviceNamesExceedMax",
    "DeviceName": "iot.ota.DeviceNamesExceedMax",
    "DeviceNames": "iot.ota.DeviceNamesExceedMax",
    "IotId": "iot.check.ParameterIsNotLessThanMax",
    "TaskId": "iot.check.ParameterIsNotLessThanMax",
}


def refusal(error: Exception) -> Refusal:
    """How this error is said. What is no CallerError is our own fault and shows nothing of itself."""
    match error:
        case SigningError():
            return _gateway(error.code, error.status, error.message)
        case Missing():
            return _gateway(f"Missing{error.field}", 400, str(error))
        case Invalid():
            return _invalid(error)
        case NotFound():
            return _not_found(error)
        case Conflict():
            return _business(_CONFLICTS.get(error.reason) or _coined(error.reason), str(error))
        case TooMany():
            return _business(_TOO_MANY.get(error.what, "iot.check.ParameterIsNotLessThanMax"), str(error))
        case Denied():
            return _gateway("NoPermission", 403, _DENIED)
        case CallerError():
            return _business("iot.system.IllegalRequest", str(error))
        case Unavailable():
            return _gateway("ServiceUnavailable", 503, _UNAVAILABLE)
    return _gateway("InternalError", 500, _INTERNAL)


def _invalid(error: Invalid) -> Refusal:
    field = _WIRE_NAMES.get(error.field, error.field)
    rest = str(error).removeprefix(error.field)
    message = f'The specified value of "{field}" is not valid. {field}{rest}'
    name = field.partition(".")[0]
    if error.rule in FORMS:  # alibaba 1.6: unparseable input is the gateway's
        return _gateway(f"Invalid{name}", 400, message)
    if error.field in _MISMATCHES:
        return _business(_MISMATCHES[error.field], message)
    if error.rule == UNIQUE and name in _REPEATED:
        return _business(_REPEATED[name], message)
    if error.rule.endswith(" values") and name in _TOO_LONG_A_LIST:
        return _business(_TOO_LONG_A_LIST[name], message)
    return _business(_INVALID.get(name, "iot.common.InvalidFormattedParameter"), message)


def _not_found(error: NotFound) -> Refusal:
    if error.kind == "action":
        return _gateway("InvalidAction.NotFound", 404, _ACTION_UNKNOWN)
    code, message = _NOT_FOUND.get(error.kind, ("iot.common.InvalidFormattedParameter", None))
    return _business(code, message or str(error))


def _coined(reason: str) -> str:
    """A reason that the table lacks still has one stable code: job_ended -> iot.ota.JobEnded."""
    return "iot.ota." + "".join(word.capitalize() for word in reason.split("_"))


def _gateway(code: str, status: int, message: str) -> Refusal:
    return Refusal(code=code, status=status, message=message, envelope="gateway")


def _business(code: str, message: str) -> Refusal:
    return Refusal(code=code, status=200, message=message, envelope="business")
