"""The operations of Huawei's API that Upwell promises, as the SDK calls them, written down from the reference and not
from the server."""

PACKAGES = (  # huawei 2.1
    "create_ota_package",
    "list_ota_package_info",
    "show_ota_package",
    "delete_ota_package",
    "create_ota_module",
    "list_ota_modules",
    "show_ota_module",
    "update_ota_module",
    "delete_ota_module",
)
BATCHES = (  # huawei 3.1
    "create_batch_task",
    "list_batch_tasks",
    "show_batch_task",
    "delete_batch_task",
    "retry_batch_task",
    "stop_batch_task",
    "confirm_batch_task",
    "upload_batch_task_file",
    "list_batch_task_files",
    "delete_batch_task_file",
)
SPACES = (  # huawei 4.1
    "add_application",
    "show_applications",
    "show_application",
    "update_application",
    "delete_application",
)
PRODUCTS = ("create_product", "list_products", "show_product", "update_product", "delete_product")  # huawei 4.2
DEVICES = (  # huawei 4.3, 4.6
    "add_device",
    "list_devices",
    "show_device",
    "update_device",
    "delete_device",
    "reset_device_secret",
    "freeze_device",
    "unfreeze_device",
    "list_device_groups_by_device",
    "search_devices",
)
GROUPS = (  # huawei 4.4
    "add_device_group",
    "list_device_groups",
    "show_device_group",
    "update_device_group",
    "delete_device_group",
    "create_or_delete_device_in_group",
    "show_devices_in_group",
)
TAGS = ("tag_device", "untag_device", "list_resources_by_tags")  # huawei 4.5
RULES = (  # huawei 6.5
    "create_routing_rule",
    "list_routing_rules",
    "show_routing_rule",
    "update_routing_rule",
    "delete_routing_rule",
    "create_rule_action",
    "list_rule_actions",
    "show_rule_action",
    "update_rule_action",
    "delete_rule_action",
)
EVERY = (*PACKAGES, *BATCHES, *SPACES, *PRODUCTS, *DEVICES, *GROUPS, *TAGS, *RULES)
