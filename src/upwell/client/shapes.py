"""What is asked and told, by its members.

Written by tools/client.py from the table of operations; do not edit.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class Space(TypedDict):
    """A partition of the account's products."""

    id: str
    name: str
    is_default: bool
    """Products lie here unless another space is named"""
    created_at: str


class Product(TypedDict):
    """A kind of device."""

    id: str
    """Alibaba's and Tuya's ProductKey, Huawei's product_id"""
    name: str
    space_id: str
    device_count: int
    rollout_defaults: NotRequired[dict[str, Any]]
    """How carefully its rollouts go about their devices where they do not say, of whatever tongue"""
    created_at: str


class ProductSecret(TypedDict):
    """What registers devices of the product."""

    id: str
    secret: str


class Module(TypedDict):
    """A part of a product that is updated by itself."""

    name: str
    """The same in any case of letters; `default` is the whole device"""
    product_id: str
    alias: NotRequired[str]
    description: NotRequired[str]
    created_at: str
    modified_at: str


class MadeDeviceSetAside(TypedDict):
    """it failed too often, and is offered nothing meanwhile"""

    since: str
    until: NotRequired[str]
    """Absent: until a person releases it"""
    failures: int
    """Since it succeeded last"""
    rollout_id: str
    """Where it failed last"""
    reason: str


class MadeDevice(TypedDict):
    """A device just made, with the secret that it logs in with."""

    id: str
    """What its owner chose, else product id, _ and name; Huawei's device_id"""
    product_id: str
    name: str
    """Unique in its product; Alibaba's and Tuya's DeviceName, Huawei's node_id"""
    iot_id: str
    """Alibaba's IotId"""
    space_id: str
    status: str
    """More may come"""
    enabled: bool
    """One that is not enabled may not log in"""
    gateway_id: NotRequired[str]
    """The device that it is behind"""
    nickname: NotRequired[str]
    description: NotRequired[str]
    address: NotRequired[str]
    sdk_version: NotRequired[str]
    versions: dict[str, str]
    """What it runs, by module, as it last said"""
    tags: dict[str, str]
    created_at: str
    modified_at: str
    activated_at: NotRequired[str]
    """When it first came online"""
    online_at: NotRequired[str]
    offline_at: NotRequired[str]
    last_heard_at: NotRequired[str]
    """Anything that it sent; true to a minute or two"""
    set_aside: NotRequired[MadeDeviceSetAside]
    """It failed too often, and is offered nothing meanwhile"""
    secret: str


class DeviceSetAside(TypedDict):
    """it failed too often, and is offered nothing meanwhile"""

    since: str
    until: NotRequired[str]
    """Absent: until a person releases it"""
    failures: int
    """Since it succeeded last"""
    rollout_id: str
    """Where it failed last"""
    reason: str


class Device(TypedDict):
    """One unit."""

    id: str
    """What its owner chose, else product id, _ and name; Huawei's device_id"""
    product_id: str
    name: str
    """Unique in its product; Alibaba's and Tuya's DeviceName, Huawei's node_id"""
    iot_id: str
    """Alibaba's IotId"""
    space_id: str
    status: str
    """More may come"""
    enabled: bool
    """One that is not enabled may not log in"""
    gateway_id: NotRequired[str]
    """The device that it is behind"""
    nickname: NotRequired[str]
    description: NotRequired[str]
    address: NotRequired[str]
    sdk_version: NotRequired[str]
    versions: dict[str, str]
    """What it runs, by module, as it last said"""
    tags: dict[str, str]
    created_at: str
    modified_at: str
    activated_at: NotRequired[str]
    """When it first came online"""
    online_at: NotRequired[str]
    offline_at: NotRequired[str]
    last_heard_at: NotRequired[str]
    """Anything that it sent; true to a minute or two"""
    set_aside: NotRequired[DeviceSetAside]
    """It failed too often, and is offered nothing meanwhile"""


class DeviceCounts(TypedDict):
    """How many devices there are."""

    devices: int
    ever_online: int
    online: int


class DeviceSecret(TypedDict):
    """What a device logs in with."""

    id: str
    product_id: str
    name: str
    secret: str
    secondary_secret: NotRequired[str]
    """Opens a login as its secret does"""


class NewSecret(TypedDict):
    """A device's new secret."""

    id: str
    secret: str
    secondary: bool


class Tag(TypedDict):
    """A tag that devices have."""

    key: str
    value: str
    devices: int
    """That have it"""
    more: bool
    """More than `devices` have it"""


class Registration(TypedDict):
    """Devices that are made in one batch."""

    id: str
    status: str
    """More may come"""
    asked: int
    """For how many devices"""
    names: list[str]
    """Those made, or that may be made after a check"""
    refused: list[str]
    """Those that may not be made"""
    invalid_names: NotRequired[list[str]]
    """Told by the check alone"""
    repeated_names: NotRequired[list[str]]
    """Given twice, or the product has them"""
    created_at: str


class SetAsideCountsReason(TypedDict):
    reason: str
    devices: int


class SetAsideCounts(TypedDict):
    """How many devices are set aside."""

    devices: int
    counted_up_to: NotRequired[int]
    """There may be more"""
    reasons: list[SetAsideCountsReason]
    """Of the last failure, the most first"""


class Released(TypedDict):
    """What a release of many did."""

    released: int
    """Devices"""
    left: int
    """Of those that are meant; ask again with this number"""


class AttentionHaltedItem(TypedDict):
    rollout_id: str
    at: str
    reason: str
    """The test that tripped, and its numbers"""


class AttentionHalted(TypedDict):
    """rollouts that their guards halted, newest first"""

    total: int
    items: list[AttentionHaltedItem]
    """20 at the most"""


class AttentionAwaitingApprovalItem(TypedDict):
    rollout_id: str
    at: str
    """Since when"""
    revision: int
    makers: list[str]
    may_decide: bool
    """Whether it is you"""


class AttentionAwaitingApproval(TypedDict):
    """rollouts, those that you may decide first"""

    total: int
    yours: int
    items: list[AttentionAwaitingApprovalItem]
    """20 at the most"""


class AttentionWaitingWavesItem(TypedDict):
    rollout_id: str
    wave: int
    """That is open"""
    at: str
    """Since when"""
    lacks: str
    """A person who promotes it; or what did not come for a day"""


class AttentionWaitingWaves(TypedDict):
    """rollouts whose next wave a person must open, or of whose open one nothing was heard for a day"""

    total: int
    items: list[AttentionWaitingWavesItem]
    """20 at the most"""


class AttentionLostPackagesItem(TypedDict):
    package_id: str
    name: str
    version: str
    fault: str
    """A stable word"""
    reason: str


class AttentionLostPackages(TypedDict):
    """whose object is gone or another"""

    total: int
    items: list[AttentionLostPackagesItem]
    """20 at the most"""


class Attention(TypedDict):
    """What waits for a person."""

    total: int
    """Things, of approvals those that you may give"""
    counted_up_to: int
    """Of each part"""
    asked_at: str
    halted: AttentionHalted
    """Rollouts that their guards halted, newest first"""
    awaiting_approval: AttentionAwaitingApproval
    """Rollouts, those that you may decide first"""
    waiting_waves: AttentionWaitingWaves
    """Rollouts whose next wave a person must open, or of whose open one nothing was heard for a day"""
    lost_packages: AttentionLostPackages
    """Whose object is gone or another"""
    set_aside_devices: int
    refused_devices: int
    """Names of devices whose logins were refused within a day"""


