"""The inner tongue: what any dialect may ask of the core, and what it is told.

A command is one use; the account and the key that ask are told beside it, never inside it. Nothing here knows a
vendor's word or number: ids are ints, times are aware datetimes, sizes are bytes, spans are minutes. Views carry
the names of the columns they come from. A dialect checks the form of what it decodes; the core checks the facts.
"""

from collections.abc import Mapping

from upwell.domain.commands.fleet import (
    CheckDeviceNames,
    CountDevices,
    CreateProduct,
    DeleteDevice,
    DeleteDeviceTag,
    DeleteProduct,
    Device,
    DeviceCounts,
    ListDevices,
    ListDevicesByStatus,
    ListDevicesByTags,
    ListProducts,
    ListRegistered,
    NamesChecked,
    Product,
    RegisterChecked,
    RegisterDevice,
    RegisterDevices,
    Registration,
    ResetDevice,
    SetDeviceEnabled,
    SetDeviceTags,
    SetNicknames,
    ShowDevice,
    ShowDevices,
    ShowDeviceTags,
    ShowProduct,
    ShowRegistration,
    UpdateProduct,
)
from upwell.domain.commands.groups import (
    AddToGroup,
    CreateGroup,
    DeleteGroup,
    Enrolled,
    Group,
    ListDevicesOfGroup,
    ListGroups,
    ListGroupsOfDevice,
    RemoveFromGroup,
    ShowGroup,
    ShowSuperGroup,
    UpdateGroup,
)
from upwell.domain.commands.jobs import (
    CancelTasksOfDevices,
    CancelTasksOfJob,
    ConfirmTasks,
    CreateDynamicJob,
    CreateStaticJob,
    CreateVerifyJob,
    EndPolicy,
    Job,
    JobCreated,
    ListJobsOfDevice,
    ListJobsOfPackage,
    ListOpenTasksOfDevice,
    ListTasksOfJob,
    RepeatTasks,
    ShowJob,
    Task,
    UpdateJob,
)
from upwell.domain.commands.packages import (
    CreateModule,
    CreatePackage,
    CreateUploadTicket,
    DeleteModule,
    DeletePackage,
    GivenFile,
    ListModules,
    ListModuleVersions,
    ListPackages,
    ModifyPackage,
    Module,
    ModuleVersion,
    Package,
    PackageCreated,
    PackageFile,
    ShowPackage,
    UpdateModule,
    UploadTicket,
)
from upwell.domain.commands.shared import (
    OPEN_STATES,
    TASK_STATES,
    DeviceKey,
    Done,
    Page,
)

__all__ = [
    "OPEN_STATES",
    "TASK_STATES",
    "AddToGroup",
    "CancelTasksOfDevices",
    "CancelTasksOfJob",
    "CheckDeviceNames",
    "Command",
    "ConfirmTasks",
    "CountDevices",
    "CreateDynamicJob",
    "CreateGroup",
    "CreateModule",
    "CreatePackage",
    "CreateProduct",
    "CreateStaticJob",
    "CreateUploadTicket",
    "CreateVerifyJob",
    "DeleteDevice",
    "DeleteDeviceTag",
    "DeleteGroup",
    "DeleteModule",
    "DeletePackage",
    "DeleteProduct",
    "Device",
    "DeviceCounts",
    "DeviceKey",
    "Done",
    "EndPolicy",
    "Enrolled",
    "GivenFile",
    "Group",
    "Job",
    "JobCreated",
    "ListDevices",
    "ListDevicesByStatus",
    "ListDevicesByTags",
    "ListDevicesOfGroup",
    "ListGroups",
    "ListGroupsOfDevice",
    "ListJobsOfDevice",
    "ListJobsOfPackage",
    "ListModuleVersions",
    "ListModules",
    "ListOpenTasksOfDevice",
    "ListPackages",
    "ListProducts",
    "ListRegistered",
    "ListTasksOfJob",
    "ModifyPackage",
    "Module",
    "ModuleVersion",
    "NamesChecked",
    "Package",
    "PackageCreated",
    "PackageFile",
    "Page",
    "Product",
    "RegisterChecked",
    "RegisterDevice",
    "RegisterDevices",
    "Registration",
    "RemoveFromGroup",
    "RepeatTasks",
    "ResetDevice",
    "Result",
    "SetDeviceEnabled",
    "SetDeviceTags",
    "SetNicknames",
    "ShowDevice",
    "ShowDeviceTags",
    "ShowDevices",
    "ShowGroup",
    "ShowJob",
    "ShowPackage",
    "ShowProduct",
    "ShowRegistration",
    "ShowSuperGroup",
    "Task",
    "UpdateGroup",
    "UpdateJob",
    "UpdateModule",
    "UpdateProduct",
    "UploadTicket",
]

Command = (
    CreateProduct | ShowProduct | ListProducts | UpdateProduct | DeleteProduct
    | RegisterDevice | RegisterDevices | ShowRegistration | ListRegistered | CheckDeviceNames | RegisterChecked
    | ListDevices | ShowDevice | ShowDevices | DeleteDevice | SetDeviceEnabled | ResetDevice | SetNicknames
    | CountDevices | ListDevicesByStatus | SetDeviceTags | ShowDeviceTags | DeleteDeviceTag | ListDevicesByTags
    | CreateGroup | UpdateGroup | DeleteGroup | ListGroups | ShowGroup | ShowSuperGroup | AddToGroup | RemoveFromGroup
    | ListDevicesOfGroup | ListGroupsOfDevice
    | CreateUploadTicket | CreatePackage | ModifyPackage | ShowPackage | ListPackages | DeletePackage
    | CreateModule | UpdateModule | DeleteModule | ListModules | ListModuleVersions
    | CreateVerifyJob | CreateStaticJob | CreateDynamicJob | UpdateJob | EndPolicy
    | ShowJob | ListJobsOfPackage | ListJobsOfDevice
    | ListTasksOfJob | ListOpenTasksOfDevice | CancelTasksOfJob | CancelTasksOfDevices | ConfirmTasks | RepeatTasks
)  # fmt: skip

Result = (
    Done | Product | Device | Registration | NamesChecked | DeviceCounts | Mapping[str, str] | Group | Enrolled | None
    | UploadTicket | Package | PackageCreated | Job | JobCreated
    | Page[Product] | Page[Device] | Page[Package] | Page[Job] | Page[Task] | Page[Group] | Page[ModuleVersion]
    | tuple[Device, ...] | tuple[Task, ...] | tuple[Group, ...] | tuple[Module, ...]
)  # fmt: skip
