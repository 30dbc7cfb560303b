"""Every page of the console: where it is, who may see it, what it reads and how it is drawn, a row each."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from upwell.console.asking import V1, File, Members
from upwell.console.readings import (
    auditing,
    devices,
    groups,
    home,
    hooks,
    imports,
    new_rollout,
    packages,
    people,
    products,
    rollouts,
)

Query = Mapping[str, str]
Read = Callable[[V1, Mapping[str, str], Query], Awaitable[Members]]


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `path` is below the console's root, its ids in braces. `part` is the template of what changes while
    somebody looks, which is sent again when it does. `section` is where the navigation shows it."""

    path: str
    read: Read
    template: str
    section: str
    role: str = "viewer"
    part: str = ""
    method: str = field(default="GET", init=False)


@dataclass(frozen=True, slots=True)
class Download:
    """A list as a file, told piece by piece."""

    path: str
    read: Callable[[V1, Query], Awaitable[File]]
    role: str
    method: str = field(default="GET", init=False)


PAGES: dict[str, Page] = {
    "home": Page("", home.read, "home.html", "home", part="home_live.html"),
    "devices": Page("/devices", devices.read_list, "devices.html", "fleet"),
    "device": Page("/devices/{device_id}", devices.read_one, "device.html", "fleet", part="device_live.html"),
    "products": Page("/products", products.read_list, "products.html", "fleet"),
    "product": Page("/products/{product_id}", products.read_one, "product.html", "fleet"),
    "imports": Page("/imports", imports.read_list, "imports.html", "fleet"),
    "import": Page("/imports/{import_id}", imports.read_one, "import.html", "fleet", part="import_live.html"),
    "tags": Page("/tags", devices.read_tags, "tags.html", "fleet"),
    "groups": Page("/groups", groups.read_list, "groups.html", "fleet"),
    "group_new": Page("/groups/new", groups.read_new, "group_new.html", "fleet", role="operator"),
    "group": Page("/groups/{group_id}", groups.read_one, "group.html", "fleet"),
    "packages": Page("/packages", packages.read_list, "packages.html", "packages"),
    "package_new": Page("/packages/new", packages.read_new, "package_new.html", "packages", role="operator"),
    "package": Page("/packages/{package_id}", packages.read_one, "package.html", "packages", part="package_live.html"),
    "rollouts": Page("/rollouts", rollouts.read_list, "rollouts.html", "rollouts"),
    "rollout_new": Page("/rollouts/new", new_rollout.read, "rollout_new.html", "rollouts", role="operator"),
    "plan": Page("/plans/{plan_id}", new_rollout.read_plan, "plan.html", "rollouts", part="plan_told.html"),
    "rollout": Page("/rollouts/{rollout_id}", rollouts.read_one, "rollout.html", "rollouts", part="rollout_live.html"),
    "leave_out": Page(
        "/rollouts/{rollout_id}/leave-out", rollouts.read_leave_out, "leave_out.html", "rollouts", role="operator"
    ),
    "hooks": Page("/hooks", hooks.read_list, "hooks.html", "hooks", role="operator"),
    "hook": Page("/hooks/{hook_id}", hooks.read_one, "hook.html", "hooks", role="operator", part="hook_live.html"),
    "delivery": Page(
        "/hooks/{hook_id}/deliveries/{event_id}", hooks.read_delivery, "delivery.html", "hooks", role="operator"
    ),
    "people": Page("/people", people.read_users, "people.html", "access", role="admin"),
    "user": Page("/people/{user_id}", people.read_user, "user.html", "access", role="admin"),
    "keys": Page("/keys", people.read_keys, "keys.html", "access", role="admin"),
    "sessions": Page("/sessions", people.read_sessions, "sessions.html", "access", role="admin"),
    "audit": Page("/audit", auditing.read_list, "audit.html", "audit", role="admin"),
    "account": Page("/account", people.read_account, "account.html", "account"),
}
DOWNLOADS: dict[str, Download] = {
    "audit_file": Download("/audit/export", auditing.read_file, "admin"),
}
