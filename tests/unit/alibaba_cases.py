"""What each parameter of Alibaba's management API may be, and by which codes it is refused, written by hand.

Values are given as pairs: those that are accepted and those that are refused.
"""

from tests.unit.alibaba_fleet_requests import HOUR, RULE, START

from upwell.dialects.flat import BOOLEAN, INTEGER, LONG
from upwell.dialects.operations import STORABLE

Values = tuple[list[str], list[str]]  # accepted, refused

ANY: Values = (["x", "a b*~/+&=%", "阀门", "x" * 1000], [])
DIGITS = ["-2147483648", "2147483647"]
ID: Values = ([], [])  # ids are NotFound when they are none of ours; tested apart
VERSION: Values = (["a", "V1.0-_b", "a" * 64], ["a" * 65, "a b", "a(b)", "2\n", "版"])
MD5: Values = (["aB" * 16], ["a" * 31, "a" * 33, "g" * 32])
SIZE: Values = (["1", "1048576000"], ["0", "-1", "1048576001", "9" * 18])
DESC: Values = (["字" * 100, "x"], ["a" * 101])
PAGE: Values = (["1", "2147483647"], ["0", "-1"])
TIMEOUT: Values = (["61", "1440"], ["0", "1441"])
TWO: Values = (["1", "2"], ["0", "3"])
PACE: Values = (["0", "1000"], ["-1", "1001"])
SELECTION: Values = (["GROUP"], ["all", "SOME"])
GROUP_TYPES: Values = (["LINK_PLATFORM", "LINK_PLATFORM_DYNAMIC"], ["link_platform", "X"])
TAG_KEY: Values = (["a.b", "A9" * 15], ["a" * 31, "a-b", "键"])
TAG_VALUE: Values = (["v", "值" * 1024], ["v" * 1025])
# A Chinese character counts as two, and a kana towards the least.
WIDE = ["水泵", "水泵x" * 6, "水" * 15, "a水b", "ポンプ", "カメ", "センサー" * 7]
NAME: Values = (["abcd", "a_b9", "水泵水泵", "a" * 30, *WIDE], ["abc", "a" * 31, "a-bc", "水", "水a", "水" * 16])
PRODUCT_NAME: Values = ([*NAME[0], "Pump-1(A)", "a@b_"], ["abc", "a" * 31, "a bc", "水", "水" * 16])
NICKNAME: Values = (["abcd", "a" * 64, "水泵", "水" * 64], ["abc", "a" * 65, "水", "水a"])
ALIAS: Values = (["a", "V1.0-_b", "a" * 64, "条码扫描仪2", "スキャナー", "々"], ["a" * 65, "a b", "a(b)", "2\n", "ä"])
DIGEST: Values = (["ab" * 16], ["a" * 31, "a" * 33, "g" * 32, "a" * 64])  # of a request whose SignMethod is MD5
YES: Values = (["true", "True", "false"], [])
NEVER: Values = ([], ["x"])

