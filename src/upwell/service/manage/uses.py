"""Which use answers which command."""

from collections.abc import Awaitable, Callable
from typing import Any

from upwell.domain import commands as c
from upwell.service.context import Context
from upwell.service.manage import (
    device_search,
    devices,
    groups,
    hooks,
    job_views,
    jobs,
    modules,
    packages,
    products,
    registration,
    space_groups,
    spaces,
    steering,
    tags,
    target_files,
    task_views,
    uploads,
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
    c.ShowSuperGroup: groups.show_super_group,
    c.AddToGroup: groups.add_to_group,
    c.RemoveFromGroup: groups.remove_from_group,
    c.ListGroupsOfDevice: groups.list_groups_of_device,
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
    c.EndPolicy: jobs.end_policy,
    c.DeleteJob: jobs.delete_job,
    c.ShowJob: job_views.show_job,
    c.ListJobs: job_views.list_jobs,
    c.ListTasks: task_views.list_tasks,
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
    c.ScanGroups: space_groups.scan_groups,
    c.ChangeGroup: space_groups.change_group,
    c.ListTargetFiles: target_files.list_target_files,
    c.DeleteTargetFile: target_files.delete_target_file,
}


async def perform(ctx: Context, caller: Caller, command: c.Command, role: str, origin: str) -> c.Result:
    """Do what the command asks; `role` is the least that may, `origin` where the caller reached us."""
    require(caller, role)
    if isinstance(command, c.CreateUploadTicket):
        return await uploads.create_upload_ticket(ctx, caller, command, origin)
    return await USES[type(command)](ctx, caller, command)
