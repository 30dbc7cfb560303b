"""Our own public ids, made from the core's numbers and read back: what it is of, and the number in hexadecimal digits.

They sort as the numbers do. An id of another kind reads as none at all, and so does one that is spelt in another way
than we spell it. None of them is a secret; leave to see a thing is the core's to give. Ids of products, spaces and
devices are texts that the core keeps.
"""

import re
from collections.abc import Callable
from functools import partial
from uuid import UUID

from upwell.dialects.checks import cut
from upwell.domain.errors import NotFound
from upwell.domain.talk import TaskRef

SHOWN_MAX = 64  # characters of what is no id of ours
_HEADS = {
    "package": "pkg", "job": "ro", "group": "grp", "batch": "reg", "upload": "upl", "import": "imp", "user": "usr",
    "account": "acc", "event": "evt", "receiver": "hook", "plan": "plan",
    "device_hours": "hrs",
    "failure": "fail",
}  # fmt: skip
_NUMBER_BITS = 63
_TASK = re.compile(r"tsk_([0-9a-f]{32})([0-9a-f]{16})([0-9a-f]{4})")
_NTH_BITS = 15
_SAID = re.compile(r"\b(rollout )([0-9a-f]{16})\b")


class Unread(NotFound):
    """The text is no id of ours; it is named as it was given."""


def pattern(kind: str) -> str:
    """The regular expression of an id of that kind."""
    return _TASK.pattern if kind == "task" else f"{_HEADS[kind]}_[0-9a-f]{{16}}"


def _made(kind: str, number: int) -> str:
    return f"{_HEADS[kind]}_{number:016x}"


def _read(kind: str, text: str) -> int:
    number = int(text[-16:], 16) if re.fullmatch(pattern(kind), text) else 1 << _NUMBER_BITS
    if number >> _NUMBER_BITS:
        raise Unread(kind, cut(text, SHOWN_MAX))
    return number


# The ids of what _HEADS names; those that read one raise NotFound when it is none of ours.
(
    package_id, rollout_id, group_id, registration_id, upload_id, import_id, user_id, account_id, event_id, hook_id,
    plan_id, hours_id, failure_id,
) = (partial(_made, kind) for kind in _HEADS)  # fmt: skip
(
    read_package_id, read_rollout_id, read_group_id, read_registration_id, read_upload_id, read_import_id,
    read_user_id, read_account_id, read_event_id, read_hook_id, read_plan_id,
    read_hours_id, read_failure_id,
) = (partial(_read, kind) for kind in _HEADS)  # fmt: skip


def entry_id(number: int) -> str:
    """The id of an entry of the audit; nothing asks for one by it."""
    return f"ent_{number:016x}"


def task_id(ref: TaskRef) -> str:
    """The id of a task: its device, its rollout, and which of the device's in it."""
    return f"tsk_{ref.device_id.hex}{ref.job_id:016x}{ref.nth:04x}"


def read_task_id(text: str) -> TaskRef:
    """The task that an id names. Raises NotFound when it is none of ours."""
    found = _TASK.fullmatch(text)
    job, nth = (int(found[2], 16), int(found[3], 16)) if found else (1 << _NUMBER_BITS, 0)
    if found is None or job >> _NUMBER_BITS or nth >> _NTH_BITS:
        raise Unread("task", cut(text, SHOWN_MAX))
    return TaskRef(device_id=UUID(found[1]), job_id=job, nth=nth)


def in_words(text: str) -> str:
    """A sentence of the core with the rollouts in it as we name them."""
    return _SAID.sub(rf"\1{_HEADS['job']}_\2", text)


_PUBLIC: dict[str, Callable[[int], str]] = {kind: partial(_made, kind) for kind in _HEADS}


def public(kind: str, name: str) -> str:
    """What the caller calls a thing of that kind which was not found: its id, where the core has a number for it."""
    made = _PUBLIC.get(kind)
    return made(int(name)) if made and name.isascii() and name.isdecimal() else name
