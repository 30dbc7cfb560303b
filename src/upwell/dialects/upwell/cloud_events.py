"""Events as CloudEvents 1.0 has them in JSON: what the attributes are, and what the data of each type has.

Holds: one table says which types there are; the API, what is sent to hooks and the document are made of it. Refuses:
members of facts that the table below does not name, so that nothing is told because nobody thought of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from upwell.dialects.upwell import names
from upwell.dialects.upwell.render import time
from upwell.domain import commands as c
from upwell.domain.events import Kind
from upwell.domain.outcomes import APART
from upwell.domain.talk import TaskRef

MEDIA_TYPE = "application/cloudevents+json"
PREFIX = "upwell."
Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "integer"}
_COUNTS: Schema = {"type": "object", "additionalProperties": _NUMBER}
_SHARE: Schema = {
    "type": "array", "items": {"type": "number"}, "description": "from and to: Wilson's 95 % interval of what fails",
}  # fmt: skip
_LOOK: dict[str, Schema] = {
    "vendor": _TEXT, "module": _TEXT, "source_version": _TEXT,
    "failed": {**_NUMBER, "description": "so many of the first `offered` devices"}, "offered": _NUMBER,
    "score": {"type": "number"}, "bound": {"type": "number", "description": "halts from this score on"},
    "failed_percent": _SHARE,
}  # fmt: skip
_OF_HALT: Schema = {
    "type": "object",
    "description": "what the guard saw, of all devices or of those of one stratum",
    "properties": {
        "test": {"type": "string", "description": "`all`, `stratum`, `rejected` or `percent`; more may come"},
        **_LOOK,
        "strongest": {"type": "object", "description": "what speaks most against the package", "properties": _LOOK},
        "reasons": {
            "type": "array", "description": "the commonest, each with how many", "items": {"type": "array"},
        },
        "action": _TEXT,
    },
}  # fmt: skip
_OF_WAVE: Schema = {
    "type": "object",
    "description": "of the wave before; of the first wave how many devices all have",
    "properties": {
        **dict.fromkeys(("size", "reached", "fine", "failed", "open", "carried", "targets"), _NUMBER),
        **dict.fromkeys(sorted(APART), _NUMBER),
        "failed_percent": _SHARE,
    },
}


@dataclass(frozen=True, slots=True)
class Fact:
    """A member of the data: what it is called, its schema, and whether it is a word of the core, written small."""

    name: str
    schema: Schema
    is_word: bool = False


_FACTS: Mapping[str, Fact] = {  # the core's word for a fact -> ours
    "address": Fact("address", _TEXT),
    "again": Fact("again", {"type": "boolean", "description": "it had ended, and goes on"}),
    "attempt": Fact("attempt", {**_NUMBER, "description": "how many attempts failed before"}),
    "by": Fact("by", {**_TEXT, "description": "who asked for it"}),
    "by_result": Fact("by_result", {"type": "boolean", "description": "told by the result of an upgrade"}),
    "description": Fact("description", _TEXT),
    "device": Fact("device_name", {**_TEXT, "description": "as it was said"}),
    "dialect": Fact("dialect", _TEXT),
    "fault": Fact("fault", _TEXT),
    "from": Fact("from_version", _TEXT),
    "module": Fact("module", _TEXT),
    "problem": Fact("problem", _TEXT),
    "numbers": Fact("numbers", {"type": "object", "description": "what it was decided on"}),
    "product_key": Fact("product_id", {**_TEXT, "description": "as it was said"}),
    "progress": Fact("progress", {**_NUMBER, "description": "percent"}),
    "reason": Fact("reason", _TEXT),
    "remark": Fact("remark", {**_TEXT, "description": "of who decided it"}),
    "revision": Fact("revision", {**_NUMBER, "description": "of the rollout, from 1; each edit makes another"}),
    "result": Fact("result", {**_TEXT, "description": "go or inconclusive of the wave before; halt"}),
    "role": Fact("role", _TEXT),
    "state": Fact("state", _TEXT, is_word=True),
    "status": Fact("status", _TEXT, is_word=True),
    "tasks": Fact("tasks", {"anyOf": [_NUMBER, _COUNTS], "description": "how many, or how many of each state"}),
    "times": Fact("times", _NUMBER),
    "tries": Fact("tries", _NUMBER),
    "to": Fact("to_version", _TEXT),
    "wave": Fact("wave", {**_NUMBER, "description": "from 1; of a halt the one that is open"}),
}
_NUMBERS: Mapping[Kind, Schema] = {Kind.ROLLOUT_HALTED: _OF_HALT, Kind.ROLLOUT_WAVE_OPENED: _OF_WAVE}
_IDS: Mapping[str, Schema] = {
    "device_id": _TEXT, "product_id": _TEXT, "rollout_id": _TEXT, "task_id": _TEXT, "package_id": _TEXT,
    "key_id": _TEXT, "hook_id": _TEXT,
}  # fmt: skip

TYPES: Mapping[Kind, tuple[str, tuple[str, ...]]] = {
    Kind.DEVICE_FIRST_SEEN: ("A device connected or asked for the first time.", ()),
    Kind.DEVICE_VERSION_CHANGED: ("A device runs another version.", ("module", "from", "to", "by_result")),
    Kind.DEVICE_ONLINE: ("A device has connected.", ()),
    Kind.DEVICE_OFFLINE: ("A device's connection has ended.", ()),
    Kind.TASK_OFFERED: ("A device was told what to install.", ("module", "from", "to", "attempt")),
    Kind.TASK_PROGRESSED: ("A device is at work, by tenths.", ("module", "to", "progress")),
    Kind.TASK_ENDED: (
        "A task has succeeded or failed, or was canceled after its device had been told.",
        ("module", "from", "to", "state", "reason", "description"),
    ),
    Kind.ROLLOUT_AWAITS_APPROVAL: ("A rollout waits until a person approves it.", ("by", "revision")),
    Kind.ROLLOUT_APPROVED: ("A person has approved a rollout.", ("by", "remark", "revision")),
    Kind.ROLLOUT_REFUSED: ("A person has refused a rollout, which is over.", ("by", "remark", "revision")),
    Kind.ROLLOUT_STARTED: ("A rollout began.", ("again",)),
    Kind.ROLLOUT_WAVE_OPENED: (
        "Devices of the next wave are offered from now on.",
        ("wave", "result", "reason", "by", "numbers"),
    ),
    Kind.ROLLOUT_PAUSED: ("A rollout is offered to nobody until it is resumed.", ("reason", "by")),
    Kind.ROLLOUT_RESUMED: ("A paused rollout goes on.", ("by",)),
    Kind.ROLLOUT_HALTED: (
        "A rollout was halted by its guard, and is paused, or canceled as `numbers.action` says.",
        ("wave", "result", "reason", "by", "numbers"),
    ),
    Kind.ROLLOUT_CANCELED: ("Tasks of a rollout were canceled all at once.", ("tasks", "reason", "by")),
    Kind.ROLLOUT_ENDED: ("A rollout makes and has no more open tasks, or takes no more devices.", ("status", "tasks")),
    Kind.PACKAGE_VERIFIED: ("A package was tried, and is good.", ()),
    Kind.PACKAGE_FAILED: ("A package was tried, and is not good.", ()),
    Kind.PACKAGE_LOST: ("A package's file is gone or another.", ("fault", "problem")),
    Kind.KEY_MADE: ("An access key was made.", ("role", "dialect")),
    Kind.KEY_REVOKED: ("An access key was revoked.", ()),
    Kind.LOGIN_REFUSED: (
        "Logins of one device's name from one address were refused for the 10th, the 100th time, and so on.",
        ("product_key", "device", "address", "reason", "times"),
    ),
    Kind.HOOK_PING: ("Somebody tries a hook; it alone is sent this.", ("by",)),
    Kind.HOOK_DISABLED: ("The platform sends a hook nothing more until it is enabled again.", ("reason", "tries")),
}
NAMES = {PREFIX + kind.value: kind for kind in TYPES}


def cloud_event(event: c.Event) -> dict[str, Any]:
    """The event, structured. Its id is its position, which a reader goes on from; so is `sequence`, as that extension
    wants it: a text that sorts."""
    told = _told(event)
    subject = _subject(event, told)
    return {
        "specversion": "1.0",
        "id": names.event_id(event.position),
        "source": event.source,
        "type": PREFIX + event.kind,
        **({"subject": subject} if subject else {}),
        "time": time(event.at),
        "sequence": f"{event.position:020d}",
        "datacontenttype": "application/json",
        "data": told,
    }


def _told(event: c.Event) -> dict[str, Any]:
    ids = {
        "device_id": event.public_id,
        "product_id": event.product_key,
        "rollout_id": None if event.job_id is None else names.rollout_id(event.job_id),
        "task_id": _task_id(event),
        "package_id": None if event.package_id is None else names.package_id(event.package_id),
    }
    if event.name is not None:
        family = _family(event)
        ids[f"{family}_id"] = names.hook_id(int(event.name)) if family == "hook" else event.name
    facts = {_FACTS[name].name: _spelt(_FACTS[name], value) for name, value in event.facts.items() if name in _FACTS}
    return {name: value for name, value in (ids | facts).items() if value not in (None, "")}


def _spelt(fact: Fact, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name.lower(): n for name, n in value.items()}
    return value.lower() if fact.is_word else value


def _task_id(event: c.Event) -> str | None:
    if event.device_id is None or event.job_id is None or "nth" not in event.facts:
        return None
    return names.task_id(TaskRef(device_id=event.device_id, job_id=event.job_id, nth=event.facts["nth"]))


def _family(event: c.Event) -> str:
    return event.kind.partition(".")[0]


def _subject(event: c.Event, told: Mapping[str, Any]) -> str | None:
    """The path of the thing below the API's root. What happens to a task is its device's, so that a device's events are
    in one order."""
    family = "device" if event.device_id is not None else _family(event)
    found = told.get(f"{family}_id")
    return f"{family}s/{found}" if found else None


# --- for the document ---------------------------------------------------------------------------------------------


def envelope(of: Kind | None = None) -> Schema:
    """The schema of an event, or of those of one kind. It may grow."""
    facts = TYPES[of][1] if of is not None else tuple(_FACTS)
    data = dict(_IDS) | {_FACTS[name].name: _FACTS[name].schema for name in facts}
    if of is not None and of in _NUMBERS:
        data["numbers"] = _NUMBERS[of]
    return {
        "type": "object",
        "description": TYPES[of][0] if of is not None else "What happened, as CloudEvents 1.0 has it.",
        "required": ["specversion", "id", "source", "type", "time", "sequence", "datacontenttype", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "pattern": f"^{names.pattern('event')}$", "description": "where a reader goes on"},
            "source": {"type": "string", "format": "uri-reference"},
            "type": {"const": PREFIX + of.value} if of is not None else {**_TEXT, "description": "more may come"},
            "subject": {**_TEXT, "description": "what it is about; events of one are in order"},
            "time": {"type": "string", "format": "date-time"},
            "sequence": _TEXT,
            "datacontenttype": _TEXT,
            "data": {"type": "object", "properties": data},
        },
    }
