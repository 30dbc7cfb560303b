"""What a bad value of each parameter is called (alibaba 4.2), and which parameter a field of the core is.

Codes beyond the documented ones are coined as 4.2 suggests; a name keeps its meaning for ever, and parameters share
one only where they say the same thing.
"""

from upwell.dialects.alibaba import tag_ops
from upwell.dialects.rpc_codes import GENERAL, OVER_MAXIMUM

# Fields of the core's commands -> parameters.
_WIRE_NAMES = {
    "apply_id": "ApplyId",
    "count": "Count",
    "device_list_url": "DnListFileUrl",
    "device_names": "TargetDeviceName",
    "files": "MultiFiles",
    "finish_at": "ScheduleFinishTime",
    "gray_percent": "GrayPercent",
    "group_id": "GroupId",
    "kind": "UpgradeType",
    "maximum_per_min": "MaximumPerMinute",
    "md5": "FirmwareSign",
    "mode": "DynamicMode",
    "module": "ModuleName",
    "multi_module": "MultiModuleMode",
    "names": "DeviceName",
    "nickname": "Nickname",
    "changes": "DeviceNicknameInfo",
    "overwrite": "OverwriteMode",
    "product_key": "ProductKey",
    "protocol": "DownloadProtocol",
    "retry_count": "RetryCount",
    "retry_interval_min": "RetryInterval",
    "condition": "DynamicGroupExpression",
    "scheduled_at": "ScheduleTime",
    "selection": "TargetSelection",
    "sha256": "FirmwareSign",
    "size": "FirmwareSize",
    "source_version": "SrcVersion",
    "source_versions": "SrcVersion",
    "suffix": "FileSuffix",
    "super_group_id": "SuperGroupId",
    "tags": "Tag",
    "timeout_min": "TimeoutInMinutes",
    "note": "Udi",
    "url": "FirmwareUrl",
    "version": "DestVersion",
}
# The same field under another name in one operation.
_WIRE_NAMES_OF: dict[str, dict[str, str]] = {
    "CreateProduct": {"name": "ProductName", "description": "Description"},
    "UpdateProduct": {"name": "ProductName", "description": "Description"},
    "RegisterDevice": {"name": "DeviceName"},
    "SaveDeviceProp": {"tags": "Props"},
    "CreateDeviceGroup": {"name": "GroupName", "description": "GroupDesc"},
    "CreateDeviceDynamicGroup": {"name": "GroupName", "description": "GroupDesc"},
    "UpdateDeviceGroup": {"description": "GroupDesc"},
    "BatchAddDeviceGroupRelations": {"devices": "Device"},
    "BatchDeleteDeviceGroupRelations": {"devices": "Device"},
    "CreateOTAFirmware": {"name": "FirmwareName", "description": "FirmwareDesc"},
    "ModifyOTAFirmware": {"name": "FirmwareName", "description": "FirmwareDesc", "note": "FirmwareUdi"},
    "CreateOTAModule": {"name": "ModuleName", "alias": "AliasName", "description": "Desc"},
    "UpdateOTAModule": {"name": "ModuleName", "alias": "AliasName", "description": "Desc"},
    "UpdateOTAJob": {"source_versions": "SrcVersionList", "tags": "Tags"},
    "ListOTATaskByJob": {"device_names": "DeviceNames"},
    "CancelOTATaskByDevice": {"device_names": "DeviceName"},
}

