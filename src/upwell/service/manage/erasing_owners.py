"""By which column each table's rows are an account's: the way from the account to all of them.

Holds: every table is here, in one of these; a test fails for a new one until somebody decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parent:
    """Rows of a table that belong to the account by `by`, told apart by `key`; and what belongs to each of them."""

    table: str
    key: str
    tables: Mapping[str, str]
    by: str = "account_id"


def _of(column: str, tables: str) -> Mapping[str, str]:
    return dict.fromkeys(tables.split(), column)


OF_DEVICE = _of(
    "device_id",
    "task_change task job_offer job_missed job_target job_stray presence heard module_version version_past device_line "
    "device_past device_tag group_member topology setback",
)
"""What is found by its device; of a target that is no device too, whose number is its job's alone."""

PARENTS: Sequence[Parent] = (
    Parent("job", "job_id", _of(
        "job_id",
        "decision job_act job_approval job_at_work job_count job_course job_hours job_lot job_mark job_missed "
        "job_noted job_package job_step job_stratum job_stray job_stretch job_target job_wave budget failure_count "
        "pace policy rollback_part rollback rollout news",
    )),
    Parent("survey", "survey_id", _of("job_id", "job_target job_stray")),
    Parent("registration", "apply_id", _of("apply_id", "registered")),
    Parent("device_import", "import_id", _of("import_id", "imported import_problem")),
    Parent("receiver", "receiver_id", _of("receiver_id", "delivery")),
    Parent("hook_action", "action_id", _of("action_id", "news")),
    Parent("iam_user", "user_id", _of("user_id", "iam_token session")),
    Parent("parted_upload", "upload_id", _of("upload_id", "upload_part")),
    Parent("access_key", "key_id", _of("key_id", "nonce")),
    Parent("device_group", "group_id", _of("group_id", "group_member")),
    Parent("product", "product_id", _of("product_id", "fleet_count module policy version_count version_hour")),
)  # fmt: skip
OF_ACCOUNT = (
    "audit", "device_hours", "device_tag", "event_made", "event", "event_setting", "fleet_limit", "fleet_pace",
    "flow_limit", "hook", "kept_answer", "package", "rate", "refused_login", "setback", "target_file", "upload",
    "account_quota", "space",
)  # fmt: skip
SHARED: Mapping[str, str] = {
    "account": "its row goes last",
    "audit_stranger": "counts of strangers, by network",
    "device": "by its product, before it",
    "event_head": "a position over all accounts",
    "iam_attempt": "tries at passwords, by a digest that ends by itself",
    "node": "the processes that serve",
    "schema_progress": "the schema",
    "schema_version": "the schema",
    "seal_key": "keys of the installation",
    "secret": "secrets of the installation",
    "shut_out": "connections to end, until their node has read it",
    "sweep": "how far upkeep is",
}
"""Tables that no account has rows of, or that are gone another way: why."""
