"""A product and its devices: registered one by one and in batches, found, counted, switched off, reset and deleted."""

from typing import Any

from acceptance.callers import Call
from acceptance.client import Server, unique, until
from acceptance.device import online

OPERATIONS = (
    "CreateProduct",
    "QueryProduct",
    "QueryProductList",
    "UpdateProduct",
    "DeleteProduct",
    "RegisterDevice",
    "BatchRegisterDevice",
    "BatchCheckDeviceNames",
    "BatchRegisterDeviceWithApplyId",
    "QueryBatchRegisterDeviceStatus",
    "QueryPageByApplyId",
    "QueryDevice",
    "QueryDeviceInfo",
    "QueryDeviceDetail",
    "BatchQueryDeviceDetail",
    "QueryDeviceByStatus",
    "QueryDeviceStatistics",
    "GetDeviceStatus",
    "BatchGetDeviceState",
    "BatchUpdateDeviceNickname",
    "DisableThing",
    "EnableThing",
    "ResetThing",
    "DeleteDevice",
)
TEXT = "阀门 *~/ a b+&=%<>\"'"
PAGE = {"CurrentPage": 1, "PageSize": 10}


def story(call: Call, server: Server) -> None:
    key = _product(call)
    names = _registered(call, key)
    _found(call, server, key, names)
    _switched(call, key, names[0])
    _ended(call, key, names)


def _product(call: Call) -> str:
    given = {"NodeType": 0, "Description": TEXT, "NetType": "ETHERNET", "AliyunCommodityCode": "iothub_senior"}
    made = call("CreateProduct", ProductName=unique("prod"), **given)
    key = str(made["ProductKey"])
    assert made["Data"] | {"ProductKey": key, "DataFormat": 1, "Description": TEXT} == made["Data"]
    shown = call("QueryProduct", ProductKey=key)["Data"]
    assert (shown["Description"], shown["NetType"], shown["DeviceCount"]) == (TEXT, 7, 0)
    renamed = unique("new")
    call("UpdateProduct", ProductKey=key, ProductName=renamed, Description="水泵")
    shown = call("QueryProduct", ProductKey=key)["Data"]
    assert (shown["ProductName"], shown["Description"]) == (renamed, "水泵")

    group = unique("resource")  # lists of none, of one and of two, whatever else the account has
    for count in range(3):
        listed = call("QueryProductList", **PAGE, ResourceGroupId=group)["Data"]
        assert (listed["Total"], len(listed["List"]["ProductInfo"])) == (count, count)
        call("CreateProduct", ProductName=unique("prod"), NodeType=1, ResourceGroupId=group)
    beyond = call("QueryProductList", CurrentPage=1000, PageSize=10, ResourceGroupId=group)["Data"]
    assert (beyond["Total"], beyond["List"]) == (3, {"ProductInfo": []})
    return key


def _registered(call: Call, key: str) -> list[str]:
    assert call("QueryDevice", ProductKey=key, **PAGE)["Data"] == {"DeviceInfo": []}
    one = call("RegisterDevice", ProductKey=key, DeviceName="valve_1", Nickname="北京_pump")["Data"]
    assert (one["DeviceName"], one["Nickname"], len(one["DeviceSecret"])) == ("valve_1", "北京_pump", 32)
    [row] = call("QueryDevice", ProductKey=key, **PAGE)["Data"]["DeviceInfo"]
    assert (row["DeviceSecret"], row["DeviceStatus"]) == (one["DeviceSecret"], "UNACTIVE")

    drawn = call("BatchRegisterDevice", ProductKey=key, Count=2)["Data"]["ApplyId"]
    _created(call, key, drawn)
    checked = call("BatchCheckDeviceNames", ProductKey=key, DeviceName=["valve_2", "valve_1", "b*d"])["Data"]
    assert checked["InvalidDeviceNameList"] == {"InvalidDeviceName": ["b*d"]}
    assert [row["DeviceName"] for row in checked["InvalidDetailList"]["InvalidDetailList"]] == ["b*d"]
    assert checked["RepeatedDeviceNameList"] == {"RepeatDevieNameList": ["valve_1"]}
    bad = call("BatchCheckDeviceNames", ProductKey=key, DeviceName=["b*d"])["Data"]["ApplyId"]
    told = call("QueryBatchRegisterDeviceStatus", ProductKey=key, ApplyId=bad)["Data"]
    assert (told["ValidList"], told["InvalidList"]) == ({"Name": []}, {"Name": ["b*d"]})
    told = call("BatchCheckDeviceNames", ProductKey=key, DeviceNameList=[{"DeviceName": "fine", "DeviceNickname": "a"}])
    assert told["Data"]["InvalidDeviceNicknameList"] == {"InvalidDeviceNickname": ["a"]}
    named = [{"DeviceName": "valve_3", "DeviceNickname": "三号阀门"}]
    checked = call("BatchCheckDeviceNames", ProductKey=key, DeviceNameList=named)["Data"]
    assert "InvalidDetailList" not in checked  # issue 9, number 12: the Go SDK fails at an empty one
    asked = {"ProductKey": key, "ApplyId": checked["ApplyId"]}
    assert call("QueryBatchRegisterDeviceStatus", **asked)["Data"]["Status"] == "CHECK_SUCCESS"
    assert call("QueryPageByApplyId", ApplyId=str(checked["ApplyId"]), **PAGE)["ApplyDeviceList"] == {
        "ApplyDeviceInfo": []
    }
    assert call("BatchRegisterDeviceWithApplyId", **asked)["Data"] == {"ApplyId": checked["ApplyId"]}
    _created(call, key, checked["ApplyId"])
    assert call("QueryBatchRegisterDeviceStatus", **asked)["Data"]["ValidList"] == {"Name": ["valve_3"]}
    rows = [
        row
        for batch in (drawn, checked["ApplyId"])
        for row in call("QueryPageByApplyId", ApplyId=str(batch), **PAGE)["ApplyDeviceList"]["ApplyDeviceInfo"]
    ]
    assert len(rows) == 3
    return ["valve_1", *(row["DeviceName"] for row in rows)]