class Limits(TypedDict):
    """How much all rollouts of an account or product may do together."""

    product_id: NotRequired[str]
    """Absent: of the account"""
    maximum_per_min: NotRequired[int]
    """Offers; absent: any number"""
    at_once: NotRequired[int]
    """Devices at work; absent: any number"""
    bytes_per_s: NotRequired[int]
    """Of downloads; absent: any number"""
    spent: int
    """Offers of this minute"""
    at_work: NotRequired[int]
    """Devices that were offered something and have not ended, or have just now"""


ImportFirstProblem = TypedDict(
    "ImportFirstProblem", {"row": int, "parameter": NotRequired[str], "problem": str, "try": str}
)


class Import(TypedDict):
    """A list of devices to be made."""

    id: str
    product_id: str
    format: str
    size: int
    """Bytes"""
    status: str
    """More may come"""
    problem: NotRequired[str]
    """Why it failed, or does not go on at present"""
    rows_read: int
    """A header counted"""
    made: int
    existing: int
    """Devices that were there already; nothing is changed of them"""
    refused: int
    first_problems: NotRequired[list[ImportFirstProblem]]
    started_at: str
    ended_at: NotRequired[str]


ImportProblem = TypedDict("ImportProblem", {"row": int, "parameter": NotRequired[str], "problem": str, "try": str})


class ImportedDevice(TypedDict):
    """A device that an import made."""

    id: str
    name: str
    secret: str


class Group(TypedDict):
    """Devices under one name."""

    id: str
    name: str
    description: str
    kind: str
    """Members are added to a static one; a condition says who is in a dynamic one"""
    condition: NotRequired[dict[str, Any]]
    """As its maker wrote it"""
    condition_text: NotRequired[str]
    """The same, of one that another tongue made"""
    space_id: str
    super_group_id: NotRequired[str]
    """The group that it is under"""
    created_at: str


class Fitting(TypedDict):
    """What a condition means."""

    fits: int
    """Devices, of those that were looked at"""
    looked: int
    """Devices"""
    whole: bool
    """These are all there are; else the newest 10,000 that may be meant"""
    examples: list[Device]
    """Ten that fit, at most"""


class CountedGroup(TypedDict):
    """A group, and how many devices are in it."""

    id: str
    name: str
    description: str
    kind: str
    """Members are added to a static one; a condition says who is in a dynamic one"""
    condition: NotRequired[dict[str, Any]]
    """As its maker wrote it"""
    condition_text: NotRequired[str]
    """The same, of one that another tongue made"""
    space_id: str
    super_group_id: NotRequired[str]
    """The group that it is under"""
    created_at: str
    devices: NotRequired[DeviceCounts]


class Enrolled(TypedDict):
    """What came of adding or removing members."""

    changed: int
    already: int
    """Were in the group before"""


class DeviceHoursTag(TypedDict):
    key: str
    value: str


class DeviceHoursHours(TypedDict):
    """outside of them nothing is offered"""

    zone: str
    """Of the IANA database"""
    open: list[dict[str, Any]]
    """Local time there"""
    is_open: bool
    closes_at: NotRequired[str]
    """Where it is open"""
    opens_at: NotRequired[str]
    """Next"""


class DeviceHours(TypedDict):
    """When devices of a group, or with a tag, may be offered something."""

    id: str
    group_id: NotRequired[str]
    tag: NotRequired[DeviceHoursTag]
    hours: DeviceHoursHours
    """Outside of them nothing is offered"""
    created_at: str


class NewUploadReceived(TypedDict):
    number: int
    size: int
    sha256: str


class NewUpload(TypedDict):
    """With `size` an upload in parts; without it leave to upload one file by a form, begun within a minute and
    used within an hour."""

    id: NotRequired[str]
    name: NotRequired[str]
    size: NotRequired[int]
    """Bytes of the whole"""
    part_size: NotRequired[int]
    """Bytes of each part but the last"""
    parts_total: NotRequired[int]
    received: NotRequired[list[NewUploadReceived]]
    """The parts that are stored whole, in their order"""
    status: NotRequired[str]
    """Checking: it is put together; failed: `problem` says why; more may come"""
    md5: NotRequired[str]
    """Of the whole, once it is complete"""
    sha256: NotRequired[str]
    """Of the whole, once it is complete"""
    problem: NotRequired[str]
    """Why it failed"""
    expires_at: NotRequired[str]
    """When it is forgotten, unless more comes of it"""
    url: NotRequired[str]
    """What a package or a rollout names the file by"""
    post_to: NotRequired[str]
    """Where the form goes, as multipart/form-data"""
    form: NotRequired[dict[str, str]]
    """The fields of the form, before its last part, which is named file"""
    created_at: str


class UploadReceived(TypedDict):
    number: int
    size: int
    sha256: str


class Upload(TypedDict):
    """An upload in parts."""

    id: str
    name: NotRequired[str]
    size: int
    """Bytes of the whole"""
    part_size: int
    """Bytes of each part but the last"""
    parts_total: int
    received: list[UploadReceived]
    """The parts that are stored whole, in their order"""
    status: str
    """Checking: it is put together; failed: `problem` says why; more may come"""
    md5: NotRequired[str]
    """Of the whole, once it is complete"""
    sha256: NotRequired[str]
    """Of the whole, once it is complete"""
    problem: NotRequired[str]
    """Why it failed"""
    expires_at: str
    """When it is forgotten, unless more comes of it"""
    created_at: str


class UploadPart(TypedDict):
    """A part that is stored whole."""

    number: int
    size: int
    sha256: str


class PackageFile(TypedDict):
    name: str
    size: int
    md5: str
    sha256: str


class PackageObject(TypedDict):
    """of one that was made of an object in a bucket"""

    region: str
    bucket: str
    key: str


class Package(TypedDict):
    """A version of a module, ready to install."""

    id: str
    name: str
    description: str
    product_id: NotRequired[str]
    """Absent of one that is every product's"""
    space_id: NotRequired[str]
    module: str
    version: str
    is_delta: bool
    """It is installed over source_version alone"""
    source_version: NotRequired[str]
    source_versions: NotRequired[list[str]]
    """Those that it may follow; absent: any"""
    after: NotRequired[list[str]]
    """Devices of other versions are led to one of these first"""
    status: str
    """Exempt: it needs no verification; more may come"""
    verify_progress: int
    """Percent"""
    size: int
    """Bytes"""
    md5: NotRequired[str]
    sha256: NotRequired[str]
    files: NotRequired[list[PackageFile]]
    """Of a package of several"""
    object: NotRequired[PackageObject]
    """Of one that was made of an object in a bucket"""
    object_state: str
    """Ok, or why it is not offered: checking, missing, differs"""
    note: NotRequired[str]
    """Goes to the device with the offer"""
    created_at: str
    modified_at: str


class RolloutRetry(TypedDict):
    count: int
    interval_min: int


