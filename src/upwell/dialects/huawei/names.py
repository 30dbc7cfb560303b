"""Huawei's public ids, made from the core's numbers and read back (huawei 1.10, 2.3, 3.1, 4.4).

Record ids, and with them task and group ids, are the number in 24 hexadecimal digits: they sort as the numbers do, and
a newer number is larger. Ids of packages, modules and rules are 32 digits: 64 check bits and the number hidden under a
mask drawn from them, so an id of the other kind reads as none at all. None of them is a secret; leave to see a thing is
the core's to give. Ids of spaces, products and devices are texts that the core keeps.
"""

import re
from collections.abc import Callable
from functools import partial
from hashlib import sha256

from upwell.domain.errors import NotFound

RECORD_DIGITS = 24
MARKER_DEFAULT = "f" * RECORD_DIGITS
NUMBER_BITS = 63  # a number of the core; a record id may be wider (domain/records.py)

_HEX24 = re.compile(r"[0-9a-f]{24}")
_HEX32 = re.compile(r"[0-9a-f]{32}")


def record_id(number: int) -> str:
    """The record id of a number below 2**96, order-preserving."""
    return f"{number:0{RECORD_DIGITS}x}"


def read_marker(text: str) -> int | None:
    """The number that only smaller ones follow; None for the marker that every record is smaller than."""
    return None if text.lower() == MARKER_DEFAULT else int(text, 16)


class Unread(NotFound):
    """The text is no id of ours; it is named as it was given."""


def public(kind: str, name: str) -> str:
    """What the caller calls a thing of that kind which was not found: its id, where the core has a number for it."""
    made = _MADE.get(kind)
    return made(int(name)) if made and name.isascii() and name.isdecimal() else name


def _numbered(kind: str, text: str) -> int:
    number = int(text, 16) if _HEX24.fullmatch(text) else 1 << NUMBER_BITS
    if number >> NUMBER_BITS:
        raise Unread(kind, text[:64])
    return number


# The core's words for kinds. Those that ids are hidden under stay: owners hold such ids.
_CORES = {"rule": "hook", "action of a rule": "action of a hook"}


def _hidden(kind: str, number: int) -> str:
    check = _check(kind, number)
    return f"{check:016x}{number ^ _mask(kind, check):016x}"


def _found(kind: str, text: str) -> int:
    if not _HEX32.fullmatch(text):
        raise Unread(_CORES.get(kind, kind), text[:64])
    check = int(text[:16], 16)
    number = int(text[16:], 16) ^ _mask(kind, check)
    if number >> NUMBER_BITS or check != _check(kind, number):
        raise Unread(_CORES.get(kind, kind), text)
    return number


def _check(kind: str, number: int) -> int:
    return int.from_bytes(sha256(f"upwell huawei {kind} {number}".encode()).digest()[:8])


def _mask(kind: str, check: int) -> int:
    return int.from_bytes(sha256(f"upwell huawei {kind} mask {check}".encode()).digest()[:8])


# The ids of jobs and groups; those that read one raise NotFound when it can be none of ours.
task_id = group_id = record_id
read_task_id, read_group_id = (partial(_numbered, kind) for kind in ("job", "group"))
# The ids of packages, modules, rules and their actions; those that read one raise NotFound when it is none of ours.
_KINDS = ("package", "module", "rule", "action of a rule")
package_id, module_id, rule_id, action_id = (partial(_hidden, kind) for kind in _KINDS)
read_package_id, read_module_id, read_rule_id, read_action_id = (partial(_found, kind) for kind in _KINDS)
_MADE: dict[str, Callable[[int], str]] = {
    "job": task_id, "group": group_id, "package": package_id, "module": module_id, "hook": rule_id,
    "action of a hook": action_id,
}  # fmt: skip
