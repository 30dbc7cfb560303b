"""What a key reaches that is of one space or one product: what lies in it, and nothing else of its account.

Holds: a command has a row here that says what it names and what it lists, or no such key may ask it: a new one is
closed until somebody decides. What lies elsewhere is not found, as if it were another account's, and no list has it;
what is the whole account's is denied. What a key is of it sees and does not change. Each thing is where it is for as
long as it lives, so that it may be looked for before the transaction that acts on it; devices are named by what no
other can be meanwhile. Source: ADR 0035.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from upwell.domain import commands as c
from upwell.domain.errors import Denied, NotFound
from upwell.service.context import Context
from upwell.service.manage.access import Caller
from upwell.service.manage.device_keys import device_ids, no_device
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

_Q = sheet("scopes")


async def narrowed(ctx: Context, caller: Caller, command: c.Command) -> c.Command:
    """The command as far as it is about what the caller reaches. Raises Denied for what is the account's, NotFound for
    what lies elsewhere."""
    if caller.scope is None:
        return command
    rule = RULES.get(type(command))
    if rule is None:
        raise account_wide(caller)
    which = {"account_id": caller.account_id, "space_id": caller.scope.space_id, "product_id": caller.scope.product_id}
    async with ctx.database.connection() as conn:
        return cast(c.Command, await rule(await _part(conn, caller, which), command))


async def reach_device(conn: Connection, caller: Caller, public_id: str) -> None:
    """The device lies in what the caller reaches, as this transaction sees it. Raises NotFound, Denied."""
    if caller.scope is not None:
        which = {"account_id": caller.account_id, "space_id": caller.scope.space_id,
                 "product_id": caller.scope.product_id}  # fmt: skip
        await (await _part(conn, caller, which)).device(c.DeviceKey(public_id=public_id))


async def _part(conn: Connection, caller: Caller, which: Mapping[str, Any]) -> "Part":
    row = await conn.fetchrow(*_Q["place"](**which))
    if row is None:
        raise Denied("What the key is of was deleted.")
    return Part(conn, caller, which, row["space_key"], row["product_key"])


def account_wide(caller: Caller) -> Denied:
    """The refusal of what is about a whole account."""
    return Denied(f"This is about the whole account; the key is of one {_word(caller)}.")


def _word(caller: Caller) -> str:
    return "product" if caller.scope and caller.scope.product_id is not None else "space"


@dataclass(frozen=True, slots=True)
class Part:
    """The part of an account that a key is of: one space, or one product of it."""

    conn: Connection
    caller: Caller
    which: Mapping[str, Any]
    space_key: str
    product_key: str | None

    async def product(self, key: str | None) -> None:
        """It lies in here. Raises NotFound; Denied for none, which is for every product of the account."""
        if key is None:
            raise Denied(f"What is of no product is the whole account's; the key is of one {_word(self.caller)}.")
        await self._need("has_product", "product", key, key=key)

    async def package(self, package_id: int) -> None:
        await self._need("has_package", "package", str(package_id), package_id=package_id)

    async def job(self, job_id: int) -> None:
        await self._need("has_job", "job", str(job_id), job_id=job_id)

    async def plan(self, plan_id: int) -> None:
        await self._need("has_plan", "plan", str(plan_id), plan_id=plan_id)

    async def list_of_devices(self, import_id: int) -> None:
        await self._need("has_import", "import", str(import_id), import_id=import_id)

    async def key(self, key_id: str) -> None:
        await self._need("has_key", "key", key_id, key_id=key_id)

    async def group(self, group_id: int | None) -> None:
        """It is one of the space's, if one is given. Raises NotFound; Denied of a key of one product."""
        if group_id is None:
            return
        self.whole_space()
        which = {name: value for name, value in self.which.items() if name != "product_id"}
        if not await self.conn.fetchval(*_Q["has_group"](**which, group_id=group_id)):
            raise NotFound("group", str(group_id))

    async def _need(self, how: str, kind: str, name: str, **what: object) -> None:
        if not await self.conn.fetchval(*_Q[how](**self.which, **what)):
            raise NotFound(kind, name)

    def whole_space(self) -> None:
        """Raises Denied of a key of one product: what is asked is about all products of a space."""
        if self.product_key is not None:
            raise Denied("This is about a whole space; the key is of one product.")

    def own_space(self, key: str | None) -> str:
        """The space, which is meant where none is said. Raises NotFound for another."""
        if key not in (None, self.space_key):
            raise NotFound("space", key or "")
        return self.space_key

    async def listed(self, space: str | None, product: str | None) -> dict[str, Any]:
        """What a list is limited to. Raises NotFound."""
        own = self.own_space(space)
        if product is not None:
            await self.product(product)
        return {"space": own, "product_key": product or self.product_key}

    async def devices(self, keys: Sequence[c.DeviceKey]) -> tuple[c.DeviceKey, ...]:
        """These devices, all in here, named by what no other device is. Raises NotFound, Missing."""
        ids = await device_ids(self.conn, self.caller, keys)
        rows = await self.conn.fetch(
            *_Q["devices"](**self.which, device_ids=[each for each in ids if each is not None])
        )
        found = {row["device_id"]: row["iot_id"] for row in rows}
        for key, each in zip(keys, ids, strict=True):
            if each is None or each not in found or key.iot_id not in (None, "", found[each]):
                raise no_device(key)
        return tuple(c.DeviceKey(iot_id=found[each]) for each in ids if each is not None)

    async def device(self, key: c.DeviceKey) -> c.DeviceKey:
        return (await self.devices([key]))[0]


