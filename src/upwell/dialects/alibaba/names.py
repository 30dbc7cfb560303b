"""Alibaba's public ids, made from the core's ids and read back (alibaba 1.6: opaque mixed-case alphanumerics).

A FirmwareId, JobId or GroupId is base 62 of 88 check bits and the id hidden under a mask drawn from them; check and
mask depend on the kind, so a mistyped id or one of another kind reads as no id at all. A TaskId carries device, job
and nth with 8 check bits: what slips through names no task that exists. A NextToken carries the device that a page
ended with and the number of the next page. None of them is a secret; leave to see a thing is the core's to give.
"""

from functools import partial
from hashlib import sha256
from uuid import UUID

from upwell.dialects.checks import cut
from upwell.domain.errors import NotFound
from upwell.domain.talk import TaskRef

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}

_ID_BITS = 64
_CHECK_BYTES = 11
_BODY_CHARS = 26  # 62**26 > 2**152: 88 check bits and 64 id bits
_TAIL = {"package": "0100", "job": "010001", "group": "0200"}  # alibaba 1.6: "often ending in digits"

_JOB_BITS = 63
_NTH_BITS = 15
_TASK_CHECK_BITS = 8
_TASK_CHARS = 36  # 62**36 > 2**214: 128 device, 63 job, 15 nth and 8 check bits

_PAGE_BITS = 32
_TOKEN_CHECK_BITS = 32
_TOKEN_CHARS = 33  # 62**33 > 2**192: 128 device, 32 page and 32 check bits

_TICKET_CHARS = 26  # of a hash; its tail is a job's


def task_id(ref: TaskRef) -> str:
    """The TaskId of a task: 36 characters."""
    device = ref.device_id.int
    low = (ref.job_id << _NTH_BITS | ref.nth) ^ _task_mask(device)
    check = _task_check(device, ref.job_id, ref.nth)
    value = (device << _JOB_BITS + _NTH_BITS | low) << _TASK_CHECK_BITS | check
    return _base62(value, _TASK_CHARS)


def read_task_id(text: str) -> TaskRef:
    """The task a TaskId names. Raises NotFound when it is none of ours."""
    value = _from_base62(text, _TASK_CHARS)
    if value is None or value >> 128 + _JOB_BITS + _NTH_BITS + _TASK_CHECK_BITS:
        raise NotFound("task", cut(text, 64))
    value, check = divmod(value, 1 << _TASK_CHECK_BITS)
    device, low = divmod(value, 1 << _JOB_BITS + _NTH_BITS)
    job, nth = divmod(low ^ _task_mask(device), 1 << _NTH_BITS)
    if check != _task_check(device, job, nth):
        raise NotFound("task", cut(text, 64))
    return TaskRef(device_id=UUID(int=device), job_id=job, nth=nth)


def page_token(last: UUID, number: int) -> str:
    """The NextToken that leads to page `number`, which begins after the device `last`."""
    check = _token_check(last, number)
    return _base62((last.int << _PAGE_BITS | number) << _TOKEN_CHECK_BITS | check, _TOKEN_CHARS)


def read_page_token(text: str) -> tuple[UUID, int] | None:
    """The device and the page number of a NextToken; None when it is none of ours."""
    value = _from_base62(text, _TOKEN_CHARS)
    if value is None or value >> 128 + _PAGE_BITS + _TOKEN_CHECK_BITS:
        return None
    value, check = divmod(value, 1 << _TOKEN_CHECK_BITS)
    device, number = divmod(value, 1 << _PAGE_BITS)
    last = UUID(int=device)
    return (last, number) if check == _token_check(last, number) else None


def ticket_id(request_id: str) -> str:
    """A JobId for work that was done at once and can't be asked about: 32 characters, the request's own."""
    digest = sha256(f"upwell ticket {request_id}".encode()).digest()
    return _base62(int.from_bytes(digest[:19]), _TICKET_CHARS) + _TAIL["job"]


def _name(kind: str, number: int) -> str:
    check = _check(kind, number)
    body = int.from_bytes(check) << _ID_BITS | (number ^ _mask(kind, check))
    return _base62(body, _BODY_CHARS) + _TAIL[kind]


def _number(kind: str, text: str) -> int:
    tail = _TAIL[kind]
    value = _from_base62(text.removesuffix(tail), _BODY_CHARS) if text.endswith(tail) else None
    if value is None or value >> 8 * _CHECK_BYTES + _ID_BITS:
        raise NotFound(kind, cut(text, 64))
    check = (value >> _ID_BITS).to_bytes(_CHECK_BYTES)
    number = (value & (1 << _ID_BITS) - 1) ^ _mask(kind, check)
    if check != _check(kind, number) or number >> 63:
        raise NotFound(kind, cut(text, 64))
    return number


# The ids of packages (30 characters), jobs (32) and groups (30); those that read one raise NotFound when it is none of
# ours.
firmware_id, job_id, group_id = (partial(_name, kind) for kind in ("package", "job", "group"))
read_firmware_id, read_job_id, read_group_id = (partial(_number, kind) for kind in ("package", "job", "group"))


def _check(kind: str, number: int) -> bytes:
    return sha256(f"upwell {kind} {number}".encode()).digest()[:_CHECK_BYTES]


def _mask(kind: str, check: bytes) -> int:
    return int.from_bytes(sha256(kind.encode() + check).digest()[:8])


def _task_mask(device: int) -> int:
    digest = sha256(b"upwell task" + device.to_bytes(16)).digest()
    return int.from_bytes(digest) & (1 << _JOB_BITS + _NTH_BITS) - 1


def _task_check(device: int, job: int, nth: int) -> int:
    return sha256(f"upwell task {device} {job} {nth}".encode()).digest()[0]


def _token_check(last: UUID, number: int) -> int:
    return int.from_bytes(sha256(f"upwell page {last} {number}".encode()).digest()[: _TOKEN_CHECK_BITS // 8])


def _base62(value: int, chars: int) -> str:
    digits = []
    for _ in range(chars):
        value, digit = divmod(value, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def _from_base62(text: str, chars: int) -> int | None:
    if len(text) != chars or any(char not in _VALUES for char in text):
        return None
    value = 0
    for char in text:
        value = value * 62 + _VALUES[char]
    return value
