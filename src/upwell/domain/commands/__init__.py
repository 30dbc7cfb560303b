"""The inner tongue: what any dialect may ask of the core, and what it is told.

A command is one use; the account and the key that ask are told beside it, never inside it. Nothing here knows a
vendor's word or number: ids are ints, times are aware datetimes, sizes are bytes, spans are minutes. Views carry
the names of the columns they come from. A dialect checks the form of what it decodes; the core checks the facts.
"""

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
    RemoveFromGroup,
    ShowGroup,
    UpdateGroup,
)
from upwell.domain.commands.hooks import (
    CreateAction,
    CreateHook,
    DeleteAction,
    DeleteHook,
    Hook,
    HookAction,
    ListActions,
    ListHooks,
    News,
    ShowAction,
    ShowHook,
    UpdateAction,
    UpdateHook,
)
from upwell.domain.commands.jobs import (
    DAY_S,
    TARGETS_MAX,
    CreateJob,
    DeleteJob,
    EndPolicy,
    Job,
    ListJobs,
    Manner,
    ShowJob,
    UpdateJob,
)
from upwell.domain.commands.lists import Page
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
from upwell.domain.commands.shared import (
    OPEN_STATES,
    DeviceKey,
    Done,
)
from upwell.domain.commands.spaces import (
    CreateSpace,
    DeleteSpace,
    ListSpaces,
    RenameSpace,
    ShowSpace,
    Space,
)
from upwell.domain.commands.target_files import (
    DeleteTargetFile,
    ListTargetFiles,
    TargetFile,
)
from upwell.domain.commands.tasks import (
    CancelTasks,
    ConfirmTasks,
    ListTasks,
    RepeatTasks,
    Steered,
    TargetResult,
    Task,
)

Command = (
    CreateProduct | ShowProduct | ListProducts | UpdateProduct | DeleteProduct
    | CreateSpace | ListSpaces | ShowSpace | RenameSpace | DeleteSpace
    | CreateDevice | ShowDevice | ShowDevices | ListDevices | CountDevices | UpdateDevices | ResetSecret | ResetDevice
    | DeleteDevice | SetTags | DeleteTags | RegisterDevices | CheckDeviceNames | ShowRegistration
    | CreateGroup | UpdateGroup | DeleteGroup | ListGroups | ShowGroup | AddToGroup | RemoveFromGroup
    | CreateUploadTicket | CreatePackage | UpdatePackage | ShowPackage | ListPackages | DeletePackage
    | CreateModule | UpdateModule | DeleteModule | ShowModule | ListModules | ListModuleVersions
    | CreateJob | UpdateJob | EndPolicy | DeleteJob | ShowJob | ListJobs
    | ListTasks | CancelTasks | ConfirmTasks | RepeatTasks | ListTargetFiles | DeleteTargetFile
    | CreateHook | ShowHook | ListHooks | UpdateHook | DeleteHook
    | CreateAction | ShowAction | ListActions | UpdateAction | DeleteAction
)  # fmt: skip

Result = (
    Done | Product | Device | Registration | DeviceCounts | Group | Enrolled | None
    | UploadTicket | Package | Job | Steered | Hook | HookAction
    | Page[Product] | Page[Device] | Page[Module] | Page[ModuleVersion] | Page[Package]
    | Page[Job] | Page[Task] | Page[Hook] | Page[HookAction] | Page[Group]
    | tuple[Device, ...]
    | Space | Module | SecretReset
    | tuple[Space, ...] | tuple[TargetFile, ...]
)  # fmt: skip