class RolloutGuard(TypedDict):
    """what halts it"""

    p0_percent: float
    p1_percent: float
    alpha_percent: float
    beta_percent: float
    at_least: int
    """Failures"""
    percent: NotRequired[float]
    """Halts above that instead"""
    from_offer: NotRequired[int]
    rejected_p0_percent: float
    rejected_p1_percent: float
    action: str
    verdict_min: int
    """After its first offer, until a silent device counts as failed"""


class RolloutPace(TypedDict):
    """beside maximum_per_min"""

    base_per_min: NotRequired[int]
    each_offered: NotRequired[int]
    each_succeeded: NotRequired[int]
    at_once: NotRequired[int]
    bytes_per_s: NotRequired[int]
    factor: NotRequired[float]
    now_per_min: NotRequired[int]
    """Where it grows, as it was at the last offer"""
    at_work: NotRequired[int]
    """Devices that were offered it and have not ended, where that has a limit; or have just now"""


class RolloutHours(TypedDict):
    """outside of them nothing is offered"""

    zone: str
    """Of the IANA database"""
    open: list[dict[str, Any]]
    """Local time there"""
    is_open: bool
    closes_at: NotRequired[str]
    """Where it is open"""
    opens_at: NotRequired[str]
    """Next"""


class RolloutApproval(TypedDict):
    """of one that wants a person's"""

    status: str
    revision: int
    """From 1; each edit makes another one"""
    makers: list[str]
    """Who made it, and who changed it since it was approved: they do not decide"""
    asked_at: str
    decided_at: NotRequired[str]
    decided_by: NotRequired[str]
    remark: NotRequired[str]


class RolloutPaused(TypedDict):
    """nothing of it is offered since then"""

    at: str
    by: str
    """A key's id, or the part of Upwell that did it"""
    reason: NotRequired[str]


class RolloutWaveTag(TypedDict):
    key: str
    value: str


class RolloutWave(TypedDict):
    wave: int
    """From 1"""
    status: str
    """The last two when the rollout is over; more may come"""
    percent: NotRequired[float]
    count: NotRequired[int]
    group_id: NotRequired[str]
    tag: NotRequired[RolloutWaveTag]
    device_names: NotRequired[list[str]]
    size: NotRequired[int]
    """Devices that were dealt to it, beside those of the waves before"""
    soak_min: NotRequired[int]
    opened_at: NotRequired[str]
    opened_by: NotRequired[str]
    """A key's id, or `upwell` by its rule"""
    offered: NotRequired[int]
    """Those of them that have been told"""
    fine: NotRequired[int]
    failed: NotRequired[int]
    open: NotRequired[int]
    """Without a verdict yet"""
    silent: NotRequired[int]
    """Of the failed ones, who may tell a result still"""
    rolled_back: NotRequired[int]
    """Of the failed ones, who had the whole package and came back with the version of before"""
    rejected: NotRequired[int]
    """Evidence of nothing"""
    postponed: NotRequired[int]
    """Evidence of nothing"""
    already_there: NotRequired[int]
    """Evidence of nothing"""


class Rollout(TypedDict):
    """One request to bring devices to a package: a job or batch task of the others."""

    id: str
    kind: str
    status: str
    """More may come"""
    status_text: NotRequired[str]
    """Why there are no tasks, or why all failed"""
    package_id: str
    package_name: str
    product_id: str
    version: str
    """To which devices are brought"""
    selected_by: str
    percent: NotRequired[float]
    group_ids: NotRequired[list[str]]
    source_versions: NotRequired[list[str]]
    """Those that it is for; absent: any"""
    undoes: NotRequired[str]
    """The rollout whose devices it brings back"""
    existing: NotRequired[bool]
    """Whether it takes devices that match already"""
    asks_version: bool
    """Whether devices are asked for their version first"""
    maximum_per_min: int
    """Offers"""
    timeout_min: NotRequired[int]
    """From the first progress"""
    retry: NotRequired[RolloutRetry]
    overwrite: bool
    multi_module: bool
    needs_confirmation: bool
    push: bool
    download_protocol: str
    tags: dict[str, str]
    made_by: NotRequired[str]
    """A key's id or a user, of any API; absent of an old one"""
    created_at: str
    modified_at: str
    scheduled_at: NotRequired[str]
    finish_at: NotRequired[str]
    started_at: NotRequired[str]
    ended_at: NotRequired[str]
    guard: NotRequired[RolloutGuard]
    """What halts it"""
    pace: NotRequired[RolloutPace]
    """Beside maximum_per_min"""
    hours: NotRequired[RolloutHours]
    """Outside of them nothing is offered"""
    approval: NotRequired[RolloutApproval]
    """Of one that wants a person's"""
    paused: NotRequired[RolloutPaused]
    """Nothing of it is offered since then"""
    preset: NotRequired[str]
    same_devices_first: NotRequired[bool]
    """Whether its lot is that of every such rollout"""
    waves: NotRequired[list[RolloutWave]]
    """Each has those before in it"""


class CountedRolloutRetry(TypedDict):
    count: int
    interval_min: int


class CountedRolloutGuard(TypedDict):
    """what halts it"""

    p0_percent: float
    p1_percent: float
    alpha_percent: float
    beta_percent: float
    at_least: int
    """Failures"""
    percent: NotRequired[float]
    """Halts above that instead"""
    from_offer: NotRequired[int]
    rejected_p0_percent: float
    rejected_p1_percent: float
    action: str
    verdict_min: int
    """After its first offer, until a silent device counts as failed"""


class CountedRolloutPace(TypedDict):
    """beside maximum_per_min"""

    base_per_min: NotRequired[int]
    each_offered: NotRequired[int]
    each_succeeded: NotRequired[int]
    at_once: NotRequired[int]
    bytes_per_s: NotRequired[int]
    factor: NotRequired[float]
    now_per_min: NotRequired[int]
    """Where it grows, as it was at the last offer"""
    at_work: NotRequired[int]
    """Devices that were offered it and have not ended, where that has a limit; or have just now"""


class CountedRolloutHours(TypedDict):
    """outside of them nothing is offered"""

    zone: str
    """Of the IANA database"""
    open: list[dict[str, Any]]
    """Local time there"""
    is_open: bool
    closes_at: NotRequired[str]
    """Where it is open"""
    opens_at: NotRequired[str]
    """Next"""


class CountedRolloutApproval(TypedDict):
    """of one that wants a person's"""

    status: str
    revision: int
    """From 1; each edit makes another one"""
    makers: list[str]
    """Who made it, and who changed it since it was approved: they do not decide"""
    asked_at: str
    decided_at: NotRequired[str]
    decided_by: NotRequired[str]
    remark: NotRequired[str]


class CountedRolloutPaused(TypedDict):
    """nothing of it is offered since then"""

    at: str
    by: str
    """A key's id, or the part of Upwell that did it"""
    reason: NotRequired[str]


class CountedRolloutWaveTag(TypedDict):
    key: str
    value: str


