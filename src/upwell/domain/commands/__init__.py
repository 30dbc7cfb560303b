"""The inner tongue: what any dialect may ask of the core, and what it is told.

A command is one use; the account and the key that ask are told beside it, never inside it. Nothing here knows a
vendor's word or number: ids are ints, times are aware datetimes, sizes are bytes, spans are minutes. Views carry
the names of the columns they come from. A dialect checks the form of what it decodes; the core checks the facts.
"""

from upwell.domain.commands.attention import (
    Attention,
    AwaitingJob,
    HaltedJob,
    LostPackage,
    ShowAttention,
    Some,
    StillJob,
)
from upwell.domain.commands.audit import AuditEntry, ExportAudit, ListAudit
from upwell.domain.commands.devices import (
    AsideCounts,
    CountAside,
    CountDevices,
    CreateDevice,
    DeleteDevice,
    DeleteTags,
    Device,
    DeviceChange,
    DeviceCounts,
    ExportDevices,
    ListDevices,
    ListTags,
    Released,
    ReleaseDevice,
    ReleaseDevices,
    ResetDevice,
    ResetSecret,
    SecretReset,
    SetAside,
    SetTags,
    ShowDevice,
    ShowDevices,
    Tag,
    UpdateDevices,
)
from upwell.domain.commands.events import (
    KEEP_DAYS_MAX,
    KEEP_MOST_MAX,
    Event,
    EventSettings,
    EventSlice,
    ListEvents,
    ShowEventSettings,
    UpdateEventSettings,
)
from upwell.domain.commands.groups import (
    AddToGroup,
    CreateGroup,
    DeleteGroup,
    Enrolled,
    Fitting,
    Group,
    ListGroups,
    PreviewGroup,
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
from upwell.domain.commands.hours import (
    CreateDeviceHours,
    DeleteDeviceHours,
    DeviceHours,
    ListDeviceHours,
    ShowDeviceHours,
    UpdateDeviceHours,
)
from upwell.domain.commands.imports import (
    CancelImport,
    CreateImport,
    Import,
    ImportedDevice,
    ListHead,
    ListImportDevices,
    ListImportProblems,
    ListImports,
    ListRows,
    NewDevice,
    RowProblem,
    ShowImport,
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
from upwell.domain.commands.keys import (
    CreateKey,
    CreateOwnKey,
    Key,
    ListKeys,
    ListOwnKeys,
    RevokeKey,
    RevokeOwnKey,
    ShowKey,
)
from upwell.domain.commands.limits import Limits, SetLimits, ShowLimits
from upwell.domain.commands.lists import Flow, Page
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
    DeletePackage,
    GivenFile,
    ListPackages,
    ObjectPlace,
    Package,
    PackageFile,
    ShowPackage,
    UpdatePackage,
)
from upwell.domain.commands.people import (
    Account,
    ChangePassword,
    CloseOwnSession,
    CloseSession,
    CreateAccount,
    CreateUser,
    DeleteUser,
    EndSession,
    ListAccounts,
    ListOwnSessions,
    ListSessions,
    ListUsers,
    Me,
    OpenSession,
    RenameAccount,
    Session,
    ShowAccount,
    ShowMe,
    ShowUser,
    SignIn,
    UpdateUser,
    User,
)
from upwell.domain.commands.products import (
    CreateProduct,
    DeleteProduct,
    ListProducts,
    Product,
    ShowProduct,
    UpdateProduct,
)
from upwell.domain.commands.receivers import (
    CreateReceiver,
    DeleteReceiver,
    Delivery,
    ListDeliveries,
    ListReceivers,
    PingReceiver,
    Receiver,
    Redeliver,
    RotateSecret,
    ShowDelivery,
    ShowReceiver,
    UpdateReceiver,
)
from upwell.domain.commands.registration import (
    CheckDeviceNames,
    RegisterDevices,
    Registration,
    ShowRegistration,
)
from upwell.domain.commands.rollbacks import (
    PlanRollback,
    Rollback,
    RollbackPart,
    ShowRollback,
    StartRollback,
)
from upwell.domain.commands.rollouts import (
    Approved,
    ApproveJob,
    Care,
    Decision,
    JobHours,
    JobPace,
    JobWave,
    ListDecisions,
    Pause,
    PauseJob,
    PromoteJob,
    RefuseJob,
    ResumeJob,
    RolloutDefaults,
    SetRolloutDefaults,
    ShowRolloutDefaults,
)
from upwell.domain.commands.server import Certificate, Concern, Disk, ServerState, ShowServer
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
from upwell.domain.commands.surveys import (
    Answered,
    CreatePlan,
    Plan,
    Reasons,
    Replayed,
    ShowPlan,
    ShowReasons,
)
from upwell.domain.commands.target_files import (
    DeleteTargetFile,
    ListTargetFiles,
    TargetFile,
)
from upwell.domain.commands.tasks import (
    CancelTasks,
    ConfirmTasks,
    CountWaiting,
    FailedTask,
    Failures,
    ListCourse,
    ListFailures,
    ListTasks,
    Look,
    RepeatTasks,
    Steered,
    TargetResult,
    Task,
    Waiting,
)
from upwell.domain.commands.timeline import (
    ListRefusedLogins,
    ListTimeline,
    ListVersionHours,
    RefusedLogin,
    TimelineLine,
    VersionHour,
)
from upwell.domain.commands.uploads import (
    CompleteUpload,
    CreateUpload,
    CreateUploadTicket,
    DeleteUpload,
    PutUploadPart,
    ShowUpload,
    Upload,
    UploadPart,
    UploadTicket,
)
from upwell.domain.commands.whys import ExplainDevice, Why, WhyCheck

Changing = (
    CreateProduct | UpdateProduct | DeleteProduct | CreateSpace | RenameSpace | DeleteSpace
    | CreateDevice | UpdateDevices | ResetSecret | ResetDevice | DeleteDevice | SetTags | DeleteTags
    | RegisterDevices | CheckDeviceNames | ReleaseDevice | ReleaseDevices | SetLimits
    | CreateDeviceHours | UpdateDeviceHours | DeleteDeviceHours
    | CreateGroup | UpdateGroup | DeleteGroup | AddToGroup | RemoveFromGroup | PreviewGroup
    | CreateUploadTicket | CreatePackage | UpdatePackage | DeletePackage | CreateModule | UpdateModule | DeleteModule
    | CreateJob | UpdateJob | ApproveJob | RefuseJob | PauseJob | ResumeJob | PromoteJob | EndPolicy | DeleteJob
    | PlanRollback | StartRollback
    | CancelTasks | ConfirmTasks | RepeatTasks | DeleteTargetFile
    | CreateHook | UpdateHook | DeleteHook | CreateAction | UpdateAction | DeleteAction | CreateKey | RevokeKey
    | UpdateEventSettings | CreateReceiver | UpdateReceiver | DeleteReceiver | PingReceiver | RotateSecret | Redeliver
    | CreateUpload | PutUploadPart | CompleteUpload | DeleteUpload
    | CreateImport | CancelImport | CreatePlan | CreateOwnKey | RevokeOwnKey | SetRolloutDefaults
    | SignIn | EndSession | CloseSession | CloseOwnSession
    | ChangePassword | CreateUser | UpdateUser | DeleteUser | CreateAccount | RenameAccount
)  # fmt: skip
"""What leaves a trace: an entry of the audit each. A check of names is kept for the registration that follows it."""

Reading = (
    ShowProduct | ListProducts | ListSpaces | ShowSpace
    | ShowDevice | ShowDevices | ListDevices | CountDevices | CountAside | ShowRegistration | ListGroups | ShowGroup
    | ShowPackage | ListPackages | ShowModule | ListModules | ListModuleVersions
    | ShowJob | ListJobs | ListTasks | ListTargetFiles | ShowHook | ListHooks | ShowAction | ListActions | ListKeys
    | ListAudit | ShowKey | ShowUpload | ListFailures | ListCourse | ListTimeline | ListRefusedLogins | ListVersionHours
    | CountWaiting | ListTags
    | ListDecisions | ShowRollback | ShowAttention | ShowLimits | ExplainDevice | ShowReasons | ShowPlan
    | ShowRolloutDefaults | ListDeviceHours | ShowDeviceHours
    | ExportDevices | ShowImport | ListImports | ListImportProblems | ListImportDevices
    | ListOwnKeys | ShowMe | ListUsers | ShowUser | ListAccounts | ShowAccount
    | ListEvents | ShowEventSettings | ShowReceiver | ListReceivers | ListDeliveries | ShowDelivery
    | ListSessions | ListOwnSessions | ExportAudit | ShowServer
)  # fmt: skip

Command = Changing | Reading

Result = (
    Done | Product | Device | Registration | DeviceCounts | AsideCounts | Released | Group | Enrolled | Fitting | None
    | UploadTicket | Upload | UploadPart | Package | Job | Steered | Hook | HookAction
    | Page[Product] | Page[Device] | Page[Module] | Page[ModuleVersion] | Page[Package]
    | Page[Job] | Page[Task] | Page[Hook] | Page[HookAction] | Page[Group] | Page[AuditEntry] | Page[TimelineLine]
    | Page[Decision] | Rollback | Attention | Limits | Why | Reasons | Plan | RolloutDefaults
    | Import | Page[Import] | Page[RowProblem] | Flow[Device] | Flow[ImportedDevice]
    | Page[RefusedLogin] | Page[VersionHour]
    | tuple[Device, ...]
    | DeviceHours | tuple[DeviceHours, ...]
    | Space | Module | SecretReset | Key | EventSlice | EventSettings | Receiver | tuple[Receiver, ...] | Page[Delivery]
    | Me | User | Session | Account | tuple[User, ...] | Page[Account] | Delivery | tuple[OpenSession, ...]
    | Flow[AuditEntry] | ServerState
    | tuple[Space, ...] | tuple[TargetFile, ...] | tuple[Key, ...] | tuple[Failures, ...] | tuple[Look, ...]
    | Waiting | Page[Tag]
)  # fmt: skip
