"""Which use answers which command."""

from collections.abc import Awaitable, Callable
from typing import Any

from upwell.domain import commands as c
from upwell.service.context import Context
from upwell.service.manage import (
    batch_views,
    batches,
    device_search,
    devices,
    group_members,
    groups,
    hooks,
    jobs,
    modules,
    packages,
    products,
    registration,
    spaces,
    tags,
    target_files,
    upgrades,
    uploads,
    views,
)
from upwell.service.manage.access import Caller, require

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
    c.CreateVerifyJob: jobs.create_verify_job,
    c.CreateStaticJob: jobs.create_static_job,
    c.CreateDynamicJob: jobs.create_dynamic_job,
    c.UpdateJob: jobs.update_job,
    c.EndPolicy: jobs.end_policy,
    c.CreateBatch: batches.create_batch,
    c.ShowBatch: batch_views.show_batch,
    c.ScanBatches: batch_views.scan_batches,
    c.StopBatch: batches.stop_batch,
    c.RetryBatch: batches.retry_batch,
    c.ConfirmBatch: batches.confirm_batch,
    c.DeleteBatch: batches.delete_batch,
    c.ShowJob: views.show_job,
    c.ListJobsOfPackage: views.list_jobs_of_package,
    c.ListJobsOfDevice: views.list_jobs_of_device,
    c.ListTasksOfJob: views.list_tasks_of_job,
    c.ListOpenTasksOfDevice: views.list_open_tasks_of_device,
    c.CancelTasksOfJob: upgrades.cancel_tasks_of_job,
    c.CancelTasksOfDevices: upgrades.cancel_tasks_of_devices,
    c.ConfirmTasks: upgrades.confirm_tasks,
    c.RepeatTasks: upgrades.repeat_tasks,
    c.CreateRule: hooks.create_rule,
    c.ShowRule: hooks.show_rule,
    c.ScanRules: hooks.scan_rules,
    c.ChangeRule: hooks.change_rule,
    c.DeleteRule: hooks.delete_rule,
    c.AddAction: hooks.add_action,
    c.ShowAction: hooks.show_action,
    c.ScanActions: hooks.scan_actions,
    c.ChangeAction: hooks.change_action,
    c.DeleteAction: hooks.delete_action,
    c.CreateSpace: spaces.create_space,
    c.ListSpaces: spaces.list_spaces,
    c.ShowSpace: spaces.show_space,
    c.RenameSpace: spaces.rename_space,
    c.DeleteSpace: spaces.delete_space,
    c.ListBatchFiles: target_files.list_batch_files,
    c.DeleteBatchFile: target_files.delete_batch_file,
}


async def perform(ctx: Context, caller: Caller, command: c.Command, role: str, origin: str) -> c.Result:
    """Do what the command asks; `role` is the least that may, `origin` where the caller reached us."""
    require(caller, role)
    if isinstance(command, c.CreateUploadTicket):
        return await uploads.create_upload_ticket(ctx, caller, command, origin)
    return await USES[type(command)](ctx, caller, command)