class CountedRolloutWave(TypedDict):
    wave: int
    """From 1"""
    status: str
    """The last two when the rollout is over; more may come"""
    percent: NotRequired[float]
    count: NotRequired[int]
    group_id: NotRequired[str]
    tag: NotRequired[CountedRolloutWaveTag]
    device_names: NotRequired[list[str]]
    size: NotRequired[int]
    """Devices that were dealt to it, beside those of the waves before"""
    soak_min: NotRequired[int]
    opened_at: NotRequired[str]
    opened_by: NotRequired[str]
    """A key's id, or `upwell` by its rule"""
    offered: NotRequired[int]
    """Those of them that have been told"""
    fine: NotRequired[int]
    failed: NotRequired[int]
    open: NotRequired[int]
    """Without a verdict yet"""
    silent: NotRequired[int]
    """Of the failed ones, who may tell a result still"""
    rolled_back: NotRequired[int]
    """Of the failed ones, who had the whole package and came back with the version of before"""
    rejected: NotRequired[int]
    """Evidence of nothing"""
    postponed: NotRequired[int]
    """Evidence of nothing"""
    already_there: NotRequired[int]
    """Evidence of nothing"""


class CountedRolloutTasks(TypedDict):
    """they add up to total at any instant"""

    confirm: int
    queued: int
    notified: int
    in_progress: int
    succeeded: int
    failed: int
    canceled: int
    total: int


class CountedRolloutEvidence(TypedDict):
    """what its guard has seen since it began, or since it went on after a halt"""

    offered: int
    """Devices, each once"""
    failed: int
    """Of them, the silent ones too"""
    halts_at: int
    """So many failures among these offers halt it at the latest"""
    failed_percent: list[float]
    """The interval at 95 %"""


class CountedRollout(TypedDict):
    """A rollout, and how many of its tasks are in each state."""

    id: str
    kind: str
    status: str
    """More may come"""
    status_text: NotRequired[str]
    """Why there are no tasks, or why all failed"""
    package_id: str
    package_name: str
    product_id: str
    version: str
    """To which devices are brought"""
    selected_by: str
    percent: NotRequired[float]
    group_ids: NotRequired[list[str]]
    source_versions: NotRequired[list[str]]
    """Those that it is for; absent: any"""
    undoes: NotRequired[str]
    """The rollout whose devices it brings back"""
    existing: NotRequired[bool]
    """Whether it takes devices that match already"""
    asks_version: bool
    """Whether devices are asked for their version first"""
    maximum_per_min: int
    """Offers"""
    timeout_min: NotRequired[int]
    """From the first progress"""
    retry: NotRequired[CountedRolloutRetry]
    overwrite: bool
    multi_module: bool
    needs_confirmation: bool
    push: bool
    download_protocol: str
    tags: dict[str, str]
    made_by: NotRequired[str]
    """A key's id or a user, of any API; absent of an old one"""
    created_at: str
    modified_at: str
    scheduled_at: NotRequired[str]
    finish_at: NotRequired[str]
    started_at: NotRequired[str]
    ended_at: NotRequired[str]
    guard: NotRequired[CountedRolloutGuard]
    """What halts it"""
    pace: NotRequired[CountedRolloutPace]
    """Beside maximum_per_min"""
    hours: NotRequired[CountedRolloutHours]
    """Outside of them nothing is offered"""
    approval: NotRequired[CountedRolloutApproval]
    """Of one that wants a person's"""
    paused: NotRequired[CountedRolloutPaused]
    """Nothing of it is offered since then"""
    preset: NotRequired[str]
    same_devices_first: NotRequired[bool]
    """Whether its lot is that of every such rollout"""
    waves: NotRequired[list[CountedRolloutWave]]
    """Each has those before in it"""
    tasks: CountedRolloutTasks
    """They add up to total at any instant"""
    offered_in_min: NotRequired[int]
    """Offers of the last minute, of `maximum_per_min` or its pace"""
    happens_next: NotRequired[str]
    """A sentence about its waves"""
    evidence: NotRequired[CountedRolloutEvidence]
    """What its guard has seen since it began, or since it went on after a halt"""


class Steered(TypedDict):
    """What a request about tasks did."""

    changed: int
    """Tasks"""


class Waiting(TypedDict):
    """Devices of a rollout that wait and come from one version."""

    devices: int
    """That a cancel with this `from_version` would leave out"""
    whole: bool
    """Else at least so many: more wait than were looked at, or are not found yet"""


class RolloutDefaults(TypedDict):
    """How carefully rollouts go about their devices where they do not say."""

    rollout_defaults: dict[str, Any]
    """For products that have none of their own"""


class Decision(TypedDict):
    """What was decided of a rollout, and with which numbers."""

    number: int
    """From 1"""
    at: str
    what: str
    """More may come"""
    wave: NotRequired[int]
    by: str
    """A key's id or a user, or `upwell` by its rule"""
    result: NotRequired[str]
    """Go or inconclusive of the wave before; halt"""
    reason: NotRequired[str]
    numbers: dict[str, Any]


class RollbackPart(TypedDict):
    module: str
    version: str
    """That they were brought to"""
    source_version: NotRequired[str]
    """That they came from; absent: unknown"""
    devices: int
    """That succeeded"""
    package_id: NotRequired[str]
    """That brings them back"""
    not_possible: NotRequired[str]
    """Why they stay; more may come"""
    rollout_id: NotRequired[str]
    """That brings them back"""


class Rollback(TypedDict):
    """What undoing a rollout means, by the versions that its devices came from."""

    rollout_id: str
    """The one that is undone"""
    status: str
    """More may come"""
    asked_by: str
    """A key's id"""
    asked_at: str
    """What succeeded later is not meant"""
    started_at: NotRequired[str]
    devices: int
    """That can be brought back, if they still run what they were brought to"""
    parts: list[RollbackPart]


class Task(TypedDict):
    """One device in one rollout."""

    id: str
    rollout_id: str
    device_id: str
    device_name: NotRequired[str]
    """Absent of a target that is no device"""
    product_id: str
    package_id: str
    module: str
    source_version: NotRequired[str]
    """Absent: the device never said one"""
    version: str
    """To which it is brought"""
    state: str
    """More may come"""
    progress: int
    """Percent"""
    wave: NotRequired[int]
    """In which it is offered"""
    description: NotRequired[str]
    """What the device said last, or why it waits"""
    reason: NotRequired[str]
    """A stable word for why it failed"""
    code: NotRequired[int]
    """The device's own number for its last result"""
    created_at: str
    modified_at: str


class FailuresExample(TypedDict):
    device_id: str
    at: str
    description: NotRequired[str]


class Failures(TypedDict):
    """Tasks of a rollout that failed alike."""

    id: NotRequired[str]
    """By which they are run again; absent of `others`"""
    reason: str
    """A stable word; `others` are all that are not told apart"""
    code: NotRequired[int]
    """The device's own number for its result"""
    module: NotRequired[str]
    source_version: NotRequired[str]
    """From which they came, if known"""
    vendor: NotRequired[str]
    """By whose device side they spoke last; more may come"""
    count: int
    """Tasks; of all items they add up to the failed and the rolled back ones"""
    examples: list[FailuresExample]
    """Some of the last to fail so"""


class Standing(TypedDict):
    """How the tasks of a rollout stood at a moment."""

    at: str
    waiting: int
    """Queued, or to be confirmed"""
    at_work: int
    """Notified, or in progress"""
    succeeded: int
    failed: int
    canceled: int


