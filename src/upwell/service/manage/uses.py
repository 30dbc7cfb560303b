"""Which use answers which command."""

from collections.abc import Awaitable, Callable
from typing import Any

from upwell.domain import commands as c
from upwell.service.context import Context
from upwell.service.manage import (
    accounts,
    audit_lists,
    device_search,
    devices,
    event_lists,
    failure_views,
    fleet_views,
    group_members,
    groups,
    hooks,
    imports,
    job_views,
    jobs,
    keys,
    modules,
    own_keys,
    packages,
    parts,
    pausing,
    people,
    products,
    promoting,
    receivers,
    registration,
    scopes,
    sessions,
    spaces,
    steering,
    tags,
    target_files,
    task_views,
    timeline_views,
    uploads,
)
from upwell.service.manage.access import Caller, require
from upwell.service.manage.parts import Incoming

Use = Callable[[Context, Caller, Any], Awaitable[c.Result]]

USES: dict[type, Use] = {
    c.CreateProduct: products.create_product,
    c.ShowProduct: products.show_product,
    c.ListProducts: products.list_products,
    c.UpdateProduct: products.update_product,
    c.DeleteProduct: products.delete_product,
    c.CreateDevice: devices.create_device,
    c.ShowDevice: devices.show_device,
    c.ShowDevices: devices.show_devices,
    c.ListDevices: device_search.list_devices,
    c.CountDevices: device_search.count_devices,
    c.UpdateDevices: devices.update_devices,
    c.ResetSecret: devices.reset_secret,
    c.ResetDevice: devices.reset_device,
    c.DeleteDevice: devices.delete_device,
    c.SetTags: tags.set_tags,
    c.DeleteTags: tags.delete_tags,
    c.RegisterDevices: registration.register_devices,
    c.CheckDeviceNames: registration.check_device_names,
    c.ShowRegistration: registration.show_registration,
    c.CreateGroup: groups.create_group,
    c.UpdateGroup: groups.update_group,
    c.DeleteGroup: groups.delete_group,
    c.ListGroups: groups.list_groups,
    c.ShowGroup: groups.show_group,
    c.AddToGroup: group_members.add_to_group,
    c.RemoveFromGroup: group_members.remove_from_group,
    c.CreatePackage: packages.create_package,
    c.ShowPackage: packages.show_package,
    c.ListPackages: packages.list_packages,
    c.UpdatePackage: packages.update_package,
    c.DeletePackage: packages.delete_package,
    c.CreateModule: modules.create_module,
    c.UpdateModule: modules.update_module,
    c.DeleteModule: modules.delete_module,
    c.ShowModule: modules.show_module,
    c.ListModules: modules.list_modules,
    c.ListModuleVersions: modules.list_module_versions,
    c.CreateJob: jobs.create_job,
    c.UpdateJob: jobs.update_job,
    c.PauseJob: pausing.pause_job,
    c.ResumeJob: pausing.resume_job,
    c.PromoteJob: promoting.promote_job,
    c.ListDecisions: promoting.list_decisions,
    c.EndPolicy: jobs.end_policy,
    c.DeleteJob: jobs.delete_job,
    c.ShowJob: job_views.show_job,
    c.ListJobs: job_views.list_jobs,
    c.ListTasks: task_views.list_tasks,
    c.ListRefusedLogins: fleet_views.list_refused_logins,
    c.ListVersionHours: fleet_views.list_version_hours,
    c.ListTimeline: timeline_views.list_timeline,
    c.ListFailures: failure_views.list_failures,
    c.CancelTasks: steering.cancel_tasks,
    c.ConfirmTasks: steering.confirm_tasks,
    c.RepeatTasks: steering.repeat_tasks,
    c.CreateHook: hooks.create_hook,
    c.ShowHook: hooks.show_hook,
    c.ListHooks: hooks.list_hooks,
    c.UpdateHook: hooks.update_hook,
    c.DeleteHook: hooks.delete_hook,
    c.CreateAction: hooks.create_action,
    c.ShowAction: hooks.show_action,
    c.ListActions: hooks.list_actions,
    c.UpdateAction: hooks.update_action,
    c.DeleteAction: hooks.delete_action,
    c.CreateSpace: spaces.create_space,
    c.ListSpaces: spaces.list_spaces,
    c.ShowSpace: spaces.show_space,
    c.RenameSpace: spaces.rename_space,
    c.DeleteSpace: spaces.delete_space,
    c.ListTargetFiles: target_files.list_target_files,
    c.DeleteTargetFile: target_files.delete_target_file,
    c.CreateKey: keys.create_key,
    c.ListKeys: keys.list_keys,
    c.ShowKey: keys.show_key,
    c.RevokeKey: keys.revoke_key,
    c.CreateOwnKey: own_keys.create_own_key,
    c.ListOwnKeys: own_keys.list_own_keys,
    c.RevokeOwnKey: own_keys.revoke_own_key,
    c.ListAudit: audit_lists.list_audit,
    c.ListEvents: event_lists.list_events,
    c.ShowEventSettings: event_lists.show_event_settings,
    c.UpdateEventSettings: event_lists.update_event_settings,
    c.CreateReceiver: receivers.create_receiver,
    c.ShowReceiver: receivers.show_receiver,
    c.ListReceivers: receivers.list_receivers,
    c.UpdateReceiver: receivers.update_receiver,
    c.DeleteReceiver: receivers.delete_receiver,
    c.PingReceiver: receivers.ping_receiver,
    c.RotateSecret: receivers.rotate_secret,
    c.Redeliver: receivers.redeliver,
    c.ListDeliveries: receivers.list_deliveries,
    c.CreateUpload: parts.create_upload,
    c.ShowUpload: parts.show_upload,
    c.CompleteUpload: parts.complete_upload,
    c.DeleteUpload: parts.delete_upload,
    c.ExportDevices: device_search.export_devices,
    c.ShowImport: imports.show_import,
    c.ListImports: imports.list_imports,
    c.ListImportProblems: imports.list_problems,
    c.ListImportDevices: imports.list_devices,
    c.CancelImport: imports.cancel_import,
    c.EndSession: sessions.end_session,
    c.ShowMe: people.show_me,
    c.CreateUser: people.create_user,
    c.ListUsers: people.list_users,
    c.ShowUser: people.show_user,
    c.UpdateUser: people.update_user,
    c.DeleteUser: people.delete_user,
    c.CreateAccount: accounts.create_account,
    c.ListAccounts: accounts.list_accounts,
    c.ShowAccount: accounts.show_account,
    c.RenameAccount: accounts.rename_account,
}

Taking = Callable[[Context, Caller, Any, Incoming], Awaitable[c.Result]]

TAKING: dict[type, Taking] = {
    c.PutUploadPart: parts.put_part,
    c.CreateImport: imports.create_import,
}
"""Those whose bytes come with them."""


async def perform(
    ctx: Context, caller: Caller, command: c.Command, role: str, origin: str, incoming: Incoming | None = None
) -> c.Result:
    """Do what the command asks; `role` is the least that may, `origin` where the caller reached us, `incoming` what
    comes with it."""
    require(caller, role)
    command = await scopes.narrowed(ctx, caller, command)
    if incoming is not None:
        return await TAKING[type(command)](ctx, caller, command, incoming)
    if isinstance(command, c.CreateUploadTicket):
        return await uploads.create_upload_ticket(ctx, caller, command, origin)
    return await USES[type(command)](ctx, caller, command)