Rule = Callable[[Part, Any], Awaitable[Any]]


# --- products, spaces, modules --------------------------------------------------------------------------------------


async def _make_product(part: Part, cmd: c.CreateProduct) -> c.CreateProduct:
    part.whole_space()
    return replace(cmd, space=part.own_space(cmd.space))


async def _of_product(part: Part, cmd: Any) -> Any:
    await part.product(cmd.product_key)
    return cmd


async def _change_product(part: Part, cmd: c.UpdateProduct | c.DeleteProduct | c.SetLimits) -> Any:
    await part.product(cmd.product_key)
    part.whole_space()
    return cmd


async def _list_spaces(part: Part, cmd: c.ListSpaces) -> c.ListSpaces:
    part.whole_space()
    return replace(cmd, space=part.space_key)


async def _show_space(part: Part, cmd: c.ShowSpace) -> c.ShowSpace:
    part.own_space(cmd.space)
    part.whole_space()
    return cmd


async def _change_space(part: Part, cmd: c.RenameSpace | c.DeleteSpace) -> Any:
    part.own_space(cmd.space)
    raise account_wide(part.caller)


async def _of_module(part: Part, cmd: c.ShowModule | c.UpdateModule | c.DeleteModule) -> Any:
    await part.product(cmd.module.product_key)
    return replace(cmd, module=replace(cmd.module, module_id=None))


# --- devices, groups ------------------------------------------------------------------------------------------------


async def _make_device(part: Part, cmd: c.CreateDevice) -> c.CreateDevice:
    await part.product(cmd.product_key)
    if cmd.gateway_id is not None:
        await part.device(c.DeviceKey(public_id=cmd.gateway_id))
    return cmd


async def _of_device(part: Part, cmd: Any) -> Any:
    return replace(cmd, device=await part.device(cmd.device))


async def _of_devices(part: Part, cmd: c.UpdateDevices) -> c.UpdateDevices:
    keys = await part.devices([change.device for change in cmd.changes])
    return replace(cmd, changes=tuple(replace(one, device=key) for one, key in zip(cmd.changes, keys, strict=True)))


async def _list_devices(part: Part, cmd: c.ListDevices) -> c.ListDevices:
    if cmd.apply_id is not None:
        raise account_wide(part.caller)
    await part.group(cmd.group_id)
    return replace(cmd, **await part.listed(cmd.space, cmd.product_key))


async def _export_devices(part: Part, cmd: c.ExportDevices) -> c.ExportDevices:
    return replace(cmd, which=await _list_devices(part, cmd.which))


async def _of_import(part: Part, cmd: Any) -> Any:
    await part.list_of_devices(cmd.import_id)
    return cmd


async def _count_devices(part: Part, cmd: c.CountDevices) -> c.CountDevices:
    await part.group(cmd.group_id)
    return replace(cmd, **await part.listed(cmd.space, cmd.product_key))