INVALID = {  # parameter -> code; the others are GENERAL
    "ProductKey": "iot.prod.InvalidFormattedProductkey",
    "ProductName": "iot.prod.InvalidFormattedProductName",
    "CategoryKey": "iot.prod.InvalidFormattedCatId",
    "NodeType": "iot.prod.InvalidNodeType",
    "AliyunCommodityCode": "iot.prod.InvalidAliyunCommodityCode",
    "Description": "iot.prod.LongProductDesc",
    "DeviceName": "iot.device.InvalidFormattedDeviceName",
    "DeviceNameList": "iot.device.InvalidDeviceNameList",
    "DeviceNicknameInfo": "iot.device.InvalidDeviceNicknameInfo",
    "Nickname": "iot.device.InvalidNickname",
    "IotId": "iot.device.InvalidIoTId",
    "ApplyId": "iot.device.InvalidFormattedApplyId",
    "Status": "iot.device.InvalidStatus",
    "Props": "iot.device.InvalidFormattedDevicePropertiesString",
    "PropKey": "iot.device.InvalidFormattedDevicePropertyKey",
    "Count": OVER_MAXIMUM,
    "CurrentPage": "iot.common.InvalidPageParams",
    "PageSize": "iot.common.InvalidPageParams",
    "NextToken": "iot.common.InvalidPageParams",
    "GroupId": "iot.group.InvalidGroupId",
    "GroupType": "iot.group.InvalidGroupType",
    "GroupTypes": "iot.group.InvalidGroupType",
    "GroupName": "iot.group.InvalidGroupName",
    "GroupDesc": "iot.group.InvalidGroupDesc",
    "SuperGroupId": "iot.group.InvalidSuperGroupId",
    "DynamicGroupExpression": "iot.group.InvalidDynamicGroupExpression",
    "Device": "iot.group.InvalidDevice",
    "FirmwareName": "iot.ota.InvalidFirmwareName",
    "FirmwareSign": "iot.ota.InvalidFirmwareSign",
    "FirmwareSize": "iot.ota.InvalidFirmwareSize",
    "FirmwareUrl": "iot.ota.InvalidFirmwareUrl",
    "FirmwareDesc": "iot.ota.InvalidFirmwareDesc",
    "FirmwareUdi": "iot.ota.InvalidFirmwareUdi",
    "Type": "iot.ota.InvalidFirmwareType",
    "SignMethod": "iot.ota.InvalidSignMethod",
    "ModuleName": "iot.ota.InvalidModuleName",
    "AliasName": "iot.ota.InvalidAliasName",
    "Desc": "iot.ota.InvalidModuleDesc",
    "Udi": "iot.ota.InvalidUdi",
    "MultiFiles": "iot.ota.InvalidMultiFiles",
    "FileSuffix": "iot.ota.InvalidFileSuffix",
    "DestVersion": "iot.ota.InvalidDestVersion",
    "SrcVersion": "iot.ota.InvalidSrcVersion",
    "SrcVersionList": "iot.ota.InvalidSrcVersion",
    "UpgradeType": "iot.ota.InvalidUpgradeType",
    "TargetSelection": "iot.ota.InvalidTargetSelection",
    "TargetDeviceName": "iot.ota.InvalidTargetDeviceName",
    "DnListFileUrl": "iot.ota.InvalidDnListFileUrl",
    "GrayPercent": "iot.ota.InvalidGrayPercent",
    "RetryInterval": "iot.ota.InvalidRetryInterval",
    "RetryCount": "iot.ota.InvalidRetryCount",
    "TimeoutInMinutes": "iot.ota.InvalidTimeoutInMinutes",
    "MaximumPerMinute": "iot.ota.InvalidMaximumPerMinute",
    "OverwriteMode": "iot.ota.InvalidOverwriteMode",
    "DynamicMode": "iot.ota.InvalidDynamicMode",
    "MultiModuleMode": "iot.ota.InvalidMultiModuleMode",
    "DownloadProtocol": "iot.ota.InvalidDownloadProtocol",
    "ScheduleTime": "iot.ota.InvalidScheduleTime",
    "ScheduleFinishTime": "iot.ota.InvalidScheduleTime",
    "Tag": "iot.ota.InvalidTag",
    "Tags": "iot.ota.InvalidTag",
    "TaskId": "iot.ota.InvalidTaskId",
    "TaskStatus": "iot.ota.InvalidTaskStatus",
    "TaskStatusList": "iot.ota.InvalidTaskStatus",
    "CancelQueuedTask": "iot.ota.InvalidCancelScope",
}
INVALID_OF = {  # the same parameter about something else in one operation
    ("QueryDeviceByTags", "Tag"): "iot.device.InvalidTag",
}
REPEATED = {
    "SrcVersion": "iot.ota.SrcVersionsRepeated",
    "SrcVersionList": "iot.ota.SrcVersionsRepeated",
    "TargetDeviceName": "iot.ota.DeviceNamesRepeated",
    "DeviceName": "iot.ota.DeviceNamesRepeated",
}
TOO_MANY_VALUES = {
    "SrcVersion": "iot.ota.SrcVersionsExceedMax",
    "SrcVersionList": "iot.ota.SrcVersionsExceedMax",
    "TargetDeviceName": "iot.ota.DeviceNamesExceedMax",
    "DeviceName": "iot.ota.DeviceNamesExceedMax",
    "DeviceNames": "iot.ota.DeviceNamesExceedMax",
    "IotId": OVER_MAXIMUM,
    "TaskId": OVER_MAXIMUM,
    "TaskStatusList": OVER_MAXIMUM,
    "GroupTypes": OVER_MAXIMUM,
    "Device": OVER_MAXIMUM,
    "DeviceNameList": OVER_MAXIMUM,
    "DeviceNicknameInfo": OVER_MAXIMUM,
}
BY_CHECK = {  # checks whose failure has a documented code of its own
    tag_ops.SIZE: "iot.device.LongDevicePropertiesString",
    tag_ops.COUNT: "iot.device.TooManyDevicePropertiesPerTime",
    tag_ops.SOME: "iot.device.NoneDeviceProperties",
    tag_ops.KEY: "iot.device.InvalidFormattedDevicePropertyKey",
}


def wire_name(field: str, action: str) -> str:
    """The parameter of this action that a field of the core is; a parameter's own name stays."""
    return _WIRE_NAMES_OF.get(action, {}).get(field) or _WIRE_NAMES.get(field, field)


def repeated(name: str) -> str:
    """The code of a list with a value twice."""
    return REPEATED.get(name) or INVALID.get(name, GENERAL)


def too_many_values(name: str) -> str:
    """The code of a list that is too long."""
    return TOO_MANY_VALUES.get(name) or INVALID.get(name, GENERAL)


def invalid(name: str, check: str, action: str) -> str:
    """The code of a value that fails any other check."""
    return BY_CHECK.get(check) or INVALID_OF.get((action, name)) or INVALID.get(name, GENERAL)