def _created(call: Call, key: str, batch: int) -> None:
    asked = {"ProductKey": key, "ApplyId": batch}
    status = until(
        lambda: call("QueryBatchRegisterDeviceStatus", **asked)["Data"]["Status"], lambda now: now == "CREATE_SUCCESS"
    )
    assert status == "CREATE_SUCCESS"


def _found(call: Call, server: Server, key: str, names: list[str]) -> None:
    first = call("QueryDevice", ProductKey=key, CurrentPage=1, PageSize=3)
    rest = call("QueryDevice", ProductKey=key, PageSize=3, NextToken=first["NextToken"])
    rows = [*first["Data"]["DeviceInfo"], *rest["Data"]["DeviceInfo"]]
    assert {row["DeviceName"] for row in rows} == set(names) and len(rows) == 4
    info = call("QueryDeviceInfo", ProductKey=key, DeviceName=names[0])["Data"]
    by_id = call("QueryDeviceInfo", IotId=info["IotId"])["Data"]
    assert by_id == info
    _by_status(call, server, key, names, info)
    for some in ([], names[:1], names):
        details = call("BatchQueryDeviceDetail", ProductKey=key, DeviceName=[*some, "nobody"])["Data"]["Data"]
        assert [row["DeviceName"] for row in details] == some
        asked = {"ProductKey": key, "DeviceName": [*some, "nobody"]}
        found = call("BatchGetDeviceState", **asked)["DeviceStatusList"]["DeviceStatus"]
        assert [row["DeviceName"] for row in found] == some
    [state] = call("BatchGetDeviceState", IotId=[info["IotId"]])["DeviceStatusList"]["DeviceStatus"]
    assert state["DeviceName"] == names[0]
    call(
        "BatchUpdateDeviceNickname",
        DeviceNicknameInfo=[
            {"IotId": info["IotId"]},
            {"ProductKey": key, "DeviceName": names[1], "Nickname": "水泵 * ~"},
        ],
    )
    assert "Nickname" not in call("QueryDeviceInfo", IotId=info["IotId"])["Data"]
    assert call("QueryDeviceInfo", ProductKey=key, DeviceName=names[1])["Data"]["Nickname"] == "水泵 * ~"


def _by_status(call: Call, server: Server, key: str, names: list[str], info: dict[str, Any]) -> None:
    def who(status: int) -> list[str]:
        rows = call("QueryDeviceByStatus", ProductKey=key, Status=status, **PAGE)["Data"]["SimpleDeviceInfo"]
        return [row["DeviceName"] for row in rows]

    assert (who(1), len(who(0))) == ([], 4)
    with online(server.mqtt, key, names[0], info["DeviceSecret"], "1.0.0"):
        detail = until(
            lambda: call("QueryDeviceDetail", IotId=info["IotId"])["Data"], lambda now: now["Status"] == "ONLINE"
        )
        assert (detail["Status"], detail["FirmwareVersion"], detail["IpAddress"]) == ("ONLINE", "1.0.0", "127.0.0.1")
        assert (who(1), len(who(0))) == ([names[0]], 3)
        counts = call("QueryDeviceStatistics", ProductKey=key)["Data"]
        assert counts == {"activeCount": 1, "deviceCount": 4, "onlineCount": 1}
    status = until(lambda: call("GetDeviceStatus", IotId=info["IotId"])["Data"]["Status"], lambda now: now == "OFFLINE")
    assert (status, who(3)) == ("OFFLINE", [names[0]])


def _switched(call: Call, key: str, name: str) -> None:
    asked = {"ProductKey": key, "DeviceName": name}
    call("DisableThing", **asked)
    assert call("GetDeviceStatus", **asked)["Data"]["Status"] == "DISABLE"
    call("EnableThing", **asked)
    assert call("GetDeviceStatus", **asked)["Data"]["Status"] == "OFFLINE"
    assert len(call("ResetThing", **asked)["JobId"]) == 32


def _ended(call: Call, key: str, names: list[str]) -> None:
    refused = call("DeleteProduct", ProductKey=key, success=False)
    assert refused["Code"] == "iot.prod.ProductHasDevices"
    for name in names:
        call("DeleteDevice", ProductKey=key, DeviceName=name)
    assert call("QueryDevice", ProductKey=key, **PAGE)["Total"] == 0
    call("DeleteProduct", ProductKey=key)
    assert call("QueryProduct", ProductKey=key, success=False)["Code"] == "iot.prod.NotExistedProduct"
