"""Which use answers which command."""

from collections.abc import Awaitable, Callable
from typing import Any

from upwell.domain import commands as c
from upwell.service import fleet, groups, jobs, modules, packages, rules, stored, upgrades, uploads, views
from upwell.service.access import Caller, require
from upwell.service.context import Context

Use = Callable[[Context, Caller, Any], Awaitable[c.Result]]

USES: dict[type, Use] = {
    c.CreateProduct: fleet.create_product,
    c.ShowProduct: fleet.show_product,
    c.ListProducts: fleet.list_products,
    c.UpdateProduct: fleet.update_product,
    c.DeleteProduct: fleet.delete_product,
    c.RegisterDevice: fleet.register_device,
    c.RegisterDevices: fleet.register_devices,
    c.CheckDeviceNames: fleet.check_device_names,
    c.RegisterChecked: fleet.register_checked,
    c.ShowRegistration: fleet.show_registration,
    c.ListRegistered: fleet.list_registered,
    c.ListDevices: fleet.list_devices,
    c.ShowDevice: fleet.show_device,
    c.ShowDevices: fleet.show_devices,
    c.DeleteDevice: upgrades.delete_device,
    c.SetDeviceEnabled: fleet.set_device_enabled,
    c.ResetDevice: fleet.reset_device,
    c.SetNicknames: fleet.set_nicknames,
    c.ListDevicesByStatus: fleet.list_devices_by_status,
    c.SetDeviceTags: fleet.set_device_tags,
    c.ShowDeviceTags: fleet.show_device_tags,
    c.DeleteDeviceTag: fleet.delete_device_tag,
    c.ListDevicesByTags: fleet.list_devices_by_tags,
    c.CountDevices: groups.count_devices,
    c.CreateGroup: groups.create_group,
    c.UpdateGroup: groups.update_group,
    c.DeleteGroup: groups.delete_group,
    c.ListGroups: groups.list_groups,
    c.ShowGroup: groups.show_group,
    c.ShowSuperGroup: groups.show_super_group,
    c.AddToGroup: groups.add_to_group,
    c.RemoveFromGroup: groups.remove_from_group,
    c.ListDevicesOfGroup: groups.list_devices_of_group,
    c.ListGroupsOfDevice: groups.list_groups_of_device,
    c.CreatePackage: packages.create_package,
    c.ShowPackage: packages.show_package,
    c.ListPackages: packages.list_packages,
    c.ModifyPackage: packages.modify_package,
    c.DeletePackage: packages.delete_package,
    c.CreateStoredPackage: stored.create_stored_package,
    c.ScanPackages: stored.scan_packages,
    c.ShowStoredPackage: stored.show_stored_package,
    c.CreateModule: modules.create_module,
    c.UpdateModule: modules.update_module,
    c.DeleteModule: modules.delete_module,
    c.ListModules: modules.list_modules,
    c.ListModuleVersions: modules.list_module_versions,
    c.CreateVerifyJob: jobs.create_verify_job,
    c.CreateStaticJob: jobs.create_static_job,
    c.CreateDynamicJob: jobs.create_dynamic_job,
    c.UpdateJob: jobs.update_job,
    c.EndPolicy: jobs.end_policy,
    c.ShowJob: views.show_job,
    c.ListJobsOfPackage: views.list_jobs_of_package,
    c.ListJobsOfDevice: views.list_jobs_of_device,
    c.ListTasksOfJob: views.list_tasks_of_job,
    c.ListOpenTasksOfDevice: views.list_open_tasks_of_device,
    c.CancelTasksOfJob: upgrades.cancel_tasks_of_job,
    c.CancelTasksOfDevices: upgrades.cancel_tasks_of_devices,
    c.ConfirmTasks: upgrades.confirm_tasks,
    c.RepeatTasks: upgrades.repeat_tasks,
    c.CreateRule: rules.create_rule,
    c.ShowRule: rules.show_rule,
    c.ScanRules: rules.scan_rules,
    c.ChangeRule: rules.change_rule,
    c.DeleteRule: rules.delete_rule,
    c.AddAction: rules.add_action,
    c.ShowAction: rules.show_action,
    c.ScanActions: rules.scan_actions,
    c.ChangeAction: rules.change_action,
    c.DeleteAction: rules.delete_action,
}


async def perform(ctx: Context, caller: Caller, command: c.Command, role: str, origin: str) -> c.Result:
    """Do what the command asks; `role` is the least that may, `origin` where the caller reached us."""
    require(caller, role)
    if isinstance(command, c.CreateUploadTicket):
        return await uploads.create_upload_ticket(ctx, caller, command, origin)
    return await USES[type(command)](ctx, caller, command)