async def _aside(part: Part, cmd: c.CountAside | c.ReleaseDevices) -> Any:
    await part.job(cmd.job_id) if cmd.job_id is not None else None
    return await _listed(part, cmd)


async def _listed(part: Part, cmd: Any) -> Any:
    return replace(cmd, **await part.listed(cmd.space, cmd.product_key))


async def _list_refused(part: Part, cmd: c.ListRefusedLogins) -> c.ListRefusedLogins:
    """Of one product; those that say none are the account's."""
    product = cmd.product_key or part.product_key
    await part.product(product)
    return replace(cmd, product_key=product)


async def _make_group(part: Part, cmd: c.CreateGroup) -> c.CreateGroup:
    part.whole_space()
    await part.group(cmd.super_group_id)
    return replace(cmd, space=part.own_space(cmd.space))


async def _of_group(part: Part, cmd: c.UpdateGroup | c.DeleteGroup) -> Any:
    await part.group(cmd.group_id)
    return cmd


async def _show_group(part: Part, cmd: c.ShowGroup) -> c.ShowGroup:
    await part.group(cmd.group_id)
    return replace(cmd, counted_in=part.space_key)


async def _members(part: Part, cmd: c.AddToGroup | c.RemoveFromGroup) -> Any:
    await part.group(cmd.group_id)
    return replace(cmd, devices=await part.devices(cmd.devices))


async def _list_groups(part: Part, cmd: c.ListGroups) -> c.ListGroups:
    part.whole_space()
    await part.group(cmd.super_group_id)
    device = None if cmd.device is None else await part.device(cmd.device)
    return replace(cmd, space=part.own_space(cmd.space), device=device)


# --- packages, jobs, tasks ------------------------------------------------------------------------------------------


async def _as_it_is(part: Part, cmd: Any) -> Any:
    return cmd


async def _make_package(part: Part, cmd: c.CreatePackage) -> c.CreatePackage:
    await part.product(cmd.product_key)
    if cmd.place is not None:
        raise Denied("Buckets are the whole account's; a key of a part of it makes packages of uploaded files.")
    return cmd


async def _of_package(part: Part, cmd: c.ShowPackage | c.UpdatePackage | c.DeletePackage) -> Any:
    await part.package(cmd.package_id)
    return cmd


async def _make_job(part: Part, cmd: c.CreateJob) -> c.CreateJob:
    if cmd.asks_version or cmd.targets:
        raise account_wide(part.caller)
    await part.product(cmd.product_key)
    for package_id in cmd.package_ids:
        await part.package(package_id)
    for group_id in cmd.group_ids:
        await part.group(group_id)
    return cmd


async def _make_plan(part: Part, cmd: c.CreatePlan) -> c.CreatePlan:
    return replace(cmd, job=await _make_job(part, cmd.job))


async def _of_plan(part: Part, cmd: c.ShowPlan) -> c.ShowPlan:
    await part.plan(cmd.plan_id)
    return cmd


async def _of_job(part: Part, cmd: Any) -> Any:
    await part.job(cmd.job_id)
    return cmd


async def _explain_device(part: Part, cmd: c.ExplainDevice) -> c.ExplainDevice:
    if cmd.job_id is not None:
        await part.job(cmd.job_id)
    if cmd.package_id is not None:
        await part.package(cmd.package_id)
    return replace(cmd, device=await part.device(cmd.device))


async def _list_jobs(part: Part, cmd: c.ListJobs) -> c.ListJobs:
    if cmd.package_id is not None:
        await part.package(cmd.package_id)
    device = None if cmd.device is None else await part.device(cmd.device)
    return replace(cmd, device=device, part="", **await part.listed(cmd.space, cmd.product_key))


async def _list_tasks(part: Part, cmd: c.ListTasks) -> c.ListTasks:
    if cmd.job_id is not None:
        await part.job(cmd.job_id)
        return replace(cmd, device=None)
    return replace(cmd, device=await part.device(cmd.device or c.DeviceKey()))


async def _steer(part: Part, cmd: c.CancelTasks | c.ConfirmTasks | c.RepeatTasks) -> Any:
    """Only by job: by package or target it is about several of them."""
    named = {ref.job_id for ref in getattr(cmd, "tasks", ())} | ({cmd.job_id} if cmd.job_id is not None else set())
    if not named or cmd.targets or getattr(cmd, "package_id", None) is not None:
        raise account_wide(part.caller)
    for job_id in sorted(named):
        await part.job(job_id)
    return cmd