TimelineLine = TypedDict(
    "TimelineLine",
    {
        "at": str,
        "last_at": NotRequired[str],
        "times": int,
        "kind": str,
        "what": str,
        "rollout_id": NotRequired[str],
        "package_id": NotRequired[str],
        "module": NotRequired[str],
        "from": NotRequired[str],
        "to": NotRequired[str],
        "reason": NotRequired[str],
        "detail": NotRequired[str],
        "bytes": NotRequired[int],
        "resumed": NotRequired[int],
        "address": NotRequired[str],
        "who": NotRequired[str],
    },
)


class RefusedLogin(TypedDict):
    """Logins as one name from one address that were refused."""

    at: str
    """The last"""
    first_at: str
    times: int
    name: NotRequired[str]
    """Absent: all further names of the address"""
    product_id: NotRequired[str]
    """Absent: none was said and several fit"""
    address: str
    """IPv6 by its network"""
    vendor: str
    """By whose device side it was tried"""
    reason: str
    """Of the last"""


class VersionHourVersion(TypedDict):
    version: str
    devices: int


class VersionHour(TypedDict):
    """How many devices ran which version at the end of an hour in which that changed."""

    at: str
    """The beginning of the hour"""
    versions: list[VersionHourVersion]
    """The most first"""
    unknown: NotRequired[int]
    """Devices that said a version that can't be known"""
    others: NotRequired[int]
    """Devices with versions that are not told apart"""


class WhyCheck(TypedDict):
    check: str
    """More may come"""
    question: str
    yes: bool
    code: NotRequired[str]
    """Of a no"""
    fact: str
    """For a person"""
    at: NotRequired[str]
    """Since or until when it is so"""


class Why(TypedDict):
    """Why a device is not updated by a rollout."""

    device_id: str
    rollout_id: NotRequired[str]
    """Absent: none is for the device"""
    code: str
    """Of the first check with a no, or that it is told now; more may come"""
    next_step: str
    """What to do, or what happens by itself"""
    next_at: NotRequired[str]
    """When that is, where a clock knows"""
    checks: list[WhyCheck]
    """Those that concern the device, in the order in which they are asked"""
    steps: NotRequired[list[str]]
    """Versions by which it is led from what it runs, the last one the rollout's"""
    as_of: str


class ReasonsReason(TypedDict):
    code: str
    """More may come"""
    devices: int
    next_step: str
    """What to do, or what happens by itself"""
    examples: list[str]
    """Ids of some of them"""


class Reasons(TypedDict):
    """Why the devices of a rollout that are not updated are not."""

    rollout_id: str
    status: str
    """More may come"""
    problem: NotRequired[str]
    """Why it failed, or does not go on at present"""
    looked: int
    """Devices that are counted so far"""
    updated: int
    """Of them"""
    not_updated: int
    """Of them; the sum of all reasons"""
    reasons: list[ReasonsReason]
    """The most first"""
    started_at: str
    ended_at: NotRequired[str]


class PlanVersion(TypedDict):
    version: NotRequired[str]
    """Absent: not known, or with `others` not told apart"""
    others: NotRequired[bool]
    devices: int
    steps: NotRequired[list[str]]
    """Versions by which they are led, the last one the package's"""


class PlanVendor(TypedDict):
    vendor: NotRequired[str]
    """By whose device side they spoke last; absent: none yet"""
    devices: int


class PlanKeptBusyWith(TypedDict):
    rollout_id: str
    devices: int


class PlanKept(TypedDict):
    code: str
    """More may come"""
    devices: int
    next_step: str
    """What to do, or what happens by itself"""
    examples: list[str]
    """Ids of some of them"""
    takes_part: bool
    """Whether they would have an open task; false: they are left out, or their task fails at once"""
    busy_with: NotRequired[list[PlanKeptBusyWith]]
    """Of those that another rollout has"""


class PlanWave(TypedDict):
    wave: int
    """From 1"""
    devices: int


class PlanGuardNeed(TypedDict):
    offers: int
    failures: int
    """Halt it"""


class PlanGuardBefore(TypedDict):
    rollout_id: str
    offers: int
    """First ones, that are numbered"""
    failures: int
    halts_at: NotRequired[int]
    """The offer; absent: this guard would not have halted it"""
    halts_by: NotRequired[int]
    """Failures"""


class Plan(TypedDict):
    """What a rollout would do that is not made."""

    id: str
    product_id: str
    package_id: str
    status: str
    """More may come"""
    problem: NotRequired[str]
    """Why it failed, or does not go on at present"""
    looked: int
    """Devices that are judged so far"""
    devices: int
    """Of them that would have an open task"""
    versions: list[PlanVersion]
    """Those devices by what they run, the most first"""
    vendors: list[PlanVendor]
    """The most first"""
    kept: list[PlanKept]
    """Who is left out, and who takes part and is not offered as things stand; the most first"""
    waves: list[PlanWave]
    wants_approval: bool
    """Whether it would wait for a person's approval"""
    minutes: NotRequired[int]
    """All offers at this pace, with the soaks; absent: never"""
    ran_before: NotRequired[int]
    """Of the devices, that have left this version before: a rollout of them wants downgrade true"""
    bytes: int
    """To be downloaded by all of them"""
    guard_needs: NotRequired[list[PlanGuardNeed]]
    """So many failures among the first offers"""
    guard_before: NotRequired[list[PlanGuardBefore]]
    """What the guard would have made of the last guarded rollouts of the product"""
    started_at: str
    ended_at: NotRequired[str]


class MadeKey(TypedDict):
    """A key just made, with what is shown this once."""

    id: str
    dialect: str
    """Which tongue it speaks"""
    role: str
    space_id: NotRequired[str]
    """The one space that it is of; empty: it is gone"""
    product_id: NotRequired[str]
    """The one product that it is of; empty: it is gone"""
    user: NotRequired[str]
    """Whose it is: it has no more than their role, and ends with their right to sign in"""
    server_admin: NotRequired[bool]
    """It may make accounts"""
    created_at: str
    expires_at: NotRequired[str]
    """It is of no use from then on"""
    last_used_at: NotRequired[str]
    """Noted once a minute, of keys of our own"""
    revoked_at: NotRequired[str]
    secret: str
    """Of our own dialect the token to send; of any other what signs"""


class Key(TypedDict):
    """An access key, without what proves it."""

    id: str
    dialect: str
    """Which tongue it speaks"""
    role: str
    space_id: NotRequired[str]
    """The one space that it is of; empty: it is gone"""
    product_id: NotRequired[str]
    """The one product that it is of; empty: it is gone"""
    user: NotRequired[str]
    """Whose it is: it has no more than their role, and ends with their right to sign in"""
    server_admin: NotRequired[bool]
    """It may make accounts"""
    created_at: str
    expires_at: NotRequired[str]
    """It is of no use from then on"""
    last_used_at: NotRequired[str]
    """Noted once a minute, of keys of our own"""
    revoked_at: NotRequired[str]


class SessionUser(TypedDict):
    id: str
    name: str


class Session(TypedDict):
    """Somebody who signed in."""

    id: str
    token: str
    """To send as a key's, shown this once"""
    role: str
    user: SessionUser
    expires_at: str
    """It ends then"""


class OpenSessionUser(TypedDict):
    id: str
    name: str


class OpenSession(TypedDict):
    """A session that is not over."""

    id: str
    user: OpenSessionUser
    role: str
    tongue: NotRequired[str]
    """By which they signed in; more may come"""
    address: NotRequired[str]
    """Where they signed in from"""
    current: bool
    """Whether it is the one that asks"""
    created_at: str
    last_used_at: NotRequired[str]
    """Noted once a minute"""
    expires_at: str


