"""The operations of Alibaba's API that Upwell promises, written down from the reference and not from the server."""

# alibaba 2.0, in its order
OTA = (
    "GenerateOTAUploadURL",
    "CreateOTAFirmware",
    "ModifyOTAFirmware",
    "QueryOTAFirmware",
    "ListOTAFirmware",
    "DeleteOTAFirmware",
    "CreateOTAVerifyJob",
    "GenerateDeviceNameListURL",
    "CreateOTAStaticUpgradeJob",
    "CreateOTADynamicUpgradeJob",
    "UpdateOTAJob",
    "QueryOTAJob",
    "ListOTAJobByFirmware",
    "ListOTAJobByDevice",
    "ListOTATaskByJob",
    "ListOTAUnfinishedTaskByDevice",
    "CancelOTAStrategyByJob",
    "CancelOTATaskByJob",
    "CancelOTATaskByDevice",
    "ConfirmOTATask",
    "ReupgradeOTATask",
    "CreateOTAModule",
    "UpdateOTAModule",
    "DeleteOTAModule",
    "ListOTAModuleByProduct",
    "ListOTAModuleVersionsByDevice",
)
PRODUCTS = ("CreateProduct", "UpdateProduct", "DeleteProduct", "QueryProduct", "QueryProductList")  # alibaba 3.1
DEVICES = (  # alibaba 3.2
    "RegisterDevice",
    "BatchRegisterDevice",
    "BatchCheckDeviceNames",
    "BatchRegisterDeviceWithApplyId",
    "QueryBatchRegisterDeviceStatus",
    "QueryPageByApplyId",
    "QueryDevice",
    "QueryDeviceDetail",
    "BatchQueryDeviceDetail",
    "QueryDeviceInfo",
    "DeleteDevice",
    "GetDeviceStatus",
    "BatchGetDeviceState",
    "QueryDeviceByStatus",
    "QueryDeviceStatistics",
    "EnableThing",
    "DisableThing",
    "ResetThing",
    "SaveDeviceProp",
    "QueryDeviceProp",
    "DeleteDeviceProp",
    "QueryDeviceByTags",
    "BatchUpdateDeviceNickname",
)
GROUPS = (  # alibaba 3.4
    "CreateDeviceGroup",
    "UpdateDeviceGroup",
    "DeleteDeviceGroup",
    "QueryDeviceGroupList",
    "QueryDeviceGroupInfo",
    "BatchAddDeviceGroupRelations",
    "BatchDeleteDeviceGroupRelations",
    "QueryDeviceListByDeviceGroup",
    "QueryDeviceGroupByDevice",
    "QuerySuperDeviceGroup",
    "CreateDeviceDynamicGroup",
    "DeleteDeviceDynamicGroup",
)
EVERY = (*OTA, *PRODUCTS, *DEVICES, *GROUPS)

# What changes nothing, and so is a viewer's too. An upload ticket is leave to write.
READS = frozenset(name for name in EVERY if name.startswith(("Query", "List", "Get")))
READS |= {"BatchQueryDeviceDetail", "BatchGetDeviceState"}
WRITES = frozenset(EVERY) - READS