# --- keys -----------------------------------------------------------------------------------------------------------


async def _make_key(part: Part, cmd: c.CreateKey) -> c.CreateKey:
    """It can do no more than the one that makes it."""
    if cmd.product_key is not None:
        await part.product(cmd.product_key)
    elif cmd.space is not None:
        part.own_space(cmd.space)
        part.whole_space()
    else:
        raise Denied(f"The key is of one {_word(part.caller)}; so must be each that it makes.")
    return cmd


async def _of_key(part: Part, cmd: c.ShowKey | c.RevokeKey) -> Any:
    await part.key(cmd.key_id)
    return cmd


RULES: Mapping[type, Rule] = {
    c.CreateProduct: _make_product, c.ShowProduct: _of_product, c.ListProducts: _listed,
    c.UpdateProduct: _change_product, c.DeleteProduct: _change_product,
    c.ListSpaces: _list_spaces, c.ShowSpace: _show_space, c.RenameSpace: _change_space, c.DeleteSpace: _change_space,
    c.CreateModule: _of_product, c.ListModules: _of_product, c.ShowModule: _of_module, c.UpdateModule: _of_module,
    c.DeleteModule: _of_module,
    c.CreateDevice: _make_device, c.ShowDevice: _of_device, c.ListDevices: _list_devices,
    c.CountDevices: _count_devices, c.UpdateDevices: _of_devices, c.ResetSecret: _of_device, c.ResetDevice: _of_device,
    c.DeleteDevice: _of_device, c.SetTags: _of_device, c.DeleteTags: _of_device, c.RegisterDevices: _of_product,
    c.CheckDeviceNames: _of_product, c.ShowRegistration: _of_product,
    c.ExportDevices: _export_devices, c.CreateImport: _of_product, c.ListImports: _listed,
    c.ShowImport: _of_import, c.CancelImport: _of_import, c.ListImportProblems: _of_import,
    c.ListImportDevices: _of_import,
    c.CreateUploadTicket: _as_it_is, c.CreateUpload: _as_it_is, c.ShowUpload: _as_it_is,
    c.PutUploadPart: _as_it_is, c.CompleteUpload: _as_it_is, c.DeleteUpload: _as_it_is,
    c.CreateGroup: _make_group, c.UpdateGroup: _of_group, c.DeleteGroup: _of_group, c.ShowGroup: _show_group,
    c.ListGroups: _list_groups, c.AddToGroup: _members, c.RemoveFromGroup: _members,
    c.CreatePackage: _make_package, c.ShowPackage: _of_package,
    c.UpdatePackage: _of_package, c.DeletePackage: _of_package, c.ListPackages: _listed,
    c.ApproveJob: _of_job, c.RefuseJob: _of_job,
    c.PauseJob: _of_job, c.ResumeJob: _of_job, c.PromoteJob: _of_job, c.ListDecisions: _of_job,
    c.PlanRollback: _of_job, c.ShowRollback: _of_job, c.StartRollback: _of_job,
    c.ShowAttention: _listed, c.ShowLimits: _of_product, c.SetLimits: _change_product,
    c.ExplainDevice: _explain_device, c.ShowReasons: _of_job, c.CreatePlan: _make_plan, c.ShowPlan: _of_plan,
    c.CreateJob: _make_job, c.UpdateJob: _of_job, c.EndPolicy: _of_job, c.ShowJob: _of_job, c.ListJobs: _list_jobs,
    c.ListFailures: _of_job, c.ListCourse: _of_job, c.ListTimeline: _of_device, c.ListVersionHours: _of_product,
    c.CountWaiting: _of_job, c.CountAside: _aside,
    c.ReleaseDevices: _aside, c.ReleaseDevice: _of_device, c.ListRefusedLogins: _list_refused,
    c.ListTasks: _list_tasks, c.CancelTasks: _steer, c.ConfirmTasks: _steer, c.RepeatTasks: _steer,
    c.ShowMe: _as_it_is, c.CreateKey: _make_key, c.ListKeys: _as_it_is, c.ShowKey: _of_key, c.RevokeKey: _of_key,
}  # fmt: skip
"""What each command names and lists. One without a row is about the whole account."""