class Me(TypedDict):
    """Who asks."""

    kind: str
    """More may come"""
    id: str
    """Of the key or the user"""
    name: str
    role: str
    account_id: str
    account: str
    space_id: NotRequired[str]
    """The one space that the key is of"""
    product_id: NotRequired[str]
    """The one product that the key is of"""
    server_admin: NotRequired[bool]
    expires_at: NotRequired[str]
    """The key or the session ends then"""


class User(TypedDict):
    """Somebody of the account who may sign in."""

    id: str
    name: str
    role: str
    enabled: bool
    """One who is not may not sign in"""
    created_at: str
    modified_at: NotRequired[str]


class MadeAccountKey(TypedDict):
    id: str
    secret: str


class MadeAccount(TypedDict):
    """An account just made, with a token of its first admin, shown this once."""

    id: str
    name: str
    created_at: str
    key: MadeAccountKey


class Account(TypedDict):
    """Owner of everything below."""

    id: str
    name: str
    created_at: str


class AuditEntry(TypedDict):
    """One call that changed something, or refusals of a minute that are alike."""

    id: str
    at: str
    who: str
    """A key's id, `user NAME`, `user NAME, key ID`, `local NAME` on the server's machine, or `server`"""
    tongue: str
    """By which it came; more may come"""
    address: str
    """Where it came from, or `local`"""
    operation: str
    """As the tongue calls it"""
    result: str
    """`done`, `begun`, or the code of a refusal"""
    request_id: NotRequired[str]
    """As in the answer and the log"""
    times: int
    """How many refusals it stands for; it tells of the first"""
    ids: dict[str, Any]
    """What it was about"""
    changes: dict[str, Any]
    """What was asked"""


class ServerCertificate(TypedDict):
    of: str
    ends_at: str


class ServerDisk(TypedDict):
    of: str
    free_bytes: NotRequired[int]
    size_bytes: NotRequired[int]


class ServerConcern(TypedDict):
    kind: str
    """`fails`, `certificate` or `disk`; more may come"""
    of: str
    reason: str


class Server(TypedDict):
    """The process that answers, as it sees itself."""

    version: str
    database_version: str
    """Of PostgreSQL"""
    schema_version: int
    checks: dict[str, str]
    """As `/readyz` tells them: `ok`, or why not"""
    certificates: list[ServerCertificate]
    """When the first that is shown ends, by to whom"""
    disks: list[ServerDisk]
    """Of its own, by what lies there"""
    concerns: list[ServerConcern]
    """What somebody should look at, the worst first"""
    asked_at: str


class Events(TypedDict):
    """Some events, oldest first."""

    items: list[Event]
    next_after: str
    """To be given as `after` of the next page, now or later"""
    is_last: bool
    """Nothing is behind this page yet"""


class EventSettings(TypedDict):
    """Which events an account has, and for how long."""

    devices: bool
    """What devices do: offers, progress, ends of tasks, versions, first seen"""
    presence: bool
    """Each time a device connects, or its connection ends"""
    keep_days: int
    keep_most: int
    """The oldest beyond so many are kept no longer"""


class MadeHook(TypedDict):
    """A hook with its new secret, which is shown this once."""

    id: str
    name: NotRequired[str]
    target_url: str
    types: list[str]
    """Of events; none: every one that the account has"""
    product_id: NotRequired[str]
    """Of whose events alone"""
    rollout_id: NotRequired[str]
    enabled: bool
    disabled_because: NotRequired[str]
    """`gone`: it answered 410; `failing`: nothing was taken for three days; absent where its owner disabled it.
    More may come"""
    failing_since: NotRequired[str]
    """Nothing was taken since"""
    waiting: int
    """Deliveries that are not over"""
    missed: int
    """How far it was behind what the account had forgotten by then"""
    old_secret_until: NotRequired[str]
    """It signs too until then"""
    created_at: str
    modified_at: str
    secret: str
    """Of Standard Webhooks: `whsec_` and the key in Base64"""


class Hook(TypedDict):
    """Where events are sent."""

    id: str
    name: NotRequired[str]
    target_url: str
    types: list[str]
    """Of events; none: every one that the account has"""
    product_id: NotRequired[str]
    """Of whose events alone"""
    rollout_id: NotRequired[str]
    enabled: bool
    disabled_because: NotRequired[str]
    """`gone`: it answered 410; `failing`: nothing was taken for three days; absent where its owner disabled it.
    More may come"""
    failing_since: NotRequired[str]
    """Nothing was taken since"""
    waiting: int
    """Deliveries that are not over"""
    missed: int
    """How far it was behind what the account had forgotten by then"""
    old_secret_until: NotRequired[str]
    """It signs too until then"""
    created_at: str
    modified_at: str


class Delivery(TypedDict):
    """What became of an event for a hook."""

    event_id: str
    type: str
    status: str
    """More may come"""
    tries: int
    happened_at: str
    tried_at: NotRequired[str]
    """The last time"""
    duration_ms: NotRequired[int]
    """Of the last try"""
    answer_status: NotRequired[int]
    answer: NotRequired[str]
    """Its first characters"""
    problem: NotRequired[str]
    """Why there was no answer"""
    next_at: NotRequired[str]
    """It is tried again"""
    done_at: NotRequired[str]


class DeliveryInFull(TypedDict):
    """What became of an event for a hook, and what is sent."""

    event_id: str
    type: str
    status: str
    """More may come"""
    tries: int
    happened_at: str
    tried_at: NotRequired[str]
    """The last time"""
    duration_ms: NotRequired[int]
    """Of the last try"""
    answer_status: NotRequired[int]
    answer: NotRequired[str]
    """Its first characters"""
    problem: NotRequired[str]
    """Why there was no answer"""
    next_at: NotRequired[str]
    """It is tried again"""
    done_at: NotRequired[str]
    target_url: str
    """Where it goes now"""
    body: str
    """The CloudEvent, byte for byte; `webhook-signature` is made anew at each try"""


class EventData(TypedDict):
    device_id: NotRequired[str]
    product_id: NotRequired[str]
    """As it was said"""
    rollout_id: NotRequired[str]
    task_id: NotRequired[str]
    package_id: NotRequired[str]
    key_id: NotRequired[str]
    hook_id: NotRequired[str]
    address: NotRequired[str]
    again: NotRequired[bool]
    """It had ended, and goes on"""
    attempt: NotRequired[int]
    """How many attempts failed before"""
    by: NotRequired[str]
    """Who asked for it"""
    by_result: NotRequired[bool]
    """Told by the result of an upgrade"""
    description: NotRequired[str]
    device_name: NotRequired[str]
    """As it was said"""
    dialect: NotRequired[str]
    fault: NotRequired[str]
    from_version: NotRequired[str]
    module: NotRequired[str]
    problem: NotRequired[str]
    numbers: NotRequired[dict[str, Any]]
    """What it was decided on"""
    progress: NotRequired[int]
    """Percent"""
    reason: NotRequired[str]
    remark: NotRequired[str]
    """Of who decided it"""
    revision: NotRequired[int]
    """Of the rollout, from 1; each edit makes another"""
    result: NotRequired[str]
    """Go or inconclusive of the wave before; halt"""
    role: NotRequired[str]
    state: NotRequired[str]
    status: NotRequired[str]
    tasks: NotRequired[int | dict[str, int]]
    """How many, or how many of each state"""
    times: NotRequired[int]
    tries: NotRequired[int]
    to_version: NotRequired[str]
    wave: NotRequired[int]
    """From 1; of a halt the one that is open"""


