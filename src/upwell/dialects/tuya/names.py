"""Tuya's public ids, made from the core's ids and read back (tuya 1.4: decimal text, never a JSON number).

A task's id is its job's id, then nth in 5 digits, its device in 39 and 2 check digits (ISO 7064's modulo 97), so a
mistyped one is no id at all. None of them is a secret; leave to see a thing is the core's to give.
"""

import re
from functools import partial
from uuid import UUID

from upwell.dialects.checks import cut
from upwell.domain.errors import NotFound
from upwell.domain.talk import TaskRef

ID_MAX = 2**63 - 1
_NTH_DIGITS, _NTH_MAX = 5, 2**15 - 1
_DEVICE_DIGITS = 39  # of 2**128 - 1
_CHECK = 97

_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_TASK = re.compile(rf"(0|[1-9][0-9]{{0,18}})([0-9]{{{_NTH_DIGITS}}})([0-9]{{{_DEVICE_DIGITS}}})([0-9]{{2}})")


def public(number: int) -> str:
    """The id of a package, job or group."""
    return str(number)


def _read(kind: str, text: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > ID_MAX:
        raise NotFound(kind, cut(text, 64))
    return int(text)


# The package, job or group that an id names; each raises NotFound when it can be none.
read_firmware_id, read_job_id, read_group_id = (partial(_read, kind) for kind in ("package", "job", "group"))


def task_id(ref: TaskRef) -> str:
    """The id of a task: its job's and 46 digits."""
    digits = f"{ref.job_id}{ref.nth:0{_NTH_DIGITS}d}{ref.device_id.int:0{_DEVICE_DIGITS}d}"
    return f"{digits}{int(digits) % _CHECK:02d}"


def read_task_id(text: str) -> TaskRef:
    """The task that a TaskId names. Raises NotFound when it can be none."""
    found = _TASK.fullmatch(text)
    if found is None or int(text[:-2]) % _CHECK != int(found[4]):
        raise NotFound("task", cut(text, 64))
    job, nth, device = int(found[1]), int(found[2]), int(found[3])
    if job > ID_MAX or nth > _NTH_MAX or device >= 1 << 128:
        raise NotFound("task", cut(text, 64))
    return TaskRef(device_id=UUID(int=device), job_id=job, nth=nth)
