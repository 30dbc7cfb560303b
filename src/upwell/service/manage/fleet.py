"""The fleet under one name: products, devices, batches, tags and presence, each of which has its own room beside."""

from upwell.service.manage.devices import (
    delete_device_row,
    key_device_id,
    list_devices,
    list_devices_by_status,
    register_device,
    reset_device,
    set_device_enabled,
    set_nicknames,
    show_device,
    show_devices,
)
from upwell.service.manage.products import (
    create_product,
    delete_product,
    find_product,
    list_products,
    show_product,
    update_product,
)
from upwell.service.manage.registration import (
    check_device_names,
    list_registered,
    register_checked,
    register_devices,
    show_registration,
)
from upwell.service.manage.tags import delete_device_tag, list_devices_by_tags, set_device_tags, show_device_tags
from upwell.service.upgrade.presence import came_online, went_offline

__all__ = [
    "came_online",
    "check_device_names",
    "create_product",
    "delete_device_row",
    "delete_device_tag",
    "delete_product",
    "find_product",
    "key_device_id",
    "list_devices",
    "list_devices_by_status",
    "list_devices_by_tags",
    "list_products",
    "list_registered",
    "register_checked",
    "register_device",
    "register_devices",
    "reset_device",
    "set_device_enabled",
    "set_device_tags",
    "set_nicknames",
    "show_device",
    "show_device_tags",
    "show_devices",
    "show_product",
    "show_registration",
    "update_product",
    "went_offline",
]