class Event(TypedDict):
    """What happened, as CloudEvents 1.0 has it."""

    specversion: str
    id: str
    """Where a reader goes on"""
    source: str
    type: str
    """More may come"""
    subject: NotRequired[str]
    """What it is about; events of one are in order"""
    time: str
    sequence: str
    datacontenttype: str
    data: EventData


class UpdateProductRolloutDefaultsWaveTag(TypedDict):
    key: str
    value: str


class UpdateProductRolloutDefaultsWave(TypedDict):
    percent: NotRequired[float]
    count: NotRequired[int]
    at_least: NotRequired[int]
    at_most: NotRequired[int]
    group_id: NotRequired[str]
    tag: NotRequired[UpdateProductRolloutDefaultsWaveTag]
    device_names: NotRequired[list[str]]
    soak_min: NotRequired[int]


class UpdateProductRolloutDefaultsGuard(TypedDict):
    p0_percent: NotRequired[float]
    p1_percent: NotRequired[float]
    alpha_percent: NotRequired[float]
    beta_percent: NotRequired[float]
    at_least: NotRequired[int]
    percent: NotRequired[float]
    from_offer: NotRequired[int]
    rejected_p0_percent: NotRequired[float]
    rejected_p1_percent: NotRequired[float]
    action: NotRequired[Literal["pause", "cancel"]]
    verdict_min: NotRequired[int]


UpdateProductRolloutDefaultsHoursOpen = TypedDict(
    "UpdateProductRolloutDefaultsHoursOpen",
    {"days": NotRequired[list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]]], "from": str, "to": str},
)


class UpdateProductRolloutDefaultsHours(TypedDict):
    zone: NotRequired[str]
    open: NotRequired[list[UpdateProductRolloutDefaultsHoursOpen]]


class UpdateProductRolloutDefaultsPace(TypedDict):
    base_per_min: NotRequired[int]
    factor: NotRequired[float]
    each_offered: NotRequired[int]
    each_succeeded: NotRequired[int]
    at_once: NotRequired[int]
    bytes_per_s: NotRequired[int]


class UpdateProductRolloutDefaultsSetAside(TypedDict):
    failures: NotRequired[int]
    first_min: NotRequired[int]
    most_min: NotRequired[int]
    hold_failures: NotRequired[int]


class UpdateProductRolloutDefaultsApproval(TypedDict):
    required: NotRequired[bool]
    over: NotRequired[int]


class UpdateProductRolloutDefaults(TypedDict):
    waves: NotRequired[list[UpdateProductRolloutDefaultsWave]]
    preset: NotRequired[Literal["careful", "fast", "all_at_once"]]
    same_devices_first: NotRequired[bool]
    guard: NotRequired[UpdateProductRolloutDefaultsGuard]
    hours: NotRequired[UpdateProductRolloutDefaultsHours]
    pace: NotRequired[UpdateProductRolloutDefaultsPace]
    set_aside: NotRequired[UpdateProductRolloutDefaultsSetAside]
    approval: NotRequired[UpdateProductRolloutDefaultsApproval]


class CreateGroupConditionAllOf(TypedDict):
    field: Literal[
        "id",
        "name",
        "nickname",
        "product_id",
        "space_id",
        "group_id",
        "gateway_id",
        "status",
        "created_at",
        "activated_at",
        "version",
        "tag",
    ]
    operator: NotRequired[Literal["is", "is_not", "begins_with", "before", "after", "exists"]]
    values: NotRequired[list[str]]
    module: NotRequired[str]
    key: NotRequired[str]


class CreateGroupConditionAnyOfAllOf(TypedDict):
    field: Literal[
        "id",
        "name",
        "nickname",
        "product_id",
        "space_id",
        "group_id",
        "gateway_id",
        "status",
        "created_at",
        "activated_at",
        "version",
        "tag",
    ]
    operator: NotRequired[Literal["is", "is_not", "begins_with", "before", "after", "exists"]]
    values: NotRequired[list[str]]
    module: NotRequired[str]
    key: NotRequired[str]


class CreateGroupConditionAnyOf(TypedDict):
    all_of: list[CreateGroupConditionAnyOfAllOf]


class CreateGroupCondition(TypedDict):
    all_of: NotRequired[list[CreateGroupConditionAllOf]]
    any_of: NotRequired[list[CreateGroupConditionAnyOf]]


class PreviewGroupConditionAllOf(TypedDict):
    field: Literal[
        "id",
        "name",
        "nickname",
        "product_id",
        "space_id",
        "group_id",
        "gateway_id",
        "status",
        "created_at",
        "activated_at",
        "version",
        "tag",
    ]
    operator: NotRequired[Literal["is", "is_not", "begins_with", "before", "after", "exists"]]
    values: NotRequired[list[str]]
    module: NotRequired[str]
    key: NotRequired[str]


class PreviewGroupConditionAnyOfAllOf(TypedDict):
    field: Literal[
        "id",
        "name",
        "nickname",
        "product_id",
        "space_id",
        "group_id",
        "gateway_id",
        "status",
        "created_at",
        "activated_at",
        "version",
        "tag",
    ]
    operator: NotRequired[Literal["is", "is_not", "begins_with", "before", "after", "exists"]]
    values: NotRequired[list[str]]
    module: NotRequired[str]
    key: NotRequired[str]


class PreviewGroupConditionAnyOf(TypedDict):
    all_of: list[PreviewGroupConditionAnyOfAllOf]


class PreviewGroupCondition(TypedDict):
    all_of: NotRequired[list[PreviewGroupConditionAllOf]]
    any_of: NotRequired[list[PreviewGroupConditionAnyOf]]


class CreateDeviceHoursTag(TypedDict):
    key: str
    value: str


CreateDeviceHoursHoursOpen = TypedDict(
    "CreateDeviceHoursHoursOpen",
    {"days": NotRequired[list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]]], "from": str, "to": str},
)


class CreateDeviceHoursHours(TypedDict):
    zone: NotRequired[str]
    open: NotRequired[list[CreateDeviceHoursHoursOpen]]


UpdateDeviceHoursHoursOpen = TypedDict(
    "UpdateDeviceHoursHoursOpen",
    {"days": NotRequired[list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]]], "from": str, "to": str},
)


class UpdateDeviceHoursHours(TypedDict):
    zone: NotRequired[str]
    open: NotRequired[list[UpdateDeviceHoursHoursOpen]]


class CreatePackageFile(TypedDict):
    name: str
    upload_url: NotRequired[str]
    upload_id: NotRequired[str]
    size: NotRequired[int]
    md5: NotRequired[str]
    sha256: NotRequired[str]


class CreatePackageObject(TypedDict):
    bucket: str
    key: str
    region: NotRequired[str]
    sha256: NotRequired[str]


class CreateRolloutTargets(TypedDict):
    all: NotRequired[bool]
    device_names: NotRequired[list[str]]
    list_url: NotRequired[str]
    percent: NotRequired[float]
    group_id: NotRequired[str]


