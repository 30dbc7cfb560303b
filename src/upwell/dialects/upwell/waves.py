"""Waves of a rollout: how they are said, and how they are shown."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from upwell.dialects.checks import Range
from upwell.dialects.operations import Param, Table, Values
from upwell.dialects.upwell import names
from upwell.dialects.upwell.params import DEVICE_NAME, Percent, label, percent, word
from upwell.dialects.upwell.shapes import Shape, at, free, members, number, text, texts
from upwell.domain import commands as c
from upwell.domain.errors import Invalid
from upwell.domain.rollout import Wave

DEVICES_MAX, SOAK_MAX = 100_000_000, 43_200  # devices of a wave, minutes of a soak
NAMED_MAX = 200  # devices that one wave names; more are a group
_WHICH = ("percent", "count", "group_id", "tag", "device_names")

_TAG: Table = (Param("key", required=True, check=word(64)), Param("value", required=True, check=label(128)))
TABLE: Table = (
    Param("percent", "number", check=Percent()),
    Param("count", "int", check=Range(1, DEVICES_MAX)),
    Param("at_least", "int", check=Range(1, DEVICES_MAX)),
    Param("at_most", "int", check=Range(1, DEVICES_MAX)),
    Param("group_id", check=label(64)),
    Param("tag", "members", members=_TAG, closed=True),
    Param("device_names", "list", check=DEVICE_NAME, most=NAMED_MAX),
    Param("soak_min", "int", check=Range(0, SOAK_MAX)),
)


def read(said: Values, path: str) -> Wave:
    """The wave that a member at this path says. Raises Invalid."""
    given = [name for name in _WHICH if said[name] is not None]
    if len(given) != 1 or said["device_names"] == ():
        raise Invalid(path, f"with one of {', '.join(_WHICH)}", f"it has {' and '.join(given) or 'none'}")
    bounds = next((name for name in ("at_least", "at_most") if said[name] is not None), None)
    if bounds and given[0] not in ("percent", "count"):
        raise Invalid(f"{path}.{bounds}", "only with percent or count", f"it has {given[0]}")
    share, group, tag = percent(said["percent"]), said["group_id"], said["tag"]
    return Wave(
        group_id=None if group is None else names.read_group_id(group), devices=tuple(said["device_names"] or ()),
        tag=None if tag is None else (tag["key"], tag["value"]),
        count=said["count"], percent=None if share is None else Decimal(share), at_least=said["at_least"] or 1,
        at_most=said["at_most"], soak_min=said["soak_min"] or 0,
    )  # fmt: skip


def shown(wave: Wave) -> dict[str, Any]:
    """The wave as it would be asked for again."""
    bounds = {} if wave.is_named else {"at_least": wave.at_least, "at_most": wave.at_most}
    told = bounds | {
        "percent": None if wave.percent is None else float(wave.percent), "count": wave.count,
        "group_id": wave.group_id and names.group_id(wave.group_id), "soak_min": wave.soak_min,
        "tag": wave.tag and {"key": wave.tag[0], "value": wave.tag[1]}, "device_names": list(wave.devices) or None,
    }  # fmt: skip
    return {name: value for name, value in told.items() if value is not None}


def of_job(r: c.Job) -> list[dict[str, Any]] | None:
    """Those that it was dealt to, or else those that its owner asked for."""
    asked = r.care.waves if r.care else ()
    dealt = {wave.wave: wave for wave in r.waves}
    numbers = range(1, max(len(asked), len(dealt)) + 1)
    over = r.kind != "dynamic" and r.ended_at is not None  # a standing rule that has ended still has tasks
    return [SHAPE.show((n, asked[n - 1] if asked else None, dealt.get(n), r.open_wave, over)) for n in numbers] or None


def _stands(number: int, open_wave: int, over: bool) -> str:
    if number == open_wave:
        return "ended" if over else "open"
    return "passed" if number < open_wave else "unopened" if over else "waiting"


def _of_asked(name: str) -> Callable[[Any], Any]:
    return lambda w: None if w[1] is None else getattr(w[1], name)


def _of_dealt(name: str) -> Callable[[Any], Any]:
    return lambda w: None if w[2] is None else getattr(w[2], name) or None


def _of_seen(name: str, *, or_none: bool = False) -> Callable[[Any], Any]:
    def found(w: Any) -> Any:
        value = None if w[2] is None or w[2].seen is None else getattr(w[2].seen, name)
        return None if or_none and not value else value

    return found


def _offered(wave: Any) -> int | None:
    seen = None if wave[2] is None else wave[2].seen
    if seen is None:
        return None
    return int(seen.fine + seen.failed + seen.told + seen.rejected + seen.postponed)


SHAPE = Shape("", "", (
    number("wave", lambda w: w[0], "from 1"),
    text("status", lambda w: _stands(w[0], w[3], w[4]), "the last two when the rollout is over; more may come",
         enum=["waiting", "open", "passed", "ended", "unopened"]),
    free("percent", {"type": "number"}, lambda w: float(w[1].percent) if w[1] and w[1].percent else None,
         always=False),
    number("count", _of_asked("count"), always=False),
    text("group_id", lambda w: w[1] and w[1].group_id and names.group_id(w[1].group_id), always=False),
    free("tag", members(text("key", lambda r: r), text("value", lambda r: r)),
         lambda w: w[1] and w[1].tag and {"key": w[1].tag[0], "value": w[1].tag[1]}, always=False),
    texts("device_names", lambda w: (w[1] and w[1].devices) or None, always=False),
    number("size", lambda w: None if w[2] is None else w[2].size,
           "devices that were dealt to it, beside those of the waves before", always=False),
    number("soak_min", lambda w: (w[2] or w[1]).soak_min if w[2] or w[1] else None, always=False),
    at("opened_at", _of_dealt("opened_at"), always=False),
    text("opened_by", _of_dealt("opened_by"), "a key's id, or `upwell` by its rule", always=False),
    number("offered", _offered, "those of them that have been told", always=False),
    number("fine", _of_seen("fine"), always=False),
    number("failed", _of_seen("failed"), always=False),
    number("open", _of_seen("open"), "without a verdict yet", always=False),
    number("silent", _of_seen("silent", or_none=True), "of the failed ones, who may tell a result still", always=False),
    number("rolled_back", _of_seen("rolled_back", or_none=True),
           "of the failed ones, who had the whole package and came back with the version of before", always=False),
    *(number(name, _of_seen(name, or_none=True), "evidence of nothing", always=False)
      for name in ("rejected", "postponed", "already_there")),
))  # fmt: skip
