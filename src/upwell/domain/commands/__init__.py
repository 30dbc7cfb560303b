"""The inner tongue: what any dialect may ask of the core, and what it is told.

A command is one use; the account and the key that ask are told beside it, never inside it. Nothing here knows a
vendor's word or number: ids are ints, times are aware datetimes, sizes are bytes, spans are minutes. Views carry
the names of the columns they come from. A dialect checks the form of what it decodes; the core checks the facts.
"""

from upwell.domain.commands import lists
from upwell.domain.commands.batches import (
    TARGETS_MAX,
    Batch,
    BatchFile,
    BatchShown,
    BatchTask,
    ConfirmBatch,
    CreateBatch,
    DeleteBatch,
    DeleteBatchFile,
    ListBatchFiles,
    RetryBatch,
    ScanBatches,
    ShowBatch,
    StopBatch,
    TargetResult,
)
from upwell.domain.commands.devices import (
    CountDevices,
    CreateDevice,
    DeleteDevice,
    DeleteTags,
    Device,
    DeviceChange,
    DeviceCounts,
    ListDevices,
    ResetDevice,
    ResetSecret,
    SecretReset,
    SetTags,
    ShowDevice,
    ShowDevices,
    UpdateDevices,
)
from upwell.domain.commands.groups import (
    AddToGroup,
    CreateGroup,
    DeleteGroup,
    Enrolled,
    Group,
    ListGroups,
    ListGroupsOfDevice,
    RemoveFromGroup,
    ShowGroup,
    ShowSuperGroup,
    UpdateGroup,
)
from upwell.domain.commands.hooks import (
    AddAction,
    ChangeAction,
    ChangeRule,
    CreateRule,
    DeleteAction,
    DeleteRule,
    News,
    Rule,
    RuleAction,
    ScanActions,
    ScanRules,
    ShowAction,
    ShowRule,
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
from upwell.domain.commands.modules import (
    CreateModule,
    DeleteModule,
    ListModules,
    ListModuleVersions,
    Module,
    ModuleKey,
    ModuleVersion,
    ShowModule,
    UpdateModule,
)
from upwell.domain.commands.packages import (
    CreatePackage,
    CreateUploadTicket,
    DeletePackage,
    GivenFile,
    ListPackages,
    ObjectPlace,
    Package,
    PackageFile,
    ShowPackage,
    UpdatePackage,
    UploadTicket,
)
from upwell.domain.commands.products import (
    CreateProduct,
    DeleteProduct,
    ListProducts,
    Product,
    ShowProduct,
    UpdateProduct,
)
from upwell.domain.commands.registration import (
    CheckDeviceNames,
    RegisterDevices,
    Registration,
    ShowRegistration,
)
from upwell.domain.commands.scans import (
    Scanned,
    Window,
)
from upwell.domain.commands.shared import (
    OPEN_STATES,
    TASK_STATES,
    DeviceKey,
    Done,
    Page,
)
from upwell.domain.commands.space_parts import (
    ChangeGroup,
    ScanGroups,
)
from upwell.domain.commands.spaces import (
    CreateSpace,
    DeleteSpace,
    ListSpaces,
    RenameSpace,
    ShowSpace,
    Space,
)

__all__ = [
    "OPEN_STATES",
    "TARGETS_MAX",
    "TASK_STATES",
    "AddAction",
    "AddToGroup",
    "Batch",
    "BatchFile",
    "BatchShown",
    "BatchTask",
    "CancelTasksOfDevices",
    "CancelTasksOfJob",
    "ChangeAction",
    "ChangeGroup",
    "ChangeRule",
    "CheckDeviceNames",
    "Command",
    "ConfirmBatch",
    "ConfirmTasks",
    "CountDevices",
    "CreateBatch",
    "CreateDevice",
    "CreateDynamicJob",
    "CreateGroup",
    "CreateModule",
    "CreatePackage",
    "CreateProduct",
    "CreateRule",
    "CreateSpace",
    "CreateStaticJob",
    "CreateUploadTicket",
    "CreateVerifyJob",
    "DeleteAction",
    "DeleteBatch",
    "DeleteBatchFile",
    "DeleteDevice",
    "DeleteGroup",
    "DeleteModule",
    "DeletePackage",
    "DeleteProduct",
    "DeleteRule",
    "DeleteSpace",
    "DeleteTags",
    "Device",
    "DeviceChange",
    "DeviceCounts",
    "DeviceKey",
    "Done",
    "EndPolicy",
    "Enrolled",
    "GivenFile",
    "Group",
    "Job",
    "JobCreated",
    "ListBatchFiles",
    "ListDevices",
    "ListGroups",
    "ListGroupsOfDevice",
    "ListJobsOfDevice",
    "ListJobsOfPackage",
    "ListModuleVersions",
    "ListModules",
    "ListOpenTasksOfDevice",
    "ListPackages",
    "ListProducts",
    "ListSpaces",
    "ListTasksOfJob",
    "Module",
    "ModuleKey",
    "ModuleVersion",
    "News",
    "ObjectPlace",
    "Package",
    "PackageFile",
    "Page",
    "Product",
    "RegisterDevices",
    "Registration",
    "RemoveFromGroup",
    "RenameSpace",
    "RepeatTasks",
    "ResetDevice",
    "ResetSecret",
    "Result",
    "RetryBatch",
    "Rule",
    "RuleAction",
    "ScanActions",
    "ScanBatches",
    "ScanGroups",
    "ScanRules",
    "Scanned",
    "SecretReset",
    "SetTags",
    "ShowAction",
    "ShowBatch",
    "ShowDevice",
    "ShowDevices",
    "ShowGroup",
    "ShowJob",
    "ShowModule",
    "ShowPackage",
    "ShowProduct",
    "ShowRegistration",
    "ShowRule",
    "ShowSpace",
    "ShowSuperGroup",
    "Space",
    "StopBatch",
    "TargetResult",
    "Task",
    "UpdateDevices",
    "UpdateGroup",
    "UpdateJob",
    "UpdateModule",
    "UpdatePackage",
    "UpdateProduct",
    "UploadTicket",
    "Window",
]

Command = (
    CreateProduct | ShowProduct | ListProducts | UpdateProduct | DeleteProduct
    | CreateSpace | ListSpaces | ShowSpace | RenameSpace | DeleteSpace
    | CreateDevice | ShowDevice | ShowDevices | ListDevices | CountDevices | UpdateDevices | ResetSecret | ResetDevice
    | DeleteDevice | SetTags | DeleteTags | RegisterDevices | CheckDeviceNames | ShowRegistration
    | CreateGroup | UpdateGroup | DeleteGroup | ListGroups | ShowGroup | ShowSuperGroup | AddToGroup | RemoveFromGroup
    | ListGroupsOfDevice
    | CreateUploadTicket | CreatePackage | UpdatePackage | ShowPackage | ListPackages | DeletePackage
    | CreateModule | UpdateModule | DeleteModule | ShowModule | ListModules | ListModuleVersions
    | CreateVerifyJob | CreateStaticJob | CreateDynamicJob | UpdateJob | EndPolicy
    | ShowJob | ListJobsOfPackage | ListJobsOfDevice
    | ListTasksOfJob | ListOpenTasksOfDevice | CancelTasksOfJob | CancelTasksOfDevices | ConfirmTasks | RepeatTasks
    | ScanGroups | ChangeGroup
    | CreateBatch | ScanBatches | ShowBatch | StopBatch
    | RetryBatch | ConfirmBatch | DeleteBatch | ListBatchFiles | DeleteBatchFile
    | CreateRule | ShowRule | ScanRules | ChangeRule | DeleteRule
    | AddAction | ShowAction | ScanActions | ChangeAction | DeleteAction
)  # fmt: skip

Result = (
    Done | Product | Device | Registration | DeviceCounts | Group | Enrolled | None
    | UploadTicket | Package | Job | JobCreated
    | lists.Page[Product] | lists.Page[Device] | lists.Page[Module] | lists.Page[ModuleVersion]
    | lists.Page[Package] | Page[Job] | Page[Task] | Page[Group]
    | tuple[Device, ...] | tuple[Task, ...] | tuple[Group, ...]
    | Space | Module | SecretReset | Batch | BatchShown
    | Scanned[Group]
    | Scanned[Batch] | Rule | RuleAction | Scanned[Rule] | Scanned[RuleAction]
    | tuple[Space, ...] | tuple[TargetResult, ...] | tuple[BatchFile, ...]
)  # fmt: skip