# By parameter, or by Action.Parameter where an operation differs.
CASES: dict[str, Values] = {
    "AliasName": ALIAS,
    "AliyunCommodityCode": (["iothub_senior", "iothub"], ["IOTHUB"]),
    "QueryProductList.AliyunCommodityCode": ANY,
    "AppKey": NEVER,
    "ApplyId": (["0", "9223372036854775807"], []),
    "AuthType": (["secret", "id2", "x509"], ["Secret"]),
    "CancelInProgressTask": YES,
    "CancelNotifiedTask": YES,
    "CancelQueuedTask": (["true", "True", "TRUE"], []),
    "CancelScheduledTask": YES,
    "CancelUnconfirmedTask": YES,
    "CategoryKey": (["a", "a" * 64], ["a" * 65]),
    "Count": (["1", "10000"], ["0", "10001"]),
    "CurrentPage": PAGE,
    "QueryDevice.CurrentPage": (["1", "201"], ["0"]),
    "ListOTATaskByJob.CurrentPage": (["1", "10000"], ["0", "100001"]),
    "DataFormat": (["0", "1"], ["2", "-1"]),
    "Desc": (["字" * 100, "x"], ["a" * 101]),
    "Description": DESC,
    "DestVersion": VERSION,
    "CreateOTAFirmware.DestVersion": (["a", "V1.0-_b", "a" * 64], ["a" * 65, "a b", "a(b)", "2\n"]),
    "DevEui": NEVER,
    "Device.DeviceName": ANY,
    "Device.ProductKey": ANY,
    "DeviceName": ANY,
    "RegisterDevice.DeviceName": (["abcd", "a-_@.:", "a" * 32], ["abc", "a" * 33, "ab/c", "水泵水泵"]),
    "DeviceNameList.DeviceName": ANY,
    "DeviceNameList.DeviceNickname": ANY,
    "DeviceNames": ANY,
    "DeviceNicknameInfo.DeviceName": ANY,
    "DeviceNicknameInfo.IotId": ANY,
    "DeviceNicknameInfo.Nickname": NICKNAME,
    "DeviceNicknameInfo.ProductKey": ANY,
    "DnListFileUrl": (["u" * 1024], ["u" * 1025]),
    "DownloadProtocol": (["HTTPS", "https", "MQTT", "mqtt", "Mqtt"], ["FTP", "MQTTS", "HTTP"]),
    "DynamicGroupExpression": ([RULE, 'status = "ONLINE"'], ["x", "select 1", 'a = "b"', " " * 2001, "()"]),
    "DynamicMode": TWO,
    "FileSuffix": (["bin", "dav", "apk", "tar", "gz", "tar.gz", "zip", "gzip", "tar.xz", "pack"], ["exe", "BIN", "xz"]),
    "FirmwareDesc": DESC,
    "FirmwareId": ID,
    "FirmwareName": (
        ["a", "a-_()Z9", "a" * 40, "固件(1)", "ひらカタ-_", "固" * 40, "〇々", "𠀀"],
        ["a" * 41, "a b", "a.b", "ä", "固" * 41],
    ),
    "FirmwareSign": DIGEST,
    "FirmwareSize": SIZE,
    "FirmwareUdi": (["u" * 4096, "{}"], ["u" * 4097]),
    "FirmwareUrl": (["u" * 1024], ["u" * 1025]),
    "GrayPercent": (
        ["0.001", "1", "33.33", "99.999", "100", "100.000"],
        ["0", "0.000", "0.0001", "100.001", "101", "-1", "1e1", ".5", "5.", "33.3333", "５０"],
    ),
    "GroupDesc": DESC,
    "GroupId": ID,
    "GroupName": NAME,
    "QueryDeviceGroupList.GroupName": (["a", "a" * 30, "-"], ["a" * 31]),
    "GroupType": GROUP_TYPES,
    "CreateOTAStaticUpgradeJob.GroupType": (["LINK_PLATFORM"], ["LINK_PLATFORM_DYNAMIC", "x"]),
    "CreateOTADynamicUpgradeJob.GroupType": (["LINK_PLATFORM_DYNAMIC"], ["LINK_PLATFORM", "x"]),
    "GroupTypes": GROUP_TYPES,
    "Id2": YES,
    "IotId": ANY,
    "JobId": ID,
    "JoinEui": NEVER,
    "JoinPermissionId": (["a" * 128], ["a" * 129]),
    "LoraNodeType": NEVER,
    "MaximumPerMinute": PACE,
    "ModuleName": VERSION,
    "MultiFiles.FileMd5": (["AB" * 16], MD5[1]),
    "MultiFiles.Name": (["a", "字" * 32], ["a" * 33]),
    "MultiFiles.SignValue": DIGEST,
    "MultiFiles.Size": SIZE,
    "MultiFiles.Url": (["u" * 1024], ["u" * 1025]),
    "MultiModuleMode": YES,
    "NeedConfirm": YES,
    "NeedPush": YES,
    "NeedToVerify": YES,
    "NetType": (["WIFI", "CELLULAR", "ETHERNET", "OTHER"], ["wifi", "LORA"]),
    "NextToken": ([], ["x", "0" * 32, "z" * 33, "é" * 33]),
    "Nickname": NICKNAME,
    "NodeType": (["0"], ["2", "-1"]),
    "OverwriteMode": (["1"], ["0", "3"]),
    "PageSize": (["1", "50"], ["0", "51"]),
    "ListOTAFirmware.PageSize": (["1", "100"], ["0", "101"]),
    "ListOTAJobByFirmware.PageSize": (["1", "200"], ["0", "201"]),
    "ListOTAJobByDevice.PageSize": (["1", "100"], ["0", "101"]),
    "ListOTATaskByJob.PageSize": (["1", "100"], ["0", "101"]),
    "ListOTAModuleVersionsByDevice.PageSize": (["1", "200"], ["0", "201"]),
    "QueryProductList.PageSize": (["1", "200"], ["0", "201"]),
    "QueryDeviceGroupList.PageSize": (["1", "200"], ["0", "201"]),
    "PinCode": NEVER,
    "ProductKey": ANY,
    "ProductName": PRODUCT_NAME,
    "PropKey": ANY,
    "Props": (
        ['{"a":1}', '{ "a.b-c_9" : "值" }', '{"a":-1.5e3,"b":false}', '{"键":"v"}'],
        ["x", "[]", "{}", "1", '"a"', "null", '{"a":null}', '{"a":{}}', '{"a":["b"]}', '{"a":"b","a":"c"}',
         '{"a":NaN}', '{"":"b"}', '{"a":""}', '{"a/":"b"}', "[" * 5000, '{"a":"' + "v" * 5120 + '"}',
         '{"a":"b"', '{"a":"b"}x'],
    ),
    "ProtocolType": (["modbus", "opc-ua", "customize", "ble", "zigbee"], ["BLE"]),
    "PublishAuto": YES,
    "ResourceGroupId": (["a" * 64], ["a" * 65]),
    "QueryProductList.ResourceGroupId": ANY,
    "QueryDeviceByStatus.ResourceGroupId": ANY,
    "RetryCount": (["1", "2", "5"], ["0", "3", "6"]),
    "RetryInterval": (["0", "10", "30", "60"], ["1", "61", "1441", "-1"]),
    "ScheduleFinishTime": (
        [str(START + HOUR), str(START + 720 * HOUR)],
        ["0", "-1", "999999999999", "10000000000000", str(START + HOUR - 1), str(START + 720 * HOUR + 1)],
    ),
    "ScheduleTime": ([str(START), str(START - 1)], ["0", "-1", "999999999999", "10000000000000"]),
    "SignMethod": (["MD5", "SHA256"], ["Md5", "SHA1"]),
    "SrcVersion": VERSION,
    "SrcVersionList": VERSION,
    "Status": (["0", "1", "3", "8"], ["2", "-1", "9"]),
    "SuperGroupId": ID,
    "Tag.Key": TAG_KEY,
    "Tag.TagKey": ANY,
    "Tag.TagValue": ANY,
    "Tag.Value": TAG_VALUE,
    "Tags.Key": TAG_KEY,
    "Tags.Value": TAG_VALUE,
    "TargetDeviceName": ANY,
    "TargetSelection": SELECTION,
    "UpdateOTAJob.TargetSelection": (["ALL", "SPECIFIC", "GRAY", "GROUP"], ["all", "SOME"]),
    "TaskId": ID,
    "TaskStatus": (["CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS"], ["queued", "FAILED"]),
    "ListOTATaskByJob.TaskStatus": (
        ["CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "CANCELED"],
        ["DONE", "queued"],
    ),
    "TaskStatusList": (["CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS"], ["queued", "FAILED"]),
    "TimeoutInMinutes": TIMEOUT,
    "Type": (["0", "1"], ["2", "-1"]),
    "Udi": (["u" * 4096], ["u" * 4097]),
    "UpgradeType": (["DYNAMIC"], ["static", "VERIFY"]),
    "ValidateType": (DIGITS, []),
}  # fmt: skip

MOST = {  # values in a list
    "BatchAddDeviceGroupRelations.Device": 200,
    "BatchCheckDeviceNames.DeviceName": 10_000,
    "BatchCheckDeviceNames.DeviceNameList": 10_000,
    "BatchDeleteDeviceGroupRelations.Device": 200,
    "BatchGetDeviceState.DeviceName": 50,
    "BatchGetDeviceState.IotId": 50,
    "BatchQueryDeviceDetail.DeviceName": 100,
    "BatchUpdateDeviceNickname.DeviceNicknameInfo": 100,
    "CancelOTATaskByDevice.DeviceName": 200,
    "ConfirmOTATask.TaskId": 200,
    "CreateOTADynamicUpgradeJob.SrcVersion": 10,
    "CreateOTADynamicUpgradeJob.Tag": 10,
    "CreateOTAFirmware.MultiFiles": 20,
    "CreateOTAStaticUpgradeJob.SrcVersion": 10,
    "CreateOTAStaticUpgradeJob.Tag": 10,
    "CreateOTAStaticUpgradeJob.TargetDeviceName": 200,
    "CreateOTAVerifyJob.Tag": 10,
    "CreateOTAVerifyJob.TargetDeviceName": 10,
    "ListOTATaskByJob.DeviceNames": 200,
    "ListOTAUnfinishedTaskByDevice.TaskStatusList": 200,
    "QueryDeviceByTags.Tag": 10,
    "QueryDeviceGroupList.GroupTypes": 200,
    "ReupgradeOTATask.TaskId": 10,
    "UpdateOTAJob.SrcVersionList": 10,
    "UpdateOTAJob.Tags": 10,
}
UNIQUES = {  # lists that refuse a value given twice
    "CancelOTATaskByDevice.DeviceName",
    "CreateOTADynamicUpgradeJob.SrcVersion",
    "CreateOTAStaticUpgradeJob.SrcVersion",
    "CreateOTAStaticUpgradeJob.TargetDeviceName",
    "CreateOTAVerifyJob.TargetDeviceName",
    "ReupgradeOTATask.TaskId",
    "UpdateOTAJob.SrcVersionList",
}
WRONG_TYPES = {
    "int": (INTEGER, ["x", "1.0", "１", "1 ", "0x1", "2147483648", "-2147483649", "9" * 30]),
    "long": (LONG, ["x", "1.0", "１", "1 ", "0x1", "9223372036854775808", "9" * 30]),
    "bool": (BOOLEAN, ["1", "yes", "truе", "none"]),
    "text": (STORABLE, ["a\0b", "a\ud800b", "\udfff"]),
    "list": (STORABLE, ["a\0b", "a\ud800b", "\udfff"]),
}
NO_SUCH = {  # ids, and what is not there when they name none of ours
    "FirmwareId": "iot.ota.FirmwareNotFound",
    "JobId": "iot.ota.JobNotFound",
    "TaskId": "iot.ota.TaskNotFound",
    "GroupId": "iot.group.NotExistedGroup",
    "SuperGroupId": "iot.group.NotExistedGroup",
}
# Codes that do not hold their parameter's name; every other one must.
SPOKEN_OTHERWISE = {
    "AliyunCommodityCode": {"iot.prod.InvalidAliyunCommodityCode"},
    "CategoryKey": {"iot.prod.InvalidFormattedCatId"},
    "Count": {"iot.check.ParameterIsNotLessThanMax"},
    "CurrentPage": {"iot.common.InvalidPageParams"},
    "PageSize": {"iot.common.InvalidPageParams"},
    "NextToken": {"iot.common.InvalidPageParams"},
    "Desc": {"iot.ota.InvalidModuleDesc"},
    "Description": {"iot.prod.LongProductDesc"},
    "DeviceName": {"iot.ota.DeviceNamesExceedMax", "iot.ota.DeviceNamesRepeated"},
    "DeviceNames": {"iot.ota.DeviceNamesExceedMax"},
    "GroupTypes": {"iot.group.InvalidGroupType"},
    "PropKey": {"iot.device.InvalidFormattedDevicePropertyKey"},
    "Props": {
        "iot.device.InvalidFormattedDevicePropertiesString",
        "iot.device.InvalidFormattedDevicePropertyKey",
        "iot.device.LongDevicePropertiesString",
        "iot.device.NoneDeviceProperties",
    },
    "ScheduleFinishTime": {"iot.ota.InvalidScheduleTime"},
    "SrcVersion": {"iot.ota.SrcVersionsExceedMax", "iot.ota.SrcVersionsRepeated"},
    "SrcVersionList": {"iot.ota.InvalidSrcVersion", "iot.ota.SrcVersionsExceedMax", "iot.ota.SrcVersionsRepeated"},
    "Tags": {"iot.ota.InvalidTag"},
    "TargetDeviceName": {"iot.ota.DeviceNamesExceedMax", "iot.ota.DeviceNamesRepeated"},
    "TaskStatusList": {"iot.ota.InvalidTaskStatus"},
}
GENERAL = "iot.common.InvalidFormattedParameter"
OVER_MAXIMUM = "iot.check.ParameterIsNotLessThanMax"
GENERAL_ONLY = {  # parameters so rare that the general code is enough
    "AppKey", "AuthType", "DataFormat", "DevEui", "JoinEui", "JoinPermissionId", "LoraNodeType", "NetType", "PinCode",
    "ProtocolType", "ResourceGroupId",
}  # fmt: skip
MAXIMUM_LISTS = {"Device", "DeviceNameList", "DeviceNicknameInfo", "GroupTypes", "IotId", "TaskId", "TaskStatusList"}

REQUIRED = {  # by operation; what a cross rule requires is not here
    "CreateProduct": "ProductName NodeType",
    "QueryProduct": "ProductKey",
    "QueryProductList": "CurrentPage PageSize",
    "UpdateProduct": "ProductKey ProductName",
    "DeleteProduct": "ProductKey",
    "RegisterDevice": "ProductKey",
    "BatchRegisterDevice": "ProductKey Count",
    "BatchCheckDeviceNames": "ProductKey",
    "BatchRegisterDeviceWithApplyId": "ApplyId ProductKey",
    "QueryBatchRegisterDeviceStatus": "ApplyId ProductKey",
    "QueryPageByApplyId": "ApplyId",
    "QueryDevice": "ProductKey",
    "QueryDeviceInfo": "",
    "QueryDeviceDetail": "",
    "BatchQueryDeviceDetail": "ProductKey DeviceName",
    "GetDeviceStatus": "",
    "BatchGetDeviceState": "",
    "QueryDeviceByStatus": "Status",
    "QueryDeviceStatistics": "",
    "DeleteDevice": "",
    "DisableThing": "",
    "EnableThing": "",
    "ResetThing": "",
    "BatchUpdateDeviceNickname": "DeviceNicknameInfo",
    "SaveDeviceProp": "Props",
    "QueryDeviceProp": "",
    "DeleteDeviceProp": "PropKey",
    "QueryDeviceByTags": "Tag",
    "CreateDeviceGroup": "GroupName",
    "CreateDeviceDynamicGroup": "GroupName DynamicGroupExpression",
    "UpdateDeviceGroup": "GroupId",
    "DeleteDeviceGroup": "GroupId",
    "DeleteDeviceDynamicGroup": "GroupId",
    "QueryDeviceGroupList": "",
    "QueryDeviceGroupInfo": "GroupId",
    "QuerySuperDeviceGroup": "GroupId",
    "QueryDeviceGroupByDevice": "ProductKey DeviceName",
    "QueryDeviceListByDeviceGroup": "GroupId",
    "BatchAddDeviceGroupRelations": "GroupId Device",
    "BatchDeleteDeviceGroupRelations": "GroupId Device",
    "GenerateOTAUploadURL": "",
    "GenerateDeviceNameListURL": "",
    "CreateOTAFirmware": "FirmwareName DestVersion",
    "ModifyOTAFirmware": "FirmwareId ProductKey",
    "QueryOTAFirmware": "FirmwareId",
    "ListOTAFirmware": "CurrentPage PageSize",
    "DeleteOTAFirmware": "FirmwareId",
    "CreateOTAModule": "ProductKey ModuleName",
    "UpdateOTAModule": "ProductKey ModuleName",
    "DeleteOTAModule": "ProductKey ModuleName",
    "ListOTAModuleByProduct": "ProductKey",
    "ListOTAModuleVersionsByDevice": "CurrentPage PageSize",
    "CreateOTAVerifyJob": "FirmwareId ProductKey TargetDeviceName",
    "CreateOTAStaticUpgradeJob": "FirmwareId ProductKey TargetSelection",
    "CreateOTADynamicUpgradeJob": "FirmwareId ProductKey",
    "UpdateOTAJob": "JobId UpgradeType TargetSelection MaximumPerMinute",
    "CancelOTAStrategyByJob": "JobId",
    "QueryOTAJob": "JobId",
    "ListOTAJobByFirmware": "FirmwareId CurrentPage PageSize",
    "ListOTAJobByDevice": "FirmwareId ProductKey DeviceName CurrentPage PageSize",
    "ListOTATaskByJob": "JobId",
    "ListOTAUnfinishedTaskByDevice": "",
    "CancelOTATaskByJob": "JobId",
    "CancelOTATaskByDevice": "FirmwareId ProductKey DeviceName",
    "ConfirmOTATask": "TaskId",
    "ReupgradeOTATask": "JobId TaskId",
}