class CreateRolloutRetry(TypedDict):
    count: int
    interval_min: int


class CreateRolloutWaveTag(TypedDict):
    key: str
    value: str


class CreateRolloutWave(TypedDict):
    percent: NotRequired[float]
    count: NotRequired[int]
    at_least: NotRequired[int]
    at_most: NotRequired[int]
    group_id: NotRequired[str]
    tag: NotRequired[CreateRolloutWaveTag]
    device_names: NotRequired[list[str]]
    soak_min: NotRequired[int]


class CreateRolloutGuard(TypedDict):
    p0_percent: NotRequired[float]
    p1_percent: NotRequired[float]
    alpha_percent: NotRequired[float]
    beta_percent: NotRequired[float]
    at_least: NotRequired[int]
    percent: NotRequired[float]
    from_offer: NotRequired[int]
    rejected_p0_percent: NotRequired[float]
    rejected_p1_percent: NotRequired[float]
    action: NotRequired[Literal["pause", "cancel"]]
    verdict_min: NotRequired[int]


class CreateRolloutApproval(TypedDict):
    over: NotRequired[int]


CreateRolloutHoursOpen = TypedDict(
    "CreateRolloutHoursOpen",
    {"days": NotRequired[list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]]], "from": str, "to": str},
)


class CreateRolloutHours(TypedDict):
    zone: NotRequired[str]
    open: NotRequired[list[CreateRolloutHoursOpen]]


class CreateRolloutPace(TypedDict):
    base_per_min: NotRequired[int]
    factor: NotRequired[float]
    each_offered: NotRequired[int]
    each_succeeded: NotRequired[int]
    at_once: NotRequired[int]
    bytes_per_s: NotRequired[int]


UpdateRolloutHoursOpen = TypedDict(
    "UpdateRolloutHoursOpen",
    {"days": NotRequired[list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]]], "from": str, "to": str},
)


class UpdateRolloutHours(TypedDict):
    zone: NotRequired[str]
    open: NotRequired[list[UpdateRolloutHoursOpen]]


class UpdateRolloutPace(TypedDict):
    base_per_min: NotRequired[int]
    factor: NotRequired[float]
    each_offered: NotRequired[int]
    each_succeeded: NotRequired[int]
    at_once: NotRequired[int]
    bytes_per_s: NotRequired[int]


class UpdateRolloutDefaultsRolloutDefaultsWaveTag(TypedDict):
    key: str
    value: str


class UpdateRolloutDefaultsRolloutDefaultsWave(TypedDict):
    percent: NotRequired[float]
    count: NotRequired[int]
    at_least: NotRequired[int]
    at_most: NotRequired[int]
    group_id: NotRequired[str]
    tag: NotRequired[UpdateRolloutDefaultsRolloutDefaultsWaveTag]
    device_names: NotRequired[list[str]]
    soak_min: NotRequired[int]


class UpdateRolloutDefaultsRolloutDefaultsGuard(TypedDict):
    p0_percent: NotRequired[float]
    p1_percent: NotRequired[float]
    alpha_percent: NotRequired[float]
    beta_percent: NotRequired[float]
    at_least: NotRequired[int]
    percent: NotRequired[float]
    from_offer: NotRequired[int]
    rejected_p0_percent: NotRequired[float]
    rejected_p1_percent: NotRequired[float]
    action: NotRequired[Literal["pause", "cancel"]]
    verdict_min: NotRequired[int]


UpdateRolloutDefaultsRolloutDefaultsHoursOpen = TypedDict(
    "UpdateRolloutDefaultsRolloutDefaultsHoursOpen",
    {"days": NotRequired[list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]]], "from": str, "to": str},
)


class UpdateRolloutDefaultsRolloutDefaultsHours(TypedDict):
    zone: NotRequired[str]
    open: NotRequired[list[UpdateRolloutDefaultsRolloutDefaultsHoursOpen]]


class UpdateRolloutDefaultsRolloutDefaultsPace(TypedDict):
    base_per_min: NotRequired[int]
    factor: NotRequired[float]
    each_offered: NotRequired[int]
    each_succeeded: NotRequired[int]
    at_once: NotRequired[int]
    bytes_per_s: NotRequired[int]


class UpdateRolloutDefaultsRolloutDefaultsSetAside(TypedDict):
    failures: NotRequired[int]
    first_min: NotRequired[int]
    most_min: NotRequired[int]
    hold_failures: NotRequired[int]


class UpdateRolloutDefaultsRolloutDefaultsApproval(TypedDict):
    required: NotRequired[bool]
    over: NotRequired[int]


class UpdateRolloutDefaultsRolloutDefaults(TypedDict):
    waves: NotRequired[list[UpdateRolloutDefaultsRolloutDefaultsWave]]
    preset: NotRequired[Literal["careful", "fast", "all_at_once"]]
    same_devices_first: NotRequired[bool]
    guard: NotRequired[UpdateRolloutDefaultsRolloutDefaultsGuard]
    hours: NotRequired[UpdateRolloutDefaultsRolloutDefaultsHours]
    pace: NotRequired[UpdateRolloutDefaultsRolloutDefaultsPace]
    set_aside: NotRequired[UpdateRolloutDefaultsRolloutDefaultsSetAside]
    approval: NotRequired[UpdateRolloutDefaultsRolloutDefaultsApproval]


class CreatePlanTargets(TypedDict):
    all: NotRequired[bool]
    device_names: NotRequired[list[str]]
    list_url: NotRequired[str]
    percent: NotRequired[float]
    group_id: NotRequired[str]


class CreatePlanRetry(TypedDict):
    count: int
    interval_min: int


class CreatePlanWaveTag(TypedDict):
    key: str
    value: str


class CreatePlanWave(TypedDict):
    percent: NotRequired[float]
    count: NotRequired[int]
    at_least: NotRequired[int]
    at_most: NotRequired[int]
    group_id: NotRequired[str]
    tag: NotRequired[CreatePlanWaveTag]
    device_names: NotRequired[list[str]]
    soak_min: NotRequired[int]


class CreatePlanGuard(TypedDict):
    p0_percent: NotRequired[float]
    p1_percent: NotRequired[float]
    alpha_percent: NotRequired[float]
    beta_percent: NotRequired[float]
    at_least: NotRequired[int]
    percent: NotRequired[float]
    from_offer: NotRequired[int]
    rejected_p0_percent: NotRequired[float]
    rejected_p1_percent: NotRequired[float]
    action: NotRequired[Literal["pause", "cancel"]]
    verdict_min: NotRequired[int]


class CreatePlanApproval(TypedDict):
    over: NotRequired[int]


CreatePlanHoursOpen = TypedDict(
    "CreatePlanHoursOpen",
    {"days": NotRequired[list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]]], "from": str, "to": str},
)


class CreatePlanHours(TypedDict):
    zone: NotRequired[str]
    open: NotRequired[list[CreatePlanHoursOpen]]


class CreatePlanPace(TypedDict):
    base_per_min: NotRequired[int]
    factor: NotRequired[float]
    each_offered: NotRequired[int]
    each_succeeded: NotRequired[int]
    at_once: NotRequired[int]
    bytes_per_s: NotRequired[int]
